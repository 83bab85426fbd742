"""Tokens by way of ``databricks-sdk``, an extra: imported when first needed, in a thread of its own."""

import importlib
import os
import re
import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, Protocol, cast

from trunkline import __version__
from trunkline.core.errors import GatewayError, Kind
from trunkline.providers.databricks.jwt import claims_of
from trunkline.upstream.credentials.kept import Issued
from trunkline.upstream.credentials.ports import Clock
from trunkline.upstream.credentials.principal import is_token, redacted
from trunkline.upstream.credentials.threads import in_thread

INSTALL: Final = "pip install 'trunkline[databricks]'"
ASK_AGAIN: Final = 300.0
"""Seconds after which a token of unknown life is asked for anew; the library may have a new one then."""
NETWORK_MODULES: Final = ("requests", "urllib3")
"""Where the exceptions of a network that fails come from."""
HTTP_SECONDS: Final = 10
RETRY_SECONDS: Final = 4
"""How long the library may try: its own five minutes are longer than any client waits."""


class _Expiring(Protocol):
    @property
    def expiry(self) -> datetime | None: ...


class _Config(Protocol):
    """What we use of ``databricks.sdk.config.Config``."""

    def authenticate(self) -> dict[str, str]: ...
    def oauth_token(self) -> _Expiring: ...


class _SignedIn(NamedTuple):
    headers: Mapping[str, str]
    ends: float | None
    """Seconds since the epoch."""


_COMMANDS: Final = {"databricks-cli": "databricks", "azure-cli": "az"}
"""What a kind of login runs."""
_SECRETS: Final = ("token", "client_secret", "azure_client_secret", "google_credentials", "password")
"""The arguments that no message may hold."""


class LibraryLogin:
    """Signs in anew for each token, so that no state of the library's can be out of date."""

    def __init__(
        self,
        provider: str,
        arguments: Mapping[str, str | None],
        fix: str,
        clock: Clock,
        *,
        lock: Path | None = None,
        load: Callable[[], Callable[..., _Config]] | None = None,
    ) -> None:
        """``arguments`` are the library's own names for settings; None is left to it. ``fix`` is the
        command that repairs a login; ``lock`` a file that keeps processes from renewing at once."""
        self._provider = provider
        self._arguments = {name: value for name, value in arguments.items() if value is not None}
        self._fix = fix
        self._clock = clock
        self._lock = lock
        self._load = load or (lambda: load_library())

    async def fetch(self) -> Issued:
        """A token. Raises GatewayError with the command that helps."""
        try:
            signed_in = await in_thread(self._sign_in)
        except ModuleNotFoundError as error:
            raise self._missing(error) from None
        except Exception as error:  # noqa: BLE001 - the library's errors have no base in common
            raise await self._failed(error) from None
        scheme, _, value = signed_in.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not is_token(value):
            raise _refused(
                f"{self._provider}: Databricks' library signs in with a {scheme or 'missing'} header, which"
                " models do not take; use a service principal, a profile or a token"
            )
        claims = claims_of(value)
        ends = (claims and claims.exp) or signed_in.ends
        if ends is None:
            return Issued(value, None, ASK_AGAIN)
        return Issued(value, ends - self._clock.unix())

    def _sign_in(self) -> _SignedIn:
        """Blocks: imports, asks the host, runs commands. Only for a thread."""
        make = self._load()
        with _alone(self._lock):
            config = make(
                **self._arguments,
                http_timeout_seconds=HTTP_SECONDS,
                retry_timeout_seconds=RETRY_SECONDS,
                product="trunkline",
                product_version=__version__,
            )
            headers = config.authenticate()
            try:
                expiry = config.oauth_token().expiry
            except (AttributeError, ValueError):  # not a kind with tokens that end
                expiry = None
        return _SignedIn(headers, None if expiry is None else expiry.timestamp())

    def _missing(self, error: ModuleNotFoundError) -> GatewayError:
        if error.name is not None and error.name.partition(".")[0] == "databricks":
            return _refused(
                f"{self._provider}: this login needs Databricks' own library, which is not installed;"
                f" run: {INSTALL}"
            )
        return _refused(
            f"{self._provider}: Databricks' library lacks the module {error.name}; run: {INSTALL}"
        )

    async def _failed(self, error: Exception) -> GatewayError:
        if type(error).__module__.partition(".")[0] in NETWORK_MODULES or isinstance(error, TimeoutError):
            return GatewayError(
                Kind.UNREACHABLE,
                f"{self._provider}: cannot sign in to Databricks: the network failed ({type(error).__name__})",
                local=False,
            )
        # The library appends all settings it found; they are long and tell nobody anything here.
        text = re.split(r"\.? Config: |\.? Env: ", str(error), maxsplit=1)[0]
        said = redacted(text, *(self._arguments[name] for name in _SECRETS if name in self._arguments))
        if "cannot configure default credentials" in text:
            said = await self._nothing_found()
        return _refused(
            f"{self._provider}: cannot sign in to Databricks: {said or type(error).__name__}; {self._fix}"
        )

    async def _nothing_found(self) -> str:
        """Why the library had nothing to try: it only says that."""
        command = _COMMANDS.get(self._arguments.get("auth_type", ""))
        if command is None:
            return "nothing that could sign in was found"
        if await in_thread(lambda: shutil.which(command)) is None:
            return f"the command {command} is not on the gateway's PATH; install it"
        if command == "az":
            return "az signs in to workspaces on Azure only, and to those its login knows"
        return "the command databricks is not logged in, or is the old one (before 0.205)"


def load_library() -> Callable[..., _Config]:
    """The library's ``Config``. Raises ModuleNotFoundError; takes most of a second the first time."""
    return cast(Callable[..., _Config], importlib.import_module("databricks.sdk.config").Config)


@contextmanager
def _alone(file: Path | None) -> Generator[None, None, None]:
    """Keeps other processes out as far as the system can: two renewals at once may end a login.

    Only a lock on a file that is there anyway; nothing is written.
    """
    if file is None or os.name == "nt" or not file.exists():
        yield
        return
    import fcntl  # not on every system

    with file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _refused(message: str) -> GatewayError:
    return GatewayError(Kind.AUTHENTICATION, message, should_retry=False)
