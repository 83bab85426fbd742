"""What an agent is told: the vocabulary of all the agents' files. Values only; nothing here runs or writes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from trunkline.config.secret import Secret
from trunkline.routing.names import claude_family

ANY_KEY: Final = "trunkline"
"""What a client presents to a gateway without keys: any word will do, but agents insist on one."""
KEY_VARIABLE: Final = "TRUNKLINE_CLIENT_KEY"
"""Where an agent finds the key whose own configuration names a variable for it."""
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Scene(Struct, frozen=True, kw_only=True):
    """What an agent is to be wired to, and in which surroundings."""

    url: str
    """The gateway, without a path."""
    key: Secret
    model: str | None
    """The model to ask for; None: the agent's own choice."""
    models: tuple[str, ...]
    """What the gateway lists; empty when it was not asked."""
    environ: Mapping[str, str]
    folder: Path
    """Ours, for the files that this agent is given."""


class Wiring(Struct, frozen=True, kw_only=True):
    """How one start of an agent differs from a plain one."""

    values: Mapping[str, str | Secret]
    """Environment variables that are set."""
    removed: tuple[str, ...] = ()
    """Environment variables that would contradict them."""
    arguments: tuple[str, ...] = ()
    """Put before the user's own. They hold no secret: every process of the machine can read them."""
    files: Mapping[Path, bytes] = {}
    """Files of ours that are written before the start. They hold no secret."""
    links: Mapping[Path, Path] = {}
    """Links of ours to files and folders of the user's, made before the start."""
    stale: tuple[Path, ...] = ()
    """Files of ours that are removed before the start."""
    notes: tuple[str, ...] = ()
    """What of the user's own would keep the agent from the gateway all the same."""


class Agent(Struct, frozen=True, kw_only=True):
    """One agent: the program, how it is installed, and how it is wired."""

    name: str
    title: str
    program: str
    install: str
    """A line that installs it."""
    own_model: str | None
    """A name that it asks for when it is not told which; None: it has to be told."""
    wire: Callable[[Scene], Wiring]
    path_variables: tuple[str, ...] = ()
    """Variables in which others look for the program."""


def around_proxies(environ: Mapping[str, str]) -> dict[str, str | Secret]:
    """``NO_PROXY`` in both spellings, with loopback added: a proxy of the company cannot reach it."""
    known = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    hosts = [host.strip() for host in known.split(",") if host.strip()]
    if "*" in hosts:
        return {}
    added = ",".join([*hosts, *(host for host in LOOPBACK if host not in hosts)])
    return {"NO_PROXY": added, "no_proxy": added}


def unless_set(environ: Mapping[str, str], **values: str) -> dict[str, str | Secret]:
    """Those of ``values`` about which the user has not decided otherwise."""
    return {name: value for name, value in values.items() if name not in environ}


def is_claude(model: str) -> bool:
    """Whether a name means a Claude, also as providers spell it: those are best asked over Messages."""
    return claude_family(model) is not None or "claude" in model.lower()
