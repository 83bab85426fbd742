"""The room in the relay: the path's model and stream flag, and signatures over two turns with clients that lose them."""

import json

from msgspec.structs import replace

from protocols.gemini.room import ROOM, chunk, given, payloads, said
from relay.kit import Bench, Script, ScriptedUpstream, WritingSink, provider
from relay.virtual import run
from trunkline.config.schema import Retry
from trunkline.core.events import fold
from trunkline.core.sse import SSEFramer
from trunkline.core.types import Thinking, ToolCall
from trunkline.protocols.anthropic_messages import ANTHROPIC_MESSAGES
from trunkline.protocols.codec import Codec, Peek
from trunkline.protocols.gemini import signatures
from trunkline.protocols.openai_chat import OPENAI_CHAT

CODECS: dict[str, Codec] = {codec.name: codec for codec in (ANTHROPIC_MESSAGES, OPENAI_CHAT, ROOM)}
GO = {"contents": [given({"text": "go"})]}


def data(*values: object) -> list[bytes]:
    return [b"data: " + json.dumps(value).encode() + b"\r\n\r\n" for value in values]


SIGNED = data(
    chunk({"text": "hm", "thought": True}),
    chunk({"functionCall": {"name": "run", "args": {"a": 1}}, "thoughtSignature": "c2ln"}),
    chunk({"functionCall": {"name": "run", "args": {"a": 2}}}),
    chunk(
        {"text": ""},
        finish="STOP",
        usageMetadata={"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18},
    ),
)
DONE = data(chunk({"text": "done"}, finish="STOP"))


def bench(upstream: str, *scripts: list[bytes], **facts: object) -> Bench:
    return Bench(
        ScriptedUpstream(*(Script(script) for script in scripts)),
        (provider("one", upstream, **facts),),
        retry=Retry(per_target=0),
        codecs=dict(CODECS),
    )


def ask(it: Bench, body: object, protocol: str) -> WritingSink:
    sink = WritingSink()
    inbound = it.inbound(json.dumps(body).encode(), protocol=protocol)
    if protocol == "gemini":
        inbound = replace(inbound, peek=Peek("asked", True))
    run(it.build().run(inbound, sink))
    return sink


def sent(it: Bench, number: int) -> dict:
    return json.loads(it.upstream.requests[number].body)


def test_the_paths_model_and_stream_flag_count() -> None:
    it = bench(
        "openai_chat",
        [
            b'data: {"id":"c","model":"up","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n',
            b"data: [DONE]\n\n",
        ],
    )
    sink = ask(it, {**GO, "model": "models/ignored"}, "gemini")
    assert (sent(it, 0)["model"], sent(it, 0)["stream"]) == ("one-model", True)
    first, last = payloads(sink.body)
    assert first["candidates"][0]["content"]["parts"] == [{"text": "hi"}]
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert last["modelVersion"] == "asked"
    (record,) = it.records
    assert (record.asked_model, record.stream, record.outcome) == ("asked", True, "ok")


def test_the_same_protocol_passes_byte_for_byte() -> None:
    it = bench("gemini", SIGNED)
    sink = ask(it, GO, "gemini")
    assert it.upstream.requests[0].body == json.dumps(GO).encode()
    assert sink.body == b"".join(SIGNED)
    (record,) = it.records
    assert record.usage is not None
    assert (record.usage.input, record.usage.output) == (11, 7)
    assert record.stop is not None
    assert record.stop.reason == "tool_use"


def test_E12_E13_an_anthropic_client_has_no_place_for_a_calls_signature_and_it_returns() -> None:
    it = bench("gemini", SIGNED, DONE)
    body = {
        "model": "asked",
        "max_tokens": 100,
        "stream": True,
        "messages": [{"role": "user", "content": "go"}],
    }
    answer = ask(it, body, "anthropic_messages")
    decoder = ANTHROPIC_MESSAGES.stream_decoder("x")
    framer = SSEFramer()
    frames = [*framer.feed(answer.body), *framer.close()]
    content = fold([event for frame in frames for event in decoder.feed(frame)]).content
    (thought,) = [part for part in content if isinstance(part, Thinking)]
    made = [part for part in content if isinstance(part, ToolCall)]
    echoed = {"type": "thinking", "thinking": thought.text, "signature": thought.signature}
    calls = [
        {"type": "tool_use", "id": part.id, "name": part.name, "input": json.loads(part.arguments)}
        for part in made
    ]
    results = [{"type": "tool_result", "tool_use_id": part.id, "content": "ok"} for part in reversed(made)]
    turn = [{"role": "assistant", "content": [echoed, *calls]}, {"role": "user", "content": results}]
    ask(it, {**body, "messages": [*body["messages"], *turn]}, "anthropic_messages")  # type: ignore[misc]
    model, user = sent(it, 1)["contents"][1:]
    assert model["parts"][0] == {"text": "hm", "thought": True}
    assert [part.get("thoughtSignature") for part in model["parts"][1:]] == ["c2ln", None]
    assert [part["functionCall"]["args"] for part in model["parts"][1:]] == [{"a": 1}, {"a": 2}]
    assert [part["functionResponse"]["id"] for part in user["parts"]] == [part.id for part in made]


def test_E13_a_chat_client_that_echoes_the_signature_returns_it() -> None:
    it = bench("gemini", SIGNED, DONE)
    body = {"model": "asked", "stream": True, "messages": [{"role": "user", "content": "go"}]}
    answer = ask(it, body, "openai_chat")
    lines = [
        json.loads(line) for line in answer.body.removesuffix(b"data: [DONE]\n\n").split(b"data: ")[1:]
    ]
    made = [
        call
        for line in lines
        for choice in line["choices"]
        for call in choice["delta"].get("tool_calls", [])
        if call.get("id")
    ]
    calls = [
        {**{key: call[key] for key in ("id", "type") if key in call}, "function": {"name": "run", "arguments": "{}"}, **({"thoughtSignature": call["thoughtSignature"]} if "thoughtSignature" in call else {})}
        for call in made
    ]  # fmt: skip
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in made]
    ask(
        it,
        {**body, "messages": [*body["messages"], {"role": "assistant", "tool_calls": calls}, *results]},
        "openai_chat",
    )  # type: ignore[misc]
    parts = [part for part in sent(it, 1)["contents"][1]["parts"] if "functionCall" in part]
    assert [part.get("thoughtSignature") for part in parts] == ["c2ln", None]


def test_E08_a_history_of_another_model_gets_the_skip_value() -> None:
    it = bench("gemini", DONE, skip_proofs=True, dialect=True)
    foreign = signatures.sealed("c2ln", "f" * 16)
    body = {
        "contents": [
            *GO["contents"],
            said({"text": "hm", "thought": True, "thoughtSignature": foreign}, {"functionCall": {"name": "run"}, "thoughtSignature": foreign}),
            given({"functionResponse": {"name": "run", "response": {"result": "ok"}}}),
        ]
    }  # fmt: skip
    ask(it, body, "gemini")
    (part,) = sent(it, 0)["contents"][1]["parts"]
    assert part["thoughtSignature"] == signatures.SKIP
    (record,) = it.records
    assert [loss.field for loss in record.losses] == ["contents.thoughtSignature"]
