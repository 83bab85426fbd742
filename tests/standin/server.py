"""The stand-in as a running server, in the caller's event loop or in a thread of its own."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Self, TypeVar

from standin.anthropic import Anthropic, AnthropicFlags
from standin.asked import Asked
from standin.flags import Flags
from standin.google import Google, GoogleFlags
from standin.ledger import Ledger
from standin.openai import OpenAI, OpenAIFlags
from standin.script import Player, Script
from standin.service import Service
from standin.wire import Gone, Inbox, Received, Reply, receive, send
from standin.workspace import Workspace

Result = TypeVar("Result")
Handler = Callable[[Received], Reply | None]


class Server:
    """A service on loopback, for the length of a ``with`` or ``async with`` block.

    ``requests`` holds everything that came, refused or not; ``asked`` what reached the model. A handler
    sees each request first and may answer it in the service's place.
    """

    def __init__(self, service: Service, handler: Handler | None = None) -> None:
        self.requests: list[Received] = []
        self._service = service
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = 0
        self._thread: _Thread | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Scheme, address and port, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """The key or token that the service takes."""
        return self._service.token

    @property
    def asked(self) -> list[Asked]:
        """The questions that reached the model, in order."""
        return self._service.asked

    @property
    def refusals(self) -> list[str]:
        """The texts of all refusals by the service's rules, in order."""
        return [request.refusal for request in self.requests if request.refusal is not None]

    @property
    def surprises(self) -> list[str]:
        """Questions the script had no answer for."""
        return self._service.surprises

    def play(self, script: Script) -> None:
        """Another script from here on."""
        self._service.player = Player(script)

    @property
    def ledger(self) -> Ledger:
        return self._service.ledger

    @property
    def remaining(self) -> int:
        """Steps of a list script that nobody asked for."""
        return self._service.player.remaining

    @property
    def connections(self) -> int:
        """Connections accepted so far."""
        return self._connections

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def __enter__(self) -> Self:
        self._thread = _Thread()
        self._thread.run(self.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._thread is not None
        self._thread.run(self.__aexit__(kind, error, trace))
        self._thread.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._connections += 1
        try:
            await self._converse(Inbox(reader), writer, self._connections)
        except asyncio.CancelledError:
            pass  # the stand-in closes; a cancelled handler would be reported as an error
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _converse(self, inbox: Inbox, writer: asyncio.StreamWriter, connection: int) -> None:
        again = True
        while again:
            try:
                received = await receive(inbox, writer, connection, time.monotonic())
            except Gone:
                return
            self.requests.append(received)
            reply = self._handler(received) if self._handler is not None else None
            if reply is None:
                reply = self._service.answer(received)
            received.status = reply.status
            try:
                again = await send(reply, inbox, writer, head_only=received.method == "HEAD")
            except Gone:
                received.aborted, received.aborted_at = True, time.monotonic()
                return
            received.finished = True


class StandIn(Server):
    """A Databricks workspace.

    The script is what the model says (see :mod:`standin.script`); the flags are what the workspace is like.
    """

    def __init__(
        self,
        script: Script = (),
        flags: Flags | None = None,
        *,
        handler: Handler | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.flags = flags or Flags()
        super().__init__(Workspace(self.flags, Player(script), clock), handler)


class OpenAIStandIn(Server):
    """OpenAI's own service: ``/v1/responses``, ``/v1/chat/completions``, ``/v1/models``."""

    def __init__(
        self, script: Script = (), flags: OpenAIFlags | None = None, *, handler: Handler | None = None
    ) -> None:
        super().__init__(OpenAI(Player(script), flags=flags or OpenAIFlags()), handler)


class GeminiStandIn(Server):
    """Google's Gemini API: ``/v1beta/models/...`` with generateContent, its stream, and countTokens."""

    def __init__(
        self, script: Script = (), flags: GoogleFlags | None = None, *, handler: Handler | None = None
    ) -> None:
        super().__init__(Google(Player(script), flags=flags or GoogleFlags()), handler)


class AnthropicStandIn(Server):
    """Anthropic's own service: ``/v1/messages``, ``/v1/messages/count_tokens``, ``/v1/models``."""

    def __init__(
        self, script: Script = (), flags: AnthropicFlags | None = None, *, handler: Handler | None = None
    ) -> None:
        super().__init__(Anthropic(Player(script), flags=flags or AnthropicFlags()), handler)


class _Thread:
    """An event loop in a thread, for tests without one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stand-in", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[object, object, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=30)
        self._loop.close()
