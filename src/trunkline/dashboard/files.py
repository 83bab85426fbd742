"""The page's files: part of the package, read once, whole, when somebody first asks for the page."""

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from msgspec import Struct

KINDS: Final[Mapping[str, str]] = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}
"""What is served, by the end of its name; any other file in the folder is not."""


class PageFile(Struct, frozen=True, kw_only=True):
    """One file, ready to be sent. ``tag`` changes with its content."""

    content_type: str
    body: bytes
    zipped: bytes
    tag: str


@cache
def page_files() -> Mapping[str, PageFile]:
    """All of them by name. A name is looked up in here and never put together with a path."""
    return {
        entry.name: _read(entry.read_bytes(), kind)
        for entry in files("trunkline.dashboard").joinpath("page").iterdir()
        if (kind := KINDS.get(entry.name.rpartition(".")[2])) is not None
    }


def _read(body: bytes, kind: str) -> PageFile:
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    return PageFile(content_type=kind, body=body, zipped=gzip.compress(body, 9, mtime=0), tag=tag)
