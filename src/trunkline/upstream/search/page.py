"""The text of a page: what a reader would see, without scripts, styles and menus' markup."""

import re
from html.parser import HTMLParser
from typing import Final

_SKIPPED: Final = frozenset({"script", "style", "noscript", "template", "svg", "head", "iframe", "object"})
_VOID: Final = frozenset(
    {"br", "hr", "img", "input", "meta", "link", "wbr", "source", "area", "base", "col"}
)
_BLOCKS: Final = frozenset(
    {
        "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset", "figure",
        "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p",
        "pre", "section", "table", "tr", "ul",
    }
)  # fmt: skip
_BLANKS: Final = re.compile(r"[ \t\r\f\v\u00a0]+")
_LINES: Final = re.compile(r"\n[ \n]*\n")
_CHARSET: Final = re.compile(
    rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9_-]{2,40})""", re.IGNORECASE
)


class _Reader(HTMLParser):
    """Collects the text. Elements that are left open are no fault: pages are often so."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.text: list[str] = []
        self._skipping: list[str] = []
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_title = tag == "title"
        if tag == "body":
            self._skipping.clear()  # the head's own end may be left out
        if tag in _SKIPPED and tag not in _VOID:
            self._skipping.append(tag)
        elif tag in _BLOCKS:
            self.text.append("\n- " if tag == "li" else "\n")

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False
        if tag in self._skipping:
            while self._skipping.pop() != tag:
                pass
        elif tag in _BLOCKS:
            self.text.append("\n")
        elif tag in ("td", "th"):
            self.text.append("\t")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._skipping:
            self.text.append(data)


def read_html(body: bytes, charset: str | None) -> tuple[str, str]:
    """Title and text of a page. Never raises for what a page looks like."""
    reader = _Reader()
    reader.feed(decode(body, charset or _declared(body)))
    reader.close()
    title = " ".join("".join(reader.title).split())
    lines = (_BLANKS.sub(" ", line).strip() for line in "".join(reader.text).split("\n"))
    return title, _LINES.sub("\n\n", "\n".join(lines)).strip()


def decode(body: bytes, charset: str | None) -> str:
    """Text in a charset that may be a fancy of the page's author."""
    try:
        return body.decode(charset or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _declared(body: bytes) -> str | None:
    found = _CHARSET.search(body[:4096])
    return None if found is None else found[1].decode("ascii")
