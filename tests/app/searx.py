"""A SearXNG stand-in: its JSON API on loopback, with pages that are made up."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import msgspec

from app.whole import Asked, Reply

Page = dict[str, object]
TRAINS: list[Page] = [
    {"url": "https://rails.example/how", "title": "How trains run", "content": "Trains run on <b>rails</b> &amp; steel.",
     "publishedDate": "2026-05-01T00:00:00", "engine": "brave", "score": 1.0},
    {"url": "https://docs.other.example/wheels", "title": "Wheels", "content": "Flanged wheels.", "engine": "x"},
]  # fmt: skip


class Searx:
    """Answers searches by a function of the query, and remembers the queries."""

    def __init__(self, find: Callable[[str], list[Page] | int] = lambda query: TRAINS) -> None:
        self._find = find
        self.queries: list[str] = []

    def answer(self, asked: Asked) -> Reply:
        parts = urlsplit(asked.path)
        fields = parse_qs(parts.query)
        assert parts.path == "/searx/search"
        assert fields["format"] == ["json"]
        self.queries.append(fields["q"][0])
        found = self._find(fields["q"][0])
        if isinstance(found, int):
            return found
        return msgspec.json.encode({"query": fields["q"][0], "number_of_results": 0, "results": found})
