"""``/api/models`` and ``/api/explain``: what can be asked for, and who would be asked."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.app.admin.answers import answer, refuse
from trunkline.app.board import Seen
from trunkline.app.explaining import explanation, model_in
from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.protocols.codec import Peek
from trunkline.protocols.registry import CODECS
from trunkline.relay.inbound import Inbound
from trunkline.routing.plan import Plan, Target
from trunkline.server.admin import AdminAnswer, AdminCall

ABILITIES: Final = ("tools", "images", "documents", "audio", "cache_marks", "server_tools")
"""Facts that are shown as abilities where they hold."""


class _Ask(Struct):
    body: Raw
    protocol: str = "anthropic_messages"
    model: str | None = None
    """Where the body has none: Gemini's is in the path."""


class ModelRoutes:
    """About the models of the gateway that is ``seen``."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    async def models(self, call: AdminCall) -> AdminAnswer:
        """Every model of every provider, by what names it can be asked for, and what is known of it."""
        table = self._seen.table()
        aliases = _names((alias.name, alias.targets) for alias in table.aliases.values())
        aliases += _names((alias.glob.pattern, alias.targets) for alias in table.globs)
        routes = _names((name, route.targets) for name, route in table.routes.items())
        known = [
            Target(provider, model)
            for provider, models in table.deployments.items()
            for model in models.values()
        ]
        named = (target for _, target in (*aliases, *routes))
        return answer(
            [
                {
                    "id": str(target),
                    "provider": target.provider,
                    "model": target.deployment,
                    "aliases": [name for name, one in aliases if one == target],
                    "routes": [name for name, one in routes if one == target],
                    **self._facts(target),
                }
                for target in dict.fromkeys((*known, *named))
            ]
        )

    def _facts(self, target: Target) -> Mapping[str, object]:
        """Limits and abilities by the first surface, as far as they are known."""
        provider = self._seen.providers.get(target.provider)
        try:
            surfaces = () if provider is None else provider.surfaces(target.deployment)
        except GatewayError:
            surfaces = ()
        if not surfaces:
            return {"context": None, "output": None, "capabilities": [], "protocols": []}
        facts = surfaces[0].facts
        return {
            "context": facts.context_tokens,
            "output": facts.max_output_tokens,
            "capabilities": _capabilities(facts),
            "protocols": list(dict.fromkeys(surface.protocol for surface in surfaces)),
        }

    async def explain(self, call: AdminCall) -> AdminAnswer:
        """What ``trunkline explain --json`` says of a body. Raises GatewayError as the request itself would."""
        try:
            asked = msgspec.json.decode(call.body, type=_Ask)
            body = bytes(asked.body)
            model = asked.model or model_in(body, self._seen.configuration)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            refuse(400, f'{{"protocol": "...", "body": {{...}}}} is wanted: {error}')
        codec = CODECS.get(asked.protocol)
        if codec is None:
            refuse(400, f"protocol: one of {', '.join(CODECS)} is wanted.")
        if model is None:
            refuse(400, 'The body names no model: give it as "model", as Gemini\'s path would.')
        inbound = Inbound(
            codec=codec,
            operation="generate",
            body=body,
            headers=(),
            request_id="explain",
            client="-",
            peek=Peek(model),
        )
        plan = self._seen.plan(inbound, Peek(model))
        if not isinstance(plan, Plan):
            plan = await plan
        told = explanation(
            self._seen.configuration, self._seen.providers, model, plan, body, asked.protocol
        )
        return answer({"schema": "trunkline.explain.v1", **told.table()})


def _names(named: Iterable[tuple[str, tuple[Target, ...]]]) -> list[tuple[str, Target]]:
    return [(name, target) for name, targets in named for target in targets]


def _capabilities(facts: Facts) -> list[str]:
    found = [name for name in ABILITIES if getattr(facts, name)]
    return found if facts.reasoning == "none" else ["reasoning", *found]
