"""Requests and errors of older proxies' users, without a socket: completed, worded, sent elsewhere."""

import asyncio
import json
from collections.abc import Callable

import pytest

from trunkline.app.backend_health import Backend
from trunkline.app.discovery import Listing
from trunkline.app.fronts import check_direct, make_front
from trunkline.app.proxy_log import LogFile, events
from trunkline.app.words import of_databricks, refuses_tools
from trunkline.config.claude_code_azure import decode_azure
from trunkline.config.proxy_backend.reader import read_proxy
from trunkline.config.schema import Configuration, ProviderSettings
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.usage import Usage
from trunkline.protocols.registry import CODECS
from trunkline.providers.provider import ListedModel
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import ExchangeRecord, Sink
from trunkline.routing.table import Served, build_table

AZURE = {
    "PROXY_BACKEND": "AZURE_DATABRICKS",
    "DATABRICKS_HOST": "my-workspace",
    "DATABRICKS_TOKEN": "dapi-x",
}
KEY = {"OPENROUTER_API_KEY": "sk-or"}
ASK = {"model": "small", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
CATEGORIES = "providers: {openai: {api_key: k}}\nmodel_categories: {large: openai/gpt-4o, small: openai/gpt-4o-mini}\n"


def proxy(**more: str) -> Configuration:
    return read_proxy("environment", {}, {**AZURE, **more}).configuration


class Exchanges:
    """What reaches the exchange, and how each ends."""

    def __init__(self, *errors: GatewayError | None) -> None:
        self._errors = list(errors)
        self.bodies: list[dict[str, object]] = []
        self.refused: list[int] = []

    def refuse(self, inbound: Inbound, error: GatewayError) -> None:
        self.refused.append(error.status)

    async def __call__(self, inbound: Inbound, sink: Sink) -> None:
        self.bodies.append(json.loads(inbound.body))
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error


class NoSink:
    direct = None
    at_once = None

    async def start(self, status: int, headers: object) -> None:
        raise AssertionError

    async def send(self, data: bytes) -> None:
        raise AssertionError


def send(
    configuration: Configuration, exchanges: Exchanges, body: object, protocol: str = "anthropic_messages"
) -> None:
    inbound = Inbound(
        codec=CODECS[protocol],
        operation="generate",
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers=(),
        request_id="r",
        client="-",
    )
    asyncio.run(_run(make_front(configuration, exchanges, exchanges.refuse), inbound))


async def _run(front: Callable[..., object], inbound: Inbound) -> None:
    await front(inbound, NoSink())  # type: ignore[misc]


def refusal(configuration: Configuration, exchanges: Exchanges, body: object) -> tuple[int, str, str]:
    with pytest.raises(GatewayError) as caught:
        send(configuration, exchanges, body)
    error = caught.value
    return error.status, error.kind.value, error.message


def test_what_the_guides_own_examples_leave_out() -> None:
    exchanges = Exchanges()
    send(proxy(), exchanges, {"messages": ASK["messages"]})
    send(proxy(), exchanges, {**ASK, "model": "big"})
    assert exchanges.bodies == [
        {"messages": ASK["messages"], "model": "small", "max_tokens": 1000},
        {**ASK, "model": "big"},
    ]


def test_names_of_openrouters_own_go_there_as_they_are() -> None:
    exchanges = Exchanges()
    configuration = proxy(PROXY_BACKEND="LITELLM_OPENROUTER", **KEY)
    names = ["openai/gpt-5", "openrouter/openai/gpt-5", "big", "claude-sonnet-4"]
    for name in names:
        send(configuration, exchanges, {**ASK, "model": name})
    asked = [body["model"] for body in exchanges.bodies]
    assert asked == ["openrouter/openai/gpt-5", "openrouter/openai/gpt-5", "big", "claude-sonnet-4"]


INVALID = [
    ({**ASK, "messages": []}, "messages: at least one message is required"),
    ({"model": "small", "max_tokens": 5}, "messages: at least one message is required"),
    ([], "the request body is not a JSON object: "),
    (b"{", "the request body is not a JSON object: "),
]


@pytest.mark.parametrize(("body", "reason"), INVALID)
def test_400_says_what_is_wrong_and_asks_nobody(body: object, reason: str) -> None:
    exchanges = Exchanges()
    status, kind, message = refusal(proxy(), exchanges, body)
    assert (status, kind, exchanges.bodies, exchanges.refused) == (400, "invalid_request", [], [400])
    assert message.startswith(f"Invalid Anthropic request format: {reason}")


def test_503_without_host_or_token() -> None:
    configuration = read_proxy(
        "environment", {}, {"PROXY_BACKEND": "AZURE_DATABRICKS", **KEY}
    ).configuration
    exchanges = Exchanges()
    assert refusal(configuration, exchanges, ASK) == (
        503,
        "overloaded",
        "Azure Databricks host and token must be configured. Set DATABRICKS_HOST and DATABRICKS_TOKEN in"
        " environment.",
    )
    assert (exchanges.bodies, exchanges.refused) == ([], [503])


def test_503_where_databricks_is_not_the_backend() -> None:
    check_direct(proxy())
    check_direct(Configuration(source="own", providers=(("dbx", ProviderSettings(kind="databricks")),)))
    for configuration in (
        proxy(PROXY_BACKEND="OPENROUTER", **KEY),
        Configuration(source="own", providers=(("dbx", ProviderSettings(kind="openai")),)),
    ):
        with pytest.raises(GatewayError) as caught:
            check_direct(configuration)
        assert (caught.value.status, caught.value.message) == (
            503,
            "Azure Databricks integration is not enabled. Set PROXY_BACKEND=AZURE_DATABRICKS in environment.",
        )


def upstream(kind: Kind, status: int, message: str = "why") -> GatewayError:
    return GatewayError(kind, message, status=status, local=False, raw=b"{}", protocol="anthropic_messages")


WORDS = [
    (upstream(Kind.AUTHENTICATION, 403), 401, Kind.AUTHENTICATION, "Azure Databricks authentication failed. Check your PAT token."),
    (upstream(Kind.PERMISSION, 403), 403, Kind.PERMISSION, "Access denied to Azure Databricks endpoints. why"),
    (upstream(Kind.NOT_FOUND, 404), 404, Kind.NOT_FOUND, "Endpoint not found or workspace URL incorrect. why"),
    (upstream(Kind.UPSTREAM_FAILED, 502), 500, Kind.UPSTREAM_FAILED, "Azure Databricks request failed: why"),
    (GatewayError(Kind.UNREACHABLE, "why"), 500, Kind.UPSTREAM_FAILED, "Azure Databricks request failed: why"),
    (GatewayError(Kind.TIMEOUT, "why"), 500, Kind.UPSTREAM_FAILED, "Azure Databricks request failed: why"),
    (upstream(Kind.OVERLOADED, 503), 503, Kind.OVERLOADED, "Azure Databricks request failed: why"),
    (upstream(Kind.RATE_LIMITED, 429), 429, Kind.RATE_LIMITED, "why"),
    (upstream(Kind.INVALID_REQUEST, 400), 400, Kind.INVALID_REQUEST, "why"),
    (upstream(Kind.CONTEXT_TOO_LONG, 400), 400, Kind.CONTEXT_TOO_LONG, "why"),
    (GatewayError(Kind.INVALID_REQUEST, "why"), 400, Kind.INVALID_REQUEST, "Invalid Anthropic request format: why"),
    (GatewayError(Kind.NOT_FOUND, "why"), 404, Kind.NOT_FOUND, "why"),
    (GatewayError(Kind.INTERNAL, "why"), 500, Kind.INTERNAL, "why"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "status", "kind", "message"), WORDS)
def test_errors_in_the_guides_words(error: GatewayError, status: int, kind: Kind, message: str) -> None:
    error.retry_after = 7.0
    error.headers = (("x-trunkline-provider", "databricks"),)
    worded = of_databricks(error)
    assert (worded.status, worded.kind, worded.message) == (status, kind, message)
    assert (worded.retry_after, worded.headers) == (7.0, error.headers)
    assert worded is error or worded.raw is None


NO_TOOLS = [
    "tools are not supported by this endpoint",
    "This model does not support tool use in streaming mode",
    "function calling is not supported",
    "tools: Extra inputs are not permitted",
    "The endpoint doesn't support tools",
    "tool_choice and tools are unsupported",
]
OTHER = [
    "prompt is too long: 212345 tokens > 200000 maximum",
    "tools.0.input_schema: Field required",
    "messages.1: `tool_use` ids were found without `tool_result` blocks",
    "temperature is not supported",
    "tools: at most 32 tools may be given",
]


def test_which_refusals_are_about_tools() -> None:
    for message in NO_TOOLS:
        assert refuses_tools(upstream(Kind.INVALID_REQUEST, 400, message)), message
    for message in OTHER:
        assert not refuses_tools(upstream(Kind.INVALID_REQUEST, 400, message)), message
    assert not refuses_tools(upstream(Kind.OVERLOADED, 503, NO_TOOLS[0]))
    assert refuses_tools(GatewayError(Kind.INVALID_REQUEST, "m takes no tools", code="unsupported_tools"))


TOOLS = {**ASK, "tools": [{"name": "ls", "input_schema": {"type": "object"}}]}


def test_tools_that_the_workspace_cannot_do_go_to_openrouter_and_nothing_else_does() -> None:
    refused = upstream(Kind.INVALID_REQUEST, 400, NO_TOOLS[0])
    exchanges = Exchanges(refused)
    send(proxy(**KEY), exchanges, TOOLS)
    assert exchanges.bodies == [TOOLS, {**TOOLS, "model": "openrouter/anthropic/claude-sonnet-4.5"}]
    for configuration, error, body in (
        (proxy(), refused, TOOLS),
        (proxy(**KEY), refused, ASK),
        (proxy(**KEY), refused, {**TOOLS, "tools": []}),
        (proxy(**KEY), upstream(Kind.AUTHENTICATION, 403), TOOLS),
        (proxy(**KEY), upstream(Kind.UPSTREAM_FAILED, 500), TOOLS),
        (proxy(**KEY), upstream(Kind.RATE_LIMITED, 429), TOOLS),
    ):
        exchanges = Exchanges(error)
        refusal(configuration, exchanges, body)
        assert exchanges.bodies == [body]


def test_other_protocols_and_backends_keep_their_own_words() -> None:
    error = upstream(Kind.AUTHENTICATION, 401)
    with pytest.raises(GatewayError) as caught:
        send(proxy(), Exchanges(error), ASK, "openai_chat")
    assert caught.value is error
    with pytest.raises(GatewayError) as caught:
        send(proxy(PROXY_BACKEND="OPENROUTER", **KEY), Exchanges(error), ASK)
    assert caught.value is error


def test_an_own_configuration_has_nothing_in_front() -> None:
    exchanges = Exchanges()
    assert make_front(Configuration(source="own"), exchanges, exchanges.refuse) is exchanges


def test_the_bridges_clients_may_leave_the_model_out() -> None:
    paths = (("*", ("/mlflow/v1/chat/completions",)),)
    settings = ProviderSettings(kind="databricks", host="adb-1.2.azuredatabricks.net", paths=paths)
    bridge = Configuration(source="own", providers=(("databricks", settings),))
    exchanges = Exchanges()
    messages = [{"role": "user", "content": "Hi"}]
    send(bridge, exchanges, {"messages": messages}, "openai_chat")
    send(bridge, exchanges, {"messages": messages, "model": "mine"}, "openai_chat")
    assert [body["model"] for body in exchanges.bodies] == ["databricks-claude-sonnet-4-6", "mine"]
    assert exchanges.bodies[0]["messages"] == messages
    send(bridge, exchanges, ASK)
    assert exchanges.bodies[2] == ASK


def test_a_name_that_claude_code_azure_does_not_know_is_a_bad_request() -> None:
    configuration = decode_azure(CATEGORIES, "config.yaml", {}).configuration
    error = GatewayError(Kind.NOT_FOUND, 'There is no model "x".', field="model")
    assert refusal(configuration, Exchanges(error), {**ASK, "model": "x"}) == (
        400,
        "invalid_request",
        "Unrecognized model: x. Must use explicit provider prefix or a configured model category."
        ' There is no model "x".',
    )
    other = upstream(Kind.NOT_FOUND, 404)
    assert refusal(configuration, Exchanges(other), ASK) == (404, "not_found", "why")


# Health.


def health(models: tuple[str, ...] = (), error: GatewayError | None = None) -> dict[str, object]:
    configuration = proxy(ENVIRONMENT="production")
    assert configuration.proxy is not None
    served = Served(provider="databricks", models=models, discovered=True, listed=bool(models))
    listing = Listing("databricks", tuple(map(ListedModel, models)), error)
    return Backend(configuration.proxy, True, listing, build_table(configuration, [served])).details()


def test_the_guides_own_body() -> None:
    assert health(("databricks-claude-sonnet-4", "databricks-claude-3-7-sonnet")) == {
        "status": "healthy",
        "backend": "AZURE_DATABRICKS",
        "azure_databricks": {
            "status": "healthy",
            "endpoints": {"claude-sonnet-4": "available", "claude-3-7-sonnet": "available"},
            "workspace": "my-workspace",
        },
        "environment": "production",
    }


HEALTH = [
    (("databricks-claude-sonnet-4-5",), None, "healthy", ["available", "available"]),
    (("databricks-claude-sonnet-4",), None, "degraded", ["available", "unavailable"]),
    (("databricks-gpt-5",), None, "unhealthy", ["unavailable", "unavailable"]),
    ((), upstream(Kind.AUTHENTICATION, 401), "unhealthy", ["unavailable", "unavailable"]),
    ((), GatewayError(Kind.UNREACHABLE, "why"), "unhealthy", ["unavailable", "unavailable"]),
    ((), upstream(Kind.PERMISSION, 403), "healthy", ["unknown", "unknown"]),
]


@pytest.mark.parametrize(("models", "error", "status", "endpoints"), HEALTH)
def test_health_by_what_the_workspace_lists(
    models: tuple[str, ...], error: GatewayError | None, status: str, endpoints: list[str]
) -> None:
    found = health(models, error)
    section = found["azure_databricks"]
    assert isinstance(section, dict)
    assert (found["status"], section["status"]) == (status, status)
    assert list(section["endpoints"].values()) == endpoints
    assert ("message" in section) == (error is not None)


def test_health_before_anybody_was_asked_and_without_a_configuration() -> None:
    configuration = proxy()
    assert configuration.proxy is not None
    table = build_table(configuration, [])
    assert Backend(configuration.proxy, True, None, table).summary() == {
        "backend": "AZURE_DATABRICKS",
        "azure_databricks": {"status": "unknown", "workspace": "my-workspace"},
    }
    assert Backend(configuration.proxy, False, None, table).details()["status"] == "misconfigured"


# Log.


def record(**changes: object) -> ExchangeRecord:
    fields: dict[str, object] = {
        "request_id": "r1", "protocol": "anthropic_messages", "operation": "generate",
        "asked_model": "claude-3.7-sonnet", "provider": "databricks", "model": "databricks-claude-3-7-sonnet",
        "route": "alias", "stream": False, "status": 200, "outcome": "ok", "attempts": (), "losses": (),
        "usage": Usage(input=15, output=42), "stop": None, "error": None, "seconds": 1.0,
        "first_byte_seconds": 1.0, "client": "-", "agent": "", "session": None,
    }  # fmt: skip
    return ExchangeRecord(**(fields | changes))  # type: ignore[arg-type]


def logged(configuration: Configuration, entry: ExchangeRecord) -> list[dict[str, object]]:
    assert configuration.proxy is not None
    lines = [json.loads(line) for line in events(configuration.proxy, entry).splitlines()]
    for line in lines:
        assert line.pop("request_id") == "r1"
        assert line.pop("timestamp")
    return lines


def test_the_events_of_the_guide() -> None:
    routing = {
        "event": "🔄 Backend routing",
        "backend": "AZURE_DATABRICKS",
        "model": "claude-3.7-sonnet",
        "endpoint": "databricks-claude-3-7-sonnet",
        "level": "info",
    }
    assert logged(proxy(), record()) == [
        routing,
        {
            "event": "Azure Databricks message created successfully",
            "input_tokens": 15,
            "output_tokens": 42,
            "total_tokens": 57,
            "level": "info",
        },
    ]
    failed = record(
        status=401, outcome="error", error="authentication: dapi-secretsecret is no token", usage=None
    )
    failure = {
        "event": "Azure Databricks request failed",
        "status": 401,
        "outcome": "error",
        "error": "authentication: **** is no token",
        "level": "error",
    }
    assert logged(proxy(), failed) == [routing, failure]
    assert logged(proxy(LOG_LEVEL="ERROR"), failed) == [failure]
    assert logged(proxy(LOG_LEVEL="WARNING"), record()) == []
    elsewhere = logged(proxy(**KEY), record(provider="openrouter", model="m"))
    assert elsewhere[1]["event"] == "OpenRouter message created successfully"


def test_the_log_file_appends_and_never_grows_without_bound(
    tmp_path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "logs" / "server.log"
    log = LogFile(file)
    log.write(b"one\n")
    log.write(b"two\n")
    assert file.read_text() == "one\ntwo\n"
    assert file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr("trunkline.app.proxy_log.MOST", 5)
    log.write(b"three\n")
    assert (file.read_text(), (file.parent / "server.log.1").read_text()) == ("three\n", "one\ntwo\n")
    (tmp_path / "taken").write_text("")
    beside = LogFile(tmp_path / "taken" / "server.log")
    beside.write(b"four\n")
    beside.write(b"five\n")
    told = capfd.readouterr().err.splitlines()
    assert told[0].endswith("server.log cannot be written: File exists")
    assert told[1:] == ["four", "five"]
