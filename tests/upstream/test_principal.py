"""Service principals against the stand-in workspace: tokens, refusals, and 50 requests at once."""

import asyncio
import json
from collections.abc import Callable

import pytest

from standin import Flags, Received, Reply, StandIn, failures, say
from standin.probe import CHAT, chat_body
from trunkline.config.schema import Login
from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead, HttpRequest
from trunkline.providers.databricks.errors import read_error
from trunkline.upstream.clock import SystemClock
from trunkline.upstream.credentials.logins import LoginCredentials, LoginMaker
from trunkline.upstream.credentials.principal import ServicePrincipal, redacted
from trunkline.upstream.http1 import Http1Upstream

pytestmark = pytest.mark.server

SECRET = "s3cret-canary"
FLAGS = Flags(client=("the-id", SECRET))


def made(upstream: Http1Upstream, host: str, *, secret: str = SECRET, **more: str) -> LoginCredentials:
    login = Login(kind="oauth", client_id="the-id", client_secret=Secret(secret), **more)  # type: ignore[arg-type]
    maker = LoginMaker(upstream, SystemClock(), {})
    return LoginCredentials({"fixed": Secret("k")}, {"dbx": maker.keep("dbx", host, login)})


def token_calls(standin: StandIn) -> int:
    return sum(request.path == "/oidc/v1/token" for request in standin.requests)


async def post(upstream: Http1Upstream, standin: StandIn, token: str) -> tuple[HttpHead, bytes]:
    request = HttpRequest(
        "POST",
        standin.url + CHAT,
        (("authorization", f"Bearer {token}"), ("content-type", "application/json")),
        json.dumps(chat_body()).encode(),
    )
    answer = await upstream.open(request, headers_timeout=30)
    body = b""
    while piece := await answer.read():
        body += piece
    await answer.close(reuse=True)
    return answer.head, body


def refused(head: HttpHead, body: bytes) -> GatewayError:
    error = GatewayError(Kind.AUTHENTICATION, "", status=head.status, raw=body, local=False)
    return read_error(error, head, host="h", deployment="m")


def test_fifty_requests_whose_token_has_ended_make_one_call() -> None:
    now = [0.0]

    async def once(
        credentials: LoginCredentials, upstream: Http1Upstream, standin: StandIn
    ) -> tuple[int, int]:
        token = await credentials.credential("dbx")
        assert token is not None
        head, body = await post(upstream, standin, token)
        first = head.status
        if first == 403 and await credentials.refused("dbx", refused(head, body)):
            token = await credentials.credential("dbx")
            assert token is not None
            head, body = await post(upstream, standin, token)
        return first, head.status

    async def scenario() -> None:
        async with StandIn(lambda _: say("x"), FLAGS, clock=lambda: now[0]) as standin:
            upstream = Http1Upstream(connect_timeout=30, pool_timeout=30)
            credentials = made(upstream, standin.url)
            work = [once(credentials, upstream, standin) for _ in range(50)]
            assert await asyncio.gather(*work) == [(200, 200)] * 50
            assert token_calls(standin) == 1
            now[0] = 3590.0
            work = [once(credentials, upstream, standin) for _ in range(50)]
            assert await asyncio.gather(*work) == [(403, 200)] * 50
            assert token_calls(standin) == 2
            await credentials.close()
            await upstream.close()

    asyncio.run(scenario())


def test_the_call_is_as_documented() -> None:
    async def scenario() -> None:
        async with StandIn((), FLAGS) as standin:
            upstream = Http1Upstream(connect_timeout=30, pool_timeout=30)
            credentials = made(upstream, f"{standin.url}/serving-endpoints/?o=12")
            token = await credentials.credential("dbx")
            assert token is not None
            assert token.startswith("eyJ")
            assert await credentials.credential("fixed") == "k"
            assert await credentials.credential("nobody") is None
            (request,) = standin.requests
            assert (request.method, request.target) == ("POST", "/oidc/v1/token")
            assert request.header("content-type") == "application/x-www-form-urlencoded"
            assert request.body == b"grant_type=client_credentials&scope=all-apis"
            await upstream.close()

    asyncio.run(scenario())


def answering(reply: Reply) -> Callable[[Received], Reply]:
    return lambda _: reply


REFUSALS: dict[str, tuple[Reply, Kind, str]] = {
    "oauth": (
        failures.as_json(401, {"error": "invalid_client", "error_description": f"bad {SECRET}"}),
        Kind.AUTHENTICATION,
        "refused the service principal the-id (status 401: bad ****)",
    ),
    "okta": (
        failures.as_json(400, {"errorCode": "E1", "errorSummary": "Secret has ended"}),
        Kind.AUTHENTICATION,
        "(status 400: Secret has ended)",
    ),
    "account": (failures.login(), Kind.AUTHENTICATION, "give the workspace's own host"),
    "absent": (failures.no_such_path(), Kind.AUTHENTICATION, "issues no tokens (404)"),
    "busy": (failures.empty(503), Kind.OVERLOADED, "could not issue a token (status 503)"),
    "html": (failures.html(), Kind.UPSTREAM_FAILED, "could not issue a token (status 502)"),
    "page": (failures.login_page(), Kind.UPSTREAM_FAILED, "answered without a token"),
    "empty": (failures.as_json(200, {"access_token": ""}), Kind.UPSTREAM_FAILED, "without a token"),
    "header": (
        failures.as_json(200, {"access_token": "a\r\nx: y"}),
        Kind.UPSTREAM_FAILED,
        "without a token",
    ),
    "silent": (failures.empty(403), Kind.AUTHENTICATION, "(status 403)"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_principal_is_told_what_to_check_and_never_the_secret(name: str) -> None:
    reply, kind, words = REFUSALS[name]

    async def scenario() -> None:
        async with StandIn((), FLAGS, handler=answering(reply)) as standin:
            upstream = Http1Upstream(connect_timeout=30, pool_timeout=30)
            with pytest.raises(GatewayError) as raised:
                await made(upstream, standin.url).credential("dbx")
            assert raised.value.kind is kind
            assert words in raised.value.message
            assert raised.value.message.startswith("dbx: ")
            assert SECRET not in raised.value.message
            await upstream.close()

    asyncio.run(scenario())


LIVES = [({"expires_in": 3600}, 3600), ({"expires_in": "1800"}, 1800), ({}, 600), ({"expires_in": "x"}, 600),
         ({"expires_in": 0}, 600)]  # fmt: skip


@pytest.mark.parametrize(("said", "life"), LIVES)
def test_the_life_of_a_token_may_be_text_or_missing(said: dict[str, object], life: float) -> None:
    reply = failures.as_json(200, {"access_token": "eyJ", **said})

    async def scenario() -> None:
        async with StandIn((), FLAGS, handler=answering(reply)) as standin:
            upstream = Http1Upstream(connect_timeout=30, pool_timeout=30)
            principal = ServicePrincipal("p", standin.url, "the-id", Secret(SECRET), upstream)
            assert await principal.fetch() == ("eyJ", life, None)
            await upstream.close()

    asyncio.run(scenario())


def test_a_gateways_own_host_issues_no_tokens_but_its_workspace_does() -> None:
    dedicated = "https://1.ai-gateway.azuredatabricks.net"

    async def scenario() -> None:
        upstream = Http1Upstream(connect_timeout=30, pool_timeout=30)
        with pytest.raises(GatewayError, match="give the workspace's host"):
            await made(upstream, dedicated).credential("dbx")
        async with StandIn((), FLAGS) as standin:
            credentials = made(upstream, dedicated, workspace=standin.url)
            assert await credentials.credential("dbx") is not None
        await upstream.close()

    asyncio.run(scenario())


def test_what_others_say_is_cut_and_cleaned() -> None:
    assert redacted("no eyJhbGciOi here dapi123 " + "a" * 60, "here") == "no **** **** **** ****"
    assert len(redacted("ab " * 500)) == 300
