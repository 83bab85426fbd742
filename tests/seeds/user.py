"""A user with a shell: a home, a folder of their own, and the commands that a document has them type."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds that a command or a start may take on a slow machine."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

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


def ask(
    url: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """One request on a connection of its own."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=PATIENCE)
    try:
        data = None if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json", **(headers or {})}
        connection.request(method, path, data, sent)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


@dataclass(slots=True)
class Server:
    """A program that serves; ``lines`` grow with what it prints."""

    process: subprocess.Popen[str]
    url: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends it, the shell that holds it too; the exit code."""
        os.killpg(self.process.pid, number)
        return self.process.wait(PATIENCE)


@dataclass(frozen=True, slots=True)
class User:
    """Types commands. ``environ`` is all that the shell knows beside HOME and PATH."""

    home: Path
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        path = f"{self.home / 'bin'}:{os.environ.get('PATH', os.defpath)}"
        return {
            "HOME": str(self.home),
            "PATH": path,
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            **self.environ,
        }

    def command(self, name: str, *arguments: str) -> None:
        """Puts a command on the user's PATH."""
        quoted = " ".join(f"'{argument}'" for argument in arguments)
        place = self.home / "bin" / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n')
        place.chmod(0o755)

    def types(self, line: str, **environ: str) -> Ran:
        """One line, or a script of several, to its end."""
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env={**self.variables, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def starts(self, line: str, listens: str, **environ: str) -> Iterator[Server]:
        """Lines of which the last one serves until it is stopped; ``listens`` is the pattern that its URL stands in."""
        *before, last = line.splitlines()
        process = subprocess.Popen(
            ["bash", "-c", "\n".join([*before, f"exec {last}"])],
            cwd=self.folder,
            env={**self.variables, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        server, told = Server(process), threading.Event()

        def read() -> None:
            assert process.stdout is not None
            for text in process.stdout:
                server.lines.append(text)
                if not server.url and (match := re.search(listens, text)):
                    server.url = match[1]
                    told.set()
            told.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            told.wait(PATIENCE)
            assert server.url, f"{line} does not serve:\n{server.log}"
            eventually(lambda: _answers(server.url))
            yield server
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
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


def make_user(tmp_path: Path, environ: Mapping[str, str] | None = None) -> User:
    """A user with nothing but Trunkline and the Python that it is installed for."""
    home, folder = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    folder.mkdir()
    user = User(home, folder, {"PYTHONPATH": str(ROOT / "src"), **(environ or {})})
    for name in ("python", "python3"):
        user.command(name, sys.executable)
    user.command("trunkline", sys.executable, "-m", "trunkline")
    return user


@contextlib.contextmanager
def router_user(tmp_path: Path) -> Iterator[User]:
    """Somebody with the command ``ccr``; no service of theirs is left behind."""
    user = make_user(tmp_path, {"TRUNKLINE_START_TIMEOUT": "60", "SHELL": "/bin/bash"})
    assert user.types(f"trunkline ccr-alias install --folder '{user.home / 'bin'}'").code == 0
    try:
        yield user
    finally:
        for record in tmp_path.rglob("service.json"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(json.loads(record.read_text())["pid"], signal.SIGKILL)


def started(user: User, **environ: str) -> str:
    """``ccr start``; the service's URL."""
    ran = user.types("ccr start", **environ)
    assert ran.code == 0, ran.err
    return running(user, **environ)


def running(user: User, **environ: str) -> str:
    told = json.loads(user.types("ccr status --json", **environ).out)
    assert told["running"] is True
    return f"http://{told['host']}:{told['port']}"
