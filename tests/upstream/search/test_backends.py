"""How each search service is asked and read; answers as their documentation shows them (2026-11)."""

from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from trunkline.core.search import Location, SearchTool, Source
from trunkline.upstream.search.backends import BACKENDS

TOOL = SearchTool()


def asked(
    backend: str, tool: SearchTool = TOOL, url: str | None = None, most: int = 5
) -> tuple[str, dict[str, list[str]], dict[str, str], bytes]:
    service = BACKENDS[backend]
    request = service.ask(url or service.url, "a b&c", tool, most, "the-key")
    parts = urlsplit(request.url)
    return (
        f"{request.method} {parts.scheme}://{parts.netloc}{parts.path}",
        parse_qs(parts.query),
        dict(request.headers),
        request.body,
    )


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8888", "http://127.0.0.1:8888/", "http://127.0.0.1:8888/search"]
)
def test_searxng(url: str) -> None:
    where, query, headers, _ = asked("searxng", url=url)
    assert where == "GET http://127.0.0.1:8888/search"
    assert query == {"q": ["a b&c"], "format": ["json"]}
    assert headers["authorization"] == "Bearer the-key"
    body = b"""{"query":"q","number_of_results":0,"results":[
      {"url":"https://a.example/","title":"A &amp; B","content":"some <b>text</b>","publishedDate":"2026-01-02T00:00:00","engine":"brave"},
      {"url":"https://a.example/","title":"again","content":""},
      {"url":"magnet:?x","title":"no page"},
      {"title":"no address"}],"answers":[],"infoboxes":[],"unresponsive_engines":[["x","timeout"]]}"""
    assert BACKENDS["searxng"].read(body) == (
        Source(url="https://a.example/", title="A & B", text="some text", age="2026-01-02T00:00:00"),
    )


def test_brave() -> None:
    tool = SearchTool(allowed_domains=("x.example", "y.example"), location=Location(country="de"))
    where, query, headers, _ = asked("brave", tool, most=50)
    assert where == "GET https://api.search.brave.com/res/v1/web/search"
    assert query == {
        "q": ["a b&c (site:x.example OR site:y.example)"], "count": ["20"], "extra_snippets": ["true"], "country": ["DE"]
    }  # fmt: skip
    assert headers["x-subscription-token"] == "the-key"
    assert "authorization" not in headers
    body = b"""{"type":"search","web":{"type":"search","results":[
      {"title":"T","url":"https://b.example/p","description":"one <strong>two</strong>","page_age":"2026-03-04T05:06:07",
       "age":"March 4, 2026","extra_snippets":["three"],"meta_url":{"hostname":"b.example"}}]}}"""
    assert BACKENDS["brave"].read(body) == (
        Source(url="https://b.example/p", title="T", text="one two\nthree", age="2026-03-04T05:06:07"),
    )
    assert BACKENDS["brave"].read(b'{"type":"search","query":{}}') == ()


def test_tavily() -> None:
    tool = SearchTool(blocked_domains=("x.example",))
    where, _, headers, body = asked("tavily", tool)
    assert where == "POST https://api.tavily.com/search"
    assert headers["authorization"] == "Bearer the-key"
    assert msgspec.json.decode(body) == {
        "query": "a b&c",
        "max_results": 5,
        "exclude_domains": ["x.example"],
    }
    answer = b"""{"query":"q","answer":null,"images":[],"results":[{"title":"T","url":"https://t.example","content":"C",
      "score":0.9,"raw_content":null}],"response_time":"1.1"}"""
    assert BACKENDS["tavily"].read(answer) == (Source(url="https://t.example", title="T", text="C"),)


@pytest.mark.parametrize("backend", list(BACKENDS))
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"results":3,"web":4}'])
def test_what_is_no_answer_is_said(backend: str, body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        BACKENDS[backend].read(body)
