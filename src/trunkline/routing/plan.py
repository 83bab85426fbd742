"""The outcome of routing: an ordered list of targets and the reason for it."""

from msgspec import Struct


class Target(Struct, frozen=True):
    """One deployment at one provider, both as the configuration names them."""

    provider: str
    deployment: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.deployment}"


class Plan(Struct, frozen=True):
    """Targets in the order they are tried; never empty. ``route`` says why, in a few words."""

    targets: tuple[Target, ...]
    route: str
    body: bytes | None = None
    """What is asked in place of the client's body, where planning changed it."""
    session: str | None = None
    """The agent's session, where planning had to know."""
    eyes: tuple[Target, ...] = ()
    """Who looks at the pictures for targets that are not shown any."""
