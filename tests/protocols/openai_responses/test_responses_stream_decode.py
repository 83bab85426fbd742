"""Recorded and made-up streams to neutral events: exact expectations, and the law for every tape."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.openai_responses.room import ROOM, STREAMS, decoded, frames, stream, tape, terminal
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import (
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    SignatureDelta,
    Started,
    StreamEvent,
    fold,
)
from trunkline.core.sse import SSEvent
from trunkline.core.types import Opaque, Part, Refusal, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, Usage
from wire.law import faults

tapes = pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
INCONSISTENT = {"shell-container"}
"""The tape's deltas and its terminal differ in one character."""


def created(**fields: Any) -> dict[str, Any]:
    return {
        "type": "response.created",
        "response": {"id": "resp_1", "model": "m", "created_at": 5, **fields},
    }


def completed(*output: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = {"id": "resp_1", "model": "m", "status": "completed", "output": list(output), **fields}
    return {"type": "response.completed", "response": answer}


def added(index: int, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(index: int, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def text(index: int, delta: str, place: int = 0) -> dict[str, Any]:
    return {
        "type": "response.output_text.delta",
        "output_index": index,
        "content_index": place,
        "delta": delta,
    }


def message(words: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": words}],
    } | fields


def call(**fields: Any) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "f",
        "arguments": "",
    } | fields


def parts(*events: dict[str, Any]) -> tuple[Part, ...]:
    return fold(decoded(stream(created(), *events, completed()))).content


def comparable(part: Part) -> object:
    """A part without what the vendor makes anew for the terminal: ids, and the same secret sealed again."""
    if isinstance(part, Opaque):
        fields = json.loads(bytes(part.raw))
        return part.kind, {
            key: value for key, value in fields.items() if key not in {"id", "encrypted_content"}
        }
    if isinstance(part, Text):
        return part.text, [comparable(cited) for cited in part.citations], part.phase
    return (part.text, part.signature is not None) if isinstance(part, Thinking) else part


def told(events: list[StreamEvent]) -> list[object]:
    """Events with errors by what they say: an error equals none but itself."""
    return [str(event.error) if isinstance(event, Failed) else event for event in events]


@tapes
def test_the_law_of_neutral_streams_holds(path: Any) -> None:
    assert faults(decoded(path.read_bytes())) == []


@tapes
@settings(max_examples=15)
@given(data=st.data())
def test_E01_a_stream_may_be_cut_anywhere(path: Any, data: st.DataObject) -> None:
    body = path.read_bytes()
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=40))
    assert told(decoded(body, cuts)) == told(decoded(body))


@tapes
def test_a_stream_folds_to_what_its_terminal_holds(path: Any) -> None:
    body = path.read_bytes()
    whole = json.dumps(terminal(body)).encode()
    if path.stem == "failed":
        with pytest.raises(GatewayError):
            ROOM.decode_response(whole, "maker")
        return
    folded, answer = fold(decoded(body)), ROOM.decode_response(whole, "maker")
    assert (folded.stop.raw, folded.usage) == (answer.stop.raw, answer.usage)
    if answer.content and path.stem not in INCONSISTENT:
        assert [comparable(part) for part in folded.content] == [
            comparable(part) for part in answer.content
        ]
        assert folded.stop == answer.stop


@tapes
def test_E03_a_stream_that_stops_early_is_truncated(path: Any) -> None:
    all_frames = frames(path.read_bytes())
    end = next(at for at, event in enumerate(all_frames) if b'"response.completed"' in event.data
               or b'"response.incomplete"' in event.data or b'"type":"error"' in event.data)  # fmt: skip
    decoder = ROOM.stream_decoder("maker")
    events = [event for frame in all_frames[:end] for event in decoder.feed(frame)] + decoder.close()
    assert faults(events) == []
    last = events[-1]
    assert isinstance(last, Failed)
    assert last.error.kind is Kind.TRUNCATED


def test_a_text_is_passed_piece_by_piece() -> None:
    body = stream(
        created(), added(0, **message("") | {"content": []}), text(0, "He"), text(0, "llo"),
        done(0, **message("Hello")),
        completed(message("Hello"), usage={"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4},
                                           "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 1}}),
    )  # fmt: skip
    assert decoded(body) == [
        Started("resp_1", "m", None, 5),
        PartStarted(0, Text("")),
        PartDelta(0, "He"),
        PartDelta(0, "llo"),
        PartEnded(0),
        Finished(Stop("end", "completed"), Usage(input=5, cache_read=4, output=3, reasoning=1)),
    ]


def test_E41_a_freeform_call_keeps_its_raw_input() -> None:
    answer = fold(decoded(tape("custom-tool.sse")))
    assert answer.content == (
        ToolCall(
            id="call_custom_sql_001",
            name="write_sql",
            arguments="SELECT * FROM users WHERE age > 25",
            kind="custom",
        ),
    )
    assert answer.stop.reason == "tool_use"


def test_E73_ids_that_rotate_mean_nothing() -> None:
    answer = fold(decoded(tape("copilot-ids.sse")))
    assert [type(part) for part in answer.content] == [Thinking, Text]
    assert answer.content[0] == Thinking(text="**Counting character occurrences**", origin="maker")


def test_E82_the_phase_of_a_message_is_kept() -> None:
    answer = fold(decoded(tape("phase.sse")))
    assert [part.phase for part in answer.content if isinstance(part, Text)] == [
        "commentary",
        "final_answer",
    ]


def test_E04_an_error_event_fails_with_its_code() -> None:
    events = decoded(tape("failed.sse"))
    last = events[-1]
    assert isinstance(last, Failed)
    assert (last.error.kind, last.error.code) == (Kind.QUOTA, "insufficient_quota")
    assert last.error.message.startswith("You exceeded your current quota")
    assert sum(isinstance(event, Failed) for event in events) == 1


def test_E78_a_failed_response_names_its_error() -> None:
    failed = {
        "id": "r",
        "status": "failed",
        "error": {"code": "context_length_exceeded", "message": "too long"},
    }
    events = decoded(stream(created(), {"type": "response.failed", "response": failed}))
    assert isinstance(events[-1], Failed)
    assert events[-1].error.kind is Kind.CONTEXT_TOO_LONG
    assert events[-1].error.message == "too long"


def test_a_local_shell_call_is_a_call_of_the_clients_tool() -> None:
    answer = fold(decoded(tape("local-shell.sse")))
    call_part = answer.content[-1]
    assert call_part == ToolCall(
        id="call_h3nm8hUG0KO9tVNuRACkL1ri",
        name="local_shell",
        arguments='{"command":["ls","-a","~"],"env":{}}',
        vendor_type="local_shell",
    )
    assert answer.stop.reason == "tool_use"


def test_a_shell_in_the_vendors_container_is_no_call_for_the_client() -> None:
    answer = fold(decoded(tape("shell-container.sse")))
    kinds = [part.kind for part in answer.content if isinstance(part, Opaque)]
    assert kinds == ["item.shell_call", "item.shell_call_output"]
    assert answer.stop.reason == "end"


def test_E27_arguments_that_come_only_at_the_end_are_passed_on() -> None:
    whole = call(arguments='{"a":1}')
    assert parts(added(0, **call()), done(0, **whole)) == (
        ToolCall(id="call_1", name="f", arguments='{"a":1}'),
    )
    only_done = {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"a":1}'}
    assert parts(added(0, **call()), only_done) == (ToolCall(id="call_1", name="f", arguments='{"a":1}'),)
    calls = [part for part in fold(decoded(tape("lmstudio.sse"))).content if isinstance(part, ToolCall)]
    assert calls
    assert all(json.loads(part.arguments) for part in calls)


def test_E27_what_the_deltas_left_out_is_supplied_once() -> None:
    piece = {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"a"'}
    events = decoded(
        stream(created(), added(0, **call()), piece, done(0, **call(arguments='{"a":1}')), completed())
    )
    assert [event.text for event in events if isinstance(event, PartDelta)] == ['{"a"', ":1}"]


def test_E24_a_call_without_arguments_has_an_empty_object() -> None:
    assert parts(added(0, **call()), done(0, **call())) == (
        ToolCall(id="call_1", name="f", arguments="{}"),
    )


def test_E28_a_call_that_was_cut_off_is_not_repaired() -> None:
    answer = fold(decoded(tape("incomplete-call.sse")))
    assert answer.content == (ToolCall(id="call_REDACTED_1", name="add", arguments='{"x":48151'),)
    assert answer.stop == Stop("length", "max_output_tokens")


def test_E54_a_namespace_joins_the_name() -> None:
    grouped = call(namespace="mcp__mock", arguments="{}")
    assert parts(added(0, **grouped), done(0, **grouped)) == (
        ToolCall(id="call_1", name="mcp__mock__f", arguments="{}", namespace="mcp__mock"),
    )


def test_E72_text_without_its_content_part_is_read() -> None:
    assert parts(text(0, "hi")) == (Text("hi"),)


def test_E75_an_answer_that_only_the_terminal_brings_is_read() -> None:
    answer = fold(decoded(stream(created(), completed(message("hi"), call(arguments='{"a":1}')))))
    assert answer.content == (Text("hi"), ToolCall(id="call_1", name="f", arguments='{"a":1}'))
    assert answer.stop.reason == "tool_use"


def test_E75_an_empty_terminal_takes_nothing_away() -> None:
    answer = fold(decoded(tape("codex-backend.sse")))
    assert terminal(tape("codex-backend.sse"))["output"] == []
    assert [type(part) for part in answer.content] == [Thinking, ToolCall, ToolCall]


def test_E77_no_terminal_is_no_end_even_after_done() -> None:
    events = decoded(stream(created(), text(0, "hi")) + b"data: [DONE]\n\n")
    assert isinstance(events[-1], Failed)


def test_E83_padding_is_ignored() -> None:
    padded = text(0, "hi") | {"obfuscation": "x" * 40, "logprobs": [{"token": "hi"}]}
    assert parts(padded) == (Text("hi"),)


def test_E74_indexes_count_within_each_item() -> None:
    assert parts(text(0, "a", 0), text(0, "b", 1), text(1, "c", 0)) == (Text("a"), Text("b"), Text("c"))


def test_summaries_join_and_the_proof_comes_last() -> None:
    def delta(place: int, words: str) -> dict[str, Any]:
        return {
            "type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": place, "delta": words,
        }  # fmt: skip

    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    whole = item | {"summary": [{"text": "one two"}, {"text": "three"}], "encrypted_content": "gAAA"}
    events = decoded(
        stream(created(), added(0, **item), delta(0, "one "), delta(0, "two"), delta(1, "three"),
               done(0, **whole), completed(whole))
    )  # fmt: skip
    assert events[1:-1] == [
        PartStarted(0, Thinking(origin="maker")),
        PartDelta(0, "one "),
        PartDelta(0, "two"),
        PartDelta(0, "\n\n"),
        PartDelta(0, "three"),
        SignatureDelta(0, "gAAA"),
        PartEnded(0),
    ]


def test_E06_reasoning_with_nothing_but_a_proof_is_a_part() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    assert parts(added(0, **item | {"encrypted_content": None}), done(0, **item)) == (
        Thinking(signature="gAAA", origin="maker"),
    )


def test_reasoning_that_says_and_proves_nothing_is_no_part() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    assert parts(added(0, **item), done(0, **item)) == ()


def test_E15_reasoning_has_one_source() -> None:
    def delta(kind: str, words: str) -> dict[str, Any]:
        return {"type": f"response.{kind}.delta", "output_index": 0, "delta": words}

    item = {"type": "reasoning", "summary": [{"text": "short"}], "content": [{"text": "long"}]}
    both = (delta("reasoning_summary_text", "short"), delta("reasoning_text", "long"))
    assert parts(*both, done(0, **item)) == (Thinking(text="short", origin="maker"),)


def test_E19_full_reasoning_of_open_servers_is_read() -> None:
    thinking = fold(decoded(tape("reasoning-text.sse"))).content[0]
    assert isinstance(thinking, Thinking)
    assert len(thinking.text) > 20


def test_a_refusal_is_marked_as_one() -> None:
    answer = fold(decoded(tape("refusal.sse")))
    assert answer.content == (Refusal("I'm sorry, I can't assist with that."),)
    assert answer.stop.reason == "refusal"


def test_items_side_by_side_come_one_after_another() -> None:
    answer = fold(decoded(tape("databricks-agent.sse")))
    assert [type(part) for part in answer.content] == [Text, ToolCall]
    first, second = added(0, **message("") | {"content": []}), added(1, **call())
    piece = {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": '{"a":1}'}
    events = decoded(
        stream(created(), first, text(0, "x"), second, piece, text(0, "y"), done(1, **call(arguments='{"a":1}')),
               done(0, **message("xy")), completed())
    )  # fmt: skip
    assert faults(events) == []
    assert fold(events).content == (Text("xy"), ToolCall(id="call_1", name="f", arguments='{"a":1}'))


def test_items_that_are_never_finished_end_with_the_answer() -> None:
    events = decoded(
        stream(created(), text(0, "x"), added(1, **call()), completed(message("xyz"), call(arguments="{}")))
    )
    assert fold(events).content == (Text("xyz"), ToolCall(id="call_1", name="f", arguments="{}"))


@pytest.mark.parametrize(
    ("status", "reason", "stop"),
    [
        ("incomplete", "max_output_tokens", Stop("length", "max_output_tokens")),
        ("incomplete", "content_filter", Stop("refusal", "content_filter")),
        ("incomplete", "something_new", Stop("other", "something_new")),
        ("completed", None, Stop("end", "completed")),
    ],
)
def test_E42_why_it_stopped(status: str, reason: str | None, stop: Stop) -> None:
    details = None if reason is None else {"reason": reason}
    end = {"id": "r", "status": status, "incomplete_details": details, "output": []}
    events = decoded(stream(created(), text(0, "x"), {"type": f"response.{status}", "response": end}))
    assert isinstance(events[-1], Finished)
    assert events[-1].stop == stop


def test_E124_unknown_items_stand_as_they_came() -> None:
    item = {"type": "some_future_item", "id": "sf_1", "status": "completed", "role": 5, "content": {"x": 1}}
    found = parts(added(0, **item), done(0, **item), text(1, "after"))
    assert found[1] == Text("after")
    assert isinstance(found[0], Opaque)
    assert (found[0].kind, json.loads(bytes(found[0].raw))) == ("item.some_future_item", item)


@pytest.mark.parametrize(
    "broken", [b"{", b'{"type":"response.output_text.delta","delta":5}', b"\xff", b"[1]"]
)
def test_E109_a_frame_that_cannot_be_read_fails_and_never_raises(broken: bytes) -> None:
    decoder = ROOM.stream_decoder("maker")
    events = decoder.feed(SSEvent(broken))
    assert isinstance(events[-1], Failed)
    assert decoder.feed(SSEvent(b"{}")) == []
    assert decoder.close() == []


def test_E69_unknown_events_are_passed_over_whatever_they_hold() -> None:
    odd = {"type": "response.new_thing.delta", "delta": {"a": 1}, "item": 5, "output_index": "x"}
    assert parts(odd, text(0, "hi")) == (Text("hi"),)


def test_E122_half_a_surrogate_pair_is_replaced() -> None:
    body = stream(created()) + b'data: {"type":"response.output_text.delta","delta":"a\\ud83d"}\n\n'
    assert fold(decoded(body + stream(completed()))).content == (Text("a\ufffd"),)


def test_events_without_names_are_told_by_their_type() -> None:
    body = stream(created(), text(0, "hi"), completed(), named=False)
    assert fold(decoded(body)).content == (Text("hi"),)


def test_E73_an_index_out_of_range_is_just_another_index() -> None:
    odd = text(-1, "hi")
    assert fold(decoded(stream(created(), odd, completed(message("hi"))))).content == (Text("hi"),)
