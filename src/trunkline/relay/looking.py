"""Pictures looked at by another model, for one that is shown none (ADR 0030)."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from trunkline.core.errors import GatewayError
from trunkline.core.types import Image, Request, Text, ToolCall, ToolResult
from trunkline.core.usage import Usage, total
from trunkline.relay.course import Course
from trunkline.relay.rounds import Done, Show
from trunkline.transforms.own_tools import Cite
from trunkline.transforms.pictures import answer_of, described, pictures_of, question, tool_name

MAX_LOOKS: Final = 8
"""Questions about pictures in one exchange."""


def looking_for(course: Course) -> "Looking | None":
    """Made where the plan names eyes and the conversation has something to see."""
    if not course.eyes:
        return None
    pictures = pictures_of(course.request)
    return Looking(course, pictures) if pictures else None


class Looking:
    """One exchange's questions about its pictures. Implements :class:`trunkline.relay.rounds.Helper`."""

    shown = False

    def __init__(self, course: Course, pictures: Sequence[Image]) -> None:
        self._course = course
        self._pictures = pictures
        self._name = tool_name(course.request)
        self._looks = 0

    @property
    def names(self) -> Collection[str]:
        """The one tool."""
        return (self._name,)

    @property
    def exhausted(self) -> bool:
        """No question is left."""
        return self._looks >= MAX_LOOKS

    @property
    def cite(self) -> Cite | None:
        """Nothing: a description has no source that could be cited."""
        return None

    def offered(self, request: Request) -> Request:
        """Marks in place of the pictures, and the tool."""
        return described(request, self._name)

    async def run(self, calls: Sequence[ToolCall], show: Show) -> Done:
        """All questions at the same time; the client sees nothing of them."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._look(call)) for call in calls]
        done = [task.result() for task in tasks]
        used = Usage()
        for _, more in done:
            used = total(used, more)
        return Done(tuple(result for result, _ in done), used)

    async def _look(self, call: ToolCall) -> tuple[ToolResult, Usage]:
        course = self._course
        if self.exhausted:
            return _failed(
                call, "No more questions can be asked in this turn: answer with what you know."
            ), Usage()
        self._looks += 1
        asked = question(call, self._pictures, course.request)
        if isinstance(asked, str):
            return _failed(call, asked), Usage()
        try:
            response = await course.services.inquire(course, asked, course.eyes)
        except GatewayError as error:
            return _failed(call, f"The images could not be looked at: {error.message}"), Usage()
        said = answer_of(response.content) or "The model that looks at images said nothing."
        return ToolResult(call_id=call.id, content=(Text(said),)), response.usage


def _failed(call: ToolCall, why: str) -> ToolResult:
    return ToolResult(call_id=call.id, content=(Text(why),), is_error=True)
