"""What a process keeps over the reloads of its configuration: what it has learned, counted and promised."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from trunkline.app.board import Board
from trunkline.app.fingerprint import fingerprint, place
from trunkline.app.logs import exchange_log
from trunkline.app.metrics import Metrics
from trunkline.config.schema import Configuration
from trunkline.relay.kept import AnswerStore
from trunkline.relay.learned import Learned
from trunkline.relay.ports import Recorder
from trunkline.relay.proofs import ProofStore
from trunkline.relay.turns import Turns
from trunkline.routing.health import Health
from trunkline.routing.retry_budget import RetryBudget
from trunkline.upstream.clock import SystemClock

if TYPE_CHECKING:
    from trunkline.app.user_code import UserCode


class Lasting:
    """Shared by the gateways that follow one another; see :meth:`around`.

    ``recorders`` are told of every exchange, whichever gateway has it; without any, the log, the metrics and the
    dashboard are. ``board``: the dashboard that shows what goes on here; None: one of its own.
    """

    def __init__(
        self,
        configuration: Configuration,
        environ: Mapping[str, str],
        recorders: Collection[Recorder] | None = None,
        board: Board | None = None,
    ) -> None:
        clock = self.clock = SystemClock()
        self.health = Health(configuration.breaker)
        self.budget = RetryBudget(configuration.retry)
        self.turns = Turns(clock)
        self.proofs = ProofStore(clock.now)
        self.learned = Learned(clock.now)
        self.answers = AnswerStore(clock.now)
        self.lengths: OrderedDict[tuple[str, str], int] = OrderedDict()
        """See :class:`trunkline.app.router.Router`."""
        self.user_code: UserCode | None = None
        """That of the gateway that started last."""
        self.metrics = Metrics(self.health, clock, self.turns, self.budget)
        self._log = exchange_log(environ)
        self.board = Board(environ, board)
        own = (self._log, self.metrics, self.board.records)
        self.recorders: list[Recorder] = list(own if recorders is None else recorders)

    @asynccontextmanager
    async def around(self) -> AsyncGenerator[None]:
        """What runs while any of the gateways does: in the end, what is still to be written is written."""
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._log.run())
            try:
                await self.board.start()
                yield
            finally:
                await self.board.close()
                writing.cancel()
        await self._log.close()

    def follow(self, before: Configuration, now: Configuration) -> None:
        """``now`` is in force. What was known of providers that are elsewhere now, or gone, is forgotten."""
        old, new = dict(before.providers), dict(now.providers)
        gone = {name for name, was in old.items() if name not in new or place(was) != place(new[name])}
        changed = {
            name for name, was in old.items() if name in new and fingerprint(was) != fingerprint(new[name])
        }
        self.health.policy, self.budget.policy = now.breaker, now.retry
        self.health.forget(gone, rested=changed)
        self.budget.forget(gone)
        self.learned.forget(gone)
