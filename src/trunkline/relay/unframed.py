"""An upstream's answer in another framing, shown as the server-sent events that the relay reads."""

from typing import Final

from msgspec import structs

from trunkline.core.errors import GatewayError
from trunkline.core.framing import Framing, Unframer
from trunkline.core.http import HttpHead, Take
from trunkline.relay.ports import UpstreamAnswer

_SSE: Final = ("content-type", "text/event-stream")


def unframed(answer: UpstreamAnswer, framing: Framing) -> UpstreamAnswer:
    """``answer`` itself, unless its head announces this framing."""
    if answer.head.media_type != framing.media_type:
        return answer
    return _Unframed(answer, framing.unframer())


class _Unframed:
    """Implements :class:`trunkline.relay.ports.UpstreamAnswer`."""

    def __init__(self, answer: UpstreamAnswer, unframer: Unframer) -> None:
        self._answer = answer
        self._unframer = unframer
        self._ended = False
        self._failure: GatewayError | None = None
        others = tuple(pair for pair in answer.head.headers if pair[0] != "content-type")
        self._head = structs.replace(answer.head, headers=(_SSE, *others))

    @property
    def head(self) -> HttpHead:
        """With the media type of what is read here."""
        return self._head

    async def read(self) -> bytes:
        """The next events. A cancelled wait has taken nothing: what was read is turned around at once."""
        if self._failure is not None:
            raise self._failure
        while not self._ended:
            chunk = await self._answer.read()
            self._ended = not chunk
            events = self._unframer.feed(chunk) if chunk else self._unframer.close()
            if events:
                return events
        return b""

    def arrived(self) -> None:
        """See the port: it has to be turned around."""

    async def push(self, take: Take) -> None:
        """Events as their last byte comes. What is no such framing shows at the next read."""

        def turned(chunk: bytes) -> bool:
            try:
                events = self._unframer.feed(chunk)
            except GatewayError as error:
                self._failure = error
                return False
            return take(events) if events else True

        await self._answer.push(turned)

    async def close(self, *, reuse: bool) -> None:
        """As the answer underneath."""
        await self._answer.close(reuse=reuse)
