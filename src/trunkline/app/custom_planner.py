"""Planning with a custom router before the routes (ccr.md 2.2, 2.5)."""

import os
import time
from typing import Final

from msgspec.structs import replace

from trunkline.app.router import Router, make_router
from trunkline.app.user_code import user_code_for
from trunkline.config.schema import Configuration
from trunkline.core.errors import GatewayError, Kind
from trunkline.protocols.codec import Peek
from trunkline.protocols.registry import CODECS
from trunkline.relay.inbound import Inbound
from trunkline.routing.plan import Plan
from trunkline.routing.purpose import purpose_of, seen_by
from trunkline.routing.resolve import PICTURES, resolve
from trunkline.routing.session import session_of
from trunkline.routing.shape import shape_of
from trunkline.routing.table import RoutingTable
from trunkline.upstream.plugins.routing import CustomRouting, Question

SHOWN: Final = 100
"""Characters of a custom router's answer that an error repeats."""
GUESSES: Final = ("route ", "family ")
"""How plans begin that were made for a name that says nothing."""


class CustomPlanner:
    """Asks the custom router first; what it does not decide is planned as ever."""

    def __init__(self, router: Router, routing: CustomRouting) -> None:
        self._router = router
        self._routing = routing

    async def plan(self, inbound: Inbound, peek: Peek) -> Plan:
        """Who serves this request, and why.

        Raises GatewayError like the router underneath, and NOT_FOUND when the custom router names what is not there.
        """
        if inbound.operation != "generate":
            return await self._router.plan(inbound, peek)
        choice = await self._routing.choose(
            Question(
                request_id=inbound.request_id,
                client=inbound.codec.name,
                headers=inbound.headers,
                session=session_of(inbound.headers, inbound.body),
                tokens=shape_of(inbound.body).tokens,
                body=inbound.body,
            )
        )
        if choice.body is not None:
            inbound = replace(inbound, body=choice.body)
            peek = inbound.peek or inbound.codec.peek(choice.body)
        if choice.model is not None:
            plan = chosen(self._router.table, self._routing.name, choice.model, inbound.body)
            pictures = PICTURES if plan.eyes else ""
            route = f"custom router {self._routing.name}{pictures}"
            return replace(plan, route=route, body=choice.body)
        plan = await self._router.plan(inbound, peek)
        failure = choice.failure
        route = plan.route if failure is None else f"{plan.route} (custom router {failure})"
        return replace(plan, route=route, body=choice.body if plan.body is None else plan.body)


async def plan_once(configuration: Configuration, table: RoutingTable, name: str, body: bytes) -> Plan:
    """The plan for one request in Messages, made as a running gateway makes it; for commands.

    Raises GatewayError as the router does, ConfigurationError when the custom router cannot be loaded.
    """
    router = make_router(table, configuration, os.environ, time.monotonic)
    inbound = Inbound(
        codec=CODECS["anthropic_messages"],
        operation="generate",
        body=body,
        headers=(),
        request_id="explain",
        client="-",
        peek=Peek(name),
    )
    if configuration.custom_router is None:
        return await router.plan(inbound, Peek(name))
    code = user_code_for(replace(configuration, plugins=()), None)
    assert code.routing is not None
    await code.start()
    try:
        return await CustomPlanner(router, code.routing).plan(inbound, Peek(name))
    finally:
        await code.close()


def chosen(table: RoutingTable, name: str, model: str, body: bytes) -> Plan:
    """The plan for the answer of the custom router ``name``, with the default route's fallbacks behind it.

    Raises GatewayError (NOT_FOUND) naming the router (ccr.md A 31), INVALID_REQUEST when several providers have the model.
    """
    named = f'The custom router {name} chose "{model[:SHOWN]}"'
    try:
        plan = resolve(table, model, lambda: purpose_of(table.routes, seen_by(table, body)))
    except GatewayError as error:
        raise GatewayError(error.kind, f"{named}. {error.message}", should_retry=False) from error
    if plan.route.startswith(GUESSES):
        message = (
            f"{named}, which is not there: it returns provider,model or a name of the configuration. "
            f"Providers: {', '.join(table.providers.values())}."
        )
        raise GatewayError(Kind.NOT_FOUND, message, should_retry=False)
    default = table.routes.get("default")
    behind = () if default is None else default.targets[1:]
    return replace(plan, targets=tuple(dict.fromkeys((*plan.targets, *behind))))
