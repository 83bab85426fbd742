"""The proxy's model map: which names mean which of its two endpoints (databricks.md 7.3)."""

from typing import Final

from trunkline.config.schema import ModelName

SONNET_4: Final = "claude-sonnet-4"
SONNET_3_7: Final = "claude-3-7-sonnet"
"""What ``/health/detailed`` and the deprecated routes call the endpoints."""

NAMES: Final[dict[str, tuple[str, ...]]] = {
    SONNET_4: (
        "big",
        "claude-sonnet-4",
        "anthropic/claude-sonnet-4",
        "sonnet-4",
        "claude-sonnet-4-20250514",
    ),
    SONNET_3_7: (
        "small",
        "claude-3.7-sonnet",
        "claude-3-7-sonnet",
        "anthropic/claude-3.7-sonnet",
        "anthropic/claude-3-7-sonnet",
        "3.7-sonnet",
        "sonnet",
        "claude-3-7-sonnet-20250219",
    ),
}
DEFAULT: Final = SONNET_3_7
"""What every name means that is neither here nor on the workspace's list."""


def names_of(endpoints: dict[str, str], provider: str) -> tuple[ModelName, ...]:
    """All names for endpoints that are called so at ``provider``; the endpoints' own names stay themselves."""
    found = {
        name: f"{provider}/{endpoints[model]}"
        for model, names in NAMES.items()
        for name in (*names, endpoints[model])
    }
    return tuple(ModelName(name, (target,)) for name, target in found.items())
