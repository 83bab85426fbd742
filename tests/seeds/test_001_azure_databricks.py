"""The PROXY_BACKEND proxy's "Azure Databricks Claude Integration Guide", from its top to its bottom.

Its commands, requests, files and bodies as they stand there; only host, token and port are the stand-in
workspace's. A heading in a comment is a heading of the guide.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.driver import Claude
from agents.install import claude_code
from seeds.clone import Clone, Proxy
from seeds.conftest import make_clone
from seeds.serving import eventually
from standin import Flags, Received, Reply, StandIn, failures, say, use

pytestmark = pytest.mark.server

TOKEN = "dapi-your-databricks-token"
FOUR, THREE_SEVEN = "databricks-claude-sonnet-4", "databricks-claude-3-7-sonnet"

COMPLETE = """
# Unified Proxy Backend
PROXY_BACKEND=AZURE_DATABRICKS

# OpenRouter (required for tool fallback)
OPENROUTER_API_KEY=your-openrouter-api-key

# Azure Databricks Configuration
DATABRICKS_HOST={host}
DATABRICKS_TOKEN=dapi-your-databricks-token

# Optional: Advanced Configuration
DATABRICKS_TIMEOUT=30.0
DATABRICKS_MAX_RETRIES=3

# Server Configuration
ENVIRONMENT=production
LOG_LEVEL=INFO
PORT=0
HOST=0.0.0.0
"""
"""Configuration > Complete .env Configuration; with port 0 the server takes a free one and says which."""

HELLO = {"role": "user", "content": "Hello"}


def workspace(**flags: object) -> StandIn:
    """Prerequisites: a workspace, a token, and both endpoints. Each says which it is."""
    there = {"token": TOKEN, "endpoints": (THREE_SEVEN,)} | flags
    return StandIn(lambda asked: say(f"I am {asked.model}"), Flags(**there))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return make_clone(tmp_path_factory.mktemp("guide"))


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with workspace() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(place: Clone, standin: StandIn) -> Iterator[Proxy]:
    """Configuration, then ``python start_server.py``."""
    place.write(".env", COMPLETE.format(host=standin.url))
    with place.start("python", "start_server.py") as running:
        yield running
    assert running.code == 0
    assert "Traceback" not in running.printed
    assert TOKEN not in running.printed


# Configuration


def test_it_says_where_it_listens_and_what_it_read(place: Clone, proxy: Proxy) -> None:
    assert f"Trunkline listens on {proxy.url}" in proxy.printed
    assert f"configuration  {place.folder / '.env'}" in proxy.printed
    assert (
        "HOST: without TRUNKLINE_KEY only this machine is served: listening on 127.0.0.1" in proxy.printed
    )


def test_environment_setup_method_1_copy_and_edit_the_example(clone: Clone) -> None:
    clone.copy(".env.example", ".env")
    with workspace() as standin:
        text = (clone.folder / ".env").read_text()
        edited = text.replace("your-workspace-instance", standin.url).replace("PORT=4000", "PORT=0")
        clone.write(".env", edited)
        with clone.start("python", "start_server.py") as proxy:
            assert proxy.curl("curl http://localhost:4000/health").json["backend"] == "AZURE_DATABRICKS"


def test_manual_testing_of_the_configuration(clone: Clone) -> None:
    asked = "from src.utils.config import config; print('Backend:', config.proxy_backend)"
    clone.write(
        ".env", "PROXY_BACKEND=AZURE_DATABRICKS\nDATABRICKS_HOST=adb-1.1\nDATABRICKS_TOKEN=dapi-x\n"
    )
    assert clone.run("python", "-c", asked).stdout == "Backend: AZURE_DATABRICKS\n"


def test_environment_setup_method_2_export_directly(clone: Clone) -> None:
    with workspace() as standin:
        clone.export(PROXY_BACKEND="AZURE_DATABRICKS")
        clone.export(DATABRICKS_HOST=standin.url)
        clone.export(DATABRICKS_TOKEN=TOKEN)
        clone.export(OPENROUTER_API_KEY="your-openrouter-api-key", PORT="0")
        with clone.start("python", "start_server.py") as proxy:
            assert proxy.post("/v1/messages", {"messages": [HELLO]}).said == f"I am {THREE_SEVEN}"
        assert (
            "Azure Databricks message created successfully"
            in (clone.folder / "logs/server.log").read_text()
        )


# Backend Integration > Model Mapping

MAPPING = [
    ("claude-sonnet-4", FOUR),
    ("claude-3.7-sonnet", THREE_SEVEN),
    ("anthropic/claude-sonnet-4", FOUR),
    ("big", FOUR),
    ("small", THREE_SEVEN),
    ("any-other-name", THREE_SEVEN),
    ("databricks-claude-sonnet-4", FOUR),
    ("databricks-claude-3-7-sonnet", THREE_SEVEN),
]


@pytest.mark.parametrize(("name", "endpoint"), MAPPING)
def test_model_mapping(proxy: Proxy, name: str, endpoint: str) -> None:
    answer = proxy.post("/v1/messages", {"model": name, "max_tokens": 50, "messages": [HELLO]})
    assert (answer.status, answer.said) == (200, f"I am {endpoint}")


def test_the_mapping_follows_what_the_workspace_has_when_a_model_was_retired(clone: Clone) -> None:
    with workspace(endpoints=()) as standin:
        clone.write(".env", COMPLETE.format(host=standin.url))
        with clone.start("python", "start_server.py") as proxy:
            for name in ("claude-3.7-sonnet", "small", "any-other-name"):
                answer = proxy.post("/v1/messages", {"model": name, "max_tokens": 50, "messages": [HELLO]})
                assert answer.said == "I am databricks-claude-sonnet-4-5"
            health = proxy.curl("curl http://localhost:4000/health/detailed").json
            assert health["status"] == "healthy"


# Available Endpoints


def test_the_main_message_endpoint(proxy: Proxy, standin: StandIn) -> None:
    answer = proxy.curl(
        """curl -X POST http://localhost:4000/v1/messages \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": "claude-3.7-sonnet",
    "max_tokens": 100,
    "messages": [
      {
        "role": "user",
        "content": "Hello, how are you?"
      }
    ]
  }'"""
    )
    assert answer.status == 200
    body = answer.json
    assert (body["type"], body["role"], body["stop_reason"]) == ("message", "assistant", "end_turn")
    assert answer.said == f"I am {THREE_SEVEN}"
    assert standin.asked[-1].body["max_tokens"] == 100


def test_the_basic_health_check(proxy: Proxy) -> None:
    answer = proxy.curl("curl http://localhost:4000/health")
    assert answer.status == 200
    body = answer.json
    assert (body["status"], body["backend"]) == ("healthy", "AZURE_DATABRICKS")
    assert isinstance(body["azure_databricks"], dict)
    assert body["azure_databricks"]["workspace"]


def test_the_legacy_direct_endpoints(proxy: Proxy) -> None:
    asks = {
        "/v1/databricks/messages": FOUR,
        "/v1/databricks/messages/claude-sonnet-4": FOUR,
        "/v1/databricks/messages/claude-3-7-sonnet": THREE_SEVEN,
    }
    for path, endpoint in asks.items():
        answer = proxy.post(path, {"model": "big", "max_tokens": 50, "messages": [HELLO]})
        assert (answer.status, answer.said) == (200, f"I am {endpoint}")
        assert answer.headers["deprecation"].startswith("@")
        assert answer.headers["link"] == '</v1/messages>; rel="successor-version"'
    assert "deprecation" not in proxy.curl("curl http://localhost:4000/health").headers


def test_a_legacy_endpoint_streams_too(proxy: Proxy) -> None:
    body = {"model": "small", "max_tokens": 50, "stream": True, "messages": [HELLO]}
    answer = proxy.post("/v1/databricks/messages/claude-sonnet-4", body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.startswith("event: message_start")
    assert answer.text.rstrip().rpartition("\n\n")[2].startswith("event: message_stop")


# Usage Examples


@pytest.mark.agent
def test_claude_code_cli_integration(proxy: Proxy, standin: StandIn, tmp_path: Path) -> None:
    """``export ANTHROPIC_BASE_URL=...``, then ``claude "Explain quantum computing"``."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    claude = Claude(claude_code(), tmp_path / "home", tmp_path / "work", proxy.url, "any", "sonnet")
    run = claude.run("Explain quantum computing")
    # "sonnet" is its newest, by its own id; the workspace has that model, so it is the one that answers
    assert run.result.startswith("I am databricks-claude-sonnet-")
    assert run.code == 0
    assert standin.refusals == []


def test_the_python_example(proxy: Proxy) -> None:
    data = {
        "model": "claude-3.7-sonnet",
        "max_tokens": 150,
        "temperature": 0.7,
        "messages": [{"role": "user", "content": "Explain quantum computing in simple terms"}],
    }
    response = proxy.post("/v1/messages", data)
    assert response.status == 200
    assert json.loads(response.text)["content"][0]["text"] == f"I am {THREE_SEVEN}"


def test_the_javascript_example(proxy: Proxy) -> None:
    data = {
        "model": "claude-sonnet-4",
        "max_tokens": 200,
        "messages": [{"role": "user", "content": "Write a haiku about programming"}],
    }
    assert proxy.post("/v1/messages", data).said == f"I am {FOUR}"


# Authentication Details


def test_basic_authentication_as_it_was(proxy: Proxy, standin: StandIn) -> None:
    proxy.post("/v1/messages", {"model": "big", "max_tokens": 5, "messages": [HELLO]})
    header = "Basic " + base64.b64encode(f"token:{TOKEN}".encode()).decode()
    assert {request.header("authorization") for request in standin.requests} == {header}


# Error Handling


@pytest.mark.parametrize("path", ["/v1/databricks/messages", "/v1/databricks/messages/claude-sonnet-4"])
def test_503_when_the_backend_is_not_enabled(clone: Clone, path: str) -> None:
    clone.write(".env", "PROXY_BACKEND=OPENROUTER\nOPENROUTER_API_KEY=your-openrouter-api-key\nPORT=0\n")
    clone.export(HTTPS_PROXY="http://127.0.0.1:9")  # nothing beyond this machine is talked to
    with clone.start("python", "start_server.py") as proxy:
        answer = proxy.post(path, {"model": "big", "max_tokens": 5, "messages": [HELLO]})
    assert answer.error == (
        503,
        "overloaded_error",
        "Azure Databricks integration is not enabled. Set PROXY_BACKEND=AZURE_DATABRICKS in environment.",
    )


@pytest.mark.parametrize("missing", ["DATABRICKS_HOST", "DATABRICKS_TOKEN"])
def test_503_when_host_or_token_is_missing(clone: Clone, missing: str) -> None:
    lines = COMPLETE.format(host="https://127.0.0.1:9").splitlines()
    clone.write(".env", "\n".join(line for line in lines if not line.startswith(missing)))
    with clone.start("python", "start_server.py") as proxy:
        answer = proxy.post("/v1/messages", {"model": "big", "max_tokens": 5, "messages": [HELLO]})
        assert proxy.curl("curl -f http://localhost:4000/health").status == 200
        detailed = proxy.curl("curl http://localhost:4000/health/detailed").json
    message = (
        "Azure Databricks host and token must be configured. Set DATABRICKS_HOST and DATABRICKS_TOKEN in"
    )
    assert answer.error == (503, "overloaded_error", f"{message} environment.")
    logged = (clone.folder / "logs" / "server.log").read_text()
    assert '"event":"Azure Databricks request failed","status":503' in logged
    assert detailed["status"] == "misconfigured"


@pytest.mark.parametrize(
    "body",
    [{"model": "big", "max_tokens": 5, "messages": []}, {"model": "big"}, {"messages": "Hello"}, ["Hello"]],
)
def test_400_for_what_is_no_request(proxy: Proxy, body: object) -> None:
    status, kind, message = proxy.post("/v1/messages", body).error
    assert (status, kind) == (400, "invalid_request_error")
    assert message.startswith("Invalid Anthropic request format: ")


ERRORS = [
    (failures.bad_token(), 401, "authentication_error", "Azure Databricks authentication failed. Check your PAT token."),
    (failures.no_grant(FOUR), 403, "permission_error", "Access denied to Azure Databricks endpoints. "),
    (failures.no_such_endpoint(), 404, "not_found_error", "Endpoint not found or workspace URL incorrect. "),
    (failures.internal_error(), 500, "api_error", "Azure Databricks request failed: "),
    (failures.html(), 500, "api_error", "Azure Databricks request failed: "),
]  # fmt: skip


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Clone, Proxy, list[Reply]]]:
    """A proxy on a workspace that refuses as the last of a list says, whatever is asked of its models."""
    wanted: list[Reply] = []

    def refuse(received: Received) -> Reply | None:
        return wanted[-1] if wanted and received.method == "POST" else None

    place = make_clone(tmp_path_factory.mktemp("failing"))
    with StandIn([], Flags(token=TOKEN), handler=refuse) as standin:
        text = COMPLETE.format(host=standin.url).replace(
            "DATABRICKS_MAX_RETRIES=3", "DATABRICKS_MAX_RETRIES=0"
        )
        place.write(".env", text)
        with place.start("python", "start_server.py") as proxy:
            yield place, proxy, wanted


@pytest.mark.parametrize(
    ("reply", "status", "kind", "message"), ERRORS, ids=[str(row[1]) for row in ERRORS]
)
def test_errors_of_azure_databricks(
    failing: tuple[Clone, Proxy, list[Reply]], reply: Reply, status: int, kind: str, message: str
) -> None:
    place, proxy, wanted = failing
    wanted.append(reply)
    answer = proxy.post("/v1/messages", {"model": "claude-sonnet-4", "max_tokens": 5, "messages": [HELLO]})
    assert answer.error[:2] == (status, kind)
    assert answer.error[2].startswith(message)
    # Troubleshooting > Log Analysis: grep "401\|403" logs/server.log
    log = place.folder / "logs" / "server.log"
    request_id = answer.headers["x-trunkline-request-id"]
    eventually(lambda: log.exists() and request_id in log.read_text())
    assert "Azure Databricks request failed" in log.read_text()


def test_401_with_a_token_that_is_wrong(clone: Clone) -> None:
    with workspace(token="another-token") as standin:
        clone.write(".env", COMPLETE.format(host=standin.url))
        with clone.start("python", "start_server.py") as proxy:
            answer = proxy.post("/v1/messages", {"model": "big", "max_tokens": 5, "messages": [HELLO]})
            assert answer.json["error"] == {
                "type": "authentication_error",
                "message": "Azure Databricks authentication failed. Check your PAT token.",
            }
            health = proxy.curl("curl http://localhost:4000/health/detailed").json
    assert health["status"] == "unhealthy"
    assert health["azure_databricks"] == {
        "status": "unhealthy",
        "message": "Azure Databricks authentication failed. Check your PAT token.",
        "endpoints": {"claude-sonnet-4": "unavailable", "claude-3-7-sonnet": "unavailable"},
        "workspace": standin.url.removeprefix("http://"),
    }


# Monitoring and Logging


def test_structured_logging(place: Clone, proxy: Proxy) -> None:
    answer = proxy.post(
        "/v1/messages", {"model": "claude-3.7-sonnet", "max_tokens": 50, "messages": [HELLO]}
    )
    request_id, usage = answer.headers["x-trunkline-request-id"], json.loads(answer.text)["usage"]
    log = place.folder / "logs" / "server.log"
    eventually(lambda: log.exists() and log.read_text().count(request_id) == 2)
    routing, created = [json.loads(line) for line in log.read_text().splitlines() if request_id in line]
    assert {key: routing[key] for key in ("event", "backend", "model", "endpoint")} == {
        "event": "🔄 Backend routing",
        "backend": "AZURE_DATABRICKS",
        "model": "claude-3.7-sonnet",
        "endpoint": "databricks-claude-3-7-sonnet",
    }
    assert created["event"] == "Azure Databricks message created successfully"
    assert (created["input_tokens"], created["output_tokens"]) == (
        usage["input_tokens"],
        usage["output_tokens"],
    )
    assert created["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert TOKEN not in log.read_text()


def test_health_monitoring(proxy: Proxy, standin: StandIn) -> None:
    asked = len(standin.asked)
    body = proxy.curl("curl http://localhost:4000/health/detailed").json
    assert {key: body[key] for key in ("status", "backend", "azure_databricks", "environment")} == {
        "status": "healthy",
        "backend": "AZURE_DATABRICKS",
        "azure_databricks": {
            "status": "healthy",
            "endpoints": {"claude-sonnet-4": "available", "claude-3-7-sonnet": "available"},
            "workspace": standin.url.removeprefix("http://"),
        },
        "environment": "production",
    }
    assert len(standin.asked) == asked  # it costs no tokens


# Testing > Manual Testing


def test_the_configuration_can_be_looked_at(place: Clone, proxy: Proxy) -> None:
    del proxy
    shown = place.run("trunkline", "config", "show", "--json")
    assert shown.returncode == 0
    found = json.loads(shown.stdout)
    assert found["proxy"]["backend"] == "AZURE_DATABRICKS"
    assert TOKEN not in shown.stdout
    imported = place.run("trunkline", "config", "import", "proxy-backend")
    place.write("imported.yaml", imported.stdout)
    place.export(OPENROUTER_API_KEY="a", DATABRICKS_TOKEN="b")
    checked = place.run("trunkline", "config", "check", "--config", "imported.yaml")
    place.exported.clear()
    assert checked.returncode == 0, checked.stderr


def test_the_message_endpoint_by_hand(proxy: Proxy) -> None:
    answer = proxy.curl(
        """curl -X POST http://localhost:4000/v1/messages \\
  -H "Content-Type: application/json" \\
  -d '{"model": "claude-3.7-sonnet", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}'"""
    )
    assert answer.said == f"I am {THREE_SEVEN}"


# Troubleshooting > Connection Timeouts


def test_a_workspace_that_says_nothing_is_given_up_after_the_timeout(clone: Clone) -> None:
    from standin import Delivery, Text, Turn

    slow = Turn((Text("late"),), delivery=Delivery(before=45.0))
    with StandIn(lambda asked: slow, Flags(token=TOKEN)) as standin:
        text = COMPLETE.format(host=standin.url).replace(
            "DATABRICKS_TIMEOUT=30.0", "DATABRICKS_TIMEOUT=0.5"
        )
        clone.write(".env", text.replace("DATABRICKS_MAX_RETRIES=3", "DATABRICKS_MAX_RETRIES=0"))
        with clone.start("python", "start_server.py") as proxy:
            answer = proxy.post("/v1/messages", {"model": "big", "max_tokens": 5, "messages": [HELLO]})
    status, kind, message = answer.error
    assert (status, kind) == (500, "api_error")
    assert message.startswith("Azure Databricks request failed: ")


# Troubleshooting > Diagnostic Commands


def test_diagnostics(place: Clone, proxy: Proxy) -> None:
    del proxy
    models = place.run("trunkline", "models")
    assert THREE_SEVEN in models.stdout


# Cost Optimization


def test_smart_model_selection_with_nothing_but_model_and_messages(proxy: Proxy, standin: StandIn) -> None:
    small = proxy.curl(
        """curl -X POST http://localhost:4000/v1/messages \\
  -d '{"model": "claude-3.7-sonnet", "messages": [{"role": "user", "content": "Hello"}]}'"""
    )
    assert small.said == f"I am {THREE_SEVEN}"
    assert standin.asked[-1].body["max_tokens"] == 1000
    large = proxy.curl(
        """curl -X POST http://localhost:4000/v1/messages \\
  -d '{"model": "claude-sonnet-4", "messages": [{"role": "user", "content": "Hello"}]}'"""
    )
    assert large.said == f"I am {FOUR}"


# Best Practices


def test_environment_management_an_export_comes_before_the_file(clone: Clone) -> None:
    clone.write(".env", COMPLETE.format(host="https://127.0.0.1:9"))
    clone.export(PROXY_BACKEND="OPENROUTER", HTTPS_PROXY="http://127.0.0.1:9")
    with clone.start("python", "start_server.py") as proxy:
        assert proxy.curl("curl http://localhost:4000/health").json["backend"] == "OPENROUTER"


def test_connection_management_one_client_and_no_model(proxy: Proxy) -> None:
    for prompt in ("one", "two"):
        answer = proxy.post("/v1/messages", {"messages": [{"role": "user", "content": prompt}]})
        assert answer.said == f"I am {THREE_SEVEN}"


def test_monitoring(proxy: Proxy) -> None:
    assert proxy.curl("curl -f http://localhost:4000/health").status == 200


# Backend Integration > 4: tool execution


TOOLS = [
    {"name": "get_weather", "description": "Weather", "input_schema": {"type": "object", "properties": {}}}
]


def test_tools_are_done_by_the_workspace_itself(clone: Clone) -> None:
    with StandIn([use("get_weather")], Flags(token=TOKEN)) as standin:
        clone.write(".env", COMPLETE.format(host=standin.url))
        with clone.start("python", "start_server.py") as proxy:
            body = {"model": "big", "max_tokens": 50, "messages": [HELLO], "tools": TOOLS}
            answer = proxy.post("/v1/messages", body)
    assert answer.json["stop_reason"] == "tool_use"
    assert answer.headers["x-trunkline-provider"] == "databricks"


def test_tools_that_the_workspace_refuses_fall_back_to_openrouter(clone: Clone) -> None:
    """OpenRouter is Trunkline itself on a provider of its own, reached under OpenRouter's name by a proxy variable."""
    refusal = failures.coded(400, "BAD_REQUEST", "tools are not supported by this endpoint")

    def refuse(received: Received) -> Reply | None:
        return refusal if received.method == "POST" and b'"tools"' in received.body else None

    with StandIn(lambda asked: say("from the workspace"), Flags(token=TOKEN), handler=refuse) as standin:
        clone.write(".env", COMPLETE.format(host=standin.url))
        clone.export(HTTPS_PROXY="http://127.0.0.1:9", DATABRICKS_MAX_RETRIES="0")
        with clone.start("python", "start_server.py") as proxy:
            body = {"model": "big", "max_tokens": 50, "messages": [HELLO]}
            assert proxy.post("/v1/messages", body).said == "from the workspace"
            answer = proxy.post("/v1/messages", {**body, "tools": TOOLS})
    # Nobody is behind that proxy: who was asked is what shows.
    assert answer.headers["x-trunkline-provider"] == "openrouter"
    assert answer.status >= 500
