"""A real server on loopback with scripted parts behind it, and clients that may do anything."""

import asyncio
import os
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager

import msgspec
import uvicorn

from trunkline.config.problems import ConfigurationError, Problem
from trunkline.config.schema import Server, Timeouts
from trunkline.core.errors import GatewayError
from trunkline.protocols.codec import ErrorReply, Peek
from trunkline.protocols.registry import CODECS
from trunkline.providers.provider import ListedModel
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import Sink
from trunkline.server.application import Application
from trunkline.server.client_keys import Caller
from trunkline.server.errors import StartRefused
from trunkline.server.health import Status
from trunkline.server.run import LastWords, bind, run_server, uvicorn_config
from trunkline.server.succession import Succession

JSON = ("content-type", "application/json")
STREAM = ("content-type", "text/event-stream")
ANSWER = b'{"answer":true}'
POST = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"


class ScriptedCodec:
    """The little of a codec that the server uses; the envelope names the protocol."""

    def __init__(self, name: str) -> None:
        self.name = name

    def peek(self, body: bytes) -> Peek:
        return Peek(body.decode(), True)

    def encode_error(self, error: GatewayError, request_id: str) -> ErrorReply:
        body = {"protocol": self.name, "kind": error.kind.value, "message": error.message, "id": request_id}
        retry = () if error.should_retry is None else (("x-should-retry", str(error.should_retry).lower()),)
        return ErrorReply(error.status, (JSON, *retry), msgspec.json.encode(body))

    def encode_stream_error(self, error: GatewayError, request_id: str) -> bytes:
        return b"event: error\ndata: " + msgspec.json.encode({"message": error.message}) + b"\n\n"


Script = Callable[[Inbound, Sink], Awaitable[None]]


async def answer(inbound: Inbound, sink: Sink) -> None:
    """The plain script: one small JSON answer."""
    await sink.start(200, (JSON, ("content-length", str(len(ANSWER)))))
    await sink.send(ANSWER)


class ScriptedRelay:
    """Runs a script, and remembers what came in and how each exchange was cancelled."""

    def __init__(self, script: Script = answer) -> None:
        self.script = script
        self.seen: list[Inbound] = []
        self.cancelled: list[str] = []
        self.running = 0

    async def run(self, inbound: Inbound, sink: Sink) -> None:
        self.seen.append(inbound)
        self.running += 1
        try:
            await self.script(inbound, sink)
        except asyncio.CancelledError as cancelled:
            self.cancelled.append(str(cancelled.args[0]) if cancelled.args else "")
            raise
        finally:
            self.running -= 1


class Gateway:
    """A running server."""

    def __init__(self, application: Application, relay: ScriptedRelay, port: int, host: str) -> None:
        self.application = application
        self.relay = relay
        self.port = port
        self.host = host
        self.uvicorn: uvicorn.Server | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    def connect(self, *, receive_buffer: int | None = None) -> socket.socket:
        client = socket.socket()
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(30)
        client.connect((self.host, self.port))
        return client

    def ask(self, raw: bytes) -> "Answer":
        """Send bytes on a new connection and read one answer."""
        with self.connect() as client:
            client.sendall(raw)
            return read_answer(client)

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Sequence[tuple[str, str]] = ()
    ) -> "Answer":
        return self.ask(request(method, path, body, headers))

    def tasks(self) -> int:
        """How many tasks the server's loop has."""
        assert self.loop is not None
        done: list[int] = []
        event = threading.Event()

        def count() -> None:
            done.append(len(asyncio.all_tasks(self.loop)))
            event.set()

        self.loop.call_soon_threadsafe(count)
        assert event.wait(5)
        return done[0]


class Answer:
    """One answer as it came."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes, *, complete: bool) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.complete = complete

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def json(self) -> dict[str, object]:
        return msgspec.json.decode(self.body, type=dict[str, object])


def request(method: str, path: str, body: bytes = b"", headers: Sequence[tuple[str, str]] = ()) -> bytes:
    fields = [*headers]
    if not any(name.lower() == "host" for name, _ in fields):
        fields.insert(0, ("Host", "localhost"))
    if body or method == "POST":
        fields.append(("Content-Length", str(len(body))))
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body


def read_answer(client: "socket.socket | Stream", *, head: bool = False) -> Answer:
    """One whole answer, dechunked. ``complete`` is False when the connection ended before it did."""
    stream = client if isinstance(client, Stream) else Stream(client)
    lines = stream.until(b"\r\n\r\n")
    if lines is None:
        raise ConnectionError(f"no answer, only {stream.data!r}")
    first, *fields = lines.decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in fields)]
    found = dict(headers)
    status = int(first.split()[1])
    if status == 100:
        return read_answer(stream)
    if head:
        return Answer(status, headers, b"", complete=True)
    if "content-length" in found:
        body = stream.exactly(int(found["content-length"]))
        return Answer(status, headers, body or stream.data, complete=body is not None)
    parts: list[bytes] = []
    while (size := stream.until(b"\r\n")) is not None:
        part = stream.exactly(int(size, 16) + 2)
        if part is None:
            break
        parts.append(part[:-2])
        if size == b"0":
            return Answer(status, headers, b"".join(parts), complete=True)
    return Answer(status, headers, b"".join(parts), complete=False)


class Stream:
    """Bytes of a socket, read as far as needed."""

    def __init__(self, client: socket.socket, data: bytes = b"") -> None:
        self.client = client
        self.data = data

    def until(self, end: bytes) -> bytes | None:
        while end not in self.data:
            if not self._more():
                return None
        found, _, self.data = self.data.partition(end)
        return found

    def exactly(self, size: int) -> bytes | None:
        while len(self.data) < size:
            if not self._more():
                return None
        found, self.data = self.data[:size], self.data[size:]
        return found

    def _more(self) -> bool:
        try:
            chunk = self.client.recv(65536)
        except ConnectionResetError:
            return False
        self.data += chunk
        return bool(chunk)


def closed(client: socket.socket, within: float = 20.0) -> bool:
    """Whether the server ends the connection in time, whatever it still sends."""
    client.settimeout(within)
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def eventually(condition: Callable[[], bool], within: float = 20.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def listed() -> list[ListedModel]:
    return [ListedModel("dbx/databricks-claude-sonnet-4-5", "Sonnet"), ListedModel("sonnet")]


def local(**fields: str) -> Caller:
    return Caller(peer="127.0.0.1", host="localhost", **fields)


def make(relay: ScriptedRelay, server: Server, *, passes_tokens: bool = False) -> Application:
    """An application with scripted parts."""
    return Application(
        server=server,
        codecs={name: ScriptedCodec(name) for name in CODECS},
        relay=relay,
        models=listed,
        status=lambda: Status(
            version="0.0.0-test", rehearsal=True, details={"providers": {"dbx": "up"}, "pid": os.getpid()}
        ),
        passes_tokens=passes_tokens,
    )


class Standing:
    """An application as the one gateway of a process."""

    def __init__(self, application: Application, refuse: str = "") -> None:
        self._application = application
        self._refuse = refuse

    def application(self) -> Application:
        return self._application

    async def startup(self) -> None:
        self._check()

    def _check(self) -> None:
        if self._refuse and os.path.exists(self._refuse):
            raise ConfigurationError((Problem(file=self._refuse, message="is there"),))

    async def shutdown(self) -> None: ...


@contextmanager
def gateway(
    script: Script = answer,
    *,
    server: Server | None = None,
    timeouts: Timeouts | None = None,
    passes_tokens: bool = False,
) -> Generator[Gateway]:
    """A real server in a thread of its own, stopped at the end."""
    server = server or Server()
    relay = ScriptedRelay(script)
    application = make(relay, server, passes_tokens=passes_tokens)
    listener = bind("127.0.0.1", 0)[0]
    running = Gateway(application, relay, listener.getsockname()[1], "127.0.0.1")
    running.uvicorn = LastWords(
        uvicorn_config(Succession(Standing(application)), timeouts or Timeouts(drain=2))
    )

    async def serve() -> None:
        running.loop = asyncio.get_running_loop()
        assert running.uvicorn is not None
        await running.uvicorn.serve(sockets=[listener])

    def main() -> None:
        assert running.uvicorn is not None
        with asyncio.Runner(loop_factory=running.uvicorn.config.get_loop_factory()) as runner:
            runner.run(serve())

    thread = threading.Thread(target=main, daemon=True)
    thread.start()
    try:
        assert eventually(lambda: running.uvicorn is not None and running.uvicorn.started, 30)
        yield running
    finally:
        running.uvicorn.should_exit = True
        thread.join(60)
        listener.close()
        assert not thread.is_alive()


async def stream_for(inbound: Inbound, sink: Sink) -> None:
    """Streams for as many seconds as the body says, and ends with ``data: end``."""
    deadline = asyncio.get_running_loop().time() + float(inbound.body)
    await sink.start(200, (STREAM,))
    while asyncio.get_running_loop().time() < deadline:
        await sink.send(b"data: x\n\n")
        await asyncio.sleep(0.2)
    await sink.send(b"data: end\n\n")


class Worker:
    """Makes the application in each worker process. It does not start while there is a file ``refuse``."""

    def __init__(self, refuse: str = "") -> None:
        self._refuse = refuse

    def __call__(self) -> Succession:
        return Succession(Standing(make(ScriptedRelay(stream_for), Server()), self._refuse))

    def follow(self) -> None: ...


def serve_until_stopped(workers: int, port: int, drain: float, refuse: str = "") -> None:
    """The program of a subprocess: says its port, serves, and leaves by the code a command line would."""
    try:
        run_server(
            Worker()() if workers == 1 else Worker(refuse),
            Server(port=port),
            Timeouts(drain=drain),
            workers=workers,
            on_started=lambda host, port: os.write(1, f"up {host} {port}\n".encode()),
        )
    except StartRefused as refusal:
        sys.stderr.write(f"{refusal}\n")
        sys.exit(refusal.exit_code)
