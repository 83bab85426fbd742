"""What is wrong with a configuration, all of it at once, each with its place."""

from msgspec import Struct


class Problem(Struct, frozen=True, kw_only=True):
    """One mistake. ``line`` counts from 1; ``key`` is a dotted path. Never holds a secret."""

    file: str
    line: int | None = None
    key: str = ""
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigurationError(Exception):
    """The configuration cannot be used; ``problems`` is never empty."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class CredentialMissing(ConfigurationError):
    """All that is wrong is that a credential is not there."""
