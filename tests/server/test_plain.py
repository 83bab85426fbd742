"""The application under a server with a protocol class of its own: what it learns from ASGI alone."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from trunkline.relay.ports import ClientGone
from trunkline.server.asgi import (
    CONNECTION,
    Connection,
    Receive,
    Received,
    Scope,
    Send,
    Sent,
    connection_of,
)
from trunkline.server.plain import PlainApplication

Work = Callable[[Scope, Receive, Send], Awaitable[None]]
BODY: Received = {"type": "http.request", "body": b"{}", "more_body": False}
GONE: Received = {"type": "http.disconnect"}


def scope(kind: str = "http", *headers: tuple[bytes, bytes]) -> Scope:
    return {
        "type": kind, "method": "POST", "raw_path": b"/v1/messages", "query_string": b"",
        "headers": list(headers), "client": ("127.0.0.1", 5),
    }  # fmt: skip


class Server:
    """The other side: messages to come, and what was sent. After the last message nothing comes any more."""

    def __init__(self, messages: Sequence[Received], *, takes: bool = True) -> None:
        self._messages = list(messages)
        self._takes = takes
        self.sent: list[Sent] = []

    async def receive(self) -> Received:
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)

    async def send(self, message: Sent) -> None:
        if not self._takes:
            await asyncio.Event().wait()
        self.sent.append(message)


class Inner:
    """What stands behind: its work, and whether clients must present keys."""

    def __init__(self, work: Work, *, keys: bool) -> None:
        self._work = work
        self.has_keys = keys

    async def __call__(self, given: Scope, receive: Receive, send: Send) -> None:
        await self._work(given, receive, send)


def run(work: Work, server: Server, given: Scope, *, stall: float = 30.0, keys: bool = False) -> None:
    inner = Inner(work, keys=keys)
    application = PlainApplication(inner, stall=stall)  # type: ignore[arg-type]
    asyncio.run(application(given, server.receive, server.send))


def test_a_request_is_served_and_the_watch_ends_with_it() -> None:
    async def work(given: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["body"] == b"{}"  # type: ignore[typeddict-item]
        assert connection_of(given).lost is None
        await send({"type": "http.response.start", "status": 200, "headers": []})

    server = Server([BODY])
    run(work, server, scope())
    assert [message["type"] for message in server.sent] == ["http.response.start"]


def test_a_client_that_goes_calls_its_exchange_off() -> None:
    seen: list[str] = []

    async def work(given: Scope, receive: Receive, send: Send) -> None:
        connection: Connection = connection_of(given)
        task = asyncio.current_task()
        assert task is not None
        connection.on_lost = task.cancel
        await receive()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as cancelled:
            task.uncancel()
            seen.append(str(cancelled.args[0]))
            seen.append(str(connection.lost))

    run(work, Server([BODY, GONE]), scope())
    assert seen == ["client_closed", "client_closed"]


def test_a_client_that_goes_in_mid_body_is_gone() -> None:
    async def work(given: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.request"
        assert (await receive())["type"] == "http.disconnect"
        assert connection_of(given).lost == "client_closed"

    run(work, Server([{"type": "http.request", "body": b"{", "more_body": True}, GONE]), scope())


def test_a_client_that_takes_nothing_is_given_up() -> None:
    seen: list[str | None] = []

    async def work(given: Scope, receive: Receive, send: Send) -> None:
        await receive()
        with pytest.raises(ClientGone) as caught:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        assert caught.value.stalled
        seen.append(connection_of(given).lost)

    run(work, Server([BODY], takes=False), scope(), stall=0.01)
    assert seen == ["client_stalled"]


def test_an_error_of_the_application_reaches_the_server() -> None:
    async def work(given: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        run(work, Server([BODY]), scope())
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)


@pytest.mark.parametrize("name", [b"forwarded", b"x-forwarded-for", b"x-real-ip"])
@pytest.mark.parametrize(("keys", "client"), [(False, None), (True, ("127.0.0.1", 5))])
def test_without_keys_nobody_hides_behind_a_proxy(
    name: bytes, keys: bool, client: tuple[str, int] | None
) -> None:
    seen: list[Scope] = []

    async def work(given: Scope, receive: Receive, send: Send) -> None:
        seen.append(given)

    given = scope("http", (name, b"203.0.113.7"), (b"upgrade", b"websocket"))
    run(work, Server([]), given, keys=keys)
    assert seen[0]["client"] == client
    assert seen[0]["headers"] == [(name, b"203.0.113.7")]
    assert given["client"] == ("127.0.0.1", 5)


def test_a_websocket_is_refused_and_the_lifespan_passed_on() -> None:
    seen: list[str] = []

    async def work(given: Scope, receive: Receive, send: Send) -> None:
        seen.append(given["type"])

    server = Server([{"type": "websocket.connect"}])
    run(work, server, scope("websocket"))
    assert (server.sent, seen) == ([{"type": "websocket.close"}], [])
    run(work, Server([]), scope("lifespan"))
    assert seen == ["lifespan"]


def test_a_server_that_says_nothing_of_connections_has_one_that_is_never_lost() -> None:
    assert connection_of(scope()).lost is None
    assert connection_of({**scope(), "extensions": {"http.response.push": {}}}).push is None  # type: ignore[typeddict-item]
    assert CONNECTION not in scope()
