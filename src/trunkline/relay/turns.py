"""Whose turn it is at a deployment that takes nobody for now: the tokens of its minute are used up, or it is starting
(databricks.md 5.4, 5.5).

Many want it, nobody says when it will be free, and everybody who asks again at once makes it worse. So they stand in
line: after a rest one of them tries, and who gets through lets the others go.
"""

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import Final, Protocol

from trunkline.core.errors import GatewayError, Kind
from trunkline.routing.plan import Target

RESTS: Final = (1.0, 5.0, 15.0, 20.0, 20.0)
"""Seconds before the next try, by how many failed in a row: the last one comes just after the minute."""
JUST_AFTER: Final = 1.0
"""Seconds beyond the policy's longest wait, so that a minute's last try is made."""
MAX_LINES: Final = 1024


class _Clock(Protocol):
    def now(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class _Line:
    """Who waits for one deployment, by number; the lowest is next."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.refusals = 1
        self.waiting: set[int] = set()
        self.trying: int | None = None
        self.moved = asyncio.Event()

    def move(self) -> None:
        """Everybody looks again."""
        self.moved.set()
        self.moved = asyncio.Event()


class Turns:
    """The lines of all deployments of a process."""

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock
        self._lines: dict[Target, _Line] = {}
        self._numbers: Iterator[int] = count()

    def number(self) -> int:
        """A place in every line: who came first is first."""
        return next(self._numbers)

    @property
    def busy(self) -> bool:
        """Whether any deployment rests."""
        return bool(self._lines)

    def rests_until(self, target: Target) -> float:
        """When ``target`` is tried again, in monotonic seconds; 0 when it is not resting."""
        line = self._lines.get(target)
        return 0.0 if line is None else line.until

    def resting(self) -> dict[Target, tuple[float, int]]:
        """Every deployment that rests: for how many seconds yet, and how many wait for it."""
        now = self._clock.now()
        return {
            target: (max(0.0, line.until - now), len(line.waiting)) for target, line in self._lines.items()
        }

    async def take(self, target: Target, number: int, deadline: float) -> bool:
        """Wait for the turn; False when it would come after ``deadline`` (monotonic)."""
        line = self._lines.get(target)
        if line is None:
            return True
        line.waiting.add(number)
        try:
            return await self._wait(target, line, number, deadline)
        finally:
            line.waiting.discard(number)
            if line.trying != number:
                line.move()  # whoever is first now has to know

    async def _wait(self, target: Target, line: _Line, number: int, deadline: float) -> bool:
        while self._lines.get(target) is line:
            rest = line.until - self._clock.now()
            if line.until > deadline:
                return False
            if line.trying is not None or number != min(line.waiting):
                await line.moved.wait()
            elif rest > 0:
                await self._clock.sleep(rest)
            else:
                line.trying = number
                return True
        return True

    def refused(self, target: Target, number: int) -> None:
        """It still takes nobody. Those who were under way when it began do not make the rest longer."""
        now = self._clock.now()
        line = self._lines.get(target)
        if line is None:
            self._make_room()
            self._lines[target] = _Line(now + RESTS[0])
        elif self._tries(line, number):
            line.until = now + RESTS[min(line.refusals, len(RESTS) - 1)]
            line.refusals += 1
            line.trying = None
            line.move()

    def accepted(self, target: Target, number: int) -> None:
        """Who got through after the rest lets everybody go. An answer to an older request says nothing."""
        line = self._lines.get(target)
        if line is not None and self._tries(line, number):
            del self._lines[target]
            line.move()

    def left(self, target: Target, number: int) -> None:
        """Who was trying failed for another reason, or went away: the next one tries."""
        line = self._lines.get(target)
        if line is not None and line.trying == number:
            line.trying = None
            line.move()

    def _tries(self, line: _Line, number: int) -> bool:
        """Whether this is the try that decides. A plan with other targets goes without standing in line."""
        return line.trying == number or (line.trying is None and line.until <= self._clock.now())

    def _make_room(self) -> None:
        if len(self._lines) >= MAX_LINES:
            idle = [
                target for target, line in self._lines.items() if not line.waiting and line.trying is None
            ]
            for target in idle:
                del self._lines[target]


class Place:
    """One request's place in all lines, and how long it stands there."""

    def __init__(self, turns: Turns, clock: _Clock, patience: float) -> None:
        """``patience`` is in seconds, counted from the first wait."""
        self._turns = turns
        self._clock = clock
        self._patience = patience
        self._number: int | None = None
        self._began = 0.0
        self._refusal: GatewayError | None = None

    async def wait(self, target: Target) -> None:
        """Until it is this request's turn. Raises GatewayError (as it was refused) when that takes too long."""
        if not self._turns.rests_until(target):
            return
        now = self._clock.now()
        if self._number is None:
            self._number, self._began = self._turns.number(), now
        deadline = self._began + self._patience + JUST_AFTER
        if await self._turns.take(target, self._number, deadline):
            return
        rest = max(1.0, self._turns.rests_until(target) - self._clock.now())
        waited = self._clock.now() - self._began
        said = self._refusal
        message = f"{target} takes nobody for now: its limit of the minute is used up, or it is starting"
        message = message if said is None else said.message
        raise GatewayError(
            Kind.RATE_LIMITED if said is None else said.kind,
            f"{message} (waited {waited:.0f} s; the next try is in {rest:.0f} s)",
            status=None if said is None else said.status,
            code=None if said is None else said.code,
            retry_after=rest,
        )

    def failed(self, target: Target, error: GatewayError) -> None:
        """``error`` is what came of asking."""
        if error.in_line:
            self._refusal = error
            if self._number is None:
                self._number, self._began = self._turns.number(), self._clock.now()
            self._turns.refused(target, self._number)
        else:
            self.left(target)

    def accepted(self, target: Target) -> None:
        """It is being answered."""
        self._turns.accepted(target, -1 if self._number is None else self._number)

    def left(self, target: Target) -> None:
        """It asks no more, for whatever reason."""
        if self._number is not None:
            self._turns.left(target, self._number)
