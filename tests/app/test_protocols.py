"""Four SDKs, each in its own protocol, over four kinds of provider: a turn with a call, streamed and whole."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import anthropic
import msgspec
import openai
import pytest
from google import genai
from google.genai import types

from app.whole import Asked, Reply, through
from relay.test_rooms import ARGUMENTS, FUNCTION, MESSAGE, RESPONSE, TAPES
from trunkline.core.types import Message, Text
from trunkline.protocols.registry import CODECS

pytestmark = pytest.mark.server

WORDS = "I look \U0001f600"
CALL = {"command": "ls 日本"}
SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}

WHOLE: dict[str, dict[str, object]] = {
    "openai_chat": {
        "id": "c1", "object": "chat.completion", "created": 1, "model": "up",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": WORDS,
            "tool_calls": [{"id": "call_1", "type": "function",
                            "function": {"name": "run", "arguments": "".join(ARGUMENTS)}}]}}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    },
    "anthropic_messages": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "up", "stop_reason": "tool_use",
        "stop_sequence": None, "usage": {"input_tokens": 11, "output_tokens": 7},
        "content": [{"type": "text", "text": WORDS},
                    {"type": "tool_use", "id": "call_1", "name": "run", "input": CALL}],
    },
    "openai_responses": {**RESPONSE, "status": "completed", "output": [MESSAGE, FUNCTION],
                         "parallel_tool_calls": True, "tool_choice": "auto", "tools": []},
    "gemini": {
        "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
            {"text": WORDS}, {"functionCall": {"id": "call_1", "name": "run", "args": CALL}}]}}],
        "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18},
        "modelVersion": "up",
    },
}  # fmt: skip
PATHS = {
    "openai_chat": ("/v1/chat/completions", "/v1/chat/completions"),
    "anthropic_messages": ("/v1/messages", "/v1/messages"),
    "openai_responses": ("/v1/responses", "/v1/responses"),
    "gemini": ("/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent?alt=sse"),
}
"""Where a whole answer and a stream are asked for."""
KEYS = {"anthropic_messages": b"authorization: Bearer k", "gemini": b"x-goog-api-key: k"}


def config(url: str) -> str:
    return f"""
providers:
  openai_chat: {{kind: custom, speaks: {{openai_chat: "{url}/v1"}}, key: k, models: [m]}}
  anthropic_messages: {{kind: custom, speaks: {{anthropic_messages: "{url}"}}, key: k, models: [m]}}
  openai_responses: {{kind: custom, speaks: {{openai_responses: "{url}/v1"}}, key: k, models: [m]}}
  gemini: {{kind: custom, speaks: {{gemini: "{url}"}}, key: k, models: [m]}}
"""


def protocol_of(path: str) -> str:
    return next(name for name, paths in PATHS.items() if path in paths)


def reply(asked: Asked) -> Reply:
    protocol = protocol_of(asked.path)
    streamed = asked.body.get("stream") is True or "streamGenerateContent" in asked.path
    return TAPES[protocol] if streamed else msgspec.json.encode(WHOLE[protocol])


class Got(NamedTuple):
    """What an SDK's user has of an answer."""

    text: str
    name: str | None
    arguments: object
    input: int | None
    output: int | None


def chat(url: str, model: str, *, stream: bool) -> Got:
    tools: list[openai.types.chat.ChatCompletionToolParam] = [
        {"type": "function", "function": {"name": "run", "description": "Runs it.", "parameters": SCHEMA}}
    ]
    with openai.OpenAI(api_key="x", base_url=f"{url}/v1", max_retries=0) as sdk:
        if not stream:
            answer = sdk.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "go"}], tools=tools
            )
        else:
            with sdk.chat.completions.stream(
                model=model,
                messages=[{"role": "user", "content": "go"}],
                tools=tools,
                stream_options={"include_usage": True},
            ) as events:
                answer = events.get_final_completion()
    message = answer.choices[0].message
    assert message.tool_calls is not None
    (call,) = message.tool_calls
    assert call.type == "function"
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.usage is not None
    return Got(
        message.content or "",
        call.function.name,
        msgspec.json.decode(call.function.arguments),
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
    )


def messages(url: str, model: str, *, stream: bool) -> Got:
    tools: Sequence[anthropic.types.ToolParam] = [
        {"name": "run", "description": "Runs it.", "input_schema": SCHEMA}
    ]
    with anthropic.Anthropic(api_key="x", base_url=url, max_retries=0) as sdk:
        if not stream:
            answer = sdk.messages.create(
                model=model, max_tokens=100, messages=[{"role": "user", "content": "go"}], tools=tools
            )
        else:
            with sdk.messages.stream(
                model=model, max_tokens=100, messages=[{"role": "user", "content": "go"}], tools=tools
            ) as events:
                answer = events.get_final_message()
    words, call = answer.content
    assert words.type == "text"
    assert call.type == "tool_use"
    assert answer.stop_reason == "tool_use"
    return Got(words.text, call.name, call.input, answer.usage.input_tokens, answer.usage.output_tokens)


def responses(url: str, model: str, *, stream: bool) -> Got:
    tools: list[openai.types.responses.ToolParam] = [
        {
            "type": "function",
            "name": "run",
            "description": "Runs it.",
            "parameters": SCHEMA,
            "strict": False,
        }
    ]
    with openai.OpenAI(api_key="x", base_url=f"{url}/v1", max_retries=0) as sdk:
        if not stream:
            answer = sdk.responses.create(model=model, input="go", store=False, tools=tools)
        else:
            with sdk.responses.stream(model=model, input="go", store=False, tools=tools) as events:
                answer = events.get_final_response()
    (call,) = [item for item in answer.output if item.type == "function_call"]
    assert answer.status == "completed"
    assert answer.usage is not None
    return Got(
        answer.output_text,
        call.name,
        msgspec.json.decode(call.arguments),
        answer.usage.input_tokens,
        answer.usage.output_tokens,
    )


def gemini(url: str, model: str, *, stream: bool) -> Got:
    declared = types.FunctionDeclaration(name="run", description="Runs it.", parameters_json_schema=SCHEMA)
    wanted = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])])
    options = types.HttpOptions(base_url=url, retry_options=types.HttpRetryOptions(attempts=1))
    with genai.Client(api_key="x", http_options=options) as sdk:
        if not stream:
            chunks = [sdk.models.generate_content(model=model, contents="go", config=wanted)]
        else:
            chunks = list(sdk.models.generate_content_stream(model=model, contents="go", config=wanted))
    parts = [
        part
        for chunk in chunks
        for candidate in chunk.candidates or []
        for part in (candidate.content.parts if candidate.content else None) or []
    ]
    (call,) = [part.function_call for part in parts if part.function_call is not None]
    last = chunks[-1]
    assert last.candidates is not None
    assert last.candidates[0].finish_reason == types.FinishReason.STOP
    assert last.usage_metadata is not None
    return Got(
        "".join(part.text or "" for part in parts),
        call.name,
        call.args,
        last.usage_metadata.prompt_token_count,
        last.usage_metadata.candidates_token_count,
    )


CLIENTS: dict[str, Callable[..., Got]] = {
    "openai_chat": chat,
    "anthropic_messages": messages,
    "openai_responses": responses,
    "gemini": gemini,
}
pairs = pytest.mark.parametrize(("client", "provider"), list(itertools.product(CLIENTS, PATHS)))


@pairs
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_turn_with_a_call(tmp_path: Path, client: str, provider: str, stream: bool) -> None:
    got, upstream, records = through(
        reply, config, tmp_path, lambda url: CLIENTS[client](url, f"{provider}/m", stream=stream)
    )
    assert got == Got(WORDS, "run", CALL, 11, 7)
    (asked,) = upstream.asked
    assert asked.path == PATHS[provider][stream]
    assert KEYS.get(provider, b"authorization: Bearer k") in asked.head
    sent = CODECS[provider].decode_request(msgspec.json.encode(asked.body))
    assert sent.messages == (Message("user", (Text("go"),)),)
    assert [(tool.name, tool.description) for tool in sent.tools] == [("run", "Runs it.")]
    assert msgspec.json.decode(sent.tools[0].schema or b"") == SCHEMA
    assert ("model" in asked.body, asked.body.get("model")) == (provider != "gemini", sent.model or None)
    (record,) = records
    assert (record.protocol, record.provider, record.outcome) == (client, provider, "ok")
    assert record.stream is stream
    assert record.usage is not None
    assert (record.usage.input, record.usage.output) == (11, 7)
