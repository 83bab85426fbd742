"""claude-code-router itself: the pinned release, alone with a home of its own, on loopback only."""

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from agents.install import npm_commands, npm_script
from beside.provider import Provider
from beside.rows import Row, settle
from beside.seen import Given, Seen, sent_of
from standin.server import Server
from standin.service import Service
from standin.wire import Received

HERE = Path(__file__).parent
SCRIPT = "@musistudio/claude-code-router/dist/cli.js"
PATIENCE = 60.0
"""Seconds for a start or an answer on a busy machine."""
_PLACE = re.compile(r"https?://([a-zA-Z0-9.:-]+)")
_FRAME = re.compile(r"(?:\\n    at [^\\\"]*)+")
"""Where it was when it failed, which it tells its clients: of its paths only that there were some is kept."""
_EVERYWHERE = re.compile(r"""(HOST"?: *['"])0\.0\.0\.0""")


class Router:
    """A running claude-code-router whose providers are one stand-in."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key

    def run(self, row: Row, provider: Provider) -> Seen:
        """What it asks the provider for this row, and what its client gets."""
        provider.answers, provider.requests = row.answers, []
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
            headers |= {"authorization": f"Bearer {self._key}"} if self._key else {}
            connection.request("POST", f"{row.path}?beta=true", json.dumps(row.body()).encode(), headers)
            answer = connection.getresponse()
            got = Given(answer.status, _FRAME.sub(r"\\n    at its code", answer.read().decode()))
        finally:
            connection.close()
        return Seen([sent_of(request) for request in provider.requests], got)


def _moved_back(request: Received) -> Received:
    """The request as if the provider's own host had been asked."""
    _, request.host, rest = request.target.split("/", 2)
    request.target = f"/{rest}"
    return request


@contextlib.contextmanager
def router(config: str, folder: Path, provider: Provider, environ: Mapping[str, str]) -> Iterator[Router]:
    """claude-code-router on one configuration: its own, but for the providers' addresses."""
    home = folder / config / "home"
    settle(home, config)
    with Server(
        cast(Service, provider), lambda received: provider.answer(_moved_back(received))
    ) as standin:
        folder = home / ".claude-code-router"
        for file in folder.rglob("*.json"):
            text = _PLACE.sub(rf"http://127.0.0.1:{standin.port}/\1", file.read_text())
            file.write_text(_EVERYWHERE.sub(r"\g<1>127.0.0.1", text))
        key = environ["GATEWAY_KEY"] if "GATEWAY_KEY" in (folder / "config.json").read_text() else ""
        with _started(home, environ) as port:
            yield Router(port, key)


@contextlib.contextmanager
def _started(home: Path, environ: Mapping[str, str]) -> Iterator[int]:
    command = [str(npm_commands() / "node"), str(npm_script(HERE, SCRIPT)), "start"]
    log = home / "printed.log"
    for _ in range(5):  # the port may be taken before it listens
        port = _free_port()
        variables = {**environ, "HOME": str(home), "TMPDIR": str(home), "SERVICE_PORT": str(port)}
        with log.open("wb") as printed:
            process = subprocess.Popen(
                command,
                env={"PATH": os.defpath, **variables},
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
        with process:
            try:
                if _answers(process, port):
                    yield port
                    return
            finally:
                process.kill()
    raise AssertionError(f"claude-code-router did not start:\n{log.read_text()}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Waits for its first answer; False when it has ended instead."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
