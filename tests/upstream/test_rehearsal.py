"""The rehearsal provider: recorded traffic, fitted to a request, played as an upstream."""

import asyncio
import json
from importlib.resources import files

import pytest

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import fold
from trunkline.core.http import HttpRequest
from trunkline.core.sse import SSEFramer
from trunkline.core.types import Response, Text, Thinking, ToolCall
from trunkline.protocols.registry import CODECS
from trunkline.providers.rehearsal import MODELS, RehearsalProvider
from trunkline.upstream.rehearsal import RehearsalUpstream
from trunkline.upstream.rehearsal.sample import sample
from trunkline.upstream.rehearsal.tapes import SPEECH, frames
from trunkline.upstream.rehearsal.wishes import Run, Write, directory, wishes
from wire.recordings import generations

TAPES = sorted(
    entry.name.removesuffix(".sse")
    for entry in files("trunkline.upstream.rehearsal").joinpath("tapes").iterdir()
    if entry.name.endswith(".sse")
)
PATHS = {"anthropic_messages": "/v1/messages", "openai_chat": "/v1/chat/completions"}
WRITE = {
    "type": "object",
    "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}},
    "required": ["file_path", "content"],
    "additionalProperties": False,
}
BASH = {
    "type": "object",
    "properties": {"command": {"type": "string"}, "description": {"type": "string"}},
    "required": ["command", "description"],
}


def tools_for(protocol: str) -> list[object]:
    named = {"Read": {"type": "object"}, "Write": WRITE, "Bash": BASH}
    if protocol == "anthropic_messages":
        return [{"name": name, "input_schema": schema} for name, schema in named.items()]
    return [
        {"type": "function", "function": {"name": name, "parameters": schema}}
        for name, schema in named.items()
    ]


def ask(protocol: str, messages: list[object], **more: object) -> dict[str, object]:
    return {"model": "rehearsal", "max_tokens": 1000, "stream": True, "messages": messages, **more}


def user(words: str) -> dict[str, object]:
    return {"role": "user", "content": words}


def play(protocol: str, body: dict[str, object]) -> tuple[int, dict[str, str], list[bytes]]:
    async def run() -> tuple[int, dict[str, str], list[bytes]]:
        url = "rehearsal://trunkline" + PATHS[protocol] + "?beta=true"
        request = HttpRequest("POST", url, (), json.dumps(body).encode())
        answer = await RehearsalUpstream(pace=0).open(request, headers_timeout=30)
        chunks: list[bytes] = []
        while chunk := await answer.read():
            chunks.append(chunk)
        await answer.close(reuse=True)
        return answer.head.status, dict(answer.head.headers), chunks

    return asyncio.run(run())


def answer_of(protocol: str, body: dict[str, object]) -> Response:
    status, headers, chunks = play(protocol, body)
    assert status == 200
    assert headers["x-trunkline-rehearsal"]
    if not body["stream"]:
        return CODECS[protocol].decode_response(b"".join(chunks), "")
    return read_tape(protocol, b"".join(chunks))


def read_tape(protocol: str, raw: bytes) -> Response:
    decoder, framer = CODECS[protocol].stream_decoder(""), SSEFramer()
    events = [event for frame in (*framer.feed(raw), *framer.close()) for event in decoder.feed(frame)]
    return fold([*events, *decoder.close()])


def calls(response: Response) -> list[tuple[str, object]]:
    return [
        (part.name, json.loads(part.arguments)) for part in response.content if isinstance(part, ToolCall)
    ]


def text(response: Response) -> str:
    return "".join(part.text for part in response.content if isinstance(part, Text))


def follow_up(protocol: str, call: ToolCall, result: str, *, failed: bool = False) -> list[object]:
    if protocol == "anthropic_messages":
        use = {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)}
        done = {"type": "tool_result", "tool_use_id": call.id, "content": result, "is_error": failed}
        return [{"role": "assistant", "content": [use]}, {"role": "user", "content": [done]}]
    function = {"name": call.name, "arguments": call.arguments}
    return [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": call.id, "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": call.id, "content": result},
    ]


def test_there_is_a_tape_for_every_role_of_both_protocols() -> None:
    roles = {"greeting", "question", "thinking", "call", "after-call", "structured"}
    assert set(TAPES) == {f"{speech.prefix}-{role}" for speech in SPEECH.values() for role in roles}


@pytest.mark.parametrize("name", TAPES)
def test_every_tape_decodes_to_a_finished_answer_and_its_frames_are_its_bytes(name: str) -> None:
    raw = files("trunkline.upstream.rehearsal").joinpath("tapes", f"{name}.sse").read_bytes()
    assert b"".join(frames(name)) == raw
    protocol = "openai_chat" if name.startswith("chat") else "anthropic_messages"
    answer = read_tape(protocol, raw)
    assert answer.content
    assert answer.stop.reason == ("tool_use" if name.endswith("-call") and "after" not in name else "end")
    assert any(isinstance(part, Thinking) for part in answer.content) or "thinking" not in name


@pytest.mark.parametrize("protocol", PATHS)
@pytest.mark.parametrize("stream", [True, False])
def test_a_greeting_is_answered_with_the_recorded_text(protocol: str, stream: bool) -> None:
    answer = answer_of(protocol, ask(protocol, [user("hi there")]) | {"stream": stream})
    recorded = read_tape(protocol, b"".join(frames(f"{SPEECH[protocol].prefix}-greeting")))
    assert text(answer) == text(recorded) != ""
    assert answer.stop.reason == "end"


@pytest.mark.parametrize("protocol", PATHS)
@pytest.mark.parametrize("stream", [True, False])
def test_a_wish_for_a_file_becomes_a_call_of_the_clients_own_tool(protocol: str, stream: bool) -> None:
    prompt = "Please create a file notes/today.txt containing 'milk & eggs \u2713'"
    system = "You are an agent.\nWorking directory: /home/me/project\n"
    messages: list[object] = [user(prompt)]
    more: dict[str, object] = {"tools": tools_for(protocol)}
    if protocol == "anthropic_messages":
        more["system"] = system
    else:
        messages.insert(0, {"role": "system", "content": system})
    body = ask(protocol, messages, **more) | {"stream": stream}
    answer = answer_of(protocol, body)
    wanted = {"file_path": "/home/me/project/notes/today.txt", "content": "milk & eggs \u2713\n"}
    assert calls(answer) == [("Write", wanted)]
    assert answer.stop.reason == "tool_use"


@pytest.mark.parametrize("protocol", PATHS)
def test_write_then_run_then_say_so(protocol: str) -> None:
    messages: list[object] = [
        user(
            "<system-reminder>do not run anything</system-reminder>Write hello.py that prints 'hey', then run it"
        )
    ]
    first = answer_of(protocol, ask(protocol, messages, tools=tools_for(protocol)))
    assert calls(first) == [("Write", {"file_path": "hello.py", "content": 'print("hey")\n'})]
    call = next(part for part in first.content if isinstance(part, ToolCall))
    messages += follow_up(protocol, call, "File created")
    second = answer_of(protocol, ask(protocol, messages, tools=tools_for(protocol)))
    assert calls(second) == [("Bash", {"command": "python3 hello.py", "description": "rehearsal"})]
    other = next(part for part in second.content if isinstance(part, ToolCall))
    assert other.id != call.id
    assert first.id != second.id
    messages += follow_up(protocol, other, "hey")
    third = answer_of(protocol, ask(protocol, messages, tools=tools_for(protocol)))
    assert calls(third) == []
    assert "hey" in text(third)
    assert third.stop.reason == "end"


def test_a_failed_tool_ends_the_scene_with_its_error() -> None:
    protocol = "anthropic_messages"
    messages: list[object] = [user("write a.txt and run `ls`")]
    first = answer_of(protocol, ask(protocol, messages, tools=tools_for(protocol)))
    call = next(part for part in first.content if isinstance(part, ToolCall))
    messages += follow_up(protocol, call, "disk is full", failed=True)
    last = answer_of(protocol, ask(protocol, messages, tools=tools_for(protocol)))
    assert calls(last) == []
    assert "disk is full" in text(last)


@pytest.mark.parametrize("protocol", PATHS)
def test_no_tool_no_call(protocol: str) -> None:
    assert calls(answer_of(protocol, ask(protocol, [user("create a file a.txt")]))) == []
    read_only = ask(protocol, [user("create a file a.txt")], tools=tools_for(protocol)[:1])
    assert calls(answer_of(protocol, read_only)) == []


@pytest.mark.parametrize("protocol", PATHS)
def test_the_same_request_gets_the_same_bytes(protocol: str) -> None:
    body = ask(protocol, [user("create a file a.txt")], tools=tools_for(protocol))
    assert play(protocol, body) == play(protocol, body)


def test_thinking_is_played_when_it_was_asked_for() -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    body = ask("anthropic_messages", [user("think: how many r in strawberry")], thinking=thinking)
    parts = answer_of("anthropic_messages", body).content
    assert isinstance(parts[0], Thinking)
    assert parts[0].signature
    chat = ask("openai_chat", [user("think: is 91 prime")], reasoning_effort="high")
    assert isinstance(answer_of("openai_chat", chat).content[0], Thinking)


@pytest.mark.parametrize("protocol", PATHS)
def test_a_schema_gets_an_answer_that_fits_it(protocol: str) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    if protocol == "anthropic_messages":
        more: dict[str, object] = {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    else:
        wanted = {"type": "json_schema", "json_schema": {"name": "t", "schema": schema}}
        more = {"response_format": wanted}
    assert json.loads(text(answer_of(protocol, ask(protocol, [user("name it")], **more)))) == {
        "title": "rehearsal"
    }


def test_every_recorded_request_gets_an_answer_in_its_protocol() -> None:
    played = 0
    for recording in generations():
        body = recording.request if recording.status == 200 and recording.codec in PATHS else None
        asked = json.loads(body) if body else {}
        if not isinstance(asked.get("model"), str) or asked.get("n", 1) != 1:
            continue
        asked["stream"] = bool(asked.get("stream"))
        status, _, chunks = play(recording.codec, asked)
        if status == 400:  # what the protocol itself refuses, in its own words
            assert json.loads(b"".join(chunks))["error"]["message"], recording
            continue
        assert status == 200, recording
        assert answer_of(recording.codec, asked).content, recording
        played += 1
    assert played > 800


@pytest.mark.parametrize("protocol", PATHS)
def test_a_broken_request_is_refused_in_its_protocol(protocol: str) -> None:
    status, _, chunks = play(protocol, {"model": "rehearsal", "messages": 3})
    assert status == 400
    assert json.loads(b"".join(chunks))["error"]["message"]


def test_an_unknown_endpoint_is_an_error() -> None:
    request = HttpRequest("POST", "rehearsal://trunkline/v1/embeddings", (), b"{}")
    with pytest.raises(GatewayError) as caught:
        asyncio.run(RehearsalUpstream(pace=0).open(request, headers_timeout=30))
    assert caught.value.kind is Kind.NOT_FOUND


def test_a_cancelled_read_loses_nothing_and_pauses_are_natural() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise asyncio.CancelledError

    async def run() -> bytes:
        body = json.dumps(ask("openai_chat", [user("hi")])).encode()
        request = HttpRequest("POST", "rehearsal://trunkline/v1/chat/completions", (), body)
        answer = await RehearsalUpstream(sleep=sleep).open(request, headers_timeout=30)
        got = await answer.read()
        with pytest.raises(asyncio.CancelledError):
            await answer.read()
        while chunk := await answer.read():
            got += chunk
        return got

    raw = asyncio.run(run())
    assert text(read_tape("openai_chat", raw)) == text(
        read_tape("openai_chat", b"".join(frames("chat-greeting")))
    )
    assert 0 < sum(slept) <= 4
    assert len(set(slept)) == 1


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("Create a file hello.txt containing 'Hello, world!'", [Write("hello.txt", "Hello, world!\n")]),
        ("Create proof.txt containing exactly: YES", [Write("proof.txt", "YES")]),
        ("Please make a file named notes with the text buy milk", [Write("notes", "buy milk\n")]),
        ("create a file", [Write("hello.txt", "Hello from the rehearsal.\n")]),
        ("write x.sh with this content:\n```sh\npwd\n```", [Write("x.sh", "pwd\n")]),
        ("run `ls -la`", [Run("ls -la")]),
        ("Create a.txt with the text b. Then run cat a.txt", [Write("a.txt", "b\n"), Run("cat a.txt")]),
        ("run a shell command", [Run("echo 'Hello from the rehearsal'")]),
        ("run `sudo rm -rf /`", []),
        ("Don't write any file, just say hi", []),
        ("do not run `ls`", []),
        ("write a poem about version 4.5", []),
        ("see https://example.com/a.html", []),
        ("hello", []),
    ],
)
def test_wishes_are_read_out_of_the_words(prompt: str, found: list[object]) -> None:
    assert wishes(prompt) == found


def test_the_working_directory_is_found_as_agents_write_it() -> None:
    assert directory("<env>\nWorking directory: /home/user/project\nIs directory") == "/home/user/project"
    assert directory(" - Primary working directory: /srv/x.") == "/srv/x"
    assert directory("no word of it") is None


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "rehearsal"),
        ({"type": ["string", "null"]}, "rehearsal"),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 7}, 7),
        ({"type": "integer", "minimum": 10}, 11),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, 1),
        (
            {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a", "b"]},
            {"a": None, "b": {}},
        ),
        ({"type": 3}, {}),
    ],
)
def test_a_sample_fits_its_schema(schema: object, value: object) -> None:
    assert json.loads(bytes(sample(json.dumps(schema).encode()))) == value


def test_the_provider_needs_nothing_and_speaks_both_protocols() -> None:
    provider = RehearsalProvider()
    assert (provider.name, provider.kind, provider.models) == ("rehearsal", "rehearsal", MODELS)
    assert not provider.needs_credential
    assert provider.discovery(None) is None
    surfaces = provider.surfaces("anything")
    assert [surface.protocol for surface in surfaces] == ["anthropic_messages", "openai_chat"]
    assert all(
        surface.url.startswith("rehearsal://") and surface.deployment == "anything" for surface in surfaces
    )
    assert provider.edit(surfaces[0], b"{}") == (b"{}", ())
    error = GatewayError(Kind.OVERLOADED, "busy")
    assert provider.learn(surfaces[0], error) is None
