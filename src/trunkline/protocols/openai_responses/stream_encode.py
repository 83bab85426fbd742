"""Neutral events to a Responses stream with its whole lifecycle, as the strictest clients want it (E72 to E78).

One item a part, items one after another, ids the same in every event of an item, indexes from 0 in each item,
``done`` events complete: Codex builds its history from them and from nothing else.
"""

from collections.abc import Callable
from typing import Final, assert_never

from msgspec.structs import replace

from trunkline.core.errors import GatewayError
from trunkline.core.events import (
    CitationDelta,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    SignatureDelta,
    Started,
    StreamEvent,
)
from trunkline.core.types import Image, Part, Refusal, Text, Thinking, ToolCall
from trunkline.protocols.codec import ReplyContext
from trunkline.protocols.openai_responses.compaction import CompactingStream
from trunkline.protocols.openai_responses.kinds import TYPED
from trunkline.protocols.openai_responses.output_encode import (
    Declared,
    Item,
    Status,
    TextOut,
    call_item,
    is_object,
    item_id,
    notes_of,
    output_item,
    refusal,
    sealed,
    shown,
    whole_call,
)
from trunkline.protocols.openai_responses.reply import answer, echo
from trunkline.protocols.openai_responses.usage import UsageOut, encode_usage, incomplete_reason
from trunkline.protocols.openai_responses.wire import encode

_CUT: Final = "max_output_tokens"


class ResponsesStreamEncoder:
    """See :class:`trunkline.protocols.codec.StreamEncoder`."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._declared = Declared(context.request)
        self._echo = b""
        self._number = 0
        self._output: list[object] = []
        self._refused = False
        self._part: Part | None = None
        self._opened = False
        self._texts: list[str] = []
        self._signature: list[str] = []
        self._notes: list[object] = []
        self._before = b""
        self._after = b""
        self._id = ""
        self._owed: Callable[[Status], bytes] | None = None

    def feed(self, event: StreamEvent) -> bytes:
        """The bytes of one event."""
        match event:
            case PartDelta(_, text):
                return self._delta(text)
            case PartStarted(_, part):
                return self._settle("completed") + self._start_part(part)
            case PartEnded():
                return self._end_part()
            case SignatureDelta(_, signature):
                self._signature.append(signature)
                return b""
            case CitationDelta():
                return self._cite(event)
            case Started():
                return self._begin()
            case Finished():
                return self._finish(event)
            case Failed(error):
                return self._fail(error)
            case _:
                assert_never(event)

    def _event(self, kind: str, fields: Item) -> bytes:
        body = encode({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), body)

    def _lifecycle(
        self,
        kind: str,
        status: str,
        usage: UsageOut | None = None,
        *,
        reason: str | None = None,
        error: GatewayError | None = None,
    ) -> bytes:
        if not self._echo:
            self._echo = echo(self._context)
        output = self._output
        body = answer(self._context, self._echo, status, output, usage, reason=reason, error=error)
        kind_bytes = kind.encode()
        opening = b'{"type":"%b","sequence_number":%d,"response":' % (kind_bytes, self._number)
        self._number += 1
        return b"event: %b\ndata: %b%b}\n\n" % (kind_bytes, opening, body)

    def _begin(self) -> bytes:
        created = self._lifecycle("response.created", "in_progress")
        return created + self._lifecycle("response.in_progress", "in_progress")

    def _start_part(self, part: Part) -> bytes:
        self._part, self._opened = part, False
        self._texts, self._signature, self._notes = [], [], []
        match part:
            case Text(text) | Refusal(text):
                return self._delta(text) if text else b""
            case Thinking(redacted=None):
                return self._delta(part.text) if part.text else b""
            case ToolCall():
                if self._held(part):
                    return b""
                opening = self._open_call(part)
                return opening + self._delta(part.arguments) if part.arguments else opening
            case _:
                return b""

    def _held(self, part: ToolCall) -> bool:
        """Calls of OpenAI's own client tools have items without deltas: they go out whole."""
        return self._declared.vendor_type(part) in TYPED

    def _delta(self, text: str) -> bytes:
        opening = b""
        if not self._opened:
            part = self._part
            if not text:
                return b""
            if isinstance(part, ToolCall):
                self._texts.append(text)
                return b""
            opening = self._open_prose(part)
        self._texts.append(text)
        number = self._number
        self._number = number + 1
        return b"%b%b%b%b%d}\n\n" % (opening, self._before, encode(text), self._after, number)

    def _open(self, kind: str, item: Item) -> bytes:
        self._opened = True
        return self._event("response.output_item.added", {"output_index": len(self._output), "item": item})

    def _template(self, kind: str, place: str, tail: bytes) -> None:
        """The bytes round every delta of the part; the sequence number ends them."""
        where: Item = {"type": kind, "item_id": self._id, "output_index": len(self._output)}
        if place:
            where[place] = 0
        self._before = b"event: %b\ndata: %b" % (kind.encode(), encode(where)[:-1] + b',"delta":')
        self._after = tail + b',"sequence_number":'

    def _open_prose(self, part: Part | None) -> bytes:
        index = len(self._output)
        if isinstance(part, Thinking):
            self._id = item_id("reasoning", self._context.id, index)
            item: Item = {"id": self._id, "type": "reasoning", "summary": []}
            opening = self._open("reasoning", item)
            self._template("response.reasoning_summary_text.delta", "summary_index", b"")
            begun: Item = {"type": "summary_text", "text": ""}
            return opening + self._event(
                "response.reasoning_summary_part.added", self._where("summary_index", part=begun)
            )
        self._id = item_id("message", self._context.id, index)
        item = {
            "id": self._id,
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        if isinstance(part, Text) and part.phase is not None:
            item["phase"] = part.phase
        opening = self._open("message", item)
        if isinstance(part, Refusal):
            self._refused = True
            self._template("response.refusal.delta", "content_index", b"")
            empty: TextOut | Item = refusal(Refusal(""))
        else:
            self._template("response.output_text.delta", "content_index", b',"logprobs":[]')
            empty = TextOut(text="")
        return opening + self._event(
            "response.content_part.added", self._where("content_index", part=empty)
        )

    def _open_call(self, part: ToolCall) -> bytes:
        custom = part.kind == "custom"
        kind = "custom_tool_call" if custom else "function_call"
        self._id = item_id(kind, self._context.id, len(self._output))
        item = call_item(self._id, replace(part, arguments=""), self._declared.namespace(part))
        item["status"] = "in_progress"
        opening = self._open(kind, item)
        name = (
            "response.custom_tool_call_input.delta" if custom else "response.function_call_arguments.delta"
        )
        self._template(name, "", b"")
        return opening

    def _where(self, place: str = "", **more: object) -> Item:
        where: Item = {"item_id": self._id, "output_index": len(self._output)}
        if place:
            where[place] = 0
        return {**where, **more}

    def _cite(self, event: CitationDelta) -> bytes:
        notes = notes_of(event.citation, "".join(self._texts))
        if not notes or not isinstance(self._part, Text):
            return b""
        out = b"" if self._opened else self._open_prose(self._part)
        for note in notes:
            where = self._where("content_index", annotation_index=len(self._notes), annotation=note)
            self._notes.append(note)
            out += self._event("response.output_text.annotation.added", where)
        return out

    def _end_part(self) -> bytes:
        part = self._part
        self._part = None
        match part:
            case Text() | Refusal():
                if not self._opened:
                    return b""
                self._owed = self._message_end(part)
                return b""
            case Thinking():
                return self._end_thinking(part)
            case ToolCall():
                call = replace(part, arguments="".join(self._texts))
                if call.kind == "custom" or is_object(call.arguments):
                    return self._end_call(call, "completed")
                # perhaps cut off: whether it may be run shows in what comes next (E28)
                self._owed = lambda status: self._end_call(call, status)
                return b""
            case Image(data=None):
                self._part = Text("")
                return self._delta(shown(part).text) + self._end_part()
            case None:
                return b""
            case _:
                item = output_item(part, self._context.id, len(self._output), self._declared, "completed")
                return b"" if item is None else self._whole(item)

    def _whole(self, item: object) -> bytes:
        opening = self._event(
            "response.output_item.added", {"output_index": len(self._output), "item": item}
        )
        return opening + self._done(item)

    def _done(self, item: object) -> bytes:
        out = self._event("response.output_item.done", {"output_index": len(self._output), "item": item})
        self._output.append(item)
        self._opened = False
        return out

    def _message_end(self, part: Text | Refusal) -> Callable[[Status], bytes]:
        text, notes = "".join(self._texts), self._notes

        def end(status: Status) -> bytes:
            if isinstance(part, Refusal):
                said: TextOut | Item = refusal(Refusal(text))
                out = self._event("response.refusal.done", self._where("content_index", refusal=text))
            else:
                said = TextOut(text=text, annotations=notes)
                where = self._where("content_index", text=text, logprobs=[])
                out = self._event("response.output_text.done", where)
            out += self._event("response.content_part.done", self._where("content_index", part=said))
            item: Item = {"id": self._id, "type": "message", "status": status, "role": "assistant"}
            item["content"] = [said]
            if isinstance(part, Text) and part.phase is not None:
                item["phase"] = part.phase
            return out + self._done(item)

        return end

    def _end_thinking(self, part: Thinking) -> bytes:
        signature = "".join(self._signature) or part.signature
        text = "".join(self._texts)
        proof = sealed(replace(part, signature=signature))
        item: Item = {
            "id": self._id,
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": text}] if text else [],
            "encrypted_content": proof,
        }
        if not self._opened:
            item["id"] = item_id("reasoning", self._context.id, len(self._output))
            return self._whole(item)
        said: Item = {"type": "summary_text", "text": text}
        out = self._event("response.reasoning_summary_text.done", self._where("summary_index", text=text))
        out += self._event("response.reasoning_summary_part.done", self._where("summary_index", part=said))
        return out + self._done(item)

    def _end_call(self, call: ToolCall, status: Status) -> bytes:
        if not self._opened:
            return self._whole(
                whole_call(call, self._context.id, len(self._output), self._declared, status)
            )
        text = call.arguments
        if call.kind == "custom":
            out = self._event("response.custom_tool_call_input.done", self._where(input=text))
        else:
            where = self._where(arguments=text, name=call.name)
            out = self._event("response.function_call_arguments.done", where)
        return out + self._done(call_item(self._id, call, self._declared.namespace(call), status))

    def _settle(self, status: Status) -> bytes:
        """The end of an item that waited for what came next."""
        owed, self._owed = self._owed, None
        return b"" if owed is None else owed(status)

    def _finish(self, event: Finished) -> bytes:
        reason = incomplete_reason(event.stop, refused=self._refused)
        closing = self._settle("incomplete" if reason == _CUT else "completed")
        status = "completed" if reason is None else "incomplete"
        usage = encode_usage(event.usage)
        return closing + self._lifecycle(f"response.{status}", status, usage, reason=reason)

    def _fail(self, error: GatewayError) -> bytes:
        """A terminal on every path, with the error inside the response (E77, E78)."""
        return self._lifecycle("response.failed", "failed", error=error)


class CompactionStreamEncoder:
    """The answer to a request for a summary: one compaction item, whatever the model said around it."""

    def __init__(self, context: ReplyContext) -> None:
        self._summary = CompactingStream(context.id)
        self._encoder = ResponsesStreamEncoder(context)

    def feed(self, event: StreamEvent) -> bytes:
        """The bytes of one event."""
        return b"".join(map(self._encoder.feed, self._summary.feed(event)))


def encode_stream_error(error: GatewayError, request_id: str) -> bytes:
    """See :meth:`Codec.encode_stream_error`."""
    context = ReplyContext(id=request_id, model="", created=0)
    return ResponsesStreamEncoder(context).feed(Failed(error))
