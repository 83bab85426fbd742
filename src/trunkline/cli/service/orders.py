"""What ``start`` and the background process say to each other."""

from msgspec import Struct


class Orders(Struct, frozen=True, kw_only=True):
    """What to serve and how. ``listeners`` and ``report`` are file descriptors that were handed down."""

    home: str
    config: str | None
    host: str
    port: int
    workers: int
    listeners: tuple[int, ...]
    report: int | None
    """None: nobody waits for a word."""


class Report(Struct, frozen=True, kw_only=True):
    """The one word to whoever gave the orders: serving, or the reason why not."""

    pid: int
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    code: int = 0
