"""A stand-in without a socket: the relay's own interface to the outside, answered in the same process."""

import asyncio
from urllib.parse import urlsplit

from standin.service import Service
from standin.wire import Pause, Received, Reply
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead, HttpRequest, Take
from trunkline.relay.ports import UpstreamAnswer


class InProcess:
    """An Upstream that asks services by the host of the URL. It keeps all that was sent and answered."""

    def __init__(self, services: dict[str, Service]) -> None:
        self._services = services
        self.requests: list[Received] = []
        self.replies: list[Reply] = []

    @property
    def refusals(self) -> list[str]:
        """The texts of all refusals by the services' rules, in order."""
        return [request.refusal for request in self.requests if request.refusal is not None]

    async def open(self, request: HttpRequest, *, headers_timeout: float) -> UpstreamAnswer:
        """See :class:`trunkline.relay.ports.Upstream`."""
        split = urlsplit(request.url)
        target = split.path + (f"?{split.query}" if split.query else "")
        received = Received(request.method, target, request.headers, request.body, 1, 0.0, split.netloc)
        self.requests.append(received)
        reply = self._services[split.netloc].answer(received)
        received.status = reply.status
        self.replies.append(reply)
        return _Answer(reply)


class _Answer:
    def __init__(self, reply: Reply) -> None:
        self.head = HttpHead(reply.status, reply.headers)
        self._steps = list(reply.steps)
        self._broken = reply.end in ("cut", "reset")

    async def read(self) -> bytes:
        while self._steps:
            step = self._steps[0]
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            self._steps.pop(0)
            if isinstance(step, bytes) and step:
                return step
        if self._broken:
            raise GatewayError(Kind.TRUNCATED, "the connection broke", local=False)
        return b""

    def arrived(self) -> None:
        return None

    async def push(self, take: Take) -> None:
        while (data := await self.read()) and take(data):
            pass

    async def close(self, *, reuse: bool) -> None:
        del reuse
