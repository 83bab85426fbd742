"""Signatures (SigV4) by way of ``botocore``, an extra: imported when first needed, in a thread of its own."""

import importlib
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol, cast

from msgspec import structs

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpRequest
from trunkline.upstream.credentials.principal import redacted
from trunkline.upstream.credentials.threads import in_thread

INSTALL: Final = "pip install 'trunkline[bedrock]'"
SERVICE: Final = "bedrock"
_SIGNED: Final = ("content-type",)
"""Of our headers those that are signed; the library adds host, date and token."""


class _Frozen(Protocol):
    """A key pair at one moment."""

    access_key: str
    secret_key: str
    token: str | None


class _Keys(Protocol):
    """What we use of ``botocore.credentials.Credentials``; those that end are renewed by asking for them."""

    def get_frozen_credentials(self) -> _Frozen: ...


class _Request(Protocol):
    """What we use of ``botocore.awsrequest.AWSRequest``."""

    headers: Mapping[str, str]


class Library(NamedTuple):
    """What we use of the library."""

    find: Callable[[str | None], _Keys | None]
    """The keys of a profile, or of the usual chain."""
    request: Callable[..., _Request]
    signer: Callable[[_Frozen, str, str], "_Signing"]


class _Signing(Protocol):
    def add_auth(self, request: _Request) -> None: ...


class AwsSigner:
    """Signs requests of one provider. Use it inside one event loop."""

    def __init__(
        self,
        provider: str,
        region: str,
        profile: str | None,
        *,
        load: Callable[[], Library] | None = None,
    ) -> None:
        self._provider = provider
        self._region = region
        self._profile = profile
        self._load = load or load_library
        self._library: Library | None = None
        self._keys: _Keys | None = None

    async def sign(self, request: HttpRequest) -> HttpRequest:
        """``request`` with the headers that sign it; a credential of its own stays all there is.

        Raises GatewayError (AUTHENTICATION) with what to do.
        """
        if any(name == "authorization" for name, _ in request.headers):
            return request
        try:
            library, frozen = await self._ready()
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "botocore":
                raise
            raise self._refused(f"needs AWS' own library, which is not installed; run: {INSTALL}") from None
        except GatewayError:
            raise
        except Exception as error:  # noqa: BLE001 - the library's errors have no base in common with files'
            said = redacted(str(error)) or type(error).__name__
            raise self._refused(f"no credentials of AWS can be had: {said}") from None
        wire = library.request(
            method=request.method,
            url=request.url,
            data=request.body,
            headers={name: value for name, value in request.headers if name in _SIGNED},
        )
        library.signer(frozen, SERVICE, self._region).add_auth(wire)
        added = tuple(
            (name.lower(), value) for name, value in wire.headers.items() if name.lower() not in _SIGNED
        )
        return structs.replace(request, headers=request.headers + added)

    async def _ready(self) -> tuple[Library, _Frozen]:
        """The library, and keys that are good now. Only where they have to be got or renewed a thread is needed."""
        library, keys = self._library, self._keys
        if library is not None and keys is not None and not _due(keys):
            return library, keys.get_frozen_credentials()
        return await in_thread(self._find)

    def _find(self) -> tuple[Library, _Frozen]:
        """Blocks: imports, reads files, may ask the network. Only for a thread."""
        library = self._library = self._library or self._load()
        if self._keys is None:
            self._keys = library.find(self._profile)
        if self._keys is None:
            where = (
                f"the profile {self._profile}"
                if self._profile
                else "the environment, files or this machine's role"
            )
            raise self._refused(
                f"no credentials of AWS were found in {where}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run:"
                " aws sso login, or give an API key of Bedrock as key"
            )
        return library, self._keys.get_frozen_credentials()

    def _refused(self, message: str) -> GatewayError:
        return GatewayError(Kind.AUTHENTICATION, f"{self._provider}: {message}", should_retry=False)


def _due(keys: _Keys) -> bool:
    """Whether asking for the keys would renew them, which blocks. Keys that do not end cannot say."""
    check = getattr(keys, "refresh_needed", None)
    return check is not None and bool(check())


def load_library() -> Library:
    """AWS' library. Raises ModuleNotFoundError; takes a good part of a second the first time."""
    session = importlib.import_module("botocore.session")
    auth = importlib.import_module("botocore.auth")
    request = importlib.import_module("botocore.awsrequest")

    def find(profile: str | None) -> _Keys | None:
        return cast(_Keys | None, session.Session(profile=profile).get_credentials())

    return Library(
        find,
        cast(Callable[..., _Request], request.AWSRequest),
        cast(Callable[[_Frozen, str, str], _Signing], auth.SigV4Auth),
    )
