"""Pictures described to a model that is shown none, the pure half (ccr.md 2.7).

Each picture of the conversation becomes a numbered mark, and a tool asks a model with eyes about them. Numbers go by
the place in the conversation, so that a longer one keeps the bytes of its earlier turns.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from trunkline.core.types import Image, Message, Part, Request, Text, Tool, ToolCall, ToolResult

NAME: Final = "analyzeImage"
"""CCR's name for the tool; one of the client's own keeps it, and ours gets a line behind it."""
MAX_PICTURES: Final = 20
"""Pictures of one question, which is what vendors take."""
MAX_ANSWER: Final = 4096
"""Tokens of one description."""
MAX_WORDS: Final = 8000
"""Characters of the user's last words that go along with a question."""

_MARKED: Final = re.compile(r"\[Image #\d+\]")
"""What agents write for a picture themselves, by a count of their own."""
_MARK: Final = "[Image #{0}]: not shown to you; {1} answers questions about it."
_RULE: Final = (
    "You cannot see images. Where the conversation has one, a mark such as [Image #1] stands in its place. To learn"
    " anything about an image call the tool {0} with its number, and ask for all you need; call it alone, before any"
    " other tool. Never guess what an image shows, and do not mention the tool."
)
_DESCRIPTION: Final = (
    "Looks at images of this conversation and answers a question about them. It sees the images and your task,"
    " not the conversation."
)
_SCHEMA: Final = Raw(
    b'{"type":"object","properties":{"imageId":{"type":"array","items":{"type":"string"},"description":'
    b'"The numbers of the images, as in [Image #1]."},"task":{"type":"string","description":"What to find out, in full:'
    b' what you look for, and what for."},"regions":{"type":"array","description":"Parts of an image to look at.",'
    b'"items":{"type":"object","properties":{"name":{"type":"string"},"x":{"type":"number"},"y":{"type":"number"},'
    b'"w":{"type":"number"},"h":{"type":"number"},"units":{"type":"string","enum":["px","pct"]}}}}},'
    b'"required":["imageId","task"]}'
)
_VIEWER: Final = (
    "You look at images for another assistant, which sees only your words. Do its task exactly: say what is there,"
    " quote text word for word, and say so where something cannot be made out."
)


class _Arguments(Struct):
    ids: Raw = msgspec.field(default=Raw(), name="imageId")
    task: str = ""


_ARGUMENTS: Final = msgspec.json.Decoder(_Arguments)
Ids = list[str | int] | str | int
_IDS: Final[msgspec.json.Decoder[Ids]] = msgspec.json.Decoder(Ids)
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
_NUMBER: Final = re.compile(r"\d+")


def tool_name(request: Request) -> str:
    """The tool's name beside the client's own tools."""
    taken = {tool.name for tool in request.tools}
    name = NAME
    while name in taken:
        name += "_"
    return name


def pictures_of(request: Request) -> tuple[Image, ...]:
    """All pictures of the conversation in their order, those in tool results included."""
    return tuple(picture for message in request.messages for picture in _pictures(message.content))


def _pictures(parts: Sequence[Part]) -> list[Image]:
    found: list[Image] = []
    for part in parts:
        if isinstance(part, Image):
            found.append(part)
        elif isinstance(part, ToolResult):
            found += _pictures(part.content)
    return found


def described(request: Request, name: str) -> Request:
    """The request with marks for its pictures, the tool ``name`` in front of the others and a rule about both."""
    marker = _Marker(name)
    rule = Text(_RULE.format(name))
    tool = Tool(name=name, description=_DESCRIPTION, schema=_SCHEMA)
    return replace(
        request,
        system=(*request.system, rule),
        tools=(tool, *request.tools),
        messages=tuple(
            replace(one, content=marker.marked(one.content, one.role)) for one in request.messages
        ),
    )


class _Marker:
    """Numbers the pictures from one turn to the next."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._number = 0

    def marked(self, parts: Sequence[Part], role: str) -> tuple[Part, ...]:
        return tuple(self._part(part, role) for part in parts)

    def _part(self, part: Part, role: str) -> Part:
        match part:
            case Image():
                self._number += 1
                return Text(_MARK.format(self._number, self._name), (), part.cache)
            case ToolResult(content=content):
                return replace(part, content=self.marked(content, role))
            case Text(text) if role == "user" and "[Image #" in text:
                return replace(part, text=_MARKED.sub("", text))
            case _:
                return part


def question(call: ToolCall, pictures: Sequence[Image], request: Request) -> Request | str:
    """What the model with eyes is asked for ``call``, or what is wrong with the call."""
    try:
        given = _ARGUMENTS.decode(call.arguments)
        ids: Ids = _IDS.decode(given.ids) if bytes(given.ids) else []
    except (msgspec.DecodeError, UnicodeError):
        return "The arguments are no JSON object with imageId, a list of numbers, and task, a text."
    numbers = _numbers(ids if isinstance(ids, list) else [ids])
    wanted = [number for number in numbers if 1 <= number <= len(pictures)]
    if not wanted:
        return f"imageId names no image of this conversation: there are 1 to {len(pictures)}."
    parts: list[Part] = []
    for number in wanted[:MAX_PICTURES]:
        parts += [Text(f"[Image #{number}]"), replace(pictures[number - 1], cache=None)]
    parts.append(Text(_task(given.task, call.arguments, _last_words(request))))
    return Request(
        protocol="anthropic_messages",
        model="",
        system=(Text(_VIEWER),),
        messages=(Message("user", tuple(parts)),),
        max_tokens=MAX_ANSWER,
    )


def _numbers(ids: Sequence[str | int]) -> list[int]:
    found = [int(number) for one in ids for number in _NUMBER.findall(str(one))[:MAX_PICTURES]]
    return list(dict.fromkeys(found))


def _task(task: str, arguments: str, words: str) -> str:
    more = {key: raw for key, raw in _FIELDS.decode(arguments).items() if key not in ("imageId", "task")}
    said = f"The user's last words, for context:\n{words}\n\n" if words else ""
    rest = f"\n\nMore of the task, as JSON: {msgspec.json.encode(more).decode()}" if more else ""
    return f"{said}Task: {task.strip() or 'Describe the images in detail.'}{rest}"


def _last_words(request: Request) -> str:
    for message in reversed(request.messages):
        texts = [part.text for part in message.content if isinstance(part, Text)]
        if message.role == "user" and texts:
            return "\n".join(_MARKED.sub("", text) for text in texts).strip()[:MAX_WORDS]
    return ""


def answer_of(parts: Sequence[Part]) -> str:
    """A description, as the model without eyes reads it."""
    return "\n".join(part.text for part in parts if isinstance(part, Text)).strip()
