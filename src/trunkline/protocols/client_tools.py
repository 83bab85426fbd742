"""Vendor's typed client tools as functions: their schemas never travel on the wire (E48).

Source: Anthropic's tool reference and SDK types, 2026-08. Names are the request's own.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.types import Tool


class KnownTool(Struct, frozen=True):
    """What a function declaration needs."""

    description: str
    schema: Raw


def _schema(properties: dict[str, object], *required: str) -> Raw:
    return Raw(
        msgspec.json.encode({"type": "object", "properties": properties, "required": list(required)})
    )


_TEXT: Final[dict[str, object]] = {"type": "string"}
_NUMBER: Final[dict[str, object]] = {"type": "integer"}
_PAIR: Final[dict[str, object]] = {
    "type": "array",
    "items": {"type": "integer"},
    "minItems": 2,
    "maxItems": 2,
}


def _one_of(*values: str) -> dict[str, object]:
    return {"type": "string", "enum": list(values)}


def _editor(*commands: str) -> KnownTool:
    return KnownTool(
        "View and edit text files. `view` shows a file or folder (optionally `view_range`), `create` writes "
        "`file_text`, `str_replace` replaces the one occurrence of `old_str` with `new_str`, `insert` puts "
        "text after line `insert_line`.",
        _schema(
            {
                "command": _one_of(*commands),
                "path": {"type": "string", "description": "Absolute path of the file or folder."},
                "file_text": _TEXT,
                "old_str": _TEXT,
                "new_str": _TEXT,
                "insert_line": _NUMBER,
                "insert_text": _TEXT,
                "view_range": _PAIR,
            },
            "command",
            "path",
        ),
    )


_BASH: Final = KnownTool(
    "Run a command in a shell that stays open between calls. `restart` starts the shell anew.",
    _schema({"command": _TEXT, "restart": {"type": "boolean"}}),
)
_MEMORY: Final = KnownTool(
    "Keep notes in files under /memories between conversations: `view`, `create`, `str_replace`, `insert`, "
    "`delete` and `rename`.",
    _schema(
        {
            "command": _one_of("view", "create", "str_replace", "insert", "delete", "rename"),
            "path": _TEXT,
            "view_range": _PAIR,
            "file_text": _TEXT,
            "old_str": _TEXT,
            "new_str": _TEXT,
            "insert_line": _NUMBER,
            "insert_text": _TEXT,
            "old_path": _TEXT,
            "new_path": _TEXT,
        },
        "command",
    ),
)
_POINTER: Final = (
    "key",
    "type",
    "mouse_move",
    "left_click",
    "left_click_drag",
    "right_click",
    "middle_click",
)
_POINTER_2025: Final = (
    "double_click",
    "screenshot",
    "cursor_position",
    "left_mouse_down",
    "left_mouse_up",
    "scroll",
    "hold_key",
    "wait",
    "triple_click",
    "zoom",
)
_COMPUTER: Final = KnownTool(
    "Use a computer by its screen, mouse and keyboard. Coordinates are pixels from the top left.",
    _schema(
        {
            "action": _one_of(*_POINTER, *_POINTER_2025),
            "coordinate": _PAIR,
            "start_coordinate": _PAIR,
            "text": _TEXT,
            "scroll_direction": _one_of("up", "down", "left", "right"),
            "scroll_amount": _NUMBER,
            "duration": {"type": "number"},
            "region": {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4},
        },
        "action",
    ),
)

_KNOWN: Final[tuple[tuple[str, KnownTool], ...]] = (
    ("bash_", _BASH),
    ("text_editor_20241022", _editor("view", "create", "str_replace", "insert", "undo_edit")),
    ("text_editor_20250124", _editor("view", "create", "str_replace", "insert", "undo_edit")),
    ("text_editor_", _editor("view", "create", "str_replace", "insert")),
    ("memory_", _MEMORY),
    ("computer_", _COMPUTER),
)


def client_tool(tool: Tool) -> KnownTool | None:
    """The declaration of a typed client tool; None when its type is unknown."""
    kind = tool.vendor_type or ""
    for prefix, known in _KNOWN:
        if kind.startswith(prefix):
            return known
    return None
