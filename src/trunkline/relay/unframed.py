"""An upstream's answer in another framing, shown as the server-sent events that the relay reads."""

from typing import Final

from msgspec import structs

from trunkline.core.framing import Framing, Unframer
from trunkline.core.http import HttpHead
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
        others = tuple(pair for pair in answer.head.headers if pair[0] != "content-type")
        self._head = structs.replace(answer.head, headers=(_SSE, *others))

    @property
    def head(self) -> HttpHead:
        """With the media type of what is read here."""
        return self._head

    async def read(self) -> bytes:
        """The next events. A cancelled wait has taken nothing: what was read is turned around at once."""
        while not self._ended:
            chunk = await self._answer.read()
            self._ended = not chunk
            events = self._unframer.feed(chunk) if chunk else self._unframer.close()
            if events:
                return events
        return b""

    async def close(self, *, reuse: bool) -> None:
        """As the answer underneath."""
        await self._answer.close(reuse=reuse)
