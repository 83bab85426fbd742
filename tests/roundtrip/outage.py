"""A provider that is down for some turns of a conversation."""

from roundtrip.line import Line
from roundtrip.makers import Maker
from standin import Reply, failures
from standin.wire import Received


class Outage:
    """Give ``before`` to :func:`roundtrip.play.play`. ``failed``: requests that met the failure."""

    def __init__(self, line: Line, maker: Maker, down: tuple[int, ...] = (2, 3, 6)) -> None:
        self._service = line.services[maker.host]
        self._answer = self._service.answer
        self._down = down
        self.failed = 0

    def before(self, number: int) -> None:
        """The state of the provider in a turn."""
        self._service.answer = self._broken if number in self._down else self._answer  # type: ignore[method-assign]

    def _broken(self, received: Received) -> Reply:
        del received
        self.failed += 1
        return failures.html(503)
