"""What the upstreams' credentials come from, as the configuration has it."""

from collections.abc import Mapping
from typing import Protocol

from trunkline.app.providers import find_credentials
from trunkline.config.schema import ClientToken, CloudLogin, Configuration, Login
from trunkline.config.secret import Secret
from trunkline.relay.ports import Clock, Credentials, Upstream
from trunkline.upstream.credentials import StaticCredentials
from trunkline.upstream.credentials.pools import PooledCredentials


class ClosingCredentials(Credentials, Protocol):
    """Credentials that may have work in the background."""

    async def close(self) -> None: ...


def make_credentials(
    configuration: Configuration, environ: Mapping[str, str], upstream: Upstream, clock: Clock
) -> ClosingCredentials:
    """The credentials of all providers that have one, several keys in turn."""
    pools = {
        name: (one.credential, *one.spare)
        for name, one in configuration.providers
        if one.spare and one.credential is not None
    }
    inner = _single(configuration, environ, upstream, clock)
    return PooledCredentials(inner, pools, clock.now) if pools else inner


def _single(
    configuration: Configuration, environ: Mapping[str, str], upstream: Upstream, clock: Clock
) -> ClosingCredentials:
    """One credential each. What only logins need is loaded for them alone."""
    found = {
        name: one
        for name, one in find_credentials(configuration, environ).items()
        if not isinstance(one, ClientToken)
    }
    fixed = {name: one for name, one in found.items() if isinstance(one, Secret)}
    if len(fixed) == len(found):
        return StaticCredentials(fixed)
    from trunkline.upstream.credentials.aws import AwsSigner  # rarely needed
    from trunkline.upstream.credentials.logins import LoginCredentials, LoginMaker

    maker = LoginMaker(upstream, clock, environ)
    hosts = {name: settings.host or settings.url or "" for name, settings in configuration.providers}
    kept = {
        name: maker.keep(name, hosts[name], one) for name, one in found.items() if isinstance(one, Login)
    }
    clouds = {name: one for name, one in found.items() if isinstance(one, CloudLogin)}
    kept |= {
        name: maker.keep_google(name, one.file, one.account)
        for name, one in clouds.items()
        if one.kind == "google"
    }
    signers = {
        name: AwsSigner(name, one.region, one.profile) for name, one in clouds.items() if one.kind == "aws"
    }
    return LoginCredentials(fixed, kept, signers)
