"""A request as a script sees it: the same view whichever surface it came through."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A tool's result in the request: its text, and how many pictures came with it."""

    call_id: str
    text: str
    images: int


@dataclass(frozen=True)
class Asked:
    """One question to the model. ``body`` is the decoded JSON."""

    surface: Literal["chat", "messages"]
    model: str
    body: Json

    @property
    def stream(self) -> bool:
        return self.body.get("stream") is True

    @cached_property
    def messages(self) -> tuple[Json, ...]:
        return tuple(_dicts(self.body.get("messages")))

    @cached_property
    def tools(self) -> tuple[str, ...]:
        """The names of the declared tools."""
        found = (_dict(tool.get("function")) or tool for tool in _dicts(self.body.get("tools")))
        return tuple(str(tool.get("name")) for tool in found)

    @cached_property
    def wants_json(self) -> bool:
        """Asks for an answer that follows a JSON schema."""
        output = _dict(self.body.get("output_config")) or {}
        return "format" in output or _dict(self.body.get("response_format")) is not None

    @cached_property
    def thinking(self) -> str | None:
        """``enabled``, ``adaptive`` or ``disabled``, as asked; None: not mentioned."""
        kind = (_dict(self.body.get("thinking")) or {}).get("type")
        return kind if isinstance(kind, str) else None

    @property
    def thinking_shown(self) -> bool:
        return (_dict(self.body.get("thinking")) or {}).get("display") != "omitted"

    @cached_property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """All tool results of the history, in order."""
        return tuple(result for message in self.messages for result in _results(message))

    @cached_property
    def last_results(self) -> tuple[ToolResult, ...]:
        """The results after the last assistant turn."""
        after: list[ToolResult] = []
        for message in reversed(self.messages):
            if message.get("role") == "assistant":
                break
            after = [*_results(message), *after]
        return tuple(after)

    @cached_property
    def user_texts(self) -> tuple[str, ...]:
        """Everything users wrote, a text a message, without tool results."""
        return tuple(_text(m) for m in self.messages if m.get("role") == "user" and _text(m))

    @property
    def first_user_text(self) -> str:
        return self.user_texts[0] if self.user_texts else ""

    @property
    def last_user_text(self) -> str:
        return self.user_texts[-1] if self.user_texts else ""

    @cached_property
    def images(self) -> int:
        """Pictures anywhere in the conversation."""
        return sum(_images(message.get("content")) for message in self.messages)

    @cached_property
    def turns(self) -> int:
        """Assistant turns so far."""
        return sum(1 for message in self.messages if message.get("role") == "assistant")


def _dict(value: object) -> Json | None:
    return value if isinstance(value, dict) else None


def _dicts(value: object) -> Iterator[Json]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def _text(holder: Json) -> str:
    content = holder.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text")) for part in _dicts(content) if part.get("type") == "text")


def _images(content: object) -> int:
    parts = list(_dicts(content))
    own = sum(1 for part in parts if part.get("type") in ("image", "image_url"))
    return own + sum(_images(part.get("content")) for part in parts if part.get("type") == "tool_result")


def _results(message: Json) -> Iterator[ToolResult]:
    if message.get("role") == "tool":
        yield ToolResult(str(message.get("tool_call_id")), _text(message), _images(message.get("content")))
    for part in _dicts(message.get("content")):
        if part.get("type") == "tool_result":
            yield ToolResult(str(part.get("tool_use_id")), _text(part), _images(part.get("content")))
