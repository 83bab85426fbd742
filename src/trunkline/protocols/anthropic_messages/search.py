"""Web search and web fetch in this protocol's blocks, both ways (tool reference, 2026-09).

Results carry content that only the vendor can open. What the gateway searched itself carries an opener of
ours and the excerpt in its place, so that a client that sends it back keeps what the model read.
"""

import base64
import binascii
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.search import Citation, Grounding, Location, Meaning, SearchTool, Source, WebSearch
from trunkline.core.types import Opaque
from trunkline.protocols.anthropic_messages.wire import encode

SEARCH_TYPE: Final = "web_search_20250305"
SEALED: Final = "encrypted_content"
"""The key of a result's content."""
OURS: Final = "trunkline1.search."
"""Begins the content of results that no vendor has sealed."""
MAX_CITED: Final = 150
"""Characters of a page that a citation shows, as the vendor cuts them."""


class _Location(Struct, omit_defaults=True):
    type: str = ""
    city: str | None = None
    region: str | None = None
    country: str | None = None
    timezone: str | None = None


class _Tool(Struct):
    max_uses: int | None = None
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None
    max_content_tokens: int | None = None
    user_location: _Location | None = None


class _Input(Struct):
    query: str | None = None
    url: str | None = None


class _Result(Struct):
    type: str = ""
    url: str | None = None
    title: str | None = None
    page_age: str | None = None
    encrypted_content: str | None = None


class _Use(Struct):
    id: str = ""
    name: str = ""
    input: _Input | None = None


class _Found(Struct):
    tool_use_id: str = ""
    content: Raw = Raw(b"null")


class _Failed(Struct):
    error_code: str | None = None
    url: str | None = None


class _Cited(Struct):
    url: str | None = None
    title: str | None = None
    cited_text: str | None = None


_tool: Final = msgspec.json.Decoder(_Tool).decode
_use: Final = msgspec.json.Decoder(_Use).decode
_found: Final = msgspec.json.Decoder(_Found).decode
_results: Final = msgspec.json.Decoder(list[_Result]).decode
_failed: Final = msgspec.json.Decoder(_Failed).decode
_cited: Final = msgspec.json.Decoder(_Cited).decode


def search_tool(kind: str, raw: Raw) -> SearchTool | None:
    """What a declared server tool searches; None for other tools and for settings we cannot read."""
    if not kind.startswith(("web_search_", "web_fetch_")):
        return None
    try:
        wire = _tool(raw)
    except msgspec.DecodeError:
        return None
    place = wire.user_location
    return SearchTool(
        deed="search" if kind.startswith("web_search_") else "fetch",
        max_uses=wire.max_uses,
        allowed_domains=tuple(wire.allowed_domains or ()),
        blocked_domains=tuple(wire.blocked_domains or ()),
        max_content_tokens=wire.max_content_tokens,
        location=None
        if place is None
        else Location(city=place.city, region=place.region, country=place.country, timezone=place.timezone),
    )


def encode_search_tool(search: SearchTool) -> dict[str, object]:
    """A search tool of another protocol as this vendor's own."""
    wire: dict[str, object] = {"type": SEARCH_TYPE, "name": "web_search"}
    if search.max_uses is not None:
        wire["max_uses"] = search.max_uses
    if search.allowed_domains:
        wire["allowed_domains"] = list(search.allowed_domains)
    elif search.blocked_domains:
        wire["blocked_domains"] = list(search.blocked_domains)
    place = search.location
    if place is not None:
        wire["user_location"] = _Location(
            "approximate", place.city, place.region, place.country, place.timezone
        )
    return wire


def meaning(kind: str, raw: Raw) -> Meaning | None:
    """What a block or citation says of a search; None when it is about something else."""
    try:
        match kind:
            case "server_tool_use":
                use = _use(raw)
                return _call(use) if use.name in ("web_search", "web_fetch") else None
            case "web_search_tool_result":
                return _result(_found(raw))
            case "web_search_result_location":
                cited = _cited(raw)
                return Citation(url=cited.url or "", title=cited.title or "", text=cited.cited_text or "")
            case _:
                return None
    except msgspec.DecodeError:
        return None


def _call(use: _Use) -> WebSearch:
    given = use.input or _Input()
    said = given.query or given.url
    deed = WebSearch(id=use.id).deed if use.name == "web_search" else "fetch"
    return WebSearch(id=use.id, step="call", deed=deed, queries=(said,) if said else ())


def _result(found: _Found) -> WebSearch:
    if bytes(found.content)[:1] != b"[":
        return WebSearch(id=found.tool_use_id, step="result", error=_failed(found.content).error_code)
    sources = tuple(
        Source(url=one.url, title=one.title or "", text=opened(one.encrypted_content), age=one.page_age)
        for one in _results(found.content)
        if one.url
    )
    return WebSearch(id=found.tool_use_id, step="result", sources=sources)


def blocks_of(search: WebSearch) -> list[Raw]:
    """The blocks that show one use of a search tool."""
    ident = search.id if search.id.startswith("srvtoolu_") else f"srvtoolu_{search.id}"
    name = "web_search" if search.deed == "search" else "web_fetch"
    said = search.queries[0] if search.queries else ""
    blocks: list[Raw] = []
    if search.step != "result":
        given = {"query" if search.deed == "search" else "url": said}
        blocks.append(Raw(encode({"type": "server_tool_use", "id": ident, "name": name, "input": given})))
    if search.step != "call":
        kind = f"{name}_tool_result"
        content = _outcome(search, said)
        blocks.append(Raw(encode({"type": kind, "tool_use_id": ident, "content": content})))
    return blocks


def _outcome(search: WebSearch, said: str) -> object:
    name = "web_search" if search.deed == "search" else "web_fetch"
    if search.error is not None:
        return {"type": f"{name}_tool_result_error", "error_code": search.error}
    if search.deed == "search":
        return [
            {
                "type": "web_search_result",
                "url": source.url,
                "title": source.title,
                "encrypted_content": sealed(source.text),
                "page_age": source.age,
            }
            for source in search.sources
        ]
    page = search.sources[0] if search.sources else Source(url=said)
    text = {"type": "text", "media_type": "text/plain", "data": page.text}
    document = {
        "type": "document",
        "source": text,
        "title": page.title or None,
        "citations": {"enabled": False},
    }
    return {"type": "web_fetch_result", "url": page.url, "content": document, "retrieved_at": page.age}


def citation_of(cited: Citation) -> Raw:
    """A citation as the vendor's own shape; its index opens nothing."""
    return Raw(
        encode(
            {
                "type": "web_search_result_location",
                "url": cited.url,
                "title": cited.title,
                "encrypted_index": sealed(""),
                "cited_text": cited.text[:MAX_CITED],
            }
        )
    )


MARK: Final = b"srvtoolu_trunkline"
"""Begins the ids of searches that the gateway performed, and so stands in the use and in its result."""


def is_ours(raw: Raw) -> bool:
    """Whether a block or citation tells of a search that the gateway performed: no vendor takes it back."""
    data = bytes(raw)
    return MARK in data or OURS.encode() in data


def citations_of(citation: Opaque) -> list[Raw]:
    """Any protocol's citation in this one's shape; none for a place that is no page."""
    match citation.means:
        case Citation() as cited:
            return [citation_of(cited)] if cited.url else []
        case Grounding(citations=citations):
            return [citation_of(cited) for cited in citations]
        case _:
            return []


def search_in(citation: Opaque) -> WebSearch | None:
    """The search that a citation tells of besides."""
    return citation.means.search if isinstance(citation.means, Grounding) else None


def sealed(text: str) -> str:
    """Content of a result that the gateway found."""
    return OURS + base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")


def opened(content: str | None) -> str:
    """The excerpt in such content; nothing in a vendor's own."""
    if content is None or not content.startswith(OURS):
        return ""
    try:
        return base64.b64decode(content.removeprefix(OURS), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
