"""Models asked where a list of paths says: the ForgeCode bridge's routes, and what leads away from them."""

import json
from collections.abc import Sequence

import msgspec
import pytest

from trunkline.config.schema import ProviderSettings
from trunkline.core.errors import GatewayError, kind_of_status
from trunkline.core.http import HttpHead
from trunkline.providers.databricks.provider import DatabricksProvider
from trunkline.providers.provider import Surface, Switched
from trunkline.providers.registry import make_provider

MLFLOW, CURSOR, OPENAI = (
    "/mlflow/v1/chat/completions",
    "/cursor/v1/chat/completions",
    "/openai/v1/responses",
)
PATHS = (
    ("databricks-gpt-oss*", (MLFLOW,)),
    ("databricks-gpt-5-chat", (MLFLOW,)),
    ("databricks-gpt*", (CURSOR, OPENAI)),
    ("own-messages", ("/team/anthropic/v1/messages",)),
    ("own-cursor", (CURSOR,)),
    ("own-gpt*", ("/team/responses",)),
    ("*", (MLFLOW,)),
)
DEDICATED = "https://1234567890123456.ai-gateway.azuredatabricks.net"


def bridge(host: str = DEDICATED, prefix: str | None = None) -> DatabricksProvider:
    settings = ProviderSettings(kind="databricks", host=host, paths=PATHS, prefix=prefix)
    made = make_provider("databricks", settings)
    assert isinstance(made, DatabricksProvider)
    return made


def asked(deployment: str, host: str = DEDICATED) -> list[tuple[str, str, str]]:
    """(surface, what it speaks, path) of what is asked without a refusal."""
    base = host.rstrip("/")
    found = [surface for surface in bridge(host).surfaces(deployment) if not surface.reserve]
    return [(one.name, one.protocol, one.url.removeprefix(base)) for one in found]


MESSAGES = ("bridge_messages", "anthropic_messages", "/anthropic/v1/messages")
ROUTES: list[tuple[str, list[tuple[str, str, str]]]] = [
    ("databricks-claude-haiku-4-5", [("bridge_chat", "openai_chat", MLFLOW), MESSAGES]),
    (
        "databricks-gpt-5-3-codex",
        [("bridge_cursor", "databricks_cursor", CURSOR), ("bridge_responses", "openai_responses", OPENAI)],
    ),
    ("databricks-gpt-oss-120b", [("bridge_chat", "openai_chat", MLFLOW)]),
    ("databricks-kimi-k3", [("bridge_chat", "openai_chat", MLFLOW)]),
    ("main.ai.my-model", [("bridge_chat", "openai_chat", MLFLOW)]),
    ("own-messages", [("bridge_messages", "anthropic_messages", "/team/anthropic/v1/messages")]),
    ("own-cursor", [("bridge_chat", "openai_chat", CURSOR)]),
    (
        "databricks-gpt-5-chat",
        [("bridge_chat", "openai_chat", MLFLOW)],
    ),
    ("own-gpt", [("bridge_responses", "openai_responses", "/team/responses")]),
]


@pytest.mark.parametrize(("deployment", "routes"), ROUTES, ids=[name for name, _ in ROUTES])
def test_each_model_is_asked_where_its_list_says(
    deployment: str, routes: list[tuple[str, str, str]]
) -> None:
    assert asked(deployment) == routes
    first = bridge().surfaces(deployment)[0]
    assert first.deployment == deployment, "names go out as they are"


BASES = [
    (DEDICATED, DEDICATED),
    (f"{DEDICATED}/", DEDICATED),
    (f"{DEDICATED}/mlflow/v1/chat/completions", DEDICATED),
    ("1234567890123456.ai-gateway.cloud.databricks.com", "https://1234567890123456.ai-gateway.cloud.databricks.com"),
    ("https://adb-1.2.azuredatabricks.net", "https://adb-1.2.azuredatabricks.net/ai-gateway"),
    ("https://adb-1.2.azuredatabricks.net/ai-gateway", "https://adb-1.2.azuredatabricks.net/ai-gateway"),
    ("https://gateway.example.com", "https://gateway.example.com"),
    ("https://gateway.example.com/ai-gateway", "https://gateway.example.com/ai-gateway"),
    ("http://127.0.0.1:8000/mlflow/v1/chat/completions", "http://127.0.0.1:8000"),
]  # fmt: skip


@pytest.mark.parametrize(("host", "base"), BASES)
def test_the_address_tells_where_the_gateway_begins(host: str, base: str) -> None:
    assert bridge(host).surfaces("databricks-claude-haiku-4-5")[0].url == base + MLFLOW


def test_a_prefix_of_ones_own_counts_everywhere() -> None:
    url = bridge(DEDICATED, "gateways/team-a").surfaces("databricks-claude-haiku-4-5")[0].url
    assert url == f"{DEDICATED}/gateways/team-a{MLFLOW}"


def surface_of(name: str, deployment: str) -> Surface:
    return next(one for one in bridge().surfaces(deployment) if one.name == name)


CLAUDE, GPT = "databricks-claude-haiku-4-5", "databricks-gpt-5-4"
NOT_FOUND = {"error_code": "ENDPOINT_NOT_FOUND", "message": "No API found for 'POST /mlflow/v1/chat/completions'"}  # fmt: skip
NO_SERVICE = {"error_code": "NOT_FOUND", "message": "'databricks-claude-haiku-4-5' does not exist"}
V3 = {"error_code": "NOT_IMPLEMENTED", "message": "'databricks-claude-haiku-4-5' is no longer available. Use Unity Catalog model services (v3)."}  # fmt: skip
LESSONS: list[tuple[str, str, int, object, str | None]] = [
    ("bridge_chat", CLAUDE, 404, NOT_FOUND, "gateway_chat"),
    ("bridge_chat", CLAUDE, 404, "not found", "gateway_chat"),
    ("bridge_chat", CLAUDE, 405, "", "gateway_chat"),
    ("bridge_chat", CLAUDE, 501, V3, "gateway_chat"),
    ("bridge_messages", CLAUDE, 404, NO_SERVICE, "gateway_messages"),
    ("bridge_messages", CLAUDE, 404, "not found", "bridge_chat"),
    ("bridge_cursor", GPT, 404, "not found", "gateway_responses"),
    (
        "bridge_cursor",
        GPT,
        400,
        {"error": {"message": "Unknown parameter: 'input'."}},
        "bridge_chat",
    ),
    (
        "bridge_cursor",
        GPT,
        400,
        {"error": {"message": "you must provide a messages parameter: 'messages' is a required property"}},
        "bridge_chat",
    ),
    (
        "bridge_chat",
        "own-cursor",
        400,
        {"error": {"message": "Unsupported parameter: 'messages'. In the Responses API use 'input'."}},
        "bridge_cursor",
    ),
    (
        "bridge_cursor",
        GPT,
        400,
        {
            "error_code": "BAD_REQUEST",
            "message": "Model databricks-gpt-5-4 only supports the Responses API.",
        },
        "gateway_responses",
    ),
    ("bridge_chat", CLAUDE, 429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slow"}, None),
    ("bridge_chat", CLAUDE, 401, {"error_code": "401", "message": "Invalid Token"}, None),
]


@pytest.mark.parametrize(("name", "deployment", "status", "body", "to"), LESSONS, ids=range(len(LESSONS)))
def test_what_a_refusal_leads_to(
    name: str, deployment: str, status: int, body: object, to: str | None
) -> None:
    provider, surface = bridge(), surface_of(name, deployment)
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    error = GatewayError(kind_of_status(status), "refused", status=status, raw=raw, local=False)
    lesson = provider.learn(surface, provider.read_error(surface, error, HttpHead(status)))
    assert (lesson.surface if isinstance(lesson, Switched) else lesson) == to


FULL = {
    "model": "m",
    "messages": [{"role": "user", "content": "hi"}],
    "stream": True,
    "stream_options": {"include_usage": True},
    "parallel_tool_calls": False,
    "response_format": {"type": "json_object"},
    "store": False,
    "metadata": {"a": "b"},
    "logprobs": True,
    "top_logprobs": 2,
    "max_completion_tokens": 100,
    "temperature": 0.5,
}


@pytest.mark.parametrize(
    "deployment",
    [CLAUDE, "databricks-gpt-5-chat", "databricks-gpt-oss-120b", "own-cursor", "main.ai.my-model"],
)
def test_what_the_bridges_users_know_to_be_left_out(deployment: str) -> None:
    body, losses = bridge().edit(surface_of("bridge_chat", deployment), msgspec.json.encode(FULL))
    assert msgspec.json.decode(body) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "max_tokens": 100,
        "temperature": 0.5,
    }
    assert {"parallel_tool_calls", "response_format", "metadata"} <= {loss.field for loss in losses}


def test_what_is_left_out_of_bodies_in_the_form_of_responses() -> None:
    given = {
        "model": "m",
        "input": [],
        "stream": True,
        "store": False,
        "metadata": {},
        "include": ["reasoning.encrypted_content"],
        "parallel_tool_calls": True,
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "max_output_tokens": 100,
    }
    surface = surface_of("bridge_cursor", GPT)
    kept = ["model", "input", "stream", "text", "max_output_tokens"]
    body, _ = bridge().edit(surface, msgspec.json.encode(given))
    assert msgspec.json.decode(body) == {key: given[key] for key in kept} | {"text": {"verbosity": "low"}}
    only: Sequence[object] = [{"format": {"type": "json_object"}}, {"format": {"type": "text"}}, {}]
    texts = [
        msgspec.json.decode(bridge().edit(surface, msgspec.json.encode({**given, "text": text}))[0]).get(
            "text"
        )
        for text in only
    ]
    assert texts == [None, {"format": {"type": "text"}}, {}]


def test_json_that_is_waited_for_stays() -> None:
    given = {**FULL, "stream": False}
    body, _ = bridge().edit(surface_of("bridge_chat", "main.ai.my-model"), msgspec.json.encode(given))
    assert msgspec.json.decode(body)["response_format"] == {"type": "json_object"}
