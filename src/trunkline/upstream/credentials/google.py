"""Tokens by way of ``google-auth``, an extra: imported when first needed, in a thread of its own."""

import importlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol, cast

from trunkline.config.schema import ServiceAccount
from trunkline.core.errors import GatewayError, Kind
from trunkline.upstream.credentials.kept import Issued
from trunkline.upstream.credentials.principal import is_token, redacted
from trunkline.upstream.credentials.threads import in_thread

INSTALL: Final = "pip install 'trunkline[vertex]'"
SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
TOKENS: Final = "https://oauth2.googleapis.com/token"
DEFAULT_LIFE: Final = 600.0
"""Seconds to count on when the library does not say how long the token lives."""


class _Credentials(Protocol):
    """What we use of ``google.auth.credentials.Credentials``."""

    token: str | None
    expiry: datetime | None

    def refresh(self, request: object) -> None: ...


class _Fetched(NamedTuple):
    token: str | None
    expiry: datetime | None


class Library(NamedTuple):
    """What we use of the library."""

    default: Callable[..., tuple[_Credentials, str | None]]
    from_file: Callable[..., _Credentials]
    from_info: Callable[..., _Credentials]
    transport: Callable[[], object]


class GoogleLogin:
    """Application default credentials, a service account's key file, or the account itself."""

    def __init__(
        self,
        provider: str,
        file: str | None,
        account: ServiceAccount | None = None,
        *,
        load: Callable[[], Library] | None = None,
    ) -> None:
        self._provider = provider
        self._file = file
        self._account = account
        self._load = load or load_library
        self._credentials: _Credentials | None = None

    async def fetch(self) -> Issued:
        """A token. Raises GatewayError with what to do."""
        try:
            fetched = await in_thread(self._refresh)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing not in ("google", "requests"):
                raise
            raise self._refused(
                f"needs Google's own library, which is not installed; run: {INSTALL}"
            ) from None
        except Exception as error:  # noqa: BLE001 - the library's errors have no base in common with files'
            raise self._failed(error) from None
        if not is_token(fetched.token):
            raise self._refused("Google's library gave no token")
        assert fetched.token is not None
        if fetched.expiry is None:
            return Issued(fetched.token, DEFAULT_LIFE)
        ends = fetched.expiry.replace(tzinfo=UTC) - datetime.now(UTC)  # the library's times are naive UTC
        return Issued(fetched.token, ends.total_seconds())

    def _refresh(self) -> _Fetched:
        """Blocks: imports, reads files, asks the network. Only for a thread."""
        library = self._load()
        if self._credentials is None:
            if self._account is not None:
                info = {
                    "client_email": self._account.client_email,
                    "private_key": self._account.private_key.reveal(),
                    "token_uri": TOKENS,
                }
                self._credentials = library.from_info(info, scopes=[SCOPE])
            elif self._file is None:
                self._credentials, _ = library.default(scopes=[SCOPE])
            else:
                self._credentials = library.from_file(self._file, scopes=[SCOPE])
        self._credentials.refresh(library.transport())
        return _Fetched(self._credentials.token, self._credentials.expiry)

    def _failed(self, error: Exception) -> GatewayError:
        self._credentials = None  # a file may be mended meanwhile
        name = type(error).__name__
        if name == "TransportError":
            return GatewayError(
                Kind.UNREACHABLE,
                f"{self._provider}: cannot sign in to Google: the network failed",
                local=False,
            )
        if self._account is not None:  # what the library says of a key may quote it
            return self._refused(f"cannot sign in as {self._account.client_email}: {name}")
        said = redacted(str(error)) or name
        if self._file is not None:
            return self._refused(f"cannot sign in with {self._file}: {said}")
        if name == "DefaultCredentialsError":
            said = "no credentials were found"
        return self._refused(
            f"cannot sign in to Google: {said}; run: gcloud auth application-default login, or give"
            " credentials_file"
        )

    def _refused(self, message: str) -> GatewayError:
        return GatewayError(Kind.AUTHENTICATION, f"{self._provider}: {message}", should_retry=False)


def load_library() -> Library:
    """Google's library. Raises ModuleNotFoundError; takes a good part of a second the first time."""
    auth = importlib.import_module("google.auth")
    accounts = importlib.import_module("google.oauth2.service_account")
    transport = importlib.import_module("google.auth.transport.requests")
    return Library(
        cast(Callable[..., tuple[_Credentials, str | None]], auth.default),
        cast(Callable[..., _Credentials], accounts.Credentials.from_service_account_file),
        cast(Callable[..., _Credentials], accounts.Credentials.from_service_account_info),
        cast(Callable[[], object], transport.Request),
    )
