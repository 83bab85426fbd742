"""Profiles of ``~/.databrickscfg``, the file that Databricks' own tools share (databricks.md 2.4)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

MAX_FILE: Final = 1024 * 1024
SETTINGS: Final = "__settings__"


class ProfileError(ValueError):
    """The profile cannot be used. The message names the file and never what stands in it."""


class Profile(Struct, frozen=True):
    """One section of the file. ``values`` may hold secrets."""

    name: str
    values: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Profile({self.name!r}, keys={sorted(self.values)})"

    def get(self, key: str) -> str | None:
        """A value without blanks around it, None when absent or empty."""
        return self.values.get(key, "").strip() or None


def profile_file(environ: Mapping[str, str]) -> Path:
    """Where profiles are: ``DATABRICKS_CONFIG_FILE``, else ``~/.databrickscfg``."""
    home = environ.get("HOME") or environ.get("USERPROFILE") or "/nonexistent"
    named = environ.get("DATABRICKS_CONFIG_FILE", "").strip()
    if not named:
        return Path(home) / ".databrickscfg"
    return Path(home, named[2:]) if named.startswith("~/") else Path(named)


def read_profile(file: Path, name: str | None) -> Profile:
    """One profile; ``name`` None is the file's default one. Sections inherit nothing from ``[DEFAULT]``.

    Raises ProfileError.
    """
    sections = _read(file)
    chosen = name or sections.get(SETTINGS, {}).get("default_profile", "").strip() or "DEFAULT"
    if chosen == SETTINGS or chosen not in sections:
        known = ", ".join(section for section in sections if section != SETTINGS)
        hint = f"; there are {known}" if known else ""
        raise ProfileError(
            f"{file} has no {chosen} profile configured{hint}; databricks auth login --profile {chosen} makes it"
        )
    return Profile(chosen, sections[chosen])


def _read(file: Path) -> dict[str, dict[str, str]]:
    import configparser  # only profiles need it

    # No section is the parser's default: what [DEFAULT] says must not be inherited.
    parser = configparser.ConfigParser(default_section="\0", interpolation=None)
    try:
        if file.stat().st_size > MAX_FILE:
            raise ProfileError(f"{file} is larger than 1 MiB: these are no Databricks profiles")
        parser.read_string(file.read_text("utf-8-sig"))
    except OSError as error:
        raise ProfileError(
            f"{file} cannot be read: {error.strerror}; databricks auth login makes it"
        ) from None
    except UnicodeDecodeError:
        raise ProfileError(f"{file} is not text in UTF-8") from None
    except configparser.Error as error:
        line: object = getattr(error, "lineno", None)
        raise ProfileError(
            f"{file}{f', line {line}' if line else ''} is not in the form of Databricks profiles"
        ) from None
    return {section: dict(parser.items(section)) for section in parser.sections()}
