"""A clone of the repository as a user has it: a folder of its own, with nothing of this machine's environment."""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from seeds.serving import PATIENCE, ROOT, Answer, Server, send, serving

FILES = ("start_server.py", "server.py", ".env.example", "config.yaml.example", "src/utils/config.py")
LISTENS = r"(?:listens|running) on (http://[\d.]+:\d+)"


@dataclass(frozen=True)
class Proxy:
    """A server that was started in the clone, and what is asked of it."""

    server: Server

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def printed(self) -> str:
        return self.server.log

    @property
    def code(self) -> int | None:
        return self.server.code

    def post(self, path: str, body: object) -> Answer:
        """As ``requests.post(url, json=body)`` does."""
        return self.ask("POST", path, json.dumps(body), {"content-type": "application/json"})

    def ask(
        self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        return send(self.url, method, path, None if body is None else body.encode(), headers)

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
    def start(self, *command: str) -> Iterator[Proxy]:
        """A server, from its first answer to the end of the block; then it is told to stop, and ends well."""
        with serving(_command(command), LISTENS, self.folder, self.environment) as server:
            yield Proxy(server)


def _command(command: tuple[str, ...]) -> list[str]:
    if command[0] == "python":
        return [sys.executable, *command[1:]]
    return [sys.executable, "-m", *command]
