"""Which of the forms we take a file is in: it shows in its content."""

import re
from typing import Final, Literal

Dialect = Literal["trunkline", "ccr", "claude-code-azure", "forgecode", "environment"]

DESCRIPTIONS: Final[dict[Dialect, str]] = {
    "ccr": "a configuration of claude-code-router",
    "claude-code-azure": "a configuration of claude-code-azure",
    "forgecode": "a models.json of the ForgeCode bridge",
    "environment": "a file of environment variables",
}

ASSIGNMENT: Final = re.compile(r"(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=.*")


def _has_key(text: str, *names: str) -> bool:
    pattern = rf"(?:^|[{{,\s])[\"']?(?:{'|'.join(names)})[\"']?\s*:"
    return re.search(pattern, text) is not None


def dialect_of(text: str) -> Dialect | None:
    """The form of a file; None: its keys belong to two forms at once.

    Anything that is none of the foreign ones is read as Trunkline's own, whose reader says what is wrong.
    """
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if lines and all(ASSIGNMENT.fullmatch(line) for line in lines):
        return "environment"
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "/", "["):
        return _json_dialect(text)
    azure = re.search(r"^model_categories\s*:", text, re.MULTILINE) is not None
    own = re.search(r"^(?:models|routes|server)\s*:", text, re.MULTILINE) is not None
    if azure:
        return None if own else "claude-code-azure"
    return "trunkline"


def _json_dialect(text: str) -> Dialect | None:
    ccr = _has_key(text, "Providers", "Router", "APIKEY", "api_base_url", "longContextThreshold")
    own = _has_key(text, "providers") and _has_key(text, "kind", "speaks", "routes", "server", "models")
    if ccr:
        return None if own and not _has_key(text, "api_base_url") else "ccr"
    if own or _has_key(text, "providers"):
        return "trunkline"
    listed = re.search(r"[\"']?models[\"']?\s*:\s*\[", text) is not None
    bridge = listed or _has_key(text, "endpoints") or text.lstrip("\ufeff \t\r\n").startswith("[")
    return "forgecode" if bridge else "trunkline"
