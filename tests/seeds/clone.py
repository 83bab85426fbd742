"""A clone of the repository as a user has it: a folder of its own, with nothing of this machine's environment."""

import contextlib
import http.client
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
FILES = ("start_server.py", "server.py", ".env.example", "config.yaml.example", "src/utils/config.py")
PATIENCE = 60.0
"""Seconds for anything that a process has to do; machines of the tests are slow at times."""
LISTENS = re.compile(r"(?:listens|running) on (http://[\d.]+:\d+)")


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> dict[str, object]:
        found = json.loads(self.text)
        assert isinstance(found, dict), self.text
        return found

    @property
    def said(self) -> str:
        """``response["content"][0]["text"]``, as the examples have it."""
        return str(json.loads(self.text)["content"][0]["text"])

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, and type and message of the error."""
        error = json.loads(self.text)["error"]
        return self.status, error["type"], error["message"]


@dataclass
class Running:
    """A server that was started in the clone. ``lines`` grow with what it prints."""

    process: subprocess.Popen[str]
    url: str = ""
    lines: list[str] = field(default_factory=list)
    code: int | None = None

    @property
    def printed(self) -> str:
        return "".join(self.lines)

    def post(self, path: str, body: object) -> Answer:
        """As ``requests.post(url, json=body)`` does."""
        return self.ask("POST", path, json.dumps(body), {"content-type": "application/json"})

    def ask(
        self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
        try:
            connection.request(method, path, None if body is None else body.encode(), dict(headers))
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read().decode())
        finally:
            connection.close()

    def curl(self, command: str) -> Answer:
        """A ``curl`` command as the documents write it; only the port it goes to is this server's."""
        words = shlex.split(command.replace("\\\n", " "))
        assert words.pop(0) == "curl"
        method, headers, body, url = "", {"user-agent": "curl/8", "accept": "*/*"}, None, ""
        while words:
            word = words.pop(0)
            if word == "-X":
                method = words.pop(0)
            elif word == "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name.lower()] = value
            elif word == "-d":
                body = words.pop(0)
                headers.setdefault("content-type", "application/x-www-form-urlencoded")
            elif word == "-I":
                method = "HEAD"
            elif word != "-f":
                url = word
        return self.ask(method or ("GET" if body is None else "POST"), urlsplit(url).path, body, headers)


@dataclass
class Clone:
    """The folder, and what its user has exported."""

    folder: Path
    exported: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder.parent / "home"

    @property
    def environment(self) -> dict[str, str]:
        usual = {"HOME": str(self.home), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")}
        return {**usual, "PYTHONUNBUFFERED": "1", **self.exported}

    def copy(self, source: str, target: str) -> None:
        """``cp SOURCE TARGET``."""
        shutil.copy(self.folder / source, self.folder / target)

    def write(self, name: str, text: str) -> None:
        """Save a file, for its owner's eyes."""
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o600)

    def export(self, **variables: str) -> None:
        """``export NAME=value``, for whatever is started from now on."""
        self.exported |= variables

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command to its end; ``python`` is the one that runs this."""
        return subprocess.run(
            _command(command), cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    @contextlib.contextmanager
    def start(self, *command: str) -> Iterator[Running]:
        """A server, from its first answer to the end of the block; then it is told to stop, and ends well."""
        process = subprocess.Popen(
            _command(command), cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        running, ready = Running(process), threading.Event()
        reader = threading.Thread(target=_read, args=(running, ready), daemon=True)
        reader.start()
        try:
            ready.wait(PATIENCE)
            assert running.url, f"it did not start:\n{running.printed}"
            yield running
        finally:
            process.terminate()
            try:
                running.code = process.wait(PATIENCE)
            finally:
                process.kill()
                process.wait()
                reader.join(PATIENCE)
                assert process.stdout is not None
                process.stdout.close()


def _read(running: Running, ready: threading.Event) -> None:
    assert running.process.stdout is not None
    for line in running.process.stdout:
        running.lines.append(line)
        if not running.url and (match := LISTENS.search(line)):
            running.url = match[1].replace("0.0.0.0", "127.0.0.1")
            ready.set()
    ready.set()


def _command(command: tuple[str, ...]) -> list[str]:
    if command[0] == "python":
        return [sys.executable, *command[1:]]
    return [sys.executable, "-m", *command]


def until(holds: Callable[[], bool]) -> None:
    """Wait for what another process does in its own time."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
