"""A question to another model inside an exchange, asked and recorded like any other."""

from typing import Final

from trunkline.core.facts import Facts
from trunkline.core.http import Headers, Take
from trunkline.core.types import Request
from trunkline.protocols.codec import Peek
from trunkline.relay.course import Course
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import AtOnce

PROTOCOL: Final = "anthropic_messages"
"""What questions of ours are written in, and read from."""


class Gathered:
    """Takes a whole answer. Implements :class:`trunkline.relay.ports.Sink`."""

    direct: Take | None = None
    at_once: AtOnce | None = None

    def __init__(self) -> None:
        self.body = b""

    async def start(self, status: int, headers: Headers) -> None:
        """Only ever called for an answer: errors are raised."""

    async def send(self, data: bytes) -> None:
        """More of it."""
        self.body += data


def inquiry(course: Course, request: Request, sink: Gathered) -> Course:
    """The exchange of a question that ``course`` needs an answer to. Raises GatewayError for what cannot be said.

    The client's headers and token go along: some providers are asked with a client's own credential.
    """
    codec = course.services.codecs[PROTOCOL]
    inbound = Inbound(
        codec=codec,
        operation="generate",
        body=codec.encode_request(request, Facts()).body,
        headers=course.inbound.headers,
        request_id=course.inbound.request_id,
        client=course.inbound.client,
        token=course.inbound.token,
    )
    inner = Course(course.services, inbound, sink)
    inner.peek = inner.journal.peek = Peek(request.model)
    return inner
