"""T13 through everything: a client that reads slowly holds the provider back, and loses nothing."""

import asyncio
import socket

import msgspec
import pytest

from relay.kit import Records
from relay.whole import gateway, request
from trunkline.core.sse import SSEFramer
from upstream.raw_server import OK, Peer, chunk, serving

pytestmark = pytest.mark.server

PIECES = 3000
TEXT = "x" * 20_000
MOST = 32 * 1024 * 1024
"""Bytes the buffers of two kernels' sockets and ours may hold; the whole stream is larger than what the client takes."""


def delta(text: str, finish: str | None = None) -> bytes:
    chosen = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    body = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [chosen]}
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"], ids=["passed", "translated"])
def test_T13_a_slow_reader_holds_the_provider_back(path: str) -> None:
    sent = 0

    async def talk(peer: Peer) -> None:
        nonlocal sent
        await peer.send(OK)
        for number in range(PIECES):
            await peer.send(chunk(delta(f"{number:06}{TEXT}")))
            sent = number + 1
        await peer.send(chunk(delta("", "stop")) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    async def run() -> bytes:
        nonlocal sent
        async with serving(talk) as server, gateway(server.port, Records()) as (port, _):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(sock=client, limit=16 * 1024)
            writer.write(request(path, stream=True))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            while True:  # until the provider has been held back: nothing moved for a while
                before = sent
                await asyncio.sleep(0.3)
                if sent == before and sent:
                    break
            assert sent < PIECES
            assert sent * len(TEXT) < MOST
            body = bytearray()
            while not body.endswith(b"0\r\n\r\n"):
                body += await reader.read(65536)
            writer.close()
            return bytes(body)

    body = asyncio.run(run())
    assert _numbers(path, _unchunk(body)) == list(range(PIECES))


def _unchunk(body: bytes) -> bytes:
    out, position = bytearray(), 0
    while size := int(body[position : (line := body.index(b"\r\n", position))], 16):
        out += body[line + 2 : line + 2 + size]
        position = line + 2 + size + 2
    return bytes(out)


def _numbers(path: str, stream: bytes) -> list[int]:
    framer = SSEFramer()
    found: list[int] = []
    for frame in (*framer.feed(stream), *framer.close()):
        if frame.data == b"[DONE]":
            continue
        said = msgspec.json.decode(frame.data)
        if path.endswith("messages"):
            text = said.get("delta", {}).get("text", "")
        else:
            text = said["choices"][0]["delta"].get("content") or "" if said["choices"] else ""
        if text:
            assert text[6:] == TEXT
            found.append(int(text[:6]))
    return found
