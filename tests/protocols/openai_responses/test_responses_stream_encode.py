"""Neutral events to the stream a client gets: the lifecycle byte by byte where it matters, the SDK as judge."""

import json
from typing import Any

import pytest
from msgspec.structs import replace
from openai._models import construct_type
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response as SdkResponse
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from protocols.openai_responses.room import (
    CONTEXT,
    ROOM,
    STREAMS,
    decoded,
    encoded,
    payloads,
    recorded,
    request,
)
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import (
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
    StreamEvent,
    fold,
    unfold,
)
from trunkline.core.proofs import seal
from trunkline.core.types import Image, Opaque, Raw, Refusal, Response, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, StopReason, Usage
from trunkline.protocols.codec import ReplyContext

STRICT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
USAGE = Usage(input=5, cache_read=4, cache_write=1, output=3, reasoning=2)
PAGE = Opaque(
    "anthropic_messages", "web_search_result_location", Raw(b'{"url":"https://a.example","title":"A"}')
)
SAID = (
    Thinking(text="hm", signature="sig", origin="maker"),
    Text("Hello", (PAGE,), phase="commentary"),
    ToolCall(id="call_a", name="f", arguments='{"x":1}'),
    ToolCall(id="call_b", name="patch", arguments="*** Begin", kind="custom"),
)


def answer(*content: Any, reason: StopReason = "end") -> Response:
    return Response(id="x", model="m", content=content, stop=Stop(reason), usage=USAGE)


def names(body: bytes) -> list[str]:
    return [payload["type"].removeprefix("response.") for payload in payloads(body)]


def final(body: bytes) -> dict[str, Any]:
    return payloads(body)[-1]["response"]


def context(name: str) -> ReplyContext:
    return ReplyContext(
        id="req123", model="asked", created=1_700_000_000, request=ROOM.decode_request(recorded(name))
    )


def test_E72_a_text_has_its_whole_lifecycle() -> None:
    events = [Started("a", "m"), PartStarted(0, Text("")), PartDelta(0, "He"), PartDelta(0, "llo"), PartEnded(0),
              Finished(Stop("end"), USAGE)]  # fmt: skip
    found = payloads(encoded(events))
    assert [payload["type"] for payload in found] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    where = {"item_id": "msg_req123_0", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
    item = {
        "id": "msg_req123_0",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }
    assert found[2]["item"] == item | {"status": "in_progress", "content": []}
    assert found[3] == {
        "type": "response.content_part.added",
        "sequence_number": 3,
        **where,
        "part": part | {"text": ""},
    }
    assert found[4] == {
        "type": "response.output_text.delta", "sequence_number": 4, **where, "delta": "He", "logprobs": [],
    }  # fmt: skip
    assert found[6]["text"] == "Hello"
    assert found[8]["item"] == item
    response = found[9]["response"]
    assert response["output"] == [item]
    assert response["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 13,
    }
    assert (response["id"], response["model"], response["created_at"]) == (
        "resp_req123",
        "asked",
        1_700_000_000,
    )
    assert (response["status"], response["error"], response["incomplete_details"]) == (
        "completed",
        None,
        None,
    )


def test_a_delta_is_these_bytes() -> None:
    encoder = ROOM.stream_encoder(CONTEXT)
    for event in (Started("a", "m"), PartStarted(0, Text("")), PartDelta(0, "x")):
        encoder.feed(event)
    assert (
        encoder.feed(PartDelta(0, 'ö"'))
        == (
            "event: response.output_text.delta\n"
            'data: {"type":"response.output_text.delta","item_id":"msg_req123_0","output_index":0,"content_index":0,'
            '"delta":"ö\\"","logprobs":[],"sequence_number":5}\n\n'
        ).encode()
    )


HEAD = (
    '{"id":"resp_req123","object":"response","created_at":1700000000,"model":"asked","status":"completed",'
    '"error":null,"incomplete_details":null,"output":[{"id":"msg_req123_0","type":"message",'
    '"status":"completed","role":"assistant","content":[{"type":"output_text","text":"hi",'
    '"annotations":[],"logprobs":[]}]}],"usage":{"input_tokens":10,"input_tokens_details":'
    '{"cached_tokens":4,"cache_write_tokens":1},"output_tokens":3,"output_tokens_details":'
    '{"reasoning_tokens":2},"total_tokens":13},"instructions":null,'
)
NOTHING_SAID = (
    '"max_output_tokens":null,"parallel_tool_calls":true,"previous_response_id":null,'
    '"reasoning":{"effort":null,"summary":null},"store":false,"temperature":null,'
    '"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":null,'
    '"truncation":"disabled","user":null,"metadata":{}}'
)
TOOL = '{"type":"function","name":"f","parameters":{"type": "object", "properties": {}},"strict":false}'
ALL_SAID = (
    '"max_output_tokens":64,"parallel_tool_calls":false,"previous_response_id":null,'
    '"reasoning":{"effort":"low","summary":"auto"},"store":false,"temperature":0.5,'
    '"text":{"format":{"type":"json_object"},"verbosity":"low"},"tool_choice":"required",'
    f'"tools":[{TOOL}],"top_p":0.9,"truncation":"auto","user":"u","metadata":{{"a": "b"}},'
    '"service_tier":"flex","prompt_cache_key":"k","max_tool_calls":3,"top_logprobs":2}'
)


def test_E75_an_answer_has_every_setting_in_the_vendors_order() -> None:
    bare = replace(CONTEXT, request=request(input="hi", store=False))
    for context in (CONTEXT, bare):
        assert ROOM.encode_response(answer(Text("hi")), context).decode() == HEAD + NOTHING_SAID
    asked = request(
        input="hi", max_output_tokens=64, parallel_tool_calls=False, temperature=0.5, top_p=0.9, user="u",
        reasoning={"effort": "low", "summary": "auto"}, tool_choice="required", tools=[json.loads(TOOL)],
        text={"format": {"type": "json_object"}, "verbosity": "low"}, truncation="auto",
        metadata={"a": "b"}, service_tier="flex", prompt_cache_key="k", max_tool_calls=3, top_logprobs=2,
    )  # fmt: skip
    told = ROOM.encode_response(answer(Text("hi")), replace(CONTEXT, request=asked)).decode()
    assert told == HEAD + ALL_SAID


def test_E75_every_lifecycle_event_echoes_the_request() -> None:
    asked = context("codex-edit")
    assert asked.request is not None
    found = payloads(encoded(unfold(answer(Text("x"))), asked))
    for payload in (found[0], found[1], found[-1]):
        response = payload["response"]
        assert response["tool_choice"] == "auto"
        assert response["parallel_tool_calls"] is True
        assert response["reasoning"] == {"effort": "medium"}
        assert response["text"] == {"format": {"type": "text"}, "verbosity": "low"}
        assert response["store"] is False
        sent = json.loads(recorded("codex-edit"))["tools"]
        assert [tool.get("name", tool["type"]) for tool in response["tools"]] == [
            tool.get("name", tool["type"]) for tool in sent
        ]
        assert next(tool for tool in response["tools"] if tool["type"] == "custom") == next(
            tool for tool in sent if tool["type"] == "custom"
        )


def test_E73_E74_ids_and_indexes_are_right_in_every_event() -> None:
    found = payloads(encoded(unfold(answer(*SAID, reason="tool_use"))))
    ids = {}
    for payload in found:
        if "item" in payload:
            assert ids.setdefault(payload["output_index"], payload["item"]["id"]) == payload["item"]["id"]
        if "item_id" in payload:
            assert ids[payload["output_index"]] == payload["item_id"]
        for key in ("content_index", "summary_index"):
            assert payload.get(key, 0) == 0
    assert list(ids) == [0, 1, 2, 3]
    assert len(set(ids.values())) == 4
    assert all(len(ident) <= 64 for ident in ids.values())
    output = found[-1]["response"]["output"]
    assert [item["id"] for item in output] == list(ids.values())


def test_E75_done_items_and_the_terminal_agree_and_are_complete() -> None:
    found = payloads(encoded(unfold(answer(*SAID, reason="tool_use"))))
    done = [payload["item"] for payload in found if payload["type"] == "response.output_item.done"]
    assert done == found[-1]["response"]["output"]
    assert done[2] == {
        "id": "fc_req123_2", "type": "function_call", "status": "completed", "call_id": "call_a", "name": "f",
        "arguments": '{"x":1}',
    }  # fmt: skip


def test_the_whole_form_has_the_same_items_as_the_stream() -> None:
    said = answer(*SAID, Refusal("no"), Image(media_type="image/png", data="aGk="), reason="tool_use")
    streamed, whole = final(encoded(unfold(said))), json.loads(ROOM.encode_response(said, CONTEXT))
    assert streamed["output"] == whole["output"]
    assert streamed == whole


def test_E41_a_freeform_call_goes_out_as_its_own_item_with_raw_input() -> None:
    found = payloads(encoded(unfold(answer(SAID[3], reason="tool_use"))))
    assert [payload["type"] for payload in found[2:-1]] == [
        "response.output_item.added",
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done",
        "response.output_item.done",
    ]
    assert found[5]["item"] == {
        "id": "ctc_req123_0", "type": "custom_tool_call", "status": "completed", "call_id": "call_b",
        "name": "patch", "input": "*** Begin",
    }  # fmt: skip


def test_E54_a_call_gets_its_namespace_back_from_the_request() -> None:
    call = ToolCall(id="call_a", name="mcp__mock__lookup_value", arguments='{"key":"a"}')
    found = payloads(encoded(unfold(answer(call, reason="tool_use")), context("codex-custom-mcp")))
    done = next(payload["item"] for payload in found if payload["type"] == "response.output_item.done")
    assert (done["namespace"], done["name"]) == ("mcp__mock", "lookup_value")
    added = next(payload["item"] for payload in found if payload["type"] == "response.output_item.added")
    assert (added["namespace"], added["name"]) == ("mcp__mock", "lookup_value")


def test_E54_a_freeform_tool_of_an_additional_tools_item_gets_its_namespace_back() -> None:
    call = ToolCall(id="call_a", name="functions__exec", arguments="text(1)", kind="custom")
    found = final(encoded(unfold(answer(call, reason="tool_use")), context("codex-lite-think")))["output"][
        0
    ]
    assert (found["type"], found["namespace"], found["name"]) == ("custom_tool_call", "functions", "exec")
    assert found["input"] == "text(1)"


def test_a_call_of_tool_search_is_an_item_of_its_own_kind() -> None:
    call = ToolCall(id="call_a", name="tool_search", arguments='{"query":"db"}')
    body = encoded(unfold(answer(call, reason="tool_use")), context("codex-edit"))
    assert names(body)[2:-1] == ["output_item.added", "output_item.done"]
    assert final(body)["output"] == [
        {
            "id": "tsc_req123_0", "type": "tool_search_call", "call_id": "call_a", "status": "completed",
            "arguments": {"query": "db"}, "execution": "client",
        }
    ]  # fmt: skip


def test_a_shell_call_that_does_not_fit_its_kind_is_a_functions() -> None:
    asked = ReplyContext(
        id="r", model="m", created=1,
        request=ROOM.decode_request(b'{"model":"m","input":"hi","tools":[{"type":"local_shell"}]}'),
    )  # fmt: skip
    good = ToolCall(id="c", name="local_shell", arguments='{"command":["ls"]}')
    bad = ToolCall(id="c", name="local_shell", arguments='{"cmd":"ls"}')
    kinds = [
        final(encoded(unfold(answer(call, reason="tool_use")), asked))["output"][0]["type"]
        for call in (good, bad)
    ]
    assert kinds == ["local_shell_call", "function_call"]


def test_E5_E7_proofs_are_sealed_with_their_maker() -> None:
    def proof(part: Thinking) -> str:
        return final(encoded(unfold(answer(part))))["output"][0]["encrypted_content"]

    assert proof(Thinking(text="a", signature="sig", origin="maker")) == seal("sig", "maker")
    assert proof(Thinking(text="a", origin="maker")) == seal(None, "maker")
    assert proof(Thinking(redacted="data", origin="maker")) == seal("~data", "maker")


def test_E9_every_kind_of_thinking_comes_back_from_the_client_as_it_was() -> None:
    thoughts = (
        Thinking(text="a", signature="sig", origin="maker"),
        Thinking(signature="sig", origin="maker"),
        Thinking(redacted="data", origin="maker"),
        Thinking(text="b", origin="maker"),
    )
    items = final(encoded(unfold(answer(*thoughts, Text("x")))))["output"]
    body = {"model": "m", "input": [{"role": "user", "content": "hi"}, *items]}
    assert ROOM.decode_request(json.dumps(body).encode()).messages[1].content == (*thoughts, Text("x"))


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("end", "completed", None),
        ("stop_sequence", "completed", None),
        ("pause", "completed", None),
        ("other", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("context_full", "incomplete", {"reason": "max_output_tokens"}),
        ("refusal", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_E79_an_answer_that_was_cut_off_says_so(reason: StopReason, status: str, details: Any) -> None:
    body = encoded(unfold(answer(Text("x"), reason=reason)))
    assert names(body)[-1] == status
    assert (final(body)["status"], final(body)["incomplete_details"]) == (status, details)


def test_a_refusal_with_words_of_its_own_is_complete() -> None:
    body = encoded(unfold(answer(Refusal("no"), reason="refusal")))
    assert names(body)[3:8] == [
        "content_part.added", "refusal.delta", "refusal.done", "content_part.done", "output_item.done",
    ]  # fmt: skip
    assert final(body)["status"] == "completed"
    assert final(body)["output"][0]["content"] == [{"type": "refusal", "refusal": "no"}]


def test_E28_a_call_that_was_cut_off_is_marked_and_never_offered_as_whole() -> None:
    half = ToolCall(id="call_a", name="f", arguments='{"x":48')
    found = payloads(encoded(unfold(answer(half, reason="length"))))
    done = next(payload["item"] for payload in found if payload["type"] == "response.output_item.done")
    assert (done["status"], done["arguments"]) == ("incomplete", '{"x":48')
    failed = [*list(unfold(answer(half)))[:-1], Failed(GatewayError(Kind.TRUNCATED, "cut"))]
    assert "output_item.done" not in names(encoded(failed))


def test_E71_nothing_opens_for_an_empty_text() -> None:
    assert names(encoded(unfold(answer(Text(""))))) == ["created", "in_progress", "completed"]


def test_E78_a_failure_is_a_failed_response_with_the_error_inside() -> None:
    error = GatewayError(Kind.CONTEXT_TOO_LONG, "prompt is too long: 9 tokens > 5 maximum")
    events: list[StreamEvent] = [*list(unfold(answer(Text("x"))))[:-1], Failed(error)]
    found = payloads(encoded(events))
    assert found[-1]["type"] == "response.failed"
    response = found[-1]["response"]
    assert response["status"] == "failed"
    assert response["id"] == "resp_req123"
    assert response["error"] == {
        "code": "context_length_exceeded",
        "message": "prompt is too long: 9 tokens > 5 maximum",
    }


def test_citations_become_annotations() -> None:
    found = payloads(encoded(unfold(answer(SAID[1]))))
    note = {
        "type": "url_citation",
        "url": "https://a.example",
        "title": "A",
        "start_index": 0,
        "end_index": 5,
    }
    event = next(payload for payload in found if payload["type"] == "response.output_text.annotation.added")
    assert (event["annotation"], event["annotation_index"]) == (note, 0)
    assert found[-1]["response"]["output"][0]["content"][0]["annotations"] == [note]


def test_items_of_our_own_protocol_pass_and_others_servers_work_is_invisible() -> None:
    raw = Raw(
        b'{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}}'
    )
    own = Opaque("openai_responses", "item.web_search_call", raw)
    other = Opaque("anthropic_messages", "server_tool_use", Raw(b'{"type":"server_tool_use"}'))
    body = encoded(unfold(answer(other, own, Text("x"))))
    assert [item["type"] for item in final(body)["output"]] == ["web_search_call", "message"]
    assert final(body)["output"][0] == json.loads(bytes(raw))


def accumulated(body: bytes) -> SdkResponse:
    """The SDK's own accumulator over our stream, every event strictly of its type."""
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=[], text_format=None)  # type: ignore[arg-type]
    completed = None
    for payload in payloads(body):
        event = STRICT.validate_python(payload)
        for seen in state.handle_event(event):
            if seen.type == "response.completed":
                completed = seen.response
    assert completed is not None
    return completed


def test_the_sdk_adds_our_stream_up_and_the_next_turn_is_whole() -> None:
    response = accumulated(encoded(unfold(answer(*SAID, reason="tool_use"))))
    assert response.output_text == "Hello"
    assert response.usage is not None
    assert response.usage.total_tokens == 13
    items = [item.model_dump(exclude_none=True, mode="json") for item in response.output]
    for item in items:
        for part in item.get("content") or ():
            part.pop("parsed", None)
        item.pop("parsed_arguments", None)
    body = {"model": "m", "input": [{"role": "user", "content": "hi"}, *items]}
    turn = ROOM.decode_request(json.dumps(body).encode()).messages[1]
    assert [part for part in turn.content if not isinstance(part, Text)] == [SAID[0], SAID[2], SAID[3]]


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_E76_every_tape_comes_out_as_a_stream_the_sdk_takes(path: Any) -> None:
    events = decoded(path.read_bytes())
    body = encoded(events)
    for payload in payloads(body):
        if payload["type"] != "response.failed":  # the SDK knows fewer error codes than the service sends
            STRICT.validate_python(payload)
    if isinstance(events[-1], Finished):
        again = decoded(body)
        assert [type(part) for part in fold(again).content] == [type(part) for part in fold(events).content]
        assert fold(again).stop.reason == fold(events).stop.reason


def test_whole_answers_are_of_the_sdks_type() -> None:
    body = json.loads(ROOM.encode_response(answer(*SAID, reason="tool_use"), context("codex-edit")))
    response = construct_type(value=body, type_=SdkResponse)
    assert SdkResponse.model_validate(body).output_text == "Hello"
    assert isinstance(response, SdkResponse)
