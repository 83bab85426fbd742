"""Streams both ways: recorded ones, cut anywhere, broken ones, and what a strict client reads."""

from typing import Any

import anthropic
import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.anthropic_messages.room import (
    CONTEXT,
    ROOM,
    STREAMS,
    TAPES,
    decoded,
    encoded,
    frames,
    payloads,
    stream,
    tape,
)
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
    unfold,
)
from trunkline.core.proofs import seal
from trunkline.core.sse import SSEvent
from trunkline.core.types import Opaque, Refusal, Response, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, StopReason, Usage

CLEAN = [path.name for path in STREAMS if path.name != "spliced-start.sse"]

START = {"type": "message_start", "message": {"id": "msg_1", "model": "c", "usage": {"input_tokens": 7}}}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}
STOP = {"type": "message_stop"}


def opened(index: int, **block: object) -> dict[str, object]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def grown(index: int, kind: str, **delta: object) -> dict[str, object]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **delta}}


def closed(index: int) -> dict[str, object]:
    return {"type": "content_block_stop", "index": index}


def compact(response: Response) -> Response:
    """Arguments without the white space that only one of two recordings has; usage apart."""
    content = tuple(
        msgspec.structs.replace(
            part, arguments=msgspec.json.encode(msgspec.json.decode(part.arguments)).decode()
        )
        if isinstance(part, ToolCall)
        else part
        for part in response.content
    )
    return msgspec.structs.replace(response, content=content)


def test_a_text_stream_event_by_event() -> None:
    assert decoded(tape("basic.sse")) == [
        Started(
            "msg_4QpJur2dWWDjF6C758FbBw5vm12BaVipnK", "claude-3-opus-latest", Usage(input=11, output=1)
        ),
        PartStarted(0, Text("")),
        PartDelta(0, "Hello"),
        PartDelta(0, " there"),
        PartDelta(0, "!"),
        PartEnded(0),
        Finished(Stop("end", "end_turn"), Usage(input=11, output=6)),
    ]


def test_a_tool_stream() -> None:
    response = fold(decoded(tape("tool-use.sse")))
    assert response.content == (
        Text("I'll check the current weather in Paris for you."),
        ToolCall(
            id="toolu_01NRLabsLyVHZPKxbKvkfSMn", name="get_weather", arguments='{"location": "Paris"}'
        ),
    )
    assert response.stop == Stop("tool_use", "tool_use")
    assert response.usage == Usage(input=377, cache_read=0, cache_write=0, output=65)


@pytest.mark.parametrize("name", ["stop", "tool"])
def test_law_2_a_stream_folds_to_the_whole_answer(name: str) -> None:
    streamed = fold(decoded(tape(f"{name}.sse"), origin="o"))
    whole = ROOM.decode_response(tape(f"{name}.json"), "o")
    assert compact(streamed).content == compact(whole).content
    assert (streamed.id, streamed.model, streamed.stop) == (whole.id, whole.model, whole.stop)
    assert streamed.usage.input == whole.usage.input


def test_E9_redacted_thinking_stays_whole_and_in_place() -> None:
    response = fold(decoded(tape("redacted.sse"), origin="o"))
    assert response.content == (
        Thinking(redacted="redacted_thinking_REDACTED_1", origin="o"),
        Thinking(redacted="redacted_thinking_REDACTED_2", origin="o"),
        Text("OK"),
    )
    assert response.usage.reasoning == 7


def test_citations_stay_on_their_text() -> None:
    [text] = fold(decoded(tape("citations.sse"))).content
    assert isinstance(text, Text)
    assert [citation.kind for citation in text.citations] == ["char_location"]


def test_E6_signatures_in_pieces_are_joined() -> None:
    data = stream(
        START,
        opened(0, type="thinking", thinking="", signature=""),
        grown(0, "signature_delta", signature="ab"),
        grown(0, "signature_delta", signature="cd"),
        closed(0),
        END,
        STOP,
    )
    assert fold(decoded(data, origin="o")).content == (Thinking(signature="abcd", origin="o"),)


def test_E69_a_repeated_start_is_ignored() -> None:
    events = decoded(tape("duplicate-start.sse"))
    assert sum(isinstance(event, Started) for event in events) == 1
    assert fold(events).content == (Text("Hello, World!"),)


def test_E69_a_second_answer_inside_the_first_is_a_failure() -> None:
    """Half a call was already told: going on as if nothing happened would let the client run it."""
    last = decoded(tape("spliced-start.sse"))[-1]
    assert isinstance(last, Failed)
    assert last.error.kind is Kind.UPSTREAM_FAILED


def test_E124_unknown_blocks_do_not_shift_the_others() -> None:
    fallback, text = fold(decoded(tape("fallback.sse"))).content
    assert isinstance(fallback, Opaque)
    assert (fallback.kind, text) == ("fallback", Text("Hello there!"))
    compaction, text = fold(decoded(tape("compaction.sse"))).content
    assert isinstance(compaction, Opaque)
    assert msgspec.json.decode(compaction.raw)["content"] == "Earlier conversation summarized."
    assert text == Text("Hello there!")


def test_server_tools_come_as_whole_blocks() -> None:
    parts = fold(decoded(tape("web-search.sse"))).content
    kinds = [part.kind if isinstance(part, Opaque) else type(part).__name__ for part in parts]
    assert kinds[:3] == ["Thinking", "server_tool_use", "web_search_tool_result"]
    use = parts[1]
    assert isinstance(use, Opaque)
    assert "query" in msgspec.json.decode(use.raw)["input"]


def test_a_refusal_is_told() -> None:
    assert fold(decoded(tape("refusal.sse"))).stop == Stop("refusal", "refusal")


@pytest.mark.parametrize("name", ["basic.sse", "redacted.sse", "citations.sse"])
def test_E1_cut_at_every_byte(name: str) -> None:
    data = tape(name)
    assert decoded(data, range(len(data))) == decoded(data)
    for cut in range(0, len(data), 7):
        assert decoded(data, [cut]) == decoded(data)


@given(st.sampled_from(CLEAN), st.lists(st.integers(0, 60_000), max_size=12))
def test_E1_cut_anywhere(name: str, cuts: list[int]) -> None:
    data = tape(name)
    assert decoded(data, [cut for cut in cuts if cut < len(data)]) == decoded(data)


@pytest.mark.parametrize("name", CLEAN)
def test_the_law_of_neutral_streams(name: str) -> None:
    follows_the_law(decoded(tape(name)))


def follows_the_law(events: list[StreamEvent]) -> None:
    """Started, parts one after another from 0, Finished; or a prefix and Failed."""
    assert isinstance(events[0], Started | Failed)
    open_part: int | None = None
    following = 0
    for event in events[1:-1]:
        match event:
            case PartStarted(index):
                assert open_part is None
                assert index == following
                open_part, following = index, following + 1
            case PartDelta(index) | SignatureDelta(index) | CitationDelta(index):
                assert index == open_part
            case PartEnded(index):
                assert index == open_part
                open_part = None
            case _:
                raise AssertionError(event)
    assert isinstance(events[-1], Failed) or open_part is None


PIECES: list[dict[str, Any]] = [
    START,
    opened(0, type="text", text=""),
    opened(4, type="tool_use", id="t", name="n", input={}),
    opened(1, type="thinking", thinking=""),
    opened(2, type="novel", x=1),
    grown(0, "text_delta", text="x"),
    grown(4, "input_json_delta", partial_json="{}"),
    grown(1, "thinking_delta", thinking="h"),
    grown(2, "novel_delta", x="y"),
    closed(0),
    closed(1),
    closed(4),
    {"type": "ping"},
    END,
    STOP,
    {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}},
]


@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_any_order_of_events_keeps_the_law(pieces: list[dict[str, Any]]) -> None:
    events = decoded(stream(*pieces))
    follows_the_law(events)
    assert isinstance(events[-1], Finished | Failed)


@pytest.mark.parametrize("kept", [1, 3, 5])
def test_E3_a_stream_that_just_stops_is_never_a_clean_end(kept: int) -> None:
    cut = b"\n\n".join(tape("basic.sse").split(b"\n\n")[:kept]) + b"\n\n"
    last = decoded(cut)[-1]
    assert isinstance(last, Failed)
    assert last.error.kind is Kind.TRUNCATED


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("overloaded_error", Kind.OVERLOADED),
        ("rate_limit_error", Kind.RATE_LIMITED),
        ("api_error", Kind.UPSTREAM_FAILED),
        ("new_error", Kind.UPSTREAM_FAILED),
    ],
)
def test_E4_an_error_event_ends_the_stream(kind: str, expected: Kind) -> None:
    data = stream(START, {"type": "error", "error": {"type": kind, "message": "busy"}}, END, STOP)
    events = decoded(data)
    assert len(events) == 2
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert (failed.error.kind, failed.error.message, failed.error.local) == (expected, "busy", False)


@pytest.mark.parametrize(
    "frame",
    [
        SSEvent(b'{"type":"content_block_delta","error":{"message":"no"}}'),
        SSEvent(b'{"error":{"message":"no"}}'),
        SSEvent(b"<html>no</html>", b"error"),
    ],
)
def test_E4_errors_in_any_payload(frame: SSEvent) -> None:
    [failed] = ROOM.stream_decoder("o").feed(frame)
    assert isinstance(failed, Failed)
    assert failed.error.message == "no"


def test_a_broken_frame_fails_and_nothing_follows() -> None:
    decoder = ROOM.stream_decoder("o")
    [failed] = decoder.feed(SSEvent(b'{"type":"content_block_start"'))
    assert isinstance(failed, Failed)
    assert failed.error.kind is Kind.UPSTREAM_FAILED
    assert decoder.feed(frames(stream(START))[0]) == []
    assert decoder.close() == []


def test_oddities_that_harm_nothing() -> None:
    decoder = ROOM.stream_decoder("o")
    assert decoder.feed(SSEvent(b"[DONE]")) == []
    assert decoder.feed(SSEvent(b'{"type":"brand_new","index":"x"}')) == []
    assert decoder.feed(SSEvent(b'{"type":"ping"}')) == []


@pytest.mark.parametrize("pieces", [[], [""], ["", "  "]])
def test_E24_a_call_without_arguments_has_an_empty_object(pieces: list[str]) -> None:
    data = stream(
        START,
        opened(0, type="tool_use", id="t", name="n", input={}),
        *(grown(0, "input_json_delta", partial_json=piece) for piece in pieces),
        closed(0),
        END,
        STOP,
    )
    [call] = fold(decoded(data)).content
    assert isinstance(call, ToolCall)
    assert call.arguments.strip() == "{}"


def test_E25_arguments_given_at_the_opening() -> None:
    data = stream(START, opened(0, type="tool_use", id="t", name="n", input={"a": 1}), closed(0), END, STOP)
    assert fold(decoded(data)).content == (ToolCall(id="t", name="n", arguments='{"a":1}'),)


def test_E21_a_call_without_an_id_gets_one() -> None:
    data = stream(START, opened(0, type="tool_use", name="n", input={}), closed(0), END, STOP)
    [call] = fold(decoded(data)).content
    assert isinstance(call, ToolCall)
    assert call.id == "toolu_msg_1_0"


def test_E42_calls_decide_the_stop() -> None:
    call = [opened(0, type="tool_use", id="t", name="n", input={}), closed(0)]
    assert fold(decoded(stream(START, *call, END, STOP))).stop == Stop("tool_use", "end_turn")
    wrong = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}
    assert fold(decoded(stream(START, wrong, STOP))).stop == Stop("end", "tool_use")
    cut = {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}
    assert fold(decoded(stream(START, *call, cut, STOP))).stop == Stop("length", "max_tokens")
    odd = {"type": "message_delta", "delta": {"stop_reason": "cosmic_ray"}}
    assert fold(decoded(stream(START, odd, STOP))).stop == Stop("other", "cosmic_ray")


def test_E66_usage_is_cumulative_and_a_zero_takes_nothing_away() -> None:
    start = {
        "type": "message_start",
        "message": {"usage": {"input_tokens": 90, "cache_read_input_tokens": 5}},
    }
    end = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"input_tokens": 0, "output_tokens": 8, "cache_creation_input_tokens": 2},
    }
    assert fold(decoded(stream(start, end, STOP))).usage == Usage(
        input=90, cache_read=5, cache_write=2, output=8
    )


def test_bedrock_metrics_fill_what_is_missing() -> None:
    stop = {
        "type": "message_stop",
        "amazon-bedrock-invocationMetrics": {
            "inputTokenCount": 11,
            "outputTokenCount": 4,
            "invocationLatency": 9,
        },
    }
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    start = {"type": "message_start", "message": {"id": "msg_bdrk_1"}}
    assert fold(decoded(stream(start, end, stop))).usage == Usage(input=11, output=4)


def test_missing_starts_and_stops_are_made_up_for() -> None:
    data = stream(grown(0, "text_delta", text="a"), opened(1, type="text", text="b"), STOP)
    assert fold(decoded(data)).content == (Text("a"), Text("b"))


def test_arguments_of_a_call_never_opened_fail() -> None:
    last = decoded(stream(START, grown(0, "input_json_delta", partial_json="{}")))[-1]
    assert isinstance(last, Failed)


# What clients get.

ANSWER = Response(
    id="chatcmpl-1",
    model="gpt",
    content=(
        Thinking(text="hm", signature="sig", origin="0123456789abcdef"),
        Text("Hello"),
        ToolCall(id="call_1", name="run", arguments='{"a":1}'),
    ),
    stop=Stop("tool_use", "tool_calls"),
    usage=Usage(input=10, cache_read=5, output=7, reasoning=2),
)


def test_the_whole_lifecycle() -> None:
    assert payloads(encoded(unfold(ANSWER))) == [
        {
            "type": "message_start",
            "message": {
                "type": "message",
                "id": "msg_req123",
                "role": "assistant",
                "model": "asked",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {
                    "input_tokens": 10,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 5,
                    "output_tokens": 7,
                    "output_tokens_details": {"thinking_tokens": 2},
                },
            },
        },
        opened(0, type="thinking", thinking="", signature=""),
        grown(0, "thinking_delta", thinking="hm"),
        grown(0, "signature_delta", signature=seal("sig", "0123456789abcdef")),
        closed(0),
        opened(1, type="text", text=""),
        grown(1, "text_delta", text="Hello"),
        closed(1),
        opened(2, type="tool_use", id="call_1", name="run", input={}),
        grown(2, "input_json_delta", partial_json='{"a":1}'),
        closed(2),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {
                "input_tokens": 10,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 5,
                "output_tokens": 7,
                "output_tokens_details": {"thinking_tokens": 2},
            },
        },
        {"type": "message_stop"},
    ]


def test_E65_the_start_states_an_estimate_and_the_end_the_truth() -> None:
    found = payloads(
        encoded([Started("x", "y"), Finished(Stop("end"), Usage(input=100, cache_read=1, output=5))])
    )
    assert found[0]["message"]["usage"]["input_tokens"] == 42
    assert found[1]["usage"]["input_tokens"] == 100
    assert found[1]["usage"]["cache_read_input_tokens"] == 1
    unknown = payloads(encoded([Started("x", "y"), Finished(Stop("end"), Usage())]))
    assert unknown[1]["usage"]["input_tokens"] == 42


def test_E71_no_block_for_nothing() -> None:
    events = [
        Started("msg_up", "y"),
        PartStarted(0, Text("")),
        PartDelta(0, ""),
        PartEnded(0),
        PartStarted(1, Thinking()),
        PartEnded(1),
        PartStarted(2, ToolCall(id="c", name="n", arguments="")),
        PartEnded(2),
        Finished(Stop("tool_use"), Usage()),
    ]
    found = payloads(encoded(events))
    assert found[0]["message"]["id"] == "msg_up"
    assert found[1:3] == [opened(0, type="tool_use", id="c", name="n", input={}), closed(0)]


def test_E7_unsigned_thinking_ends_with_an_empty_seal() -> None:
    events = [PartStarted(0, Thinking(origin="abc")), PartDelta(0, "h"), PartEnded(0)]
    found = payloads(encoded(events))
    assert found[-2:] == [grown(0, "signature_delta", signature=seal(None, "abc")), closed(0)]


def test_E6_a_signature_in_pieces_is_sealed_once() -> None:
    events = [
        PartStarted(0, Thinking(origin="abc")),
        SignatureDelta(0, "x"),
        SignatureDelta(0, "y"),
        PartEnded(0),
    ]
    found = payloads(encoded(events))
    assert "".join(item["delta"]["signature"] for item in found[1:-1]) == seal("xy", "abc")
    native = payloads(encoded([PartStarted(0, Thinking()), SignatureDelta(0, "x"), PartEnded(0)]))
    assert native[1]["delta"]["signature"] == "x"


def test_E28_cut_arguments_are_passed_as_they_are() -> None:
    events = [
        Started("x", "y"),
        PartStarted(0, ToolCall(id="c", name="n", arguments="")),
        PartDelta(0, '{"a": "un'),
        PartEnded(0),
        Finished(Stop("length"), Usage()),
    ]
    found = payloads(encoded(events))
    assert found[2]["delta"]["partial_json"] == '{"a": "un'
    assert found[-2]["delta"]["stop_reason"] == "max_tokens"


def test_E41_a_freeform_call_streams_as_one_string_field() -> None:
    custom = ToolCall(id="c", name="patch", arguments="", kind="custom")
    found = payloads(
        encoded([PartStarted(0, custom), PartDelta(0, 'a"\n'), PartDelta(0, "b"), PartEnded(0)])
    )
    pieces = "".join(item["delta"]["partial_json"] for item in found[1:-1])
    assert msgspec.json.decode(pieces) == {"input": 'a"\nb'}


@pytest.mark.parametrize(
    ("stop", "calls", "refused", "word"),
    [
        (Stop("end", "stop"), False, False, "end_turn"),
        (Stop("end", "stop"), True, False, "tool_use"),
        (Stop("tool_use", "tool_calls"), False, False, "end_turn"),
        (Stop("tool_use"), True, False, "tool_use"),
        (Stop("length"), True, False, "max_tokens"),
        (Stop("context_full"), False, False, "model_context_window_exceeded"),
        (Stop("other", "weird"), False, False, "end_turn"),
        (Stop("other", "weird"), True, False, "tool_use"),
        (Stop("pause"), False, False, "pause_turn"),
        (Stop("refusal"), False, False, "refusal"),
        (Stop("end"), False, True, "refusal"),
        (Stop("stop_sequence", sequence="END"), False, False, "stop_sequence"),
    ],
)
def test_stop_words_in_both_forms(stop: Stop, calls: bool, refused: bool, word: str) -> None:
    content: tuple[Any, ...] = (Refusal("no"),) if refused else (Text("t"),)
    if calls:
        content += (ToolCall(id="c", name="n", arguments="{}"),)
    response = Response(id="x", model="y", content=content, stop=stop, usage=Usage())
    delta = payloads(encoded(unfold(response)))[-2]["delta"]
    assert delta["stop_reason"] == word
    assert delta["stop_sequence"] == ("END" if word == "stop_sequence" else None)
    whole = msgspec.json.decode(ROOM.encode_response(response, CONTEXT))
    assert (whole["stop_reason"], whole["stop_sequence"]) == (word, delta["stop_sequence"])


def test_an_error_is_one_event_and_the_last() -> None:
    error = GatewayError(Kind.OVERLOADED, "busy")
    found = encoded([Started("x", "y"), Failed(error)])
    assert payloads(found)[-1] == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "busy"},
        "request_id": "req123",
    }
    assert b"message_stop" not in found


@pytest.mark.parametrize("name", CLEAN)
def test_law_3_what_was_read_is_read_again_from_what_was_written(name: str) -> None:
    before = fold(decoded(tape(name), origin="o"))
    after = fold(decoded(encoded(unfold(before)), origin="o"))
    shown = tuple(part for part in before.content if part != Text(""))
    assert len(after.content) == len(shown)
    for old, new in zip(shown, after.content, strict=True):
        if isinstance(old, Thinking):
            assert isinstance(new, Thinking)
            proof = old.redacted if old.redacted is not None else old.signature
            assert (new.redacted or new.signature) == seal(proof, "o")
        elif isinstance(old, Opaque):
            assert isinstance(new, Opaque)
            assert msgspec.json.decode(new.raw) == msgspec.json.decode(old.raw)
        else:
            assert new == old
    assert after.usage.output == before.usage.output


@pytest.mark.parametrize("name", ["tool-use.sse", "redacted.sse", "web-search.sse", "thinking.sse"])
def test_the_vendors_own_sdk_reads_what_we_write(name: str) -> None:
    written = encoded(decoded(tape(name)))
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=written)
    )
    with (
        httpx2.Client(transport=transport) as http,
        anthropic.Anthropic(api_key="k", base_url="http://127.0.0.1", http_client=http) as client,
        client.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        ) as reading,
    ):
        message = reading.get_final_message()
    expected = fold(decoded(tape(name)))
    texts = [part.text for part in expected.content if isinstance(part, Text) and part.text]
    assert [block.text for block in message.content if block.type == "text"] == texts
    calls = [msgspec.json.decode(part.arguments) for part in expected.content if isinstance(part, ToolCall)]
    assert [block.input for block in message.content if block.type == "tool_use"] == calls
    assert message.stop_reason == expected.stop.raw


def test_every_stop_reason_has_a_word() -> None:
    from typing import get_args

    from trunkline.protocols.anthropic_messages.marks import WORDS

    assert set(WORDS) == set(get_args(StopReason))


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.name)
def test_the_tap_sees_what_the_decoder_reads(path: Any) -> None:
    data = (TAPES / path.name).read_bytes()
    tap = ROOM.stream_tap()
    seen_at: list[bytes] = []
    for frame in frames(data):
        before = tap.content_seen
        tap.feed(frame)
        if tap.content_seen and not before:
            seen_at.append(frame.event or b"")
    assert seen_at == [b"content_block_start"]
    assert tap.finished
    assert tap.error is None
    events = decoded(data)
    if isinstance(events[-1], Failed):
        return
    response = fold(events)
    assert (tap.usage, tap.stop) == (response.usage, response.stop)
    proofs = [part.redacted or part.signature for part in response.content if isinstance(part, Thinking)]
    assert list(tap.signatures) == [proof for proof in proofs if proof]


def test_the_tap_waits_for_content_and_reports_errors() -> None:
    tap = ROOM.stream_tap()
    for frame in frames(stream(START, {"type": "ping"})):
        tap.feed(frame)
    assert (tap.content_seen, tap.finished, tap.stop) == (False, False, None)
    assert tap.usage == Usage(input=7)
    for frame in frames(
        stream({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
    ):
        tap.feed(frame)
    assert tap.error is not None
    assert (tap.error.kind, tap.content_seen, tap.finished) == (Kind.OVERLOADED, False, False)
    odd = ROOM.stream_tap()
    odd.feed(SSEvent(b"\xff{", b"error"))
    assert odd.error is not None
