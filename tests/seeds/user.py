"""A user with a shell: a home, a folder of their own, and the commands that a document has them type."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seeds.serving import PATIENCE, ROOT, Server, serving


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


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
        script = "\n".join([*before, f"exec {last}"])
        with serving(["bash", "-c", script], listens, self.folder, {**self.variables, **environ}) as server:
            yield server


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
