"""Where the gateway's own messages and the lines of its exchanges go: stderr, or the files of a service."""

import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from trunkline.app.log_files import LogFiles
from trunkline.app.recorder import LineRecorder, write_stderr
from trunkline.relay.ports import ExchangeRecord
from trunkline.relay.record_line import json_line, text_line

FOLDER_VARIABLE: Final = "TRUNKLINE_LOG_FOLDER"
"""Set by a service for itself and its worker processes: they log to files there, one JSON object a line."""


def configure_logging(environ: Mapping[str, str] = os.environ) -> None:
    """Warnings of everything and our own notes to stderr, one line each."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if environ.get(FOLDER_VARIABLE):
        for handler in logging.getLogger().handlers:
            handler.setFormatter(_JsonLines())
    logging.getLogger("trunkline").setLevel(logging.INFO)


def log_to_files(folder: Path) -> None:
    """Have everything that this process and its workers print go to a new file in ``folder``. Raises OSError."""
    LogFiles(folder).begin()
    os.environ[FOLDER_VARIABLE] = str(folder)


def exchange_log(environ: Mapping[str, str]) -> LineRecorder:
    """Where the lines of exchanges go in this process."""
    folder = environ.get(FOLDER_VARIABLE)
    return (
        LineRecorder(_dated, LogFiles(Path(folder)).write)
        if folder
        else LineRecorder(text_line, write_stderr)
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _dated(record: ExchangeRecord) -> str:
    """The line of one exchange with the time of its end."""
    return f'{{"time":"{_now()}",{json_line(record)[1:].decode()}'


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One JSON object; a traceback is one of its fields."""
        fields = {
            "time": _now(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(fields).decode()
