"""Operations that only pass through: which targets have them, and what is said when none has."""

from collections.abc import Sequence

from trunkline.core.errors import GatewayError, Kind
from trunkline.protocols.codec import CarriedCodec
from trunkline.providers.provider import Surface
from trunkline.relay.course import Services
from trunkline.routing.plan import Target


def carrying(services: Services, carried: CarriedCodec, targets: Sequence[Target]) -> tuple[Target, ...]:
    """The targets whose provider has the operation. Raises GatewayError (INVALID_REQUEST), naming who has it."""
    able = tuple(target for target in targets if _offered(services, carried, target) is not None)
    if not able:
        raise _nowhere(services, carried, targets[0])
    return able


def carried_surface(services: Services, carried: CarriedCodec, target: Target) -> Surface:
    """Where ``target`` is asked. Raises GatewayError (INVALID_REQUEST) when it has no such operation."""
    found = _offered(services, carried, target)
    if found is None:
        raise _nowhere(services, carried, target)
    return found


def _offered(services: Services, carried: CarriedCodec, target: Target) -> Surface | None:
    return services.providers[target.provider].carried(carried.name, target.deployment)


def _nowhere(services: Services, carried: CarriedCodec, target: Target) -> GatewayError:
    able = [
        name
        for name, provider in services.providers.items()
        if provider.carried(carried.name, target.deployment) is not None
    ]
    where = (
        f"{', '.join(able)} {'has' if len(able) == 1 else 'have'} them: ask for {able[0]}/MODEL"
        if able
        else "no configured provider has them"
    )
    return GatewayError(
        Kind.INVALID_REQUEST,
        f"The provider {target.provider} has no {carried.what} ({target} was to serve this request); {where}.",
        field="model",
        should_retry=False,
    )
