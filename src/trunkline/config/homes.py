"""Where Trunkline keeps what it writes, and where claude-code-router did."""

from collections.abc import Mapping
from pathlib import Path


def homes(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The folders of our files: only ``TRUNKLINE_HOME`` when that is set, else our own and claude-code-router's."""
    if named := environ.get("TRUNKLINE_HOME"):
        return (Path(named).expanduser().absolute(),)
    state = environ.get("XDG_STATE_HOME")
    usual = Path(state) if state else user_home(environ) / ".local" / "state"
    return (usual / "trunkline", usual_ccr_file(environ).parent)


def usual_ccr_file(environ: Mapping[str, str]) -> Path:
    """Where claude-code-router keeps its configuration."""
    return user_home(environ) / ".claude-code-router" / "config.json"


def user_home(environ: Mapping[str, str]) -> Path:
    """The user's home folder."""
    return Path(environ.get("HOME") or environ.get("USERPROFILE") or "/nonexistent")
