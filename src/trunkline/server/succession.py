"""The configurations that a process serves, one after another: a reload swaps them between two requests.

What has begun ends on the configuration that it began with, which goes when the last of it has ended.
"""

import asyncio
import logging
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final, Protocol

from msgspec import Struct, structs

from trunkline.config.problems import ConfigurationError, Problem
from trunkline.core.errors import GatewayError, Kind
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import Sink
from trunkline.server.application import Application
from trunkline.server.asgi import Receive, Scope, Send
from trunkline.server.faults import draining
from trunkline.server.leaving import handed_over, leave_when_told
from trunkline.server.signals import HANG_UP, before_exit, on_hang_up
from trunkline.server.socket_session import Session

log: Final = logging.getLogger(__name__)

WIND_UP: Final = 2.0
"""Seconds that interrupted exchanges get to say so before everything is closed."""
STEP: Final = 0.02
PATIENCE: Final = 60.0
"""Seconds to wait for a reload that the supervisor was asked for."""


class Gateway(Protocol):
    """A configuration at work. ``startup`` and ``shutdown`` run in one task, around everything else."""

    def application(self) -> Application: ...
    async def startup(self) -> None: ...
    async def shutdown(self) -> None: ...


class Reloaded(Struct, frozen=True, kw_only=True):
    """A reload that took place: from where, how often that was, and what of it wants a restart, each in words."""

    source: str
    snapshot: int = 0
    restart: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


Outcome = Reloaded | ConfigurationError


class Next(Struct, frozen=True, kw_only=True):
    """A gateway that is not yet started. ``in_force`` is called when it serves what comes."""

    gateway: Gateway
    told: Reloaded
    in_force: Callable[[], None]


Successor = Callable[[], Awaitable[Next]]
"""Reads the configuration anew. Raises ConfigurationError."""


class Running:
    """One gateway at work. It ends when it is retired and the last of its requests has been answered."""

    def __init__(self, gateway: Gateway, tasks: asyncio.TaskGroup) -> None:
        self.application = gateway.application()
        self._gateway = gateway
        self._failure: Exception | None = None
        self._over = asyncio.Event()
        self._ready = asyncio.Event()
        self.task = tasks.create_task(self._live())

    async def _live(self) -> None:
        try:
            await self._gateway.startup()
        except Exception as cause:  # noqa: BLE001 - what does not start must not end what runs
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

    def retire(self) -> None:
        """End once nothing is under way."""
        self.application.when_quiet = self._over.set
        if not self.application.active:
            self._over.set()

    def end(self) -> None:
        """End now."""
        self._over.set()


class Succession:
    """The ASGI application of a process: the requests, its lifespan, its reloads.

    ``successor`` makes the next gateway; without it there is no reload. ``lasting`` is around all of them.
    ``supervised``: one of several workers, which reload together when their supervisor is told to.
    """

    def __init__(
        self,
        first: Gateway,
        *,
        successor: Successor | None = None,
        lasting: AbstractAsyncContextManager[object] | None = None,
        supervised: bool = False,
    ) -> None:
        self._first: Gateway | None = first
        self._successor = successor
        self._lasting = nullcontext() if lasting is None else lasting
        self._supervised = supervised and multiprocessing.parent_process() is not None
        self._application: Application
        self._running: list[Running] = []
        self._tasks: asyncio.TaskGroup
        self._sessions = 0
        self._snapshot = 1
        self._reloading = asyncio.Lock()
        self._waiting: list[asyncio.Future[Outcome]] = []
        self._draining = False
        self.reloaded = True
        """False: the last reload failed, and what was there before serves on."""
        self.refusal: ConfigurationError | None = None
        """Why it did not start, where the configuration is to blame."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            application = self._application
            application.active += 1
            try:
                session = await application.answer(scope, receive, send)
            finally:
                application.active -= 1
                if application.when_quiet is not None and not application.active:
                    application.when_quiet()
            if session is not None:
                await self._converse(session)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            raise RuntimeError(f"{scope['type']} is not served")

    async def _converse(self, session: Session) -> None:
        """A WebSocket outlives the configuration that let it in: each request on it is served by the one of its time."""
        self._sessions += 1
        try:
            await session.run(self)
        finally:
            self._sessions -= 1

    async def run(self, inbound: Inbound, sink: Sink) -> None:
        """One request on a WebSocket. Raises GatewayError (AUTHENTICATION) when its client is not let in any more."""
        application = self._application
        application.check_tenant(inbound.client)
        application.active += 1
        try:
            await application.relay.run(inbound, sink)
        finally:
            application.active -= 1
            if application.when_quiet is not None and not application.active:
                application.when_quiet()

    @property
    def has_keys(self) -> bool:
        """Whether clients must present one, now."""
        return self._application.has_keys

    # Reloading

    async def reload(self) -> Outcome:
        """Swap in the configuration as it is now, in all workers; or what keeps it from being used.

        Raises GatewayError when there is nothing to reload from, or no answer.
        """
        if self._successor is None:
            raise GatewayError(
                Kind.UNSUPPORTED, "This gateway cannot reload its configuration: restart it.", status=501
            )
        if self._draining:
            raise draining()
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(outcome)
        if self._supervised:
            os.kill(os.getppid(), HANG_UP)
        else:
            self._begin()
        try:
            async with asyncio.timeout(PATIENCE):
                return await outcome
        except TimeoutError:
            raise GatewayError(
                Kind.INTERNAL, f"The reload has not ended within {PATIENCE:g} s; the log says more."
            ) from None

    def _begin(self) -> None:
        if not self._draining:
            self._tasks.create_task(self._reload())

    async def _reload(self) -> None:
        """One reload, told to the log and to whoever waits for it."""
        async with self._reloading:
            if self._draining:
                return
            waiting, self._waiting = self._waiting, []
            try:
                outcome: Outcome = await self._swap()
            except ConfigurationError as error:
                outcome = error
                log.error("the configuration is not reloaded, the one before stays: %s", error)
            except Exception as cause:
                problem = Problem(file="", message=f"{type(cause).__name__}: {cause}")
                outcome = ConfigurationError((problem,))
                log.exception("the configuration is not reloaded, the one before stays")
            self.reloaded = isinstance(outcome, Reloaded)
            for future in waiting:
                if not future.done():
                    future.set_result(outcome)

    async def _swap(self) -> Reloaded:
        assert self._successor is not None
        made = await self._successor()
        new = Running(made.gateway, self._tasks)
        await new.started()
        old = self._running[-1]
        self._take(new)
        made.in_force()
        old.task.add_done_callback(lambda _: self._running.remove(old))
        old.retire()
        self._snapshot += 1
        told = structs.replace(made.told, snapshot=self._snapshot)
        log.info("the configuration is reloaded from %s", told.source)
        for text in told.warnings:
            log.warning("%s", text)
        for text in told.restart:
            log.warning("%s until a restart", text)
        return told

    def _take(self, running: Running) -> None:
        self._running.append(running)
        self._application = running.application

    # The lifespan

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start, wait, stop. What is still running when it stops gets a moment to end."""
        await receive()
        async with self._lasting, asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            assert self._first is not None
            first, self._first = Running(self._first, tasks), None
            try:
                await first.started()
            except ConfigurationError as cause:
                log.error("%s", cause)
                self.refusal = cause
                await send({"type": "lifespan.startup.failed", "message": ""})
                return
            except Exception as cause:
                log.exception("the gateway cannot start")
                await send({"type": "lifespan.startup.failed", "message": str(cause)})
                return
            self._take(first)
            before_exit(self._drain)
            leave_when_told()
            if self._successor is not None:
                on_hang_up(self._begin)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self._draining = True
            await self._wind_up()
            async with self._reloading:
                for running in self._running:
                    running.end()
        await send({"type": "lifespan.shutdown.complete"})

    def _drain(self) -> None:
        self._draining = True
        for running in self._running:
            running.application.draining = not handed_over()

    async def _wind_up(self) -> None:
        until = time.monotonic() + WIND_UP
        while self._sessions or any(running.application.active for running in self._running):
            if time.monotonic() > until:
                return
            await asyncio.sleep(STEP)
