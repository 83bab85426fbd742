"""The planner of a running gateway: the current routing table, and plans already made from it."""

from typing import Final

from trunkline.core.errors import GatewayError
from trunkline.protocols.codec import Peek
from trunkline.relay.inbound import Inbound
from trunkline.routing.plan import Plan
from trunkline.routing.resolve import resolve, seen_by
from trunkline.routing.shape import RequestShape
from trunkline.routing.table import RoutingTable

MAX_PLANS: Final = 1024
NAMED: Final = ("explicit", "alias ", "route ")
"""How the reasons of plans begin that the configuration alone decides."""
NO_SHAPE: Final = RequestShape()


class Router:
    """Plans by the table it has; the table is replaced as a whole."""

    def __init__(self, table: RoutingTable) -> None:
        self._table = table
        self._plans: dict[str, Plan] = {}

    @property
    def table(self) -> RoutingTable:
        """The table in force."""
        return self._table

    def replace(self, table: RoutingTable) -> None:
        """Plan by ``table`` from now on."""
        self._table = table
        self._plans = {}

    async def plan(self, inbound: Inbound, peek: Peek) -> Plan:
        """Who serves this request. Raises GatewayError like :func:`trunkline.routing.resolve.resolve`."""
        return self._plan(inbound, peek)

    def _plan(self, inbound: Inbound, peek: Peek) -> Plan:
        if self._table.by_purpose:
            return resolve(self._table, peek.model, lambda: seen_by(self._table, inbound.body))
        known = self._plans.get(peek.model)
        if known is not None:
            return known
        plan = resolve(self._table, peek.model, lambda: NO_SHAPE)
        if len(self._plans) < MAX_PLANS:
            self._plans[peek.model] = plan
        return plan

    def depends_on_lists(self, inbound: Inbound) -> bool:
        """Whether the providers' lists of models may change the plan for this request."""
        if inbound.subject is not None:  # about an answer: there is no plan
            return False
        try:
            plan = self._plan(inbound, inbound.peek or inbound.codec.peek(inbound.body))
        except GatewayError:
            return True
        return not plan.route.startswith(NAMED)
