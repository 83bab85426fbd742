"""The gateway as its own process on every kind of login, and what a workspace lists."""

import asyncio
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agents.gateway import Gateway, serve, serve_bare
from standin import Flags, StandIn, failures, say
from trunkline.app.discovery import discover
from trunkline.app.providers import make_providers
from trunkline.config.schema import Configuration, ProviderSettings
from trunkline.config.secret import Secret
from trunkline.core.errors import Kind
from trunkline.upstream.credentials import StaticCredentials
from trunkline.upstream.http1 import Http1Upstream

pytestmark = pytest.mark.server

SECRET = "s3cret-canary"
FLAGS = Flags(client=("the-id", SECRET))
QUESTION = {"model": "sonnet", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}


def ask(gateway: Gateway, stream: bool = False) -> tuple[int, str]:
    body = json.dumps({**QUESTION, "stream": stream}).encode()
    request = urllib.request.Request(
        f"{gateway.url}/v1/messages", body, {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def token_calls(standin: StandIn) -> int:
    return sum(request.path == "/oidc/v1/token" for request in standin.requests)


def test_the_environment_alone_starts_a_service_principal_and_50_streams_renew_once(tmp_path: Path) -> None:
    now = [0.0]
    with StandIn(lambda _: say("Fine."), FLAGS, clock=lambda: now[0]) as standin:
        environ = {
            "DATABRICKS_HOST": standin.url,
            "DATABRICKS_CLIENT_ID": "the-id",
            "DATABRICKS_CLIENT_SECRET": SECRET,
        }
        with serve_bare(tmp_path, environ) as gateway, ThreadPoolExecutor(50) as clients:
            assert ask(gateway)[0] == 200
            assert token_calls(standin) == 1
            now[0] = 3590.0
            answers = list(clients.map(lambda _: ask(gateway, stream=True), range(50)))
            assert [status for status, _ in answers] == [200] * 50
            assert all("Fine." in text and "error" not in text for _, text in answers)
            assert token_calls(standin) == 2
        assert standin.surprises == []
        refused = [request for request in standin.requests if request.status == 403]
        assert refused, "the old token was refused first"
    assert SECRET not in gateway.log
    assert "eyJ" not in gateway.log


def test_a_profile_is_followed_when_its_file_changes(tmp_path: Path) -> None:
    with StandIn(lambda _: say("Fine."), Flags()) as standin:
        profiles = tmp_path / "profiles.cfg"
        profiles.write_text(f"[work]\nhost = {standin.url}\ntoken = dapi-old\n")
        environ = {"DATABRICKS_CONFIG_PROFILE": "work", "DATABRICKS_CONFIG_FILE": str(profiles)}
        with serve_bare(tmp_path, environ) as gateway:
            status, text = ask(gateway)
            assert status == 401
            assert "the Databricks token was revoked, has expired" in text
            profiles.write_text(f"[work]\nhost = {standin.url}\ntoken = {standin.token}\n")
            os.utime(profiles, (time.time() + 5, time.time() + 5))
            deadline = time.monotonic() + 60
            while (status := ask(gateway)[0]) != 200 and time.monotonic() < deadline:
                time.sleep(0.2)
            assert status == 200
    assert "dapi-" not in gateway.log


def test_a_grant_that_is_missing_asks_for_no_new_token(tmp_path: Path) -> None:
    with StandIn(lambda _: failures.no_grant("sonnet"), FLAGS) as standin:
        config = (
            f"providers:\n  dbx: {{kind: databricks, host: '{standin.url}', client_id: the-id,"
            f" client_secret: {SECRET}, models: [databricks-claude-sonnet-4-5]}}\n"
        )
        with serve(config, tmp_path) as gateway:
            assert ask(gateway)[0] == 403
            assert token_calls(standin) == 1


def test_a_wrong_secret_says_what_to_check_and_is_asked_for_once(tmp_path: Path) -> None:
    with StandIn(lambda _: say("x"), FLAGS) as standin:
        config = (
            f"providers:\n  dbx: {{kind: databricks, host: '{standin.url}', client_id: the-id,"
            " client_secret: wr0ng-canary, models: [databricks-claude-sonnet-4-5]}\n"
        )
        with serve(config, tmp_path) as gateway:
            status, text = ask(gateway)
            assert status == 401
            assert "refused the service principal the-id (status 401: Client authentication failed)" in text
            assert "wr0ng-canary" not in text + gateway.log
        assert token_calls(standin) == 1


def listed(
    flags: Flags, handler: Callable[[object], object] | None = None
) -> tuple[list[str], Kind | None]:
    async def scenario() -> tuple[list[str], Kind | None]:
        async with StandIn((), flags, handler=handler) as standin:  # type: ignore[arg-type]
            settings = ProviderSettings(kind="databricks", host=standin.url)
            configuration = Configuration(source="test", providers=(("dbx", settings),))
            upstream = Http1Upstream(connect_timeout=30, pool_timeout=30)
            credentials = StaticCredentials({"dbx": Secret(standin.token)})
            found = await discover(make_providers(configuration)["dbx"], upstream, credentials)
            await upstream.close()
            return [model.id for model in found.models], found.error and found.error.kind

    return asyncio.run(scenario())


def test_endpoints_and_services_are_one_list() -> None:
    with_services, error = listed(Flags(listing="recorded"))
    endpoints, _ = listed(Flags(listing="recorded", gateway="off"))
    assert error is None
    assert with_services[: len(endpoints)] == endpoints
    more = with_services[len(endpoints) :]
    assert more
    assert all(name.startswith("system.ai.") for name in more)
    assert not {name.replace("system.ai.", "databricks-") for name in more} & set(endpoints)
    assert len(with_services) == len(set(with_services))


def test_a_model_that_is_an_endpoint_and_a_service_is_there_once() -> None:
    names, error = listed(Flags())
    assert error is None
    assert "databricks-claude-sonnet-4-5" in names
    assert "system.ai.claude-sonnet-4-5" not in names


def test_a_workspace_that_lets_nobody_list_is_an_error_in_hand() -> None:
    assert listed(Flags(listing="forbidden")) == ([], Kind.PERMISSION)


def test_services_alone_are_enough() -> None:
    def handler(received: object) -> object:
        path = getattr(received, "path", "")
        return failures.no_grant("*") if path == "/api/2.0/serving-endpoints" else None

    names, error = listed(Flags(), handler)
    assert error is None
    assert "system.ai.claude-sonnet-4-5" in names
