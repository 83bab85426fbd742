"""T11: what a stream that broke off has used; recordings say how much it would have been."""

import asyncio
import random
from pathlib import Path

import msgspec
import pytest

from relay.kit import Bench, Records, Script, ScriptedUpstream, WritingSink, provider
from relay.virtual import run
from trunkline.accounting.estimate import output_tokens, streamed_tokens
from trunkline.config.schema import Retry
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.usage import Usage
from trunkline.protocols.registry import CODECS
from trunkline.relay.ports import ClientGone

WIRE = Path(__file__).parent.parent / "fixtures" / "wire"
TAPES = {
    "anthropic_messages": "anthropic-messages--*/*.stream.txt",
    "openai_chat": "openai-chat--*/*.stream.txt",
}
BODIES = {
    "anthropic_messages": b'{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi there"}]}',
    "openai_chat": b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi there"}]}',
}


def tapes(protocol: str, most: int = 40) -> list[bytes]:
    """Recorded streams with some output, whole frames only."""
    found = [path.read_bytes().replace(b"\r\n", b"\n") for path in sorted(WIRE.glob(TAPES[protocol]))]
    return [tape for tape in found if tape.count(b"\n\n") > 20 and len(tape) < 200_000][:most]


def frames(tape: bytes) -> list[bytes]:
    return [frame + b"\n\n" for frame in tape.split(b"\n\n") if frame]


async def leave(it: Bench, protocol: str, pieces: int) -> None:
    """The client takes some pieces and is gone."""
    taken = 0

    async def take(sink: WritingSink) -> None:
        nonlocal taken
        taken += 1
        if taken > pieces:
            raise ClientGone

    await it.run(BODIES[protocol], protocol=protocol, sink=WritingSink(take))


def aborted(client: str, upstream: str, tape: bytes, pieces: int) -> Usage | None:
    script = Script(frames(tape))
    it = Bench(
        ScriptedUpstream(script), (provider("one", upstream),), codecs=dict(CODECS), records=Records()
    )
    run(leave(it, client, pieces))
    (record,) = it.records
    return record.usage if record.outcome == "client_closed" else None


@pytest.mark.parametrize("upstream", list(TAPES))
@pytest.mark.parametrize("client", list(TAPES))
def test_T11_whoever_leaves_in_the_middle_has_used_something(client: str, upstream: str) -> None:
    seen = 0
    for tape in tapes(upstream, 15):
        usage = aborted(client, upstream, tape, 4)
        if usage is None:
            continue
        seen += 1
        assert usage.estimated
        assert (usage.input or usage.cache_read or usage.cache_write or 0) > 0
        assert (usage.output or 0) >= 3
    assert seen >= 10


@pytest.mark.parametrize("protocol", list(TAPES))
def test_T11_the_sum_of_many_is_near_what_was_written(protocol: str) -> None:
    """A floor by letters: between the letters divided by four and the pieces, whatever cut the stream."""
    chance = random.Random(7)
    passed = read = 0
    for tape in tapes(protocol, 25):
        pieces = chance.randrange(3, 15)
        one, other = (
            aborted(client, protocol, tape, pieces) for client in (protocol, *(set(TAPES) - {protocol}))
        )
        if one is None or other is None:
            continue
        passed += one.output or 0
        read += other.output or 0
    assert read > 100
    assert 0.6 * read <= passed <= 1.6 * read


def test_a_stream_that_was_cut_counts_too() -> None:
    tape = frames(tapes("openai_chat")[0])
    cut = GatewayError(Kind.TRUNCATED, "reset", local=False)
    it = Bench(
        ScriptedUpstream(Script([*tape[:10], cut])),
        (provider("one", "openai_chat"),),
        codecs=dict(CODECS),
        retry=Retry(per_target=0),
    )
    run(it.run(BODIES["openai_chat"], protocol="openai_chat"))
    (record,) = it.records
    assert record.outcome == "truncated"
    assert record.usage is not None
    assert record.usage.estimated


def test_a_complete_answer_keeps_the_upstreams_own_count() -> None:
    tape = tapes("anthropic_messages")[0]
    it = Bench(
        ScriptedUpstream(Script(frames(tape))),
        (provider("one", "anthropic_messages"),),
        codecs=dict(CODECS),
    )
    run(it.run(BODIES["anthropic_messages"], protocol="anthropic_messages"))
    assert it.records[0].usage is not None
    assert not it.records[0].usage.estimated


def test_nothing_sent_is_nothing_used() -> None:
    async def scenario() -> None:
        task = asyncio.ensure_future(it.run(BODIES["openai_chat"], protocol="openai_chat"))
        await asyncio.sleep(1.0)
        task.cancel("client_closed")
        with pytest.raises(asyncio.CancelledError):
            await task

    it = Bench(
        ScriptedUpstream(Script(before=50.0)), (provider("one", "openai_chat"),), codecs=dict(CODECS)
    )
    run(scenario())
    assert it.records[0].usage is None


def test_the_guess() -> None:
    assert output_tokens(3, 0) == 3
    assert output_tokens(3, 400) == 100
    sample = msgspec.json.encode({"type": "x", "delta": {"text": "abcd"}, "n": [1]})
    assert streamed_tokens(10, 10 * len(sample), sample) == 10
    assert streamed_tokens(10, 10 * len(sample) + 760, sample) == 200
    assert streamed_tokens(2, 100, b"no json") == 21
    assert streamed_tokens(0, 0, b"") == 0
