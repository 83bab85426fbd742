"""The log of a background service: files by time, a new one each day and before one gets large, the newest kept."""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from trunkline.app.recorder import write_stderr

MOST: Final = 50_000_000
"""Bytes of one file."""
TRIES: Final = 1000
"""Files that may be begun in one second."""
KEPT: Final = 3
"""Files that are kept, as in claude-code-router."""


def log_files(folder: Path) -> list[Path]:
    """All log files, oldest first."""
    return sorted(folder.glob("ccr-*.log"), key=age)


def age(file: Path) -> tuple[str, int]:
    """The order of log files: by the second in which they were begun, then by their number in it."""
    stamp, _, number = file.stem.removeprefix("ccr-").partition("_")
    return stamp, int(number) if number.isdecimal() else 0


class LogFiles:
    """Stdout and stderr of this process, and of those it starts, as files in a folder.

    Whatever is printed goes there too: a crash is in the log. Several processes may share the folder: one
    that finds its file full goes on to the file that another has begun.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._file = next(reversed(log_files(folder)), None)

    def begin(self) -> None:
        """Write to a new file from now on. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        stamp = time.strftime("%Y%m%d%H%M%S")
        numbers = [age(file)[1] for file in log_files(self._folder) if age(file)[0] == stamp]
        for number in range(max(numbers, default=-1) + 1, TRIES):
            file = self._folder / (f"ccr-{stamp}_{number}.log" if number else f"ccr-{stamp}.log")
            with suppress(FileExistsError):
                self._take(file, os.O_CREAT | os.O_EXCL)
                break
        for old in log_files(self._folder)[:-KEPT]:
            with suppress(FileNotFoundError):
                old.unlink()

    def write(self, data: bytes) -> None:
        """Append whole lines. When the next file cannot be made, the present one goes on."""
        with self._lock, suppress(OSError):
            if not self._fits(self._file):
                self._go_on()
        write_stderr(data)

    def _fits(self, file: Path | None) -> bool:
        """Whether it is of today and not full."""
        if file is None or age(file)[0][:8] != time.strftime("%Y%m%d"):
            return False
        try:
            return file.stat().st_size < MOST
        except FileNotFoundError:
            return False

    def _go_on(self) -> None:
        newest = next(reversed(log_files(self._folder)), None)
        if newest is not None and self._fits(newest):
            self._take(newest, 0)
        else:
            self.begin()

    def _take(self, file: Path, flags: int) -> None:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | flags, 0o600)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.close(descriptor)
        self._file = file
