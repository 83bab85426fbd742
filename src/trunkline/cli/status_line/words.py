"""What the modules of a status line may say: ``{{name}}`` in their text, by claude-code-router's names."""

import json  # noqa: TID251 - msgspec takes 37 of the 50 ms that a status line has to load, this 7
import os
import time
from collections.abc import Mapping
from typing import Final, cast

from trunkline.config.speed_files import FRESH, speed_file, speed_folder

TAIL: Final = 262_144
"""Bytes of the transcript's end in which the last answer is looked for."""

Words = dict[str, str]
Table = Mapping[str, object]


def words_of(status: Table, usual_model: str, environ: Mapping[str, str]) -> Words:
    """All variables from what Claude Code says on stdin; what is unknown is empty.

    ``usual_model`` is named while there is no answer yet whose transcript says who gave it.
    """
    folder = text(table(status, "workspace").get("current_dir")) or text(status.get("cwd"))
    answer = last_answer(text(status.get("transcript_path")))
    usage = table(answer, "usage")
    window, cost = table(status, "context_window"), table(status, "cost")
    added, removed = number(cost.get("total_lines_added")), number(cost.get("total_lines_removed"))
    known = {
        "workDirName": os.path.basename(folder.rstrip("/")),
        "gitBranch": git_branch(folder),
        "model": text(answer.get("model"))
        or usual_model
        or text(table(status, "model").get("display_name")),
        "inputTokens": thousands(number(usage.get("input_tokens"))),
        "outputTokens": thousands(number(usage.get("output_tokens"))),
        "contextPercent": percent(window),
        "contextWindowSize": thousands(number(window.get("context_window_size"))),
        "totalInputTokens": thousands(number(window.get("total_input_tokens"))),
        "totalOutputTokens": thousands(number(window.get("total_output_tokens"))),
        "cost": money(number(cost.get("total_cost_usd"))),
        "duration": duration(number(cost.get("total_duration_ms"))),
        "linesAdded": whole(added),
        "linesRemoved": whole(removed),
        "netLines": "" if added is None or removed is None else whole(added - removed),
        "version": text(status.get("version")),
        "sessionId": text(status.get("session_id"))[:8],
    }
    return {**known, **speed_of(text(status.get("session_id")), environ)}


def speed_of(session: str, environ: Mapping[str, str]) -> Words:
    """What is measured while answers come (``token_speed``); a speed is good for three seconds."""
    unsafe = os.sep in session or not session
    written = "" if unsafe else _read(os.path.join(speed_folder(environ), speed_file(session)))
    report: Table = decoded(written) if written else {}
    speed, at = number(report.get("tokensPerSecond")), number(report.get("timestamp")) or 0
    streams = bool(speed) and time.time() - at / 1000 <= FRESH
    waited = text(report.get("timeToFirstToken")).removesuffix("ms")
    return {
        "tokenSpeed": whole(speed) if streams else "",
        "isStreaming": "streaming" if streams else "",
        "streamingIndicator": "[Streaming]" if streams else "",
        "timeToFirstToken": brief(int(waited)) if waited.isdecimal() else "",
    }


def brief(milliseconds: int) -> str:
    """A short time: from one second on in seconds."""
    return f"{milliseconds}ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f}s"


def table(fields: Table, name: str) -> Table:
    """A table inside another one; empty when it is anything else."""
    value = fields.get(name)
    return cast("Table", value) if isinstance(value, dict) else {}


def text(value: object) -> str:
    """Text on one line; anything else is empty."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """A number; anything else is unknown."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def whole(value: float | None) -> str:
    return "" if value is None else str(int(value))


def thousands(value: float | None) -> str:
    """Tokens: from 1,000 on in thousands."""
    return whole(value) if value is None or value < 1000 else f"{value / 1000:.1f}k"


def money(value: float | None) -> str:
    """Dollars; less than one cent in cents."""
    if value is None:
        return ""
    return f"{value * 100:.2f}¢" if value < 0.01 else f"${value:.2f}"


def duration(milliseconds: float | None) -> str:
    """The largest two units."""
    if milliseconds is None:
        return ""
    seconds = int(milliseconds // 1000)
    if seconds < 60:
        return f"{seconds}s"
    minutes = seconds // 60
    return f"{minutes}m{seconds % 60}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60}m"


def percent(window: Table) -> str:
    """How much of the context is used, as Claude Code says or as its numbers do."""
    used = number(window.get("used_percentage"))
    if used is None:
        size = number(window.get("context_window_size"))
        current = table(window, "current_usage")
        parts = [number(current.get(name)) for name in current if name.endswith("input_tokens")]
        if not size or not parts:
            return ""
        used = 100 * sum(part or 0 for part in parts) / size
    return str(round(used))


def last_answer(transcript: str) -> Table:
    """The message of the last line in the transcript that a model wrote."""
    if not transcript:
        return {}
    try:
        with open(os.path.expanduser(transcript), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            lines = file.read().splitlines()
    except OSError:
        return {}
    for line in reversed(lines):
        if b'"assistant"' in line:
            message = table(decoded(line), "message")
            if message.get("role") == "assistant" and message.get("model") != "<synthetic>":
                return message
    return {}


def decoded(line: bytes | str) -> Table:
    """A JSON object; empty when it is none."""
    try:
        value: object = json.loads(line)
    except ValueError:
        return {}
    return cast("Table", value) if isinstance(value, dict) else {}


def git_branch(folder: str) -> str:
    """The branch that ``folder`` is on, or the first letters of the commit; read from git's files, without git."""
    while folder and folder != os.path.dirname(folder):
        git = os.path.join(folder, ".git")
        if os.path.isfile(git):  # a worktree or submodule
            named = _read(git).removeprefix("gitdir:").strip()
            git = os.path.join(folder, named)
        if os.path.isdir(git):
            head = _read(os.path.join(git, "HEAD")).strip()
            return head.removeprefix("ref: refs/heads/") if head.startswith("ref:") else head[:8]
        folder = os.path.dirname(folder)
    return ""


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(4096)
    except OSError:
        return ""
