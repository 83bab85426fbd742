"""What a client hears when the fault is ours, or nobody's."""

from typing import Final

from trunkline.core.errors import GatewayError, Kind

TOO_DEEP: Final = GatewayError(
    Kind.INVALID_REQUEST, "The request body is nested too deeply.", should_retry=False
)


def inside(request_id: str) -> GatewayError:
    """Something of ours broke; the log knows what."""
    return GatewayError(
        Kind.INTERNAL, f"The gateway failed on this request; its log has {request_id}."
    )


def draining() -> GatewayError:
    """The process stops before the exchange has ended."""
    return GatewayError(
        Kind.OVERLOADED, "The gateway is shutting down; try again in a moment.", timeout="drain"
    )
