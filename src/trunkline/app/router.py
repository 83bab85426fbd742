"""The planner of a running gateway: the current routing table, and plans already made from it."""

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
from trunkline.routing.pictures import may_hold_pictures
from trunkline.routing.plan import Plan
from trunkline.routing.resolve import PICTURES, resolve, seen_by
from trunkline.routing.rules import Rule, first_rule
from trunkline.routing.session import session_of
from trunkline.routing.shape import BYTES_PER_TOKEN, RequestShape, may_search
from trunkline.routing.subagent import Tagged, find_tag, may_hold_tag
from trunkline.routing.table import RoutingTable

log: Final = logging.getLogger(__name__)

MAX_PLANS: Final = 1024
MAX_SESSIONS: Final = 1024
MOST_BYTES: Final = 8
"""Bytes of the longest token that a text is full of."""
NAMED: Final = ("explicit", "alias ", "route ", "rule ", "subagent ")
"""How the reasons of plans begin that the configuration alone decides."""
NO_SHAPE: Final = RequestShape()
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
        self._plans: dict[str, Plan] = {}
        self._lengths: OrderedDict[tuple[str, str], int] = OrderedDict() if lengths is None else lengths
        """(client, session) -> input tokens of its last answer; the most recent sessions only."""

    @property
    def table(self) -> RoutingTable:
        """The table in force."""
        return self._table

    def replace(self, table: RoutingTable) -> None:
        """Plan by ``table`` from now on."""
        self._table = table
        self._plans = {}

    def __call__(self, inbound: Inbound, peek: Peek) -> Plan | Awaitable[Plan]:
        """As :meth:`plan`, at once where the name alone decides."""
        table = self._table
        if self._prompts is not None or table.by_purpose or "longContext" in table.routes or table.rules:
            return self.plan(inbound, peek)
        if self._projects is not None and self._projects.wanted:
            return self.plan(inbound, peek)
        if table.routes and _may_hold_tag(inbound):
            return self.plan(inbound, peek)
        return self._by_name(peek.model)

    async def plan(self, inbound: Inbound, peek: Peek) -> Plan:
        """Who serves this request. Raises GatewayError like :func:`trunkline.routing.resolve.resolve`."""
        edited = inbound.body if self._prompts is None else self._prompts.edited(inbound)
        if edited is not inbound.body:
            inbound = replace(inbound, body=edited)
            plan = await self._counted(inbound, peek)
            return plan if plan.body is not None else replace(plan, body=edited)
        return await self._counted(inbound, peek)

    async def _counted(self, inbound: Inbound, peek: Peek) -> Plan:
        about = self._about(inbound)
        plan, seen = self._plan(inbound, peek, about)
        rule = about.table.routes.get("longContext")
        if seen is None or rule is None or rule.above is None:
            return plan
        if not _straddles(rule.above, seen.tokens * BYTES_PER_TOKEN):
            return plan
        counted = await self._count(inbound, peek, about, seen, rule.above)
        return plan if counted is None else self._plan(inbound, peek, about, counted)[0]

    async def _count(
        self, inbound: Inbound, peek: Peek, about: _About, seen: RequestShape, limit: int
    ) -> RequestShape | None:
        """``seen`` with an exact length, None where nobody can tell it.

        It is counted with the tokenizer of the model that is asked if it is not too long.
        """
        if self._tokenizers:
            otherwise, _ = self._plan(inbound, peek, about, replace(seen, tokens=0, last=None))
            named = self._tokenizers.named(otherwise.targets[0])
            if named is not None:
                try:
                    return replace(seen, tokens=await named.near(inbound.body, limit))
                except GatewayError as error:
                    log.warning("request %s: %s: counted otherwise", inbound.request_id, error.message)
        if self._counts is None:
            return None
        return replace(seen, tokens=await self._counts.near(inbound.body, limit))

    def record(self, record: ExchangeRecord) -> None:
        """Remember how long a session's conversation is, as the provider counted it."""
        usage = record.usage
        if record.session is None or usage is None or usage.estimated or record.operation != "generate":
            return
        if record.route.startswith(ASIDE) or not usage.prompt:
            return
        if usage.web_searches or usage.web_fetches or PICTURES in record.route:
            return  # the sum of several questions, which is longer than the conversation
        self._lengths[record.client, record.session] = usage.prompt
        self._lengths.move_to_end((record.client, record.session))
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
        return _About(table, source, tagged, session, last, rule)

    def _plan(
        self, inbound: Inbound, peek: Peek, about: _About, counted: RequestShape | None = None
    ) -> tuple[Plan, RequestShape | None]:
        """The plan, and what was seen of the request where that mattered. ``counted``: that, with an exact length."""
        table, tagged, rule = about.table, about.tagged, about.rule
        if tagged is None and rule is None and not table.by_purpose and table is self._table:
            return self._by_name(peek.model), None
        seen = counted

        def shape() -> RequestShape:
            nonlocal seen
            if seen is None:
                seen = replace(seen_by(table, inbound.body, _plain(inbound)), last=about.last)
            return seen

        asked = peek.model if rule is None else str(rule.targets[0])
        plan = resolve(table, asked, shape, None if tagged is None else tagged.model)
        if rule is not None and not plan.route.startswith("subagent "):
            targets = tuple(dict.fromkeys((*rule.targets, *plan.targets)))
            plan = replace(plan, targets=targets, route=plan.route.replace("explicit", rule.name, 1))
        body = tagged.body if tagged is not None and plan.route.startswith("subagent ") else None
        if about.source is not None and plan.route.startswith("route "):
            plan = replace(plan, route=f"{plan.route} ({about.source})")
        return replace(plan, session=about.session, body=body), seen

    def _by_name(self, name: str) -> Plan:
        known = self._plans.get(name)
        if known is not None:
            return known
        plan = resolve(self._table, name, lambda: NO_SHAPE)
        if len(self._plans) < MAX_PLANS:
            self._plans[name] = plan
        return plan

    def depends_on_lists(self, inbound: Inbound) -> bool:
        """Whether the providers' lists of models may change the plan for this request."""
        if inbound.subject is not None:  # about an answer: there is no plan
            return False
        try:
            peek = inbound.peek or inbound.codec.peek(inbound.body)
            plan, _ = self._plan(inbound, peek, self._about(inbound))
        except GatewayError:
            return True
        return not plan.route.startswith(NAMED)


def _may_hold_tag(inbound: Inbound) -> bool:
    known = inbound.known
    return may_hold_tag(inbound.body) if known is None else known.holds(may_hold_tag)


def _plain(inbound: Inbound) -> bytes | None:
    """What is new in a request in which there is neither a picture nor a search; None for others."""
    known = inbound.known
    if known is None or known.holds(may_hold_pictures) or known.holds(may_search):
        return None
    return known.text


def _straddles(above: int, size: int) -> bool:
    """Whether so many bytes of text may be on either side of the limit: a token has one byte at least, and text of
    more than eight a token is unheard of."""
    return size // MOST_BYTES <= above < size


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
