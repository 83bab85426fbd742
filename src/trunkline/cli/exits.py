"""Exit codes, part of the contract."""

from typing import Final

FINE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
CONFIGURATION: Final = 3
CREDENTIAL: Final = 4
UNREACHABLE: Final = 5
NOT_RUNNING: Final = 6
"""Also: the port is taken."""
INTERRUPTED: Final = 130


class Failure(Exception):
    """A command ends without success: what to say, and the exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
