"""The gateway as users run it: ``trunkline serve`` on a configuration file, as its own process."""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_LISTENS = re.compile(r"listens on (http://\S+)")
NOTHING: Mapping[str, str] = {}
SOURCE = Path(__file__).parent.parent.parent / "src"


@dataclass(slots=True)
class Gateway:
    """A running gateway. ``log`` grows with what it prints."""

    home: Path
    config: Path | None = None
    url: str = ""
    lines: list[str] = field(default_factory=list)
    code: int | None = None

    @property
    def log(self) -> str:
        return "".join(self.lines)


@contextlib.contextmanager
def serve(config: str, folder: Path, environment: Mapping[str, str] = NOTHING) -> Iterator[Gateway]:
    """A gateway on this configuration; ``environment`` is what it knows beside it."""
    path = folder / "trunkline.yaml"
    path.write_text(config)
    with _started(["--config", str(path)], folder, environment) as gateway:
        gateway.config = path
        yield gateway


@contextlib.contextmanager
def serve_bare(folder: Path, environment: Mapping[str, str] = NOTHING) -> Iterator[Gateway]:
    """A gateway without configuration; ``environment`` is all that it knows."""
    with _started([], folder, environment) as gateway:
        yield gateway


@contextlib.contextmanager
def _started(
    options: Sequence[str], folder: Path, environment: Mapping[str, str] = NOTHING
) -> Iterator[Gateway]:
    """Starts the gateway on a free port and stops it with SIGTERM; a failed stop is an error."""
    home = folder / "gateway-home"
    home.mkdir()
    env = {"HOME": str(home), "TRUNKLINE_HOME": str(home), "PATH": os.defpath, "PYTHONPATH": str(SOURCE)}
    process = subprocess.Popen(
        [sys.executable, "-m", "trunkline", "serve", "--port", "0", *options],
        env={**env, "PYTHONUNBUFFERED": "1", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    gateway, ready = Gateway(home), threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            gateway.lines.append(line)
            if not gateway.url and (match := _LISTENS.search(line)):
                gateway.url = match[1]
                ready.set()
        ready.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        ready.wait(15)
        assert gateway.url, f"The gateway did not start:\n{gateway.log}"
        yield gateway
    finally:
        process.terminate()
        try:
            gateway.code = process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            reader.join(5)
            assert process.stdout is not None
            process.stdout.close()
