"""What a check of a provider found: said in words, named for programs."""

from typing import Literal

from msgspec import Struct

from trunkline.core.errors import Kind

State = Literal["ok", "warn", "fail", "skip"]


class Finding(Struct, frozen=True, kw_only=True):
    """One check's outcome. ``message`` says what is so, ``fix`` what to do; neither ever holds a secret."""

    check: str
    state: State
    message: str
    problem: str = ""
    """A stable name for what is wrong; empty where nothing is."""
    fix: str = ""
    kind: Kind | None = None
    """Of a failure."""
