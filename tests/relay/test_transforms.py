"""A provider's transforms, from the client's bytes to the provider's and back: by claude-code-router's file, and by
the YAML that it becomes."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec
import pytest

from relay.kit import JSON, Bench, Records, Script, ScriptedUpstream, WritingSink
from relay.test_rooms import ARGUMENTS, REQUESTS, TAPES
from relay.virtual import run
from trunkline.app.providers import make_providers, with_transforms
from trunkline.config.ccr.document import decode_ccr
from trunkline.config.document import decode_document
from trunkline.config.schema import Configuration
from trunkline.config.section import Reading
from trunkline.config.yaml_file import decode_yaml
from trunkline.config.yaml_text import encode_yaml
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import fold
from trunkline.core.sse import SSEFramer
from trunkline.core.types import Text, ToolCall
from trunkline.protocols.codec import Peek
from trunkline.protocols.registry import CODECS, COUNTERS
from trunkline.relay.exchange import Exchange
from trunkline.relay.learned import Learned
from trunkline.relay.proofs import ProofStore
from trunkline.routing.plan import Plan, Target
from trunkline.transforms.chain import chains_of

Json = dict[str, object]
URLS = {
    "chat": "http://127.0.0.1:9/v1/chat/completions",
    "responses": "http://127.0.0.1:9/v1/responses",
    "messages": "http://127.0.0.1:9/v1/messages",
    "gemini": "http://127.0.0.1:9/v1beta/models/",
}
WAYS = ["ccr", "yaml"]


@cache
def configuration(transformer: str, url: str, model: str, way: str) -> Configuration:
    provider = {
        "name": "up",
        "api_base_url": url,
        "api_key": "k",
        "models": [model],
        "transformer": json.loads(transformer),
    }
    file = json.dumps({"Providers": [provider], "Router": {"default": f"up,{model}"}})
    imported = decode_ccr(file, "config.json", {})
    if way == "ccr":
        return imported.configuration
    text = encode_yaml(imported.configuration, imported.references, imported.spelled)
    environ = dict.fromkeys(imported.unset, "k")
    return decode_document(Reading("t.yaml", environ), decode_yaml(text, "t.yaml"))


class Setup(Bench):
    """An exchange with the providers that a configuration describes."""

    def __init__(self, configured: Configuration, upstream: ScriptedUpstream, model: str = "m") -> None:
        super().__init__(upstream, codecs=dict(CODECS), records=Records())
        self.configured = configured
        self.model = model

    def build(self) -> Exchange:
        if self.exchange is None:
            self.exchange = Exchange(
                planner=self.plan,
                providers=with_transforms(self.configured, make_providers(self.configured)),
                transforms=chains_of(dict(self.configured.providers)),
                codecs=CODECS,
                upstream=self.upstream,
                credentials=self.keys,
                clock=self.clock,
                recorder=self.records,
                timeouts=self.timeouts,
                retry=self.retry,
                proofs=ProofStore(self.clock.now),
                learned=Learned(self.clock.now),
                strict=self.strict,
                counters=COUNTERS,
            )
        return self.exchange

    async def plan(self, inbound: object, peek: object) -> Plan:
        return Plan((Target("up", self.model),), "test")


def asked(
    transformer: object,
    body: Mapping[str, object],
    *,
    way: str = "ccr",
    protocol: str = "anthropic_messages",
    url: str = URLS["chat"],
    model: str = "m",
) -> Json:
    """The body that the provider is sent."""
    refused = Script([b"{}"], status=418, headers=JSON)
    setup = Setup(configuration(json.dumps(transformer), url, model, way), ScriptedUpstream(refused), model)

    async def main() -> None:
        with pytest.raises(GatewayError):
            await setup.run(msgspec.json.encode(body), protocol=protocol)

    run(main())
    sent = setup.upstream.requests[0].body
    assert isinstance(sent, bytes)
    return json.loads(sent)


HELLO: Json = {"model": "x", "max_tokens": 32000, "messages": [{"role": "user", "content": "hi"}]}
SENT: Json = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
CHAT: Json = {"model": "x", "messages": [{"role": "user", "content": "hi"}]}
MARK = {"cache_control": {"type": "ephemeral"}}
MARKED: Json = {
    "model": "x",
    "max_tokens": 10,
    "system": [{"type": "text", "text": "be", **MARK}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "hi", **MARK}]}],
    "tools": [{"name": "f", "input_schema": {"$schema": "s", "type": "object", "properties": {}}, **MARK}],
}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
PROVIDER = {"provider": {"only": ["x"]}}

FROM_MESSAGES = [
    # max_tokens
    ("maxtoken caps", [["maxtoken", {"max_tokens": 8192}]], HELLO, {**SENT, "max_tokens": 8192}),
    ("maxtoken leaves less alone", [["maxtoken", {"max_tokens": 8192}]], {**HELLO, "max_tokens": 5}, {**SENT, "max_tokens": 5}),
    ("maxtoken without options", ["maxtoken"], HELLO, {**SENT, "max_tokens": 32000}),
    ("deepseek caps", ["deepseek"], HELLO, {**SENT, "max_tokens": 8192}),
    ("maxcompletiontokens renames", ["maxcompletiontokens"], HELLO, {**SENT, "max_completion_tokens": 32000}),
    ("both, in either order", ["maxcompletiontokens", ["maxtoken", {"max_tokens": 8192}]], HELLO, {**SENT, "max_completion_tokens": 8192}),
    ("sampling", [["sampling", {"max_tokens": 100, "temperature": 0.2, "top_p": 0.9, "top_k": 20, "repetition_penalty": 1.1}]],
     {**HELLO, "temperature": 1.0}, {**SENT, "max_tokens": 100, "temperature": 0.2, "top_p": 0.9, "top_k": 20, "repetition_penalty": 1.1}),
    # fields
    ("openrouter's options", [["openrouter", PROVIDER]], HELLO, {**SENT, "max_tokens": 32000, **PROVIDER}),
    ("vercel's options", [["vercel", {"providerOptions": {"gateway": {"order": ["a"]}}}]], HELLO, {**SENT, "max_tokens": 32000, "providerOptions": {"gateway": {"order": ["a"]}}}),
    ("options overwrite", [["openrouter", {"max_tokens": 7}]], HELLO, {**SENT, "max_tokens": 7}),
    ("customparams adds", [["customparams", {"seed": 7, "metadata": {"a": 1}}]], HELLO, {**SENT, "max_tokens": 32000, "seed": 7, "metadata": {"a": 1}}),
    ("customparams keeps", [["customparams", {"max_tokens": 7, "temperature": 0.5}]], {**HELLO, "temperature": 0.1}, {**SENT, "max_tokens": 32000, "temperature": 0.1}),
    # thinking
    ("reasoning off", [["reasoning", {"enable": False}]], {**HELLO, "thinking": {"type": "enabled", "budget_tokens": 4000}},
     {**SENT, "max_tokens": 32000, "thinking": {"type": "disabled"}, "enable_thinking": False}),
    ("reasoning off, not asked for", [["reasoning", {"enable": False}]], HELLO, {**SENT, "max_tokens": 32000, "thinking": {"type": "disabled"}, "enable_thinking": False}),
    ("reasoning on", ["reasoning"], {**HELLO, "thinking": {"type": "enabled", "budget_tokens": 4000}},
     {**SENT, "max_tokens": 32000, "thinking": {"type": "enabled", "budget_tokens": 4000}, "enable_thinking": True}),
    ("reasoning on, not asked for", [["reasoning", {"enable": True}]], HELLO, {**SENT, "max_tokens": 32000}),
    ("reasoning on, but not wanted", ["reasoning"], {**HELLO, "thinking": {"type": "disabled"}},
     {**SENT, "max_tokens": 32000, "thinking": {"type": "disabled"}, "enable_thinking": False}),
    ("a budget stays below the cap", ["reasoning", ["maxtoken", {"max_tokens": 3000}]], {**HELLO, "thinking": {"type": "enabled", "budget_tokens": 4000}},
     {**SENT, "max_tokens": 3000, "thinking": {"type": "enabled", "budget_tokens": 2999}, "enable_thinking": True}),
    # streams
    ("streamoptions", ["streamoptions"], {**HELLO, "stream": True}, {**SENT, "max_tokens": 32000, "stream": True, "stream_options": {"include_usage": True}}),
    # nothing that is not needed
    ("no effect on a plain request", ["cleancache", "groq", "enhancetool", "tooluse", "extrathinktag"], HELLO, {**SENT, "max_completion_tokens": 32000}),
    ("by name only", ["OpenAI"], HELLO, {**SENT, "max_tokens": 32000}),
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("use", "body", "sent"), [row[1:] for row in FROM_MESSAGES], ids=[row[0] for row in FROM_MESSAGES]
)
def test_what_a_provider_of_chat_is_sent(use: Sequence[object], body: Json, sent: Json, way: str) -> None:
    for level in ({"use": use}, {"m": {"use": use}}, {"use": use, "m": {"use": use}}):
        assert asked(level, body, way=way) == sent


PASSED = [
    ("caps either name", [["maxtoken", {"max_tokens": 10}]], {**CHAT, "max_completion_tokens": 99}, {**SENT, "max_completion_tokens": 10}),
    ("adds none", [["maxtoken", {"max_tokens": 10}]], CHAT, SENT),
    ("renames", ["maxcompletiontokens"], {**CHAT, "max_tokens": 99}, {**SENT, "max_completion_tokens": 99}),
    ("sets", [["sampling", {"temperature": 0.2, "repetition_penalty": 1.1}]], {**CHAT, "temperature": 1}, {**SENT, "temperature": 0.2, "repetition_penalty": 1.1}),
    ("adds fields", [["customparams", {"a": {"x": 1, "y": {"z": 1}}, "n": 2, "s": "o"}]], {**CHAT, "a": {"x": 0, "y": {"w": 2}}, "s": "mine"},
     {**SENT, "a": {"x": 1, "y": {"w": 2, "z": 1}}, "n": 2, "s": "mine"}),
    ("puts fields", [["openrouter", PROVIDER]], {**CHAT, "provider": {"only": ["y"], "sort": "price"}}, {**SENT, **PROVIDER}),
    ("asks for usage", ["streamoptions"], {**CHAT, "stream": True, "stream_options": {"x": 1}}, {**SENT, "stream": True, "stream_options": {"x": 1, "include_usage": True}}),
    ("asks for none without a stream", ["streamoptions"], CHAT, SENT),
    ("switches on by an effort", ["reasoning"], {**CHAT, "reasoning_effort": "high"}, {**SENT, "thinking": {"type": "enabled"}, "enable_thinking": True}),
    ("switches off", [["reasoning", {"enable": False}]], {**CHAT, "reasoning_effort": "high"}, {**SENT, "thinking": {"type": "disabled"}, "enable_thinking": False}),
    ("cleans messages, not tools", ["cleancache"], {**CHAT, "messages": [{"role": "user", "content": [{"type": "text", "text": "hi", **MARK}], **MARK}], "tools": [{**TOOL, **MARK}]},
     {**SENT, "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "tools": [{**TOOL, **MARK}]}),
    ("groq", ["groq"], {**CHAT, "reasoning": {"effort": "low"}, "messages": [{"role": "user", "content": "hi", **MARK}], "tools": [{"type": "function", "function": {"name": "f", "parameters": {"$schema": "x", "type": "object"}}, **MARK}]},
     {**SENT, "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]}),
    ("cerebras", ["cerebras"], {**CHAT, "reasoning": {"effort": "low"}, "max_tokens": 9, "frequency_penalty": 1}, {**SENT, "max_completion_tokens": 9}),
    ("enhancetool asks for nothing", ["enhancetool", "extrathinktag"], {**CHAT, "odd": [1, {"k": None}]}, {**SENT, "odd": [1, {"k": None}]}),
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("use", "body", "sent"), [row[1:] for row in PASSED], ids=[row[0] for row in PASSED]
)
def test_a_pass_through_is_edited_too(use: Sequence[object], body: Json, sent: Json, way: str) -> None:
    assert asked({"use": use}, body, protocol="openai_chat", way=way) == sent


def test_bytes_that_no_transform_is_about_stay_as_they_are() -> None:
    body = b'{ "model":"x" ,"odd" : 1.50,  "max_tokens": 99,\n"messages":[{"role":"user","content":"\\u00e9 "}] }'
    refused = Script([b"{}"], status=418, headers=JSON)
    transformer = json.dumps({"use": [["maxtoken", {"max_tokens": 10}]]})
    setup = Setup(configuration(transformer, URLS["chat"], "m", "ccr"), ScriptedUpstream(refused))

    async def main() -> None:
        with pytest.raises(GatewayError):
            await setup.run(body, protocol="openai_chat")

    run(main())
    sent = setup.upstream.requests[0].body
    assert sent == body.replace(b'"x"', b'"m"').replace(b"99", b"10")


OTHERS = [
    ("messages", [["maxtoken", {"max_tokens": 3000}], "Anthropic"], {**HELLO, "thinking": {"type": "enabled", "budget_tokens": 4000}},
     {"max_tokens": 3000, "thinking": {"type": "enabled", "budget_tokens": 2999}}),
    ("messages", [["maxtoken", {"max_tokens": 900}]], {**HELLO, "thinking": {"type": "enabled", "budget_tokens": 4000}}, {"max_tokens": 900, "thinking": None}),
    ("messages", [["sampling", {"temperature": 0.2, "top_k": 3}]], HELLO, {"max_tokens": 32000, "temperature": 0.2, "top_k": 3}),
    ("messages", [["reasoning", {"enable": False}]], {**HELLO, "thinking": {"type": "enabled", "budget_tokens": 4000}}, {"thinking": None, "enable_thinking": None}),
    ("messages", ["cleancache"], MARKED, {"system": [{"type": "text", "text": "be"}], "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "tools": MARKED["tools"]}),
    ("messages", ["groq"], MARKED, {"tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}], "system": [{"type": "text", "text": "be"}]}),
    ("responses", [["maxtoken", {"max_tokens": 3000}], "openai-responses"], HELLO, {"max_output_tokens": 3000}),
    ("responses", [["sampling", {"temperature": 0.2}]], HELLO, {"max_output_tokens": 32000, "temperature": 0.2}),
    ("responses", [["customparams", {"truncation": "auto"}]], HELLO, {"truncation": "auto"}),
    ("gemini", ["gemini", ["sampling", {"max_tokens": 3000, "temperature": 0.2, "top_k": 3}]], HELLO, {"generationConfig": {"maxOutputTokens": 3000, "temperature": 0.2, "topK": 3}}),
    ("gemini", [["customparams", {"generationConfig": {"seed": 4}}]], HELLO, {"generationConfig": {"maxOutputTokens": 32000, "seed": 4}}),
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("target", "use", "body", "fields"), OTHERS)
def test_other_protocols_have_the_fields_in_their_spelling(
    target: str, use: Sequence[object], body: Json, fields: Json, way: str
) -> None:
    sent = asked({"use": use}, body, way=way, url=URLS[target])
    assert {name: sent.get(name) for name in fields} == fields


SNAKE = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generation_config": {"max_output_tokens": 99, "top_k": 5}}  # fmt: skip


def test_gemini_in_its_other_spelling() -> None:
    use = [["sampling", {"max_tokens": 10, "top_k": 3}]]
    sent = asked({"use": use}, {**SNAKE, "model": "m"}, protocol="gemini", url=URLS["gemini"])
    assert sent["generation_config"] == {"max_output_tokens": 10, "topK": 3}
    assert "generationConfig" not in sent


CACHED = [
    ("anthropic/claude-sonnet-4", ["openrouter"], True),
    ("moonshotai/kimi-k2", ["openrouter"], False),
    ("anthropic/claude-sonnet-4", ["vercel"], True),
    ("anthropic/claude-sonnet-4", ["openrouter", "cleancache"], False),
]


@pytest.mark.parametrize(("model", "use", "kept"), CACHED)
@pytest.mark.parametrize("host", ["openrouter.ai/api", "gateway.example.com"])
def test_cache_marks_go_to_claude_only(model: str, use: list[str], kept: bool, host: str) -> None:
    url = f"https://{host}/v1/chat/completions"
    sent = asked({"use": use}, MARKED, url=url, model=model)
    assert ("cache_control" in json.dumps(sent["messages"])) is kept
    if not kept:
        assert "cache_control" not in json.dumps(sent["messages"])


HISTORY: Json = {
    "model": "x",
    "max_tokens": 10,
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "I look", "signature": ""},
            {"type": "text", "text": "so"},
            {"type": "tool_use", "id": "c1", "name": "f", "input": {}},
        ]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "ok"}]},
    ],
    "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
}  # fmt: skip


def test_deepseek_gets_its_reasoning_back() -> None:
    (_, turn, _) = asked({"use": ["deepseek"]}, HISTORY)["messages"]  # type: ignore[misc]
    assert (turn["reasoning_content"], turn["content"]) == ("I look", "so")
    (_, turn, _) = asked({"use": []}, HISTORY)["messages"]  # type: ignore[misc]
    assert "reasoning_content" not in turn


def test_forced_reasoning_is_asked_for_at_a_place_that_moves_nothing() -> None:
    sent = asked({"use": ["forcereasoning"]}, {**HISTORY, "system": "be"})
    system, _, turn, _ = sent["messages"]  # type: ignore[misc]
    assert system["role"] == "system"
    assert system["content"].startswith("be")
    assert "<reasoning_content>" in system["content"]
    assert turn["content"] == "<reasoning_content>I look</reasoning_content>\nso"
    longer = {**HISTORY, "system": "be", "messages": [*HISTORY["messages"], {"role": "assistant", "content": "x"}, {"role": "user", "content": "y"}]}  # type: ignore[misc]  # fmt: skip
    after = asked({"use": ["forcereasoning"]}, longer)
    assert after["messages"][: len(sent["messages"])] == sent["messages"]  # type: ignore[index,arg-type]


def test_forced_reasoning_is_not_forced_on_who_wants_none() -> None:
    sent = asked({"use": ["forcereasoning"]}, {**HELLO, "thinking": {"type": "disabled"}})
    assert sent["messages"] == SENT["messages"]


def test_tools_are_urged_with_a_way_out() -> None:
    tools = HISTORY["tools"]
    sent = asked({"use": ["tooluse"]}, {**HELLO, "tools": tools})
    assert sent["tool_choice"] == "required"
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["f", "ExitTool"]  # type: ignore[attr-defined]
    assert list(sent["tools"][1]["function"]["parameters"]["properties"]) == ["response"]  # type: ignore[index]
    assert sent["messages"][0]["role"] == "system"  # type: ignore[index]
    assert "ExitTool" in sent["messages"][0]["content"]  # type: ignore[index]


@pytest.mark.parametrize("choice", [{"type": "none"}, {"type": "any"}, {"type": "tool", "name": "f"}])
def test_a_client_that_chooses_itself_is_not_urged(choice: Json) -> None:
    body = {**HELLO, "tools": HISTORY["tools"], "tool_choice": choice}
    assert asked({"use": ["tooluse"]}, body) == asked({"use": []}, body)


def chunk(delta: Json, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


USAGE = b'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
END = USAGE + b"data: [DONE]\n\n"


def called(name: str, arguments: Sequence[str], index: int = 0) -> bytes:
    first = {
        "index": index,
        "id": f"call_{index}",
        "type": "function",
        "function": {"name": name, "arguments": ""},
    }
    rest = [{"index": index, "function": {"arguments": piece}} for piece in arguments]
    return b"".join(chunk({"tool_calls": [one]}) for one in (first, *rest))


def said(*texts: str) -> bytes:
    return b"".join(chunk({"content": text}) for text in texts)


def whole(message: Json, finish: str = "stop") -> bytes:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}}
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    return msgspec.json.encode({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage})  # fmt: skip


Block = tuple[str, object]
ANSWERS: list[tuple[str, list[object], bytes, bytes, list[Block], str]] = [
    ("think tags", ["extrathinktag"], said("<thi", "nk>why", " not</th", "ink>\n", "\nso"), whole({"content": "<think>why not</think>\n\nso"}),
     [("thinking", "why not"), ("text", "so")], "end_turn"),
    ("forced reasoning", ["forcereasoning"], said("<reasoning_content>w", "hy</reasoning_content>so"), whole({"content": "<reasoning_content>why</reasoning_content>so"}),
     [("thinking", "why"), ("text", "so")], "end_turn"),
    ("no tag at all", ["forcereasoning"], said("just ", "text <"), whole({"content": "just text <"}), [("text", "just text <")], "end_turn"),
    ("reasoning_content", ["deepseek"], chunk({"reasoning_content": "why"}) + said("so"), whole({"reasoning_content": "why", "content": "so"}),
     [("thinking", "why"), ("text", "so")], "end_turn"),
    ("reasoning", ["openrouter"], chunk({"reasoning": "why"}) + said("so"), whole({"reasoning": "why", "content": "so"}), [("thinking", "why"), ("text", "so")], "end_turn"),
    ("reasoning, then a call", ["reasoning"], chunk({"reasoning_content": "why"}) + called("f", ["{}"]),
     whole({"reasoning_content": "why", "content": None, "tool_calls": [{"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, "tool_calls"),
     [("thinking", "why"), ("f", {})], "tool_use"),
    ("broken arguments", ["enhancetool"], said("ok") + called("f", ["{a: 1", ", 'b'", ": [2,"]) + called("g", [""], 1),
     whole({"content": "ok", "tool_calls": [
         {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{a: 1, 'b': [2,"}},
         {"id": "call_1", "type": "function", "function": {"name": "g", "arguments": ""}}]}, "tool_calls"),
     [("text", "ok"), ("f", {"a": 1, "b": [2]}), ("g", {})], "tool_use"),
    ("the way out", ["tooluse"], called("ExitTool", ['{"resp', 'onse":"all \\', 'n done"}']),
     whole({"content": None, "tool_calls": [{"id": "call_0", "type": "function", "function": {"name": "ExitTool", "arguments": '{"response":"all \\n done"}'}}]}, "tool_calls"),
     [("text", "all \n done")], "end_turn"),
    ("a call all the same", ["tooluse"], called("f", ['{"x":1}']),
     whole({"content": None, "tool_calls": [{"id": "call_0", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}]}, "tool_calls"),
     [("f", {"x": 1})], "tool_use"),
]  # fmt: skip


def messages_of(data: bytes) -> tuple[list[Block], str, list[str]]:
    """Blocks, the reason to stop and the kinds of events of a Messages stream."""
    framer = SSEFramer()
    events = [json.loads(frame.data) for frame in (*framer.feed(data), *framer.close())]
    blocks: list[list[str]] = []
    stop = ""
    for event in events:
        if event["type"] == "content_block_start":
            assert event["index"] == len(blocks)
            block = event["content_block"]
            blocks.append([block.get("name") or block["type"], ""])
        elif event["type"] == "content_block_delta":
            assert event["index"] == len(blocks) - 1
            delta = event["delta"]
            blocks[-1][1] += delta.get("text") or delta.get("thinking") or delta.get("partial_json") or ""
        elif event["type"] == "message_delta":
            stop = event["delta"]["stop_reason"]
    read = [
        (kind, text if kind in ("text", "thinking") else json.loads(text or "{}")) for kind, text in blocks
    ]
    return read, stop, [event["type"] for event in events]


def chat_of(data: bytes) -> tuple[list[Block], str]:
    framer = SSEFramer()
    thinking, text = "", ""
    calls: dict[int, list[str]] = {}
    finish = ""
    for frame in (*framer.feed(data), *framer.close()):
        if frame.data == b"[DONE]":
            continue
        for choice in json.loads(frame.data)["choices"]:
            delta = choice["delta"]
            thinking += delta.get("reasoning_content") or delta.get("reasoning") or ""
            text += delta.get("content") or ""
            for one in delta.get("tool_calls") or ():
                call = calls.setdefault(one["index"], ["", ""])
                call[0] += one["function"].get("name") or ""
                call[1] += one["function"].get("arguments") or ""
            finish = choice["finish_reason"] or finish
    blocks: list[Block] = [("thinking", thinking)] * bool(thinking) + [("text", text)] * bool(text)
    return [*blocks, *((name, json.loads(arguments)) for name, arguments in calls.values())], finish


FINISHES = {"end_turn": "stop", "tool_use": "tool_calls"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("use", "stream", "_whole", "blocks", "stop"),
    [row[1:] for row in ANSWERS],
    ids=[row[0] for row in ANSWERS],
)
def test_a_streamed_answer_wherever_it_is_cut(
    use: list[object], stream: bytes, _whole: bytes, blocks: list[Block], stop: str, way: str
) -> None:
    asked_finish = "tool_calls" if b"tool_calls" in stream else "stop"
    tape = stream + chunk({}, asked_finish) + END
    configured = configuration(json.dumps({"use": use}), URLS["chat"], "m", way)
    for size in (17, 64, len(tape)):
        pieces = [tape[at : at + size] for at in range(0, len(tape), size)]
        sink = run(
            Setup(configured, ScriptedUpstream(Script(pieces))).run(
                msgspec.json.encode({**HELLO, "stream": True}), protocol="anthropic_messages"
            )
        )
        read, ended, kinds = messages_of(sink.body)
        assert (read, ended) == (blocks, stop)
        assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
        body = msgspec.json.encode({**CHAT, "stream": True})
        sink = run(Setup(configured, ScriptedUpstream(Script(pieces))).run(body, protocol="openai_chat"))
        assert chat_of(sink.body) == (blocks, FINISHES[stop])


@pytest.mark.parametrize(
    ("use", "_stream", "answer", "blocks", "stop"),
    [row[1:] for row in ANSWERS],
    ids=[row[0] for row in ANSWERS],
)
def test_a_whole_answer(
    use: list[object], _stream: bytes, answer: bytes, blocks: list[Block], stop: str
) -> None:
    configured = configuration(json.dumps({"use": use}), URLS["chat"], "m", "ccr")
    script = Script([answer], headers=JSON)
    sink = run(
        Setup(configured, ScriptedUpstream(script)).run(
            msgspec.json.encode(HELLO), protocol="anthropic_messages"
        )
    )
    got = json.loads(sink.body)
    read = [
        (
            block.get("name") or block["type"],
            block.get("text") or block.get("thinking") or block.get("input") or {},
        )
        for block in got["content"]
    ]
    assert (read, got["stop_reason"]) == (blocks, stop)
    assert got["usage"]["output_tokens"] == 4
    sink = run(
        Setup(configured, ScriptedUpstream(script)).run(msgspec.json.encode(CHAT), protocol="openai_chat")
    )
    choice = json.loads(sink.body)["choices"][0]
    assert choice["finish_reason"] == FINISHES[stop]
    texts = [text for kind, text in blocks if kind == "text"]
    assert (choice["message"]["content"] or "") == "".join(map(str, texts))


BROKEN = [
    ("extrathinktag", said("a <thi"), "a <thi"),
    ("forcereasoning", said("never a tag"), "never a tag"),
    ("tooluse", called("ExitTool", ['{"response":"half']), "half"),
]


@pytest.mark.parametrize(("name", "tape", "shown"), BROKEN)
def test_a_stream_that_breaks_off_ends_with_an_error_after_all_that_came(
    name: str, tape: bytes, shown: str
) -> None:
    configured = configuration(json.dumps({"use": [name]}), URLS["chat"], "m", "ccr")
    reset = GatewayError(Kind.TRUNCATED, "reset", local=False)
    setup = Setup(configured, ScriptedUpstream(Script([said("x ") + tape, reset])))
    sink = run(setup.run(msgspec.json.encode({**HELLO, "stream": True}), protocol="anthropic_messages"))
    blocks, _, kinds = messages_of(sink.body)
    assert kinds[-1] == "error"
    assert "message_stop" not in kinds
    assert "".join(str(text) for _, text in blocks).endswith(shown)


def test_an_answer_of_which_nothing_was_shown_can_still_be_asked_elsewhere() -> None:
    """A held back beginning is no content: the same target is tried again."""
    configured = configuration(json.dumps({"use": ["extrathinktag"]}), URLS["chat"], "m", "ccr")
    reset = GatewayError(Kind.TRUNCATED, "reset", local=False)
    again = Script([said("<think>why</think>so") + chunk({}, "stop") + END])
    setup = Setup(configured, ScriptedUpstream(Script([said("<thin"), reset]), again))
    sink = run(setup.run(msgspec.json.encode({**HELLO, "stream": True}), protocol="anthropic_messages"))
    blocks, stop, kinds = messages_of(sink.body)
    assert (blocks, stop) == ([("thinking", "why"), ("text", "so")], "end_turn")
    assert kinds.count("message_start") == 1
    assert len(setup.upstream.requests) == 2


def test_a_client_that_counts_asks_without_the_transforms() -> None:
    """Fields of a generation have no place in a count."""
    transformer = json.dumps({"use": [["sampling", {"temperature": 0.5}], ["customparams", {"x": 1}]]})
    configured = configuration(transformer, "https://api.anthropic.com/v1/messages", "m", "ccr")
    setup = Setup(configured, ScriptedUpstream(Script([b'{"input_tokens": 7}'], headers=JSON)))
    sink = WritingSink()
    run(
        setup.run(
            msgspec.json.encode(CHAT), protocol="anthropic_messages", operation="count_tokens", sink=sink
        )
    )
    sent = setup.upstream.requests[0]
    assert sent.url.endswith("count_tokens")
    assert isinstance(sent.body, bytes)
    assert json.loads(sent.body) == {**CHAT, "model": "m"}
    assert json.loads(sink.body) == {"input_tokens": 7}


SPEAKS = {
    "openai_chat": "chat",
    "openai_responses": "responses",
    "anthropic_messages": "messages",
    "gemini": "gemini",
}
READING = ["extrathinktag", "tooluse", "enhancetool"]


@pytest.mark.parametrize("upstream", SPEAKS)
@pytest.mark.parametrize("client", SPEAKS)
def test_answers_that_need_no_edit_mean_the_same_in_every_pair(client: str, upstream: str) -> None:
    """The same protocol on both sides is read and written anew, and loses nothing by it."""
    transformer = json.dumps({"use": [*READING, "gemini"] if upstream == "gemini" else READING})
    configured = configuration(transformer, URLS[SPEAKS[upstream]], "m", "ccr")
    for size in (None, 23):
        tape = b"".join(TAPES[upstream])
        pieces = (
            TAPES[upstream] if size is None else [tape[at : at + size] for at in range(0, len(tape), size)]
        )
        setup = Setup(configured, ScriptedUpstream(Script(pieces)))
        sink = WritingSink()
        inbound = msgspec.structs.replace(
            setup.inbound(REQUESTS[client], protocol=client), peek=Peek("asked", stream=True)
        )
        run(setup.build().run(inbound, sink))
        decoder, framer = CODECS[client].stream_decoder("x"), SSEFramer()
        frames = [*framer.feed(sink.body), *framer.close()]
        response = fold([*(event for frame in frames for event in decoder.feed(frame)), *decoder.close()])
        assert [part for part in response.content if isinstance(part, Text)] == [Text("I look \U0001f600")]
        (call,) = (part for part in response.content if isinstance(part, ToolCall))
        assert json.loads(call.arguments) == json.loads("".join(ARGUMENTS))
        assert response.stop.reason == "tool_use"
        (record,) = setup.records
        assert record.usage is not None
        assert (record.usage.output, record.outcome) == (7, "ok")


WIRE = Path(__file__).parents[1] / "fixtures" / "wire"


def test_E17_a_recorded_answer_that_ends_in_its_thoughts() -> None:
    """DeepSeek R1 at Hugging Face, cut off by the output limit: all of it was thinking."""
    recorded = (WIRE / "openai-chat--pydantic-ai/test_huggingface__test_max_completion_tokens.response.json").read_bytes()  # fmt: skip
    text = json.loads(recorded)["choices"][0]["message"]["content"]
    configured = configuration(json.dumps({"use": ["extrathinktag"]}), URLS["chat"], "m", "ccr")
    for stream in (False, True):
        setup = Setup(configured, ScriptedUpstream(Script([recorded], headers=JSON)))
        body = msgspec.json.encode({**HELLO, "stream": stream})
        sink = run(setup.run(body, protocol="anthropic_messages"))
        if stream:
            blocks, stop, _ = messages_of(sink.body)
        else:
            got = json.loads(sink.body)
            blocks = [(block["type"], block["thinking"]) for block in got["content"]]
            stop = got["stop_reason"]
        assert (blocks, stop) == ([("thinking", text.removeprefix("<think>\n"))], "max_tokens")


def test_what_the_user_configured_is_no_loss() -> None:
    """Strict mode refuses losses; a cap, a field that is set or one that stays behind is none of them."""
    use = [
        ["maxtoken", {"max_tokens": 5}],
        ["sampling", {"top_k": 3}],
        "deepseek",
        "streamoptions",
        "enhancetool",
    ]
    configured = configuration(json.dumps({"use": use}), URLS["chat"], "m", "ccr")
    setup = Setup(configured, ScriptedUpstream(Script([whole({"content": "hi"})], headers=JSON)))
    setup.strict = True
    sink = run(setup.run(msgspec.json.encode(HELLO), protocol="anthropic_messages"))
    assert json.loads(sink.body)["content"] == [{"type": "text", "text": "hi"}]
    assert "x-trunkline-losses" not in sink.headers
