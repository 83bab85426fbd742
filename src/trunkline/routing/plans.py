"""Plans already made from one table: what depends on a name and a purpose alone need not be worked out again."""

from collections.abc import Callable
from typing import Final

from trunkline.routing.plan import Plan
from trunkline.routing.purpose import Purpose
from trunkline.routing.resolve import resolve
from trunkline.routing.table import RoutingTable

MAX_NAMES: Final = 1024
MAX_NAME: Final = 200
"""Characters of a name that is remembered. Clients choose them."""


class Plans:
    """Implements :func:`trunkline.routing.resolve.resolve` for requests without a tag. Remembers a bounded number."""

    def __init__(self, table: RoutingTable) -> None:
        self._table = table
        self._known: dict[str, Plan | dict[Purpose, Plan]] = {}
        """By name: the plan, where the name decides alone; else by purpose, of which there are few."""

    def plan(self, name: str, purpose: Callable[[], Purpose]) -> Plan:
        """The plan; ``purpose`` is called, once, only if a route depends on it. Raises GatewayError."""
        known = self._known.get(name)
        if isinstance(known, Plan):
            return known
        if known is None:
            return self._first(name, purpose)
        what = purpose()
        plan = known.get(what)
        if plan is None:
            plan = known[what] = resolve(self._table, name, lambda: what)
        return plan

    def _first(self, name: str, purpose: Callable[[], Purpose]) -> Plan:
        asked: list[Purpose] = []

        def ask() -> Purpose:
            if not asked:
                asked.append(purpose())
            return asked[0]

        plan = resolve(self._table, name, ask)
        if len(name) <= MAX_NAME:
            if len(self._known) >= MAX_NAMES:
                self._known.clear()
            self._known[name] = {asked[0]: plan} if asked else plan
        return plan
