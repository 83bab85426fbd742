"""Tools that the gateway runs itself: a bounded loop of questions to the model inside one exchange (ADR 0025, 0030)."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Final, Protocol

from msgspec import Struct

from trunkline.core.events import Finished, PartEnded, PartStarted, StreamEvent, fold, unfold
from trunkline.core.types import Message, Opaque, Request, Response, ToolCall, ToolResult
from trunkline.core.usage import Stop, Usage, total
from trunkline.protocols.codec import StreamEncoder
from trunkline.relay.course import Course
from trunkline.transforms.own_tools import Cite, Round, continued
from trunkline.transforms.parts import AnswerEdit

WEARY: Final = 2
"""Answers after the last permitted call that may still ask for one."""

Show = Callable[[Iterable[Opaque]], Awaitable[None]]
"""Shows the client parts of ours, each whole."""


class Done(Struct, frozen=True):
    """What came of some calls, in their order, and what that used beside the model's own tokens."""

    results: tuple[ToolResult, ...]
    used: Usage


class Helper(Protocol):
    """Tools of one kind that the gateway runs in one exchange."""

    @property
    def names(self) -> Collection[str]:
        """The tools."""
        ...

    @property
    def exhausted(self) -> bool:
        """Nothing more is done for this exchange."""
        ...

    @property
    def shown(self) -> bool:
        """The client sees what came of a call, and sends it back with the conversation."""
        ...

    @property
    def cite(self) -> Cite | None:
        """Finds what a text cites, once there is anything to cite."""
        ...

    def offered(self, request: Request) -> Request:
        """The request with these tools in it."""
        ...

    async def run(self, calls: Sequence[ToolCall], show: Show) -> Done:
        """All calls of one answer. What goes wrong is in the results."""
        ...


class Rounds:
    """What is known of one exchange's rounds. Implements :class:`trunkline.relay.ports.Loop`."""

    def __init__(self, course: Course, helpers: Sequence[Helper]) -> None:
        self._course = course
        self._helpers = helpers
        self._names = frozenset(name for helper in helpers for name in helper.names)
        self._turns: list[Message] = []
        self._round: Round | None = None
        self._encoder: StreamEncoder | None = None
        self._events: list[StreamEvent] = []
        self._spent = Usage()
        self._index = -1
        self._tired = 0
        self.begun = False
        """The client has seen something: the rest of the answer comes from here, whoever gives it."""

    def offered(self, request: Request) -> Request:
        """The request as it is asked next."""
        for helper in self._helpers:
            request = helper.offered(request)
        return continued(request, self._turns, last=self._exhausted())

    def _exhausted(self) -> bool:
        return bool(self._turns) and all(helper.exhausted for helper in self._helpers)

    def encoder(self) -> StreamEncoder:
        """The client's stream, one for all rounds."""
        if self._encoder is None:
            self._encoder = self._course.codec.stream_encoder(self._course.context())
        return self._encoder

    def round(self, restore: AnswerEdit | None) -> Round:
        """What the next answer goes through."""
        self._round = Round(
            self._names,
            index=self._index,
            begun=self.begun,
            spent=self._spent,
            cite=next((helper.cite for helper in self._helpers if helper.cite is not None), None),
            restore=restore,
        )
        return self._round

    def taken(self, response: Response) -> Response | None:
        """A whole answer, its tools restored: the client's if that was the last one, None if it asks for more."""
        one = self.round(None)
        for event in unfold(response):
            self._events += one.feed(event)
        return None if one.calls else fold(self._events)

    async def go_on(self) -> bool:
        """Do what the model asked for. True when it has to be asked again, with what came of it."""
        course, one = self._course, self._round
        self._round = None
        if one is None or one.response is None:
            return False
        course.journal.usage, course.journal.stop = one.usage, one.response.stop
        if not one.calls:
            return False
        self._spent, self._index, self.begun = one.usage, one.index, True
        results = await self._run(one.calls, only_shown=one.foreign_calls)
        if one.foreign_calls or self._gives_up():
            await self._finish(one.response.stop if one.foreign_calls else Stop("end"))
            return False
        self._turns += [Message("assistant", one.response.content), Message("user", results)]
        # What went out belongs to earlier answers: the next one may still be asked of somebody else.
        course.delivery.committed = False
        return True

    def _gives_up(self) -> bool:
        self._tired += self._exhausted()
        return self._tired > WEARY

    async def _run(self, calls: Sequence[ToolCall], *, only_shown: bool) -> tuple[ToolResult, ...]:
        """``only_shown``: the turn ends with calls of the client, so nobody would see the rest."""
        results: dict[int, ToolResult] = {}
        if self._course.peek.stream:
            self._course.signs.resume()
        for helper in self._helpers:
            own = {place: call for place, call in enumerate(calls) if call.name in helper.names}
            if not own or (only_shown and not helper.shown):
                continue
            done = await helper.run(tuple(own.values()), self._show)
            self._spent = total(self._spent, done.used)
            results |= zip(own, done.results, strict=True)
        return tuple(results[place] for place in sorted(results))

    async def _show(self, parts: Iterable[Opaque]) -> None:
        events: list[StreamEvent] = []
        for part in parts:
            self._index += 1
            events += [PartStarted(self._index, part), PartEnded(self._index)]
        await self._send(events)

    async def _send(self, events: Sequence[StreamEvent]) -> None:
        """To a streaming client at once; for others they are kept until the end."""
        if not self._course.peek.stream:
            self._events += events
            return
        data = b"".join(map(self.encoder().feed, events))
        await self._course.signs.pause()
        if data:
            await self._course.delivery.content(data)
        self._course.signs.resume()

    async def _finish(self, stop: Stop) -> None:
        """The end of the answer, which the last round held back."""
        course = self._course
        course.journal.usage, course.journal.stop = self._spent, stop
        await self._send([Finished(stop, self._spent)])
        if not course.peek.stream:
            whole = course.codec.encode_response(fold(self._events), course.context())
            await course.delivery.whole(whole)
