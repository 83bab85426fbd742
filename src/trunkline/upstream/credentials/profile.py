"""Tokens of a profile in ``.databrickscfg``, read again when the file changes (databricks.md 2.4)."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from trunkline.config.databrickscfg import Profile, ProfileError, read_profile
from trunkline.core.errors import GatewayError, Kind
from trunkline.upstream.credentials.kept import Issued
from trunkline.upstream.credentials.principal import is_token
from trunkline.upstream.credentials.threads import in_thread

LOOK_AGAIN: Final = 2.0
"""Seconds after which the file is looked at again, when there is a request."""


class ProfileLogin:
    """A personal token is taken from the file; any other profile is handed to ``other``."""

    def __init__(
        self,
        provider: str,
        file: Path,
        name: str | None,
        other: Callable[[Profile], Awaitable[Issued]],
    ) -> None:
        """``name`` None: the file's default profile."""
        self._provider = provider
        self._file = file
        self._name = name
        self._other = other
        self._seen: tuple[int, int] | None = None
        self._profile: Profile | None = None

    async def fetch(self) -> Issued:
        """The profile's token as it is now. Raises GatewayError naming the file and what to do."""
        try:
            profile = await in_thread(self._read)
        except ProfileError as error:
            raise GatewayError(
                Kind.AUTHENTICATION, f"{self._provider}: {error}", should_retry=False
            ) from None
        token = profile.get("token")
        if token is None or profile.get("auth_type") not in (None, "pat"):
            return await self._other(profile)
        if not is_token(token):
            raise GatewayError(
                Kind.AUTHENTICATION,
                f"{self._provider}: {self._file}: the token of {profile.name} holds a character that a"
                " token cannot have",
                should_retry=False,
            )
        return Issued(token, None, LOOK_AGAIN)

    def _read(self) -> Profile:
        """Blocks: the home directory may be on a network."""
        try:
            status = self._file.stat()
            seen = (status.st_mtime_ns, status.st_size)
        except OSError:
            seen = None
        if self._profile is None or seen is None or seen != self._seen:
            self._profile = read_profile(self._file, self._name)
            self._seen = seen
        return self._profile
