"""How turns look on each surface, held against what was recorded."""

import json
from collections.abc import Mapping

import pytest

from standin import Call, Delivery, StandIn, Tape, Text, Think, Tokens, Turn, say, turn
from standin.probe import CHAT, MESSAGES, Seen, ask, chat_body, messages_body
from standin.script import FIXTURES

pytestmark = pytest.mark.server


THINKING = {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 1024}}
FULL = turn(
    Think("Thinking about 東京 for a while."),
    "Let me look — ✓.",
    Call("look", {"at": "東京"}),
    Call("list", {}),
    tokens=Tokens(100, 20, cache_read=4000, cache_write=7),
)


def one(script: Turn | Tape, path: str, body: Mapping[str, object]) -> Seen:
    with StandIn([script]) as standin:
        return ask(standin, path, body)


def deltas(seen: Seen) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for event in seen.events:
        choices = event["choices"]
        assert isinstance(choices, list)
        found.append(choices[0]["delta"])
    return found


def recorded(name: str) -> list[dict[str, object]]:
    return Seen(200, {}, (FIXTURES / name).read_bytes()).events


def test_chat_chunks_have_the_recorded_shape() -> None:
    seen = one(turn("text", Call("f", {"a": 1})), CHAT, chat_body(stream=True))
    tape = recorded("claude-chat-stream-parallel-tools.sse")
    text, opening, piece = tape[0], tape[5], tape[7]
    ours = seen.events
    assert [list(event) for event in (ours[0], ours[1], ours[3])] == [
        list(e) for e in (text, opening, piece)
    ]
    for mine, theirs in ((ours[0], text), (ours[1], opening), (ours[3], piece), (ours[-1], tape[-1])):
        assert _shape(mine) == _shape(theirs)
    assert seen.body.endswith(b"data: [DONE]\n\n")
    assert b"event:" not in seen.body


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return type(value).__name__


def test_chat_calls_are_numbered_by_content_block() -> None:
    found = deltas(one(FULL, CHAT, chat_body(stream=True, **THINKING)))
    indices = {call["index"] for delta in found for call in delta.get("tool_calls", [])}  # type: ignore[attr-defined]
    assert indices == {2, 3}
    assert all(delta["role"] == "assistant" for delta in found)


def test_chat_thinking_is_a_list_with_the_signature_last() -> None:
    found = deltas(one(FULL, CHAT, chat_body(stream=True, **THINKING)))
    lists = [delta["content"] for delta in found if isinstance(delta["content"], list)]
    items = [content[0]["summary"][0] for content in lists]
    assert "".join(item["text"] for item in items) == "Thinking about 東京 for a while."
    assert {item["signature"] for item in items[:-1]} == {""}
    assert items[-1]["text"] == ""
    assert len(items[-1]["signature"]) > 100


def test_chat_usage_is_on_every_chunk_with_nulls_before_the_end() -> None:
    events = one(FULL, CHAT, chat_body(stream=True, **THINKING)).events
    usages = [event["usage"] for event in events]
    assert {json.dumps(usage["completion_tokens"]) for usage in usages[:-1]} == {"null"}  # type: ignore[index]
    assert usages[-1] == {
        "prompt_tokens": 4107,
        "completion_tokens": 20,
        "total_tokens": 4127,
        "cache_read_input_tokens": 4000,
        "cache_creation_input_tokens": 7,
        "cache_creation": {"ephemeral_5m_input_tokens": 7},
    }


def test_chat_whole_with_thinking_has_a_content_list() -> None:
    body = one(FULL, CHAT, chat_body(**THINKING)).json
    tape = json.loads((FIXTURES / "claude-chat-thinking-tool-exchange.json").read_text())["response"]
    message = body["choices"][0]["message"]  # type: ignore[index]
    theirs = tape["choices"][0]["message"]
    assert _shape(message["content"]) == _shape(theirs["content"])
    assert _shape(message["tool_calls"][0]["function"]) == _shape({"name": "x", "arguments": "y"})
    assert body["model"] == "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert str(body["id"]).startswith("msg_bdrk_01")
    assert message["tool_calls"][0]["id"].startswith("toolu_bdrk_01")


def test_chat_whole_content_is_a_string_or_null() -> None:
    text = one(say("Hello"), CHAT, chat_body()).json
    call = one(turn(Call("f")), CHAT, chat_body()).json
    assert text["choices"][0]["message"] == {"role": "assistant", "content": "Hello"}  # type: ignore[index]
    assert call["choices"][0]["message"]["content"] is None  # type: ignore[index]
    assert call["choices"][0]["finish_reason"] == "tool_calls"  # type: ignore[index]


def test_open_models_send_the_id_first_and_count_calls_from_zero() -> None:
    body = chat_body(model="databricks-gpt-oss-120b", stream=True)
    seen = one(turn(Think("hm"), "text", Call("f")), CHAT, body)
    assert next(iter(seen.events[0])) == "id"
    first = deltas(seen)[0]["content"]
    assert first == [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}]
    opening = next(delta for delta in deltas(seen) if "tool_calls" in delta)
    assert opening["tool_calls"][0]["index"] == 0  # type: ignore[index]


def test_gemini_calls_come_whole_with_their_signature() -> None:
    seen = one(turn(Call("f", {"a": 1})), CHAT, chat_body(model="databricks-gemini-3-1-pro", stream=True))
    call = deltas(seen)[0]["tool_calls"][0]  # type: ignore[index]
    assert call["function"] == {"name": "f", "arguments": '{"a": 1}'}
    assert call["thoughtSignature"]


def test_bare_chunks_lack_what_the_gateways_minimal_stream_lacks() -> None:
    seen = one(say("Hi", delivery=Delivery(bare=True, done=False)), CHAT, chat_body(stream=True))
    assert all(not {"id", "object", "created", "model"} & set(event) for event in seen.events)
    assert all("index" not in event["choices"][0] for event in seen.events)  # type: ignore[index]
    assert b"[DONE]" not in seen.body


def test_messages_stream_has_the_documented_shape() -> None:
    seen = one(turn(Think("Look at it."), Call("Read", {"file_path": "a.py"})), MESSAGES, _streamed())
    tape = (FIXTURES / "constructed" / "anthropic-messages-stream.sse").read_text()
    names = [line for line in seen.text.split("\n") if line.startswith("event: ")]
    theirs = [line for line in tape.split("\n") if line.startswith("event: ")]
    assert list(dict.fromkeys(names)) == list(dict.fromkeys(theirs))
    assert "event: ping" not in names
    ours = {event["type"]: _shape(event) for event in seen.events}
    for event in Seen(200, {}, tape.encode()).events:
        if event["type"] not in ("content_block_start", "content_block_delta", "message_stop"):
            assert ours[event["type"]] == _shape(event)
    metrics = seen.events[-1]["amazon-bedrock-invocationMetrics"]
    assert isinstance(metrics, dict)
    assert metrics["outputTokenCount"] == seen.events[-2]["usage"]["output_tokens"]  # type: ignore[index]


def _streamed() -> dict[str, object]:
    return messages_body(stream=True, **THINKING)


def test_messages_stream_joins_to_the_whole_answer() -> None:
    events = one(FULL, MESSAGES, _streamed()).events
    whole = one(FULL, MESSAGES, messages_body(**THINKING)).json["content"]
    assert isinstance(whole, list)
    text = "".join(_delta(event, "text_delta", "text") for event in events)
    thinking = "".join(_delta(event, "thinking_delta", "thinking") for event in events)
    arguments = "".join(
        _delta(event, "input_json_delta", "partial_json") for event in events if event.get("index") == 2
    )
    assert (thinking, text) == (whole[0]["thinking"], whole[1]["text"])
    assert json.loads(arguments) == whole[2]["input"] == {"at": "東京"}
    signatures = [_delta(event, "signature_delta", "signature") for event in events]
    assert "".join(signatures) == whole[0]["signature"]


def _delta(event: dict[str, object], kind: str, field: str) -> str:
    delta = event.get("delta")
    return str(delta[field]) if isinstance(delta, dict) and delta.get("type") == kind else ""


def test_messages_usage_keeps_the_cache_outside() -> None:
    usage = one(FULL, MESSAGES, messages_body(**THINKING)).json["usage"]
    assert isinstance(usage, dict)
    assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (100, 4000)


def test_broken_arguments_are_sent_as_scripted() -> None:
    seen = one(turn(Call("f", raw='{"a": ')), CHAT, chat_body(stream=True))
    calls = [delta["tool_calls"][0] for delta in deltas(seen) if "tool_calls" in delta]  # type: ignore[index]
    assert "".join(call["function"]["arguments"] for call in calls) == '{"a": '


@pytest.mark.parametrize("stop", ["max_tokens", "refusal"])
def test_stop_reasons_are_said_in_both_languages(stop: str) -> None:
    cut = Turn((Text("Half"),), stop=stop)  # type: ignore[arg-type]
    finish = {"max_tokens": "length", "refusal": "content_filter"}[stop]
    assert one(cut, CHAT, chat_body()).json["choices"][0]["finish_reason"] == finish  # type: ignore[index]
    assert one(cut, MESSAGES, messages_body()).json["stop_reason"] == stop


@pytest.mark.parametrize("tape", sorted(FIXTURES.glob("**/*.sse")), ids=lambda path: path.name)
def test_tapes_are_replayed_byte_for_byte(tape: object) -> None:
    assert hasattr(tape, "read_bytes")
    assert one(Tape(tape), CHAT, chat_body(stream=True)).body == tape.read_bytes()  # type: ignore[arg-type]
