"""Chunks of every vendor to neutral events."""

import json

import pytest

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
    StreamEvent,
    fold,
)
from trunkline.core.sse import SSEvent
from trunkline.core.types import Image, Opaque, Refusal, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.openai_chat import OPENAI_CHAT
from trunkline.protocols.openai_chat.stream_decode import ChatStreamDecoder
from trunkline.protocols.openai_chat.wire import ANSWER

HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m"}
DONE = "[DONE]"


def chunk(delta: object = None, finish: str | None = None, **extra: object) -> dict[str, object]:
    return {**HEAD, "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}], **extra}


def call(index: int | None = 0, **fields: object) -> dict[str, object]:
    function = {key: fields.pop(key) for key in ("name", "arguments") if key in fields}
    entry: dict[str, object] = {**fields, "function": function}
    return entry if index is None else {"index": index, **entry}


def calls(*entries: dict[str, object]) -> dict[str, object]:
    return chunk({"tool_calls": list(entries)})


def run(*chunks: object, event: bytes | None = None) -> list[StreamEvent]:
    decoder = OPENAI_CHAT.stream_decoder("maker")
    events: list[StreamEvent] = []
    for item in chunks:
        data = item if isinstance(item, str) else json.dumps(item)
        events += decoder.feed(SSEvent(data.encode(), event))
    return events + decoder.close()


def parts(*chunks: object) -> tuple[object, ...]:
    return fold(run(*chunks)).content


def named(*found: object) -> list[tuple[str, str, str]]:
    return [(part.id, part.name, part.arguments) for part in found if isinstance(part, ToolCall)]


def test_a_plain_stream() -> None:
    assert run(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Good "}),
        chunk({"content": "day"}),
        chunk({}, "stop"),
        {**HEAD, "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}},
        DONE,
    ) == [
        Started("c1", "m", None, 7),
        PartStarted(0, Text("")),
        PartDelta(0, "Good "),
        PartDelta(0, "day"),
        PartEnded(0),
        Finished(Stop("end", "stop"), Usage(input=5, output=2)),
    ]


def test_E03_a_stream_that_just_stops_is_truncated() -> None:
    events = run(chunk({"content": "Good "}))
    assert isinstance(events[-1], Failed)
    assert events[-1].error.kind is Kind.TRUNCATED


def test_E03_done_without_finish_counts_when_no_call_is_open() -> None:
    assert isinstance(run(chunk({"content": "x"}), DONE)[-1], Finished)
    half = run(calls(call(id="a", name="f", arguments='{"x":')), DONE)
    assert isinstance(half[-1], Failed)
    assert half[-1].error.kind is Kind.TRUNCATED
    whole = fold(run(calls(call(id="a", name="f", arguments='{"x":1}')), DONE))
    assert whole.stop == Stop("tool_use", None)


def test_E03_done_alone_is_no_answer() -> None:
    (only,) = run(DONE)
    assert isinstance(only, Failed)


def test_E03_a_finish_without_done_is_an_end() -> None:
    assert isinstance(run(chunk({"content": "x"}), chunk({}, "stop"))[-1], Finished)


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        ({"error": {"message": "boom", "code": 502}}, Kind.UPSTREAM_FAILED),
        ({"error": {"message": "slow", "code": 429}}, Kind.RATE_LIMITED),
        ({"error": {"message": "no", "code": "context_length_exceeded"}}, Kind.CONTEXT_TOO_LONG),
        ({"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slow"}, Kind.RATE_LIMITED),
        ({**HEAD, "choices": [{"index": 0, "error": {"message": "x", "code": 503}}]}, Kind.OVERLOADED),
    ],
)
def test_E04_E87_an_error_after_the_200(bad: object, kind: Kind) -> None:
    events = run(chunk({"content": "Good "}), bad, chunk({"content": "more"}), DONE)
    assert events[:3] == [Started("c1", "m", None, 7), PartStarted(0, Text("")), PartDelta(0, "Good ")]
    (last,) = events[3:]
    assert isinstance(last, Failed)
    assert last.error.kind is kind


def test_E04_an_event_named_error_is_one_whatever_it_holds() -> None:
    (only,) = run({"message": "it broke"}, event=b"error")
    assert isinstance(only, Failed)
    assert only.error.message == "it broke"


@pytest.mark.parametrize(
    ("finish", "kind"), [("error", Kind.UPSTREAM_FAILED), ("insufficient_system_resource", Kind.OVERLOADED)]
)
def test_E87_a_finish_that_means_failure(finish: str, kind: Kind) -> None:
    last = run(chunk({"content": "Good "}), chunk({}, finish), DONE)[-1]
    assert isinstance(last, Failed)
    assert last.error.kind is kind


def test_a_chunk_that_is_no_json_fails_and_says_so() -> None:
    (only,) = run('{"choices": [')
    assert isinstance(only, Failed)
    assert only.error.kind is Kind.UPSTREAM_FAILED
    assert '{"choices": [' in only.error.message


def test_E06_signatures_come_in_pieces_and_may_have_no_text() -> None:
    def reasoning(text: str, signature: str) -> dict[str, object]:
        entry = {"type": "summary_text", "text": text, "signature": signature}
        return chunk({"content": [{"type": "reasoning", "summary": [entry]}]})

    assert parts(
        reasoning("17", ""), reasoning("", "si"), reasoning("", "g"), chunk({"content": "x"}, "stop")
    ) == (
        Thinking(text="17", signature="sig", origin="maker"),
        Text("x"),
    )
    assert parts(reasoning("", "only"), chunk({"content": "x"}, "stop")) == (
        Thinking(signature="only", origin="maker"),
        Text("x"),
    )


def test_text_after_a_signature_is_another_block() -> None:
    entries = [
        {"type": "reasoning.text", "text": "a"},
        {"type": "reasoning.text", "signature": "s1"},
        {"type": "reasoning.text", "text": "b", "signature": "s2"},
    ]
    chunks = [chunk({"reasoning_details": [entry]}) for entry in entries]
    assert parts(*chunks, chunk({}, "stop")) == (
        Thinking(text="a", signature="s1", origin="maker"),
        Thinking(text="b", signature="s2", origin="maker"),
    )


def test_E09_encrypted_reasoning_stands_whole() -> None:
    details = [
        {"type": "reasoning.encrypted", "data": "xyz", "index": 0},
        {"type": "reasoning.encrypted", "data": "g", "format": "google-gemini-v1"},
    ]
    databricks = {"type": "reasoning", "summary": [{"type": "summary_encrypted_text", "data": "dbx"}]}
    content = parts(chunk({"reasoning_details": details}), chunk({}, "stop"))
    assert content[0] == Thinking(redacted="xyz", origin="maker")
    second = content[1]
    assert isinstance(second, Thinking)
    assert json.loads(second.redacted or "") == details[1]
    assert parts(chunk({"content": [databricks]}), chunk({}, "stop")) == (
        Thinking(redacted="dbx", origin="maker"),
    )


def test_E15_mirrored_reasoning_is_read_once() -> None:
    both = {"reasoning": "hm", "reasoning_content": "hm"}
    assert parts(chunk(both), chunk(both), chunk({}, "stop")) == (Thinking(text="hmhm", origin="maker"),)
    mirrored = {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}
    repeated = {"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "s"}]}
    assert parts(chunk(mirrored), chunk(repeated), chunk({}, "stop")) == (
        Thinking(text="hm", signature="s", origin="maker"),
    )


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_E19_every_known_field_is_read(field: str) -> None:
    assert parts(chunk({field: "hm"}), chunk({"content": "x"}, "stop")) == (
        Thinking(text="hm", origin="maker"),
        Text("x"),
    )


def test_E16_lists_where_strings_should_be() -> None:
    mistral = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "x"},
    ]
    assert parts(chunk({"content": mistral}), chunk({}, "stop")) == (
        Thinking(text="hm", origin="maker"),
        Text("x"),
    )
    odd = [{"type": "hologram", "beam": 1}]
    (kept,) = parts(chunk({"content": odd}), chunk({}, "stop"))
    assert isinstance(kept, Opaque)
    assert (kept.protocol, kept.kind, json.loads(bytes(kept.raw))) == ("openai_chat", "hologram", odd[0])


def test_E21_absent_ids_are_made_up_the_same_streamed_and_whole() -> None:
    streamed = fold(
        run(
            calls(call(0, name="f", arguments="{}"), call(1, name="f", arguments="{}")),
            chunk({}, "tool_calls"),
        )
    )
    entries = [{"function": {"name": "f", "arguments": "{}"}}] * 2
    message = {"role": "assistant", "tool_calls": entries}
    body = {**HEAD, "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    whole = OPENAI_CHAT.decode_response(json.dumps(body).encode(), "maker")
    assert streamed == whole
    ids = [part.id for part in whole.content if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2
    assert all(made.startswith("call_") for made in ids)


@pytest.mark.parametrize("ids", [(0, 1), ("0", "1"), (7, 7)])
def test_E21_calls_that_are_only_numbered_get_ids(ids: tuple[object, object]) -> None:
    """Some servers count their calls, from 0 in each answer: the next one would have the same ids."""
    first, second = ids
    streamed = fold(
        run(
            calls(call(0, id=first, name="f", arguments='{"x":')),
            calls(call(0, id=first, arguments="1}")),
            calls(call(1, id=second, name="g", arguments="{}")),
            chunk({}, "tool_calls"),
        )
    )
    entries = [
        {"id": first, "function": {"name": "f", "arguments": '{"x":1}'}},
        {"id": second, "function": {"name": "g", "arguments": "{}"}},
    ]
    message = {"role": "assistant", "tool_calls": entries}
    body = {**HEAD, "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    assert streamed == OPENAI_CHAT.decode_response(json.dumps(body).encode(), "maker")
    one, two = (part for part in streamed.content if isinstance(part, ToolCall))
    assert (one.name, one.arguments, two.name, two.arguments) == ("f", '{"x":1}', "g", "{}")
    assert one.id.startswith("call_0_")
    assert two.id.startswith("call_1_")


def test_E21_a_repeated_id_with_a_new_name_is_a_new_call() -> None:
    found = parts(
        calls(call(0, id="a", name="f", arguments='{"x":1}')),
        calls(call(0, id="a", name="g", arguments='{"y":2}')),
        chunk({}, "tool_calls"),
    )
    assert named(*found) == [("a", "f", '{"x":1}'), ("a_1", "g", '{"y":2}')]


def test_E22_parallel_calls_all_at_index_0() -> None:
    found = parts(
        calls(call(0, id="a", name="f", arguments='{"x":')),
        calls(call(0, arguments="1}")),
        calls(call(0, id="b", name="f", arguments='{"x":2}')),
        chunk({}, "tool_calls"),
    )
    assert named(*found) == [("a", "f", '{"x":1}'), ("b", "f", '{"x":2}')]


def test_E22_calls_without_any_index_or_id() -> None:
    found = parts(
        calls(call(None, name="f", arguments='{"x":1}'), call(None, name="f", arguments='{"x":2}')),
        chunk({}, "tool_calls"),
    )
    assert [arguments for _, _, arguments in named(*found)] == ['{"x":1}', '{"x":2}']


def test_E22_a_name_after_whole_arguments_is_a_new_call() -> None:
    found = parts(
        calls(call(0, name="f", arguments='{"x":1}')),
        calls(call(0, name="f", arguments='{"x":2}')),
        chunk({}, "tool_calls"),
    )
    assert [arguments for _, _, arguments in named(*found)] == ['{"x":1}', '{"x":2}']


def test_E22_indexes_from_1_are_renumbered() -> None:
    events = run(
        chunk({"content": "ok"}),
        calls(call(1, id="a", name="f", arguments="{}")),
        chunk({}, "tool_calls"),
        DONE,
    )
    starts = [(event.index, type(event.part)) for event in events if isinstance(event, PartStarted)]
    assert starts == [(0, Text), (1, ToolCall)]


@pytest.mark.parametrize("later", ["a", "", None])
@pytest.mark.parametrize("name", ["", None, "f"])
def test_E23_the_id_on_every_delta_or_empty(later: str | None, name: str | None) -> None:
    found = parts(
        calls(call(0, id="a", name="f", arguments="")),
        calls(call(0, id=later, name=name, arguments='{"x":')),
        calls(call(0, id=later, name=name, arguments="1}")),
        chunk({}, "tool_calls"),
    )
    assert named(*found) == [("a", "f", '{"x":1}')]


@pytest.mark.parametrize("arguments", ["", "  ", None])
def test_E24_empty_arguments_become_an_object(arguments: str | None) -> None:
    found = parts(calls(call(0, id="a", name="f", arguments=arguments)), chunk({}, "tool_calls"))
    (only,) = found
    assert isinstance(only, ToolCall)
    assert only.arguments.strip() == "{}"


def test_E25_the_whole_call_in_one_delta() -> None:
    events = run(calls(call(0, id="a", name="f", arguments='{"x":1}')), chunk({}, "stop"), DONE)
    assert events[1:4] == [
        PartStarted(0, ToolCall(id="a", name="f", arguments="")),
        PartDelta(0, '{"x":1}'),
        PartEnded(0),
    ]


def test_E26_arguments_as_an_object_keep_their_numbers() -> None:
    (only,) = parts(calls(call(0, id="a", name="f", arguments={"x": [1.0, 2]})), chunk({}, "tool_calls"))
    assert isinstance(only, ToolCall)
    assert only.arguments == '{"x":[1.0,2]}'


def test_a_placeholder_before_the_real_arguments_goes() -> None:
    assert named(
        *parts(
            calls(call(0, id="a", name="f", arguments="{}")),
            calls(call(0, arguments='{"x":')),
            calls(call(0, arguments="1}")),
            chunk({}, "tool_calls"),
        )
    ) == [("a", "f", '{"x":1}')]
    assert named(*parts(calls(call(0, id="a", name="f", arguments="{}")), chunk({}, "tool_calls"))) == [
        ("a", "f", "{}")
    ]


def test_E28_a_call_that_was_cut_off_is_not_repaired() -> None:
    events = run(calls(call(0, id="a", name="f", arguments='{"text":"ha')), chunk({}, "length"), DONE)
    assert fold(events).content == (ToolCall(id="a", name="f", arguments='{"text":"ha'),)
    assert fold(events).stop == Stop("length", "length")
    assert fold(run(calls(call(0, id="a", name="f", arguments="")), chunk({}, "length"))).content == (
        ToolCall(id="a", name="f", arguments=""),
    )


def test_interleaved_calls_wait_in_line() -> None:
    events = run(
        calls(call(0, id="a", name="f", arguments=""), call(1, id="b", name="g", arguments="")),
        calls(call(1, arguments='{"y":')),
        calls(call(0, arguments='{"x":1}')),
        calls(call(1, arguments="2}")),
        chunk({}, "tool_calls"),
        DONE,
    )
    assert events[1:-1] == [
        PartStarted(0, ToolCall(id="a", name="f", arguments="")),
        PartDelta(0, '{"x":1}'),
        PartEnded(0),
        PartStarted(1, ToolCall(id="b", name="g", arguments="")),
        PartDelta(1, '{"y":'),
        PartDelta(1, "2}"),
        PartEnded(1),
    ]


def test_E42_stop_with_calls_and_calls_without_any() -> None:
    assert fold(run(calls(call(0, id="a", name="f", arguments="{}")), chunk({}, "stop"))).stop == Stop(
        "tool_use", "stop"
    )
    assert fold(run(chunk({"content": "x"}), chunk({}, "tool_calls"))).stop == Stop("end", "tool_calls")
    assert fold(run(chunk({"content": "x"}), chunk({}, "tool_calls"), DONE)).stop.reason == "end"


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("length", "length"),
        ("content_filter", "refusal"),
        ("stop", "end"),
        ("model_length", "context_full"),
        ("new_word", "other"),
    ],
)
def test_stop_causes(finish: str, reason: str) -> None:
    assert fold(run(chunk({"content": "x"}), chunk({}, finish))).stop == Stop(reason, finish)


def test_a_matched_stop_string_is_named() -> None:
    last = {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "stop_reason": "END"}]}
    assert fold(run(chunk({"content": "x"}), last)).stop == Stop("stop_sequence", "stop", "END")


def test_E45_text_and_calls_in_one_chunk_and_text_after_a_call() -> None:
    both = chunk({"content": "a", "tool_calls": [call(0, id="i", name="f", arguments='{"x":1}')]})
    assert parts(both, chunk({"content": "b"}), chunk({}, "stop")) == (
        Text("a"),
        ToolCall(id="i", name="f", arguments='{"x":1}'),
        Text("b"),
    )


def test_E70_finish_twice_is_one_end_with_the_usage() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    events = run(chunk({"content": "x"}), chunk({}, "stop"), chunk({}, "length", usage=usage), DONE)
    assert [event for event in events if isinstance(event, Finished)] == [
        Finished(Stop("end", "stop"), Usage(input=5, output=2))
    ]


def test_E71_no_block_for_nothing() -> None:
    assert parts(
        chunk({"content": ""}),
        chunk({"content": None}),
        calls(call(0, id="a", name="f", arguments="{}")),
        chunk({}, "stop"),
    ) == (ToolCall(id="a", name="f", arguments="{}"),)


def test_E84_filter_chunks_do_not_start_the_answer() -> None:
    azure = {
        "id": "",
        "model": "",
        "created": 0,
        "choices": [],
        "prompt_filter_results": [{"prompt_index": 0}],
    }
    events = run(azure, chunk({"content": "x"}), chunk({}, "stop"), DONE)
    assert events[0] == Started("c1", "m", None, 7)


def test_E85_usage_wherever_it_stands() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": None, "total_tokens": None}
    every = run(
        chunk({"content": "x"}, usage=usage),
        chunk({}, "stop", usage={**usage, "completion_tokens": 3}),
        DONE,
    )
    assert every[0] == Started("c1", "m", Usage(input=5), 7)
    assert every[-1] == Finished(Stop("end", "stop"), Usage(input=5, output=3))
    groq = run(
        chunk({"content": "x"}),
        chunk({}, "stop", x_groq={"usage": {"prompt_tokens": 1, "completion_tokens": 2}}),
        DONE,
    )
    assert groq[-1] == Finished(Stop("end", "stop"), Usage(input=1, output=2))


def test_E88_legacy_function_call_and_other_choices() -> None:
    legacy = [
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"x":1}'}}),
    ]
    other = {**HEAD, "choices": [{"index": 1, "delta": {"content": "second"}, "finish_reason": "stop"}]}
    answer = fold(run(other, *legacy, chunk({}, "function_call")))
    (only,) = answer.content
    assert isinstance(only, ToolCall)
    assert (only.name, only.arguments, answer.stop.reason) == ("f", '{"x":1}', "tool_use")


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        (
            {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}},
            Usage(input=6, cache_read=4, output=2),
        ),
        (
            {
                "prompt_tokens": 4573,
                "completion_tokens": 4,
                "total_tokens": 4577,
                "cache_read_input_tokens": 4570,
                "cache_creation_input_tokens": 0,
            },
            Usage(input=3, cache_read=4570, cache_write=0, output=4),
        ),
        (
            {
                "prompt_tokens": 3,
                "completion_tokens": 4,
                "cache_read_input_tokens": 4570,
                "cache_creation_input_tokens": 0,
            },
            Usage(input=3, cache_read=4570, cache_write=0, output=4),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 2, "prompt_cache_hit_tokens": 8},
            Usage(input=2, cache_read=8, output=2),
        ),
        (
            {
                "prompt_tokens": 468,
                "completion_tokens": 77,
                "total_tokens": 1127,
                "completion_tokens_details": {"reasoning_tokens": 582},
            },
            Usage(input=468, output=659, reasoning=582),
        ),
        (
            {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14, "reasoning_tokens": 4},
            Usage(input=5, output=9, reasoning=4),
        ),
    ],
)
def test_E101_E102_cache_and_reasoning_counts(wire: dict[str, object], usage: Usage) -> None:
    assert run(chunk({"content": "x"}), chunk({}, "stop", usage=wire), DONE)[-1] == Finished(
        Stop("end", "stop"), usage
    )


def test_refusals_and_citations() -> None:
    note = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}
    events = run(chunk({"content": "x"}), chunk({"annotations": [note]}), chunk({}, "stop"))
    (citation,) = [event.citation for event in events if isinstance(event, CitationDelta)]
    assert (citation.kind, json.loads(bytes(citation.raw))) == ("url_citation", note)
    refused = fold(run(chunk({"refusal": "I "}), chunk({"refusal": "won't"}), chunk({}, "stop")))
    assert refused.content == (Refusal("I won't"),)
    assert refused.stop == Stop("refusal", "stop")


def test_the_pseudo_tool_is_unwrapped() -> None:
    wrapped = json.dumps({"name": "ls", "arguments": {"path": "/"}})
    found = parts(
        calls(call(0, id="a", name="databricks-tool-call", arguments=wrapped[:9])),
        calls(call(0, arguments=wrapped[9:])),
        chunk({}, "stop"),
    )
    assert named(*found) == [("a", "ls", '{"path":"/"}')]


@pytest.mark.parametrize(
    "proof", [{"thoughtSignature": "p"}, {"extra_content": {"google": {"thought_signature": "p"}}}]
)
def test_proofs_of_calls_stay_with_the_call(proof: dict[str, object]) -> None:
    found = parts(calls(call(0, id="a", name="f", arguments="{}", **proof)), chunk({}, "tool_calls"))
    assert found == (ToolCall(id="a", name="f", arguments="{}", proof="p", proof_origin="maker"),)


def test_custom_calls_keep_their_raw_input() -> None:
    first = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "patch", "input": "*** Be"}}
    second = {"index": 0, "type": "custom", "custom": {"input": "gin"}}
    assert parts(calls(first), calls(second), chunk({}, "tool_calls")) == (
        ToolCall(id="a", name="patch", arguments="*** Begin", kind="custom"),
    )


def test_signature_events_follow_their_text() -> None:
    detail = {"type": "reasoning.text", "text": "a", "signature": "s"}
    events = run(chunk({"reasoning_details": [detail]}), chunk({}, "stop"))
    assert events[1:5] == [
        PartStarted(0, Thinking(origin="maker")),
        PartDelta(0, "a"),
        SignatureDelta(0, "s"),
        PartEnded(0),
    ]


def test_E122_half_an_emoji_is_read() -> None:
    raw = '{"id":"c","choices":[{"index":0,"delta":{"content":"x\\ud83d"},"finish_reason":"stop"}]}'
    assert parts(raw) == (Text("x\ufffd"),)


def test_nothing_follows_the_end() -> None:
    decoder = OPENAI_CHAT.stream_decoder("maker")
    decoder.feed(SSEvent(json.dumps(chunk({"content": "x"}, "stop")).encode()))
    assert isinstance(decoder.feed(SSEvent(b"[DONE]"))[-1], Finished)
    assert decoder.feed(SSEvent(json.dumps(chunk({"content": "y"})).encode())) == []
    assert decoder.close() == []


ALONE = {"role": "assistant", "content": "Hello"}
COUNTS = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": [{"index": 0, "message": ALONE, "finish_reason": "stop"}], "usage": COUNTS},
        {
            "choices": [
                {"message": {**ALONE, "refusal": None, "annotations": []}, "finish_reason": "length"}
            ]
        },
        {"choices": [{"message": ALONE, "finish_reason": "tool_calls"}], "created": 7.9, "error": None},
        {
            "choices": [
                {"message": ALONE, "finish_reason": "tool_calls", "native_finish_reason": "MAX_TOKENS"}
            ]
        },
        {"choices": [{"message": ALONE, "finish_reason": "stop", "stop_reason": "END"}]},
        {"choices": [{"message": ALONE, "stop_reason": "END"}], "x_groq": {"usage": COUNTS}},
        {"choices": [{"message": ALONE, "delta": {"content": ""}, "finish_reason": "content_filter"}]},
    ],
)
def test_a_text_alone_is_read_as_its_stream_would_be(answer: dict[str, object]) -> None:
    body = json.dumps({"id": "c1", "model": "m", **answer}).encode()
    streamed = fold(ChatStreamDecoder("maker").whole(ANSWER.decode(body), body))
    assert OPENAI_CHAT.decode_response(body, "maker") == streamed
    assert streamed.content == (Text("Hello"),)


def test_E87_a_text_alone_may_still_be_a_failure() -> None:
    body = json.dumps({"choices": [{"message": ALONE, "finish_reason": "error"}]}).encode()
    with pytest.raises(GatewayError) as caught:
        OPENAI_CHAT.decode_response(body, "maker")
    assert caught.value.kind is Kind.UPSTREAM_FAILED


def test_pictures_beside_the_content_are_parts() -> None:
    picture = {"type": "image_url", "index": 0, "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    found = fold(run(chunk({"content": "see"}), chunk({"images": [picture]}), chunk({}, "stop"), DONE))
    assert found.content == (Text("see"), Image(media_type="image/png", data="iVBORw0KGgo="))
    body = {
        **HEAD,
        "choices": [
            {"index": 0, "message": {"content": "see", "images": [picture]}, "finish_reason": "stop"}
        ],
    }
    assert OPENAI_CHAT.decode_response(json.dumps(body).encode(), "o").content == found.content
