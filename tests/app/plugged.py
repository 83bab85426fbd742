"""Gateways with the user's own code in them: the fixtures' plugins beside a configuration, and clients to ask."""

import json
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from app.whole import Asked, Reply, Upstream, through
from trunkline.relay.ports import ExchangeRecord

FIXTURES = Path(__file__).parents[1] / "fixtures" / "plugins"
WORDS = "Good words, ありがとう"


def installed(folder: Path) -> Path:
    """The fixtures' files in a folder of their own, with a package that one of them needs."""
    if shutil.which("node") is None:
        pytest.fail("These tests need Node.js: install it (.ci/run does).")
    home = folder / "plugins"
    shutil.copytree(FIXTURES, home, dirs_exist_ok=True)
    package = home / "node_modules" / "uuid"
    package.mkdir(parents=True, exist_ok=True)
    (package / "index.js").write_text('exports.v4 = () => "11111111-2222-4333-8444-555555555555";\n')
    return home


def router_file(
    url: str,
    home: Path,
    files: Sequence[tuple[str, dict[str, object]]],
    use: object,
    **more: object,
) -> str:
    """claude-code-router's configuration: one provider ``up`` with the model ``m``."""
    return json.dumps(
        {
            "transformers": [{"path": str(home / name), "options": options} for name, options in files],
            "Providers": [
                {
                    "name": "up",
                    "api_base_url": url,
                    "api_key": "key-of-up",
                    "models": ["m"],
                    "transformer": use,
                }
            ],
            "Router": {"default": "up,m"},
            **more,
        }
    )


class Answered(NamedTuple):
    """An answer of the gateway as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        return msgspec.json.decode(self.body, type=dict[str, object])

    @property
    def text(self) -> str:
        """The words in an answer in Messages, whole or streamed."""
        if self.headers["content-type"].startswith("application/json"):
            content = json.loads(self.body)["content"]
            return "".join(part["text"] for part in content if part["type"] == "text")
        events = [
            json.loads(line[5:]) for line in self.body.decode().split("\n") if line.startswith("data:")
        ]
        assert events[-1]["type"] == "message_stop", self.body
        deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
        return "".join(delta.get("text", "") for delta in deltas)


def post(url: str, path: str, body: dict[str, object], headers: dict[str, str] | None = None) -> Answered:
    data = json.dumps(body).encode()
    sent = {"content-type": "application/json", **(headers or {})}
    request = urllib.request.Request(url + path, data, sent)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Answered(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answered(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


def asking(text: str = "go", *, stream: bool = False, **more: object) -> dict[str, object]:
    """A body in Messages as Claude Code's."""
    return {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "stream": stream,
        "messages": [{"role": "user", "content": text}],
        **more,
    }


def ask(url: str, text: str = "go", *, stream: bool = False, **more: object) -> Answered:
    session = {"x-claude-code-session-id": "session-1"}
    return post(url, "/v1/messages", asking(text, stream=stream, **more), session)


def chat_answer(text: str = WORDS) -> bytes:
    return json.dumps(
        {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            ],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        }
    ).encode()


def chat_stream(pieces: Sequence[str]) -> list[bytes]:
    def frame(delta: dict[str, str], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        body = {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [choice],
        }
        return f"data: {json.dumps(body)}\n\n".encode()

    frames = [frame({"role": "assistant", "content": piece}, None) for piece in pieces]
    return [*frames, frame({}, "stop"), b"data: [DONE]\n\n"]


def chat_reply(asked: Asked) -> Reply:
    """A chat provider that answers with the same words, whole or streamed."""
    return chat_stream(list(WORDS)) if asked.body.get("stream") else chat_answer()


def header(asked: Asked, name: str) -> str | None:
    """A header as the upstream got it."""
    for line in asked.head.decode("latin-1").split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.lower() == name:
            return value.strip()
    return None


Ran = tuple[Answered, Upstream, list[ExchangeRecord]]


def run(
    folder: Path,
    config: Callable[[str], str],
    client: Callable[[str], Answered],
    answer: Callable[[Asked], Reply] = chat_reply,
) -> Ran:
    """One gateway for one test; ``config`` is made from the upstream's URL."""
    return through(answer, config, folder, client)


def state_of(process: int) -> tuple[str, int]:
    """A process's state and its parent, by the system's own table; X when it is not there."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "X", 0
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


def helpers_of(parent: int) -> list[int]:
    """The processes that a process has started."""
    everyone = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [process for process in everyone if state_of(process)[1] == parent]


def wait_for_the_end_of(process: int) -> None:
    """What nobody has buried yet has ended too."""
    deadline = time.monotonic() + 60
    while state_of(process)[0] not in ("X", "Z"):
        assert time.monotonic() < deadline, "the helper is still there"
        time.sleep(0.02)


class TokenService:
    """Gives out access tokens and counts them."""

    def __init__(self) -> None:
        self.given = 0
        self.asked: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                service.asked.append(self.rfile.read(length).decode())
                service.given += 1
                body = json.dumps({"access_token": f"fresh-{service.given}", "expires_in": 3600}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"

    def running(self) -> Iterator["TokenService"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


@pytest.fixture
def tokens() -> Iterator[TokenService]:
    yield from TokenService().running()
