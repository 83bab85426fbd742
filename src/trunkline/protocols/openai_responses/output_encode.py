"""The model's parts as complete output items: what ``output_item.done`` and a whole answer hold."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from trunkline.core.proofs import seal
from trunkline.core.search import Citation, Grounding, WebSearch
from trunkline.core.types import Image, Opaque, Part, Refusal, Request, Text, Thinking, Tool, ToolCall
from trunkline.protocols.openai_responses.item_decode import REDACTED
from trunkline.protocols.openai_responses.kinds import TYPED, own_name
from trunkline.protocols.openai_responses.search import item_of
from trunkline.protocols.openai_responses.wire import ITEM, NAME, OBJECT

Item = dict[str, object]
Status = Literal["completed", "incomplete"]
MAX_CONTEXT_ID: Final = 40
_PREFIXES: Final = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "local_shell_call": "lsh",
    "shell_call": "sh",
    "apply_patch_call": "apc",
    "tool_search_call": "tsc",
    "image_generation_call": "ig",
}


def item_id(kind: str, reply_id: str, index: int) -> str:
    """An item's id: short, and the same in every event of a stream (E73)."""
    return f"{_PREFIXES[kind]}_{reply_id[:MAX_CONTEXT_ID]}_{index}"


class TextOut(Struct, kw_only=True, gc=False):
    """``output_text`` with every key that clients look for (E76)."""

    type: str = "output_text"
    text: str
    annotations: Sequence[object] = ()
    logprobs: tuple[()] = ()


class MessageOut(Struct, kw_only=True, gc=False):
    """A message of the model's, whole."""

    id: str
    type: str = "message"
    status: Status
    role: str = "assistant"
    content: tuple[TextOut | Item]
    phase: str | UnsetType = UNSET


class Declared:
    """The tools of the request that is answered, by the names that models call them."""

    def __init__(self, request: Request | None) -> None:
        self._request = request

    @cached_property
    def _tools(self) -> dict[str, Tool]:
        """Those whose calls are more than a function's; not looked for in an answer without calls."""
        tools = () if self._request is None else self._request.tools
        return {tool.name: tool for tool in tools if tool.namespace is not None or tool.kind == "client"}

    def namespace(self, call: ToolCall) -> str | None:
        """The group to name beside the call: Codex finds no tool without it."""
        tool = self._tools.get(call.name)
        return call.namespace or (None if tool is None else tool.namespace)

    def vendor_type(self, call: ToolCall) -> str | None:
        """The client tool whose own item type the call needs."""
        tool = self._tools.get(call.name)
        return call.vendor_type or (None if tool is None else tool.vendor_type)


class _Shape(Struct):
    command: list[str] | None = None
    commands: list[str] | None = None
    type: str | None = None
    path: str | None = None


_SHAPE: Final = msgspec.json.Decoder(_Shape)


def typed_item(call: ToolCall, call_id: str, vendor_type: str | None = None) -> Item | None:
    """A call as the item of its own type; None when its arguments do not fit one: then it is a function's."""
    tool = TYPED.get(vendor_type or call.vendor_type or "")
    if tool is None:
        return None
    try:
        shape, fields = _SHAPE.decode(call.arguments), OBJECT.decode(call.arguments)
    except (msgspec.DecodeError, UnicodeError):
        return None
    fitting = {
        "local_shell": shape.command is not None,
        "shell": shape.commands is not None,
        "apply_patch": shape.type is not None and shape.path is not None,
        "tool_search": True,
    }
    if not fitting[tool.name]:
        return None
    body: dict[str, object] = dict(fields)
    if tool.name == "local_shell":
        body = {"type": "exec", "env": {}, **fields}
    item: Item = {"type": tool.call, "call_id": call_id, "status": "completed", tool.body: body}
    if tool.name == "tool_search":
        item["execution"] = "client"
    return item


def message(ident: str, part: Text | Refusal, status: Status = "completed") -> MessageOut:
    """A message with one content part."""
    if isinstance(part, Refusal):
        return MessageOut(id=ident, status=status, content=(refusal(part),))
    said = TextOut(text=part.text, annotations=annotations(part) if part.citations else ())
    phase = UNSET if part.phase is None else part.phase
    return MessageOut(id=ident, status=status, content=(said,), phase=phase)


def refusal(part: Refusal) -> Item:
    """``refusal``."""
    return {"type": "refusal", "refusal": part.text}


def reasoning(ident: str, part: Thinking) -> Item:
    """A reasoning item: readable text as its summary, the proof sealed with its maker's name (E5, E7)."""
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    return {"id": ident, "type": "reasoning", "summary": summary, "encrypted_content": sealed(part)}


def sealed(part: Thinking) -> str:
    """What a client keeps for us: the proof, or that there was none."""
    origin = part.origin or ""
    return seal(part.signature, origin) if part.redacted is None else seal(REDACTED + part.redacted, origin)


def call_item(ident: str, part: ToolCall, namespace: str | None, status: Status = "completed") -> Item:
    """A function's or freeform tool's call."""
    custom = part.kind == "custom"
    item: Item = {
        "id": ident,
        "type": "custom_tool_call" if custom else "function_call",
        "status": status,
        "call_id": part.id,
        "name": own_name(namespace, part.name),
        "input" if custom else "arguments": part.arguments,
    }
    if namespace:
        item["namespace"] = namespace
    return item


def image(ident: str, part: Image) -> Item:
    """A generated image."""
    found: Item = {"id": ident, "type": "image_generation_call", "status": "completed", "result": part.data}
    if part.media_type is not None:
        found["output_format"] = part.media_type.removeprefix("image/")
    return found


def shown(part: Image) -> Text:
    """An image that is only known by its address, as text that shows it."""
    return Text(f"![image]({part.url})")


def own_item(part: Opaque) -> Raw | None:
    """The item an opaque part came as; None for blocks of other protocols, whose servers' work is invisible."""
    if part.protocol == NAME:
        return part.raw if part.kind.startswith(ITEM) else None
    return item_of(part.means) if isinstance(part.means, WebSearch) else None


def annotations(part: Text) -> list[object]:
    """Citations that have a form here."""
    return [note for cited in part.citations for note in notes_of(cited, part.text)]


class _Cited(Struct):
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None
    url_citation: "_Cited | None" = None


_CITED: Final = msgspec.json.Decoder(_Cited)


def notes_of(citation: Opaque, text: str) -> list[object]:
    """The annotations for a citation of any protocol; none for those that point to no URL."""
    if citation.protocol == NAME:
        return [citation.raw]
    match citation.means:
        case Citation() as cited:
            return [_note(cited, text)] if cited.url else []
        case Grounding(citations=citations):
            return [_note(cited, text) for cited in citations]
        case _:
            note = _other(citation, text)
            return [] if note is None else [note]


def _note(cited: Citation, text: str) -> Item:
    start, end = cited.start, cited.end
    if start is None and cited.text and cited.text in text:
        start = text.rindex(cited.text)
        end = start + len(cited.text)
    return {
        "type": "url_citation",
        "url": cited.url,
        "title": cited.title,
        "start_index": start or 0,
        "end_index": len(text) if end is None else end,
    }


def _other(citation: Opaque, text: str) -> Item | None:
    """A citation that only its raw form tells of."""
    try:
        found = _CITED.decode(citation.raw)
    except msgspec.DecodeError:
        return None
    found = found.url_citation or found
    if not found.url:
        return None
    return {
        "type": "url_citation",
        "url": found.url,
        "title": found.title or "",
        "start_index": found.start_index or 0,
        "end_index": len(text) if found.end_index is None else found.end_index,
    }


def output_items(parts: tuple[Part, ...], reply_id: str, declared: Declared, cut_off: bool) -> list[object]:
    """All items of a whole answer; of a call that was cut off the last says so (E28)."""
    items: list[object] = []
    last = len(parts) - 1 if cut_off else None
    for position, part in enumerate(parts):
        status: Status = "incomplete" if position == last else "completed"
        if isinstance(part, Text):
            if part.text:
                items.append(message(item_id("message", reply_id, len(items)), part, status))
            continue
        item = output_item(part, reply_id, len(items), declared, status)
        if item is not None:
            items.append(item)
    return items


def output_item(part: Part, reply_id: str, index: int, declared: Declared, status: Status) -> object | None:
    """One part as an item; None for what has no form here."""
    match part:
        case Text(text) | Refusal(text):
            if not text:
                return None
            return message(item_id("message", reply_id, index), part, status)
        case Thinking():
            return reasoning(item_id("reasoning", reply_id, index), part)
        case ToolCall():
            return whole_call(part, reply_id, index, declared, status)
        case Image(data=None):
            return message(item_id("message", reply_id, index), shown(part), status)
        case Image():
            return image(item_id("image_generation_call", reply_id, index), part)
        case Opaque():
            return own_item(part)
        case _:
            return None


def whole_call(part: ToolCall, reply_id: str, index: int, declared: Declared, status: Status) -> Item:
    """A call in the form its tool was declared in."""
    typed = None
    if status == "completed":
        typed = typed_item(part, part.id, declared.vendor_type(part))
    if typed is not None:
        return {"id": item_id(str(typed["type"]), reply_id, index), **typed}
    kind = "custom_tool_call" if part.kind == "custom" else "function_call"
    if status == "incomplete" and is_object(part.arguments):
        status = "completed"
    return call_item(item_id(kind, reply_id, index), part, declared.namespace(part), status)


def is_object(arguments: str) -> bool:
    """Whether a call's arguments are whole."""
    try:
        OBJECT.decode(arguments)
    except (msgspec.DecodeError, UnicodeError):
        return False
    return True
