"""Plugins in JavaScript, run by the Node helper."""

import asyncio

from msgspec import Struct, field

from trunkline.config.schema import Timeouts
from trunkline.core.asking import UpstreamAnswer
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead, Take
from trunkline.upstream.plugins.frames import Sent, credit, frame, read_credit, read_fields, with_fields
from trunkline.upstream.plugins.helper import Loaded, NodeHelper
from trunkline.upstream.plugins.link import Failure, HelperGone, HookFailed, HookLate, Link
from trunkline.upstream.plugins.plugin import (
    PATHS,
    Changed,
    Explain,
    Reheaded,
    Visit,
    unframed,
)


class _Said(Struct):
    """What a request hook returned beside the body."""

    url: str | None = None
    headers: tuple[tuple[str, str | None], ...] | None = None
    timeout: float | None = None
    proxy: str | None = None
    ignored: tuple[str, ...] = ()


class _Head(Struct):
    """What an answer hook returned. ``same``: the body was not touched."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(default=())
    same: bool = False


class JavaScriptPlugin:
    """Implements :class:`trunkline.upstream.plugins.plugin.Plugin`."""

    def __init__(self, helper: NodeHelper, key: int, loaded: Loaded, timeouts: Timeouts) -> None:
        self._helper = helper
        self._key = key
        self._timeouts = timeouts
        self.name = loaded.name
        self.hooks = loaded.hooks
        self.endpoint = loaded.endpoint

    async def request(self, hook: str, body: bytes, visit: Visit) -> Changed:
        """See the interface."""
        link, exchange = await self._enter(visit)
        provider = None if visit.seen is None else visit.seen.fields()
        fields = {"plugin": self._key, "hook": hook, "exchange": exchange, "provider": provider}
        try:
            said, changed = await link.ask(Sent.REQUEST, fields, body, _Said, self._helper.timeout)
        except HookLate:
            await self._helper.late(link)
            raise
        return Changed(
            body=changed,
            url=said.url,
            headers=said.headers,
            timeout=None if said.timeout is None else said.timeout / 1000,
            proxy=said.proxy,
            ignored=said.ignored,
        )

    async def answer(self, hook: str, answer: UpstreamAnswer, visit: Visit) -> UpstreamAnswer:
        """See the interface."""
        link, exchange = await self._enter(visit)
        through = _Through(
            answer, link, self._timeouts, lambda error: visit.failure(self.name, hook, error)
        )
        try:
            fields: dict[str, object] = {"plugin": self._key, "hook": hook, "exchange": exchange}
            same = await through.begin(fields, self._helper.timeout)
        except BaseException as error:
            await through.leave()
            if isinstance(error, HookLate):
                await self._helper.late(link)
            raise
        if same:
            await through.leave()
            return Reheaded(answer, through.head)
        return through

    async def _enter(self, visit: Visit) -> tuple[Link, int]:
        """The process, told of this request: a number that its hooks share. Raises HookFailed."""
        link = await self._helper.link()
        if visit.helper is not None and visit.helper[0] is link:
            return visit.helper
        number = link.number()
        asking = visit.asking
        req = {
            "id": asking.request_id,
            "headers": dict(asking.headers),
            "sessionId": asking.session,
            "method": "POST",
            "url": asking.path or PATHS.get(asking.client, "/"),
            "params": asking.values,
        }
        link.send(with_fields(Sent.BEGIN, number, req, asking.body))
        visit.helper = (link, number)
        visit.left = lambda: link.send(frame(Sent.FINISH, number))
        return link, number


class _Through:
    """Implements :class:`trunkline.relay.ports.UpstreamAnswer`: an answer on its way through a hook."""

    def __init__(
        self,
        answer: UpstreamAnswer,
        link: Link,
        timeouts: Timeouts,
        explain: Explain,
    ) -> None:
        self._answer = answer
        self._link = link
        self._timeouts = timeouts
        self._explain = explain
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self._pump: asyncio.Task[None] | None = None
        self._room = 0
        self._room_made: asyncio.Future[None] | None = None
        self._happened: asyncio.Future[None] | None = None
        self._reading = False
        """The upstream is waited for, not the hook."""
        self._complete = False
        self._broken: GatewayError | None = None
        self._failure: HookFailed | None = None
        self._head: _Head | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._ended = False

    @property
    def head(self) -> HttpHead:
        """As the hook returned it."""
        assert self._head is not None
        return HttpHead(self._head.status, unframed(self._head.headers))

    async def begin(self, call: dict[str, object], limit: float) -> bool:
        """Run the hook until it returns; True when it left the body alone. Raises HookFailed, GatewayError."""
        self._number = self._link.number(self)
        head = self._answer.head
        fields = {**call, "status": head.status, "headers": head.headers}
        self._link.send(with_fields(Sent.RESPONSE, self._number, fields))
        end = self._loop.time() + self._timeouts.up_total_whole
        while self._head is None:
            self._check()
            wait = self._timeouts.up_idle if self._reading else limit
            try:
                async with asyncio.timeout_at(min(end, self._loop.time() + wait)):
                    await self._change()
            except TimeoutError:
                raise self._late(limit, self._loop.time() >= end) from None
        return self._head.same

    def _late(self, limit: float, whole: bool) -> Exception:
        if not (self._reading or whole):
            return HookLate(limit)
        name = "up.total" if whole else "up.idle"
        message = f"the answer was not complete in time for the plugin that reads all of it ({name})"
        return GatewayError(Kind.TIMEOUT, message, timeout=name, local=False)

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken
        if self._failure is not None:
            raise self._failure

    async def _change(self) -> None:
        self._happened = self._loop.create_future()
        try:
            await self._happened
        finally:
            self._happened = None

    def _wake(self) -> None:
        if self._happened is not None and not self._happened.done():
            self._happened.set_result(None)

    def take(self, kind: int, payload: memoryview) -> None:
        """A frame from the helper."""
        if kind == Sent.CHUNK:
            self._chunks.append(bytes(payload))
            self._size += len(payload)
        elif kind == Sent.CREDIT:
            self._make_room(read_credit(payload))
            return
        elif kind == Sent.HEAD:
            self._head, _ = read_fields(payload, _Head)
        elif kind == Sent.END:
            self._ended = True
        elif kind == Sent.FAILED:
            self._failure = HookFailed(read_fields(payload, Failure)[0].message)
        self._wake()

    def gone(self) -> None:
        """The helper ended."""
        if not self._ended:
            self._failure = HelperGone()
        self._wake()

    def _make_room(self, count: int) -> None:
        self._room += count
        if self._pump is None:
            self._pump = self._loop.create_task(self._feed())
        elif self._room_made is not None and not self._room_made.done():
            self._room_made.set_result(None)

    async def _feed(self) -> None:
        """The upstream's body to the helper, as fast as the hook reads."""
        try:
            while True:
                while self._room <= 0:
                    self._room_made = self._loop.create_future()
                    await self._room_made
                self._reading = True
                self._wake()
                data = await self._answer.read()
                self._reading = False
                self._wake()
                if not data:
                    self._complete = True
                    self._link.send(frame(Sent.END, self._number))
                    return
                self._room -= len(data)
                self._link.send(frame(Sent.CHUNK, self._number, data))
        except GatewayError as error:
            self._reading = False
            self._broken = error
            self._link.send(with_fields(Sent.BROKE, self._number, {"message": error.message}))
            self._wake()

    async def read(self) -> bytes:
        """See the port."""
        while not self._chunks:
            if self._failure is not None or self._ended:
                if self._broken is not None:
                    raise self._broken
                if self._failure is not None:
                    raise self._explain(self._failure)
                return b""
            await self._change()
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._link.send(credit(self._number, self._size))
        self._chunks.clear()
        self._size = 0
        return data

    def arrived(self) -> None:
        """See the port: the plugin makes it."""

    async def push(self, take: Take) -> None:
        """See the port."""
        while (data := await self.read()) and take(data):
            pass

    async def leave(self) -> None:
        """Have no more to do with the helper."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait({self._pump})
            self._pump = None
        if self._number:
            self._link.forget(self._number)
            self._link.send(frame(Sent.CANCEL, self._number))
            self._number = 0

    async def close(self, *, reuse: bool) -> None:
        """See the port."""
        await self.leave()
        await self._answer.close(reuse=reuse and self._complete)
