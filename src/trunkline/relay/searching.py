"""Web search done for a client whose provider has none."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from msgspec.structs import replace

from trunkline.core.facts import Facts
from trunkline.core.search import SearchFailed, SearchTool, Source, WebSearch
from trunkline.core.types import Request, Text, ToolCall, ToolResult
from trunkline.core.usage import Usage, total
from trunkline.providers.provider import Surface
from trunkline.relay.course import Course
from trunkline.relay.ports import Finder
from trunkline.relay.rounds import Done, Show
from trunkline.transforms.own_tools import Cite
from trunkline.transforms.web_search import (
    MAX_QUERY,
    MAX_URL,
    NAME,
    asked,
    citations,
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


def runs_itself(protocol: str, facts: Facts) -> bool:
    """Whether the provider searches by itself when it is asked over this protocol."""
    if protocol == "openai_chat":
        return facts.search_options
    return protocol in _SEARCHING and facts.server_tools


def searching_for(course: Course, surface: Surface) -> "Searching | None":
    """The search to be done for this exchange at ``surface``; None when nobody wants it or the provider does it."""
    finder = course.services.finder
    if finder is None or runs_itself(surface.protocol, surface.facts):
        return None
    if not any(hint in course.inbound.body for hint in _HINTS):
        return None
    tools = {
        tool.name: tool.search
        for tool in course.request.tools
        if tool.search is not None and (tool.search.deed == "search" or finder.fetches)
    }
    return Searching(course, finder, tools) if tools else None


class Searching:
    """One exchange's searches. Implements :class:`trunkline.relay.rounds.Helper`."""

    shown = True

    def __init__(self, course: Course, finder: Finder, tools: dict[str, SearchTool]) -> None:
        self._course = course
        self._finder = finder
        self._tools = tools
        self._used = dict.fromkeys(tools, 0)
        self._sources: dict[str, Source] = {}
        self._number = 0

    @property
    def names(self) -> Collection[str]:
        """The search tools that the client declared."""
        return self._tools.keys()

    @property
    def exhausted(self) -> bool:
        """No use is left of any tool."""
        return all(self._left(name) <= 0 for name in self._tools)

    @property
    def cite(self) -> Cite | None:
        """The found pages that a text names."""
        sources = self._sources
        return (lambda text: citations(text, sources)) if sources else None

    def offered(self, request: Request) -> Request:
        """Functions in place of the vendor's tools."""
        return offered(request, self._tools)

    def _left(self, name: str) -> int:
        limit = self._tools[name].max_uses
        most = self._finder.max_uses
        return (most if limit is None else min(limit, most)) - self._used[name]

    async def run(self, calls: Sequence[ToolCall], show: Show) -> Done:
        """All calls at the same time; the client sees them at once and their results in order."""
        used = Usage()
        begun: list[WebSearch] = []
        for call in calls:
            search, more = self._begin(call)
            used = total(used, more)
            begun.append(search)
        await show(shown(replace(search, step="call")) for search in begun)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._perform(call.name, search))
                for call, search in zip(calls, begun, strict=True)
            ]
        found = [task.result() for task in tasks]
        for search in found:
            self._sources |= {source.url: source for source in search.sources}
        await show(shown(replace(search, step="result")) for search in found)
        results = tuple(
            ToolResult(call_id=call.id, content=(Text(told(search)),), is_error=search.error is not None)
            for call, search in zip(calls, found, strict=True)
        )
        return Done(results, used)

    def _begin(self, call: ToolCall) -> tuple[WebSearch, Usage]:
        tool = self._tools[call.name]
        self._number += 1
        said = asked(call, tool)
        error = None
        used = Usage()
        if self._left(call.name) <= 0:
            error = "max_uses_exceeded"
        elif not said:
            error = "invalid_input"
        elif len(said) > (MAX_QUERY if tool.deed == "search" else MAX_URL):
            error = "query_too_long" if tool.deed == "search" else "url_too_long"
        else:
            self._used[call.name] += 1
            fetched = tool.deed == "fetch"
            used = Usage(web_searches=int(not fetched), web_fetches=1 if fetched else None)
        ident = f"{NAME}{self._course.inbound.request_id}{self._number:02}"
        return WebSearch(id=ident, deed=tool.deed, queries=(said,), error=error), used

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
