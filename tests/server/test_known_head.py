"""A head that a connection has had before leads to what parsing it leads to, whatever comes after it."""

import asyncio
import random
import re

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from trunkline.config.schema import Timeouts
from trunkline.server.asgi import RawHeaders, Receive, Scope, Send
from trunkline.server.deadlines import Deadlines
from trunkline.server.edge_protocol import EdgeProtocol
from trunkline.server.known_head import MAX_STRANGERS, KnownHead

HEAD = b"POST /v1/messages?beta=true HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: k\r\ncontent-length: %d\r\nAccept: */*\r\n\r\n"
_ID = re.compile(rb"x-trunkline-request-id: \w+")
Seen = tuple[str, bytes, bytes, tuple[tuple[bytes, bytes], ...], bytes]


def ask(body: bytes, head: bytes = HEAD) -> bytes:
    return head % len(body) + body


class Wire(asyncio.Transport):
    """A socket that takes everything."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.over = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def close(self) -> None:
        self.over = True

    abort = close

    def is_closing(self) -> bool:
        return self.over

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Conversation:
    """One connection to an application that notes what it is asked."""

    def __init__(self, *, forgetful: bool) -> None:
        self.seen: list[Seen] = []
        self.wire = Wire()
        config = Config(self._answer, log_config=None, access_log=False)
        config.load()
        config.loaded_app = self._answer
        self.protocol = EdgeProtocol(config, ServerState(), {}, deadlines=Deadlines.of(Timeouts()))
        self.protocol.connection_made(self.wire)
        if forgetful:
            self.protocol._habit.strangers = MAX_STRANGERS

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = tuple(scope["headers"])
        self.seen.append((scope["method"], scope["raw_path"], scope["query_string"], headers, body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def hear(self, *pieces: bytes) -> None:
        """Each piece when all that came before is answered, as far as it can be."""
        for piece in pieces:
            self.protocol.data_received(piece)
            for _ in range(5):
                await asyncio.sleep(0)

    def end(self) -> None:
        self.protocol.connection_lost(None)


def told(*pieces: bytes, forgetful: bool) -> tuple[list[Seen], bytes]:
    async def talk() -> Conversation:
        it = Conversation(forgetful=forgetful)
        await it.hear(*pieces)
        it.end()
        return it

    it = asyncio.run(talk())
    return it.seen, _ID.sub(b"", it.wire.sent)


FOLLOWERS: dict[str, tuple[bytes, ...]] = {
    "the same": (ask(b'{"a":1}'),),
    "another length": (ask(b"x" * 70000), ask(b"")),
    "another key": (ask(b"{}", HEAD.replace(b": k", b": l")),),
    "another path": (ask(b"{}", HEAD.replace(b"/v1", b"/v2")),),
    "another spelling": (ask(b"{}", HEAD.replace(b"content-length", b"Content-Length")),),
    "a blank before the length": (ask(b"{}", HEAD.replace(b"length: ", b"length:  ")),),
    "a blank behind the length": (ask(b"{}", HEAD.replace(b"%d", b"%d ")),),
    "a header more": (ask(b"{}", HEAD.replace(b"\r\n\r\n", b"\r\nX: y\r\n\r\n")),),
    "cut in its head": (ask(b"{}")[:40], ask(b"{}")[40:]),
    "cut in its length": (ask(b"x" * 12)[:105], ask(b"x" * 12)[105:]),
    "cut in its body": (ask(b"{...}")[:-2], ask(b"{...}")[-2:]),
    "two at once": (ask(b"{}") + ask(b"[]"), ask(b"1")),
    "with the next one's beginning": (ask(b"{}") + ask(b"[]")[:9], ask(b"[]")[9:]),
    "an empty line before": (b"\r\n" + ask(b"{}"),),
    "an empty line behind": (ask(b"{}") + b"\r\n", ask(b"[]")),
    "a head in the body": (ask(ask(b"{}")), ask(b"[]")),
    "a signed length": (HEAD.replace(b"%d", b"+2") + b"{}",),
    "no length": (HEAD.replace(b"%d", b"") + b"{}",),
    "a long length": (HEAD.replace(b"%d", b"00000000000002") + b"{}",),
    "leading zeros": (HEAD.replace(b"%d", b"002") + b"{}",),
    "two lengths": (ask(b"{}", HEAD.replace(b"Accept: */*", b"Content-Length: 2")),),
    "its end": (ask(b"{}", HEAD.replace(b"Accept: */*", b"Connection: close")), ask(b"{}")),
    "nonsense": (b"\x16\x03\x01" + ask(b"{}"),),
    "a get": (b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", ask(b"{}")),
    "chunks": (
        HEAD.replace(b"content-length: %d", b"transfer-encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n",
        ask(b"{}"),
    ),
}


@pytest.mark.parametrize("followers", FOLLOWERS.values(), ids=FOLLOWERS)
def test_what_follows_is_what_the_parser_makes_of_it(followers: tuple[bytes, ...]) -> None:
    pieces = (ask(b"{}"), ask(b'{"b":2}'), *followers, ask(b"3"))
    assert told(*pieces, forgetful=False) == told(*pieces, forgetful=True)


def test_so_is_everything_cut_anywhere() -> None:
    chance = random.Random(4)
    stream = b"".join(ask(b"x" * chance.randrange(30)) for _ in range(4))
    for _ in range(200):
        cuts = sorted(chance.sample(range(1, len(stream)), chance.randrange(6)))
        pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        seen, sent = told(ask(b"{}"), *pieces, forgetful=False)
        assert (seen, sent) == told(ask(b"{}"), *pieces, forgetful=True)
        assert len(seen) == 5


def test_a_connection_that_repeats_itself_is_parsed_once() -> None:
    async def talk() -> list[Seen]:
        it = Conversation(forgetful=False)
        await it.hear(ask(b"{}"))
        it.protocol._parser = None  # whoever wants to parse now fails
        await it.hear(ask(b"x" * 30), ask(b"[1]"))
        it.end()
        return it.seen

    seen = asyncio.run(talk())
    assert [dict(one[3])[b"content-length"] for one in seen] == [b"2", b"30", b"3"]
    assert [one[4] for one in seen] == [b"{}", b"x" * 30, b"[1]"]


def test_one_that_never_does_is_soon_given_up() -> None:
    async def talk() -> Conversation:
        it = Conversation(forgetful=False)
        for number in range(MAX_STRANGERS + 3):
            await it.hear(
                ask(b"{}", HEAD.replace(b": k", b": %d" % number).replace(b"length: 1", b"length: %d"))
            )
        it.end()
        return it

    it = asyncio.run(talk())
    assert len(it.seen) == MAX_STRANGERS + 3
    assert it.protocol._habit.strangers == MAX_STRANGERS


def scope(headers: RawHeaders) -> Scope:
    return {
        "type": "http", "method": "POST", "raw_path": b"/", "query_string": b"", "headers": headers, "client": None,
    }  # fmt: skip


def test_a_head_without_a_length_is_not_known() -> None:
    assert KnownHead.of(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", scope([(b"host", b"a")])) is None


def test_nor_is_one_that_was_not_the_whole_of_what_came() -> None:
    data = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
    headers: RawHeaders = [(b"content-length", b"2")]
    assert KnownHead.of(data, scope(headers)) is not None
    assert KnownHead.of(data + b"G", scope(headers)) is None
    assert KnownHead.of(data[:-1], scope(headers)) is None
    assert KnownHead.of(b"\r\n" + data, scope(headers)) is None
