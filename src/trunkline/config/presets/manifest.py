"""What a preset may hold, and what becomes of secrets and of the blanks to fill in. Values only."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, cast

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
METADATA: Final = frozenset(
    {
        "name", "version", "description", "author", "homepage", "repository", "license", "keywords", "ccrVersion",
        "source", "sourceType", "checksum", "schema", "template", "configMappings", "userValues", "noServer", "claudeCodeSettings", "provider",
    }
)  # fmt: skip
"""Keys of a manifest that are not the configuration's (ccr.md 6.6)."""
RUNS: Final = frozenset(
    {
        "transformers", "CUSTOM_ROUTER_PATH", "custom_router", "plugins", "Plugins", "scriptPath", "StatusLine",
        "REWRITE_SYSTEM_PROMPT",
    }
)  # fmt: skip
"""Keys that name files which would be run, a line drawn by such, or a file that providers would be sent: a preset is data."""
PROMPT: Final = ("prompt", "file")
"""Such a key of Trunkline's own form, inside another."""
SECRET: Final = re.compile(
    r"(?i)^(?:.*(?:api_?key|access_?key|private_?key|secret|password|credential).*|key|keys|token|auth_?token|authorization)$"
)
_REFERENCE: Final = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")
_NO_WORD: Final = re.compile(r"\W+")

Table = dict[str, object]


class PresetError(Exception):
    """A preset cannot be taken in, found or used; the message says why and names no secret."""


def checked_name(name: str) -> str:
    """``name``, if it can be a folder's and nothing else. Raises PresetError."""
    if not NAME.fullmatch(name) or ".." in name:
        raise PresetError(
            f'"{name[:80]}" cannot be the name of a preset: letters, digits, ".", "_" and "-", no path.'
        )
    return name


def without_secrets(value: object, place: tuple[str, ...] = ()) -> tuple[object, dict[str, str]]:
    """A configuration with every credential as a reference to the environment, and variable -> where it stood.

    References stay as they are. Headers are credentials too: who knows what is in them.
    """
    if isinstance(value, dict):
        table = cast("Table", value)
        found: dict[str, str] = {}
        named = table.get("name")
        inside = (
            (*place[:-1], named) if isinstance(named, str) and place and place[-1].isdecimal() else place
        )
        result: Table = {}
        for key, entry in table.items():
            result[key], more = without_secrets(entry, (*inside, key))
            found.update(more)
        return result, found
    if isinstance(value, list):
        found = {}
        items: list[object] = []
        for number, entry in enumerate(cast("list[object]", value)):
            item, more = without_secrets(entry, (*place, str(number)))
            items.append(item)
            found.update(more)
        return items, found
    names = [part for part in place if not part.isdecimal()]
    is_secret = any(SECRET.match(name) for name in names[-1:]) or "headers" in names[:-1]
    if not isinstance(value, str) or not is_secret or _REFERENCE.fullmatch(value):
        return value, {}
    variable = _NO_WORD.sub("_", "_".join(names[-2:])).upper()
    return f"${{{variable}}}", {variable: ".".join(place)}


def without_code(value: object, place: tuple[str, ...] = ()) -> tuple[object, list[str]]:
    """A configuration without the keys that name what is run, and where those stood."""
    left_out: list[str] = []
    if isinstance(value, dict):
        result: Table = {}
        for key, entry in cast("Table", value).items():
            if key in RUNS or (*place, key) == PROMPT:
                left_out.append(".".join((*place, key)))
                continue
            result[key], more = without_code(entry, (*place, key))
            left_out += more
        return result, left_out
    if isinstance(value, list):
        items: list[object] = []
        for number, entry in enumerate(cast("list[object]", value)):
            item, more = without_code(entry, (*place, str(number)))
            items.append(item)
            left_out += more
        return items, left_out
    return value, left_out


def variables_of(value: object) -> list[str]:
    """The variables of the environment that a configuration refers to."""
    if isinstance(value, dict):
        found = [name for entry in cast("Table", value).values() for name in variables_of(entry)]
    elif isinstance(value, list):
        found = [name for entry in cast("list[object]", value) for name in variables_of(entry)]
    else:
        found = [match[1] for match in _REFERENCE.finditer(value)] if isinstance(value, str) else []
    return list(dict.fromkeys(found))


def refuse_what_runs(manifest: Mapping[str, object], file: str) -> None:
    """Raises PresetError when a preset has more than data."""
    for place, key in _keys(manifest, ()):
        if key in RUNS or place.endswith(".".join(PROMPT)):
            raise PresetError(
                f"{file}: {place} names what would be run or sent: a preset is data only, it is refused."
            )


def _keys(value: object, place: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, entry in cast("Table", value).items():
            yield ".".join((*place, key)), key
            yield from _keys(entry, (*place, key))
    elif isinstance(value, list):
        for number, entry in enumerate(cast("list[object]", value)):
            yield from _keys(entry, (*place, str(number)))


def configuration_of(manifest: Mapping[str, object]) -> Table:
    """The configuration inside a manifest: its template, else everything that is not about the preset."""
    template = manifest.get("template")
    if isinstance(template, dict):
        return cast("Table", template)
    return {key: value for key, value in manifest.items() if key not in METADATA}


def hosts_of(value: object) -> list[str]:
    """Every URL and host in a configuration: where prompts and keys would go."""
    found: list[str] = []
    if isinstance(value, dict):
        for key, entry in cast("Table", value).items():
            if isinstance(entry, str) and (
                key in ("host", "url", "api_base_url") or entry.startswith(("http://", "https://"))
            ):
                found.append(entry)
            else:
                found += hosts_of(entry)
    elif isinstance(value, list):
        for entry in cast("list[object]", value):
            found += hosts_of(entry)
    return list(dict.fromkeys(found))
