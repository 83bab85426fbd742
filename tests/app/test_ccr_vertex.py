"""Configurations of claude-code-router on Vertex AI, through the whole gateway: what CCR lost or broke arrives."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import anthropic
import pytest

from app.clouds import TOKEN, Answered, Asked, Cloud, vertex_fault
from app.sdks import message_of
from app.whole import whole
from upstream.raw_server import serving
from upstream.test_google import key_file, token_server

pytestmark = pytest.mark.server
TOOL = {"name": "run", "input_schema": {"type": "object", "properties": {"c": {"type": "string"}}}}
TURNS = [
    {"role": "user", "content": "go"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "run", "input": {"c": "ls"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "a.txt"}]},
]  # fmt: skip
SAID = {
    "role": "model",
    "parts": [{"text": "I look"}, {"functionCall": {"name": "run", "args": {"c": "cat"}}}],
}
GEMINI = {"candidates": [{"content": SAID, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}}  # fmt: skip
CALL = {"id": "call_1", "type": "function", "function": {"name": "run", "arguments": '{"c":"cat"}'}}
CHAT = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": "I look", "tool_calls": [CALL]}}], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}  # fmt: skip
CLAUDE = {"id": "msg_vrtx_1", "type": "message", "role": "assistant", "model": "c", "stop_reason": "tool_use", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 4}, "content": [{"type": "text", "text": "I look"}, {"type": "tool_use", "id": "call_1", "name": "run", "input": {"c": "cat"}}]}  # fmt: skip


def answer(asked: Asked) -> Answered:
    if "alt=sse" in asked.path:
        return Answered(b"data: " + json.dumps(GEMINI).encode() + b"\r\n\r\n", b"text/event-stream")
    said = CHAT if "openapi" in asked.path else CLAUDE if "anthropic" in asked.path else GEMINI
    return Answered(json.dumps(said).encode())


def judge(asked: Asked, url: str, body: bytes) -> str | None:
    token = asked.headers["authorization"].removeprefix("Bearer ")
    asked.headers["authorization"] = f"Bearer {TOKEN}" if token.startswith("ya29.") else token
    return vertex_fault(asked, url, body)


def router(url: str, key: str) -> str:
    providers = [
        {"name": name, "api_base_url": url, "api_key": "unused", "models": [model], "transformer": {"use": [use]}}
        for name, model, use in (
            ("gem", "gemini-2.5-pro", "vertex-gemini"),
            ("cla", "claude-sonnet-4-5@20250929", "vertex-claude"),
            ("oai", "llama-4-maverick", "vertex-openai"),
        )
    ]  # fmt: skip
    return json.dumps(
        {
            "GOOGLE_CLOUD_PROJECT": "my-project",
            "GOOGLE_CLOUD_LOCATION": "us-east5",
            "GOOGLE_APPLICATION_CREDENTIALS": key,
            "Providers": providers,
            "Router": {"default": "gem,gemini-2.5-pro"},
        }
    )


def ask(url: str, model: str, *, stream: bool) -> anthropic.types.Message:
    asked = {"model": model, "max_tokens": 99, "messages": TURNS, "tools": [TOOL]}
    return message_of(url, asked, stream=stream)


def run(folder: Path, asking: Callable[[str], list[anthropic.types.Message]]) -> tuple[list[anthropic.types.Message], Cloud, list[str]]:  # fmt: skip
    cloud = Cloud(judge, answer)
    with token_server() as (uri, issued):
        key = str(key_file(folder, uri))

        async def main() -> list[anthropic.types.Message]:
            async with (
                serving(cloud.play) as server,
                whole(router(f"http://127.0.0.1:{server.port}", key), folder) as running,
            ):
                return await asyncio.to_thread(asking, running.url)

        return asyncio.run(main()), cloud, issued


def test_the_three_ways_to_vertex_carry_tools_and_streams(tmp_path: Path) -> None:
    def asking(url: str) -> list[anthropic.types.Message]:
        return [
            ask(url, "gem,gemini-2.5-pro", stream=False),
            ask(url, "gem,gemini-2.5-pro", stream=True),
            ask(url, "cla,claude-sonnet-4-5@20250929", stream=False),
            ask(url, "oai,llama-4-maverick", stream=False),
        ]

    answers, cloud, _ = run(tmp_path, asking)
    for message in answers:
        words, call = message.content
        assert words.type == "text"
        assert call.type == "tool_use"
        assert (words.text, call.name, call.input, message.stop_reason) == ("I look", "run", {"c": "cat"}, "tool_use")  # fmt: skip
        assert message.usage.output_tokens == 4
    place = "/projects/my-project/locations/us-east5"
    gemini = f"/v1beta1{place}/publishers/google/models/gemini-2.5-pro"
    assert [asked.path for asked in cloud.asked] == [
        f"{gemini}:generateContent",
        f"{gemini}:streamGenerateContent?alt=sse",
        f"/v1{place}/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict",
        f"/v1beta1{place}/endpoints/openapi/chat/completions",
    ]
    whole_gemini, _, claude, chat = (asked.body for asked in cloud.asked)
    assert "functionResponse" in json.dumps(whole_gemini["contents"])
    assert "functionDeclarations" in json.dumps(whole_gemini["tools"])
    assert (claude["messages"], claude["tools"]) == (TURNS, [TOOL])
    assert claude["anthropic_version"] == "vertex-2023-10-16"
    assert [message["role"] for message in chat["messages"]] == ["user", "assistant", "tool"]  # type: ignore[attr-defined]
