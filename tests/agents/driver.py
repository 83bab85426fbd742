"""Runs Claude Code once, headless, in a home and a folder of its own, with nothing else of this machine."""

import json
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from agents import process
from agents.process import Run
from agents.programs.claude import QUIET

TOOLS = ("Agent", "Bash", "Edit", "Glob", "Grep", "Read", "Task", "Write")


@dataclass(frozen=True, slots=True)
class ClaudeRun(Run):
    """How a run of Claude Code ended. ``result`` is the final text of the agent."""

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

    def run(
        self, prompt: str, *options: str, timeout: float = 120.0, stdin: str | None = None
    ) -> ClaudeRun:
        """One ``claude -p``. Raises TimeoutExpired after killing everything it started."""
        command = self._command(*([prompt] if stdin is None else []), options=options)
        ended = process.run(command, self.folder, self._environment(), timeout=timeout, stdin=stdin)
        return ClaudeRun(ended.code, ended.stdout, ended.stderr, ended.seconds)

    def started(self, prompt: str) -> AbstractContextManager[subprocess.Popen[str]]:
        """The running agent; at the end nothing it started is left."""
        return process.started(self._command(prompt), self.folder, self._environment())

    def _command(self, *prompt: str, options: Sequence[str] = ()) -> list[str]:
        """Without a prompt it reads stdin."""
        command = [str(self.executable), "-p", *prompt]
        command += ["--model", self.model, "--output-format", "json", *options]
        return [*command, "--permission-mode", "acceptEdits", "--allowedTools", ",".join(self.tools)]

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
