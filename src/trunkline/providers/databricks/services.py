"""The model services of Unity Catalog, page by page (databricks.md 6.2)."""

import re
from collections.abc import Sequence
from typing import Final, final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from trunkline.catalog.names import family_key
from trunkline.core.http import Headers, HttpRequest
from trunkline.providers.databricks.surfaces import endpoint_name
from trunkline.providers.provider import ListedModel

PLATFORM: Final = "schemas/system.ai"
"""Where Databricks' own models are; without a parent the list has those that users made."""
PAGE: Final = 100
SMALLEST: Final = 5
"""Services in a page: a page that takes too long is asked for in halves, down to this."""
MAX_PAGES: Final = 100
MAX_SERVICES: Final = 5000

_PATH: Final = "/api/2.1/unity-catalog/model-services"
_PREFIX: Final = "model-services/"
_TOO_SLOW: Final = frozenset({408, 499, 504})
_NAME: Final = re.compile(r"[^\s./]+\.[^\s./]+\.[^\s/]+")
_EMBEDDING: Final = re.compile(r"(?:gte|bge|e5)-|.*embedding")


class _Service(Struct):
    name: str | None = None
    supported_api_types: list[str] | None = None


class _Page(Struct):
    model_services: list[_Service] | None = None
    next_page_token: str | None = None


_PAGE: Final = msgspec.json.Decoder(_Page)


@final
class ServiceWalk:
    """Follows one list to its end: ask for :meth:`request`, hand the answer to :meth:`take`, repeat.

    What cannot be read or is not allowed ends the walk with what was found so far.
    """

    def __init__(self, base: str, headers: Headers, parent: str | None) -> None:
        """``base`` is ``https://host``; ``parent`` None lists what users made."""
        self._start = f"{base}{_PATH}?" + (f"parent={quote(parent, safe='/')}&" if parent else "")
        self._headers = headers
        self._size = PAGE
        self._token = ""
        self._pages = 0
        self._done = False
        self._found: dict[str, None] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The full names of the services found, in order."""
        return tuple(self._found)

    def request(self) -> HttpRequest | None:
        """The next page's request; None at the end."""
        if self._done or self._pages >= MAX_PAGES or len(self._found) >= MAX_SERVICES:
            return None
        token = f"&page_token={quote(self._token, safe='')}" if self._token else ""
        return HttpRequest("GET", f"{self._start}page_size={self._size}{token}", self._headers)

    def take(self, status: int, body: bytes) -> None:
        """Learn from an answer."""
        self._pages += 1
        if status in _TOO_SLOW and self._size > SMALLEST:
            self._size = max(SMALLEST, self._size // 2)
            return
        page = _decode(body) if status == 200 else None
        if page is None:
            self._done = True
            return
        self._found |= dict.fromkeys(filter(None, map(_name, page.model_services or ())))
        # An empty page is not the end, a missing token is; the same token again would never end.
        self._done = not page.next_page_token or page.next_page_token == self._token
        self._token = page.next_page_token or ""


def _decode(body: bytes) -> _Page | None:
    try:
        return _PAGE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _name(service: _Service) -> str | None:
    """The full name of a service that generates; None for any other."""
    name = (service.name or "").removeprefix(_PREFIX)
    if not _NAME.fullmatch(name) or _EMBEDDING.match(family_key(name)):
        return None
    types = service.supported_api_types
    return None if types and all("embedding" in one for one in types) else name


def merge_models(
    endpoints: Sequence[ListedModel], services: Sequence[ServiceWalk]
) -> tuple[ListedModel, ...]:
    """Endpoints first, then the services that are not one of them under another name; each once."""
    found = {model.id: model for model in endpoints}
    for walk in services:
        for name in walk.names:
            if endpoint_name(name) not in found:
                found.setdefault(name, ListedModel(name))
    return tuple(found.values())
