"""Urge a model to use its tools, with a way out: it must call one, and ``ExitTool`` when there is none to call
(ccr.md 3.4, ``tooluse``)."""

from typing import Final

from msgspec import Raw
from msgspec.structs import replace

from trunkline.core.events import Finished, PartDelta, PartEnded, PartStarted, StreamEvent
from trunkline.core.types import Request, Text, Tool, ToolCall, ToolChoice
from trunkline.core.usage import Stop
from trunkline.transforms.parts import Parts
from trunkline.transforms.restore_tools import InputString

EXIT: Final = "ExitTool"
FIELD: Final = "response"
_TOOL: Final = Tool(
    name=EXIT,
    description="Leave tool mode. Call it when no other tool helps: the task is done, or a question needs an answer.",
    schema=Raw(
        b'{"type":"object","properties":{"response":{"type":"string","description":'
        b'"What the user is told, exactly and in full."}},"required":["response"]}'
    ),
)
_RULE: Final = Text(
    "Tool mode is active. Work by calling the tool that fits best. When none helps, or the task is done, call"
    " ExitTool and put your whole answer to the user into its response."
)


def urge(request: Request) -> Request:
    """``request`` with ``ExitTool`` and a call demanded. The rule stands at the end of the instructions, where it
    moves no earlier turn.

    A request without tools, or whose client has said itself which it wants, is left alone.
    """
    choice = request.tool_choice
    if not request.tools or (choice is not None and (choice.mode != "auto" or choice.allowed)):
        return request
    if any(tool.name == EXIT for tool in request.tools):
        return request
    return replace(
        request,
        system=(*request.system, _RULE),
        tools=(*request.tools, _TOOL),
        tool_choice=ToolChoice("any"),
    )


class ExitTool:
    """Calls of ``ExitTool`` become text. An answer in which nothing else is called ends its turn."""

    def __init__(self) -> None:
        self._parts = Parts()
        self._input: InputString | None = None
        self._left = False
        self._called = False

    def feed(self, event: StreamEvent) -> list[StreamEvent]:
        """The events to pass on in place of ``event``."""
        match event:
            case PartDelta(_, text) if self._input is not None:
                return self._say(self._input.feed(text))
            case PartStarted(_, ToolCall(name=name)) if name == EXIT:
                self._input, self._left = InputString(FIELD), True
                return []
            case PartEnded() if self._input is not None:
                rest, self._input = self._input.close(), None
                return [*self._say(rest), *self._parts.ended()]
            case PartStarted(_, ToolCall()):
                self._called = True
                return [self._parts.passed(event)]
            case Finished(stop, usage) if self._left and not self._called and stop.reason == "tool_use":
                return [Finished(Stop("end", stop.raw), usage)]
            case _:
                return [self._parts.passed(event)]

    def _say(self, text: str) -> list[StreamEvent]:
        if not text:
            return []
        opening: list[StreamEvent] = [] if self._parts.open is not None else [self._parts.start(Text(""))]
        return [*opening, self._parts.say(text)]
