"""Web search done for a client whose provider has none: a bounded loop of questions inside one exchange."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from trunkline.core.events import Finished, PartEnded, PartStarted, StreamEvent, fold, unfold
from trunkline.core.facts import Facts
from trunkline.core.search import SearchFailed, SearchTool, Source, WebSearch
from trunkline.core.types import Message, Request, Response, Text, ToolCall, ToolResult
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.codec import StreamEncoder
from trunkline.providers.provider import Surface
from trunkline.relay.course import Course
from trunkline.relay.ports import Finder, SearchLoop
from trunkline.transforms.parts import Restore
from trunkline.transforms.web_search import (
    MAX_QUERY,
    MAX_URL,
    NAME,
    SearchRound,
    asked,
    offered,
    permitted,
    shown,
    told,
)

_HINTS: Final = (b"web_search", b"web_fetch", b"googleSearch", b"urlContext")
"""What a body with a search tool has in it somewhere; without one of them it is not decoded."""
FOUND_BY_US: Final = f"srvtoolu_{NAME}".encode()
"""In the history of a Messages client that was shown a search of ours."""
_SEARCHING: Final = frozenset({"anthropic_messages", "openai_responses", "gemini"})
"""Protocols with a search tool of their vendor's; Bedrock's Converse has none."""
WEARY: Final = 2
"""Answers after the last permitted search that may still ask for one."""


def runs_itself(protocol: str, facts: Facts) -> bool:
    """Whether the provider searches by itself when it is asked over this protocol."""
    if protocol == "openai_chat":
        return facts.search_options
    return protocol in _SEARCHING and facts.server_tools


def searching_for(course: Course, surface: Surface) -> SearchLoop | None:
    """The search to be done for this exchange at ``surface``; None when nobody wants it or the provider does it."""
    finder = course.services.finder
    if finder is None or course.carried is not None:
        return None
    if course.searching is not None and course.searching.begun:
        return course.searching
    if runs_itself(surface.protocol, surface.facts) or not any(
        hint in course.inbound.body for hint in _HINTS
    ):
        return None
    if course.searching is None:
        tools = {
            tool.name: tool.search
            for tool in course.request.tools
            if tool.search is not None and (tool.search.deed == "search" or finder.fetches)
        }
        course.searching = Searching(course, finder, tools) if tools else None
    return course.searching


class Searching:
    """What is known of one exchange's searches."""

    def __init__(self, course: Course, finder: Finder, tools: dict[str, SearchTool]) -> None:
        self._course = course
        self._finder = finder
        self._tools = tools
        self._used = dict.fromkeys(tools, 0)
        self._turns: list[Message] = []
        self._round: SearchRound | None = None
        self._encoder: StreamEncoder | None = None
        self._events: list[StreamEvent] = []
        self._sources: dict[str, Source] = {}
        self._spent = Usage()
        self._index = -1
        self._number = 0
        self._tired = 0
        self.begun = False
        """The client has seen something: the rest of the answer comes from here, whoever gives it."""

    def offered(self, request: Request) -> Request:
        """The request as it is asked next."""
        return offered(request, self._tools, self._turns, last=self._exhausted())

    def _exhausted(self) -> bool:
        return bool(self._turns) and all(self._left(name) <= 0 for name in self._tools)

    def _left(self, name: str) -> int:
        limit = self._tools[name].max_uses
        most = self._finder.max_uses
        return (most if limit is None else min(limit, most)) - self._used[name]

    def encoder(self) -> StreamEncoder:
        """The client's stream, one for all rounds."""
        if self._encoder is None:
            self._encoder = self._course.codec.stream_encoder(self._course.context())
        return self._encoder

    def round(self, restore: Restore | None) -> SearchRound:
        """What the next answer goes through."""
        self._round = SearchRound(
            self._tools,
            index=self._index,
            begun=self.begun,
            spent=self._spent,
            sources=self._sources,
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
        """Do what the model asked for. True when it has to be asked again, with what was found."""
        course, one = self._course, self._round
        self._round = None
        if one is None or one.response is None:
            return False
        course.journal.usage, course.journal.stop = one.usage, one.response.stop
        if not one.calls:
            return False
        self._spent, self._index, self.begun = one.usage, one.index, True
        found = await self._search_all(one.calls)
        if one.foreign_calls or self._gives_up():
            stop = one.response.stop if one.foreign_calls else Stop("end")
            await self._finish(stop)
            return False
        results = tuple(
            ToolResult(call_id=call.id, content=(Text(told(search)),), is_error=search.error is not None)
            for call, search in zip(one.calls, found, strict=True)
        )
        self._turns += [Message("assistant", one.response.content), Message("user", results)]
        # What went out belongs to earlier answers: the next one may still be asked of somebody else.
        course.delivery.committed = False
        return True

    def _gives_up(self) -> bool:
        self._tired += self._exhausted()
        return self._tired > WEARY

    async def _search_all(self, calls: Sequence[ToolCall]) -> list[WebSearch]:
        """All calls of one answer at the same time; the client sees them at once and their results in order."""
        begun = [self._begin(call) for call in calls]
        await self._show(replace(search, step="call") for search in begun)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._perform(call.name, search))
                for call, search in zip(calls, begun, strict=True)
            ]
        found = [task.result() for task in tasks]
        for search in found:
            self._sources |= {source.url: source for source in search.sources}
        await self._show(replace(search, step="result") for search in found)
        return found

    def _begin(self, call: ToolCall) -> WebSearch:
        tool = self._tools[call.name]
        self._number += 1
        said = asked(call, tool)
        error = None
        if self._left(call.name) <= 0:
            error = "max_uses_exceeded"
        elif not said:
            error = "invalid_input"
        elif len(said) > (MAX_QUERY if tool.deed == "search" else MAX_URL):
            error = "query_too_long" if tool.deed == "search" else "url_too_long"
        else:
            self._used[call.name] += 1
            self._count(tool)
        ident = f"{NAME}{self._course.inbound.request_id}{self._number:02}"
        return WebSearch(id=ident, deed=tool.deed, queries=(said,), error=error)

    def _count(self, tool: SearchTool) -> None:
        searches, fetches = self._spent.web_searches or 0, self._spent.web_fetches
        if tool.deed == "search":
            self._spent = replace(self._spent, web_searches=searches + 1)
        else:
            self._spent = replace(self._spent, web_searches=searches, web_fetches=(fetches or 0) + 1)

    async def _perform(self, name: str, search: WebSearch) -> WebSearch:
        if search.error is not None:
            return search
        tool, said = self._tools[name], search.queries[0]
        try:
            if tool.deed == "search":
                found = await self._finder.search(said, tool)
                return replace(search, sources=tuple(one for one in found if permitted(one.url, tool)))
            if not permitted(said, tool) or not self._came_up(said):
                return replace(search, error="url_not_allowed")
            return replace(search, sources=(await self._finder.fetch(said, tool),))
        except SearchFailed as failed:
            return replace(search, error=failed.code)

    def _came_up(self, url: str) -> bool:
        """A model that was talked into it could carry secrets away in an address that it makes up."""
        return url in self._sources or url.encode() in self._course.inbound.body

    async def _show(self, searches: Iterable[WebSearch]) -> None:
        events: list[StreamEvent] = []
        for search in searches:
            self._index += 1
            events += [PartStarted(self._index, shown(search)), PartEnded(self._index)]
        await self._send(events)

    async def _send(self, events: list[StreamEvent]) -> None:
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
