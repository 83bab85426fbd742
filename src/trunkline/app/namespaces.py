"""``/preset/NAME/...``: every installed preset as a gateway of its own behind the one address (ccr.md 4.1)."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from trunkline.app.preset_source import Stamp, preset_configuration, stamp
from trunkline.config.presets.manifest import PresetError
from trunkline.config.presets.store import preset_folder
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, Server
from trunkline.core.errors import GatewayError, Kind
from trunkline.server.asgi import Receive, Scope, Send
from trunkline.server.ports import Takeover
from trunkline.server.routes import match, unknown_path
from trunkline.server.succession import Gateway, Running

log: Final = logging.getLogger(__name__)

PREFIX: Final = b"/preset/"
_ONCE: Final = frozenset({"preset", "page", "session"})
"""What is at the root only, beside administration."""


class _Namespace(Running):
    """One preset at work, as its files were when they were ``seen``."""

    def __init__(self, gateway: Gateway, seen: Stamp, tasks: asyncio.TaskGroup) -> None:
        super().__init__(gateway, tasks)
        self.seen = seen

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        application = self.application
        application.active += 1
        try:
            session = await application.answer(scope, receive, send)
            if session is not None:
                await session.run(application.relay)
        finally:
            application.active -= 1
            if application.when_quiet is not None and not application.active:
                application.when_quiet()


class Namespaces:
    """The presets that somebody has asked for, each made then, and made anew when its files have changed."""

    def __init__(
        self,
        make: Callable[[Configuration], Gateway],
        server: Server,
        environ: Mapping[str, str],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._tasks = tasks
        self._make = make
        self._server = server
        self._environ = environ
        self._served: dict[Path, _Namespace] = {}
        self._leaving: set[_Namespace] = set()
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Scope) -> Takeover:
        """Who answers a request below ``/preset/``, to be called at once. Raises GatewayError."""
        name, slash, below = scope["raw_path"].removeprefix(PREFIX).partition(b"/")
        inner = scope.copy()
        inner["raw_path"] = slash + below or b"/"
        found = match(inner["raw_path"], scope["query_string"])
        if found is not None and (found.route.role == "admin" or found.route.what in _ONCE):
            raise GatewayError(Kind.NOT_FOUND, unknown_path(scope["raw_path"]), should_retry=False)
        namespace = await self._find(unquote(name.decode("latin-1")))
        return partial(namespace.serve, inner)

    def end(self) -> None:
        """End all of them; the group of their tasks waits for that."""
        for namespace in (*self._served.values(), *self._leaving):
            namespace.end()

    async def _find(self, name: str) -> _Namespace:
        try:
            folder = preset_folder(name, self._environ)
        except PresetError as error:
            raise GatewayError(Kind.NOT_FOUND, str(error), should_retry=False) from None
        known = self._served.get(folder)
        if known is not None and known.seen == stamp(folder):
            return known
        async with self._loading:
            known = self._served.get(folder)
            seen = stamp(folder)
            if known is None or known.seen != seen:
                known = await self._load(name, folder, seen)
        return known

    async def _load(self, name: str, folder: Path, seen: Stamp) -> _Namespace:
        """The preset as its files say now, in the place of how it was."""
        try:
            configuration = await asyncio.to_thread(
                preset_configuration, folder, self._server, self._environ
            )
            new = _Namespace(self._make(configuration), seen, self._tasks)
            await new.started()
        except (PresetError, ConfigurationError) as error:
            log.warning("preset %s cannot be used: %s", name, error)
            message = f"The preset {name} cannot be used: {_without_paths(error)}"
            raise GatewayError(Kind.INTERNAL, message, should_retry=False) from None
        old = self._served.get(folder)
        self._served[folder] = new
        if old is not None:
            self._leaving.add(old)
            old.task.add_done_callback(lambda _: self._leaving.discard(old))
            old.retire()
        return new


def _without_paths(error: Exception) -> str:
    """The problems of a preset, by key: where its files are is for the log."""
    if not isinstance(error, ConfigurationError):
        return str(error)
    told = (f"{problem.key}: {problem.message}" for problem in error.problems)
    return "; ".join(text.removeprefix(": ") for text in told)
