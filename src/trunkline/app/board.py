"""The dashboard of a running gateway: what is kept for it, and what answers it, loaded when somebody looks."""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trunkline.config.schema import Configuration, Server
from trunkline.dashboard.records import Records
from trunkline.dashboard.session import Sessions, sessions_for
from trunkline.providers.provider import Provider
from trunkline.relay.course import Planner
from trunkline.relay.journal import Journal
from trunkline.relay.ports import Clock
from trunkline.relay.turns import Turns
from trunkline.routing.health import Health
from trunkline.routing.plan import Target
from trunkline.routing.table import RoutingTable
from trunkline.server.health import Status

if TYPE_CHECKING:
    from trunkline.dashboard.feed import Feeds
    from trunkline.dashboard.files import PageFile
    from trunkline.dashboard.local import Local
    from trunkline.dashboard.targets import TargetState
    from trunkline.dashboard.workers import Workers

log: Final = logging.getLogger(__name__)

FOLDER_VARIABLE: Final = "TRUNKLINE_WORKERS_FOLDER"
"""Set by the supervisor for its workers: where each of them listens to the others."""
SEVERAL_VARIABLE: Final = "TRUNKLINE_WORKERS"
"""Set by the supervisor for its workers: how many there are."""


class Seen(Struct, frozen=True, kw_only=True):
    """A gateway, as its dashboard looks at it."""

    configuration: Configuration
    providers: Mapping[str, Provider]
    health: Health
    turns: Turns
    clock: Clock
    board: "Board"
    table: Callable[[], RoutingTable]
    status: Callable[[], Status]
    plan: Planner
    mark: str = ""
    """Of the configuration file as it was read; see :func:`mark_of`."""


def page() -> "Mapping[str, PageFile]":
    """The page's files by name."""
    from trunkline.dashboard.files import page_files

    return page_files()


def mark_of(source: str) -> str:
    """Changes with a configuration file's content; empty where there is no file."""
    try:
        return hashlib.sha256(Path(source).read_bytes()).hexdigest()
    except OSError:
        return ""


class Board:
    """Lasts as long as its process; costs an exchange two entries in tables and does nothing by itself.

    ``above``: the one that shows what goes on at a gateway which stands beside its own.
    """

    def __init__(self, environ: Mapping[str, str], above: "Board | None" = None) -> None:
        self.live: dict[str, Journal] = {} if above is None else above.live
        self.seen: Seen | None = None
        """The gateway of the configuration that is in force."""
        self.records = Records()
        self.began = time.time()
        self.several = int(environ.get(SEVERAL_VARIABLE, "1"))
        """Workers of this gateway."""
        folder = environ.get(FOLDER_VARIABLE)
        self._folder = Path(folder) if folder else None
        self._sessions: SharedSessions | None = None
        self._local: Local | None = None
        self._workers: Workers | None = None
        self._feeds: Feeds | None = None

    def shows(self, workers: int) -> str:
        """What is shown, where so many workers have answered."""
        if workers >= self.several:
            return "all workers"
        return "this worker only" if workers == 1 else f"{workers} of {self.several} workers"

    @property
    def local(self) -> "Local":
        """What this process knows."""
        if self._local is None:
            from trunkline.dashboard.local import Local

            self._local = Local(self.live, self.records, self.targets, self._spend)
        return self._local

    @property
    def workers(self) -> "Workers":
        """All of them."""
        if self._workers is None:
            from trunkline.dashboard.workers import Workers

            self._workers = Workers(self.local, self._folder)
        return self._workers

    @property
    def feeds(self) -> "Feeds":
        """For pages that follow along."""
        if self._feeds is None:
            from trunkline.dashboard.feed import Feeds

            self._feeds = Feeds(self.local, self.workers)
        return self._feeds

    def targets(self) -> "list[TargetState]":
        """How each model at each provider is, as this process knows it."""
        from trunkline.dashboard.targets import target_states

        seen = self.seen
        if seen is None:
            return []
        known = [
            Target(provider, model)
            for provider, models in seen.table().deployments.items()
            for model in models.values()
        ]
        return target_states(known, seen.health, seen.turns, self.records, seen.clock.now())

    def sessions(self, server: Server) -> "SharedSessions | None":
        """Who signs browsers in; None where no key is wanted."""
        found, known = sessions_for(server, time.time), self._sessions
        if (
            found is None or known is None or found.name != known.name
        ):  # else the same key: used tickets stay used
            self._sessions = None if found is None else SharedSessions(found, self)
        return self._sessions

    def _spend(self, nonce: str) -> bool:
        return self._sessions is not None and self._sessions.spend_here(nonce)

    async def start(self) -> None:
        """Listen to the other workers, where there are any. That nobody can be heard is no reason not to serve."""
        if self._folder is None:
            return
        try:
            await self.workers.start()
        except OSError as error:  # somebody has tidied up the folder
            log.warning("the other workers cannot ask this one for the dashboard: %s", error)

    async def close(self) -> None:
        """Stop that."""
        if self._workers is not None:
            await self._workers.close()


class SharedSessions:
    """Sessions of which all workers know when one has ended. Implements :class:`trunkline.server.sign_in.Sessions`."""

    def __init__(self, sessions: Sessions, board: Board) -> None:
        self._board = board
        self.name = sessions.name
        self.cookie = sessions.cookie
        self.redeem = sessions.redeem
        self.session = sessions.session
        self.spend_here = sessions.spend

    async def spend(self, nonce: str) -> bool:
        """See :meth:`trunkline.dashboard.session.Sessions.spend`: in every worker."""
        from trunkline.dashboard.local import Question

        return all(await self._board.workers.ask(Question(verb="spend", about=nonce), bool))
