"""What refusals teach: the self-healing table (databricks.md 3.9) and the switches of surface (1.6)."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from trunkline.config.schema import ProviderSettings
from trunkline.core.errors import GatewayError, Kind, kind_of_status
from trunkline.core.http import HttpHead
from trunkline.providers.databricks.learning import learn
from trunkline.providers.provider import Again, Provider, Relearned, Surface, Switched
from trunkline.providers.registry import make_provider

FIXTURES = Path(__file__).parents[2] / "fixtures" / "databricks"


def workspace(host: str = "adb-1.2") -> Provider:
    return make_provider("dbx", ProviderSettings(kind="databricks", host=host))


def surface_of(name: str, deployment: str, provider: Provider | None = None) -> Surface:
    surfaces = (provider or workspace()).surfaces(deployment)
    return next(surface for surface in surfaces if surface.name == name)


def refused(surface: Surface, body: bytes | str, status: int = 400) -> GatewayError:
    """The refusal as the relay hands it to ``learn``: read by the protocol, refined by the provider."""
    raw = body.encode() if isinstance(body, str) else body
    error = GatewayError(kind_of_status(status), "upstream refused", status=status, raw=raw, local=False)
    return workspace().read_error(surface, error, HttpHead(status))


def bad_request(text: str) -> bytes:
    return msgspec.json.encode(
        {"error_code": "BAD_REQUEST", "message": msgspec.json.encode({"message": text}).decode()}
    )


def learned(surface: Surface, text: str) -> Mapping[str, object]:
    lesson = workspace().learn(surface, refused(surface, bad_request(text)))
    assert isinstance(lesson, Relearned)
    assert lesson.why
    again = Surface(
        name=surface.name,
        protocol=surface.protocol,
        deployment=surface.deployment,
        url=surface.url,
        facts=lesson.facts,
    )
    assert workspace().learn(again, refused(again, bad_request(text))) is None, (
        "the same refusal twice is no lesson"
    )
    return {
        key: getattr(lesson.facts, key)
        for key in lesson.facts.__struct_fields__
        if getattr(lesson.facts, key) != getattr(surface.facts, key)
    }


SONNET_CHAT = ("serving_chat", "databricks-claude-sonnet-4-5")
SONNET_MESSAGES = ("serving_messages", "databricks-claude-sonnet-4-5")
OPUS_MESSAGES = ("serving_messages", "databricks-claude-opus-4-8")
KIMI_CHAT = ("serving_chat", "databricks-kimi-k2-7")
OTHER_CHAT = ("serving_chat", "my-endpoint")


@pytest.mark.parametrize(
    ("place", "text", "change"),
    [
        (SONNET_CHAT, 'json: unknown field "logprobs"', {"drop": {"logprobs"}}),
        (SONNET_CHAT, 'Bad request: json: unknown field "stop"\n', {"drop": {"stop"}}),
        (SONNET_CHAT, "output_config: Extra inputs are not permitted", {"drop": {"output_config"}}),
        (
            SONNET_CHAT,
            "messages.1.reasoning_details: Extra inputs are not permitted",
            {"drop": {"messages.reasoning_details"}},
        ),
        (
            SONNET_CHAT,
            "messages.1.content.0.text.citations: Extra inputs are not permitted",
            {"drop": {"messages.content.citations"}},
        ),
        (KIMI_CHAT, "Unknown parameter: 'logprobs'", {"drop": {"logprobs"}}),
        (KIMI_CHAT, "Unsupported parameter: 'top_k'", {"drop": {"top_k"}}),
        (
            OTHER_CHAT,
            "tools.0.custom.strict: Extra inputs are not permitted",
            {"drop": {"tools.function.strict"}},
        ),
        (OTHER_CHAT, "reasoning_effort: Extra inputs are not permitted", {"drop": {"reasoning_effort"}}),
        (SONNET_CHAT, "This model does not support the temperature parameter.", {"sampling": False}),
        (
            SONNET_MESSAGES,
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and'
            ' "output_config.effort" to control thinking behavior.',
            {"reasoning": "adaptive"},
        ),
        (OPUS_MESSAGES, "adaptive thinking is not supported on this model", {"reasoning": "budget"}),
        (
            OTHER_CHAT,
            "Structured output is not currently supported with streaming.",
            {"structured_stream": False},
        ),
        (
            SONNET_CHAT,
            "Bad request: rpc error: code = InvalidArgument desc = max_tokens (10000) cannot exceed 8192. Please"
            " reduce the length of max output tokens generated.",
            {"max_output_tokens": 8192},
        ),
        (KIMI_CHAT, "Multiple tool calls are not supported.\n", {"single_calls": True}),
        (
            SONNET_CHAT,
            "This model does not support assistant message prefill. The conversation must end with a user message.",
            {"prefill": False},
        ),
        (
            SONNET_MESSAGES,
            "Unexpected value(s) `context-1m-2025-08-07` for the `anthropic-beta` header. Please consult our docs",
            {"drop_betas": {"context-1m-2025-08-07"}},
        ),
        (
            SONNET_MESSAGES,
            "Unexpected value(s) `fine-grained-tool-streaming-2025-05-14`, `effort-2025-11-24` for the"
            " `anthropic-beta` header.",
            {
                "drop_betas": {"fine-grained-tool-streaming-2025-05-14", "effort-2025-11-24"},
                "drop": {"output_config.effort"},
            },
        ),
        (SONNET_MESSAGES, "invalid beta flag", {"betas": set()}),
    ],
)
def test_the_self_healing_table(place: tuple[str, str], text: str, change: dict[str, object]) -> None:
    surface = surface_of(*place)
    found = dict(learned(surface, text))
    if "drop" in change:
        found["drop"] = surface_of(*place).facts.drop.symmetric_difference(_dropped(found))
    assert found == change


def _dropped(found: Mapping[str, object]) -> frozenset[str]:
    drop = found.get("drop")
    assert isinstance(drop, frozenset)
    return drop


def test_a_malformed_answer_is_asked_for_again() -> None:
    surface = surface_of("serving_chat", "databricks-meta-llama-3-3-70b-instruct")
    text = "Model response did not respect the required format.\n Model Output: <function=f>{}</function>"
    assert isinstance(workspace().learn(surface, refused(surface, bad_request(text))), Again)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (SONNET_MESSAGES, "model"), (SONNET_MESSAGES, "messages"), (SONNET_CHAT, "tools"),
        (SONNET_CHAT, "messages.0.content"), (SONNET_CHAT, "messages.3.tool_calls"),
    ],
)  # fmt: skip
def test_what_a_request_consists_of_is_never_given_up(place: tuple[str, str], name: str) -> None:
    surface = surface_of(*place)
    assert (
        workspace().learn(surface, refused(surface, bad_request(f"{name}: Extra inputs are not permitted")))
        is None
    )


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [  # databricks.md 1.6, the first table
        (403, "PERMISSION_DENIED", "Querying pay-per-token foundation model endpoint 'databricks-claude-opus-4-8' is disabled for this workspace. Please use Unity Gateway."),
        (403, "PERMISSION_DENIED", "Querying provisioned throughput foundation model endpoint 'databricks-claude-opus-4-8' directly is disabled for this workspace. Please use Unity Gateway."),
        (403, "PERMISSION_DENIED", "Endpoint 'databricks-claude-opus-4-8' is no longer available. Please use Unity Gateway."),
        (404, "NOT_FOUND", "Endpoint 'databricks-claude-opus-4-8' is no longer available. Please use Unity Gateway."),
        (403, "PERMISSION_DENIED", "'databricks-claude-opus-4-8' is no longer available. Use Unity Catalog model services."),
        (404, "NOT_FOUND", "'databricks-claude-opus-4-8' is no longer available. Use Unity Catalog model services."),
        (501, "NOT_IMPLEMENTED", "'databricks-claude-opus-4-8' is no longer available. Use Unity Catalog model services (v3)."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("side", ["messages", "chat"])
def test_enforced_gateway_switches_to_it(side: str, status: int, code: str, message: str) -> None:
    surface = surface_of(f"serving_{side}", "databricks-claude-opus-4-8")
    error = refused(surface, msgspec.json.encode({"error_code": code, "message": message}), status)
    lesson = workspace().learn(surface, error)
    assert isinstance(lesson, Switched)
    assert lesson.surface == f"gateway_{side}"


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [  # databricks.md 1.6, the second table
        (400, "FEATURE_DISABLED", "AI Gateway is not available for this workspace."),
        (404, "FEATURE_DISABLED", "AI Gateway is not available for this workspace."),
        (
            404,
            "FEATURE_DISABLED",
            "AI Gateway legacy endpoint is not available for CSP-enabled workspaces.",
        ),
        (403, "FORBIDDEN", "Forbidden"),
        (404, "RESOURCE_DOES_NOT_EXIST", "'system.ai.claude-opus-4-8' does not exist"),
    ],
)
@pytest.mark.parametrize("side", ["messages", "chat"])
def test_a_missing_gateway_switches_to_serving(side: str, status: int, code: str, message: str) -> None:
    surface = surface_of(f"gateway_{side}", "system.ai.claude-opus-4-8")
    error = refused(surface, msgspec.json.encode({"error_code": code, "message": message}), status)
    lesson = workspace().learn(surface, error)
    assert isinstance(lesson, Switched)
    assert lesson.surface == f"serving_{side}"


@pytest.mark.parametrize(
    ("name", "text", "to"),
    [
        ("serving_messages", "Unsupported native API path '/serving-endpoints/anthropic/invocations/v1/messages' for provider 'anthropic'", "serving_chat"),
        ("gateway_messages", "Native_api_type=anthropic/v1/messages is not supported for provider Azure.", "gateway_chat"),
        ("serving_chat", "Native_api_type=mlflow/v1/chat is not supported for provider X.", "serving_messages"),
        ("serving_messages", "Path must be of form /serving-endpoints/<endpoint_name>/invocations or /serving-endpoints/<endpoint_name>/served-models/<served_model_name>/invocations", "serving_chat"),
    ],
)  # fmt: skip
def test_a_refused_protocol_switches_to_the_other(name: str, text: str, to: str) -> None:
    surface = surface_of(name, "databricks-claude-opus-4-8")
    body = msgspec.json.encode({"error_code": "INVALID_PARAMETER_VALUE", "message": text})
    lesson = workspace().learn(surface, refused(surface, body))
    assert isinstance(lesson, Switched)
    assert lesson.surface == to


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, b'{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"Exceeded workspace input tokens per minute rate limit for x. Please use Unity Gateway."}'),
        (400, b'{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"REQUEST_LIMIT_EXCEEDED: Exceeded workspace QPS rate limit for x."}'),
        (401, b'{"error_code":401,"message":"Credential was not sent or was of an unsupported type for this API. [ReqId: 1]"}'),
        (403, b'{"error_code":403,"message":"Invalid access token."}'),
        (403, b'{"error_code":"PERMISSION_DENIED","message":"PERMISSION_DENIED: The endpoint is temporarily disabled due to a Databricks-set rate limit of 0."}'),
        (403, b'{"error_code":"PERMISSION_DENIED","message":"PERMISSION_DENIED: Source IP address: 203.0.113.7 is blocked by Databricks IP ACL for workspace: 1"}'),
        (403, b'{"error_code":"PERMISSION_DENIED","message":"User does not have permission \'View\' on Endpoint x"}'),
        (503, b'{"error_code":"TEMPORARILY_UNAVAILABLE","message":"x is temporarily unavailable. Please try again later."}'),
        (400, b"Request blocked by input guardrail 'pii': unknown field \"messages\" does not exist"),
        (400, (FIXTURES / "guardrail-block.json").read_bytes()),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["serving_messages", "serving_chat", "gateway_messages", "gateway_chat"])
def test_limits_guardrails_and_tokens_never_switch_the_surface(name: str, status: int, body: bytes) -> None:
    surface = surface_of(name, "databricks-claude-opus-4-8")
    assert workspace().learn(surface, refused(surface, body, status)) is None


def test_nothing_is_switched_to_that_is_not_offered() -> None:
    pinned = workspace("https://adb-1.2.azuredatabricks.net/serving-endpoints/anthropic")
    surface = pinned.surfaces("databricks-claude-opus-4-8")[0]
    body = b'{"error_code":"PERMISSION_DENIED","message":"x is disabled for this workspace. Please use Unity Gateway."}'
    error = refused(surface, body, 403)
    assert pinned.learn(surface, error) is None
    assert error.kind is Kind.PERMISSION


@pytest.mark.parametrize(
    ("name", "deployment", "to"),
    [
        ("serving_chat", "databricks-gpt-7", "serving_responses"),
        ("gateway_chat", "databricks-gpt-7", "gateway_responses"),
        ("serving_invocations", "my-endpoint", "serving_responses"),
    ],
)
def test_a_model_that_takes_responses_only_switches_to_them(name: str, deployment: str, to: str) -> None:
    surface = surface_of(name, deployment)
    text = f"Model {deployment} only supports the Responses API. Please use /serving-endpoints/responses instead."
    error = refused(surface, msgspec.json.encode({"error_code": "BAD_REQUEST", "message": text}))
    assert error.kind is Kind.UNSUPPORTED
    assert workspace().learn(surface, error) == Switched(to, "the model takes Responses only")


@pytest.mark.parametrize(
    ("name", "deployment", "text", "to"),
    [
        ("gateway_responses", "databricks-gpt-5", "Native_api_type=openai/v1/responses is not supported for provider X.", "gateway_chat"),
        ("serving_responses", "databricks-gpt-5", "Path must be of form /serving-endpoints/<endpoint_name>/invocations", "serving_chat"),
        ("serving_gemini", "databricks-gemini-3-1-pro", "Unsupported native API path '/serving-endpoints/gemini/v1beta'", "serving_chat"),
        ("gateway_gemini", "databricks-gemini-3-1-pro", "AI Gateway is not available for this workspace.", "serving_gemini"),
        ("serving_responses", "databricks-gpt-5-5", "'x' is no longer available. Use Unity Catalog model services.", "gateway_responses"),
    ],
)  # fmt: skip
def test_native_routes_that_are_not_there_lead_elsewhere(
    name: str, deployment: str, text: str, to: str
) -> None:
    surface = surface_of(name, deployment)
    body = msgspec.json.encode({"error_code": "INVALID_PARAMETER_VALUE", "message": text})
    lesson = workspace().learn(surface, refused(surface, body))
    assert isinstance(lesson, Switched)
    assert lesson.surface == to


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b""),
        (404, b'{"error_code":"ENDPOINT_NOT_FOUND","message":"No API found for \'POST /serving-endpoints/responses\'"}'),
        (405, b"<html>Method Not Allowed</html>"),
        (501, b'{"error_code":"NOT_IMPLEMENTED","message":"This API is not implemented."}'),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("name", "deployment", "to"),
    [
        ("serving_responses", "databricks-gpt-5", "serving_chat"),
        ("gateway_responses", "databricks-gpt-5", "gateway_chat"),
        ("serving_messages", "databricks-claude-opus-4-8", "serving_chat"),
        ("serving_gemini", "databricks-gemini-3-1-pro", "serving_chat"),
    ],
)
def test_a_native_route_that_is_not_there_is_known_by_its_status(
    name: str, deployment: str, to: str, status: int, body: bytes
) -> None:
    surface = surface_of(name, deployment)
    offered = frozenset({name, to})
    assert learn(surface, refused(surface, body, status), offered) == Switched(
        to, f"no route for {surface.protocol} here"
    )
    assert learn(surface, refused(surface, body, status), frozenset({name})) is None


@pytest.mark.parametrize("name", ["serving_chat", "gateway_chat"])
@pytest.mark.parametrize("status", [404, 405, 501])
def test_chat_is_never_left_for_a_status_alone(name: str, status: int) -> None:
    surface = surface_of(name, "databricks-gpt-5")
    assert workspace().learn(surface, refused(surface, b"", status)) is None


def test_a_model_that_is_not_there_is_not_looked_for_on_chat() -> None:
    surface = surface_of("serving_responses", "databricks-gpt-5")
    body = (
        b'{"error_code":"ENDPOINT_NOT_FOUND","message":"The given endpoint does not exist, please retry."}'
    )
    assert learn(surface, refused(surface, body, 404), frozenset({surface.name, "serving_chat"})) is None


def test_a_minute_of_output_tokens_is_fitted_into_once() -> None:
    surface = surface_of("serving_messages", "databricks-claude-opus-4-8")
    body = b'{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"REQUEST_LIMIT_EXCEEDED: Exceeded workspace output tokens per minute rate limit for x."}'
    lesson = workspace().learn(surface, refused(surface, body, 429))
    assert isinstance(lesson, Relearned)
    assert lesson.facts.max_output_tokens == 16_384
    smaller = structs.replace(surface, facts=lesson.facts)
    assert workspace().learn(smaller, refused(smaller, body, 429)) is None
