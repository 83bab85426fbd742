"""Checks of the models: are they there, may they be asked, and over what (databricks.md 1.6, 2.9, 5.4, 5.5)."""

from collections.abc import Mapping, Sequence
from typing import Final

from trunkline.catalog.models import successor
from trunkline.config.nearest import nearest
from trunkline.core.errors import Kind
from trunkline.providers.databricks.discovery import Endpoint
from trunkline.providers.databricks.errors import Meaning
from trunkline.providers.databricks.limits import in_words, usual_limits
from trunkline.providers.databricks.models import best_claude
from trunkline.providers.databricks.place import bare_name
from trunkline.providers.databricks.surfaces import endpoint_name, service_name
from trunkline.providers.finding import Finding

GATEWAY: Final = "ai gateway"
MAY_ASK: Final = frozenset({None, "CAN_QUERY", "CAN_MANAGE"})
_GRANT: Final = "have an admin grant CAN QUERY on the endpoint, or EXECUTE on the model service (with USE CATALOG and USE SCHEMA)"
_ZERO: Final = (
    "waiting does not help: have an admin enable the model's provider (partner-powered models; trials and Free"
    " Edition have none), or use another model"
)


def of_gateway(answers: Sequence[Meaning | None], *, needed: str) -> Finding:
    """What several probes of the AI gateway said: the meanings of their refusals, None for an answer.

    One alone decides nothing (databricks.md 1.6). ``needed``: why there is no way around it, or empty.
    """
    if any(meaning is None for meaning in answers):
        return Finding(check=GATEWAY, state="ok", message="is there")
    absent = any(meaning is not None and meaning.name == "no-gateway" for meaning in answers)
    message = "this workspace has none" if absent else "it refuses, or is not there"
    if not needed:
        return Finding(
            check=GATEWAY, state="ok", message=f"{message}: models are asked at /serving-endpoints"
        )
    return Finding(
        check=GATEWAY,
        state="fail",
        message=f"{message}, but {needed}",
        problem="no-gateway" if absent else "gateway-refuses",
        fix="ask for models by their serving endpoints' names, without surface; or have an admin enable the gateway",
        kind=Kind.INVALID_REQUEST,
    )


def of_model(
    model: str, endpoints: Mapping[str, Endpoint] | None, services: Sequence[str] | None
) -> Finding:
    """One configured model against what the workspace lists; None: it could not be listed."""
    check = f"model {model}"
    name = bare_name(model)
    endpoint = None if endpoints is None else endpoints.get(endpoint_name(name))
    if endpoint is not None:
        return _of_endpoint(check, endpoint)
    limits = usual_limits(name)
    shared = "" if limits is None else f", {in_words(limits)} (usual, shared by the workspace)"
    if services is not None and service_name(name) in services:
        return Finding(check=check, state="ok", message=f"a service of the gateway{shared}")
    known = [*(endpoints or ()), *(services or ())]
    replacement = successor(name)
    if replacement is not None:
        better = next((one for one in known if endpoint_name(one) == f"databricks-{replacement}"), None)
        return Finding(
            check=check,
            state="fail",
            message=f"{name} was retired",
            problem="retired",
            fix=f"use {better or f'databricks-{replacement}'}",
            kind=Kind.NOT_FOUND,
        )
    if endpoints is None:
        return Finding(check=check, state="skip", message="the workspace's list is not known")
    near = nearest(name, known)
    return Finding(
        check=check,
        state="fail",
        message=f"there is no endpoint and no model service {name}, or no grant on it: both look the same",
        problem="no-such-model",
        fix=(
            f"did you mean {' or '.join(near)}? If the name is right, "
            if near
            else "if the name is right, "
        )
        + _GRANT,
        kind=Kind.NOT_FOUND,
    )


def _of_endpoint(check: str, endpoint: Endpoint) -> Finding:
    state = endpoint.state
    if endpoint.permission_level not in MAY_ASK:
        return Finding(
            check=check,
            state="fail",
            message=f"may be seen but not asked ({endpoint.permission_level})",
            problem="no-grant",
            fix=_GRANT,
            kind=Kind.PERMISSION,
        )
    if state is not None and state.suspend == "SUSPENDED":
        return Finding(
            check=check,
            state="warn",
            message="is suspended",
            problem="suspended",
            fix="start the endpoint in the workspace: Serving",
        )
    if state is not None and "SCALED" in (state.suspend or ""):
        return Finding(
            check=check,
            state="warn",
            message="sleeps (scaled to zero)",
            problem="scaled-to-zero",
            fix="its first answer takes minutes: keep scale to zero off for an agent's model",
        )
    if state is not None and not endpoint.ready:
        updating = state.config_update == "IN_PROGRESS"
        return Finding(
            check=check,
            state="warn",
            message="is starting or updating" if updating else "is not ready",
            problem="starting",
            fix="wait until the endpoint is ready; look at it in the workspace: Serving",
        )
    if not endpoint.generates:
        return Finding(
            check=check,
            state="warn",
            message=f"answers no chat ({endpoint.task or 'a model of its own kind'})",
            problem="no-chat",
            fix="agents need an endpoint whose task is chat",
        )
    limits = usual_limits(endpoint.name)
    shared = "" if limits is None else f", {in_words(limits)} (usual, shared by the workspace)"
    return Finding(check=check, state="ok", message=f"ready{shared}")


def of_all(endpoints: Mapping[str, Endpoint], services: Sequence[str]) -> Finding:
    """All that a workspace serves, where no models are named."""
    ready = [
        one.name
        for one in endpoints.values()
        if one.generates and one.ready and one.permission_level in MAY_ASK
    ]
    waiting = [one.name for one in endpoints.values() if one.generates and not one.ready]
    if not ready and not services:
        return Finding(
            check="models",
            state="fail",
            message="nothing here answers chat, or nothing may be asked",
            problem="no-models",
            fix=_GRANT,
            kind=Kind.PERMISSION,
        )
    tiers = best_claude([*ready, *services])
    families = "".join(f", {tier}: {name}" for tier, name in tiers.items())
    late = f", not ready: {', '.join(waiting)}" if waiting else ""
    return Finding(
        check="models",
        state="ok",
        message=f"{len(ready)} endpoints and {len(services)} model services{families}{late}",
    )


FIXES: Final = {
    "limit-of-zero": _ZERO,
    "no-grant": _GRANT,
    "no-such-model": f"no such endpoint in this workspace, or no grant on it: {_GRANT}",
    "gateway-enforced": "nothing to do: it is asked over the gateway; ask for it as {service} to save the refusal",
    "moved-to-gateway": "nothing to do: it is asked over the gateway; ask for it as {service} to save the refusal",
    "no-gateway": "nothing to do: it is asked at /serving-endpoints",
    "limit": "the minute is used up, by anybody in the workspace: wait, use another model, or have the limit raised",
    "output-limit": "max_tokens is reserved against the output of the minute: ask for less, or have the limit raised",
    "starting": "wait: after a pause an endpoint's first answer takes minutes",
    "unavailable": "wait a minute and try again",
    "updating": "the endpoint is being changed: wait until it is ready",
    "responses-only": "nothing to do: it is asked over the Responses route",
    "no-route": "nothing to do: its other routes are asked",
    "guardrail": "a guardrail of the endpoint blocks even a greeting: look at its configuration",
    "ip-list": "connect through the workspace's VPN, or have an admin add this address to its IP access list",
}
WAIT: Final = frozenset({"limit", "output-limit", "starting", "unavailable", "updating"})
"""What passes by itself."""


def of_refusal(surface: str, model: str, meaning: Meaning, said: str) -> Finding:
    """A question that this route of a model refused."""
    replacement = successor(model) if meaning.kind is Kind.NOT_FOUND else None
    fix = FIXES.get(meaning.name, meaning.advice).replace("{service}", service_name(model))
    if replacement is not None:
        fix = f"{model} was retired: use databricks-{replacement}"
    return Finding(
        check=f"{model} over {surface}",
        state="warn" if meaning.name in WAIT else "fail",
        message=said,
        problem="retired" if replacement is not None else meaning.name or "refused",
        fix=fix,
        kind=meaning.kind,
    )
