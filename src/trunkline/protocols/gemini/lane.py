"""Puts parts in line as events: one open at a time, indexes ascending, signatures kept in place."""

from collections.abc import Callable
from typing import Literal

from msgspec import Raw

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import (
    CitationDelta,
    PartDelta,
    PartEnded,
    PartStarted,
    SignatureDelta,
    StreamEvent,
)
from trunkline.core.splice import splice
from trunkline.core.types import Opaque, Part, Text, Thinking, ToolCall
from trunkline.protocols.gemini import signatures
from trunkline.protocols.gemini.media import decode_inline
from trunkline.protocols.gemini.names import made_up_id
from trunkline.protocols.gemini.partial_args import PartialCall
from trunkline.protocols.gemini.rendering import opaque, signature_part
from trunkline.protocols.gemini.wire import OBJECT, TEXT, Blob, Call, encode, given, one_line

Events = list[StreamEvent]


class Lane:
    """Turns what a vendor sent into part events. ``seed`` makes ids for calls without one."""

    def __init__(self, origin: str) -> None:
        self.seed = ""
        self.called = False
        self.citations: list[Opaque] = []
        """Citations that wait for a text."""
        self._origin = origin
        self._index = -1
        self._open: Literal["text", "thinking"] | None = None
        self._partial: PartialCall | None = None
        self._calls = 0
        self._ids: set[str] = set()

    def say(self, text: str, signature: str | None, events: Events, *, thought: bool) -> None:
        """More text or reasoning; nothing opens for an empty one (E71)."""
        kind: Literal["text", "thinking"] = "thinking" if thought else "text"
        if not text and not signature:
            return
        if text or thought:
            if self._open != kind:
                self._close(events)
                self._start(Thinking(origin=self._origin) if thought else Text(""), events)
                self._open = kind
            if text:
                events.append(PartDelta(self._index, text))
        if signature and thought:
            events.append(SignatureDelta(self._index, signatures.bare(signature)))
            self._close(events)
        elif signature:
            self.cite(events)
            self._sign(signature, events, attached=bool(text))

    def call(self, call: Call, signature: str | None, events: Events) -> None:
        """A whole call, or the next piece of one."""
        partial = self._partial
        if partial is not None and not call.name:
            partial.take(call.partial_args or [])
            if not call.will_continue:
                self._end_partial(events)
            return
        self._close(events)
        if not call.name:
            if call.will_continue or call.partial_args or given(call.args):
                raise GatewayError(
                    Kind.UPSTREAM_FAILED, "the upstream called a tool without naming it", local=False
                )
            return  # the end of a call that ended before
        partial = PartialCall(call, signature)
        if call.will_continue or call.partial_args:
            partial.take(call.partial_args or [])
            self._partial = partial
            if not call.will_continue:
                self._end_partial(events)
            return
        arguments = one_line(call.args).decode() if given(call.args) else "{}"
        self._put_call(partial, lambda: arguments, events)

    def media(self, blob: Blob, signature: str | None, events: Events) -> None:
        """A generated picture or sound."""
        self._close(events)
        self._put(decode_inline(blob.mime_type or "image/png", blob.data or "", None, "inlineData"), events)
        if signature:
            self._sign(signature, events, attached=True)

    def keep(self, raw: Raw, events: Events) -> None:
        """A part of another kind; its signature is sealed, so that it finds back to its maker."""
        fields = OBJECT.decode(raw)
        fields = {name: value for name, value in fields.items() if given(value)}
        signed = fields.get("thoughtSignature")
        if all(name in ("thought", "thoughtSignature") for name in fields):
            if signed is not None:
                self._sign(TEXT.decode(signed), events, attached=False)
            return
        self._close(events)
        if signed is not None:
            sealed = signatures.sealed(signatures.bare(TEXT.decode(signed)), self._origin)
            raw = Raw(splice(bytes(raw), {"thoughtSignature": encode(sealed)}))
        self._put(opaque(raw, fields, worded=False), events)

    def cite(self, events: Events) -> None:
        """Waiting citations go to the open text."""
        if self._open == "text":
            events += [CitationDelta(self._index, citation) for citation in self.citations]
            self.citations.clear()

    def finish(self, events: Events, *, cut_off: bool) -> None:
        """Everything that is still open ends. A call whose arguments broke off is left out (E28)."""
        if cut_off:
            self._partial = None
        self.cite(events)
        self._close(events)
        for citation in self.citations[-1:]:
            self._put(citation, events)

    def _start(self, part: Part, events: Events) -> None:
        self._index += 1
        events.append(PartStarted(self._index, part))

    def _put(self, part: Part, events: Events) -> None:
        self._start(part, events)
        events.append(PartEnded(self._index))

    def _sign(self, signature: str, events: Events, *, attached: bool) -> None:
        self._close(events)
        sealed = signatures.sealed(signatures.bare(signature), self._origin)
        self._put(signature_part(sealed, attached=attached), events)

    def _close(self, events: Events) -> None:
        if self._partial is not None:
            self._end_partial(events)
        if self._open is not None:
            events.append(PartEnded(self._index))
            self._open = None

    def _end_partial(self, events: Events) -> None:
        partial, self._partial = self._partial, None
        if partial is not None:
            self._put_call(partial, partial.arguments, events)

    def _put_call(self, call: PartialCall, arguments: Callable[[], str], events: Events) -> None:
        proof = None if not call.proof else signatures.bare(call.proof)
        part = ToolCall(
            id=self._unique(call),
            name=call.name,
            arguments="",
            proof=proof,
            proof_origin=None if proof is None else self._origin,
        )
        self._start(part, events)
        events.append(PartDelta(self._index, arguments()))
        events.append(PartEnded(self._index))
        self.called = True

    def _unique(self, call: PartialCall) -> str:
        """The call's own id, or one that is the same for the same answer; none twice (E21)."""
        found = call.id or made_up_id(self.seed, self._calls, call.name)
        if found in self._ids:
            found = f"{found}_{self._calls}"
        self._calls += 1
        self._ids.add(found)
        return found
