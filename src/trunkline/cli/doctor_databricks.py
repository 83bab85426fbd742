"""``trunkline doctor databricks``: each workspace of the configuration, looked at closely."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from trunkline.app.credentials import make_credentials
from trunkline.app.providers import client_tokens, find_credentials, make_providers
from trunkline.app.upstreams import make_upstreams
from trunkline.app.workspace_check import WorkspaceCheck
from trunkline.cli.exits import CONFIGURATION, Failure
from trunkline.cli.sources import origin
from trunkline.config.load import load
from trunkline.config.schema import Configuration, Login
from trunkline.providers.databricks.checks.environment import of_environment
from trunkline.providers.databricks.provider import DatabricksProvider
from trunkline.providers.finding import Finding
from trunkline.upstream.clock import SystemClock


def examine_workspaces(path: str | None, asked: Sequence[str]) -> list[Finding]:
    """All checks of all workspaces in order. Raises ConfigurationError, and Failure when there is none."""
    configuration = load(path, os.environ)
    providers = [
        provider
        for provider in make_providers(configuration).values()
        if isinstance(provider, DatabricksProvider)
    ]
    if not providers:
        raise Failure(
            f"{origin(configuration)} has no Databricks workspace: set DATABRICKS_HOST and DATABRICKS_TOKEN,"
            " or give a provider of the kind databricks",
            CONFIGURATION,
        )
    findings = [Finding(check="configuration", state="ok", message=origin(configuration))]
    findings += of_environment(os.environ)
    return findings + asyncio.run(_examine(configuration, providers, asked, os.environ))


async def _examine(
    configuration: Configuration,
    providers: Sequence[DatabricksProvider],
    asked: Sequence[str],
    environ: Mapping[str, str],
) -> list[Finding]:
    """One workspace after the other; their names stand before the checks where there are several."""
    upstreams = make_upstreams(configuration, environ)
    credentials = make_credentials(configuration, environ, upstreams, SystemClock())
    known = find_credentials(configuration, environ)
    own = client_tokens(configuration)
    findings: list[Finding] = []
    try:
        for provider in providers:
            login = known.get(provider.name)
            check = WorkspaceCheck(
                provider,
                upstreams,
                credentials,
                unix=time.time,
                proxy=upstreams.proxy(provider.host.base),
                login=isinstance(login, Login),
                login_elsewhere=isinstance(login, Login) and login.workspace is not None,
                own_tokens=provider.name in own,
            )
            found = await check.run(asked)
            if len(providers) > 1:
                found = [replace(one, check=f"{provider.name}: {one.check}") for one in found]
            findings += found
    finally:
        await credentials.close()
        await upstreams.close()
    return findings
