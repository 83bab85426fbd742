"""``/api/logs``: the service's own log files, by name, and no other file."""

import asyncio
import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from trunkline.app.admin.answers import answer, done, parameter, refuse
from trunkline.app.log_files import log_files
from trunkline.server.admin import AdminAnswer, AdminCall

NAME: Final = re.compile(r"ccr-[0-9A-Za-z_-]{1,64}\.log")
MOST: Final = 4 * 1024 * 1024
"""Bytes of a file that are shown: its end."""
_NO_FILES: Final = (
    "This gateway writes its log to standard error: only one that trunkline start began has log files."
)


class LogRoutes:
    """``folder``: where the files are; None: there are none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    async def files(self, call: AdminCall) -> AdminAnswer:
        """All of them, the newest first. ``path`` is what the other routes take as ``file``: the name."""
        return answer(await asyncio.to_thread(self._listed))

    async def read(self, call: AdminCall) -> AdminAnswer:
        """The lines of one, or of the newest."""
        return answer(await asyncio.to_thread(self._lines, parameter(call.query, "file")))

    async def clear(self, call: AdminCall) -> AdminAnswer:
        """Empty one, or the newest."""
        await asyncio.to_thread(self._truncate, parameter(call.query, "file"))
        return done("Logs cleared successfully")

    def _listed(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        for file in reversed(log_files(self._folder) if self._folder is not None else []):
            status = file.lstat()
            if NAME.fullmatch(file.name) and stat.S_ISREG(status.st_mode):
                changed = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="milliseconds")
                entry = {"name": file.name, "path": file.name, "size": status.st_size}
                found.append({**entry, "lastModified": changed.replace("+00:00", "Z")})
        return found

    def _lines(self, name: str | None) -> list[str]:
        with os.fdopen(self._open(name, os.O_RDONLY), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - MOST))
            data = file.read(MOST)
        if size > MOST:  # begin with a whole line
            data = data.partition(b"\n")[2]
        return [line for line in data.decode("utf-8", "replace").splitlines() if line.strip()]

    def _truncate(self, name: str | None) -> None:
        descriptor = self._open(name, os.O_WRONLY)
        try:
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def _open(self, name: str | None, flags: int) -> int:
        """A descriptor of a log file. Raises GatewayError for any other file."""
        if self._folder is None:
            refuse(404, _NO_FILES)
        if name is None:
            listed = self._listed()
            if not listed:
                refuse(404, "There is no log file yet.")
            name = str(listed[0]["name"])
        if not NAME.fullmatch(name):
            refuse(400, "A log file is named as GET /api/logs/files lists it, without a path.")
        try:
            # Links are not followed: the name alone must be the file.
            descriptor = os.open(self._folder / name, flags | getattr(os, "O_NOFOLLOW", 0) | os.O_NONBLOCK)
        except FileNotFoundError:
            refuse(404, f"There is no log file {name}.")
        except OSError:
            refuse(403, f"{name} is not a log file of this gateway.")
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            refuse(403, f"{name} is not a log file of this gateway.")
        return descriptor
