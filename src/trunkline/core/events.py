"""Stream events, and the way between a stream of them and a whole response.

Law of a neutral stream: ``Started``, then parts one after another (never two open, indexes from 0
ascending), then ``Finished``; or any prefix of that and then ``Failed``. Decoders see to it, so that
encoders need not.
"""

from collections.abc import Iterable, Iterator
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.types import (
    Opaque,
    Part,
    Refusal,
    Response,
    Text,
    Thinking,
    ToolCall,
)
from trunkline.core.usage import Stop, Usage, latest


class Started(Struct, frozen=True, gc=False):
    """The answer began. ``usage`` holds what the vendor reports this early, if anything."""

    id: str
    model: str
    usage: Usage | None = None
    created: int | None = None


class PartStarted(Struct, frozen=True):
    """A part opened. Text, Refusal, Thinking and ToolCall open empty and grow by deltas.

    Every other part, redacted thinking among them, stands whole in ``part`` and gets no delta.
    """

    index: int
    part: Part


class PartDelta(Struct, frozen=True, gc=False):
    """More of the open part: its text, or a piece of a call's raw arguments."""

    index: int
    text: str


class SignatureDelta(Struct, frozen=True, gc=False):
    """More of the open thinking part's signature; pieces concatenate."""

    index: int
    signature: str


class CitationDelta(Struct, frozen=True):
    """A citation on the open text part."""

    index: int
    citation: Opaque


class PartEnded(Struct, frozen=True, gc=False):
    """The open part is complete."""

    index: int


class Finished(Struct, frozen=True):
    """The protocol's own end was seen. ``usage`` is the final count."""

    stop: Stop
    usage: Usage


class Failed(Struct, frozen=True):
    """The stream broke: an error event, or an end without the protocol's own end."""

    error: GatewayError


StreamEvent = (
    Started | PartStarted | PartDelta | SignatureDelta | CitationDelta | PartEnded | Finished | Failed
)


def unfold(response: Response) -> Iterator[StreamEvent]:
    """The stream that would have produced ``response``, one delta a part."""
    yield Started(response.id, response.model, response.usage, response.created)
    for index, part in enumerate(response.content):
        match part:
            case Text(text, citations):
                yield PartStarted(index, Text("", phase=part.phase))
                if text:
                    yield PartDelta(index, text)
                for citation in citations:
                    yield CitationDelta(index, citation)
            case Refusal(text):
                yield PartStarted(index, Refusal(""))
                yield PartDelta(index, text)
            case Thinking(text=text, signature=signature, redacted=None, origin=origin):
                yield PartStarted(index, Thinking(origin=origin))
                if text:
                    yield PartDelta(index, text)
                if signature is not None:
                    yield SignatureDelta(index, signature)
            case ToolCall(arguments=arguments):
                yield PartStarted(index, replace(part, arguments="", cache=None))
                if arguments:
                    yield PartDelta(index, arguments)
            case _:
                yield PartStarted(index, part)
        yield PartEnded(index)
    yield Finished(response.stop, response.usage)


class Folder:
    """Builds the whole response from its stream; ``feed`` each event, then read ``response()``."""

    def __init__(self) -> None:
        self._started: Started | None = None
        self._finished: Finished | None = None
        self._failed: GatewayError | None = None
        self._parts: list[Part] = []
        self._open: Part | None = None
        self._text: list[str] = []
        self._signature: list[str] = []
        self._citations: list[Opaque] = []

    def feed(self, event: StreamEvent) -> None:
        """Take the next event."""
        match event:
            case PartDelta(_, text):
                self._text.append(text)
            case PartStarted(_, part):
                self._open = part
                self._text, self._signature, self._citations = [], [], []
            case PartEnded():
                self._close_part()
            case SignatureDelta(_, signature):
                self._signature.append(signature)
            case CitationDelta(_, citation):
                self._citations.append(citation)
            case Started():
                self._started = event
            case Finished():
                self._finished = event
            case Failed(error):
                self._failed = error
            case _:
                assert_never(event)

    def _close_part(self) -> None:
        part, text = self._open, "".join(self._text)
        match part:
            case None:
                return
            case Text(opening, citations):
                part = replace(part, text=opening + text, citations=(*citations, *self._citations))
            case Refusal(opening):
                part = Refusal(opening + text)
            case Thinking(text=opening, signature=signature, redacted=None, origin=origin):
                signature = "".join(self._signature) if self._signature else signature
                part = Thinking(text=opening + text, signature=signature, origin=origin)
            case ToolCall(arguments=opening):
                part = replace(part, arguments=opening + text, cache=None)
            case _:
                pass
        self._parts.append(part)
        self._open = None

    def response(self) -> Response:
        """The whole answer. Raises the stream's own error, or TRUNCATED when it never finished."""
        if self._failed is not None:
            raise self._failed
        if self._started is None or self._finished is None:
            raise GatewayError(Kind.TRUNCATED, "the upstream's stream ended before the answer was complete")
        usage = self._finished.usage
        if self._started.usage is not None:
            usage = latest(self._started.usage, usage)
        return Response(
            id=self._started.id,
            model=self._started.model,
            content=tuple(self._parts),
            stop=self._finished.stop,
            usage=usage,
            created=self._started.created,
        )


def fold(events: Iterable[StreamEvent]) -> Response:
    """The whole response of a complete stream. Raises as :meth:`Folder.response` does."""
    folder = Folder()
    for event in events:
        folder.feed(event)
    return folder.response()
