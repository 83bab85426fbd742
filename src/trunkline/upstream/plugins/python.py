"""Plugins in Python, run in this process: coroutines on the event loop, other functions in threads."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from functools import cached_property
from typing import Final, cast

import msgspec

from trunkline.config.schema import Timeouts
from trunkline.core.asking import Asking, UpstreamAnswer
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead, Take
from trunkline.upstream.plugins.link import HookFailed, HookLate
from trunkline.upstream.plugins.plugin import HOOKS, PATHS, Changed, Explain, Seen, Visit, body_fields
from trunkline.upstream.plugins.response import Response, head_of
from trunkline.upstream.plugins.threads import run_hook

WINDOW: Final = 256 * 1024
"""Bytes that a plugin may be ahead of the client."""
CONFIG: Final = frozenset({"url", "headers", "TIMEOUT", "httpsProxy"})


class ClientRequest:
    """``context.req``: the client's request."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self.id = asking.request_id
        self.headers = dict(asking.headers)
        """Names in lower case; credentials are not among them."""
        self.sessionId = asking.session
        self.url = asking.path or PATHS.get(asking.client, "/")
        self.params = dict(asking.values)
        """What the variable parts of a route that a plugin adds stood for."""

    @cached_property
    def body(self) -> dict[str, object]:
        """The client's own body, its model already the provider's."""
        return body_fields(self._asking.body)


class Context:
    """What all hooks of one request share; plugins may set attributes of their own."""

    def __init__(self, asking: Asking) -> None:
        self.req = ClientRequest(asking)


class ProviderSeen:
    """``provider``: the provider as CCR shows it to plugins."""

    def __init__(self, seen: Seen) -> None:
        self.name = seen.name
        self.baseUrl = self.api_base_url = seen.url
        self.apiKey = self.api_key = seen.key
        self.models = seen.models


class PythonPlugin:
    """Implements :class:`trunkline.upstream.plugins.plugin.Plugin`."""

    def __init__(self, instance: object, name: str, timeouts: Timeouts) -> None:
        self._instance = instance
        self._timeout = timeouts.plugin_hook
        self._timeouts = timeouts
        self.name = name
        endpoint = getattr(instance, "endPoint", None)
        self.endpoint = str(endpoint) if endpoint else None
        self.hooks = frozenset(hook for hook in HOOKS if callable(getattr(instance, hook, None)))

    async def request(self, hook: str, body: bytes, visit: Visit) -> Changed:
        """See the interface."""
        provider = () if visit.seen is None else (ProviderSeen(visit.seen),)
        given = (body_fields(body), *provider, _context(visit))
        try:
            async with asyncio.timeout(self._timeout):
                found = await run_hook(getattr(self._instance, hook), *given)
        except TimeoutError:
            raise HookLate(self._timeout) from None
        return _changed(found)

    async def answer(self, hook: str, answer: UpstreamAnswer, visit: Visit) -> UpstreamAnswer:
        """See the interface."""
        source = _Source(answer)
        given = Response(answer.head.status, dict(answer.head.headers), source)
        running = asyncio.get_running_loop().create_task(
            run_hook(getattr(self._instance, hook), given, _context(visit))
        )
        try:
            found = await self._patiently(running, source)
        finally:
            running.cancel()
            await asyncio.wait({running})
        if not isinstance(found, Response):
            raise HookFailed("it returned no Response: return response, or response.replace(...)")
        return _Through(answer, found, source, lambda error: visit.failure(self.name, hook, error))

    async def _patiently(self, hook: asyncio.Task[object], source: "_Source") -> object:
        """What the hook returns. Its time only counts while it does not wait for the upstream."""
        loop, timeouts = asyncio.get_running_loop(), self._timeouts
        end = loop.time() + timeouts.up_total_whole
        while not hook.done():
            moves = source.moves
            wait = timeouts.up_idle if source.reading else self._timeout
            await asyncio.wait({hook}, timeout=min(wait, end - loop.time()))
            if hook.done() or (source.moves != moves and loop.time() < end):
                continue
            if not source.reading:
                raise HookLate(self._timeout)
            name = "up.total" if loop.time() >= end else "up.idle"
            message = f"the answer was not complete in time for the plugin that reads all of it ({name})"
            raise GatewayError(Kind.TIMEOUT, message, timeout=name, local=False)
        return hook.result()


def _context(visit: Visit) -> Context:
    if not isinstance(visit.context, Context):
        visit.context = Context(visit.asking)
    return visit.context


def _changed(found: object) -> Changed:
    """``{body, config}`` or a body. Raises HookFailed for anything else."""
    if not isinstance(found, dict):
        raise HookFailed("it returned no body: return the dictionary")
    returned = cast("dict[str, object]", found)
    wrapped = isinstance(returned.get("body"), dict)
    config = returned.get("config") if wrapped else None
    asked: Mapping[str, object] = cast("dict[str, object]", config) if isinstance(config, dict) else {}
    headers, timeout, url = asked.get("headers"), asked.get("TIMEOUT"), asked.get("url")
    proxy = str(asked["httpsProxy"] or "") if "httpsProxy" in asked else None
    try:
        body = msgspec.json.encode(returned["body"] if wrapped else returned)
    except (TypeError, msgspec.MsgspecError) as error:
        raise HookFailed(f"it returned what is no JSON: {error}") from None
    return Changed(
        body=body,
        url=None if url is None else str(url),
        headers=_headers(cast("dict[str, object]", headers)) if isinstance(headers, dict) else None,
        timeout=timeout / 1000 if isinstance(timeout, int | float) else None,
        proxy=proxy,
        ignored=tuple(name for name in asked if name not in CONFIG),
    )


def _headers(headers: dict[str, object]) -> tuple[tuple[str, str | None], ...]:
    return tuple((name, None if value is None else str(value)) for name, value in headers.items())


class _Source:
    """An upstream's body for a plugin, and whether the plugin waits for it."""

    def __init__(self, answer: UpstreamAnswer) -> None:
        self._answer = answer
        self.reading = False
        self.moves = 0
        self.complete = False

    def __aiter__(self) -> "_Source":
        return self

    async def __anext__(self) -> bytes:
        """Raises GatewayError (TRUNCATED)."""
        if self.complete:
            raise StopAsyncIteration
        self.reading = True
        self.moves += 1
        try:
            data = await self._answer.read()
        finally:
            self.reading = False
            self.moves += 1
        if not data:
            self.complete = True
            raise StopAsyncIteration
        return data


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


class _Through:
    """Implements :class:`trunkline.relay.ports.UpstreamAnswer`: what a plugin makes of an answer.

    Its iterator runs in a task of its own, a little ahead: a wait that is cancelled would break it.
    """

    def __init__(
        self, answer: UpstreamAnswer, response: Response, source: _Source, explain: Explain
    ) -> None:
        self._answer = answer
        self._response = response
        self._source = source
        self._explain = explain
        self.head: HttpHead = head_of(response)
        self._loop = asyncio.get_running_loop()
        self._chunks: list[bytes] = []
        self._size = 0
        self._ended = False
        self._failure: GatewayError | None = None
        self._happened: asyncio.Future[None] | None = None
        self._room_made: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def _run(self) -> None:
        try:
            found = await run_hook(self._feed)
        except GatewayError as error:
            self._failure = error
        except HookFailed as error:
            self._failure = self._explain(error)
        else:
            assert found is None
        self._ended = True
        _wake(self._happened)

    async def _feed(self) -> None:
        body = self._response.body
        try:
            async for piece in body:
                if not piece:
                    continue
                self._chunks.append(bytes(piece))
                self._size += len(piece)
                _wake(self._happened)
                while self._size >= WINDOW:
                    self._room_made = self._loop.create_future()
                    await self._room_made
        finally:
            if isinstance(body, AsyncGenerator):
                await cast("AsyncGenerator[bytes, None]", body).aclose()

    async def read(self) -> bytes:
        """See the port."""
        if self._task is None:
            self._task = self._loop.create_task(self._run())
        while not self._chunks:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                return b""
            self._happened = self._loop.create_future()
            await self._happened
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        _wake(self._room_made)
        return data

    def arrived(self) -> None:
        """See the port: the plugin makes it."""

    async def push(self, take: Take) -> None:
        """See the port."""
        while (data := await self.read()) and take(data):
            pass

    async def close(self, *, reuse: bool) -> None:
        """See the port."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._answer.close(reuse=reuse and self._source.complete)
