"""``/preset/NAME/...``: every installed preset as a gateway of its own behind the one address (ccr.md 4.1)."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote

from trunkline.app.preset_source import Stamp, preset_configuration, stamp
from trunkline.config.presets.manifest import PresetError
from trunkline.config.presets.store import preset_folder
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, Server
from trunkline.core.errors import GatewayError, Kind
from trunkline.server.application import Application
from trunkline.server.asgi import Receive, Scope, Send
from trunkline.server.ports import Takeover
from trunkline.server.routes import match, unknown_path

log: Final = logging.getLogger(__name__)

PREFIX: Final = b"/preset/"
_ONCE: Final = frozenset({"preset", "page", "session"})
"""What is at the root only, beside administration."""


class Served(Protocol):
    """A gateway, as the composition makes it."""

    def application(self) -> Application: ...
    async def startup(self) -> None: ...
    async def shutdown(self) -> None: ...


class _Namespace:
    """One preset at work. It ends when it is retired and the last of its requests has been answered."""

    def __init__(self, gateway: Served, seen: Stamp, tasks: asyncio.TaskGroup) -> None:
        self.seen = seen
        self._application = gateway.application()
        self._gateway = gateway
        self._active = 0
        self._retired = False
        self._failure: Exception | None = None
        self._over = asyncio.Event()
        self._ready = asyncio.Event()
        self.task = tasks.create_task(self._live())

    async def _live(self) -> None:
        try:
            await self._gateway.startup()
        except Exception as cause:  # noqa: BLE001 - a preset that does not start must not end everything
            self._failure = cause
            return
        finally:
            self._ready.set()
        await self._over.wait()
        await self._gateway.shutdown()

    async def started(self) -> None:
        """Wait until it works. Raises whatever kept it from that."""
        await self._ready.wait()
        if self._failure is not None:
            raise self._failure

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._active += 1
        try:
            await self._application(scope, receive, send)
        finally:
            self._active -= 1
            self._settle()

    def retire(self) -> None:
        """End once nothing is under way."""
        self._retired = True
        self._settle()

    def end(self) -> None:
        """End now."""
        self._over.set()

    def _settle(self) -> None:
        if self._retired and not self._active:
            self._over.set()


class Namespaces:
    """The presets that somebody has asked for, each made then, and made anew when its files have changed."""

    def __init__(
        self,
        make: Callable[[Configuration], Served],
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
