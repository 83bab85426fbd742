"""Why the gateway does not start, each with the exit code of the command line's contract."""

from typing import ClassVar


class StartRefused(Exception):
    """The gateway will not start; the message says what to change."""

    exit_code: ClassVar[int] = 1


class Exposed(StartRefused):
    """It would be open to other machines without a key."""

    exit_code: ClassVar[int] = 3


class AddressTaken(StartRefused):
    """Something else listens there, or the address is not this machine's."""

    exit_code: ClassVar[int] = 6
