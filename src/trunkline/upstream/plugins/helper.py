"""The Node process that runs the user's JavaScript: started when it is needed, and again after it ended."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from trunkline.upstream.plugins.frames import Sent
from trunkline.upstream.plugins.link import HookFailed, HookLate, Link, start_link

log: Final = logging.getLogger(__name__)

LOADING: Final = 60.0
"""Seconds for a new process to load all files."""
RESPONSIVE: Final = 5.0
"""Seconds in which a process that does anything at all answers."""


class PluginOrder(Struct, frozen=True, kw_only=True):
    """One instance to be made: of which file, with which options. ``key`` is what calls name."""

    key: int
    file: str
    options: object
    name: str | None


class RouterOrder(Struct, frozen=True, kw_only=True):
    """A router to be loaded, and the configuration that it is given."""

    file: str
    settings: object


class Loaded(Struct, frozen=True, kw_only=True):
    """What became of an order."""

    name: str = ""
    hooks: frozenset[str] = frozenset()
    endpoint: str | None = None
    error: str | None = None


class _AllLoaded(Struct, frozen=True, kw_only=True):
    """What became of all orders; ``router`` says what is wrong with it."""

    plugins: tuple[Loaded, ...]
    router: str | None = None


class _Orders(Struct, frozen=True, kw_only=True):
    """What a process is told first; a part of it may come later."""

    plugins: Sequence[PluginOrder]
    router: RouterOrder | None
    environment: Mapping[str, str]


class NodeHelper:
    """Keeps one process. ``timeout`` is what one hook may take, in seconds. Close it in the end.

    ``environment``: what the user's code finds in ``process.env`` beside our own.
    """

    def __init__(
        self,
        node: str,
        *,
        router: RouterOrder | None,
        environment: Mapping[str, str],
        mask: Callable[[str], str],
        timeout: float,
    ) -> None:
        self._node = node
        self._router = router
        self._environment = environment
        self._mask = mask
        self._plugins: list[PluginOrder] = []
        self._changing = asyncio.Lock()
        self._links: list[Link] = []
        self.timeout = timeout

    async def load(self, plugins: Sequence[PluginOrder]) -> tuple[Loaded, ...]:
        """Load these now and whenever a process is started again. Raises HookFailed when Node does not work."""
        async with self._changing:
            self._plugins += plugins
            if self._links and self._links[-1].alive:
                return await self._tell(self._links[-1], plugins, None)
            loaded = await self._start()
            return loaded[len(loaded) - len(plugins) :]

    async def link(self) -> Link:
        """A process that runs, a new one after the last has ended. Raises HookFailed."""
        if self._links and self._links[-1].alive:
            return self._links[-1]
        async with self._changing:
            if not (self._links and self._links[-1].alive):
                log.warning("the plugin helper ended and is started again")
                await self._start()
            return self._links[-1]

    async def _start(self) -> tuple[Loaded, ...]:
        for ended in self._links:
            await ended.end()
        self._links.clear()
        try:
            link = await start_link(self._node, self._mask)
        except OSError as error:
            raise HookFailed(f"Node cannot be started: {error.strerror}") from None
        self._links.append(link)
        return await self._tell(link, self._plugins, self._router)

    async def _tell(
        self, link: Link, plugins: Sequence[PluginOrder], router: RouterOrder | None
    ) -> tuple[Loaded, ...]:
        orders = _Orders(plugins=plugins, router=router, environment=self._environment)
        try:
            loaded, _ = await link.ask(Sent.LOAD, orders, b"", _AllLoaded, LOADING)
        except HookLate:
            link.abandon()
            raise HookFailed(f"Node did not load it within {LOADING:g} s") from None
        except HookFailed as error:
            link.abandon()
            raise HookFailed(f"Node could not load it: {error}") from None
        if loaded.router is not None:
            raise HookFailed(f"the router cannot be loaded: {loaded.router}")
        return loaded.plugins

    async def late(self, link: Link) -> None:
        """A hook took too long: a process that does nothing at all any more is stopped."""
        if link.alive and not await link.responds(RESPONSIVE):
            log.error("the plugin helper hangs and is stopped")
            link.abandon()

    async def close(self) -> None:
        """End the process."""
        for link in self._links:
            await link.end()
