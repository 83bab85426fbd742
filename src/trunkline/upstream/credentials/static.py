"""Credentials that do not change while the gateway runs."""

from collections.abc import Mapping

from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError
from trunkline.core.http import HttpRequest


class StaticCredentials:
    """Implements :class:`trunkline.relay.ports.Credentials` from what the configuration holds."""

    def __init__(self, secrets: Mapping[str, Secret]) -> None:
        self._secrets = dict(secrets)

    def at_hand(self, provider: str) -> str | None:
        """The configured credential of ``provider``."""
        secret = self._secrets.get(provider)
        return None if secret is None else secret.reveal()

    async def credential(self, provider: str) -> str | None:
        """The configured credential of ``provider``, None when it has none."""
        secret = self._secrets.get(provider)
        return None if secret is None else secret.reveal()

    async def refused(self, provider: str, error: GatewayError, *, again: bool = False) -> bool:
        """Never worth another try: there is only this one."""
        return False

    async def sign(self, provider: str, request: HttpRequest) -> HttpRequest:
        """Nothing to add: the credential is in a header."""
        return request

    async def close(self) -> None:
        """Nothing runs in the background."""
