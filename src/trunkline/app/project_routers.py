"""The router of a session's project, laid over the configuration's: files that claude-code-router's users keep."""

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from trunkline.config.ccr.projects import decode_router
from trunkline.config.problems import ConfigurationError
from trunkline.routing.table import RoutingTable, overlaid

log: Final = logging.getLogger(__name__)

OTHERS: Final = frozenset({"logs", "plugins", "presets", "temp", ".huggingface"})
"""Folders beside the projects' that are none."""
LOOK_AGAIN: Final = 5.0
"""Seconds after which a session that had no project is looked for again: its agent writes the session down late."""
MAX_SESSIONS: Final = 1000


class _Kept(Struct, frozen=True):
    """A file as it was read last. ``table``: what it was laid over, and what came of it."""

    seen: tuple[int, int]
    base: RoutingTable
    table: RoutingTable | None


class ProjectRouters:
    """Finds them in ``home``, one folder a project; which session is of which project shows in ``sessions``."""

    def __init__(
        self, home: Path, sessions: Path, environ: Mapping[str, str], now: Callable[[], float]
    ) -> None:
        self._home = home
        self._sessions = sessions
        self._environ = environ
        self._now = now
        self._folders: tuple[str, ...] = ()
        self._looked = float("-inf")
        self._projects: dict[str, tuple[str | None, float]] = {}
        self._kept: dict[Path, _Kept] = {}

    @property
    def wanted(self) -> bool:
        """Whether any project has a folder, so that sessions have to be known."""
        if self._now() - self._looked >= LOOK_AGAIN:
            self._looked = self._now()
            self._folders = tuple(self._projects_here())
        return bool(self._folders)

    def _projects_here(self) -> Iterator[str]:
        try:
            entries = sorted(self._home.iterdir())
        except OSError:
            return
        for entry in entries:
            if entry.name not in OTHERS and entry.is_dir():
                yield entry.name

    def over(self, base: RoutingTable, session: str) -> tuple[RoutingTable, str] | None:
        """The table of the session's project and where it comes from; None where the configuration's own is in force.

        A file that cannot be used is told in the log and passed over.
        """
        project = self._project_of(session)
        if project is None:
            return None
        for name in (f"{session}.json", "config.json"):
            table = self._read(self._home / project / name, base)
            if table is not None:
                return table, f"{project}/{name}"
        return None

    def _project_of(self, session: str) -> str | None:
        known, when = self._projects.get(session, (None, float("-inf")))
        if known is not None or self._now() - when < LOOK_AGAIN:
            return known
        found = next(
            (name for name in self._folders if (self._sessions / name / f"{session}.jsonl").is_file()), None
        )
        if len(self._projects) >= MAX_SESSIONS:
            self._projects.clear()
        self._projects[session] = (found, self._now())
        return found

    def _read(self, path: Path, base: RoutingTable) -> RoutingTable | None:
        try:
            stat = path.stat()
        except OSError:
            return None
        seen = (stat.st_mtime_ns, stat.st_size)
        kept = self._kept.get(path)
        if kept is None or kept.seen != seen or kept.base is not base:
            kept = _Kept(seen, base, self._laid(path, base))
            if len(self._kept) >= MAX_SESSIONS:
                self._kept.clear()
            self._kept[path] = kept
        return kept.table

    def _laid(self, path: Path, base: RoutingTable) -> RoutingTable | None:
        names = {name: name for name in base.providers.values()}
        try:
            routes = decode_router(path.read_text("utf-8"), str(path), self._environ, names)
        except (OSError, UnicodeDecodeError, ConfigurationError) as error:
            log.warning("a project's router is not used: %s", error)
            return None
        return overlaid(base, routes) if routes else None
