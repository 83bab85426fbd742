"""What the relay searches with: a configured service and a reader of pages."""

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import msgspec

from trunkline.config.schema import Search
from trunkline.core.errors import GatewayError
from trunkline.core.http import HttpRequest
from trunkline.core.search import SearchFailed, SearchTool, Source
from trunkline.upstream.credentials.ports import Upstream
from trunkline.upstream.search.backends import BACKENDS

if TYPE_CHECKING:
    from trunkline.upstream.search.fetch import PageReader

log: Final = logging.getLogger(__name__)

MAX_ANSWER: Final = 4 * 1024 * 1024


class WebFinder:
    """Implements :class:`trunkline.relay.ports.Finder`."""

    def __init__(self, settings: Search, upstream: Upstream) -> None:
        self._settings = settings
        self._upstream = upstream
        self._backend = BACKENDS[settings.backend]
        self._pages: PageReader | None = None

    @property
    def max_uses(self) -> int:
        """As configured."""
        return self._settings.max_uses

    @property
    def fetches(self) -> bool:
        """As configured."""
        return self._settings.fetch

    async def search(self, query: str, tool: SearchTool) -> tuple[Source, ...]:
        """Ask the service."""
        settings = self._settings
        key = None if settings.key is None else settings.key.reveal()
        request = self._backend.ask(settings.url or self._backend.url, query, tool, settings.results, key)
        try:
            async with asyncio.timeout(settings.timeout):
                status, body = await self._ask(request)
            if status == 200:
                return self._backend.read(body)[: settings.results]
        except (TimeoutError, GatewayError, msgspec.DecodeError, UnicodeDecodeError) as cause:
            log.warning("search by %s failed: %s", settings.backend, cause)
            raise SearchFailed("unavailable", f"the search service failed: {cause}") from cause
        log.warning("search by %s failed: it answered %s%s", settings.backend, status, self._hint(status))
        code = "too_many_requests" if status == 429 else "unavailable"
        raise SearchFailed(code, f"the search service answered {status}")

    def _hint(self, status: int) -> str:
        if status == 403 and self._settings.backend == "searxng":
            return "; is json among search.formats in its settings.yml?"
        return "; check search.key" if status in (401, 403) else ""

    async def _ask(self, request: HttpRequest) -> tuple[int, bytes]:
        answer = await self._upstream.open(request, headers_timeout=self._settings.timeout)
        whole = False
        pieces: list[bytes] = []
        size = 0
        try:
            while piece := await answer.read():
                pieces.append(piece)
                size += len(piece)
                if size > MAX_ANSWER:
                    raise SearchFailed("unavailable", "the search service answered with too much")
            whole = True
        finally:
            await answer.close(reuse=whole)
        return answer.head.status, b"".join(pieces)

    async def fetch(self, url: str, tool: SearchTool) -> Source:
        """Read the page itself."""
        if self._pages is None:
            from trunkline.upstream.search.fetch import PageReader  # loads aiohttp: 20 MB

            self._pages = PageReader(seconds=self._settings.timeout)
        try:
            return await self._pages.read(url, tool.max_content_tokens)
        except SearchFailed as failed:
            log.info("a page was not read: %s", failed)
            raise
