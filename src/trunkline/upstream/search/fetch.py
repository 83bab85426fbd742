"""Reading one page of the web: bounded in time, size and hops, and never from a private address."""

import asyncio
from typing import Final
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from trunkline.core.search import SearchFailed, Source
from trunkline.upstream.search.guard import PORTS, Allow, GuardedResolver, check_url, is_public
from trunkline.upstream.search.page import decode, read_html

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_HOPS: Final = 5
MAX_CHARACTERS: Final = 100_000
CHARACTERS_PER_TOKEN: Final = 4
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HEADERS: Final = {
    "accept": "text/html,application/xhtml+xml,text/plain,text/markdown,application/json;q=0.9",
    "user-agent": "Mozilla/5.0 (compatible; trunkline)",
}
_TEXTS: Final = ("application/json", "application/xml", "application/yaml", "application/javascript")


class PageReader:
    """Reads pages. Make and use it inside one event loop. ``allow`` says which addresses may be connected to."""

    def __init__(
        self, *, seconds: float, allow: Allow = is_public, ports: frozenset[int] | None = PORTS
    ) -> None:
        self._seconds = seconds
        self._allow = allow
        self._ports = ports

    async def read(self, url: str, max_tokens: int | None) -> Source:
        """The page as text. Raises SearchFailed."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._read(url, max_tokens)
        except TimeoutError as cause:
            raise SearchFailed("url_not_accessible", f"{url}: no answer in time") from cause
        except PermissionError as cause:
            raise SearchFailed("url_not_allowed", str(cause)) from cause
        except (aiohttp.ClientError, OSError, ValueError) as cause:
            if isinstance(cause.__cause__, PermissionError):
                raise SearchFailed("url_not_allowed", str(cause.__cause__)) from cause
            raise SearchFailed("url_not_accessible", f"{url}: {cause}") from cause

    async def _read(self, url: str, max_tokens: int | None) -> Source:
        connector = aiohttp.TCPConnector(  # pyright: ignore[reportUnknownMemberType]
            resolver=GuardedResolver(self._allow), use_dns_cache=False, force_close=True
        )
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), headers=_HEADERS, trust_env=False
        ) as session:
            for _ in range(MAX_HOPS + 1):
                check_url(url, self._allow, self._ports)
                async with session.get(URL(url), allow_redirects=False) as answer:
                    location = answer.headers.get("location")
                    if answer.status in _REDIRECTS and location:
                        url = urljoin(url, location)
                        continue
                    return await self._page(url, answer, max_tokens)
        raise SearchFailed("url_not_accessible", f"{url}: redirected too often")

    async def _page(self, url: str, answer: aiohttp.ClientResponse, max_tokens: int | None) -> Source:
        if answer.status == 429:
            raise SearchFailed("too_many_requests", f"{url} answered 429")
        if answer.status != 200:
            raise SearchFailed("url_not_accessible", f"{url} answered {answer.status}")
        kind = answer.content_type
        html = kind in ("text/html", "application/xhtml+xml")
        if not (html or kind.startswith("text/") or kind in _TEXTS or kind.endswith(("+json", "+xml"))):
            raise SearchFailed("unsupported_content_type", f"{url} is {kind}")
        body = await _bounded(answer)
        if html:
            title, text = await asyncio.to_thread(read_html, body, answer.charset)
        else:
            title, text = "", decode(body, answer.charset)
        most = MAX_CHARACTERS
        if max_tokens is not None:
            most = min(most, max_tokens * CHARACTERS_PER_TOKEN)
        if len(text) > most:
            text = f"{text[:most]}\n[{len(text) - most} more characters left out]"
        return Source(url=url, title=title, text=text)


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    """As much of the body as a page may have; the rest is not read."""
    pieces: list[bytes] = []
    size = 0
    async for piece in answer.content.iter_chunked(65536):
        pieces.append(piece)
        size += len(piece)
        if size >= MAX_BYTES:
            break
    return b"".join(pieces)[:MAX_BYTES]
