"""The planner of a running gateway: what a request is for, by the routing table in force."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from trunkline.app.project_routers import ProjectRouters
from trunkline.app.system_prompt import SystemPrompts
from trunkline.app.tokenizers import Counts, Tokenizers
from trunkline.config.homes import usual_ccr_file
from trunkline.config.schema import Configuration, Prompt
from trunkline.core.errors import GatewayError
from trunkline.core.splice import splice
from trunkline.protocols.codec import Peek
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import ExchangeRecord
from trunkline.routing.plan import Plan
from trunkline.routing.plans import Plans
from trunkline.routing.purpose import (
    ORDINARY,
    Purpose,
    has_to_be_counted,
    purpose_of,
    seen_by,
    surely_ordinary,
)
from trunkline.routing.resolve import PICTURES, resolve
from trunkline.routing.rules import Rule, first_rule
from trunkline.routing.session import session_of
from trunkline.routing.shape import RequestShape
from trunkline.routing.subagent import Tagged, find_tag, may_hold_tag
from trunkline.routing.table import RoutingTable

log: Final = logging.getLogger(__name__)

MAX_SESSIONS: Final = 1024
NAMED: Final = ("explicit", "alias ", "route ", "rule ", "subagent ")
"""How the reasons of plans begin that the configuration alone decides."""
WARM_AFTER: Final = 2.0
"""Seconds after the start at which what counts requests is loaded: the first answers come before that."""
ASIDE: Final = "route background"
"""Small work beside the conversation: its length says nothing about it."""


class _About(Struct, frozen=True):
    """What a request says of itself beside its model: a subagent's tag, its session, and what that had last; and the
    table that is in force for it, with the file of a project that says so."""

    table: RoutingTable
    source: str | None
    tagged: Tagged | None
    session: str | None
    last: int | None
    rule: Rule | None


class _Draft(Struct, frozen=True):
    """A plan by what is known at once. ``seen``: what was looked at of the request, where its length has a say."""

    plan: Plan
    about: _About
    name: str
    seen: RequestShape | None


class Router:
    """Plans by the table it has; the table is replaced as a whole."""

    def __init__(
        self,
        table: RoutingTable,
        counts: Counts | None = None,
        *,
        tokenizers: Tokenizers | None = None,
        prompts: SystemPrompts | None = None,
        projects: ProjectRouters | None = None,
        lengths: OrderedDict[tuple[str, str], int] | None = None,
    ) -> None:
        self._table = table
        self._counts = counts
        self._tokenizers = tokenizers
        self._prompts = prompts
        self._projects = projects
        self._plans = Plans(table)
        self._lengths: OrderedDict[tuple[str, str], int] = OrderedDict() if lengths is None else lengths
        """(client, session) -> input tokens of its last answer; the most recent sessions only."""

    @property
    def table(self) -> RoutingTable:
        """The table in force."""
        return self._table

    def replace(self, table: RoutingTable) -> None:
        """Plan by ``table`` from now on."""
        self._table = table
        self._plans = Plans(table)

    def __call__(self, inbound: Inbound, peek: Peek) -> Plan | Awaitable[Plan]:
        """Who serves this request: at once, unless its tokens have to be counted first.

        Raises GatewayError like :func:`trunkline.routing.resolve.resolve`.
        """
        edited = inbound.body if self._prompts is None else self._prompts.edited(inbound)
        if edited is inbound.body:
            return self._planned(inbound, peek)
        plan = self._planned(replace(inbound, body=edited), peek)
        return _asked(edited, plan) if isinstance(plan, Plan) else _asked_later(edited, plan)

    async def plan(self, inbound: Inbound, peek: Peek) -> Plan:
        """The same for those who can wait."""
        plan = self(inbound, peek)
        return plan if isinstance(plan, Plan) else await plan

    def _planned(self, inbound: Inbound, peek: Peek) -> Plan | Awaitable[Plan]:
        if self._by_name_alone(inbound):
            return self._plans.plan(peek.model, _ordinary)
        draft = self._draft(inbound, peek)
        if draft.seen is None:
            return draft.plan
        rule = draft.about.table.routes.get("longContext")
        limit = has_to_be_counted(rule, len(inbound.body), draft.seen)
        if limit is None or (counts := self._counts_for(draft, draft.seen)) is None:
            return draft.plan
        body = (
            inbound.body if inbound.known is None else inbound.known.body
        )  # the same for all that repeat it
        tokens = counts.told(body, limit)
        if tokens is not None:
            return self._long_or_not(draft, draft.seen, tokens)
        return self._counted(inbound, draft, draft.seen, counts, body, limit)

    def _by_name_alone(self, inbound: Inbound) -> bool:
        table = self._table
        if table.by_purpose or table.rules:
            return False
        if self._projects is not None and self._projects.wanted:
            return False
        return not (table.routes and _may_hold_tag(inbound))

    def _draft(self, inbound: Inbound, peek: Peek) -> _Draft:
        about = self._about(inbound)
        name = peek.model if about.rule is None else str(about.rule.targets[0])
        seen: RequestShape | None = None

        def purpose() -> Purpose:
            nonlocal seen
            if surely_ordinary(about.table, len(inbound.body), about.last):
                return ORDINARY
            if seen is None:
                seen = seen_by(about.table, inbound.body, inbound.known)
                seen = seen if about.last is None else replace(seen, last=about.last)
            return purpose_of(about.table.routes, seen)

        plan = self._resolved(about, name, purpose)
        return _Draft(plan, about, name, seen)

    def _resolved(self, about: _About, name: str, purpose: Callable[[], Purpose]) -> Plan:
        """The plan for all that is known ``about`` a request. Only what any other request may share is remembered."""
        table, tagged, rule = about.table, about.tagged, about.rule
        if tagged is None and table is self._table:
            plan = self._plans.plan(name, purpose)
        else:
            plan = resolve(table, name, purpose, None if tagged is None else tagged.model)
        if rule is not None and not plan.route.startswith("subagent "):
            targets = tuple(dict.fromkeys((*rule.targets, *plan.targets)))
            plan = replace(plan, targets=targets, route=plan.route.replace("explicit", rule.name, 1))
        body = tagged.body if tagged is not None and plan.route.startswith("subagent ") else None
        if about.source is not None and plan.route.startswith("route "):
            plan = replace(plan, route=f"{plan.route} ({about.source})")
        if body is None and about.session is None:
            return plan
        return replace(plan, session=about.session, body=body)

    def _counts_for(self, draft: _Draft, seen: RequestShape) -> Counts | None:
        """The tokenizer of the model that is asked if the request is not too long; None where nobody can count."""
        if self._tokenizers:
            named = self._tokenizers.named(self._long_or_not(draft, seen, 0).targets[0])
            if named is not None:
                return named
        return self._counts

    async def _counted(
        self, inbound: Inbound, draft: _Draft, seen: RequestShape, counts: Counts, body: bytes, limit: int
    ) -> Plan:
        """The plan by an exact length; by the size where nobody can tell it."""
        try:
            return self._long_or_not(draft, seen, await counts.near(body, limit))
        except GatewayError as error:
            log.warning("request %s: %s: counted otherwise", inbound.request_id, error.message)
        if self._counts is None or self._counts is counts:
            return draft.plan
        return self._long_or_not(draft, seen, await self._counts.near(body, limit))

    def _long_or_not(self, draft: _Draft, seen: RequestShape, tokens: int) -> Plan:
        """The plan for so many tokens; for 0, the one for a request that is not long."""
        about = draft.about
        counted = replace(seen, tokens=tokens)
        return self._resolved(about, draft.name, lambda: purpose_of(about.table.routes, counted))

    async def warm(self, after: float = WARM_AFTER) -> None:
        """Where a route goes by the length of requests, load what counts them, so that none has to wait for it."""
        routes = self._table.routes
        long, default = routes.get("longContext"), routes.get("default")
        if long is None or long.above is None:
            return
        counts = self._counts
        if self._tokenizers and default is not None:
            counts = self._tokenizers.named(default.targets[0]) or counts
        if counts is not None:
            await asyncio.sleep(after)
            await counts.warm()

    def record(self, record: ExchangeRecord) -> None:
        """Remember how long a session's conversation is, as the provider counted it."""
        usage, session = record.usage, record.session
        if session is None or usage is None or usage.estimated or record.operation != "generate":
            return
        if record.route.startswith(ASIDE) or not (tokens := usage.prompt):
            return
        if usage.web_searches or usage.web_fetches or PICTURES in record.route:
            return  # the sum of several questions, which is longer than the conversation
        side = (record.client, session)
        self._lengths[side] = tokens
        self._lengths.move_to_end(side)
        if len(self._lengths) > MAX_SESSIONS:
            self._lengths.popitem(last=False)

    def _about(self, inbound: Inbound) -> _About:
        table, source = self._table, None
        projects = self._projects if self._projects is not None and self._projects.wanted else None
        session = None
        if projects is not None or "longContext" in table.routes:
            session = session_of(inbound.headers, inbound.news)
        if projects is not None and session is not None:
            table, source = projects.over(table, session) or (table, None)
        last = None if session is None else self._lengths.get((inbound.client, session))
        tagged = find_tag(inbound.body) if table.routes and _may_hold_tag(inbound) else None
        rule = first_rule(table.rules, inbound.headers) if table.rules else None
        if source is None and tagged is None and rule is None and not table.by_purpose:
            session = None  # it made no difference
        return _About(table, source, tagged, session, last, rule)

    def depends_on_lists(self, inbound: Inbound) -> bool:
        """Whether the providers' lists of models may change the plan for this request."""
        if inbound.subject is not None:  # about an answer: there is no plan
            return False
        try:
            peek = inbound.peek or inbound.codec.peek(inbound.body)
            plan = self._draft(inbound, peek).plan
        except GatewayError:
            return True
        return not plan.route.startswith(NAMED)


def _may_hold_tag(inbound: Inbound) -> bool:
    known = inbound.known
    return may_hold_tag(inbound.body) if known is None else known.holds(may_hold_tag)


def _ordinary() -> Purpose:
    return ORDINARY


def _asked(body: bytes, plan: Plan) -> Plan:
    """The plan, with ``body`` to be asked unless it has one of its own."""
    return plan if plan.body is not None else replace(plan, body=body)


async def _asked_later(body: bytes, plan: Awaitable[Plan]) -> Plan:
    return _asked(body, await plan)


def make_router(
    table: RoutingTable,
    configuration: Configuration,
    environ: Mapping[str, str],
    now: Callable[[], float],
    lengths: OrderedDict[tuple[str, str], int] | None = None,
    tokenizers: Tokenizers | None = None,
) -> Router:
    """The planner that a configuration wants; ``now`` is in monotonic seconds, ``lengths`` what one before it knew."""
    projects = None
    if configuration.project_routers:
        folder = usual_ccr_file(environ).parent
        projects = ProjectRouters(folder, folder.parent / ".claude" / "projects", environ, now)
    prompts = None if configuration.prompt == Prompt() else SystemPrompts(configuration.prompt)
    if tokenizers is None:
        tokenizers = Tokenizers(configuration, None, now)
    return Router(
        table, tokenizers.usual, tokenizers=tokenizers, prompts=prompts, projects=projects, lengths=lengths
    )


def named(inbound: Inbound) -> Inbound:
    """The request with an empty model where a Messages client names none: its default route takes any name (ccr.md A 37).

    On a plugin's own route it is some model: Chat, which the plugin turns it into, has none that is empty.
    """
    if (inbound.codec.name != "anthropic_messages" and inbound.added is None) or b'"model"' in inbound.body:
        return inbound
    try:
        model = b'""' if inbound.added is None else b'"default"'
        return replace(inbound, body=splice(inbound.body, {"model": model}))
    except GatewayError:
        return inbound
