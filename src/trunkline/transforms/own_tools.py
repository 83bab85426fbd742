"""Tools that the gateway runs itself, the pure half: their calls stay here, everything else goes to the client."""

from collections.abc import Callable, Collection, Sequence

from msgspec.structs import replace

from trunkline.core.events import (
    CitationDelta,
    Finished,
    Folder,
    PartDelta,
    PartEnded,
    PartStarted,
    SignatureDelta,
    Started,
    StreamEvent,
)
from trunkline.core.types import Message, Opaque, Request, Response, Text, ToolCall, ToolChoice
from trunkline.core.usage import Usage, total
from trunkline.transforms.parts import AnswerEdit

Cite = Callable[[str], Sequence[Opaque]]
"""The citations of a text, where it stands."""


def continued(request: Request, turns: Sequence[Message], *, last: bool) -> Request:
    """The request with ``turns`` that came after its own.

    ``last``: the model has to answer now. A forced call is forced in the first turn only.
    """
    choice = request.tool_choice
    if last:
        choice = ToolChoice("none")
    elif turns and choice is not None and choice.mode in ("any", "tool"):
        choice = ToolChoice("auto", None, choice.allowed)
    return replace(request, tool_choice=choice, messages=(*request.messages, *turns))


class Round:
    """One answer of the model on its way to the client: our calls stay here, everything else goes on.

    ``index`` is that of the client's last part, ``spent`` what earlier rounds used. The end passes only when
    the model asked for nothing.
    """

    def __init__(
        self,
        names: Collection[str],
        *,
        index: int,
        begun: bool,
        spent: Usage,
        cite: Cite | None = None,
        restore: AnswerEdit | None = None,
    ) -> None:
        self._names = names
        self._begun = begun
        self._spent = spent
        self._cite = cite
        self._restore = restore
        self._folder = Folder()
        self._hidden = False
        self._text: list[str] | None = None
        self.index = index
        self.calls: list[ToolCall] = []
        self.foreign_calls = False
        """The model called tools of the client too."""
        self.response: Response | None = None

    @property
    def usage(self) -> Usage:
        """What this round and those before it used."""
        return self._spent if self.response is None else total(self._spent, self.response.usage)

    def feed(self, event: StreamEvent) -> tuple[StreamEvent, ...]:
        """The events to pass on in place of ``event``."""
        restored = (event,) if self._restore is None else self._restore.feed(event)
        out: list[StreamEvent] = []
        for one in restored:
            self._folder.feed(one)
            out += self._visible(one)
        return tuple(out)

    def _visible(self, event: StreamEvent) -> Sequence[StreamEvent]:
        match event:
            case PartDelta(_, text):
                if self._text is not None:
                    self._text.append(text)
                return () if self._hidden else (PartDelta(self.index, text),)
            case PartStarted(_, part):
                return self._start(event, part.name if isinstance(part, ToolCall) else None)
            case PartEnded():
                return self._end_part()
            case SignatureDelta(_, signature):
                return (SignatureDelta(self.index, signature),)
            case CitationDelta(_, citation):
                return (CitationDelta(self.index, citation),)
            case Started():
                return () if self._begun else (event,)
            case Finished(stop, _):
                self.response = self._folder.response()
                parts = self.response.content
                self.calls = [one for one in parts if isinstance(one, ToolCall) and one.name in self._names]
                return () if self.calls else (Finished(stop, self.usage),)
            case _:
                return (event,)

    def _start(self, event: PartStarted, called: str | None) -> Sequence[StreamEvent]:
        self._hidden = called in self._names
        if self._hidden:
            return ()
        self.foreign_calls = self.foreign_calls or called is not None
        self.index += 1
        self._text = [event.part.text] if self._cite is not None and isinstance(event.part, Text) else None
        return (PartStarted(self.index, event.part),)

    def _end_part(self) -> Sequence[StreamEvent]:
        if self._hidden:
            self._hidden = False
            return ()
        text, self._text = self._text, None
        cited = self._cite("".join(text)) if text is not None and self._cite is not None else ()
        return (*(CitationDelta(self.index, one) for one in cited), PartEnded(self.index))
