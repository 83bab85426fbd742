"""From an open upstream answer to the client's bytes: streamed, whole, or one turned into the other."""

from math import inf
from typing import Final

from msgspec import Struct, field
from msgspec.json import Decoder

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import Folder, unfold
from trunkline.core.sse import SSEFramer
from trunkline.core.types import Opaque, Response, Thinking, ToolCall
from trunkline.protocols.codec import CarriedCodec, ProviderCodec
from trunkline.protocols.gemini.signatures import read as read_signature
from trunkline.protocols.openai_responses.state import kept_body
from trunkline.relay.course import ECHOING, Course
from trunkline.relay.gathering import Gathering
from trunkline.relay.pipe import Passthrough, Pipe, Translation, truncated
from trunkline.relay.ports import UpstreamAnswer
from trunkline.relay.prepare import Prepared
from trunkline.relay.pump import Pump
from trunkline.relay.response_headers import passed_on
from trunkline.relay.restated import Restated
from trunkline.relay.timeouts import ReadGuard, expired
from trunkline.transforms.chain import AnswerEdits, edited
from trunkline.transforms.parts import AnswerEdit
from trunkline.transforms.restore_tools import RestoreTools, needed, restore_response

MAX_WHOLE: Final = 64 * 1024 * 1024
EVENT_STREAM: Final = "text/event-stream"
_PROOFS: Final = {
    "anthropic_messages": (b'"signature"', b'"redacted_thinking"'),
    "openai_chat": (b'"signature"', b'"data"'),
    "openai_responses": (b'"encrypted_content"',),
    "gemini": (b"houghtSignature",),
}
"""How proofs show in a whole answer."""


class _Signed(Struct):
    signature: str | None = field(name="thoughtSignature", default=None)


_SIGNED: Final = Decoder(_Signed)
"""A text's proof stands beside it, in a part that only its own protocol has."""


class Answer:
    """One answer under way; ``deliver`` it once."""

    def __init__(self, course: Course, prepared: Prepared, upstream: UpstreamAnswer, began: float) -> None:
        self._course = course
        self._prepared = prepared
        self._upstream = upstream
        self._began = began
        self._origin = prepared.surface.facts.origin

    @property
    def _who(self) -> str:
        return str(self._course.journal.target)

    @property
    def _codec(self) -> ProviderCodec:
        """The upstream's protocol."""
        return self._course.services.targets[self._prepared.codec.name]

    async def deliver(self) -> bool:
        """Bring the answer to the client; True when the upstream's body came to its complete end.

        Raises GatewayError. If content went out before, the stream has already been ended with the error.
        """
        course, prepared = self._course, self._prepared
        if prepared.passthrough:
            course.delivery.passed_on = passed_on(self._upstream.head.headers)
        streamed = self._upstream.head.media_type == EVENT_STREAM or (
            prepared.stream and self._upstream.head.media_type != "application/json"
        )
        if streamed and course.peek.stream:
            return await self._pump(self._pipe())
        body = self._upstream.arrived() or await self._read_whole()
        if course.carried is not None:
            await self._carry(course.carried, body)
            return True
        if course.peek.stream:
            await self._unfold(self._fold(body) if streamed else self._decode(body))
            return True
        whole: bytes | None
        if prepared.passthrough and not streamed:
            whole = self._passed(body)
        else:
            whole = self._translated(self._fold(body) if streamed else self._decode(body))
        if whole is not None and not course.delivery.at_once(whole):
            await course.delivery.whole(whole)
        return True

    async def pass_on(self) -> bool:
        """Bring it to the client as it is, whatever it says; else like ``deliver``."""
        if self._upstream.head.media_type == EVENT_STREAM:
            return await self._pump(self._pipe())
        await self._course.delivery.whole(await self._read_whole())
        return True

    def _pipe(self) -> Pipe:
        if not self._prepared.passthrough:
            return self._translation()
        inbound, keeper = self._course.inbound, self._course.keeper
        if keeper is not None and keeper.kept_here:
            return Restated(inbound.codec, inbound.request_id, keeper.previous)
        return Passthrough(inbound.codec, inbound.request_id)

    def _translation(self) -> Translation:
        encoded, rounds = self._prepared.encoded, self._prepared.rounds
        client = self._course.codec
        restore: AnswerEdit | None = RestoreTools(encoded) if needed(encoded) else None
        edits = self._edits()
        restore = AnswerEdits(edits, restore) if edits else restore
        return Translation(
            self._codec.stream_decoder(self._origin),
            client.stream_encoder(self._course.context()) if rounds is None else rounds.encoder(),
            restore=restore if rounds is None else rounds.round(restore),
            gather=Gathering(echoed=client.name in ECHOING),
        )

    def _edits(self) -> tuple[AnswerEdit, ...]:
        """What the provider's transforms do to this answer."""
        chain = self._prepared.chain
        return () if chain is None else chain.answered(self._origin)

    async def _pump(self, pipe: Pipe) -> bool:
        """Piece by piece until the end."""
        pump = Pump(self._course, self._upstream, pipe, who=self._who, before_end=self._note)
        self._course.pipe = pipe
        out = await pump.run()
        if pump.complete and not pipe.begun:
            return await self._not_a_stream(bytes(pump.opening))
        return await self._conclude(pipe, out, pump.complete)

    async def _not_a_stream(self, body: bytes) -> bool:
        """A body that ended without one event: JSON under the wrong label, or nothing we can read."""
        if body.lstrip()[:1] == b"{":
            if self._course.carried is not None:
                await self._carry(self._course.carried, body)
            else:
                await self._unfold(self._decode(body))
            return True
        if not body or body.lstrip()[:1] == b":":
            raise truncated()
        raise GatewayError(
            Kind.UPSTREAM_FAILED,
            f"{self._who} answered with {self._upstream.head.media_type or 'something'} that is no event"
            " stream; check its URL",
            local=False,
        )

    async def _conclude(self, pipe: Pipe, out: bytes, complete: bool) -> bool:
        self._note(pipe)
        if out:
            await self._course.delivery.content(out)
        if pipe.failed is not None:
            self._course.delivery.ended = pipe.released
            raise pipe.failed
        return complete

    def _note(self, pipe: Pipe) -> None:
        """Before the client sees the end: it may come back at once with what we have to remember."""
        journal = self._course.journal
        journal.usage, journal.stop = pipe.usage, pipe.stop
        if isinstance(pipe, Passthrough):
            self._course.keep_signatures(pipe.signatures, self._origin)
        elif isinstance(pipe, Translation) and pipe.gather is not None and pipe.finished:
            self._course.keep_proofs(pipe.gather.parts, self._origin)

    async def _read_whole(self) -> bytes:
        """The complete body, bounded in size and time; a streaming client gets signs of life meanwhile."""
        course = self._course
        timeouts, time, streaming = course.services.timeouts, course.time, course.peek.stream
        total = self._began + timeouts.up_total_whole
        limit = min(total, time() + timeouts.up_idle)
        chunks: list[bytes] = []
        size = 0
        with ReadGuard(self._upstream, course.services.ping) as guard:
            while True:
                due = course.delivery.last + course.services.ping if streaming else inf
                try:
                    chunk = await guard.read(min(limit, due))
                except TimeoutError:
                    if time() < limit:
                        await course.delivery.ping()
                        continue
                    if limit == total:
                        raise expired("up.total", timeouts.up_total_whole, self._who) from None
                    raise expired("up.idle", timeouts.up_idle, self._who) from None
                if not chunk:
                    return b"".join(chunks)
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_WHOLE:
                    raise GatewayError(
                        Kind.UPSTREAM_FAILED,
                        f"{self._who} answered with more than {MAX_WHOLE} bytes",
                        local=False,
                    )
                limit = min(total, time() + timeouts.up_idle)

    def _decode(self, body: bytes) -> Response:
        response = self._codec.decode_response(body, self._origin)
        self._course.journal.usage, self._course.journal.stop = response.usage, response.stop
        return response

    def _fold(self, body: bytes) -> Response:
        """A stream that came although a whole answer was asked for, or that cannot be shown as one."""
        framer, folder = SSEFramer(), Folder()
        decoder = self._codec.stream_decoder(self._origin)
        for frame in (*framer.feed(body), *framer.close()):
            for event in decoder.feed(frame):
                folder.feed(event)
        for event in decoder.close():
            folder.feed(event)
        response = folder.response()
        self._course.journal.usage, self._course.journal.stop = response.usage, response.stop
        return response

    async def _unfold(self, response: Response) -> None:
        """A whole answer as the client's stream."""
        pipe = self._translation()
        out = pipe.feed_events(list(unfold(response)))
        await self._conclude(pipe, out, True)

    def _translated(self, response: Response) -> bytes | None:
        """A whole answer as the client has it; None where the model has to be asked again."""
        course, prepared = self._course, self._prepared
        for part in response.content:
            if isinstance(part, ToolCall):
                self._keep_proofs(response)
                break
        if prepared.chain is not None:
            response = edited(response, self._edits())
        response = restore_response(response, prepared.encoded)
        whole = response if prepared.rounds is None else prepared.rounds.taken(response)
        return None if whole is None else course.codec.encode_response(whole, course.context())

    def _keep_proofs(self, response: Response) -> None:
        echoed = self._course.inbound.codec.name in ECHOING
        kept = [part for part in response.content if not (echoed and isinstance(part, Thinking))]
        self._course.keep_proofs(kept, self._origin)

    async def _carry(self, carried: CarriedCodec, body: bytes) -> None:
        """A whole answer of an operation that only passes through, in the form the client asked for."""
        delivery = self._course.delivery
        carried.check(body)
        self._course.journal.usage = carried.usage_of(body)
        if self._course.peek.stream:
            await delivery.content(carried.as_stream(body))
        else:
            await delivery.whole(body)

    def _passed(self, body: bytes) -> bytes:
        """The upstream's own bytes, once it is sure that they are no error under a 200 (protocols.md E109)."""
        course, codec = self._course, self._course.inbound.codec
        course.journal.usage = codec.usage_of(body)
        if course.journal.usage is None or any(mark in body for mark in _PROOFS.get(codec.name, ())):
            course.keep_signatures(_signatures(self._decode(body)), self._origin)
        if course.keeper is not None and course.keeper.kept_here:
            return kept_body(body, course.keeper.previous)
        return body


def _signatures(response: Response) -> tuple[str, ...]:
    """All proofs in an answer, as their maker wrote them."""
    found: list[str | None] = []
    for part in response.content:
        if isinstance(part, Thinking):
            found += (part.signature, part.redacted)
        elif isinstance(part, ToolCall):
            found.append(part.proof)
        elif isinstance(part, Opaque) and part.protocol == "gemini":
            signature = _SIGNED.decode(part.raw).signature
            found.append(None if signature is None else read_signature(signature).signature)
    return tuple(filter(None, found))
