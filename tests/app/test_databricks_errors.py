"""What clients are told when a workspace refuses, each in its own protocol's words (databricks.md 5.3 to 5.7)."""

import http.client
import json
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from app.whole import Asked, Refusal, through
from standin import Reply, failures

pytestmark = pytest.mark.server

SONNET = "databricks-claude-sonnet-4-5"
LIMIT = f"Exceeded workspace input tokens per minute rate limit for {SONNET}."


class Row(NamedTuple):
    """A refusal, and what the four protocols make of it: status, type or code, how the message goes on."""

    refused: Reply
    messages: tuple[int, str]
    chat: tuple[int, str]
    responses: tuple[int, str]
    gemini: tuple[int, str]
    words: str
    """The platform's own words."""
    plain: str
    """And what they mean for the user."""


def same(status: int, *types: str) -> tuple[tuple[int, str], ...]:
    return tuple((status, name) for name in types)


DENIED = same(403, "permission_error", "permission_denied", "PERMISSION_DENIED", "PERMISSION_DENIED")
LIMITED = same(429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_exceeded", "RESOURCE_EXHAUSTED")
WRONG_TOKEN = same(401, "authentication_error", "invalid_api_key", "invalid_api_key", "UNAUTHENTICATED")
BUSY = ((529, "overloaded_error"), (503, "overloaded"), (503, "server_is_overloaded"), (503, "UNAVAILABLE"))

ROWS: dict[str, Row] = {
    "bad-token": Row(
        failures.bad_token(),
        *WRONG_TOKEN,
        "Invalid access token.",
        "was revoked, has expired, or belongs to another",
    ),
    "no-token": Row(
        failures.no_credential(),
        *WRONG_TOKEN,
        "Credential was not sent",
        "a personal access token begins with dapi",
    ),
    "ending-token": Row(
        failures.expiring_token(),
        *WRONG_TOKEN,
        "Token is expiring within 30 seconds.",
        "a new one is needed",
    ),
    "no-grant": Row(
        failures.no_grant("m"), *DENIED, "User does not have permission 'View'", "the user needs CAN QUERY"
    ),
    "ip-list": Row(
        failures.ip_blocked(), *DENIED, "Source IP address: 203.0.113.7", "connect through its VPN"
    ),
    "limit-of-zero": Row(
        failures.limit_of_zero(),
        *DENIED,
        "Databricks-set rate limit of 0.",
        "waiting does not help, another model or an",
    ),
    "limit": Row(
        failures.rate_limited(),
        *LIMITED,
        LIMIT,
        "as a rule 200,000 tokens in and 20,000 out a minute for this model",
    ),
    "limit-as-400": Row(failures.rate_limited(status=400), *LIMITED, LIMIT, "counts one sliding minute"),
    "output-limit": Row(
        failures.rate_limited(what="output tokens per minute"),
        *LIMITED,
        "Exceeded workspace output tokens per minute",
        "max_tokens is reserved in advance, so a lower max_tokens helps",
    ),
    "documented-limit": Row(
        failures.documented_limit(),
        *LIMITED,
        "Rate limit exceeded for input tokens per minute",
        "shared by the workspace",
    ),
    "guardrail": Row(
        failures.guardrail_block(),
        *same(
            400,
            "invalid_request_error",
            "input_guardrail_triggered",
            "input_guardrail_triggered",
            "INVALID_ARGUMENT",
        ),
        "Request blocked by the input guardrail of the endpoint: personal data (PII)",
        "what tripped it stays in the conversation and blocks every later turn",
    ),
    "named-guardrail": Row(
        failures.guardrail_named(),
        *same(400, "invalid_request_error", "BAD_REQUEST", "BAD_REQUEST", "INVALID_ARGUMENT"),
        "Request blocked by input guardrail 'no-secrets'",
        "remove it or start anew",
    ),
    "unavailable": Row(
        failures.unavailable(),
        *BUSY,
        "The service is temporarily unavailable.",
        "busy or",
    ),
    "asleep": Row(
        failures.coded(400, "BAD_REQUEST", "The endpoint is scaled to zero."),
        *BUSY,
        "The endpoint is scaled to zero.",
        "after a pause its first answer takes minutes",
    ),
    "updating": Row(
        failures.coded(409, "INVALID_STATE", "Endpoint is in state UPDATING."),
        *BUSY,
        "Endpoint is in",
        "is updating",
    ),
    "overloaded": Row(failures.overloaded(), *BUSY, "Overloaded", "busy or still starting"),
    "execution-limit": Row(
        failures.deadline(),
        *same(504, "timeout_error", "timeout", "server_error", "DEADLINE_EXCEEDED"),
        "Request timed out after 297 s.",
        "the platform's execution limit; the same request would again",
    ),
    "too-long": Row(
        failures.prompt_too_long(),
        *same(
            400,
            "invalid_request_error",
            "context_length_exceeded",
            "context_length_exceeded",
            "INVALID_ARGUMENT",
        ),
        "prompt is too long: 212345 tokens > 200000 maximum",
        "",
    ),
    "too-large": Row(
        failures.coded(413, "BAD_REQUEST", "Request size cannot exceed 4194304 bytes."),
        *same(413, "request_too_large", "request_too_large", "BAD_REQUEST", "INVALID_ARGUMENT"),
        "Request size cannot exceed 4194304 bytes.",
        "pictures are most of it as a rule",
    ),
    "retired": Row(
        failures.no_such_endpoint(),
        *same(404, "not_found_error", "ENDPOINT_NOT_FOUND", "ENDPOINT_NOT_FOUND", "NOT_FOUND"),
        "The given endpoint does not exist",
        "databricks-claude-3-7-sonnet was retired; use databricks-claude-sonnet-4-5",
    ),
}

QUESTIONS: dict[str, tuple[str, dict[str, object]]] = {
    "messages": ("/v1/messages", {"max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}),
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
    "responses": ("/v1/responses", {"input": "x", "store": False}),
    "gemini": (
        "/v1beta/models/{}:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
    ),
}


def asked(url: str, protocol: str, model: str) -> tuple[int, dict[str, str]]:
    path, body = QUESTIONS[protocol]
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=60)
    try:
        data = json.dumps({"model": model, **body}).encode()
        connection.request("POST", path.format(model), data, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["error"]
    finally:
        connection.close()


@pytest.mark.parametrize("protocol", QUESTIONS)
def test_every_refusal_in_the_clients_own_words(protocol: str, tmp_path: Path) -> None:
    """One provider for each refusal: its credential says which."""

    def answer(request: Asked) -> Refusal:
        name = next(name for name in ROWS if b"authorization: Bearer %s\r" % name.encode() in request.head)
        return Refusal(ROWS[name].refused.status, ROWS[name].refused.body)

    def config(url: str) -> str:
        models = (
            "models: [databricks-claude-sonnet-4-5, databricks-claude-3-7-sonnet], surface: serving_chat"
        )
        providers = {name: f"{{kind: databricks, host: '{url}', token: {name}, {models}}}" for name in ROWS}
        lines = "".join(f"  {name}: {section}\n" for name, section in providers.items())
        return f"retry: {{per_target: 0}}\nproviders:\n{lines}"

    def ask(url: str) -> dict[str, tuple[int, dict[str, str]]]:
        return {
            name: asked(
                url, protocol, f"{name}/{'databricks-claude-3-7-sonnet' if name == 'retired' else SONNET}"
            )
            for name in ROWS
        }

    told, _, _ = through(answer, config, tmp_path, ask)
    for name, row in ROWS.items():
        status, error = told[name]
        kind = {"messages": "type", "gemini": "status"}.get(protocol, "code")
        assert (status, error[kind]) == getattr(row, protocol), name
        assert row.words in error["message"], name
        assert row.plain in error["message"], name


@pytest.mark.parametrize("status", [400, 401, 413])
def test_a_full_prompt_that_is_refused_without_a_word_is_too_long(status: int, tmp_path: Path) -> None:
    """So that the agent makes its conversation shorter (5.7); a short one is refused for another reason."""
    model = "databricks-meta-llama-3-3-70b-instruct"

    def config(url: str) -> str:
        return f"providers: {{dbx: {{kind: databricks, host: '{url}', token: k, models: [{model}]}}}}\n"

    def ask(url: str) -> list[tuple[int, dict[str, str]]]:
        said = []
        for text in ("short", "word " * 80_000):
            question = {"max_tokens": 5, "messages": [{"role": "user", "content": text}]}
            connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=60)
            body = json.dumps({"model": model, **question}).encode()
            connection.request("POST", "/v1/messages", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            said.append((answer.status, json.loads(answer.read())["error"]))
            connection.close()
        return said

    (short, long), _, _ = through(lambda _: Refusal(status, b""), config, tmp_path, ask)
    assert short[0] == status
    assert "too long" not in short[1]["message"]
    assert long[0] == 400
    assert long[1]["type"] == "invalid_request_error"
    assert long[1]["message"].startswith("prompt is too long: about 133")
