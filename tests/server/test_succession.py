"""Gateways that follow one another in one process: sockets, failures, the end (reliability_ux.md T33, T34)."""

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import msgspec
import pytest
from websockets.sync.client import ClientConnection, connect

from server.harness import STREAM, ScriptedRelay, Standing, eventually, make
from trunkline.config.problems import ConfigurationError, Problem
from trunkline.config.schema import Server, Timeouts
from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import Sink
from trunkline.server.run import LastWords, bind, uvicorn_config
from trunkline.server.succession import Next, Outcome, Reloaded, Succession

pytestmark = pytest.mark.server

WRONG = ConfigurationError((Problem(file="f", message="wrong"),))


class Named(Standing):
    """A gateway that answers with its name, and knows whether it runs."""

    def __init__(self, name: str, server: Server, fault: Exception | None = None) -> None:
        async def say(inbound: Inbound, sink: Sink) -> None:
            await sink.start(200, (STREAM,))
            await sink.send(b'data: {"type":"response.completed","by":"%s"}\n\n' % name.encode())

        super().__init__(make(ScriptedRelay(say), server))
        self.fault = fault
        self.state = "made"

    async def startup(self) -> None:
        if self.fault is not None:
            raise self.fault
        self.state = "runs"

    async def shutdown(self) -> None:
        self.state = "ended"


class Line:
    """The gateways of a test, and the server they are behind."""

    def __init__(self) -> None:
        self.all = [Named("one", Server())]
        self.coming: Named | Exception = Named("two", Server())
        self.succession = Succession(self.all[0], successor=self.next)
        self.port = 0
        self.loop: asyncio.AbstractEventLoop

    async def next(self) -> Next:
        if isinstance(self.coming, Exception):
            raise self.coming
        self.all.append(self.coming)
        return Next(gateway=self.coming, told=Reloaded(source="test"), in_force=lambda: None)

    def reload(self) -> Outcome:
        return asyncio.run_coroutine_threadsafe(self.succession.reload(), self.loop).result(60)


@contextmanager
def line() -> Generator[Line]:
    """A server in a thread of its own."""
    it = Line()
    (listener,) = bind("127.0.0.1", 0)
    it.port = listener.getsockname()[1]
    server = LastWords(uvicorn_config(it.succession, Timeouts(drain=2)))

    async def serve() -> None:
        it.loop = asyncio.get_running_loop()
        await server.serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    try:
        assert eventually(lambda: server.started, 60)
        yield it
    finally:
        server.should_exit = True
        thread.join(60)
        listener.close()
        assert not thread.is_alive()
    assert {gateway.state for gateway in it.all if gateway.fault is None} <= {"ended"}


def opened(it: Line, key: str | None = None) -> ClientConnection:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return connect(
        f"ws://127.0.0.1:{it.port}/v1/responses",
        compression=None,
        open_timeout=60,
        close_timeout=20,
        additional_headers=headers,
    )


def asked(client: ClientConnection) -> dict[str, object]:
    client.send(msgspec.json.encode({"type": "response.create", "model": "m", "input": "x"}).decode())
    return msgspec.json.decode(client.recv(timeout=60))


def ended(gateway: Named) -> Callable[[], bool]:
    return lambda: gateway.state == "ended"


def test_a_socket_goes_on_and_what_is_asked_on_it_is_served_by_the_newest() -> None:
    with line() as it, opened(it) as client:
        assert asked(client)["by"] == "one"
        assert isinstance(it.reload(), Reloaded)
        assert eventually(ended(it.all[0]), 60), "an open socket does not keep it"
        assert asked(client)["by"] == "two"


def test_a_socket_whose_key_is_gone_is_not_served_any_more() -> None:
    with line() as it:
        it.coming = Named("two", Server(keys=(Secret("first-key"),)))
        it.reload()
        with opened(it, "first-key") as client:
            assert asked(client)["by"] == "two"
            it.coming = Named("three", Server(keys=(Secret("first-key"), Secret("other"))))
            it.reload()
            assert asked(client)["by"] == "three"
            it.coming = Named("four", Server(keys=(Secret("other"),)))
            it.reload()
            told = asked(client)
            assert (told["type"], told["status"]) == ("error", 401)


@pytest.mark.parametrize(
    "fault",
    [WRONG, RuntimeError("a bug"), Named("x", Server(), WRONG), Named("x", Server(), OSError("disk"))],
    ids=["reading", "bug", "start", "start-bug"],
)
def test_T34_whatever_fails_the_one_before_serves_on(fault: Exception | Named) -> None:
    with line() as it:
        it.coming = fault
        outcome = it.reload()
        assert isinstance(outcome, ConfigurationError)
        assert it.succession.reloaded is False
        with opened(it) as client:
            assert asked(client)["by"] == "one"
        it.coming = Named("two", Server())
        assert isinstance(it.reload(), Reloaded)
        assert it.succession.reloaded is True


def test_reloads_at_the_same_time_come_one_after_the_other() -> None:
    with line() as it:

        async def all_at_once() -> list[Outcome]:
            async def next_one() -> Next:
                it.coming = Named(f"number {len(it.all) + 1}", Server())
                await asyncio.sleep(0)
                return await it.next()

            it.succession._successor = next_one
            return list(await asyncio.gather(*(it.succession.reload() for _ in range(5))))

        outcomes = asyncio.run_coroutine_threadsafe(all_at_once(), it.loop).result(60)
        assert all(isinstance(outcome, Reloaded) for outcome in outcomes)
        assert all(eventually(ended(gateway), 60) for gateway in it.all[:-1])


def test_a_gateway_without_a_source_says_that_it_cannot() -> None:
    succession = Succession(Named("one", Server()))
    with pytest.raises(GatewayError, match="cannot reload"):
        asyncio.run(succession.reload())
