"""The rehearsal as an upstream: takes the outgoing request, plays the scene's tape at a natural pace."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import Folder
from trunkline.core.http import Headers, HttpHead, HttpRequest, Take
from trunkline.core.sse import SSEFramer
from trunkline.protocols.codec import Codec, ReplyContext
from trunkline.protocols.registry import CODECS
from trunkline.upstream.rehearsal.scene import decide
from trunkline.upstream.rehearsal.tapes import SPEECH, fit, frames

_ENDPOINTS: Final = {"/chat/completions": "openai_chat", "/messages": "anthropic_messages"}
_ANNOUNCEMENT: Final = ("x-trunkline-rehearsal", "recorded traffic, no model was asked")
_OPENING: Final = 0.2
_BETWEEN: Final = 0.02
_LONGEST: Final = 3.0

Sleep = Callable[[float], Awaitable[None]]


class RehearsalUpstream:
    """An upstream in this process. ``pace`` scales all pauses; 0 plays at once.

    The same request always gets the same bytes. Nothing is ever sent anywhere.
    """

    def __init__(self, *, pace: float = 1.0, sleep: Sleep = asyncio.sleep) -> None:
        self._pace = pace
        self._sleep = sleep

    async def open(self, request: HttpRequest, *, headers_timeout: float) -> "RehearsalAnswer":
        """The answer to ``request``; a request we cannot read gets an error answer in its own protocol.

        Raises GatewayError (NOT_FOUND) for a URL that no surface of the provider has.
        """
        del headers_timeout  # the head is always here at once
        codec = CODECS[_protocol(request.url)]
        try:
            return self._play(codec, request.body)
        except GatewayError as error:
            reply = codec.encode_error(error, "rehearsal")
            head = HttpHead(reply.status, (*reply.headers, _ANNOUNCEMENT))
            return RehearsalAnswer(head, (reply.body,), 0.0, self._sleep)

    def _play(self, codec: Codec, body: bytes) -> "RehearsalAnswer":
        asked = codec.decode_request(body)
        scene = decide(asked)
        speech = SPEECH[codec.name]
        name = f"{speech.prefix}-{scene.role}"
        tape = fit(frames(name), speech, seed=body, text=scene.text, call=scene.call)
        if not asked.stream:
            whole = _whole(codec, tape)
            return RehearsalAnswer(_head("application/json"), (whole,), self._pace * _OPENING, self._sleep)
        between = self._pace * min(_BETWEEN, _LONGEST / max(1, len(tape)))
        return RehearsalAnswer(_head("text/event-stream"), tape, between, self._sleep)


class RehearsalAnswer:
    """A tape being played, one frame a read."""

    def __init__(self, head: HttpHead, chunks: Sequence[bytes], between: float, sleep: Sleep) -> None:
        self._head = head
        self._chunks = list(reversed(chunks))
        self._between = between
        self._sleep = sleep

    @property
    def head(self) -> HttpHead:
        """Status and headers; one of them says that this is a rehearsal."""
        return self._head

    async def read(self) -> bytes:
        """The next frame after its pause, ``b""`` at the end. Cancelling a read loses nothing."""
        if not self._chunks:
            return b""
        if self._between > 0:
            await self._sleep(self._between)
        return self._chunks.pop()

    def arrived(self) -> None:
        """See the port: each frame has its pause."""

    async def push(self, take: Take) -> None:
        """See :class:`trunkline.relay.ports.UpstreamAnswer`."""
        while (data := await self.read()) and take(data):
            pass

    async def close(self, *, reuse: bool) -> None:
        """Forget the rest."""
        del reuse
        self._chunks.clear()


def _protocol(url: str) -> str:
    path = url.partition("?")[0]
    for ending, protocol in _ENDPOINTS.items():
        if path.endswith(ending):
            return protocol
    raise GatewayError(
        Kind.NOT_FOUND, f"the rehearsal has no endpoint {path}; it plays {', '.join(_ENDPOINTS)}"
    )


def _head(media_type: str) -> HttpHead:
    headers: Headers = (("content-type", media_type), _ANNOUNCEMENT)
    return HttpHead(200, headers)


def _whole(codec: Codec, tape: Sequence[bytes]) -> bytes:
    """The recorded stream as one body: what the provider would have answered without streaming."""
    framer, decoder, folder = SSEFramer(), codec.stream_decoder(""), Folder()
    for frame in (*framer.feed(b"".join(tape)), *framer.close()):
        for event in decoder.feed(frame):
            folder.feed(event)
    for event in decoder.close():
        folder.feed(event)
    response = folder.response()
    plain = response.id.replace("-", "_").rpartition("_")[2]
    context = ReplyContext(id=plain, model=response.model, created=response.created or 0)
    return codec.encode_response(response, context)
