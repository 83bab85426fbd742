"""The proxy's variables with their places: those of the environment come before those of a file."""

import re
from collections.abc import Mapping
from typing import Final

from trunkline.config.env_file import Variable
from trunkline.config.environment import SOURCE
from trunkline.config.problems import ConfigurationError, Problem
from trunkline.config.secret import Secret

HOST: Final = "DATABRICKS_HOST"
TOKEN: Final = "DATABRICKS_TOKEN"  # noqa: S105 - a variable's name
ZONE: Final = ".azuredatabricks.net"
SHORT: Final = re.compile(r"[A-Za-z0-9-]+(?:\.\d{1,2})?")
"""A workspace without its zone: a name, or a number of Azure's form (``adb-1234.5``)."""


class Variables:
    """What is set. A token that stands in a file beside its host stays with that host."""

    def __init__(self, file: str, variables: Mapping[str, Variable], environ: Mapping[str, str]) -> None:
        self.file = file
        self._file = variables
        self._environ = environ

    def text(self, name: str) -> str:
        """A variable's value, ``""`` where it is not set."""
        mine = self._environ.get(name, "").strip()
        here = self._file[name].value.strip() if name in self._file else ""
        return here or mine if name == TOKEN and not self._environ.get(HOST, "").strip() else mine or here

    def merged(self) -> dict[str, str]:
        """All variables, the environment's and the file's, as one environment."""
        names = {**self._file, **self._environ}
        return {name: self.text(name) for name in names} | {HOST: workspace_host(self.text(HOST))}

    def is_in_file(self, name: str) -> bool:
        """Whether the value in force is the file's."""
        return name in self._file and self.text(name) == self._file[name].value.strip()

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the file assigns to."""
        return tuple(self._file)

    def line(self, name: str) -> int:
        """The line in the file, 0 for a variable of the environment."""
        return self._file[name].line if self.is_in_file(name) else 0

    def place(self, name: str) -> str:
        """Where a value comes from, for messages."""
        return f"{self.file}:{self.line(name)}" if self.is_in_file(name) else SOURCE

    def invalid(self, name: str, message: str) -> ConfigurationError:
        """The error about one variable, with its place."""
        within = self.is_in_file(name)
        problem = Problem(
            file=self.file if within else SOURCE,
            line=self.line(name) if within else None,
            key=name,
            message=message,
        )
        return ConfigurationError((problem,))

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number within bounds. Raises ConfigurationError."""
        text = self.text(name)
        try:
            value = float(text) if text else default
        except ValueError:
            raise self.invalid(name, "must be a number") from None
        if not low <= value <= high:
            raise self.invalid(name, f"must be between {low:g} and {high:g}")
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds. Raises ConfigurationError."""
        value = self.number(name, default, low, high)
        if value != int(value):
            raise self.invalid(name, "must be a whole number")
        return int(value)

    def secret(self, name: str) -> Secret | None:
        """A credential, None where it is not set. Raises ConfigurationError."""
        value = self.text(name)
        if not value.isascii() or not value.isprintable() or " " in value:
            raise self.invalid(name, "holds a blank or a letter that a credential cannot have")
        return Secret(value) if value else None


def workspace_host(text: str) -> str:
    """``DATABRICKS_HOST`` as a host: the proxy's users leave out the zone, which is always Azure's."""
    return text + ZONE if SHORT.fullmatch(text) and text.lower() != "localhost" else text


def workspace_name(host: str) -> str:
    """The host as the proxy shows it: without scheme, path and zone."""
    return host.partition("://")[2].partition("/")[0].removesuffix(ZONE) if "://" in host else (
        host.partition("/")[0].removesuffix(ZONE)
    )  # fmt: skip
