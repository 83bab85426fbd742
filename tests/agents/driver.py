"""Runs Claude Code once, headless, in a home and a folder of its own, with nothing else of this machine."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TOOLS = ("Agent", "Bash", "Edit", "Glob", "Grep", "Read", "Task", "Write")
QUIET = {
    "DISABLE_TELEMETRY": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended. ``result`` is the final text of the agent."""

    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def summary(self) -> dict[str, object]:
        """The JSON that ``--output-format json`` ends with."""
        value = json.loads(self.stdout.strip().splitlines()[-1])
        assert isinstance(value, dict), self.stdout
        return value

    @property
    def result(self) -> str:
        return str(self.summary.get("result"))

    @property
    def session(self) -> str:
        return str(self.summary["session_id"])

    def __str__(self) -> str:
        return f"exit {self.code} after {self.seconds:.1f} s\n{self.stdout[-4000:]}\n{self.stderr[-2000:]}"


@dataclass(frozen=True, slots=True)
class Claude:
    """One user of Claude Code: an executable, a home, a work folder, and where the model is."""

    executable: Path
    home: Path
    folder: Path
    base_url: str
    key: str
    model: str
    environment: dict[str, str] = field(default_factory=dict)
    tools: tuple[str, ...] = TOOLS

    def run(self, prompt: str, *options: str, timeout: float = 120.0, stdin: str | None = None) -> Run:
        """One ``claude -p``. Raises TimeoutExpired after killing everything it started."""
        started = time.monotonic()
        with self.started(*([prompt] if stdin is None else []), options=options) as process:
            out, error = process.communicate(stdin, timeout=timeout)
        return Run(process.returncode, out, error, time.monotonic() - started)

    @contextlib.contextmanager
    def started(self, *prompt: str, options: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
        """The running agent; at the end nothing it started is left. Without a prompt it reads stdin."""
        command = [str(self.executable), "-p", *prompt]
        command += ["--model", self.model, "--output-format", "json", *options]
        command += ["--permission-mode", "acceptEdits", "--allowedTools", ",".join(self.tools)]
        process = subprocess.Popen(
            command,
            env=self._environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL if prompt else subprocess.PIPE,
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

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": self.base_url,
            "ANTHROPIC_AUTH_TOKEN": self.key,
            **QUIET,
            **self.environment,
        }
