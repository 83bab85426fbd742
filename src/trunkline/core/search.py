"""Web search in neutral words: what a client asked for, what a server did, what an answer cites.

Vendors run searches on their own servers and show them in blocks of their own. These values stand beside
such a block (``Opaque.means``, ``Tool.search``), so that every protocol can say the same in its own shapes.
"""

from typing import Literal

from msgspec import Struct

Deed = Literal["search", "fetch"]


class Location(Struct, frozen=True, kw_only=True):
    """Roughly where the user is."""

    city: str | None = None
    region: str | None = None
    country: str | None = None
    timezone: str | None = None


class SearchTool(Struct, frozen=True, kw_only=True):
    """A declared tool that searches the web or reads pages, and its limits as the client put them."""

    deed: Deed = "search"
    max_uses: int | None = None
    allowed_domains: tuple[str, ...] = ()
    blocked_domains: tuple[str, ...] = ()
    max_content_tokens: int | None = None
    location: Location | None = None
    context_size: str | None = None
    """How much of the pages the model shall see: low, medium or high (OpenAI)."""


class Source(Struct, frozen=True, kw_only=True):
    """A page. ``text`` is an excerpt, or its content where it was fetched."""

    url: str
    title: str = ""
    text: str = ""
    age: str | None = None


class WebSearch(Struct, frozen=True, kw_only=True):
    """One use of a search tool. Vendors that show it in two blocks have a ``call`` and then its ``result``."""

    id: str
    step: Literal["call", "result", "both"] = "both"
    deed: Deed = "search"
    queries: tuple[str, ...] = ()
    """What was searched; the page's address for a fetch."""
    sources: tuple[Source, ...] = ()
    error: str | None = None
    """Anthropic's word for what went wrong: ``max_uses_exceeded``, ``unavailable``..."""


class Citation(Struct, frozen=True, kw_only=True):
    """A place in an answer's text and the page behind it. Offsets count characters of that text."""

    url: str
    title: str = ""
    text: str = ""
    """The words of the page."""
    start: int | None = None
    end: int | None = None


class Grounding(Struct, frozen=True):
    """A search and its citations in one, as Gemini tells them after the text."""

    search: WebSearch | None
    citations: tuple[Citation, ...]


Meaning = WebSearch | Citation | Grounding


class SearchFailed(Exception):
    """A search or a page that could not be had. ``code`` is Anthropic's word for it, which clients know."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
