"""The command as users run it, with nothing of this machine's environment.

A command that ends runs in this process, where all is loaded already: a process of its own takes half a
second. What a process is like (closed streams, a pipe's end, how little is loaded) is asked of ``alone``.
"""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

import pytest

from trunkline.cli import main

SOURCE = str(Path(__file__).parents[2] / "src")
STAYS = {"serve", "start", "restart", "launch", "code", "ui"}
"""Commands that stay, or leave a process behind: always in a process of their own."""


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Command:
    """Runs ``trunkline`` with a fresh HOME; ``apart``: always in a process of its own."""

    home: Path
    usual: dict[str, str] = field(default_factory=dict)
    apart: bool = False

    def environ(self, extra: dict[str, str]) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": SOURCE,
            **self.usual,
            **extra,
        }

    def __call__(self, *arguments: str, stdin: str = "", **environ: str) -> Result:
        if self.apart or (not STAYS.isdisjoint(arguments[:1]) and "--help" not in arguments):
            return self.alone(*arguments, stdin=stdin, **environ)
        given = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in "12")
        with (
            patch.dict(os.environ, self.environ(environ), clear=True),
            patch.multiple(sys, argv=["trunkline", *arguments], stdin=given, stdout=out, stderr=err),
            contextlib.chdir(self.home),
        ):
            code = ended()
        return told(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))

    def alone(self, *arguments: str, stdin: str = "", **environ: str) -> Result:
        """The same in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "trunkline", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            env=self.environ(environ),
            cwd=self.home,
            check=False,
        )
        return told(done.returncode, done.stdout, done.stderr)


def ended() -> int:
    """The exit code of the command line in ``sys.argv``."""
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def told(code: int, out: str, err: str) -> Result:
    assert "Traceback" not in out + err
    return Result(code, out, err)


@dataclass
class Running:
    """A gateway that serves."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return answer.read()

    def post(self, path: str, body: bytes) -> tuple[dict[str, str], bytes]:
        request = urllib.request.Request(self.url + path, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return {name.lower(): value for name, value in answer.headers.items()}, answer.read()

    def stop(self) -> tuple[int, str, str]:
        self.process.terminate()
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def command(tmp_path: Path) -> Command:
    home = tmp_path / "home"
    home.mkdir()
    return Command(home)


@pytest.fixture
def background(command: Command) -> Iterator[Command]:
    """``command`` for services: at the end none is left."""
    (command.home / "tl").mkdir()
    usual = {"TRUNKLINE_HOME": str(command.home / "tl"), "TRUNKLINE_START_TIMEOUT": "20"}
    yield replace(command, usual=usual, apart=True)
    for record in command.home.rglob("service.json"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(json.loads(record.read_text())["pid"], signal.SIGKILL)


@pytest.fixture
def serve(command: Command) -> Iterator[Callable[..., Running]]:
    """Starts a gateway and waits for its first answer."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environ: str) -> Running:
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "trunkline", "serve", "--port", str(port), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=command.environ(environ),
            cwd=command.home,
        )
        started.append(process)
        running = Running(process, port)
        wait_for(running)
        return running

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_for(running: Running) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert running.process.poll() is None, running.process.communicate()
        try:
            running.get("/readyz")
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("the gateway did not answer within 15 s")
