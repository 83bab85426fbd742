"""Transforms through the whole gateway: official SDKs in front, claude-code-router's file and our own behind."""

import json
from collections.abc import Callable
from pathlib import Path

import openai
import pytest

from app.sdks import message_of
from app.whole import Asked, Reply, through
from trunkline.config.ccr.document import decode_ccr
from trunkline.config.yaml_text import encode_yaml

pytestmark = pytest.mark.server
USE = [
    "extrathinktag",
    "tooluse",
    "enhancetool",
    ["maxtoken", {"max_tokens": 500}],
    ["customparams", {"seed": 7}],
]
TOOL = {"type": "object", "properties": {"c": {"type": "string"}}}
PIECES = ("<thi", "nk>I look", " first</think>", "\n\nThen: ")


def frame(delta: dict[str, object], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def stream(name: str, arguments: list[str]) -> list[bytes]:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": piece}} for piece in arguments]
    usage = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}  # fmt: skip
    return [
        *(frame({"content": piece}) for piece in PIECES),
        *(frame({"tool_calls": [one]}) for one in (call, *rest)),
        frame({}, "tool_calls"),
        b"data: " + json.dumps(usage).encode() + b"\n\n",
        b"data: [DONE]\n\n",
    ]


def answer(asked: Asked) -> Reply:
    """A call with broken arguments, or the way out when the user asks for an end."""
    ends = "the end" in json.dumps(asked.body["messages"])
    name, arguments = ("ExitTool", ["{response: 'all", " done'}"]) if ends else ("run", ["{c: 'ls", "',}"])
    if asked.body.get("stream"):
        return stream(name, arguments)
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": "".join(arguments)}}
    message = {"role": "assistant", "content": "".join(PIECES), "tool_calls": [call]}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    return json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}).encode()  # fmt: skip


def ccr(url: str) -> str:
    provider = {"name": "up", "api_base_url": f"{url}/v1/chat/completions", "api_key": "k", "models": ["m"], "transformer": {"use": USE}}  # fmt: skip
    return json.dumps({"Providers": [provider], "Router": {"default": "up,m"}})


def own(url: str) -> str:
    imported = decode_ccr(ccr(url), "config.json", {})
    text = encode_yaml(imported.configuration, imported.references, imported.spelled)
    return text.replace("${UP_API_KEY}", "k")


def messages(url: str, text: str, *, streamed: bool) -> tuple[list[object], str | None]:
    asked = {
        "model": "up/m",
        "max_tokens": 4000,
        "messages": [{"role": "user", "content": text}],
        "tools": [{"name": "run", "input_schema": TOOL}],
    }
    got = message_of(url, asked, stream=streamed)
    assert got.usage.output_tokens == 4
    blocks = [
        block.thinking if block.type == "thinking" else block.text if block.type == "text" else (block.name, block.input)
        for block in got.content
    ]  # fmt: skip
    return blocks, got.stop_reason


def chat(url: str, text: str, *, streamed: bool) -> tuple[list[object], str | None]:
    with openai.OpenAI(api_key="x", base_url=f"{url}/v1", max_retries=0, timeout=60) as client:
        asking = {
            "model": "up/m",
            "max_tokens": 4000,
            "messages": [{"role": "user", "content": text}],
            "tools": [{"type": "function", "function": {"name": "run", "parameters": TOOL}}],
        }
        if streamed:
            with client.chat.completions.stream(**asking) as events:  # type: ignore[arg-type]
                got = events.get_final_completion()
        else:
            got = client.chat.completions.create(**asking)  # type: ignore[call-overload]
    choice = got.choices[0]
    calls = [
        (call.function.name, json.loads(call.function.arguments))
        for call in choice.message.tool_calls or ()
    ]
    thinking = getattr(choice.message, "reasoning_content", None)
    words = (choice.message.content or "").split("|")
    return [*([thinking] * bool(thinking)), *words, *calls], {
        "stop": "end_turn",
        "tool_calls": "tool_use",
    }[choice.finish_reason]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", [messages, chat])
@pytest.mark.parametrize("config", [ccr, own])
def test_request_and_answer_are_edited_for_every_client(
    config: Callable[[str], str],
    client: Callable[..., tuple[list[object], str | None]],
    streamed: bool,
    tmp_path: Path,
) -> None:
    def ask(url: str) -> list[tuple[list[object], str | None]]:
        return [client(url, text, streamed=streamed) for text in ("go on", "this is the end")]

    (called, left), upstream, records = through(answer, config, tmp_path, ask)
    assert called == (["I look first", "Then: ", ("run", {"c": "ls"})], "tool_use")
    assert "".join(map(str, left[0])) == "I look firstThen: all done"
    assert left[1] == "end_turn"
    for asked in upstream.asked:
        assert asked.body["max_tokens"] == 500
        assert asked.body["seed"] == 7
        assert asked.body["tool_choice"] == "required"
        assert [tool["function"]["name"] for tool in asked.body["tools"]] == ["run", "ExitTool"]  # type: ignore[attr-defined]
        assert "ExitTool" in json.dumps(asked.body["messages"][0])  # type: ignore[index]
    assert [record.outcome for record in records] == ["ok", "ok"]
