"""What we read of the YAML library's nodes, which have no types."""

from typing import Protocol


class Mark(Protocol):
    """A place in a text."""

    @property
    def line(self) -> int: ...
    @property
    def index(self) -> int: ...


class YamlNode(Protocol):
    """A node as composed: nothing is constructed."""

    @property
    def tag(self) -> object: ...
    @property
    def value(self) -> object: ...
    @property
    def start_mark(self) -> Mark: ...
    @property
    def end_mark(self) -> Mark: ...


class Composer(Protocol):
    """The library's reader."""

    def compose(self, stream: str) -> object: ...
