"""Fixed credentials and logins together, by provider; made only where a configuration has a login."""

from collections.abc import Awaitable, Mapping
from contextvars import ContextVar
from typing import Final

from trunkline.config.databrickscfg import Profile, profile_file
from trunkline.config.schema import Login, ServiceAccount
from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpRequest
from trunkline.providers.databricks.hosts import Host, read_host
from trunkline.providers.databricks.renewal import means_bad_token
from trunkline.providers.problems import SettingsError
from trunkline.upstream.credentials.google import GoogleLogin
from trunkline.upstream.credentials.kept import Issued, KeptToken
from trunkline.upstream.credentials.library import LibraryLogin
from trunkline.upstream.credentials.ports import Clock, Signer, Upstream
from trunkline.upstream.credentials.principal import ServicePrincipal
from trunkline.upstream.credentials.profile import ProfileLogin

_handed: ContextVar[str | None] = ContextVar("handed", default=None)
"""The token that this exchange was given last: the one that a refusal is about."""

PROFILE_TYPES: Final = (
    ("azure_client_secret", "azure-client-secret"),
    ("google_service_account", "google-id"),
    ("google_credentials", "google-credentials"),
    ("metadata_service_url", "metadata-service"),
    ("username", "basic"),
)
"""What a profile without ``auth_type`` is by a key it has; with none of them the CLI logged it in."""


class LoginCredentials:
    """Implements :class:`trunkline.relay.ports.Credentials`. Use it inside one event loop; close it."""

    def __init__(
        self,
        fixed: Mapping[str, Secret],
        kept: Mapping[str, KeptToken],
        signers: Mapping[str, Signer] | None = None,
    ) -> None:
        self._fixed = dict(fixed)
        self._kept = dict(kept)
        self._signers = dict(signers or {})

    def at_hand(self, provider: str) -> str | None:
        """A fixed credential; tokens have to be looked at."""
        secret = None if provider in self._kept else self._fixed.get(provider)
        return None if secret is None else secret.reveal()

    async def credential(self, provider: str) -> str | None:
        """A token that is good now, None when the provider has no credential. Raises GatewayError."""
        kept = self._kept.get(provider)
        if kept is None:
            secret = self._fixed.get(provider)
            return None if secret is None else secret.reveal()
        token = await kept.current()
        _handed.set(token)
        return token

    async def refused(self, provider: str, error: GatewayError, *, again: bool = False) -> bool:
        """Renew the token if the refusal is about it (databricks.md 5.3). Raises GatewayError."""
        kept = self._kept.get(provider)
        if kept is None or again or not means_bad_token(error):
            return False
        return await kept.renewed(_handed.get())

    async def sign(self, provider: str, request: HttpRequest) -> HttpRequest:
        """The request with its signature, if this provider signs. Raises GatewayError."""
        signer = self._signers.get(provider)
        return request if signer is None else await signer.sign(request)

    async def close(self) -> None:
        """Stop renewals that run."""
        for kept in self._kept.values():
            await kept.close()


class LoginMaker:
    """Makes what gets the tokens of each provider."""

    def __init__(self, upstream: Upstream, clock: Clock, environ: Mapping[str, str]) -> None:
        self._upstream = upstream
        self._clock = clock
        self._environ = environ

    def keep(self, provider: str, host: str, login: Login) -> KeptToken:
        """The kept token of a provider at ``host``, which is as the user wrote it."""
        return KeptToken(provider, _Source(self, provider, host, login).fetch, self._clock)

    def keep_google(self, provider: str, file: str | None, account: ServiceAccount | None) -> KeptToken:
        """The kept token that Google's library gets."""
        return KeptToken(provider, GoogleLogin(provider, file, account).fetch, self._clock)

    def principal(self, provider: str, workspace: str, client_id: str, secret: Secret) -> ServicePrincipal:
        """Tokens of a service principal."""
        return ServicePrincipal(provider, workspace, client_id, secret, self._upstream)

    def library(self, provider: str, arguments: Mapping[str, str | None], fix: str) -> LibraryLogin:
        """Tokens by way of Databricks' library."""
        return LibraryLogin(provider, arguments, fix, self._clock, lock=profile_file(self._environ))

    def profile(self, provider: str, login: Login, workspace: str | None) -> ProfileLogin:
        """Tokens of a profile, whatever it holds."""

        def other(profile: Profile) -> Awaitable[Issued]:
            return self._of_profile(provider, profile, workspace)

        return ProfileLogin(provider, profile_file(self._environ), login.profile, other)

    async def _of_profile(self, provider: str, profile: Profile, workspace: str | None) -> Issued:
        """Everything but a personal token."""
        host = profile.get("host")
        issuer = workspace if host is None else _workspace(provider, host, None)
        client_id, secret = profile.get("client_id"), profile.get("client_secret")
        kind = profile.get("auth_type")
        if issuer is not None and client_id and secret and kind in (None, "oauth-m2m"):
            return await self.principal(provider, issuer, client_id, Secret(secret)).fetch()
        # Every key is handed over: what is not would be taken from the environment, from another login.
        arguments: dict[str, str | None] = {**profile.values, "host": issuer, "profile": profile.name}
        arguments["auth_type"] = kind or next(
            (value for key, value in PROFILE_TYPES if profile.get(key)), "databricks-cli"
        )
        fix = f"run: databricks auth login --profile {profile.name}"
        return await self.library(provider, arguments, fix).fetch()


class _Source:
    """One provider's login, made ready when the first token is asked for."""

    def __init__(self, maker: LoginMaker, provider: str, host: str, login: Login) -> None:
        self._maker = maker
        self._provider = provider
        self._host = host
        self._login = login
        self._made: ServicePrincipal | LibraryLogin | ProfileLogin | None = None

    async def fetch(self) -> Issued:
        """A token; see the kinds for what it raises."""
        if self._made is None:
            self._made = self._make()
        return await self._made.fetch()

    def _make(self) -> ServicePrincipal | LibraryLogin | ProfileLogin:
        login, maker, name = self._login, self._maker, self._provider
        workspace = _workspace(name, self._host, login.workspace)
        secret = login.client_secret
        match login.kind:
            case "profile":
                return maker.profile(name, login, workspace)
            case "oauth":
                if login.client_id is None or secret is None:
                    raise _unusable(name, "client_id and client_secret are missing")
                if workspace is None:
                    raise _unusable(
                        name,
                        "a gateway's own host issues no tokens: give the workspace's host as workspace, or"
                        " set DATABRICKS_HOST",
                    )
                return maker.principal(name, workspace, login.client_id, secret)
            case "entra":
                arguments = {
                    "host": workspace,
                    "auth_type": "azure-client-secret",
                    "azure_tenant_id": login.tenant,
                    "azure_client_id": login.client_id,
                    "azure_client_secret": None if secret is None else secret.reveal(),
                }
                return maker.library(
                    name, arguments, "check tenant, client_id and client_secret, and that it is on Azure"
                )
            case "azure_cli":
                arguments = {"host": workspace, "auth_type": "azure-cli", "azure_tenant_id": login.tenant}
                tenant = f" --tenant {login.tenant}" if login.tenant else ""
                return maker.library(name, arguments, f"run: az login{tenant}")
            case "cli":
                arguments = {
                    "host": workspace,
                    "auth_type": "databricks-cli",
                    "profile": login.profile,
                }
                which = f"--profile {login.profile}" if login.profile else f"--host {workspace}"
                return maker.library(name, arguments, f"run: databricks auth login {which}")
            case "sdk":
                fix = "databricks auth describe shows what Databricks' library finds"
                return maker.library(name, {"host": workspace, "profile": login.profile}, fix)


def _workspace(provider: str, host: str, named: str | None) -> str | None:
    """``https://host`` of whoever issues tokens; None when only a gateway's own host is known."""
    try:
        found: Host = read_host("host", host)
        if found.dedicated:
            found = found if named is None else read_host("workspace", named)
    except SettingsError as error:
        raise _unusable(provider, str(error)) from None
    return None if found.dedicated else found.base


def _unusable(provider: str, message: str) -> GatewayError:
    return GatewayError(Kind.AUTHENTICATION, f"{provider}: {message}", should_retry=False)
