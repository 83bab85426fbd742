"""The ``search`` section: who searches the web for clients whose provider does not."""

from typing import Final, Literal

from trunkline.config.addresses import url_fault
from trunkline.config.schema import Search
from trunkline.config.secret import Secret
from trunkline.config.section import Section

Backend = Literal["searxng", "brave", "tavily"]
BACKENDS: Final[dict[str, Backend]] = {"searxng": "searxng", "brave": "brave", "tavily": "tavily"}
VARIABLES: Final = {
    "brave": ("BRAVE_API_KEY", "BRAVE_SEARCH_API_KEY"),
    "tavily": ("TAVILY_API_KEY",),
}
"""Where a key usually is, by backend that needs one."""


def decode_search(root: Section) -> Search | None:
    """The configured search, None without one; mistakes are noted."""
    if root.get("search") is None:
        return None
    section = root.section("search")
    backend = section.choice("backend", BACKENDS)
    if section.get("backend") is None:
        section.problem("backend", f"is missing: one of {', '.join(BACKENDS)}")
    url = section.text("url")
    if url is not None and (fault := url_fault(url)):
        section.problem("url", fault)
    if backend == "searxng" and section.get("url") is None:
        section.problem("url", 'is missing: where your SearXNG is, for instance "http://127.0.0.1:8888"')
    search = Search(
        backend=BACKENDS.get(backend or "", "searxng"),
        url=url,
        key=_key(section, backend),
        max_uses=section.integer("max_uses", 8, 1, 50),
        results=section.integer("results", 10, 1, 50),
        fetch=section.flag("fetch", True),
        timeout=section.number("timeout", 15.0, 0.1, 300.0),
    )
    section.finish()
    return search


def _key(section: Section, backend: str | None) -> Secret | None:
    key = section.secret("key")
    names = VARIABLES.get(backend or "", ())
    if key is not None or section.get("key") is not None or not names:
        return key
    environ = section.reading.environ
    found = next((environ[name].strip() for name in names if environ.get(name, "").strip()), None)
    if found is None:
        section.problem("key", f"is missing: give it here, or set {names[0]}")
    return None if found is None else Secret(found)
