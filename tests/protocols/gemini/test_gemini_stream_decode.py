"""Chunks to neutral events."""

import json

import pytest

from protocols.gemini.room import ORIGIN, answered, chunk, decoded, streamed, tape, told
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import (
    CitationDelta,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    SignatureDelta,
    Started,
    fold,
)
from trunkline.core.proofs import unseal
from trunkline.core.types import Image, Opaque, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.gemini import signatures


def calls(response) -> list[tuple[str, object]]:
    return [
        (part.name, json.loads(part.arguments)) for part in response.content if isinstance(part, ToolCall)
    ]


def test_a_plain_stream() -> None:
    usage = {"promptTokenCount": 7, "totalTokenCount": 9, "candidatesTokenCount": 2}
    assert streamed(
        chunk({"text": "Good "}, usageMetadata={"promptTokenCount": 7, "totalTokenCount": 7}),
        chunk(
            {"text": "day"}, finish="STOP", usageMetadata=usage, createTime="2026-05-04T20:01:02.264968Z"
        ),
    ) == [
        Started("r1", "gemini-x", Usage(input=7, output=0)),
        PartStarted(0, Text("")),
        PartDelta(0, "Good "),
        PartDelta(0, "day"),
        PartEnded(0),
        Finished(Stop("end", "STOP"), Usage(input=7, output=2)),
    ]


def test_thoughts_then_text_then_a_call() -> None:
    assert streamed(
        chunk({"text": "hm", "thought": True}),
        chunk({"text": "m", "thought": True}),
        chunk({"text": "So:"}),
        chunk({"functionCall": {"name": "run", "args": {"a": 1}, "id": "c9"}, "thoughtSignature": "c2ln"}),
        chunk({"text": ""}, finish="STOP"),
    ) == [
        Started("r1", "gemini-x", None),
        PartStarted(0, Thinking(origin=ORIGIN)),
        PartDelta(0, "hm"),
        PartDelta(0, "m"),
        PartEnded(0),
        PartStarted(1, Text("")),
        PartDelta(1, "So:"),
        PartEnded(1),
        PartStarted(2, ToolCall(id="c9", name="run", arguments="", proof="c2ln", proof_origin=ORIGIN)),
        PartDelta(2, '{"a": 1}'),
        PartEnded(2),
        Finished(Stop("tool_use", "STOP"), Usage()),
    ]


def test_a_thought_ends_with_its_signature() -> None:
    events = streamed(
        chunk({"text": "a", "thought": True, "thoughtSignature": "c2ln"}),
        chunk({"text": "b", "thought": True}, finish="STOP"),
    )
    assert events[1:5] == [
        PartStarted(0, Thinking(origin=ORIGIN)),
        PartDelta(0, "a"),
        SignatureDelta(0, "c2ln"),
        PartEnded(0),
    ]
    assert fold(events).content[1] == Thinking(text="b", origin=ORIGIN)


def test_E95_stop_with_calls_wants_tools() -> None:
    response = told(chunk({"functionCall": {"name": "f"}}, finish="STOP"))
    assert response.stop == Stop("tool_use", "STOP")
    assert fold(decoded(tape("calls-without-ids.sse"))).stop.reason == "tool_use"


def test_calls_cut_off_stay_cut_off() -> None:
    response = told(chunk({"functionCall": {"name": "f"}}), chunk(finish="MAX_TOKENS"))
    assert response.stop == Stop("length", "MAX_TOKENS")


def test_E24_a_call_without_arguments() -> None:
    for part in ({"name": "f"}, {"name": "f", "args": {}}, {"name": "f", "args": None}):
        assert calls(told(chunk({"functionCall": part}, finish="STOP"))) == [("f", {})]


def test_E21_calls_without_ids_get_stable_ones() -> None:
    events = decoded(tape("calls-without-ids.sse"))
    first = [part for part in fold(events).content if isinstance(part, ToolCall)]
    again = [
        part for part in fold(decoded(tape("calls-without-ids.sse"))).content if isinstance(part, ToolCall)
    ]
    assert first == again
    assert [part.name for part in first] == ["add", "multiply"]
    assert len({part.id for part in first}) == 2
    assert all(part.id.startswith("call_") and len(part.id) <= 64 for part in first)


def test_E21_a_repeated_id_is_a_call_of_its_own() -> None:
    part = {"functionCall": {"name": "f", "id": "same"}}
    response = told(chunk(part, part, finish="STOP"))
    assert [part.id for part in response.content] == ["same", "same_1"]


def test_E22_parallel_calls_in_one_chunk_and_in_several_are_alike() -> None:
    one, two = ({"functionCall": {"name": "f", "args": {"n": n}}} for n in (1, 2))
    together = told(chunk(one, two, finish="STOP"))
    apart = told(chunk(one), chunk(two), chunk(finish="STOP"))
    assert together == apart
    assert calls(together) == [("f", {"n": 1}), ("f", {"n": 2})]


def test_E45_text_after_a_call() -> None:
    response = told(
        chunk({"text": "a"}, {"functionCall": {"name": "f"}}, {"text": "b"}),
        chunk({"text": "c"}, finish="STOP"),
    )
    assert [type(part) for part in response.content] == [Text, ToolCall, Text]
    assert response.content[2] == Text("bc")


def test_E13_the_signature_stays_with_its_call() -> None:
    response = fold(decoded(tape("call-signed.sse")))
    (part,) = response.content
    assert isinstance(part, ToolCall)
    assert part.proof is not None
    assert part.proof.startswith("EpEgCo4gAb4+9vvWwdN")
    assert part.proof_origin == ORIGIN


def test_E100_a_signature_on_an_empty_text_is_kept_and_shows_nothing() -> None:
    response = fold(decoded(tape("text-signed.sse")))
    text, kept = response.content
    assert isinstance(text, Text)
    assert isinstance(kept, Opaque)
    assert (kept.protocol, kept.kind, kept.text) == ("gemini", "text", None)
    part = json.loads(bytes(kept.raw))
    assert part["text"] == ""
    assert signatures.read(part["thoughtSignature"]).origin == ORIGIN
    assert (signatures.read(part["thoughtSignature"]).signature or "").startswith("Eo0HCooHAb4+9vutXdtKMt")


def test_a_signature_on_a_text_stays_attached() -> None:
    response = told(chunk({"text": "a", "thoughtSignature": "c2ln"}, finish="STOP"))
    text, kept = response.content
    assert text == Text("a")
    assert isinstance(kept, Opaque)
    assert list(json.loads(bytes(kept.raw))) == ["thoughtSignature"]
    assert answered(chunk({"text": "a", "thoughtSignature": "c2ln"}, finish="STOP")) == response


def test_E94_nothing_at_any_level() -> None:
    assert told({}, {"candidates": []}, chunk(finish="STOP")).content == ()
    assert (
        told({"candidates": [{}]}, {"candidates": [{"content": {}, "finishReason": "STOP"}]}).content == ()
    )
    assert told(chunk({"text": None}, {}, finish="STOP")).content == ()


def test_E94_a_blocked_prompt_is_a_refusal() -> None:
    blocked = {
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 4},
    }
    for response in (told(blocked), answered(blocked)):
        assert response.stop == Stop("refusal", "PROHIBITED_CONTENT")
        assert response.content == ()
        assert response.usage.input == 4


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("STOP", "end"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "refusal"),
        ("RECITATION", "refusal"),
        ("BLOCKLIST", "refusal"),
        ("PROHIBITED_CONTENT", "refusal"),
        ("SPII", "refusal"),
        ("MODEL_ARMOR", "refusal"),
        ("IMAGE_SAFETY", "refusal"),
        ("LANGUAGE", "other"),
        ("OTHER", "other"),
        ("SOMETHING_NEW", "other"),
        (1, "end"),
        (2, "length"),
        (3, "refusal"),
        (99, "other"),
    ],
)
def test_why_it_stopped(reason: str | int, meaning: str) -> None:
    response = told(chunk({"text": "a"}, finish=reason))  # type: ignore[arg-type]
    assert response.stop.reason == meaning


@pytest.mark.parametrize(
    "reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", 9]
)
def test_E44_a_malformed_call_is_a_failure(reason: str | int) -> None:
    last = streamed(chunk(finish=reason, finishMessage="no such tool"))[-1]  # type: ignore[arg-type]
    assert isinstance(last, Failed)
    assert last.error.kind is Kind.UPSTREAM_FAILED
    assert last.error.message == "no such tool"
    assert last.error.should_retry is None
    with pytest.raises(GatewayError, match="undeclared function: list_files"):
        answered(tape("unexpected-call.json"))


def test_E03_a_stream_that_just_stops_is_truncated() -> None:
    for chunks in ((), (chunk({"text": "a"}),), (chunk({"functionCall": {"name": "f"}}),)):
        last = streamed(*chunks)[-1]
        assert isinstance(last, Failed)
        assert last.error.kind is Kind.TRUNCATED


def test_E04_an_error_inside_the_stream() -> None:
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    for frame in (error, [error]):
        events = streamed(chunk({"text": "a"}), frame, chunk({"text": "b"}, finish="STOP"))
        assert isinstance(events[-1], Failed)
        assert len([event for event in events if isinstance(event, PartDelta)]) == 1
        assert events[-1].error.kind is Kind.OVERLOADED
        assert events[-1].error.status == 503


def test_E109_an_error_under_200_keeps_its_meaning() -> None:
    with pytest.raises(GatewayError) as raised:
        answered({"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}})
    assert raised.value.kind is Kind.RATE_LIMITED
    for body in (b"<html>oops</html>", b"", b"[]", b"{}", b'{"name":"cachedContents/x"}'):
        with pytest.raises(GatewayError) as raised:
            answered(body)
        assert raised.value.kind is Kind.UPSTREAM_FAILED


def test_E96_only_the_first_candidate_is_read() -> None:
    two = chunk({"text": "a"}, finish="STOP")
    two["candidates"].append({"index": 1, "content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"})  # type: ignore[attr-defined]
    assert told(two).content == (Text("a"),)


def test_E97_arguments_in_pieces() -> None:
    response = fold(decoded(tape("partial-no-arguments.sse")))
    assert calls(response) == [("read_theme", {}), ("read_screen", {"id": "A"}), ("read_screen", {"id": "B"}),
                               ("read_screen", {"id": "C"})]  # fmt: skip
    nested = fold(decoded(tape("partial-nested.sse")))
    ((name, arguments),) = calls(nested)
    assert name == "cookRecipe"
    assert arguments["recipe"]["ingredients"][0] == {"amount": "16 oz", "name": "Lasagna noodles"}  # type: ignore[index]
    assert nested.stop.reason == "tool_use"


def test_E97_a_call_in_pieces_without_its_end() -> None:
    response = fold(decoded(tape("partial-unended.sse")))
    ((name, arguments),) = calls(response)
    assert name == "writeItems"
    assert arguments["operations"][0]["description"] == "Fresh red apple"  # type: ignore[index]
    assert response.stop.reason == "tool_use"


def test_E97_values_of_every_kind_and_odd_keys() -> None:
    pieces = [
        {"jsonPath": "$.n", "numberValue": 12345678901234567890},
        {"jsonPath": "$.f", "numberValue": 1.0},
        {"jsonPath": "$.b", "boolValue": False},
        {"jsonPath": "$.z", "nullValue": None},
        {"jsonPath": "$.l[1]", "stringValue": "x"},
        {"jsonPath": "$['odd key'].a", "stringValue": "y", "willContinue": True},
        {"jsonPath": "$['odd key'].a", "stringValue": "z"},
        {"jsonPath": "$.s", "stringValue": ""},
    ]
    response = told(
        chunk({"functionCall": {"name": "f", "willContinue": True}}),
        *(chunk({"functionCall": {"partialArgs": [piece], "willContinue": True}}) for piece in pieces),
        chunk({"functionCall": {}}),
        chunk({"functionCall": {}}, finish="STOP"),
    )
    (part,) = response.content
    assert isinstance(part, ToolCall)
    assert part.arguments == (
        '{"n":12345678901234567890,"f":1.0,"b":false,"z":null,"l":[null,"x"],"odd key":{"a":"yz"},"s":""}'
    )


def test_E97_E28_pieces_that_were_cut_off_make_no_call() -> None:
    response = told(
        chunk({"functionCall": {"name": "f", "willContinue": True}}),
        chunk(
            {
                "functionCall": {
                    "partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}],
                    "willContinue": True,
                }
            }
        ),
        chunk(finish="MAX_TOKENS"),
    )
    assert (response.content, response.stop.reason) == ((), "length")


@pytest.mark.parametrize(
    "piece",
    [
        {"jsonPath": "$.a[9999999]", "stringValue": "x"},
        {"jsonPath": "$[", "stringValue": "x"},
        {"jsonPath": "$.s.t", "stringValue": "x"},
        {"jsonPath": 5},
    ],
)
def test_E97_pieces_that_make_no_sense_are_a_failure(piece: object) -> None:
    first = {"jsonPath": "$.s", "stringValue": "x"}
    events = streamed(
        chunk({"functionCall": {"name": "f", "partialArgs": [first], "willContinue": True}}),
        chunk({"functionCall": {"partialArgs": [piece], "willContinue": True}}),
    )
    assert isinstance(events[-1], Failed)
    assert events[-1].error.kind is Kind.UPSTREAM_FAILED


def test_E124_parts_of_other_kinds_stand_as_they_came() -> None:
    response = answered(tape("code-execution.json"))
    kinds = [part.kind if isinstance(part, Opaque) else type(part).__name__ for part in response.content]
    assert kinds == ["Text", "executableCode", "codeExecutionResult", "Text"]
    code = response.content[1]
    assert isinstance(code, Opaque)
    assert code.text is None
    strange = told(
        chunk({"text": "a"}, {"hologram": {"x": 1.0}, "thoughtSignature": "c2ln"}, finish="STOP")
    )
    kept = strange.content[1]
    assert isinstance(kept, Opaque)
    assert kept.kind == "hologram"
    assert b'"x": 1.0' in bytes(kept.raw)
    sealed = json.loads(bytes(kept.raw))["thoughtSignature"]
    assert unseal(signatures.bare(sealed)) == ("c2ln", ORIGIN)


def test_generated_pictures() -> None:
    response = told(chunk({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}, finish="STOP"))
    assert response.content == (Image(media_type="image/png", data="iVBORw0KGgo="),)


def test_grounding_is_a_citation_of_the_text() -> None:
    response = fold(decoded(tape("grounding.sse")))
    (text,) = response.content
    assert isinstance(text, Text)
    (citation,) = text.citations
    assert (citation.protocol, citation.kind) == ("gemini", "groundingMetadata")
    assert json.loads(bytes(citation.raw))["groundingChunks"][0]["web"]["title"].startswith(
        "Star Wars films"
    )


def test_grounding_with_a_signed_end_still_cites_the_text() -> None:
    events = streamed(
        chunk({"text": "a"}),
        chunk({"text": "", "thoughtSignature": "c2ln"}, finish="STOP", groundingMetadata={"x": 1}),
    )
    assert [type(event) for event in events[1:6]] == [
        PartStarted,
        PartDelta,
        CitationDelta,
        PartEnded,
        PartStarted,
    ]


def test_usage_in_one_convention() -> None:
    response = answered(tape("cached.json"))
    assert response.usage == Usage(input=8, cache_read=3512, output=44, reasoning=42)
    server_tools = answered(tape("code-execution.json")).usage
    assert server_tools == Usage(input=32 + 720, output=341 + 103, reasoning=103)
    assert answered(tape("numbered-length.json")).usage == Usage(input=5, output=4, reasoning=4)
    traffic = told(chunk({"text": "a"}, finish="STOP", usageMetadata={"trafficType": "ON_DEMAND"}))
    assert traffic.usage == Usage()


def test_numbers_for_enums() -> None:
    response = answered(tape("numbered-enums.json"))
    assert [part.name for part in response.content if isinstance(part, ToolCall)] == [
        "get_current_weather"
    ] * 2
    assert response.stop.reason == "tool_use"
    assert response.created == 1755615325


@pytest.mark.parametrize("name", ["safety.json", "model-armor.json"])
def test_blocked_answers(name: str) -> None:
    response = answered(tape(name))
    assert (response.content, response.stop.reason) == ((), "refusal")


def test_a_finish_may_come_twice() -> None:
    response = fold(decoded(tape("two-ends.sse")))
    assert response.stop == Stop("end", "STOP")
    assert isinstance(response.content[0], Thinking)


def test_unreadable_chunks_fail_and_stray_markers_do_not() -> None:
    assert isinstance(streamed(b"{not json")[-1], Failed)
    assert isinstance(streamed(b'{"candidates": 5}')[-1], Failed)
    assert told(chunk({"text": "a"}, finish="STOP"), b"[DONE]", b"  ").content == (Text("a"),)


def test_E122_half_a_surrogate_pair_in_an_answer() -> None:
    broken = json.dumps(chunk({"text": "a#"}, finish="STOP")).encode().replace(b"#", b"\\ud83d")
    assert told(broken).content == (Text("a\ufffd"),)


def test_E121_numbers_stay_as_they_were_written() -> None:
    body = b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{\n "a": 1.0,\n "b": 1e400, "c": 12345678901234567890}}}]},"finishReason":"STOP"}]}'
    (part,) = answered(body).content
    assert isinstance(part, ToolCall)
    assert part.arguments == '{"a":1.0,"b":1e400,"c":12345678901234567890}'
