"""``trunkline doctor databricks``: every misconfiguration of databricks.md 1.1, 2.9 and 5.3 is found, named and told
how to mend, each on a workspace that has it."""

import asyncio
import base64
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from standin import Flags, Received, Reply, StandIn, failures, say
from standin.script import Player
from standin.service import Vendor
from standin.upstream import InProcess
from trunkline.app.workspace_check import WorkspaceCheck
from trunkline.cli.outcome import run
from trunkline.config.schema import ProviderSettings
from trunkline.config.secret import Secret
from trunkline.providers.databricks.provider import DatabricksProvider
from trunkline.providers.registry import make_provider
from trunkline.upstream.credentials import StaticCredentials
from trunkline.upstream.http1 import Http1Upstream

pytestmark = pytest.mark.server

TOKEN = "dapi" + "0" * 28 + "1234"
SONNET = "databricks-claude-sonnet-4-5"
Handler = Callable[[Received], Reply | None]
CONNECTED = "ok    connection: HOST answers as workspace 1234567890123456\n"
PERSONAL = "ok    token form: a personal access token, ...1234\n"
ACCEPTED = CONNECTED + PERSONAL + "ok    token: accepted\n"
GATEWAY = "ok    ai gateway: is there\n"
SKIPPED = "skip  token: not looked at: connection failed\nskip  models: not looked at: connection failed\n"
NO_MODELS = "skip  models: not looked at: token form failed\n"
NEW = "make a new one in the workspace: Settings, Developer, Access tokens"
LIMITS = "200,000 tokens in and 20,000 out a minute (usual, shared by the workspace)"
GRANT = "have an admin grant CAN QUERY on the endpoint, or EXECUTE on the model service (with USE CATALOG and USE SCHEMA)"


def jwt(**claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{body}.c2lnbmF0dXJl"


def at(path: str, reply: Reply) -> Handler:
    """A workspace that has another answer at this path."""
    return lambda received: reply if received.path.startswith(path) else None


LISTING = "/api/2.0/serving-endpoints"
DOCUMENT = "/.well-known/databricks-config"


def endpoints(**changes: object) -> Handler:
    """A listing of one endpoint that is as it should be but for ``changes``."""
    endpoint: dict[str, object] = {
        "name": SONNET,
        "task": "llm/v1/chat",
        "state": {"ready": "READY", "config_update": "NOT_UPDATING", "suspend": "NOT_SUSPENDED"},
        "permission_level": "CAN_QUERY",
        **changes,
    }
    return at(LISTING, failures.as_json(200, {"endpoints": [endpoint]}))


@dataclass(frozen=True)
class Row:
    """A workspace, what the user has set, and everything that is printed after the first two lines."""

    code: int
    out: str
    handler: Handler | None = None
    flags: dict[str, object] = field(default_factory=dict)
    token: str = TOKEN
    environ: dict[str, str] = field(default_factory=dict)
    models: str = ""
    """YAML of a configuration's provider beside host and token; without it the environment counts."""
    ask: str = ""
    answer: Reply | None = None
    """What the model says when it is asked."""


def refused(name: str, message: str, fix: str, status: str = "fail") -> str:
    """A question over the one route that a pinned model has."""
    return f"{status}  {SONNET} over serving_chat: {message} [{name}]\n      fix: {fix}\n"


def asking(name: str, answer: Reply, message: str, fix: str, *, code: int, state: str = "fail") -> Row:
    found = f"ok    model {SONNET}: ready, {LIMITS}\n" + refused(name, message, fix, state)
    return Row(
        code,
        ACCEPTED + GATEWAY + found,
        models=f"models: [{SONNET}], surface: serving_chat",
        ask=SONNET,
        answer=answer,
    )


def spoken(name: str, handler: Handler, message: str, fix: str) -> Row:
    """The token is refused with these words."""
    return Row(4, f"{CONNECTED}{PERSONAL}fail  {name}: {message}\n      fix: {fix}\n", handler)


ROWS: dict[str, Row] = {
    # The address (1.1, 1.2).
    "all is well": Row(
        0,
        f"{ACCEPTED}{GATEWAY}ok    models: 1 endpoints and 21 model services, opus: system.ai.claude-opus-5-5,"
        f" sonnet: system.ai.claude-sonnet-5-5, haiku: system.ai.claude-haiku-5-5\n",
        endpoints(),
    ),
    "an account's address": Row(
        3,
        "fail  connection: HOST is an account's address or no workspace's: it sends API calls to a login page"
        " [account-address]\n"
        "      fix: give the workspace's own host, as the browser shows it when the workspace is open\n"
        + SKIPPED,
        flags={"account": True},
    ),
    "an account that says so": Row(
        3,
        "fail  connection: HOST is an account's address or no workspace's: it answers as an account [account-address]\n"
        "      fix: give the workspace's own host, as the browser shows it when the workspace is open\n"
        + SKIPPED,
        at(DOCUMENT, failures.as_json(200, {"account_id": "a", "oidc_endpoint": "x"})),
    ),
    "private link": Row(
        5,
        "fail  connection: HOST is only reachable through Private Link [private-link]\n"
        "      fix: connect from the workspace's network, or through its VPN\n" + SKIPPED,
        at("/", Reply(302, (("location", "/login.html?error=private-link-validation-error:123"),))),
    ),
    "a web page": Row(
        3,
        "fail  connection: HOST answers with a web page [not-a-workspace]\n"
        "      fix: give the workspace's own host, as the browser shows it when the workspace is open\n"
        + SKIPPED,
        at("/", Reply(200, (("content-type", "text/html"),), (b"<html><title>Welcome</title></html>",))),
    ),
    "a balancer without a workspace": Row(
        5,
        "fail  connection: HOST answers 502 with a web page: a balancer has nobody behind it [bad-gateway]\n"
        "      fix: try again in a minute; if it stays, look at the cloud's status page\n" + SKIPPED,
        at("/", failures.html()),
    ),
    "?o= of another workspace": Row(
        0,
        "warn  connection: HOST answers as workspace 77, but its address says 1234567890123456 [other-workspace-id]\n"
        "      fix: take host and ?o= from the same workspace\n"
        f"{PERSONAL}ok    token: accepted\n{GATEWAY}ok    model {SONNET}: ready, {LIMITS}\n",
        at(DOCUMENT, failures.as_json(200, {"workspace_id": "77"})),
        models=f"models: [{SONNET}], host: 'HOST/?o=1234567890123456'",
    ),
    "IP access list at the door": Row(
        4,
        "fail  connection: Source IP address: 203.0.113.7 is blocked by Databricks IP ACL for workspace:"
        " 1234567890123456 [ip-list]\n"
        "      fix: connect through the workspace's VPN, or have an admin add this address to its IP access list\n"
        + SKIPPED,
        at("/", failures.ip_blocked()),
    ),
    # The token's form, seen before it is sent (2.1).
    "a token's id": Row(
        4,
        f"{CONNECTED}fail  token form: this is a token's id, not the token [token-id]\n"
        f"      fix: the token begins with dapi and is shown once: {NEW}\n{NO_MODELS}",
        token="0" * 64,
    ),
    "a secret in place of a token": Row(
        4,
        f"{CONNECTED}fail  token form: this is the OAuth secret of a service principal, not a token [oauth-secret]\n"
        f"      fix: give it as client_secret (DATABRICKS_CLIENT_SECRET), beside client_id\n{NO_MODELS}",
        token="dose" + "0" * 32,
    ),
    "a key of another service": Row(
        4,
        f"{CONNECTED}warn  token form: neither a personal access token (dapi...) nor an OAuth token, ...wxyz"
        f" [unknown-token]\n      fix: is it a key of another service? If so, {NEW}\n"
        f"fail  token: Invalid access token. [bad-token]\n"
        f"      fix: it was revoked, has ended, or belongs to another workspace than AUTHORITY: {NEW}\n",
        token="sk-or-v1-wxyz",
    ),
    "a token cut off": Row(
        4,
        f"{CONNECTED}warn  token form: begins as a personal access token but is not as long as one, ...0000 [token-cut]\n"
        "      fix: copy it again, as a whole\n"
        "fail  token: Invalid access token. [bad-token]\n"
        f"      fix: it was revoked, has ended, or belongs to another workspace than AUTHORITY: {NEW}\n",
        token="dapi0000",
    ),
    "an OAuth token that has ended": Row(
        4,
        f"{CONNECTED}fail  token form: this OAuth token ended SPAN ago, ...dXJl [token-ended]\n"
        "      fix: such tokens live about an hour: use a login that is renewed (client_id and client_secret, or"
        f" profile)\n{NO_MODELS}",
        token=jwt(exp=1_600_000_000, iss="https://127.0.0.1/oidc"),
    ),
    "a token of another workspace": Row(
        4,
        f"{CONNECTED}fail  token form: this token was issued by adb-9.9.azuredatabricks.net, not by 127.0.0.1, ...dXJl"
        " [other-workspace]\n"
        "      fix: get a token from 127.0.0.1, or give adb-9.9.azuredatabricks.net as host\n" + NO_MODELS,
        token=jwt(exp=9_000_000_000, iss="https://adb-9.9.azuredatabricks.net/oidc"),
    ),
    "an Entra token for another resource": Row(
        4,
        f"{CONNECTED}fail  token form: this Entra token is for https://management.core.windows.net/, not for Databricks,"
        " ...dXJl [other-audience]\n"
        "      fix: az account get-access-token --resource 2ff814a6-3304-4ab8-85cb-cd0e6f879c1d\n"
        + NO_MODELS,
        token=jwt(
            exp=9_000_000_000, iss="https://sts.windows.net/t/", aud="https://management.core.windows.net/"
        ),
    ),
    # The token, refused (5.3).
    "a token nobody knows": spoken(
        "token",
        at(LISTING, failures.bad_token()),
        "Invalid access token. [bad-token]",
        f"it was revoked, has ended, or belongs to another workspace than AUTHORITY: {NEW}",
    ),
    "the same in plain text and as a 400": spoken(
        "token",
        at(LISTING, failures.invalid_token_text()),
        "Invalid Token [bad-token]",
        f"it was revoked, has ended, or belongs to another workspace than AUTHORITY: {NEW}",
    ),
    "no token of this kind": spoken(
        "token",
        at(LISTING, failures.no_credential()),
        "Credential was not sent or was of an unsupported type for this API. [not-a-token]",
        f"no Databricks token, or not one: {NEW}; a token's id, or a key of another service, is no token",
    ),
    "a token about to end": spoken(
        "token",
        at(LISTING, failures.expiring_token()),
        "Token is expiring within 30 seconds. (token expired) [token-ended]",
        "it has run out: get a new one, or use a login that is renewed (client_id and client_secret, or profile)",
    ),
    "another resource, said by the workspace": spoken(
        "token",
        at(
            LISTING,
            failures.plain(
                400,
                "io.jsonwebtoken.IncorrectClaimException: Expected aud claim to be: 2ff8, but was: https://other",
            ),
        ),
        "io.jsonwebtoken.IncorrectClaimException: Expected aud claim to be: 2ff8, but was: https://other"
        " [other-audience]",
        "it is for another service: az account get-access-token --resource 2ff814a6-3304-4ab8-85cb-cd0e6f879c1d",
    ),
    "IP access list behind the door": spoken(
        "connection",
        at(LISTING, failures.ip_blocked()),
        "Source IP address: 203.0.113.7 is blocked by Databricks IP ACL for workspace: 1234567890123456 [ip-list]",
        "connect through the workspace's VPN, or have an admin add this address to its IP access list",
    ),
    "the clients' own tokens": Row(
        0,
        f"{CONNECTED}ok    token: each client's own is sent on\n",
        token="",
        models="auth: client",
    ),
    "a gateway under another prefix": Row(
        0,
        f"{ACCEPTED}{GATEWAY}ok    model {SONNET}: ready, {LIMITS}\n",
        at("/gateways/team-a/anthropic/v1/models", failures.as_json(200, {"data": []})),
        flags={"gateway": "off"},
        models=f"models: [{SONNET}], prefix: gateways/team-a",
    ),
    "a service principal that is refused": Row(
        4,
        f"{CONNECTED}fail  token: databricks: HOST refused the service principal the-id (status 401: Client"
        " authentication failed); check client_id and client_secret, that the secret has not ended, and that the"
        " principal is in this workspace [no-login]\nskip  models: not looked at: token failed\n",
        token="",
        environ={"DATABRICKS_CLIENT_ID": "the-id", "DATABRICKS_CLIENT_SECRET": "wr0ng-canary"},
    ),
    "two credentials at once": Row(
        0,
        "warn  environment: DATABRICKS_TOKEN and DATABRICKS_CLIENT_ID are both set: the token is used, other tools"
        " refuse both [two-credentials]\n"
        "      fix: set DATABRICKS_AUTH_TYPE to pat or oauth-m2m, or unset one of them\n"
        f"HOST_LINE{ACCEPTED}{GATEWAY}ok    models: 1 endpoints and 21 model services, opus: system.ai.claude-opus-5-5,"
        " sonnet: system.ai.claude-sonnet-5-5, haiku: system.ai.claude-haiku-5-5\n",
        endpoints(),
        environ={"DATABRICKS_CLIENT_ID": "the-id", "DATABRICKS_CLIENT_SECRET": "canary"},
    ),
    # Grants (2.9).
    "no right to list": Row(
        0,
        f"{CONNECTED}{PERSONAL}warn  token: accepted, but it may not list serving endpoints: User does not have"
        " permission 'View' on Endpoint * [no-list-grant]\n"
        "      fix: name the models under models: asking them needs no right to list\n"
        f"{GATEWAY}skip  model {SONNET}: the workspace's list is not known\n",
        flags={"listing": "forbidden"},
        models=f"models: [{SONNET}]",
    ),
    "may be seen, not asked": Row(
        4,
        f"{ACCEPTED}{GATEWAY}fail  model {SONNET}: may be seen but not asked (CAN_VIEW) [no-grant]\n      fix: {GRANT}\n",
        endpoints(permission_level="CAN_VIEW"),
        models=f"models: [{SONNET}]",
    ),
    "a name nobody has, or a grant that is missing": Row(
        1,
        f"{ACCEPTED}{GATEWAY}fail  model databricks-claude-sonet-4-5: there is no endpoint and no model service"
        " databricks-claude-sonet-4-5, or no grant on it: both look the same [no-such-model]\n"
        f"      fix: did you mean {SONNET} or databricks-claude-sonnet-5-5 or databricks-claude-sonnet-4-6? If the name is"
        f" right, {GRANT}\n",
        models="models: [databricks-claude-sonet-4-5]",
    ),
    # Endpoints as they are listed (5.5, 6.1, 6.4).
    "retired": Row(
        1,
        f"{ACCEPTED}{GATEWAY}fail  model databricks-claude-3-7-sonnet: databricks-claude-3-7-sonnet was retired"
        f" [retired]\n      fix: use {SONNET}\n",
        models="models: [databricks-claude-3-7-sonnet]",
    ),
    "starting": Row(
        0,
        f"{ACCEPTED}{GATEWAY}warn  model {SONNET}: is starting or updating [starting]\n"
        "      fix: wait until the endpoint is ready; look at it in the workspace: Serving\n",
        endpoints(state={"ready": "NOT_READY", "config_update": "IN_PROGRESS"}),
        models=f"models: [{SONNET}]",
    ),
    "scaled to zero": Row(
        0,
        f"{ACCEPTED}{GATEWAY}warn  model {SONNET}: sleeps (scaled to zero) [scaled-to-zero]\n"
        "      fix: its first answer takes minutes: keep scale to zero off for an agent's model\n",
        endpoints(state={"ready": "READY", "suspend": "SCALED_TO_ZERO"}),
        models=f"models: [{SONNET}]",
    ),
    "suspended": Row(
        0,
        f"{ACCEPTED}{GATEWAY}warn  model {SONNET}: is suspended [suspended]\n"
        "      fix: start the endpoint in the workspace: Serving\n",
        endpoints(state={"ready": "READY", "suspend": "SUSPENDED"}),
        models=f"models: [{SONNET}]",
    ),
    "no chat": Row(
        0,
        f"{ACCEPTED}{GATEWAY}warn  model {SONNET}: answers no chat (llm/v1/embeddings) [no-chat]\n"
        "      fix: agents need an endpoint whose task is chat\n",
        endpoints(task="llm/v1/embeddings"),
        models=f"models: [{SONNET}]",
    ),
    # Surfaces (1.6).
    "no gateway, and none needed": Row(
        0,
        f"{ACCEPTED}ok    ai gateway: this workspace has none: models are asked at /serving-endpoints\n"
        f"ok    model {SONNET}: ready, {LIMITS}\n",
        flags={"gateway": "off"},
        models=f"models: [{SONNET}]",
    ),
    "no gateway, and a service of one's own": Row(
        1,
        f"{ACCEPTED}fail  ai gateway: this workspace has none, but main.team.helper is only there [no-gateway]\n"
        "      fix: ask for models by their serving endpoints' names, without surface; or have an admin enable the"
        " gateway\n"
        "fail  model main.team.helper: there is no endpoint and no model service main.team.helper, or no grant on it:"
        f" both look the same [no-such-model]\n      fix: if the name is right, {GRANT}\n",
        flags={"gateway": "off"},
        models="models: [main.team.helper]",
    ),
    "a gateway that refuses, and is named": Row(
        3,
        f"{ACCEPTED}fail  ai gateway: this workspace has none, but only gateway_messages is to be used"
        " [no-gateway]\n"
        "      fix: ask for models by their serving endpoints' names, without surface; or have an admin enable the"
        f" gateway\nok    model {SONNET}: ready, {LIMITS}\n",
        flags={"gateway": "refused"},
        models=f"models: [{SONNET}], surface: gateway_messages",
    ),
    # What only a question shows (1.6, 5.4 to 5.6).
    "a rate limit of 0": asking(
        "limit-of-zero",
        failures.limit_of_zero(),
        "The endpoint is temporarily disabled due to a Databricks-set rate limit of 0.",
        "waiting does not help: have an admin enable the model's provider (partner-powered models; trials and Free"
        " Edition have none), or use another model",
        code=4,
    ),
    "the minute is used up": asking(
        "limit",
        failures.rate_limited(),
        f"Exceeded workspace input tokens per minute rate limit for {SONNET}. Work with your Databricks account team to"
        " request a higher FMAPI rate limit tier.",
        "the minute is used up, by anybody in the workspace: wait, use another model, or have the limit raised",
        code=0,
        state="warn",
    ),
    "an endpoint that starts": asking(
        "starting",
        failures.coded(400, "BAD_REQUEST", "The endpoint is scaled to zero."),
        "The endpoint is scaled to zero.",
        "wait: after a pause an endpoint's first answer takes minutes",
        code=0,
        state="warn",
    ),
    "a model that is busy": asking(
        "unavailable",
        failures.unavailable(),
        "The service is temporarily unavailable. Please try again later.",
        "wait a minute and try again",
        code=0,
        state="warn",
    ),
    "no grant on a model": asking(
        "no-grant",
        failures.no_grant(SONNET),
        f"User does not have permission 'View' on Endpoint {SONNET}",
        GRANT,
        code=4,
    ),
    "a guardrail": asking(
        "guardrail",
        failures.guardrail_named(),
        "Request blocked by input guardrail 'no-secrets'",
        "a guardrail of the endpoint blocks even a greeting: look at its configuration",
        code=3,
    ),
    "the gateway is enforced": Row(
        0,
        f"{ACCEPTED}{GATEWAY}ok    model {SONNET}: ready, {LIMITS}\n"
        + "".join(
            f"warn  {SONNET} over serving_{kind}: Querying pay-per-token foundation model endpoint '{SONNET}' is"
            " disabled for this workspace. Please use Unity Gateway. [gateway-enforced]\n"
            "      fix: nothing to do: it is asked over the gateway; ask for it as system.ai.claude-sonnet-4-5 to save"
            " the refusal\n"
            for kind in ("messages", "chat")
        )
        + f"ok    {SONNET} over gateway_messages: answers\nok    {SONNET} over gateway_chat: answers\n",
        flags={"serving": "enforced_off"},
        models=f"models: [{SONNET}]",
        ask=SONNET,
    ),
}


def only(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    """Nothing of this machine's environment, and these variables."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


def checked(
    row: Row, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path
) -> tuple[int, str]:
    """Exit code and output, with the stand-in's address taken out."""
    flags = Flags(**{"token": TOKEN, "client": ("the-id", "s3cret"), **row.flags})  # type: ignore[arg-type]
    with StandIn(lambda _: row.answer or say("ok"), flags, handler=row.handler) as standin:
        arguments = ["doctor", "databricks"]
        environ = {"HOME": str(home), "PATH": "/usr/bin:/bin", **row.environ}
        if row.token:
            environ["DATABRICKS_TOKEN"] = row.token
        if row.models:
            token = "token: '${DATABRICKS_TOKEN}', " if row.token else ""
            own = "" if "host:" in row.models else f"host: '{standin.url}', "
            file = home / "trunkline.yaml"
            file.write_text(
                f"providers: {{databricks: {{{own}{token}{row.models}}}}}\n".replace("HOST", standin.url)
            )
            arguments += ["--config", str(file)]
        else:
            environ["DATABRICKS_HOST"] = standin.url
        if row.ask:
            arguments += ["--ask", row.ask]
        only(monkeypatch, environ)
        code = run(arguments)
        said = capsys.readouterr()
        assert said.err == ""
        out = said.out.replace(standin.url, "HOST").replace(f"127.0.0.1:{standin.port}", "AUTHORITY")
    if row.token:
        assert row.token not in said.out
    assert "canary" not in said.out
    return code, out


@pytest.mark.parametrize("name", ROWS)
def test_each_misconfiguration_is_named_with_its_fix(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = ROWS[name]
    code, out = checked(row, capsys, monkeypatch, tmp_path)
    first, _, rest = out.partition("\n")
    assert first.startswith("ok    configuration: ")
    host = next(line for line in out.splitlines(keepends=True) if "  host: " in line)
    assert host == "ok    host: HOST: a private address\n"
    shown = re.sub(r"ended \d+ h ago", "ended SPAN ago", rest.replace(host, "", 1))
    assert shown == row.out.replace("HOST_LINE", "")
    assert code == row.code


REFUSED_HOSTS = {
    "dotless": (
        "myworkspace",
        "'myworkspace' could be on any cloud; write the whole host: adb-1234567890123456.7",
    ),
    "account": ("accounts.cloud.databricks.com", "accounts.cloud.databricks.com is an account address"),
    "named account": ("https://acme.databricks.com/login", "acme.databricks.com is an account address"),
    "in clear text": ("http://adb-1.2.azuredatabricks.net", "would send the credential in clear text"),
}


@pytest.mark.parametrize("name", REFUSED_HOSTS)
def test_an_address_that_cannot_be_is_a_configuration_error(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host, words = REFUSED_HOSTS[name]
    only(monkeypatch, {"HOME": str(tmp_path), "DATABRICKS_HOST": host, "DATABRICKS_TOKEN": TOKEN})
    assert run(["doctor", "databricks"]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err


def test_without_a_workspace_there_is_nothing_to_check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only(monkeypatch, {"HOME": str(tmp_path)})
    assert run(["doctor", "databricks"]) == 3
    assert (
        "has no Databricks workspace: set DATABRICKS_HOST and DATABRICKS_TOKEN" in capsys.readouterr().err
    )
    assert run(["doctor", "--ask", "x"]) == 2


def test_a_host_that_nobody_answers_at(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with StandIn(()) as standin:
        gone = standin.url
    only(monkeypatch, {"HOME": str(tmp_path), "DATABRICKS_HOST": gone, "DATABRICKS_TOKEN": TOKEN})
    assert run(["doctor", "databricks", "--json"]) == 5
    checks = {one["check"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["connection"]["problem"] == "no-connection"
    assert checks["connection"]["fix"] == "is the network there, is a VPN needed, or a proxy (HTTPS_PROXY)?"
    assert checks["models"]["state"] == "skip"


def test_the_general_check_says_why_and_points_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with StandIn((), handler=at(LISTING, failures.invalid_token_text())) as standin:
        only(
            monkeypatch, {"HOME": str(tmp_path), "DATABRICKS_HOST": standin.url, "DATABRICKS_TOKEN": TOKEN}
        )
        assert run(["doctor"]) == 4
    said = capsys.readouterr().out
    assert (
        "Invalid Token (the Databricks token was revoked, has expired, or belongs to another workspace"
        in said
    )
    assert said.endswith("      fix: trunkline doctor databricks\n")


def test_every_probe_has_a_limit() -> None:
    """A workspace that takes requests and answers none of them."""

    async def scenario() -> list[tuple[str, str]]:
        silent = Reply(before=3600.0)
        async with StandIn((), handler=lambda _: silent) as standin:
            provider = make_provider("dbx", ProviderSettings(kind="databricks", host=standin.url))
            assert isinstance(provider, DatabricksProvider)
            async with Http1Upstream(connect_timeout=5, pool_timeout=5) as upstream:
                check = WorkspaceCheck(
                    provider,
                    upstream,
                    StaticCredentials({"dbx": Secret(TOKEN)}),
                    unix=lambda: 0.0,
                    patience=0.05,
                )
                return [(one.check, one.problem) for one in await check.run()]

    found = asyncio.run(scenario())
    assert found == [("host", ""), ("connection", "no-answer"), ("token", ""), ("models", "")]


class OneList(Vendor):
    """A gateway's own host: nothing but the list of Claude's models."""

    def __init__(self, listed: Reply) -> None:
        super().__init__(Player(()))
        self._listed = listed

    def route(self, received: Received) -> Reply:
        return self._listed if received.path == "/anthropic/v1/models" else failures.as_json(404, {})


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (failures.as_json(200, {"data": []}), [("token", "ok", ""), ("models", "skip", "")]),
        (failures.bad_token(), [("token", "fail", "bad-token")]),
        (failures.no_such_path(), [("models", "skip", "")]),
    ],
    ids=["accepted", "refused", "no-list"],
)
def test_a_gateways_own_host_is_asked_for_its_one_list(
    reply: Reply, found: list[tuple[str, str, str]]
) -> None:
    """It has no control plane (databricks.md 1.5); without a network: the host is one that nobody has here."""

    async def scenario() -> list[tuple[str, str, str]]:
        settings = ProviderSettings(kind="databricks", host="1234567.ai-gateway.azuredatabricks.net")
        provider = make_provider("dbx", settings)
        assert isinstance(provider, DatabricksProvider)
        upstream = InProcess({"1234567.ai-gateway.azuredatabricks.net": OneList(reply)})
        check = WorkspaceCheck(
            provider, upstream, StaticCredentials({"dbx": Secret(TOKEN)}), unix=lambda: 0.0
        )
        return [(one.check, one.state, one.problem) for one in await check.run()]

    assert asyncio.run(scenario()) == [
        ("host", "warn", "gateway-host"),
        ("connection", "ok", ""),
        ("token form", "ok", ""),
        *found,
    ]
