"""The ``search`` section."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from trunkline.config.load import load_file
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Search
from trunkline.config.show import masked

PROVIDER = "providers: {dbx: {kind: databricks, host: a.b.c, token: t0ken}}\n"


def read(folder: Path, text: str, environ: dict[str, str] | None = None) -> Search | None:
    file = folder / "t.yaml"
    file.write_text(PROVIDER + text)
    return load_file(file, environ or {}).search


def test_without_the_section_nobody_searches(tmp_path: Path) -> None:
    assert read(tmp_path, "") is None


def test_every_key(tmp_path: Path) -> None:
    text = "search: {backend: tavily, url: 'https://t.example/s', key: k, max_uses: 3, results: 4, fetch: false, timeout: 2.5}"
    found = read(tmp_path, text)
    assert found is not None
    assert found.key is not None
    assert found.key.reveal() == "k"
    assert replace(found, key=None) == Search(
        backend="tavily", url="https://t.example/s", max_uses=3, results=4, fetch=False, timeout=2.5
    )


def test_a_searxng_needs_no_key(tmp_path: Path) -> None:
    text = "search: {backend: searxng, url: 'http://127.0.0.1:8888'}"
    assert read(tmp_path, text) == Search(backend="searxng", url="http://127.0.0.1:8888")


@pytest.mark.parametrize(
    ("backend", "variable"),
    [("brave", "BRAVE_API_KEY"), ("brave", "BRAVE_SEARCH_API_KEY"), ("tavily", "TAVILY_API_KEY")],
)
def test_keys_from_the_environment(tmp_path: Path, backend: str, variable: str) -> None:
    found = read(tmp_path, f"search: {{backend: {backend}}}", {variable: "from-there"})
    assert found is not None
    assert found.key is not None
    assert found.key.reveal() == "from-there"
    assert "from-there" not in repr(found)


def test_the_key_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(PROVIDER + "search: {backend: brave, key: k3y}")
    shown = masked(load_file(file, {}))
    assert shown["search"] == {
        "backend": "brave", "key": "****", "max_uses": 8, "results": 10, "fetch": True, "timeout": 15.0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("search: {}", "search.backend: is missing: one of searxng, brave, tavily"),
        ("search: {backend: searx, url: 'http://127.0.0.1'}",
         'search.backend: must be one of searxng, brave, tavily. Did you mean "searxng"?'),
        ("search: {backend: searxng}",
         'search.url: is missing: where your SearXNG is, for instance "http://127.0.0.1:8888"'),
        ("search: {backend: searxng, url: 'ftp://x'}",
         'search.url: must begin with "https://", or "http://" for a local address'),
        ("search: {backend: brave}", "search.key: is missing: give it here, or set BRAVE_API_KEY"),
        ("search: {backend: brave, key: k, max_use: 3}", 'search.max_use: unknown key. Did you mean "max_uses"?'),
        ("search: {backend: brave, key: k, max_uses: 0}", "search.max_uses: must be between 1 and 50"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path, text)
    assert [f"{one.key}: {one.message}" for one in raised.value.problems] == [fault]
