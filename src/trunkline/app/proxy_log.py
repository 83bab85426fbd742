"""``logs/server.log`` of the ``PROXY_BACKEND`` proxy: its events, one JSON object a line (databricks.md 7.3)."""

import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from trunkline.app.recorder import LineRecorder, write_stderr
from trunkline.config.proxy_backend.reader import AZURE
from trunkline.config.schema import ProxyBackend
from trunkline.relay.ports import ExchangeRecord
from trunkline.relay.record_line import clean

MOST: Final = 50_000_000
"""Bytes of the file; a full one is kept as ``server.log.1`` in place of the one before."""
QUIET: Final = frozenset({"WARNING", "ERROR", "CRITICAL"})
"""Levels at which only failures are written."""


def make_proxy_log(proxy: ProxyBackend) -> LineRecorder:
    """The recorder that writes the proxy's events: to its file where it has a folder, else to stderr."""
    write = (
        write_stderr if proxy.folder is None else LogFile(Path(proxy.folder) / "logs" / "server.log").write
    )
    return LineRecorder(lambda record: events(proxy, record), write)


def events(proxy: ProxyBackend, record: ExchangeRecord) -> str:
    """The events of one exchange, each on its line; no line end at the end. No bodies, no secrets."""
    name = (
        "Azure Databricks" if proxy.backend == AZURE and record.provider != "openrouter" else "OpenRouter"
    )
    routing: dict[str, object] = {
        "event": "🔄 Backend routing",
        "backend": proxy.backend,
        "model": clean(record.asked_model),
        "endpoint": clean(record.model or "-"),
    }
    if record.outcome == "ok":
        lines = [routing, _created(name, record)]
    else:
        lines = [routing, _failed(name, record)]
    if proxy.log_level in QUIET:
        lines = [line for line in lines if line.get("level") == "error"]
    return "\n".join(_encode(line, record) for line in lines)


def _created(name: str, record: ExchangeRecord) -> dict[str, object]:
    found: dict[str, object] = {"event": f"{name} message created successfully"}
    usage = record.usage
    if usage is not None and usage.output is not None:
        found["input_tokens"] = usage.input
        found["output_tokens"] = usage.output
        found["total_tokens"] = (usage.input or 0) + usage.output
        cached = {"cache_read_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write}
        found |= {key: value for key, value in cached.items() if value}
    return found


def _failed(name: str, record: ExchangeRecord) -> dict[str, object]:
    return {
        "event": f"{name} request failed",
        "status": record.status,
        "outcome": record.outcome,
        "error": clean(record.error or ""),
        "level": "error",
    }


def _encode(fields: dict[str, object], record: ExchangeRecord) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    rest = {"level": fields.pop("level", "info"), "request_id": record.request_id, "timestamp": now}
    return msgspec.json.encode({**fields, **rest}).decode()


class LogFile:
    """Appends whole lines; several processes may share it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._told = False

    def write(self, data: bytes) -> None:
        """Append. A file that cannot be written is told of once, and the lines go to stderr."""
        with self._lock:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                if self._file.exists() and self._file.stat().st_size > MOST:
                    self._file.replace(self._file.with_name(self._file.name + ".1"))
                descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                try:
                    os.write(descriptor, data)
                finally:
                    os.close(descriptor)
            except OSError as error:
                if not self._told:
                    self._told = True
                    write_stderr(f"{self._file} cannot be written: {error.strerror}\n".encode())
                write_stderr(data)
