"""Who would serve a request, how it would be asked, and what would be done to it; nothing is sent."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from trunkline.config.schema import Configuration
from trunkline.config.transforms import transforms_for
from trunkline.providers.provider import Provider
from trunkline.routing.plan import Plan, Target
from trunkline.routing.shape import RequestShape, shape_of


class Surface(Struct, frozen=True):
    """One way a target would be asked."""

    name: str
    protocol: str
    url: str


class Asked(Struct, frozen=True):
    """One target of the plan, with all ways to ask it, in the provider's order of preference."""

    target: str
    surfaces: tuple[Surface, ...]
    transforms: tuple[str, ...]
    """What the request goes through on its way there, built-ins and plugins, in order; the answer takes the way back."""


class Explanation(Struct, frozen=True, kw_only=True):
    """The plan for one request. ``left``: further targets, which ``retry.targets`` leaves out."""

    model: str
    route: str
    targets: tuple[Asked, ...]
    endpoint: tuple[str, ...]
    """The plugins at the client's own endpoint, which see the request first."""
    eyes: tuple[str, ...]
    """Who describes pictures to targets that are not shown any."""
    request: RequestShape
    left: int

    def table(self) -> dict[str, object]:
        """For programs."""
        fields: dict[str, object] = msgspec.to_builtins(self)
        return fields


class _Body(Struct):
    model: str | None = None


def model_in(body: bytes, configuration: Configuration) -> str | None:
    """The model that a body names; where any name has a route, none is as good. Raises msgspec.DecodeError,
    UnicodeDecodeError for what is no JSON object."""
    model = msgspec.json.decode(body, type=_Body).model
    return "" if model is None and configuration.any_name else model


def explanation(
    configuration: Configuration,
    providers: Mapping[str, Provider],
    model: str,
    plan: Plan,
    body: bytes,
    protocol: str = "anthropic_messages",
) -> Explanation:
    """What a plan means. ``protocol`` is the client's. Raises GatewayError for a model that its provider cannot be
    asked for."""
    tried = plan.targets[: configuration.retry.targets]
    endpoint = dict(configuration.endpoints).get(protocol, ())
    return Explanation(
        model=model,
        route=plan.route,
        targets=tuple(_asked(configuration, providers[target.provider], target) for target in tried),
        endpoint=tuple(one.name for one in endpoint),
        eyes=tuple(str(target) for target in plan.eyes),
        request=shape_of(body),
        left=len(plan.targets) - len(tried),
    )


def _asked(configuration: Configuration, provider: Provider, target: Target) -> Asked:
    surfaces = provider.surfaces(target.deployment)
    settings = dict(configuration.providers)[target.provider]
    return Asked(
        str(target),
        tuple(Surface(s.name, s.protocol, s.url) for s in surfaces),
        tuple(one.name for one in transforms_for(settings, target.deployment)),
    )
