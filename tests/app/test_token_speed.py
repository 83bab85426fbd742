"""token-speed: what status lines are told of the speed of answers (ccr.md 1.4, 6.5)."""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from app.plugged import Answered, ask, chat_answer, chat_stream, router_file
from app.whole import Asked, Reply, through
from trunkline.app.token_speed import TokenSpeed, Watched
from trunkline.cli.status_line.words import Words, speed_of
from trunkline.core.http import Headers, Take
from trunkline.protocols.registry import CODECS
from trunkline.relay.inbound import Inbound

ON = [{"name": "token-speed", "enabled": True}]
WORDS = ["one and ", "two words"]
STREAM = (("content-type", "text/event-stream"),)


def reply(asked: Asked) -> Reply:
    return chat_stream(WORDS) if asked.body.get("stream") else chat_answer("".join(WORDS))


def fake(seconds: float, report: dict[str, object], folder: Path) -> Words:
    place = folder / "claude-code-router"
    place.mkdir(exist_ok=True)
    stamped = {**report, "timestamp": (time.time() - seconds) * 1000}
    (place / "session-s1.json").write_text(json.dumps(stamped))
    return speed_of("s1", {"TMPDIR": str(folder)})


def waited_for(folder: Path) -> dict[str, object]:
    """The session's file, once the answer's end is in it."""
    place = folder / "claude-code-router" / "session-session-1.json"
    end = time.monotonic() + 60
    while time.monotonic() < end:
        report = json.loads(place.read_text()) if place.exists() else {}
        if report.get("tokenCount"):
            return report
        time.sleep(0.02)
    raise AssertionError("nothing was written")


@pytest.mark.server
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_session_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def client(url: str) -> tuple[Answered, dict[str, object]]:
        return ask(url, stream=stream), waited_for(tmp_path)

    (answer, report), _, _ = through(
        reply,
        lambda url: router_file(f"{url}/v1/chat/completions", tmp_path, [], {}, plugins=ON),
        tmp_path,
        client,
    )
    assert answer.text == "".join(WORDS)
    assert report["sessionId"] == "session-1"
    assert report["requestId"] == answer.headers["x-trunkline-request-id"]
    assert report["stream"] is stream
    # A whole answer has its provider's count; the stream of this provider has none, so its letters count.
    assert report["tokenCount"] == (4 if stream else 2)
    assert str(report["timeToFirstToken"]).endswith("ms")
    place = tmp_path / "claude-code-router"
    assert [one.name for one in place.iterdir()] == ["session-session-1.json"]
    assert (place.stat().st_mode & 0o777, next(place.iterdir()).stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.server
@pytest.mark.parametrize("plugins", [[], [{"name": "token-speed"}]])
def test_nothing_is_written_unless_it_is_turned_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugins: list[object]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    through(
        reply,
        lambda url: router_file(f"{url}/v1/chat/completions", tmp_path, [], {}, plugins=plugins),
        tmp_path,
        ask,
    )
    assert not (tmp_path / "claude-code-router").exists()


class Client:
    """Takes an answer."""

    def __init__(self, *, direct: bool) -> None:
        self.got: list[bytes] = []
        self._direct = direct

    at_once = None

    @property
    def direct(self) -> Take | None:
        return self._take if self._direct else None

    def _take(self, data: bytes) -> bool:
        self.got.append(data)
        return True

    async def start(self, status: int, headers: Headers) -> None:
        return

    async def send(self, data: bytes) -> None:
        self.got.append(data)


def delta(**fields: str) -> bytes:
    return (
        b"event: x\ndata: "
        + json.dumps({"type": "content_block_delta", "delta": fields}).encode()
        + b"\n\n"
    )


def inbound(codec: str = "anthropic_messages", session: str = "s1") -> Inbound:
    return Inbound(
        codec=CODECS[codec],
        operation="generate",
        body=b"{}",
        headers=(("x-claude-code-session-id", session),),
        request_id="r1",
        client="-",
    )


def watched(folder: Path, client: Client, clock: list[float]) -> tuple[TokenSpeed, Watched]:
    speed = TokenSpeed({"TMPDIR": str(folder)}, lambda: clock[0])
    found = speed.watch(inbound(), client)
    assert found is not None
    return speed, found


@pytest.mark.parametrize("direct", [False, True], ids=["sent", "pushed"])
def test_the_speed_is_that_of_the_last_second_and_in_the_end_of_all(tmp_path: Path, direct: bool) -> None:
    async def main() -> None:
        clock = [10.0]
        client = Client(direct=direct)
        _, sink = watched(tmp_path, client, clock)
        await sink.start(200, STREAM)

        async def piece(at: float, data: bytes) -> None:
            clock[0] = at
            take = sink.direct
            if take is None:
                await sink.send(data)
            else:
                assert take(data)

        assert (sink.current().tokensPerSecond, sink.current().timeToFirstToken) == (0, "N/A")
        await piece(10.5, delta(thinking="x" * 40))
        half = delta(partial_json="x" * 20)
        await piece(11.0, half[:15])
        await piece(11.4, half[15:] + delta(text="yes"))
        now = sink.current()
        assert (now.tokenCount, now.tokensPerSecond, now.timeToFirstToken) == (16, 16, "500ms")
        clock[0] = 11.9
        assert sink.current().tokensPerSecond == 6
        clock[0] = 13.0
        assert sink.current().tokensPerSecond == 0
        final = sink.final()
        assert final is not None
        assert (final.tokenCount, final.tokensPerSecond, final.duration) == (16, 11, "1.40s")
        sink.billed = 28
        final = sink.final()
        assert final is not None
        assert (final.tokenCount, final.tokensPerSecond) == (28, 20)
        assert b"".join(client.got) == delta(thinking="x" * 40) + half + delta(text="yes")

    asyncio.run(main())


def test_who_has_no_status_line_is_not_watched(tmp_path: Path) -> None:
    speed = TokenSpeed({"TMPDIR": str(tmp_path)}, lambda: 1.0)
    client = Client(direct=False)
    assert speed.watch(inbound("openai_chat"), client) is None
    assert speed.watch(inbound(session="../../etc/x"), client) is None


@pytest.mark.parametrize("spoil", ["link", "file"])
def test_a_folder_that_is_not_ours_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: str
) -> None:
    place = tmp_path / "claude-code-router"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if spoil == "link":
        place.symlink_to(elsewhere)
    else:
        place.write_text("")

    async def main() -> None:
        speed, sink = watched(tmp_path, Client(direct=False), [1.0])
        await sink.start(200, STREAM)
        await sink.send(delta(text="words"))
        speed.leave(sink)
        run = asyncio.get_running_loop().create_task(speed.run())
        await asyncio.sleep(0)
        run.cancel()
        await asyncio.wait({run})

    asyncio.run(main())
    assert list(elsewhere.iterdir()) == []
    assert "the speed of answers is not written" in caplog.text


def test_files_of_other_days_are_taken_away(tmp_path: Path) -> None:
    place = tmp_path / "claude-code-router"
    place.mkdir(mode=0o700)
    for name, age in (("session-old.json", 90_000), ("session-new.json", 10), ("other.json", 90_000)):
        (place / name).write_text("{}")
        os.utime(place / name, (time.time() - age,) * 2)

    async def main() -> None:
        speed = TokenSpeed({"TMPDIR": str(tmp_path)}, lambda: 1.0)
        run = asyncio.get_running_loop().create_task(speed.run())
        while (place / "session-old.json").exists():  # noqa: ASYNC110 - a thread takes it away
            await asyncio.sleep(0.01)
        run.cancel()
        await asyncio.wait({run})

    asyncio.run(main())
    assert sorted(one.name for one in place.iterdir()) == ["other.json", "session-new.json"]


NOTHING = {"tokenSpeed": "", "isStreaming": "", "streamingIndicator": "", "timeToFirstToken": ""}
SHOWN: list[tuple[float, dict[str, object], dict[str, str]]] = [
    (0.5, {"tokensPerSecond": 42, "timeToFirstToken": "850ms"},
     {"tokenSpeed": "42", "isStreaming": "streaming", "streamingIndicator": "[Streaming]", "timeToFirstToken": "850ms"}),
    (9, {"tokensPerSecond": 42, "timeToFirstToken": "1850ms"}, {**NOTHING, "timeToFirstToken": "1.9s"}),
    (0.5, {"tokensPerSecond": 0, "timeToFirstToken": "N/A"}, NOTHING),
    (0.5, {}, NOTHING),
]  # fmt: skip


@pytest.mark.parametrize(("age", "report", "words"), SHOWN)
def test_what_the_status_line_says(
    tmp_path: Path, age: float, report: dict[str, object], words: dict[str, str]
) -> None:
    assert fake(age, report, tmp_path) == words


@pytest.mark.parametrize("session", ["", "gone", "../claude-code-router/session-s1"])
def test_no_file_says_nothing(tmp_path: Path, session: str) -> None:
    fake(0, {"tokensPerSecond": 3}, tmp_path)
    assert speed_of(session, {"TMPDIR": str(tmp_path)}) == NOTHING
