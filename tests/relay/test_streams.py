"""Streams from end to end: complete, broken, silent, slow."""

import asyncio

import msgspec
import pytest

from relay.kit import JSON, STREAM, Bench, Script, ScriptedUpstream, WritingSink, provider
from relay.tiny import Said, answer, event
from relay.virtual import now, run
from trunkline.config.schema import Retry, Timeouts
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import Headers
from trunkline.relay.pipe import truncated

BOTH = pytest.mark.parametrize("upstream_protocol", ["tiny", "small"])
NO_RETRY = Retry(per_target=0)
RESET = GatewayError(Kind.TRUNCATED, "connection reset", local=False)


def bench(script: Script, protocol: str, **more: object) -> Bench:
    return Bench(ScriptedUpstream(script), (provider("one", protocol),), **more)


@BOTH
def test_a_complete_stream_reaches_the_client(upstream_protocol: str) -> None:
    it = bench(Script(answer("Hel", "lo")), upstream_protocol)
    sink = run(it.run())
    assert sink.text == "Hello"
    assert sink.kinds[-1] == "end"
    assert sink.headers["content-type"].startswith("text/event-stream")
    assert sink.headers["x-trunkline-provider"] == "one"
    assert sink.headers["x-trunkline-model"] == "model"
    assert sink.headers["x-trunkline-attempts"] == "1"
    assert "x-trunkline-losses" not in sink.headers
    (record,) = it.records
    assert (record.outcome, record.status) == ("ok", 200)
    assert record.usage is not None
    assert record.usage.output == 5
    assert it.upstream.answers[0].closed is True
    assert record.first_byte_seconds is not None


def test_a_passed_stream_and_request_keep_every_byte() -> None:
    frames = [b": hello\r\n\r\n", *answer("é", "\U0001f600"), b'event: odd\ndata: {"t":"odd"}\n\n']
    body = b'{ "stream":true , "model": "asked", "extra":"\\u00e9",\n "parts" : [] }'
    it = bench(Script(frames), "tiny")
    sink = run(it.run(body))
    assert sink.body == b"".join(frames)
    assert it.upstream.requests[0].body == body.replace(b'"asked"', b'"one-model"')
    assert it.codecs["tiny"].encodings == 0


@BOTH
def test_one_chunk_gives_one_piece(upstream_protocol: str) -> None:
    it = bench(Script([b"".join(answer("a", "b", "c"))]), upstream_protocol)
    assert len(run(it.run()).pieces) == 1


@BOTH
@pytest.mark.parametrize("count", range(6))
def test_T01_a_reset_after_n_events_is_one_error_event(upstream_protocol: str, count: int) -> None:
    frames = answer("a", "b", "c")
    it = bench(Script([*frames[:count], RESET]), upstream_protocol, retry=NO_RETRY)
    sink = WritingSink()
    if count < 2:
        with pytest.raises(GatewayError) as raised:
            run(it.run(sink=sink))
        assert raised.value.kind is Kind.TRUNCATED
        assert sink.status is None
    else:
        run(it.run(sink=sink))
        complete = count == len(frames)
        assert sink.kinds.count("error") == (0 if complete else 1)
        assert sink.kinds.count("end") == (1 if complete else 0)
        assert sink.kinds[-1] == ("end" if complete else "error")
    (record,) = it.records
    assert record.outcome == ("ok" if count == len(frames) else "truncated")
    assert it.upstream.answers[0].closed is False


@BOTH
@pytest.mark.parametrize("count", range(5))
def test_T02_E3_a_clean_close_without_the_end_is_no_success(upstream_protocol: str, count: int) -> None:
    it = bench(Script(answer("a", "b", "c")[:count]), upstream_protocol, retry=NO_RETRY)
    sink = WritingSink()
    try:
        run(it.run(sink=sink))
    except GatewayError:
        assert count < 2
    assert "end" not in sink.kinds
    assert sink.kinds.count("error") == (1 if count >= 2 else 0)
    assert it.records[0].outcome == "truncated"


@BOTH
def test_T03_a_cut_inside_arguments_never_closes_the_call(upstream_protocol: str) -> None:
    tape = b"".join(
        (
            event("start"),
            event("call", id="c1", name="run"),
            event("args", v='{"a":1}'),
            event("end", v="tool_use"),
        )
    )
    opening = len(event("start") + event("call", id="c1", name="run"))
    for cut in range(opening, len(tape) - 2):
        it = bench(Script([tape[:cut]]), upstream_protocol, retry=NO_RETRY)
        sink = run(it.run())
        assert sink.kinds.count("error") == 1, cut
        assert sink.kinds[-1] == "error"
        assert "end" not in sink.kinds


@BOTH
def test_T04_E1_cuts_anywhere_change_nothing(upstream_protocol: str) -> None:
    tape = b"".join(answer("日本", "\U0001f600é", "x"))
    for size in (1, 2, 3, 7):
        chunks = [tape[at : at + size] for at in range(0, len(tape), size)]
        assert run(bench(Script(chunks), upstream_protocol).run()).text == "日本\U0001f600éx"


@BOTH
def test_E4_an_error_as_the_first_event_falls_back(upstream_protocol: str) -> None:
    bad = Script([event("start"), event("error", message="busy")])
    upstream = ScriptedUpstream(
        by_url={
            f"http://one/{upstream_protocol}": [bad],
            f"http://two/{upstream_protocol}": [Script(answer("fine"))],
        }
    )
    it = Bench(upstream, (provider("one", upstream_protocol), provider("two", upstream_protocol)))
    sink = run(it.run())
    assert sink.text == "fine"
    assert sink.kinds.count("start") == 1
    assert sink.headers["x-trunkline-provider"] == "two"
    assert [attempt.target for attempt in it.records[0].attempts] == ["one/model", "one/model", "two/model"]


@BOTH
def test_E4_an_error_in_mid_stream_is_passed_on_once(upstream_protocol: str) -> None:
    it = bench(Script([*answer("a")[:2], event("error", message="busy")]), upstream_protocol)
    sink = run(it.run())
    assert sink.kinds == ["start", "text", "error"]
    assert len(it.upstream.requests) == 1
    assert it.records[0].outcome == "error"


@BOTH
def test_T16_up_first_event_falls_back(upstream_protocol: str) -> None:
    upstream = ScriptedUpstream(Script([b": alive\n\n", 500.0]), Script(answer("late")))
    it = Bench(upstream, (provider("one", upstream_protocol), provider("two", upstream_protocol)))

    async def main() -> float:
        began = now()
        assert (await it.run()).text == "late"
        return now() - began

    assert run(main()) == pytest.approx(240.0)
    assert "up.first_event" in (it.records[0].attempts[0].error or "")


@BOTH
def test_T16_T06_up_idle_ends_the_stream_and_pings_do_not_hide_it(upstream_protocol: str) -> None:
    it = bench(Script([*answer("a")[:2], 900.0]), upstream_protocol)

    async def main() -> tuple[WritingSink, float]:
        began = now()
        return await it.run(), now() - began

    sink, seconds = run(main())
    assert seconds == pytest.approx(270.0)
    assert sink.kinds == ["start", "text", "error"]
    assert b'"timeout":"up.idle"' in sink.pieces[-1]
    assert sink.pieces.count(b": ping begun\n\n") == 17
    gaps = [later - earlier for earlier, later in zip(sink.times, sink.times[1:], strict=False)]
    assert max(gaps) <= 16.0
    assert it.upstream.answers[0].closed is False


@BOTH
def test_T16_up_headers_and_up_total(upstream_protocol: str) -> None:
    it = bench(Script(answer("a"), before=500.0), upstream_protocol, retry=NO_RETRY)
    sink = run(it.run())
    assert sink.kinds == ["error"]
    assert "timeout=up.headers" in (it.records[0].error or "")
    slow = [b'{"out', *([100.0, b" "] * 8), b'put":1}']
    it = bench(Script(slow, headers=JSON), upstream_protocol)
    with pytest.raises(GatewayError) as raised:
        run(it.run(stream=False))
    assert raised.value.timeout == "up.total"
    assert raised.value.status == 504
    assert it.upstream.answers[0].closed is False


@BOTH
def test_T16_upstream_bytes_keep_a_stream_alive(upstream_protocol: str) -> None:
    pings = [200.0, b": alive\n\n"] * 6
    frames = answer("a", "b")
    it = bench(Script([*frames[:2], *pings, *frames[2:]]), upstream_protocol)
    assert run(it.run()).text == "ab"


@BOTH
def test_pings_before_content_still_allow_a_fallback(upstream_protocol: str) -> None:
    upstream = ScriptedUpstream(Script([event("start"), 40.0, RESET]), Script(answer("fine")))
    it = Bench(
        upstream, (provider("one", upstream_protocol), provider("two", upstream_protocol)), retry=NO_RETRY
    )
    sink = run(it.run())
    assert sink.pieces[0] == b": ping\n\n"
    assert sink.pieces[1] == b": ping\n\n"
    assert sink.text == "fine"
    assert sink.status == 200


@BOTH
def test_an_error_after_a_ping_is_a_stream_error(upstream_protocol: str) -> None:
    it = bench(Script([event("start"), 20.0, RESET]), upstream_protocol, retry=NO_RETRY)
    sink = run(it.run())
    assert sink.kinds == ["error"]
    assert it.records[0].outcome == "truncated"
    assert it.records[0].status == 200


def test_a_ping_never_lands_inside_a_frame() -> None:
    frames = answer("abc")
    half = len(frames[1]) // 2
    it = bench(Script([frames[0], frames[1][:half], 40.0, frames[1][half:], frames[2]]), "tiny")
    sink = run(it.run())
    assert sink.text == "abc"


@BOTH
def test_T13_a_slow_client_pauses_the_upstream(upstream_protocol: str) -> None:
    it = bench(Script(answer(*"abcdefgh")), upstream_protocol)
    most = 0

    async def slow(sink: WritingSink) -> None:
        nonlocal most
        await asyncio.sleep(300.0)
        most = max(most, it.upstream.answers[0].reads - len(sink.pieces))

    sink = run(it.run(sink=WritingSink(each=slow)))
    assert sink.text == "abcdefgh"
    assert most <= 2


@BOTH
def test_the_upstream_need_not_close_after_its_end(upstream_protocol: str) -> None:
    it = bench(Script([*answer("a"), 1000.0]), upstream_protocol)

    async def main() -> float:
        began = now()
        assert (await it.run()).kinds[-1] == "end"
        return now() - began

    assert run(main()) < 5
    assert it.records[0].outcome == "ok"
    assert it.upstream.answers[0].closed is False


@BOTH
def test_E109_a_json_answer_to_a_stream_is_streamed(upstream_protocol: str) -> None:
    whole = msgspec.json.encode({"parts": [{"t": "text", "v": "all"}], "output": 2})
    sink = run(bench(Script([whole], headers=JSON), upstream_protocol).run())
    assert sink.text == "all"
    assert sink.kinds[-1] == "end"


@BOTH
def test_E109_an_error_under_200_is_an_error(upstream_protocol: str) -> None:
    for stream in (True, False):
        it = bench(Script([b'{"error":"busy"}'], headers=JSON), upstream_protocol, retry=NO_RETRY)
        with pytest.raises(GatewayError) as raised:
            run(it.run(stream=stream))
        assert raised.value.kind is Kind.OVERLOADED


@BOTH
def test_a_stream_for_a_whole_question_is_folded(upstream_protocol: str) -> None:
    sink = run(bench(Script(answer("a", "b")), upstream_protocol).run(stream=False))
    assert b'"v":"ab"' in sink.body
    assert sink.headers["content-length"] == str(len(sink.body))


@BOTH
def test_a_whole_answer(upstream_protocol: str) -> None:
    whole = msgspec.json.encode({"parts": [{"t": "text", "v": "all"}], "output": 2, "odd": 1})
    it = bench(Script([whole[:9], whole[9:]], headers=JSON), upstream_protocol)
    sink = run(it.run(stream=False))
    assert b'"v":"all"' in sink.body
    assert (sink.body == whole) == (upstream_protocol == "tiny")
    assert it.records[0].usage is not None
    assert it.records[0].usage.output == 2


def test_structured_output_that_cannot_stream_is_asked_whole_and_pinged() -> None:
    whole = msgspec.json.encode({"parts": [{"t": "text", "v": "{}"}], "output": 2})
    upstream = ScriptedUpstream(Script([20.0, whole], headers=JSON, before=100.0))
    it = Bench(upstream, (provider("one", "tiny", structured_stream=False),))
    sink = run(it.run(format=True))
    assert b'"stream":true' not in upstream.requests[0].body
    assert sink.text == "{}"
    assert sink.pieces.count(b": ping\n\n") >= 6
    assert sink.kinds[-1] == "end"


@BOTH
def test_a_model_that_only_streams_is_asked_so_and_its_answer_put_together(upstream_protocol: str) -> None:
    upstream = ScriptedUpstream(Script(answer("a", "b")))
    it = Bench(upstream, (provider("one", upstream_protocol, stream_only=True),))
    sink = run(it.run(stream=False))
    assert b'"stream":true' in upstream.requests[0].body
    assert b'"v":"ab"' in sink.body
    assert sink.headers["content-length"] == str(len(sink.body))


def test_a_dialect_is_mended_for_a_client_of_the_same_protocol() -> None:
    upstream = ScriptedUpstream(Script(answer("a")))
    it = Bench(upstream, (provider("one", "tiny", dialect=True),))
    sink = run(it.run())
    assert sink.events[0].name == "asked"
    assert it.codecs["tiny"].encodings == 0


def test_renamed_and_freeform_tools_come_back() -> None:
    frames = [
        event("start"),
        event("call", id="c", name="short"),
        event("args", v='{"inp'),
        event("args", v='ut":"say \\"h'),
        event("args", v='i\\"\\n"}'),
        event("end", v="tool_use"),
    ]
    it = bench(Script(frames), "small")
    it.codecs["small"].renames = {"short": "a-very-long-name"}
    it.codecs["small"].custom = frozenset({"a-very-long-name"})
    sink = run(it.run())
    call = next(said for said in sink.events if said.t == "call")
    assert call.name == "a-very-long-name"
    assert "".join(said.v for said in sink.events if said.t == "args") == 'say "hi"\n'


def test_T79_an_endless_opening_is_cut() -> None:
    from trunkline.relay.pipe import MAX_HELD

    filler = event("odd", v="x" * 100_000)
    it = bench(Script([filler] * (MAX_HELD // 100_000 + 2)), "tiny", retry=NO_RETRY)
    with pytest.raises(GatewayError) as raised:
        run(it.run())
    assert raised.value.kind is Kind.UPSTREAM_FAILED


def test_truncated_is_an_upstream_fault() -> None:
    assert truncated().kind is Kind.TRUNCATED
    assert not truncated().local
    assert Timeouts().up_idle < 300
    assert Said("x").t == "x"


@BOTH
@pytest.mark.parametrize("label", [STREAM, (), (("content-type", "text/plain"),)])
def test_E109_json_under_the_wrong_label(upstream_protocol: str, label: Headers) -> None:
    whole = msgspec.json.encode({"parts": [{"t": "text", "v": "all"}], "output": 2})
    sink = run(bench(Script([whole[:5], whole[5:]], headers=label), upstream_protocol).run())
    assert sink.text == "all"
    it = bench(Script([b'\n{"error":"busy"}'], headers=label), upstream_protocol, retry=NO_RETRY)
    with pytest.raises(GatewayError) as raised:
        run(it.run())
    assert raised.value.kind is Kind.OVERLOADED


@BOTH
def test_E109_a_page_is_no_stream(upstream_protocol: str) -> None:
    page = Script([b"<html>sign in</html>"], headers=(("content-type", "text/html"),))
    it = bench(page, upstream_protocol, retry=NO_RETRY)
    with pytest.raises(GatewayError) as raised:
        run(it.run())
    assert "text/html" in raised.value.message
    assert raised.value.kind is Kind.UPSTREAM_FAILED


@BOTH
def test_E2_the_last_event_may_lack_its_blank_line(upstream_protocol: str) -> None:
    tape = b"".join(answer("a"))
    assert run(bench(Script([tape.rstrip(b"\n")]), upstream_protocol).run()).text == "a"
    windows = tape.replace(b"\n", b"\r\n")
    sink = run(bench(Script([windows[:20], windows[20:]]), upstream_protocol).run())
    assert sink.text == "a"
    assert sink.body == windows or upstream_protocol == "small"
    old = tape.replace(b"\n", b"\r")
    assert (
        run(bench(Script([old[at : at + 9] for at in range(0, len(old), 9)]), upstream_protocol).run()).text
        == "a"
    )


def test_E68_E67_a_client_gets_pings_while_everything_is_held_back() -> None:
    held = [step for _ in range(6) for step in (10.0, b'event: ping\ndata: {"t":"ping"}\n\n')]
    it = bench(Script([event("start"), *held, *answer("a")[1:]]), "tiny")
    sink = run(it.run())
    assert sink.pieces.count(b": ping\n\n") >= 3
    assert sink.text == "a"
    gaps = [later - earlier for earlier, later in zip(sink.times, sink.times[1:], strict=False)]
    assert max(gaps) <= 16.0


def test_a_question_asked_whole_for_a_stream_fails_and_is_cancelled_like_any_other() -> None:
    down = GatewayError(Kind.UNREACHABLE, "down", local=False)
    upstream = ScriptedUpstream(Script(before=40.0, refuse=down), Script(answer("fine")))
    both = (provider("one", "tiny", structured_stream=False), provider("two", "tiny"))
    it = Bench(upstream, both)
    sink = run(it.run(format=True))
    assert sink.text == "fine"
    assert sink.pieces[:2] == [b": ping\n\n", b": ping\n\n"]

    async def leave() -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(it.run(format=True))
            await asyncio.sleep(20)
            task.cancel("client_closed")

    it = Bench(ScriptedUpstream(Script(before=100.0)), both)
    run(leave())
    assert it.records[0].outcome == "client_closed"
    assert it.upstream.cancelled == 1
