"""A protocol small enough to read: requests, answers and events are flat JSON. Two of it make a translation."""

from collections.abc import Callable

import msgspec
from msgspec import Struct

from trunkline.core.errors import GatewayError, Kind, kind_of_status
from trunkline.core.events import (
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    SignatureDelta,
    Started,
    StreamEvent,
)
from trunkline.core.facts import Facts
from trunkline.core.http import HttpHead
from trunkline.core.losses import Loss
from trunkline.core.sse import SSEvent, encode_data
from trunkline.core.types import Message, OutputFormat, Request, Response, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.codec import Encoded, ErrorReply, Peek, ReplyContext

PROTOCOLS = ("tiny", "small")


class Said(Struct, omit_defaults=True):
    """A message part, a request's part, or an event: which of them, the field ``t`` says."""

    t: str
    v: str = ""
    id: str = ""
    name: str = ""
    signature: str | None = None
    input: int | None = None
    output: int | None = None
    message: str = ""


class Asked(Struct, omit_defaults=True):
    model: str
    stream: bool = False
    parts: list[Said] = []
    format: bool = False
    extra: str | None = None


class Answered(Struct, omit_defaults=True):
    parts: list[Said] = []
    stop: str = "end"
    input: int | None = None
    output: int | None = None
    error: str | None = None


def event(t: str, **fields: object) -> bytes:
    """One frame of a stream."""
    return encode_data(msgspec.json.encode({"t": t, **fields}))


def answer(*texts: str, input: int = 3, output: int = 5) -> list[bytes]:
    """The frames of a complete streamed answer, one a text."""
    return [
        event("start", input=input),
        *(event("text", v=text) for text in texts),
        event("end", v="end", output=output),
    ]


class TinyDecoder:
    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._index = -1
        self._open = ""
        self._input: int | None = None
        self._done = False

    def _close(self) -> list[StreamEvent]:
        if not self._open:
            return []
        self._open = ""
        return [PartEnded(self._index)]

    def feed(self, frame: SSEvent) -> list[StreamEvent]:  # noqa: PLR0911
        if self._done:
            return []
        try:
            said = msgspec.json.decode(frame.data, type=Said)
        except msgspec.DecodeError:
            self._done = True
            return [Failed(GatewayError(Kind.UPSTREAM_FAILED, "unreadable", local=False))]
        match said.t:
            case "start":
                self._input = said.input
                return [Started("1", "upstream-model", Usage(input=said.input))]
            case "text" | "think":
                events: list[StreamEvent] = []
                if self._open != said.t:
                    events = self._close()
                    self._index += 1
                    self._open = said.t
                    part = Text("") if said.t == "text" else Thinking(origin=self._origin)
                    events.append(PartStarted(self._index, part))
                if said.v:
                    events.append(PartDelta(self._index, said.v))
                if said.signature:
                    events.append(SignatureDelta(self._index, said.signature))
                return events
            case "call":
                events = self._close()
                self._index += 1
                self._open = "call"
                call = ToolCall(id=said.id, name=said.name, arguments="")
                return [*events, PartStarted(self._index, call)]
            case "args":
                return [PartDelta(self._index, said.v)]
            case "end":
                self._done = True
                usage = Usage(input=self._input, output=said.output)
                stop = Stop("tool_use" if said.v == "tool_use" else "end", said.v)
                return [*self._close(), Finished(stop, usage)]
            case "error":
                self._done = True
                return [Failed(GatewayError(Kind.OVERLOADED, said.message, local=False))]
            case _:
                return []

    def close(self) -> list[StreamEvent]:
        if self._done:
            return []
        self._done = True
        return [Failed(GatewayError(Kind.TRUNCATED, "ended too early", local=False))]


class TinyEncoder:
    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._kind = "text"

    def feed(self, stream_event: StreamEvent) -> bytes:
        match stream_event:
            case Started(usage=usage):
                return event("start", input=usage.input if usage else None, name=self._context.model)
            case PartStarted(_, part):
                if isinstance(part, ToolCall):
                    self._kind = "args"
                    return event("call", id=part.id, name=part.name, custom=part.kind == "custom")
                self._kind = "think" if isinstance(part, Thinking) else "text"
                return b""
            case PartDelta(_, text):
                return event(self._kind, v=text)
            case SignatureDelta(_, signature):
                return event("think", signature=signature)
            case Finished(stop, usage):
                return event("end", v=stop.reason, output=usage.output)
            case Failed(error):
                return event("error", message=error.message, kind=error.kind.value, timeout=error.timeout)
            case _:
                return b""


class TinyTap:
    def __init__(self) -> None:
        self.content_seen = False
        self.finished = False
        self.error: GatewayError | None = None
        self.usage: Usage | None = None
        self.stop: Stop | None = None
        self.signatures: tuple[str, ...] = ()

    def feed(self, frame: SSEvent) -> None:
        try:
            said = msgspec.json.decode(frame.data, type=Said)
        except msgspec.DecodeError:
            return
        if said.t in ("text", "call", "think", "end"):
            self.content_seen = True
        if said.signature:
            self.signatures = (*self.signatures, said.signature)
        if said.t == "end":
            self.finished = True
            self.stop = Stop("end", said.v)
            self.usage = Usage(output=said.output)
        elif said.t == "error":
            self.error = GatewayError(Kind.OVERLOADED, said.message, local=False)


class TinyCodec:
    """Implements Codec. ``encodings`` counts how often a request was encoded."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.encodings = 0
        self.renames: dict[str, str] = {}
        self.custom: frozenset[str] = frozenset()
        self.lossy = False
        self.lost = "top_k"

    def peek(self, body: bytes) -> Peek:
        try:
            asked = msgspec.json.decode(body, type=Asked)
        except msgspec.DecodeError as cause:
            raise GatewayError(Kind.INVALID_REQUEST, f"body: {cause}") from cause
        return Peek(asked.model, asked.stream)

    def rename(self, body: bytes, deployment: str) -> bytes:
        model = msgspec.json.decode(body, type=Asked).model
        return body.replace(msgspec.json.encode(model), msgspec.json.encode(deployment), 1)

    def decode_request(self, body: bytes) -> Request:
        asked = msgspec.json.decode(body, type=Asked)
        content = tuple(
            Thinking(text=said.v, signature=said.signature)
            if said.t == "think"
            else ToolCall(id=said.id, name=said.name, arguments=said.v)
            if said.t == "call"
            else Text(said.v)
            for said in asked.parts
        )
        return Request(
            protocol=self.name,
            model=asked.model,
            messages=(Message("assistant", content),),
            stream=asked.stream,
            output_format=OutputFormat(kind="json_object") if asked.format else None,
        )

    def encode_request(self, request: Request, facts: Facts) -> Encoded:
        self.encodings += 1
        parts: list[Said] = []
        for part in request.messages[0].content:
            match part:
                case Thinking(text=text, signature=signature, origin=origin):
                    if origin == facts.origin:
                        parts.append(Said("think", text, signature=signature))
                case ToolCall(id=call_id, name=name, arguments=arguments):
                    parts.append(Said("call", arguments, call_id, name))
                case Text(text):
                    parts.append(Said("text", text))
                case _:
                    raise AssertionError
        asked = Asked(
            request.model,
            request.stream,
            parts,
            request.output_format is not None,
            extra=None if "extra" in facts.drop else "field",
        )
        return Encoded(
            body=msgspec.json.encode(asked),
            losses=(Loss(self.lost, "no such knob"),) if self.lossy else (),
            tool_names=self.renames,
            custom_tools=self.custom,
        )

    def decode_response(self, body: bytes, origin: str) -> Response:
        try:
            answered = msgspec.json.decode(body, type=Answered)
        except msgspec.DecodeError as cause:
            raise GatewayError(Kind.UPSTREAM_FAILED, "unreadable", local=False) from cause
        if answered.error is not None:
            raise GatewayError(Kind.OVERLOADED, answered.error, local=False)
        content = tuple(
            ToolCall(id=said.id, name=said.name, arguments=said.v)
            if said.t == "call"
            else Thinking(text=said.v, signature=said.signature, origin=origin)
            if said.t == "think"
            else Text(said.v)
            for said in answered.parts
        )
        usage = Usage(input=answered.input, output=answered.output)
        return Response(id="1", model="m", content=content, stop=Stop("end", answered.stop), usage=usage)

    def encode_response(self, response: Response, context: ReplyContext) -> bytes:
        parts = [Said("text", part.text) for part in response.content if isinstance(part, Text)]
        parts += [
            Said("call", part.arguments, part.id, part.name)
            for part in response.content
            if isinstance(part, ToolCall)
        ]
        return msgspec.json.encode(Answered(parts, response.stop.reason, output=response.usage.output))

    def stream_decoder(self, origin: str) -> TinyDecoder:
        return TinyDecoder(origin)

    def stream_encoder(self, context: ReplyContext) -> TinyEncoder:
        return TinyEncoder(context)

    def stream_tap(self) -> TinyTap:
        return TinyTap()

    def usage_of(self, body: bytes) -> Usage | None:
        try:
            output = msgspec.json.decode(body, type=Answered).output
        except msgspec.DecodeError:
            return None
        return None if output is None else Usage(output=output)

    def drop_foreign_proofs(
        self, body: bytes, owned: Callable[[str], bool]
    ) -> tuple[bytes, tuple[Loss, ...]]:
        asked = msgspec.json.decode(body, type=Asked)
        kept = [said for said in asked.parts if said.signature is None or owned(said.signature)]
        if len(kept) == len(asked.parts):
            return body, ()
        asked.parts = kept
        return msgspec.json.encode(asked), (Loss("thinking", "of another maker"),)

    def decode_error(self, head: HttpHead, body: bytes) -> GatewayError:
        retry_after = head.header("retry-after")
        try:
            wait = float(retry_after) if retry_after is not None else None
        except ValueError:
            wait = None
        return GatewayError(
            kind_of_status(head.status),
            body.decode(errors="replace") or f"status {head.status}",
            status=head.status,
            retry_after=wait,
            protocol=self.name,
            raw=body,
            local=False,
        )

    def encode_error(self, error: GatewayError, request_id: str) -> ErrorReply:
        return ErrorReply(error.status, (), error.message.encode())

    def encode_stream_error(self, error: GatewayError, request_id: str) -> bytes:
        return event("error", message=error.message, kind=error.kind.value, timeout=error.timeout)

    def ping(self, *, begun: bool) -> bytes:
        return b": ping begun\n\n" if begun else b": ping\n\n"
