"""What counts the requests of which model: the vocabulary or the service that its provider's ``tokenizer`` names."""

import logging
from collections.abc import Callable
from typing import Final, Protocol

from trunkline.app.counting_service import CountingService
from trunkline.app.token_counts import token_counts
from trunkline.config.schema import Configuration, Tokenizer
from trunkline.relay.ports import Upstream
from trunkline.routing.plan import Target

log: Final = logging.getLogger(__name__)


class Counts(Protocol):
    """Counts requests beside the event loop."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    async def of(self, body: bytes) -> int:
        """The tokens of a request body. Raises GatewayError when nobody can tell."""
        ...

    def told(self, body: bytes, limit: int) -> int | None:
        """As :meth:`near`, where what was counted before says so much; None where it does not."""
        ...

    async def warm(self) -> None:
        """Make ready to count. Never raises GatewayError."""
        ...

    async def near(self, body: bytes, limit: int) -> int:
        """Exact, or so near that it is on the right side of ``limit``. Raises GatewayError likewise."""
        ...


class Tokenizers:
    """Implements :class:`trunkline.relay.ports.Tokenizers`. ``upstream``: None where no service is asked."""

    def __init__(
        self, configuration: Configuration, upstream: Upstream | None, now: Callable[[], float]
    ) -> None:
        self.usual: Counts | None = token_counts()
        self._named: dict[tuple[str, str], Counts] = {}
        made: dict[Tokenizer, Counts | None] = {}
        lacking: list[str] = []
        for provider, settings in configuration.providers:
            for model, one in settings.tokenizers:
                if one not in made:
                    made[one] = _counts(one, upstream, now)
                counts = made[one]
                if counts is not None:
                    self._named[provider, model] = counts
                elif one.kind == "tiktoken":
                    lacking.append(provider)
        if lacking:
            log.warning(
                "tokenizer of %s: requests are counted by their size; for exact counts: pip install 'trunkline[tokens]'",
                ", ".join(dict.fromkeys(lacking)),
            )

    def __bool__(self) -> bool:
        """Whether any model has one of its own."""
        return bool(self._named)

    def named(self, target: Target) -> Counts | None:
        """The one that is configured for a model."""
        own = self._named.get((target.provider, target.deployment))
        return own or self._named.get((target.provider, ""))


def _counts(one: Tokenizer, upstream: Upstream | None, now: Callable[[], float]) -> Counts | None:
    if one.kind == "api":
        return None if upstream is None else CountingService(one, upstream, now)
    return token_counts(one.encoding)
