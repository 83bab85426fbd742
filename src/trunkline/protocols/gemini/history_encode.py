"""Turns to contents: roles alternate, results stand together in call order before anything else
(E30 to E36, E59), and nothing that is added to a turn depends on a later one (E104)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

import msgspec

from trunkline.core.types import (
    Audio,
    Document,
    Image,
    Message,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from trunkline.protocols.gemini import signatures
from trunkline.protocols.gemini.ledger import Ledger
from trunkline.protocols.gemini.part_encode import PartOut, encode_part
from trunkline.protocols.gemini.wire import OBJECT, encode

NO_RESULT: Final = "no result was recorded for this call; whether it ran is unknown"
CONTINUE: Final = "Continue."
EMPTY: Final = "(empty)"
_FOREIGN_THINKING: Final = "thinking of another model: only its maker can check it"
Media = Image | Document | Audio


class Content(msgspec.Struct):
    """One turn as it is sent."""

    role: str
    parts: list[PartOut]


class History:
    """Walks the turns once; knows which results were already placed."""

    def __init__(self, ledger: Ledger) -> None:
        self.contents: list[Content] = []
        self._ledger = ledger
        self._open: list[ToolCall] = []

    def write(self, messages: Iterable[Message]) -> list[Content]:
        """All contents of a conversation."""
        for said, group in groupby(messages, lambda message: message.role == "assistant"):
            parts = list(_speakers(group, self._ledger))
            if said:
                self._model([part for message in parts for part in message.content])
            else:
                self._user(parts)
        if self._open:
            self._user(())
        if self.contents and self.contents[0].role == "model" and _calls(self.contents[0]):
            self.contents.insert(0, Content("user", [{"text": CONTINUE}]))
        if not self.contents:
            self._add("user", [{"text": EMPTY}])
        elif self.contents[-1].role == "model" and not self._ledger.facts.prefill:
            self._add("user", [{"text": CONTINUE}])
        return self.contents

    def _add(self, role: str, parts: list[PartOut]) -> None:
        if self.contents and self.contents[-1].role == role:
            self.contents[-1].parts += parts
        elif parts:
            self.contents.append(Content(role, parts))

    def _model(self, parts: Sequence[Part]) -> None:
        out: list[PartOut] = []
        signed = False
        for part in parts:
            if isinstance(part, ToolCall):
                call = self._call(part, first=not self._open, signed=signed)
                signed = signed or "thoughtSignature" in call
                self._open.append(part)
                out.append(call)
            elif isinstance(part, Thinking):
                out += self._thinking(part)
            else:
                _join(out, self._said(part))
        self._add("model", out)

    def _said(self, part: Part) -> Iterable[PartOut]:
        if isinstance(part, Opaque) and part.text is None and part.protocol != "gemini":
            self._ledger.lose(f"messages.assistant.{part.kind}", "Gemini has no such block")
            return ()
        return encode_part(part, self._ledger)

    def _thinking(self, part: Thinking) -> Iterable[PartOut]:
        """Earlier thinking goes back to its maker only (E8)."""
        if part.origin != self._ledger.facts.origin or part.redacted is not None:
            self._ledger.lose("messages.thinking", _FOREIGN_THINKING)
            return ()
        out: PartOut = {"text": part.text, "thought": True}
        if part.signature is not None:
            out["thoughtSignature"] = signatures.wire(part.signature)
        return (out,) if part.text or part.signature is not None else ()

    def _call(self, call: ToolCall, *, first: bool, signed: bool) -> PartOut:
        """A call with its own signature; the first of a turn that has none gets the skip value (E13)."""
        self._ledger.lose_mark(call.cache)
        body: PartOut = {"name": self._ledger.name(call.name), "args": msgspec.Raw(_arguments(call))}
        if self._ledger.facts.call_ids and call.id:
            body["id"] = call.id
        out: PartOut = {"functionCall": body}
        proof = self._proof(call)
        if proof is not None:
            out["thoughtSignature"] = proof
        elif first and not signed and self._ledger.facts.skip_proofs:
            out["thoughtSignature"] = signatures.SKIP
        return out

    def _proof(self, call: ToolCall) -> str | None:
        if call.proof is None or (call.proof == signatures.SKIP and not self._ledger.facts.skip_proofs):
            return None
        if call.proof != signatures.SKIP and call.proof_origin != self._ledger.facts.origin:
            self._ledger.lose(
                "messages.proof", "a call's proof of another model: only its maker can check it"
            )
            return None
        return signatures.wire(call.proof)

    def _user(self, messages: Sequence[Message]) -> None:
        asked, self._open = self._open, []
        found: dict[str, ToolResult] = {}
        for message in messages:
            for part in message.content:
                if isinstance(part, ToolResult):
                    found.setdefault(part.call_id, part)
        out: list[PartOut] = []
        carried: list[PartOut] = []
        placed: set[int] = set()
        for call in asked:
            result = found.pop(call.id, None)
            if result is not None:
                placed.add(id(result))
            out.append(self._result(call, result, carried))
        rest: list[PartOut] = []
        for message in messages:
            rest += self._rest(message, placed)
        if not asked and not rest and not carried:
            rest.append({"text": EMPTY})
        self._add("user", [*out, *carried, *rest])

    def _rest(self, message: Message, placed: set[int]) -> list[PartOut]:
        """What of a message is no result of a call before it; instructions become tagged text (E57)."""
        out: list[PartOut] = []
        for part in message.content:
            if isinstance(part, ToolResult):
                if id(part) not in placed:
                    out += self._orphan(part)
            else:
                _join(out, encode_part(part, self._ledger))
        if message.role in ("user", "assistant") or not out:
            return out
        self._ledger.lose(
            f"messages.role.{message.role}", "instructions in the middle become tagged user text"
        )
        words = "\n\n".join(text for part in out if isinstance(text := part.get("text"), str))
        return [{"text": f"<{message.role}>\n{words}\n</{message.role}>"}]

    def _orphan(self, part: ToolResult) -> list[PartOut]:
        """A result nobody asked for becomes text: the conversation was cut by compaction (E34)."""
        texts, media = self._outcome(part)
        prefix = "[tool error] " if part.is_error else ""
        said = f"Result of an earlier tool call ({part.call_id}): {prefix}{texts}"
        return [{"text": said}, *media]

    def _outcome(self, part: ToolResult) -> tuple[str, list[PartOut]]:
        """A result's text, and its pictures and files as parts."""
        self._ledger.lose_mark(part.cache)
        texts: list[str] = []
        media: list[PartOut] = []
        for child in part.content:
            for out in encode_part(child, self._ledger):
                text = out.get("text")
                if isinstance(text, str):
                    texts.append(text)
                else:
                    media.append(out)
        return "\n".join(texts), media

    def _result(self, call: ToolCall, result: ToolResult | None, carried: list[PartOut]) -> PartOut:
        name = self._ledger.name(call.name)
        body: PartOut = {"name": name, "response": {"error": NO_RESULT}}  # E35
        if result is not None:
            text, media = self._outcome(result)
            body["response"] = {"error" if result.is_error else "result": text}
            if media and self._ledger.facts.result_parts and all("inlineData" in one for one in media):
                body["parts"] = media
            elif media:  # E36
                carried.append({"text": f"From the result of {name}:"})
                carried += media
        if self._ledger.facts.call_ids and call.id:
            body["id"] = call.id
        return {"functionResponse": body}


def _speakers(messages: Iterable[Message], ledger: Ledger) -> Iterator[Message]:
    for message in messages:
        if message.name is not None:
            ledger.lose("messages.name", "names of speakers are not carried over")
        yield message


def _calls(content: Content) -> bool:
    return any("functionCall" in part for part in content.parts)


def _join(out: list[PartOut], parts: Iterable[PartOut]) -> None:
    """Appends parts; a signature that belongs to the part before it joins that one."""
    for part in parts:
        if list(part) == ["thoughtSignature"]:
            if out and "thoughtSignature" not in out[-1] and "functionCall" not in out[-1]:
                out[-1] = {**out[-1], **part}
                continue
            part = {"text": "", **part}
        out.append(part)


def _arguments(call: ToolCall) -> bytes:
    """Arguments as an object: nothing becomes ``{}``, a broken rest is kept under ``_raw`` (E24)."""
    if call.kind == "custom":
        return encode({"input": call.arguments})
    text = call.arguments.strip().encode()
    if text in (b"", b"null"):
        return b"{}"
    try:
        OBJECT.decode(text)
    except msgspec.DecodeError:
        return encode({"_raw": call.arguments})
    return text


def encode_instructions(system: Iterable[Text | Opaque], ledger: Ledger) -> list[PartOut]:
    """The parts of ``systemInstruction``, without Claude Code's attribution line, which differs by
    session and spoils prefix caches (E58)."""
    out: list[PartOut] = []
    for part in system:
        if isinstance(part, Text) and part.text.startswith(_ATTRIBUTION):
            ledger.lose(
                "system.attribution", "it says who called, changes by session and breaks prompt caches"
            )
            part = Text(part.text.partition("\n")[2], (), part.cache)
        out += encode_part(part, ledger)
    return out


_ATTRIBUTION: Final = "x-anthropic-billing-header:"
