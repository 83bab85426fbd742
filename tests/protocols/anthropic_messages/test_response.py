"""Whole answers, token counts, and thinking that belongs to somebody else."""

from typing import Any

import msgspec
import pytest

from protocols.anthropic_messages.room import CONTEXT, ROOM, body, recorded, tape
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import fold, unfold
from trunkline.core.losses import Loss
from trunkline.core.proofs import seal
from trunkline.core.types import Image, Opaque, Response, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.anthropic_messages import ANTHROPIC_COUNT


def answer(*content: Any, stop: Stop | None = None, usage: Usage | None = None) -> Any:
    response = Response(
        id="resp_1", model="m", content=content, stop=stop or Stop("end"), usage=usage or Usage()
    )
    return msgspec.json.decode(ROOM.encode_response(response, CONTEXT))


def test_a_recorded_answer_with_calls() -> None:
    response = ROOM.decode_response(tape("tool.json"), "o")
    assert response.id == "msg_bdrk_01UJYyE5HVJvdHL9cSvFeFg2"
    text, first, second = response.content
    assert isinstance(text, Text)
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert (first.name, msgspec.json.decode(first.arguments)) == (
        "get_coordinates",
        {"location": "San Francisco, CA"},
    )
    assert response.stop == Stop("tool_use", "tool_use")
    assert response.usage == Usage(input=558, cache_read=0, cache_write=0, output=130)
    assert ROOM.usage_of(tape("tool.json")) == response.usage


@pytest.mark.parametrize("name", ["stop.json", "tool.json", "citations.json"])
def test_law_3_and_unfolding(name: str) -> None:
    response = ROOM.decode_response(tape(name), "o")
    again = ROOM.decode_response(ROOM.encode_response(response, CONTEXT), "o")
    assert msgspec.structs.replace(again, model=response.model) == response
    assert fold(unfold(response)) == response


def test_thinking_without_a_signature_is_read_and_sealed_empty() -> None:
    response = ROOM.decode_response(tape("think.json"), "o")
    thought = response.content[0]
    assert isinstance(thought, Thinking)
    assert (thought.signature, thought.origin) == (None, "o")
    whole = msgspec.json.decode(ROOM.encode_response(response, CONTEXT))
    assert whole["content"][0]["signature"] == seal(None, "o")


def test_ids_and_model_of_an_answer() -> None:
    found = answer(Text("hi"))
    assert (found["id"], found["model"], found["type"], found["role"]) == (
        "msg_req123",
        "asked",
        "message",
        "assistant",
    )
    assert found["content"] == [{"type": "text", "text": "hi"}]


def test_redacted_thinking_is_sealed_and_native_proofs_stay() -> None:
    assert answer(Thinking(redacted="r", origin="abc"))["content"] == [
        {"type": "redacted_thinking", "data": seal("r", "abc")}
    ]
    assert answer(Thinking(text="t", signature="s"))["content"] == [
        {"type": "thinking", "thinking": "t", "signature": "s"}
    ]
    assert answer(Thinking())["content"] == []


def test_E28_a_cut_call_is_left_out_and_the_answer_says_so() -> None:
    found = answer(
        Text("t"),
        ToolCall(id="a", name="n", arguments='{"a":1}'),
        ToolCall(id="b", name="n", arguments='{"a": "un'),
        stop=Stop("length", "length"),
    )
    assert [block["type"] for block in found["content"]] == ["text", "tool_use"]
    assert found["stop_reason"] == "max_tokens"


@pytest.mark.parametrize("arguments", ["", "  ", "null", "{}"])
def test_E24_empty_arguments_are_an_empty_object(arguments: str) -> None:
    [block] = answer(ToolCall(id="a", name="n", arguments=arguments))["content"]
    assert block["input"] == {}


def test_E71_empty_text_is_no_block() -> None:
    assert answer(Text(""))["content"] == []


def test_usage_in_disjoint_buckets() -> None:
    usage = Usage(input=1, cache_read=2, cache_write=5, cache_write_1h=3, output=4, reasoning=1)
    assert answer(Text("x"), usage=usage)["usage"] == {
        "input_tokens": 1,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 2,
        "output_tokens": 4,
        "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3},
        "output_tokens_details": {"thinking_tokens": 1},
    }
    assert answer(Text("x"))["usage"]["input_tokens"] == 42


def test_parts_without_a_block_are_said_to_be_missing() -> None:
    [block] = answer(Image(url="https://x/y"))["content"]
    assert "image" in block["text"]
    [block] = answer(Opaque("openai_responses", "web_search_call", msgspec.Raw(b"{}"), text="searched"))[
        "content"
    ]
    assert block["text"] == "searched"


def test_E109_an_error_under_status_200_keeps_its_meaning() -> None:
    with pytest.raises(GatewayError) as caught:
        ROOM.decode_response(b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}', "o")
    assert (caught.value.kind, caught.value.status, caught.value.message) == (Kind.OVERLOADED, 529, "busy")


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"[]", b'{"id":"x"}', b'{"content":3}', b'{"content":["\xff"]}']
)
def test_an_unreadable_answer_is_the_upstreams_failure(data: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        ROOM.decode_response(data, "o")
    assert caught.value.kind is Kind.UPSTREAM_FAILED
    assert not caught.value.local
    assert ROOM.usage_of(data) is None


def test_odd_counts_do_not_fail_an_answer() -> None:
    data = b'{"content":[{"type":"text","text":"t"}],"usage":{"input_tokens":"many"}}'
    assert ROOM.decode_response(data, "o").usage == Usage()


def test_counting() -> None:
    assert ANTHROPIC_COUNT.encode_count(12) == b'{"input_tokens":12}'
    assert ANTHROPIC_COUNT.decode_count(b'{"input_tokens":12,"more":1}') == 12
    with pytest.raises(GatewayError) as caught:
        ANTHROPIC_COUNT.decode_count(b"{}")
    assert caught.value.kind is Kind.UPSTREAM_FAILED


def test_pings() -> None:
    assert ROOM.ping(begun=True) == b'event: ping\ndata: {"type": "ping"}\n\n'
    assert ROOM.ping(begun=False) == b": ping\n\n"


# Passing a body on.


def thought(signature: str) -> bytes:
    return b'{"type": "thinking", "thinking": "h", "signature": "%b"}' % signature.encode()


def conversation(*blocks: bytes) -> bytes:
    return (
        b'{ "model":"m", "messages": [ {"role":"user","content":"x\\u00e9"} ,\n'
        b'  {"role":"assistant", "content":[' + b", ".join(blocks) + b"]},"
        b' {"role":"user","content":[{"type":"text","text":"x"}]} ], "max_tokens": 1.0e1 }'
    )


TEXT = b'{"type":"text","text":"x\\u00e9"}'


def test_E8_nothing_foreign_nothing_touched() -> None:
    for name in ("claude-code-think", "claude-code-toolsearch"):
        data = recorded(name)
        assert ROOM.drop_foreign_proofs(data, lambda _: True) == (data, ())
        assert ROOM.drop_foreign_proofs(data, lambda _: True)[0] is data
    plain = body(thinking={"type": "adaptive"}, messages=[{"role": "user", "content": 'say "thinking"'}])
    assert ROOM.drop_foreign_proofs(plain, lambda _: False)[0] is plain


def test_E8_foreign_thinking_goes_and_every_other_byte_stays() -> None:
    asked: list[str] = []

    def owned(signature: str) -> bool:
        asked.append(signature)
        return signature == "mine"

    data = conversation(thought("theirs"), TEXT, thought("mine"))
    found, losses = ROOM.drop_foreign_proofs(data, owned)
    assert found == conversation(TEXT, thought("mine"))
    assert asked == ["theirs", "mine"]
    assert [loss.field for loss in losses] == ["messages.thinking"]
    redacted = b'{"type":"redacted_thinking","data":"theirs"}'
    assert ROOM.drop_foreign_proofs(conversation(redacted, TEXT), owned)[0] == conversation(TEXT)


def test_E8_a_turn_of_foreign_thinking_only_goes_as_a_whole() -> None:
    found, _ = ROOM.drop_foreign_proofs(conversation(thought("theirs")), lambda _: False)
    assert [message["role"] for message in msgspec.json.decode(found)["messages"]] == ["user", "user"]
    assert b"x\\u00e9" in found
    first = body(
        messages=[
            {"role": "assistant", "content": [msgspec.Raw(thought("t"))]},
            {"role": "user", "content": "x"},
        ]
    )
    found, _ = ROOM.drop_foreign_proofs(first, lambda _: False)
    assert msgspec.json.decode(found)["messages"] == [{"role": "user", "content": "x"}]


def test_E7_an_owned_seal_is_opened_and_an_empty_one_goes() -> None:
    data = conversation(thought(seal("real", "abc")), TEXT, thought(seal(None, "abc")))
    found, losses = ROOM.drop_foreign_proofs(data, lambda _: True)
    assert found == conversation(thought("real"), TEXT)
    assert [loss.field for loss in losses] == ["messages.thinking"]


def test_a_tool_turn_that_loses_its_thinking_goes_on_without() -> None:
    fields: dict[str, Any] = {
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "context_management": {"edits": [{"type": "clear_thinking_20251015"}]},
        "messages": [
            {"role": "user", "content": "x"},
            {
                "role": "assistant",
                "content": [
                    msgspec.Raw(thought("t")),
                    {"type": "tool_use", "id": "a", "name": "n", "input": {}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]},
        ],
    }
    found, losses = ROOM.drop_foreign_proofs(body(**fields), lambda _: False)
    assert sorted(msgspec.json.decode(found)) == ["max_tokens", "messages", "model"]
    assert [loss.field for loss in losses] == ["messages.thinking", "thinking", "context_management"]
    assert all(isinstance(loss, Loss) for loss in losses)
    fields["thinking"] = {"type": "adaptive"}
    found, losses = ROOM.drop_foreign_proofs(body(**fields), lambda _: False)
    assert "thinking" in msgspec.json.decode(found)
    assert [loss.field for loss in losses] == ["messages.thinking"]


@pytest.mark.parametrize("data", [b'{"messages":["thinking"]}', b'{"messages":{"a":"thinking"}}'])
def test_odd_messages_are_passed_on(data: bytes) -> None:
    assert ROOM.drop_foreign_proofs(data, lambda _: False) == (data, ())


@pytest.mark.parametrize("data", [b'"thinking"', b'{"a":"thinking"'])
def test_a_body_that_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        ROOM.drop_foreign_proofs(data, lambda _: False)
    assert caught.value.kind is Kind.INVALID_REQUEST
