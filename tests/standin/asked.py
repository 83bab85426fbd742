"""A request as a script sees it: the same view whichever surface it came through."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from standin.views import Json, as_dict, dicts, gemini_messages, responses_messages


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A tool's result in the request: its text, and how many pictures came with it."""

    call_id: str
    text: str
    images: int


@dataclass(frozen=True)
class Asked:
    """One question to the model. ``body`` is the decoded JSON."""

    surface: Literal["chat", "messages", "responses", "gemini"]
    model: str
    body: Json
    streamed: bool = False
    """The path asked for a stream (Gemini)."""

    @property
    def stream(self) -> bool:
        return self.streamed or self.body.get("stream") is True

    @cached_property
    def messages(self) -> tuple[Json, ...]:
        """The conversation; of Responses and Gemini a rendering with the other two's blocks."""
        if self.surface == "responses":
            return tuple(responses_messages(self.body))
        if self.surface == "gemini":
            return tuple(gemini_messages(self.body))
        return tuple(dicts(self.body.get("messages")))

    @cached_property
    def tools(self) -> tuple[str, ...]:
        """The names of the declared tools."""
        found: list[Json] = []
        for tool in dicts(self.body.get("tools")):
            listed = tool.get("functionDeclarations", tool.get("function_declarations"))
            inner = listed if listed is not None else tool.get("tools")
            found.extend([as_dict(tool.get("function")) or tool] if inner is None else dicts(inner))
        return tuple(str(tool.get("name", tool.get("type"))) for tool in found)

    @cached_property
    def schema(self) -> Json | None:
        """The schema of the answer that was asked for; empty when only its being JSON was."""
        output = as_dict(self.body.get("output_config")) or as_dict(self.body.get("text")) or {}
        config = as_dict(self.body.get("generationConfig")) or {}
        wanted = as_dict(output.get("format")) or as_dict(self.body.get("response_format"))
        if wanted is not None:
            if wanted.get("type") == "text":
                return None
            return (
                as_dict(wanted.get("schema"))
                or as_dict((as_dict(wanted.get("json_schema")) or {}).get("schema"))
                or {}
            )
        if config.get("responseMimeType") == "application/json":
            return as_dict(config.get("responseJsonSchema")) or as_dict(config.get("responseSchema")) or {}
        return None

    @cached_property
    def thinking(self) -> str | None:
        """``enabled``, ``adaptive`` or ``disabled``, as asked; None: not mentioned."""
        kind = (as_dict(self.body.get("thinking")) or {}).get("type")
        return kind if isinstance(kind, str) else None

    @property
    def thinking_shown(self) -> bool:
        """Whether reasoning comes back as readable text too."""
        if self.surface == "responses":
            return (as_dict(self.body.get("reasoning")) or {}).get("summary") is not None
        if self.surface == "gemini":
            config = as_dict(self.body.get("generationConfig")) or {}
            return (as_dict(config.get("thinkingConfig")) or {}).get("includeThoughts") is True
        return (as_dict(self.body.get("thinking")) or {}).get("display") != "omitted"

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


def _text(holder: Json) -> str:
    content = holder.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text")) for part in dicts(content) if part.get("type") == "text")


def _images(content: object) -> int:
    parts = list(dicts(content))
    own = sum(1 for part in parts if part.get("type") in ("image", "image_url"))
    return own + sum(_images(part.get("content")) for part in parts if part.get("type") == "tool_result")


def _results(message: Json) -> Iterator[ToolResult]:
    if message.get("role") == "tool":
        yield ToolResult(str(message.get("tool_call_id")), _text(message), _images(message.get("content")))
    for part in dicts(message.get("content")):
        if part.get("type") == "tool_result":
            yield ToolResult(str(part.get("tool_use_id")), _text(part), _images(part.get("content")))
