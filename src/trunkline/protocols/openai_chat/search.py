"""Web search in this protocol: an option of search models, and annotations (API reference, 2026-09)."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.search import Citation, Location, SearchTool
from trunkline.core.types import Extra, Tool
from trunkline.protocols.openai_chat.ledger import Ledger

OPTION: Final = "web_search_options"
"""The request's field, and the vendor type of the tool it is read into."""


class _Place(Struct, omit_defaults=True):
    city: str | None = None
    region: str | None = None
    country: str | None = None
    timezone: str | None = None


class _User(Struct):
    approximate: _Place | None = None


class _Options(Struct):
    search_context_size: str | None = None
    user_location: _User | None = None


class _Cited(Struct):
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class _Annotation(Struct):
    url_citation: _Cited | None = None


_OPTIONS: Final = msgspec.json.Decoder(_Options)
_ANNOTATION: Final = msgspec.json.Decoder(_Annotation)


def search_tool(extra: Extra) -> Tool:
    """The option as a tool that is run for the client. It wins nothing over the field: that stays as it came."""
    try:
        wire = _OPTIONS.decode(extra.raw)
    except msgspec.DecodeError:
        wire = _Options()
    place = wire.user_location.approximate if wire.user_location is not None else None
    search = SearchTool(
        context_size=wire.search_context_size,
        location=None
        if place is None
        else Location(city=place.city, region=place.region, country=place.country, timezone=place.timezone),
    )
    return Tool(name="web_search", kind="server", vendor_type=OPTION, raw=extra.raw, search=search)


def encode_option(tool: Tool, search: SearchTool, ledger: Ledger) -> object:
    """The option for a search model, from any protocol's search tool."""
    if tool.vendor_type == OPTION and tool.raw is not None:
        return tool.raw
    for name, value in (
        ("max_uses", search.max_uses),
        ("allowed_domains", search.allowed_domains),
        ("blocked_domains", search.blocked_domains),
    ):
        if value:
            ledger.lose(f"tools.{tool.name}.{name}", "search models take no such limit")
    options: dict[str, object] = {}
    if search.context_size is not None:
        options["search_context_size"] = search.context_size
    place = search.location
    if place is not None:
        approximate = _Place(place.city, place.region, place.country, place.timezone)
        options["user_location"] = {"type": "approximate", "approximate": approximate}
    return options


def meaning(raw: Raw) -> Citation | None:
    """The citation in an annotation."""
    try:
        cited = _ANNOTATION.decode(raw).url_citation
    except msgspec.DecodeError:
        return None
    if cited is None or not cited.url:
        return None
    return Citation(url=cited.url, title=cited.title or "", start=cited.start_index, end=cited.end_index)
