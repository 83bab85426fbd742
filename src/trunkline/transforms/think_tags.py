"""Thinking that a model writes into its text, between tags, becomes thinking (protocols.md E17; ccr.md 3.4)."""

from typing import Final, Literal

from trunkline.core.events import (
    CitationDelta,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    StreamEvent,
)
from trunkline.core.types import Text, Thinking, ToolCall
from trunkline.transforms.parts import Parts

DEFAULT_TAG: Final = "think"
MAX_SPACE: Final = 4096
"""Blanks that are held back until it is known what they stand before; more of them are text."""


class ThinkTags:
    """Reads ``<tag>`` in texts, wherever the pieces are cut. Blanks around a tag go with it.

    ``origin`` tags the thinking as the model's. ``opened``: the answer begins inside the tag, as where a server's
    template has written it. A tag that is never closed makes the rest thinking, up to a call or
    thinking that the provider marks itself; no text is ever lost.
    """

    def __init__(self, origin: str, tag: str = DEFAULT_TAG, *, opened: bool = False) -> None:
        self._origin = origin
        self._tags = {"text": f"<{tag}>", "thinking": f"</{tag}>"}
        self._inside: Literal["text", "thinking"] = "thinking" if opened else "text"
        self._parts = Parts()
        self._held = ""
        """A beginning of a tag, or blanks that may stand before one."""
        self._template: Text | None = None
        """The upstream's open text part, as it began."""
        self._fresh = opened
        """Nothing has gone out since a tag: blanks after it are not wanted."""

    def feed(self, event: StreamEvent) -> list[StreamEvent]:
        """The events to pass on in place of ``event``."""
        match event:
            case PartDelta(_, text) if self._template is not None:
                return self._take(text)
            case PartStarted(_, Text() as part):
                self._template = Text("", phase=part.phase)
                return self._take(part.text) if part.text else []
            case PartEnded() if self._template is not None:
                return self._end_text()
            case CitationDelta() if self._template is not None:
                return [*self._flush(), *self._opened("text"), self._parts.passed(event)]
            case Finished() | Failed():
                return [*self._flush(), event]
            case PartStarted(_, ToolCall() | Thinking()):
                self._inside = "text"
                return [self._parts.passed(event)]
            case _:
                return [self._parts.passed(event)]

    def _take(self, text: str) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        pending, self._held = self._held + text, ""
        while pending:
            tag = self._tags[self._inside]
            before, found, after = pending.partition(tag)
            if found:
                out += self._write(before.rstrip())
                out += self._parts.ended()
                self._inside = "thinking" if self._inside == "text" else "text"
                self._fresh, pending = True, after
                continue
            keep = len(pending) - _held_back(pending, tag)
            self._held = pending[keep:]
            out += self._write(pending[:keep])
            break
        return out

    def _write(self, text: str) -> list[StreamEvent]:
        """More of the stretch we are in; blanks right after a tag are dropped."""
        if self._fresh:
            text = text.lstrip()
        if not text:
            return []
        self._fresh = False
        return [*self._opened(self._inside), self._parts.say(text)]

    def _opened(self, kind: str) -> list[StreamEvent]:
        """The start of a part of this kind, unless it is open already."""
        wanted = Thinking if kind == "thinking" else Text
        if isinstance(self._parts.open, wanted):
            return []
        started: Text | Thinking = Thinking(origin=self._origin)
        if wanted is Text:
            started = self._template or Text("")
        return [*self._parts.ended(), self._parts.start(started)]

    def _flush(self) -> list[StreamEvent]:
        """What was held back is text after all."""
        held, self._held = self._held, ""
        return self._write(held)

    def _end_text(self) -> list[StreamEvent]:
        out = self._flush()
        self._template = None
        return [*out, *self._parts.ended()]


def _held_back(text: str, tag: str) -> int:
    """Letters at the end of ``text`` that may belong to ``tag``: a beginning of it, and blanks before that."""
    start = max(0, len(text) - len(tag) + 1)
    for position in range(start, len(text)):
        if tag.startswith(text[position:]):
            start = position
            break
    else:
        start = len(text)
    kept = text[:start].rstrip()
    return len(text) - (len(kept) if start - len(kept) <= MAX_SPACE else start)
