"""A program that serves, started as a user starts it, and the requests that go to it."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds that anything a process has to do may take on a slow machine."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> dict[str, object]:
        value = json.loads(self.body)
        assert isinstance(value, dict), self.body
        return value

    @property
    def events(self) -> list[bytes]:
        """The frames of a stream, framing checked to the byte."""
        assert self.body.endswith(b"\n\n"), self.body[-100:]
        return self.body.removesuffix(b"\n\n").split(b"\n\n")

    @property
    def said(self) -> str:
        """``response["content"][0]["text"]``, as the examples have it."""
        return str(json.loads(self.body)["content"][0]["text"])

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, and type and message of the error."""
        error = json.loads(self.body)["error"]
        return self.status, error["type"], error["message"]


def send(url: str, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
    """One request on a connection of its own, with no header that is not given."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


def ask(
    url: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """A request with a JSON body, or none."""
    data = None if body is None else json.dumps(body).encode()
    return send(url, method, path, data, {"content-type": "application/json", **(headers or {})})


@dataclass
class Server:
    """A program that serves; ``lines`` grow with what it prints, ``code`` is how it ended."""

    process: subprocess.Popen[str]
    url: str = ""
    lines: list[str] = field(default_factory=list)
    code: int | None = None

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends it, and a shell that holds it; the exit code."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        self.code = self.process.wait(PATIENCE)
        return self.code

    def read(self, listens: str, told: threading.Event) -> None:
        """Keep what it prints; ``told`` when a line has said where it listens, or none will."""
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self.lines.append(text)
            if not self.url and (match := re.search(listens, text)):
                self.url = match[1].replace("0.0.0.0", "127.0.0.1")
                told.set()
        told.set()


@contextlib.contextmanager
def serving(
    command: Sequence[str], listens: str, folder: Path, environ: Mapping[str, str]
) -> Iterator[Server]:
    """A server, from its first answer to the end of the block; ``listens`` is the pattern its URL stands in."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    server, told = Server(process), threading.Event()
    reader = threading.Thread(target=server.read, args=(listens, told), daemon=True)
    reader.start()
    try:
        told.wait(PATIENCE)
        assert server.url, f"{command} does not serve:\n{server.log}"
        eventually(lambda: _answers(server.url))
        yield server
    finally:
        try:
            server.stop()
        except subprocess.TimeoutExpired:
            server.stop(signal.SIGKILL)
            raise
        finally:
            reader.join(PATIENCE)
            assert process.stdout is not None
            process.stdout.close()


def _answers(url: str) -> bool:
    try:
        return ask(url, "GET", "/livez").status == 200
    except OSError:
        return False


def eventually(holds: Callable[[], bool]) -> None:
    """Waits for something that happens in another process. Raises AssertionError after a minute."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not happen within a minute"
        time.sleep(0.02)
