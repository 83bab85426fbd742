"""Parts of a client's conversation to neutral ones, calls and results paired as they go by (E21, E53)."""

from typing import Final

from msgspec import Raw, Struct
from msgspec.structs import replace

from trunkline.core.proofs import Proof
from trunkline.core.types import Extra, Message, Part, Text, Thinking, ToolCall, ToolResult
from trunkline.protocols.gemini import signatures
from trunkline.protocols.gemini.media import decode_file, decode_inline
from trunkline.protocols.gemini.names import made_up_id
from trunkline.protocols.gemini.refusals import invalid
from trunkline.protocols.gemini.rendering import signature_part
from trunkline.protocols.gemini.result_decode import decode_outcome
from trunkline.protocols.gemini.wire import CallIn, PartIn, ResultIn, given, one_line
from trunkline.protocols.reading import Earlier, Seam


class _Asked(Struct):
    """A call that has no result yet."""

    id: str
    name: str


_UNKNOWN: Final = "unknown_tool"
_NO_PROOF: Final = Proof(None, None)


class Reader:
    """Reads the parts of one request in order; knows which calls still wait for their results.

    ``earlier``: the turns go on behind its seam.
    """

    def __init__(self, earlier: Earlier | None = None) -> None:
        self.messages: list[Message] = []
        self.extras: list[Extra] = []
        self.seams: list[Seam | None] = []
        self.noted = False
        """Something concerns the whole request, or the turns before the seam: it cannot be read by pieces."""
        self._calls = 0
        self._orphans = 0
        self._waiting: list[_Asked] = []
        if earlier is not None and earlier.seam is not None:
            self.messages += earlier.messages
            self._calls, self._orphans = earlier.seam.counts
            ids, names = earlier.seam.words[::2], earlier.seam.words[1::2]
            self._waiting += map(_Asked, ids, names)

    def turn(self, role: str | None, parts: list[Part], path: str) -> None:
        """One content. Turns of the model side by side are one: SDKs write a chunk a turn."""
        match role:
            case "user" | None | "" | "function" | "tool":
                self.messages.append(Message("user", tuple(parts)))
            case "model" | "assistant":
                last = (
                    self.messages.pop() if self.messages and self.messages[-1].role == "assistant" else None
                )
                joined = [] if last is None else _chunked([*last.content], parts)
                self.messages.append(Message("assistant", tuple(_thoughts([*joined, *parts]))))
                if last is not None:
                    self._close_seam()
            case _:
                raise invalid(f"Please use a valid role: user, model ('{path}.role' is {role!r}).", path)

    def seam(self) -> None:
        """The end of a content."""
        words = tuple([word for asked in self._waiting for word in (asked.id, asked.name)])
        self.seams.append(Seam(len(self.messages), (self._calls, self._orphans), words))

    def _close_seam(self) -> None:
        """What stood before it has grown."""
        if self.seams:
            self.seams[-1] = None
        else:
            self.noted = True

    def note(self, name: str, raw: Raw) -> None:
        """A field outside the vocabulary, kept once by its name."""
        self.noted = True
        if all(extra.name != name for extra in self.extras):
            self.extras.append(Extra(name, Raw(bytes(raw))))

    def part(self, wire: PartIn, path: str) -> list[Part]:
        """The neutral parts of one of a known kind."""
        proof = wire.thought_signature or None
        if wire.text is not None:
            return _text(wire.text, proof, thought=bool(wire.thought))
        if wire.function_call is not None:
            return [self._call(wire.function_call, proof, f"{path}.functionCall")]
        if wire.function_response is not None:
            return [self._result(wire.function_response, f"{path}.functionResponse")]
        if wire.inline_data is not None:
            blob = wire.inline_data
            media = decode_inline(blob.mime_type, blob.data or "", blob.display_name, f"{path}.inlineData")
            return [media, *_trailing(proof)]
        if wire.file_data is not None:
            ref = wire.file_data
            if not ref.file_uri:
                raise invalid(f"'{path}.fileData.fileUri' is required.", f"{path}.fileData.fileUri")
            return [decode_file(ref.file_uri, ref.mime_type, ref.display_name), *_trailing(proof)]
        return [] if proof is None else _text("", proof, thought=bool(wire.thought))

    def _call(self, wire: CallIn, proof: str | None, path: str) -> ToolCall:
        if not wire.name:
            raise invalid(f"'{path}.name' is required.", f"{path}.name")
        arguments = "{}"
        if given(wire.args):
            arguments = one_line(wire.args).decode()
            if arguments[:1] != "{":
                raise invalid(f"Invalid value at '{path}.args': expected an object.", f"{path}.args")
        call_id = wire.id or made_up_id("", self._calls, wire.name)
        self._calls += 1
        self._waiting.append(_Asked(call_id, wire.name))
        read = signatures.read(proof) if proof is not None else _NO_PROOF
        if read.signature == signatures.SKIP:  # stands for a proof that there is not (E13)
            read = _NO_PROOF
        return ToolCall(
            id=call_id,
            name=wire.name,
            arguments=arguments,
            proof=read.signature,
            proof_origin=read.origin,
        )

    def _result(self, wire: ResultIn, path: str) -> ToolResult:
        for name, raw in (("willContinue", wire.will_continue), ("scheduling", wire.scheduling)):
            if given(raw) and bytes(raw) != b"false":
                self.note(f"contents.functionResponse.{name}", raw)
        content, failed = decode_outcome(wire, path)
        return ToolResult(call_id=self._answered(wire), content=content, is_error=failed)

    def _answered(self, wire: ResultIn) -> str:
        """The id of the call this is the result of: by id, by name in order, or the next that waits."""
        for place, asked in enumerate(self._waiting):
            if (asked.id == wire.id) if wire.id else (not wire.name or asked.name == wire.name):
                del self._waiting[place]
                return asked.id
        if wire.id:
            return wire.id
        self._orphans += 1
        return made_up_id("result", self._orphans, wire.name or _UNKNOWN)


def _chunked(before: list[Part], parts: list[Part]) -> list[Part]:
    """What stood before ``parts``; a text that went on in them is moved to its other half."""
    last, first = before[-1] if before else None, parts[0] if parts else None
    if isinstance(last, Text) and isinstance(first, Text):
        parts[0] = Text(last.text + first.text)
        return before[:-1]
    return before


def _thoughts(parts: list[Part]) -> list[Part]:
    """Pieces of one thought as one: a stream's last piece holds the signature of them all."""
    out: list[Part] = []
    for part in parts:
        last = out[-1] if out else None
        if (
            isinstance(part, Thinking)
            and part.redacted is None
            and isinstance(last, Thinking)
            and _open(last)
        ):
            out[-1] = replace(part, text=last.text + part.text)
        else:
            out.append(part)
    return out


def _open(part: Thinking) -> bool:
    return part.signature is None and part.redacted is None and part.origin is None


def _text(text: str, proof: str | None, *, thought: bool) -> list[Part]:
    if thought:
        if proof is None:
            return [Thinking(text=text)] if text else []
        read = signatures.read(proof)
        hidden = signatures.redacted(read.signature)
        if hidden is not None:
            return [Thinking(redacted=hidden, origin=read.origin)]
        return [Thinking(text=text, signature=read.signature, origin=read.origin)]
    if proof is None:
        return [Text(text)]
    kept = signature_part(signatures.sealed(*signatures.read(proof)), attached=bool(text))
    return [Text(text), kept] if text else [kept]


def _trailing(proof: str | None) -> list[Part]:
    return [] if proof is None else [signature_part(proof, attached=True)]
