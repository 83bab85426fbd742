"""Runs a program once, without a terminal, in an environment that has nothing else of this machine."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended."""

    code: int
    stdout: str
    stderr: str
    seconds: float

    def __str__(self) -> str:
        return f"exit {self.code} after {self.seconds:.1f} s\n{self.stdout[-4000:]}\n{self.stderr[-2000:]}"


@contextlib.contextmanager
def started(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, stdin: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[str]]:
    """The running program; at the end nothing it started is left."""
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def run(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    timeout: float = 120.0,
    stdin: str | None = None,
) -> Run:
    """One run to its end. Raises TimeoutExpired after killing everything it started."""
    begun = time.monotonic()
    source = subprocess.DEVNULL if stdin is None else subprocess.PIPE
    with started(command, folder, environment, stdin=source) as process:
        out, error = process.communicate(stdin, timeout=timeout)
    return Run(process.returncode, out, error, time.monotonic() - begun)
