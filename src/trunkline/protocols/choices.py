"""Several answers to one request: every protocol but the client's own refuses them."""

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.types import Request


def refuse_choices(request: Request, protocol: str) -> None:
    """Raises GatewayError (INVALID_REQUEST) for a request that asks for more than one answer (E88)."""
    if request.choices is not None and request.choices > 1 and request.protocol != protocol:
        raise GatewayError(
            Kind.INVALID_REQUEST,
            f"n: {request.choices} answers were asked for, and one is all that this target gives",
            code="unsupported_parameter",
            field="n",
            should_retry=False,
        )
