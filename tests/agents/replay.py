"""Agents that cannot be installed from a registry: their requests sent again, turn by turn, and the answers read as
strictly as they do it themselves.

Crush's first requests are those that its own tests have recorded; ForgeCode's are written by the types of its source
(``tests/fixtures/clients/README.md``). Every later one is the one before with the turn that was answered.
"""

import http.client
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

CLIENTS = Path(__file__).parent.parent / "fixtures" / "clients"


class Function(msgspec.Struct):
    """A part of a call. The name comes once, with the id."""

    name: str | None = None
    arguments: str = ""


class CallPart(msgspec.Struct):
    """``type`` in every part: without it ForgeCode takes none of the chunk."""

    type: Literal["function"]
    function: Function
    id: str | None = None
    index: int | None = None


class Delta(msgspec.Struct):
    """Texts or null, never lists."""

    content: str | None = None
    reasoning_content: str | None = None
    role: str | None = None
    tool_calls: list[CallPart] | None = None


class Choice(msgspec.Struct):
    """One of a chunk's choices."""

    delta: Delta
    finish_reason: str | None = None


class Usage(msgspec.Struct):
    """Whole numbers."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Chunk(msgspec.Struct):
    """What ForgeCode demands of every event (``dto/openai/response.rs``)."""

    id: str
    model: str
    created: int
    choices: list[Choice]
    usage: Usage | None = None


@dataclass(slots=True)
class Answer:
    """A stream, put together."""

    text: str = ""
    calls: list[dict[str, str]] = field(default_factory=list)
    finish: str | None = None
    usage: Usage | None = None


_CHUNK = msgspec.json.Decoder(Chunk)


def read(stream: bytes) -> Answer:
    """The answer in a complete stream. Calls are told apart by their ids alone: they must not interleave."""
    answer = Answer()
    events = [event for event in stream.split(b"\n\n") if event and not event.startswith(b":")]
    assert events[-1] == b"data: [DONE]", events[-1]
    for event in events[:-1]:
        assert event.startswith(b"data: "), event
        assert b"\xe2\x80\xa8" not in event, "a line separator that some clients break lines at"
        chunk = _CHUNK.decode(event.removeprefix(b"data: "))
        answer.usage = chunk.usage or answer.usage
        for choice in chunk.choices:
            answer.text += choice.delta.content or ""
            for part in choice.delta.tool_calls or []:
                if part.id is not None:
                    assert part.function.name, "a call without a name"
                    answer.calls.append({"id": part.id, "name": part.function.name, "arguments": ""})
                else:
                    assert part.function.name is None, "a name twice"
                answer.calls[-1]["arguments"] += part.function.arguments
            assert answer.finish is None or choice.finish_reason is None, "two ends"
            answer.finish = choice.finish_reason or answer.finish
    assert len({call["id"] for call in answer.calls}) == len(answer.calls), "an id twice"
    return answer


@dataclass(frozen=True, slots=True)
class Replayed:
    """One such agent: its first request, how it writes down a turn, what its tools are called."""

    name: str
    first: str
    said: Callable[[Answer], dict[str, object]]
    result: Callable[[dict[str, str], str], dict[str, object]]
    path: str
    headers: dict[str, str]

    def work(self, url: str, key: str, folder: Path, *, model: str | None = None) -> Answer:
        """Turn by turn until the model calls nothing more; the calls are really made. ``model``: in place of the
        recorded one."""
        body = json.loads((CLIENTS / self.first).read_text())["body"]
        body["model"] = model or body["model"]
        while True:
            answer = self._ask(url, key, body)
            body["messages"].append(self.said(answer))
            if not answer.calls:
                assert answer.finish == "stop", answer
                return answer
            assert answer.finish == "tool_calls", answer
            body["messages"] += [self.result(call, self._made(call, folder)) for call in answer.calls]

    def _ask(self, url: str, key: str, body: object) -> Answer:
        place = urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        try:
            headers = {"authorization": f"Bearer {key}", "content-type": "application/json", **self.headers}
            connection.request("POST", self.path, json.dumps(body).encode(), headers)
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        assert response.status == 200, data
        assert response.headers.get_content_type() == "text/event-stream"
        return read(data)

    def _made(self, call: dict[str, str], folder: Path) -> str:
        arguments = json.loads(call["arguments"])
        if "command" in arguments:
            done = subprocess.run(
                ["sh", "-c", arguments["command"]], cwd=folder, capture_output=True, text=True, check=False
            )
            return done.stdout + done.stderr
        path = arguments.get("file_path") or arguments["path"]
        (folder / path).write_text(arguments["content"])
        return f"File successfully written: {path}"


def _calls(answer: Answer) -> list[dict[str, object]]:
    return [
        {
            "id": call["id"],
            "function": {"arguments": call["arguments"], "name": call["name"]},
            "type": "function",
        }
        for call in answer.calls
    ]


def _crush_said(answer: Answer) -> dict[str, object]:
    said: dict[str, object] = {"content": answer.text} if answer.text else {}
    if answer.calls:
        said["tool_calls"] = _calls(answer)
    return said | {"role": "assistant"}


def _forge_said(answer: Answer) -> dict[str, object]:
    calls: dict[str, object] = {"tool_calls": _calls(answer)} if answer.calls else {}
    return {"role": "assistant", "content": answer.text, **calls}


CRUSH = Replayed(
    "crush",
    "crush/write/001.request.json",
    _crush_said,
    lambda call, text: {
        "content": f"<result>\n{text}\n</result>",
        "tool_call_id": call["id"],
        "role": "tool",
    },
    "/v1/chat/completions",
    {"user-agent": "Charm-Crush/devel (https://charm.land/crush)", "accept": "application/json"},
)
FORGE = Replayed(
    "forge",
    "forge/write/001.request.json",
    _forge_said,
    lambda call, text: {
        "role": "tool",
        "content": text,
        "name": call["name"],
        "tool_call_id": call["id"],
    },
    "/chat/completions",
    {"accept": "text/event-stream"},
)
REPLAYED = {agent.name: agent for agent in (CRUSH, FORGE)}
