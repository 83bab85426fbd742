"""What to play for a request: a greeting, an answer, thinking, a tool call, or the words after one.

Everything is read from the request itself, so the same request always gets the same scene.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal, assert_never

import msgspec
from msgspec import Raw, Struct

from trunkline.core.types import Message, Request, Text, Tool, ToolCall, ToolResult
from trunkline.upstream.rehearsal.sample import sample
from trunkline.upstream.rehearsal.tapes import Call
from trunkline.upstream.rehearsal.wishes import Run, Write, directory, wishes

Role = Literal["greeting", "question", "thinking", "call", "after-call", "structured"]

_PATHS: Final[tuple[str, ...]] = ("file_path", "filePath", "filepath", "path", "filename", "file")
_CONTENTS: Final[tuple[str, ...]] = ("content", "contents", "file_text", "new_text", "text", "code")
_COMMANDS: Final[tuple[str, ...]] = ("command", "commands", "cmd")
_WRITES: Final = re.compile(r"write|create|save|edit", re.IGNORECASE)
_RUNS: Final = re.compile(r"bash|shell|command|terminal|exec|run", re.IGNORECASE)
_ASKS: Final = re.compile(
    r"\?|^\s*(?:what|why|how|who|when|where|which|explain|tell|is|are|do|does|can)\b", re.I
)
_THINKS: Final = re.compile(r"\b(?:think|reason|step by step|count|how many|prove)", re.IGNORECASE)
_ASIDE: Final = re.compile(r"<([a-zA-Z]+[_-][\w-]*)>.*?</\1>", re.DOTALL)
_SHOWN: Final = 400


class Scene(Struct, frozen=True):
    """The tape's role, and what is dubbed over it; None leaves the recording as it is."""

    role: Role
    text: str | None = None
    call: Call | None = None


class _Properties(Struct):
    properties: dict[str, Raw] = {}


_PROPERTIES: Final = msgspec.json.Decoder(_Properties)


def decide(request: Request) -> Scene:
    """The scene for ``request``."""
    prompt, since = _prompt(request.messages)
    tools = _callable(request)
    steps = list(_steps(prompt, request, tools))
    made = sum(isinstance(part, ToolCall) for message in since for part in message.content)
    outcome = _outcome(since)
    if outcome is not None and (outcome.is_error or made >= len(steps)):
        return Scene("after-call", text=_report(outcome))
    if made < len(steps):
        intention, call = steps[made]
        return Scene("call", text=intention, call=call)
    forced = _forced(request, tools)
    if forced is not None:
        return Scene("call", text="This is a rehearsal.", call=forced)
    output = request.output_format
    if output is not None:
        schema = bytes(output.schema) if output.schema is not None else b'{"type":"object"}'
        return Scene("structured", text=bytes(sample(schema)).decode())
    reasoning = request.reasoning
    if reasoning is not None and reasoning.mode != "off" and _THINKS.search(prompt):
        return Scene("thinking")
    return Scene("question" if _ASKS.search(prompt) else "greeting")


def _prompt(messages: tuple[Message, ...]) -> tuple[str, tuple[Message, ...]]:
    """The user's last own words, without what clients add to them, and the messages after them."""
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        if message.role != "user" or any(isinstance(part, ToolResult) for part in message.content):
            continue
        words = _ASIDE.sub("", _words(message)).strip()
        if words:
            return words, messages[at + 1 :]
    return "", messages


def _words(message: Message) -> str:
    return "\n".join(part.text for part in message.content if isinstance(part, Text))


def _outcome(since: tuple[Message, ...]) -> ToolResult | None:
    """The last result, when it is what the client just sent."""
    for message in reversed(since):
        if message.role == "assistant":
            return None
        for part in reversed(message.content):
            if isinstance(part, ToolResult):
                return part
    return None


def _report(outcome: ToolResult) -> str:
    shown = "\n".join(part.text for part in outcome.content if isinstance(part, Text)).strip()[:_SHOWN]
    if outcome.is_error:
        return f"The tool reported an error, so the rehearsal stops here:\n\n{shown}"
    return f"Done, as rehearsed. The tool said:\n\n{shown}" if shown else "Done, as rehearsed."


def _callable(request: Request) -> tuple[Tool, ...]:
    if request.tool_choice is not None and request.tool_choice.mode == "none":
        return ()
    return tuple(
        tool for tool in request.tools if tool.kind in {"function", "client"} and not tool.deferred
    )


def _forced(request: Request, tools: tuple[Tool, ...]) -> Call | None:
    choice = request.tool_choice
    if choice is None or choice.mode not in {"any", "tool"} or request.messages[-1:] == ():
        return None
    for tool in tools:
        if choice.mode == "any" or tool.name == choice.name:
            return Call(tool.name, bytes(sample(bytes(tool.schema or Raw(b"{}")))))
    return None


def _steps(prompt: str, request: Request, tools: tuple[Tool, ...]) -> Iterator[tuple[str, Call]]:
    """The calls that the user's words ask for and the client's tools allow, in order."""
    for wish in wishes(prompt):
        match wish:
            case Write(path, content):
                call, said = _write(tools, directory(_all_words(request)), path, content), f"write {path}"
            case Run(command):
                call, said = _run(tools, command), f"run `{command}`"
            case _:
                assert_never(wish)
        if call is not None:
            yield f"I'll {said}. (This is a rehearsal: no model is being asked.)", call


def _all_words(request: Request) -> str:
    system = [part.text or "" for part in request.system]
    return "\n".join((*system, *(_words(message) for message in request.messages)))


def _write(tools: tuple[Tool, ...], base: str | None, path: str, content: str) -> Call | None:
    if base is not None and not path.startswith(("/", "~")):
        path = f"{base.rstrip('/')}/{path}"
    for tool in tools:
        if tool.vendor_type is not None and tool.vendor_type.startswith("text_editor"):
            edit = {"command": "create", "path": path, "file_text": content}
            return Call(tool.name, msgspec.json.encode(edit))
        properties = _properties(tool)
        where = next((name for name in _PATHS if name in properties), None)
        what = next((name for name in _CONTENTS if name in properties), None)
        if where and what and _WRITES.search(tool.name) and tool.schema is not None:
            given = {where: _raw(path), what: _raw(content)}
            if "command" in properties:
                given["command"] = _raw("create")
            return Call(tool.name, bytes(sample(bytes(tool.schema), given)))
    return None


def _run(tools: tuple[Tool, ...], command: str) -> Call | None:
    for tool in tools:
        if tool.vendor_type is not None and tool.vendor_type.startswith("bash"):
            return Call(tool.name, msgspec.json.encode({"command": command}))
        properties = _properties(tool)
        field = next((name for name in _COMMANDS if name in properties), None)
        if field is None or not _RUNS.search(tool.name) or tool.schema is None:
            continue
        listed = b'"array"' in bytes(properties[field])
        given = {field: _raw([command] if listed else command)}
        return Call(tool.name, bytes(sample(bytes(tool.schema), given)))
    return None


def _properties(tool: Tool) -> dict[str, Raw]:
    if tool.schema is None:
        return {}
    try:
        return _PROPERTIES.decode(bytes(tool.schema)).properties
    except msgspec.DecodeError:
        return {}


def _raw(value: str | list[str]) -> Raw:
    return Raw(msgspec.json.encode(value))
