"""What each client protocol costs before a Chat provider, counted in steps of the interpreter.

The benchmark (`benchmarks/clients.py`) measures the same in time, which differs between two runs; steps do not.
"""

import msgspec
import pytest

from relay.kit import JSON, STREAM, Bench, Script, ScriptedUpstream, WritingSink, provider
from relay.steps import counted
from relay.virtual import run
from trunkline.protocols.codec import Peek
from trunkline.protocols.registry import CODECS

MOST = 1.3
"""Times what a client of Messages costs: the benchmark's own limit."""
SYSTEM, QUESTION = "You are a helpful assistant.", "How is the weather in Paris today?"
ASKED: dict[str, dict[str, object]] = {
    "anthropic_messages": {
        "max_tokens": 1024,
        "system": [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}],
    },
    "openai_chat": {
        "max_tokens": 1024,
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}],
    },
    "openai_responses": {
        "store": False,
        "instructions": SYSTEM,
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": QUESTION}]}
        ],
        "max_output_tokens": 1024,
    },
    "gemini": {
        "contents": [{"role": "user", "parts": [{"text": QUESTION}]}],
        "systemInstruction": {"parts": [{"text": SYSTEM}]},
        "generationConfig": {"maxOutputTokens": 1024},
    },
}
USAGE = {"prompt_tokens": 120, "completion_tokens": 40, "total_tokens": 160}
WORD = "sunny and mild "
GOES_ON = {"finish_reason": None}


def body_of(kind: str, choice: dict[str, object] | None, **more: object) -> bytes:
    choices = [] if choice is None else [{"index": 0, **choice}]
    head = {"id": "c1", "object": kind, "created": 1, "model": "up", "choices": choices}
    return msgspec.json.encode({**head, **more})


def whole() -> Script:
    message = {"role": "assistant", "content": WORD * 40}
    said = body_of("chat.completion", {"message": message, "finish_reason": "stop"}, usage=USAGE)
    return Script((said,), headers=JSON)


def streamed(words: int) -> Script:
    chunks = [
        body_of("chat.completion.chunk", {"delta": {"role": "assistant", "content": ""}, **GOES_ON}),
        *(body_of("chat.completion.chunk", {"delta": {"content": WORD}, **GOES_ON}) for _ in range(words)),
        body_of("chat.completion.chunk", {"delta": {}, "finish_reason": "stop"}),
    ]
    chunks.append(body_of("chat.completion.chunk", None, usage=USAGE))
    return Script(tuple(b"data: %b\n\n" % chunk for chunk in (*chunks, b"[DONE]")), headers=STREAM)


def steps_of(client: str, script: Script) -> int:
    """Of one exchange among others like it."""
    stream = script.headers == STREAM
    said = ASKED[client]
    if client != "gemini":  # which says both in its path
        said = {"model": "claude-sonnet-4", "stream": stream, **said}
    it = Bench(ScriptedUpstream(script), (provider("one", "openai_chat"),), codecs=dict(CODECS))
    inbound = it.inbound(msgspec.json.encode(said), protocol=client)
    if client == "gemini":
        inbound = msgspec.structs.replace(inbound, peek=Peek("claude-sonnet-4", stream))

    async def ask() -> None:
        sink = WritingSink()
        await it.build().run(inbound, sink)
        assert sink.status == 200
        assert WORD.encode() in sink.body

    async def measure() -> int:
        await ask()
        await ask()
        return await counted(ask)

    return run(measure())


def of_an_event(client: str) -> float:
    return (steps_of(client, streamed(60)) - steps_of(client, streamed(20))) / 40


@pytest.mark.parametrize("client", [name for name in CODECS if name != "anthropic_messages"])
def test_a_small_request_costs_about_what_one_in_messages_does(client: str) -> None:
    assert steps_of(client, whole()) <= MOST * steps_of("anthropic_messages", whole())


@pytest.mark.parametrize("client", [name for name in CODECS if name != "anthropic_messages"])
def test_a_streamed_event_costs_about_what_one_in_messages_does(client: str) -> None:
    assert of_an_event(client) <= MOST * of_an_event("anthropic_messages")
