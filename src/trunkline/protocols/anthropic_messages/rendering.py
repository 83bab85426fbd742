"""Plain-language renderings of blocks that other protocols have no form for."""

from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.types import Opaque
from trunkline.protocols.anthropic_messages import search
from trunkline.protocols.anthropic_messages.wire import PROTOCOL, tag_of

LIMIT: Final = 20_000
"""Characters; a longer rendering is cut and says so."""

_READABLE: Final = (
    "title", "url", search.SEALED, "source", "tool_name", "text", "data", "stdout", "stderr", "error_code",
    "error_message", "summary", "content", "tool_references",
)  # fmt: skip
"""Keys whose text means something to a reader, in the order they are shown."""


def opaque(raw: Raw | bytes, kind: str | None = None) -> Opaque:
    """A block or citation as it came, with a rendering where one exists."""
    held = Raw(bytes(raw))
    name = kind if kind is not None else tag_of(held).type
    return Opaque(PROTOCOL, name, held, text=_text_of(name, held), means=search.meaning(name, held))


def tool_reference_text(name: str) -> str:
    """What a ``tool_reference`` tells a model that cannot read it (E50)."""
    return f"The tool {name} is available now."


def _text_of(kind: str, raw: Raw) -> str | None:
    value: object = msgspec.json.decode(raw)
    if not isinstance(value, dict):
        return None
    fields: dict[str, object] = {str(key): item for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- JSON
    if kind in ("server_tool_use", "mcp_tool_use"):
        arguments = msgspec.json.encode(fields.get("input", {})).decode()
        return f"[used the server tool {fields.get('name', '')} with {arguments}]"
    lines: list[str] = []
    _collect(fields, lines)
    text = "\n".join(lines)
    if not text:
        return None
    if len(text) > LIMIT:
        text = f"{text[:LIMIT]}\n[{len(text) - LIMIT} more characters left out]"
    if kind.endswith("_tool_result"):
        return f"[result of the server tool {kind.removesuffix('_tool_result')}]\n{text}"
    return text


def _collect(value: object, lines: list[str], key: str = "") -> None:
    if isinstance(value, str):
        text = search.opened(value) if key == search.SEALED else value
        if text.strip():
            lines.append(text)
    elif isinstance(value, list):
        for item in value:  # pyright: ignore[reportUnknownVariableType] -- JSON
            _collect(item, lines)  # pyright: ignore[reportUnknownArgumentType] -- JSON
    elif isinstance(value, dict):
        if value.get("type") in ("base64", "image"):  # pyright: ignore[reportUnknownMemberType] -- JSON
            return
        for key in _READABLE:
            if key in value:
                _collect(value[key], lines, key)  # pyright: ignore[reportUnknownArgumentType] -- JSON
