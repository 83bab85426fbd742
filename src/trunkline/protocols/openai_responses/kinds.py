"""The item types that are calls of OpenAI's own client tools, their schemas, and names in namespaces."""

from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct

SEPARATOR: Final = "__"
"""Between a namespace and a tool's own name where a target has no groups (E54)."""


class TypedTool(Struct, frozen=True):
    """One of OpenAI's tools that the client runs; its calls and results are items of their own types."""

    name: str
    call: str
    output: str
    body: Literal["action", "operation", "arguments"]
    """The field of the call item that holds what is asked for."""
    description: str
    schema: Raw


def _schema(properties: dict[str, object], *required: str) -> Raw:
    return Raw(
        msgspec.json.encode({"type": "object", "properties": properties, "required": list(required)})
    )


_STRINGS: Final[dict[str, object]] = {"type": "array", "items": {"type": "string"}}
_TEXT: Final[dict[str, object]] = {"type": "string"}
_NUMBER: Final[dict[str, object]] = {"type": "integer"}

_TYPED: Final = (
    TypedTool(
        "local_shell",
        "local_shell_call",
        "local_shell_call_output",
        "action",
        "Run a command on the user's machine. `command` is the program and its arguments, one element each.",
        _schema(
            {
                "command": _STRINGS,
                "working_directory": _TEXT,
                "timeout_ms": _NUMBER,
                "env": {"type": "object", "additionalProperties": _TEXT},
            },
            "command",
        ),
    ),
    TypedTool(
        "shell",
        "shell_call",
        "shell_call_output",
        "action",
        "Run shell commands, each a whole command line.",
        _schema({"commands": _STRINGS, "timeout_ms": _NUMBER, "max_output_length": _NUMBER}, "commands"),
    ),
    TypedTool(
        "apply_patch",
        "apply_patch_call",
        "apply_patch_call_output",
        "operation",
        "Create, change or delete one file. `diff` is a V4A diff; deleting needs none.",
        _schema(
            {
                "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
                "path": _TEXT,
                "diff": _TEXT,
            },
            "type",
            "path",
        ),
    ),
    TypedTool(
        "tool_search",
        "tool_search_call",
        "tool_search_output",
        "arguments",
        "Find further tools by what they do; those found can be called afterwards.",
        _schema({"query": _TEXT}, "query"),
    ),
)
TYPED: Final = {tool.name: tool for tool in _TYPED}
BY_CALL: Final = {tool.call: tool for tool in _TYPED}
BY_OUTPUT: Final = {tool.output: tool for tool in _TYPED}


def flat_name(namespace: str | None, name: str) -> str:
    """The name a tool has outside its group."""
    return name if not namespace else f"{namespace}{SEPARATOR}{name}"


def own_name(namespace: str | None, name: str) -> str:
    """The name a tool has inside its group."""
    return name if not namespace else name.removeprefix(namespace + SEPARATOR)
