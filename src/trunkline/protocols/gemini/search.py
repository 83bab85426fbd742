"""Google Search in this protocol: a tool without settings, and one report of queries, pages and supports."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.search import Citation, Grounding, SearchTool, Source, WebSearch
from trunkline.protocols.gemini.wire import encode


class _Web(Struct):
    uri: str | None = None
    title: str | None = None


class _Chunk(Struct):
    web: _Web | None = None


class _Segment(Struct, rename="camel"):
    text: str | None = None


class _Support(Struct, rename="camel"):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class _Metadata(Struct, rename="camel"):
    web_search_queries: list[str] | None = None
    grounding_chunks: list[_Chunk] | None = None
    grounding_supports: list[_Support] | None = None


_METADATA: Final = msgspec.json.Decoder(_Metadata)


def search_tool(name: str) -> SearchTool | None:
    """What a built-in tool searches; None for other tools."""
    if name in ("googleSearch", "googleSearchRetrieval"):
        return SearchTool()
    return SearchTool(deed="fetch") if name == "urlContext" else None


def grounding(raw: Raw) -> Grounding | None:
    """The report of a search. Its offsets count bytes and are not needed: the cited words stand beside them."""
    try:
        wire = _METADATA.decode(raw)
    except msgspec.DecodeError:
        return None
    pages = [chunk.web or _Web() for chunk in wire.grounding_chunks or ()]
    cited: list[Citation] = []
    for support in wire.grounding_supports or ():
        for index in support.grounding_chunk_indices or ():
            if 0 <= index < len(pages) and (uri := pages[index].uri):
                text = support.segment.text if support.segment is not None else None
                cited.append(Citation(url=uri, title=pages[index].title or "", text=text or ""))
    sources = tuple(Source(url=page.uri, title=page.title or "") for page in pages if page.uri)
    queries = tuple(wire.web_search_queries or ())
    search = WebSearch(id="grounding", queries=queries, sources=sources) if queries or sources else None
    return Grounding(search, tuple(cited))


def metadata_of(search: WebSearch) -> Raw | None:
    """``groundingMetadata`` for a search that another server ran; None before its results are there."""
    if search.step == "call" or search.deed != "search":
        return None
    chunks = [{"web": {"uri": source.url, "title": source.title}} for source in search.sources]
    return Raw(encode({"webSearchQueries": list(search.queries), "groundingChunks": chunks}))
