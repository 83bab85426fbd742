"""The self-healing table of databricks.md 3.9, row by row and through the whole gateway: a workspace refuses, the request
goes out again without what it refused, the client sees nothing, and the next request is right at once."""

import http.client
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
import pytest

from app.test_protocols import WHOLE
from app.whole import Asked, Refusal, Reply, through
from relay.test_rooms import TAPES

pytestmark = pytest.mark.server

Body = Mapping[str, object]
USER: dict[str, object] = {"role": "user", "content": "Go."}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
SHAPE = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": SHAPE}}


class Row(NamedTuple):
    """A model that refuses ``offends`` with ``text``; ``request`` is what a client sends beside the model."""

    model: str
    protocol: str
    request: dict[str, object]
    text: str
    offends: Callable[[str, Body, bytes], bool]
    """(path, body, head): whether the workspace refuses this."""
    status: int = 400
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    refusals: int = 1
    """Requests that are refused before it is learned; what is luck is met again."""
    again: int = 0
    """Requests refused when the same is asked once more."""


def calls(*names: str) -> list[dict[str, object]]:
    """A history with these calls in one turn."""
    made = [{"id": n, "type": "function", "function": {"name": "f", "arguments": "{}"}} for n in names]
    results = [{"role": "tool", "tool_call_id": n, "content": "r"} for n in names]
    return [USER, {"role": "assistant", "content": None, "tool_calls": made}, *results]


def turns(body: Body) -> list[dict[str, object]]:
    messages = body.get("messages")
    assert isinstance(messages, list)
    return messages


class _Luck:
    """Refuses every other request, whatever it is."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, path: str, body: Body, head: bytes) -> bool:
        self.asked += 1
        return self.asked % 2 == 1


CLAUDE, OPUS, GPT = "databricks-claude-sonnet-4-5", "databricks-claude-opus-4-8", "databricks-gpt-5"
ROWS: dict[str, Row] = {
    "unknown field X": Row(
        "row-unknown-field", "chat", {"messages": [USER], "seed": 7},
        'Bad request: json: unknown field "seed"', lambda path, body, head: "seed" in body,
    ),
    "X: Extra inputs are not permitted": Row(
        "row-extra", "chat", {"messages": [USER], "presence_penalty": 0.1},
        "presence_penalty: Extra inputs are not permitted",
        lambda path, body, head: "presence_penalty" in body,
    ),
    "Unknown parameter: X": Row(
        "row-parameter", "chat", {"messages": [USER], "logit_bias": {"1": 1}},
        "Unknown parameter: 'logit_bias'", lambda path, body, head: "logit_bias" in body,
    ),
    "Unsupported parameter: X": Row(
        "row-unsupported", "chat", {"messages": [USER], "top_p": 0.5},
        "Unsupported parameter: 'top_p'", lambda path, body, head: "top_p" in body,
    ),
    "does not support the temperature parameter": Row(
        "row-temperature", "chat", {"messages": [USER], "temperature": 0.3},
        "This model does not support the temperature parameter.", lambda path, body, head: "temperature" in body,
    ),
    "thinking.type.enabled is not supported": Row(
        "databricks-claude-opus-4-5", "messages",
        {"messages": [USER], "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 2000}},
        '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and'
        ' "output_config.effort" to control thinking behavior.',
        lambda path, body, head: body.get("thinking") is not None and body["thinking"]["type"] == "enabled",  # type: ignore[index]
    ),
    "adaptive thinking is not supported": Row(
        "databricks-claude-opus-4-7", "messages",
        {"messages": [USER], "max_tokens": 4000, "thinking": {"type": "adaptive"}},
        "adaptive thinking is not supported on this model",
        lambda path, body, head: body.get("thinking") == {"type": "adaptive"},
    ),
    "structured output with streaming": Row(
        "row-structured", "chat", {"messages": [USER], "stream": True, "response_format": FORMAT},
        "INVALID_PARAMETER_VALUE: Structured output is not currently supported with streaming.",
        lambda path, body, head: body.get("stream") is True and "response_format" in body,
    ),
    "cannot exceed N": Row(
        "row-cap", "chat", {"messages": [USER], "max_tokens": 10_000},
        "max_tokens (10000) cannot exceed 8192. Please reduce the length of max output tokens generated.",
        lambda path, body, head: int(str(body["max_tokens"])) > 8192,
    ),
    "must be non-empty": Row(
        CLAUDE, "chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "x"}]}]},
        "messages: text content blocks must be non-empty",
        lambda path, body, head: {"type": "text", "text": ""} in (turns(body)[0]["content"] or []),  # type: ignore[operator]
        refusals=0,  # cleaned before it is sent
    ),
    "multiple tool calls": Row(
        "databricks-kimi-k2-7", "chat", {"messages": calls("a", "b"), "tools": [TOOL]},
        "Multiple tool calls are not supported.\n",
        lambda path, body, head: any(len(turn.get("tool_calls") or []) > 1 for turn in turns(body)),  # type: ignore[arg-type]
    ),
    "did not respect the required format": Row(
        "databricks-meta-llama-3-3-70b-instruct", "chat", {"messages": [USER], "tools": [TOOL]},
        "Model response did not respect the required format.\n Model Output: <function=f>{}</function>",
        _Luck(), again=1,
    ),
    "prefill": Row(
        "databricks-claude-opus-4-1", "messages",
        {"messages": [USER, {"role": "assistant", "content": "Well"}], "max_tokens": 100},
        "This model does not support assistant message prefill. The conversation must end with a user message.",
        lambda path, body, head: turns(body)[-1]["role"] == "assistant",
    ),
    "only supports the Responses API": Row(
        "row-responses", "messages", {"messages": [USER], "max_tokens": 100},
        "Model row-responses only supports the Responses API. Please use /serving-endpoints/responses instead.",
        lambda path, body, head: not path.endswith("/responses"),
    ),
    "invalid beta flag": Row(
        "databricks-claude-haiku-4-5", "messages", {"messages": [USER], "max_tokens": 100},
        "invalid beta flag", lambda path, body, head: b"anthropic-beta:" in head.lower(),
        headers={"anthropic-beta": "effort-2025-11-24"},
    ),
    "a beta by name": Row(
        "databricks-claude-sonnet-4-6", "messages", {"messages": [USER], "max_tokens": 100},
        "Unexpected value(s) `context-1m-2025-08-07` for the `anthropic-beta` header.",
        lambda path, body, head: b"context-1m-2025-08-07" in head,
        headers={"anthropic-beta": "context-1m-2025-08-07,effort-2025-11-24"},
    ),
    "missing a thought_signature": Row(
        "databricks-gemini-3-1-pro", "gemini",
        {
            "contents": [
                {"role": "user", "parts": [{"text": "Go."}]},
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"a": 1}}}]},
            ]
        },
        "INVALID_ARGUMENT: function call f is missing a thought_signature",
        lambda path, body, head: "thoughtSignature" not in json.dumps(body),
        refusals=0,  # the documented stand-in for a signature that is not there goes along
    ),
    "Please use Unity Gateway": Row(
        OPUS, "messages", {"messages": [USER], "max_tokens": 100},
        f"Querying pay-per-token foundation model endpoint '{OPUS}' is disabled for this workspace. Please use Unity Gateway.",
        lambda path, body, head: path.startswith("/serving-endpoints"),
        status=403,
    ),
}  # fmt: skip

PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages"}
PROTOCOLS = {
    "/chat/completions": "openai_chat", "/invocations": "openai_chat", "/messages": "anthropic_messages",
    "/responses": "openai_responses",
}  # fmt: skip


class Workspace:
    """Refuses by the rows, and answers all else in the route's protocol."""

    def __init__(self) -> None:
        self.asked: dict[str, list[tuple[bool, Asked]]] = {name: [] for name in ROWS}

    def __call__(self, asked: Asked) -> Reply:
        name = next(
            name
            for name, row in ROWS.items()
            if f"x-row: {list(ROWS).index(name)}\r".encode() in asked.head
        )
        row = ROWS[name]
        refused = row.offends(asked.path, asked.body, asked.head)
        self.asked[name].append((refused, asked))
        if refused:
            inner = json.dumps({"message": row.text})
            return Refusal(row.status, json.dumps({"error_code": "BAD_REQUEST", "message": inner}).encode())
        protocol = next((one for end, one in PROTOCOLS.items() if asked.path.endswith(end)), "gemini")
        streamed = asked.body.get("stream") is True or "streamGenerateContent" in asked.path
        return TAPES[protocol] if streamed else msgspec.json.encode(WHOLE[protocol])


def config(url: str) -> str:
    """A provider for each row, told apart by a header of its own."""
    lines = [
        f"  r{index}: {{kind: databricks, host: '{url}', token: k, models: [{row.model}], headers: {{x-row: '{index}'}}}}\n"
        for index, row in enumerate(ROWS.values())
    ]
    return "retry: {per_target: 0}\nproviders:\n" + "".join(lines)


def ask(url: str, index: int, row: Row) -> int:
    model = f"r{index}/{row.model}"
    path = PATHS.get(row.protocol, f"/v1beta/models/{model}:generateContent")
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=60)
    try:
        body = json.dumps({"model": model, **row.request}).encode()
        connection.request("POST", path, body, {"content-type": "application/json", **row.headers})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_every_row_heals_once_and_stays_healed(tmp_path: Path) -> None:
    workspace = Workspace()

    def twice(url: str) -> dict[str, tuple[int, int]]:
        return {
            name: (ask(url, index, row), ask(url, index, row))
            for index, (name, row) in enumerate(ROWS.items())
        }

    statuses, _, _ = through(workspace, config, tmp_path, twice)
    assert statuses == dict.fromkeys(ROWS, (200, 200))
    seen = {name: [refused for refused, _ in asked] for name, asked in workspace.asked.items()}
    assert seen == {
        name: [True] * row.refusals + [False] + [True] * row.again + [False] for name, row in ROWS.items()
    }
