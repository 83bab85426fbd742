"""Items that history and answers have in common: messages of the model, reasoning, calls.

Both directions of a conversation go through here, so a turn reads the same when it is answered and when it
is sent back.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.proofs import unseal
from trunkline.core.types import Opaque, Part, Text, Thinking, ToolCall
from trunkline.protocols.openai_responses.kinds import BY_CALL, TypedTool, flat_name
from trunkline.protocols.openai_responses.part_decode import decode_message
from trunkline.protocols.openai_responses.search import meaning
from trunkline.protocols.openai_responses.wire import (
    CALL,
    ITEM,
    NAME,
    OBJECT,
    REASONING,
    TYPED_CALL,
    WireCall,
    WireReasoning,
    WireText,
    WireTypedCall,
    checked,
    encode,
    read,
)

REDACTED: Final = "~"
"""Begins a sealed proof that stands for reasoning nobody can read; no vendor's own begins so."""
BREAK: Final = "\n\n"
"""Stands between the pieces of a summary that become one text."""


def opaque_item(kind: str, raw: Raw, text: str | None = None) -> Opaque:
    """An item that only this protocol has."""
    held = checked(Raw(bytes(raw)))
    return Opaque(NAME, ITEM + kind, held, text, means=meaning(kind, held))


def said(raw: Raw, at: str) -> list[Part]:
    """The parts of an assistant's message."""
    return worded(decode_message(raw, at)[1])


def worded(parts: list[Part]) -> list[Part]:
    """``parts`` without empty texts: they are nobody's words."""
    return [part for part in parts if not (isinstance(part, Text) and not part.text)]


def thinking_text(wire: WireReasoning) -> str:
    """Readable reasoning: its summary, or the full text where there is none; never both (E15)."""
    return _joined(wire.summary) or _joined(wire.content)


def _joined(texts: list[WireText] | None) -> str:
    return BREAK.join(text.text for text in texts or () if text.text)


def thought(wire: WireReasoning, origin: str | None, *, sealed: bool) -> list[Thinking]:
    """The reasoning an item holds; none when it can neither be read nor proven.

    ``sealed``: the proof may be ours, from a client; it names its own origin.
    """
    text, proof = thinking_text(wire), wire.encrypted_content or None
    if sealed and proof is not None:
        proof, origin = unseal(proof)
        if proof is not None and proof.startswith(REDACTED) and origin is not None:
            return [Thinking(redacted=proof.removeprefix(REDACTED), origin=origin)]
    if not text and proof is None:
        return []
    return [Thinking(text=text, signature=proof, origin=origin)]


def function_call(wire: WireCall) -> ToolCall:
    """A function or freeform call; an object for arguments is text, none are ``{}`` (E24, E26)."""
    custom = wire.type == "custom_tool_call"
    text = wire.input or "" if custom else arguments_text(wire.arguments)
    if not custom and wire.status not in ("incomplete", "in_progress") and not text.strip():
        text = "{}"
    return ToolCall(
        id=wire.call_id or wire.id or "",
        name=flat_name(wire.namespace, wire.name or ""),
        arguments=text,
        kind="custom" if custom else "function",
        namespace=wire.namespace or None,
    )


def arguments_text(arguments: str | dict[str, Raw] | None) -> str:
    """Arguments as text: a string as it is, an object compactly."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else msgspec.json.format(encode(arguments), indent=-1).decode()


def typed_call(tool: TypedTool, raw: Raw) -> ToolCall | None:
    """A call of one of OpenAI's client tools; None when OpenAI's own servers ran it."""
    wire = read(TYPED_CALL, raw)
    if _hosted(wire):
        return None
    body = {"action": wire.action, "operation": wire.operation, "arguments": wire.arguments}[tool.body]
    return ToolCall(
        id=wire.call_id or wire.id or "",
        name=tool.name,
        arguments=_asked(tool, body),
        vendor_type=tool.name,
    )


def _hosted(wire: WireTypedCall) -> bool:
    place = wire.environment.type if wire.environment is not None else None
    return wire.execution == "server" or (place or "").startswith("container")


def _asked(tool: TypedTool, body: Raw) -> str:
    """What is asked for as an object, without the constant type of an action and without nulls."""
    data = bytes(body)
    if data[:1] == b'"':
        return msgspec.json.decode(data, type=str) or "{}"
    if data[:1] != b"{":
        return "{}"
    fields = {
        key: value
        for key, value in OBJECT.decode(data).items()
        if bytes(value) != b"null" and not (tool.body == "action" and key == "type")
    }
    return msgspec.json.format(encode(fields), indent=-1).decode()


def decode_item(kind: str, raw: Raw, at: str, origin: str | None, *, sealed: bool) -> list[Part]:
    """The parts one of the model's items stands for. Raises msgspec.DecodeError or GatewayError."""
    simple = _SIMPLE.get(kind)
    if simple is not None:
        return simple(raw, at)
    if kind == "reasoning":
        return list(thought(read(REASONING, raw), origin, sealed=sealed))
    typed = BY_CALL.get(kind)
    call = None if typed is None else typed_call(typed, raw)
    return [opaque_item(kind, raw) if call is None else call]


def _called(raw: Raw, at: str) -> list[Part]:
    del at
    return [function_call(read(CALL, raw))]


_SIMPLE: Final[dict[str, Callable[[Raw, str], list[Part]]]] = {
    "message": said,
    "function_call": _called,
    "custom_tool_call": _called,
}
