"""Converse answers as recorded: text, calls, reasoning, stop and counts are all there, whole and streamed."""

import json
from pathlib import Path

import pytest

from trunkline.core.aws_eventstream import EventStreamReader
from trunkline.core.errors import GatewayError
from trunkline.core.events import Failed, Finished, fold
from trunkline.core.http import HttpHead
from trunkline.core.sse import SSEFramer
from trunkline.core.types import Opaque, Response, Text, Thinking, ToolCall
from trunkline.core.usage import Usage
from trunkline.protocols.bedrock_converse import BEDROCK_CONVERSE, ConverseUnframer

FIXTURES = Path(__file__).parents[2] / "fixtures" / "bedrock"
INDEX = [json.loads(line) for line in (FIXTURES / "index.jsonl").read_text(encoding="utf-8").splitlines()]
CONVERSE = [entry for entry in INDEX if entry["protocol"] == "bedrock-converse"]
WHOLE = [entry for entry in CONVERSE if entry["status"] == 200 and "response" in entry["files"]]
STREAMS = [entry for entry in CONVERSE if entry["status"] == 200 and "stream" in entry["files"]]
ERRORS = [entry for entry in CONVERSE if entry["status"] >= 400]
ORIGIN = "maker"


def name_of(entry: dict[str, object]) -> str:
    return str(entry["id"])


def plain(content: list[dict[str, object]]) -> dict[str, object]:
    """What an answer says, read without our code."""
    said: dict[str, object] = {"text": "", "calls": [], "thought": "", "hidden": [], "other": 0}
    for block in content:
        if "text" in block:
            said["text"] += block["text"]
        elif "citationsContent" in block:
            said["text"] += "".join(part["text"] for part in block["citationsContent"]["content"])
        elif "toolUse" in block:
            call = block["toolUse"]
            said["calls"].append((call["toolUseId"], call["name"], call.get("input")))
        elif "reasoningContent" in block:
            told = block["reasoningContent"]
            if "reasoningText" in told:
                said["thought"] += told["reasoningText"]["text"]
            else:
                said["hidden"].append(told["redactedContent"])
        else:
            said["other"] += 1
    return said


def ours(response: Response) -> dict[str, object]:
    parts = response.content
    return {
        "text": "".join(part.text for part in parts if isinstance(part, Text)),
        "calls": [
            (part.id, part.name, json.loads(part.arguments or "{}"))
            for part in parts
            if isinstance(part, ToolCall)
        ],
        "thought": "".join(part.text for part in parts if isinstance(part, Thinking)),
        "hidden": [part.redacted for part in parts if isinstance(part, Thinking) and part.redacted],
        "other": sum(isinstance(part, Opaque) for part in parts),
    }


def counts(usage: dict[str, int]) -> Usage:
    return Usage(
        input=usage["inputTokens"],
        output=usage["outputTokens"],
        cache_read=usage.get("cacheReadInputTokens"),
        cache_write=usage.get("cacheWriteInputTokens"),
    )


@pytest.mark.parametrize("entry", WHOLE, ids=name_of)
def test_a_whole_answer_loses_nothing(entry: dict[str, dict[str, str]]) -> None:
    body = (FIXTURES / entry["files"]["response"]).read_bytes()
    wire = json.loads(body)
    if wire["stopReason"].startswith("malformed_"):
        with pytest.raises(GatewayError, match="malformed"):
            BEDROCK_CONVERSE.decode_response(body, ORIGIN)
        return
    response = BEDROCK_CONVERSE.decode_response(body, ORIGIN)
    assert ours(response) == plain(wire["output"]["message"]["content"])
    assert response.usage == counts(wire["usage"])
    assert response.stop.raw == wire["stopReason"]
    calls = any(isinstance(part, ToolCall) for part in response.content)
    assert (response.stop.reason == "tool_use") is (
        calls and wire["stopReason"] in ("tool_use", "end_turn")
    )
    assert all(part.origin == ORIGIN for part in response.content if isinstance(part, Thinking))


def blocks_of(data: bytes) -> tuple[list[dict[str, object]], str | None, dict[str, int] | None]:
    """A stream put together without our decoder: its blocks, its stop, its counts."""
    blocks: dict[int, dict[str, object]] = {}
    stop, usage = None, None
    reader = EventStreamReader()
    for message in reader.feed(data):
        event = json.loads(message.payload)
        match message.headers[":event-type"]:
            case "contentBlockStart":
                if "toolUse" in event["start"]:
                    blocks[event["contentBlockIndex"]] = {
                        "toolUse": {**event["start"]["toolUse"], "input": ""}
                    }
            case "contentBlockDelta":
                grow(blocks, event["contentBlockIndex"], event["delta"])
            case "messageStop":
                stop = event["stopReason"]
            case "metadata":
                usage = event["usage"]
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
    return [blocks[index] for index in sorted(blocks)], stop, usage


def grow(blocks: dict[int, dict[str, object]], index: int, delta: dict[str, object]) -> None:
    if "text" in delta:
        block = blocks.setdefault(index, {"text": ""})
        block["text"] += delta["text"]
    elif "toolUse" in delta and index in blocks:
        blocks[index]["toolUse"]["input"] += delta["toolUse"]["input"]
    elif "reasoningContent" in delta:
        told = delta["reasoningContent"]
        if "redactedContent" in told:
            block = blocks.setdefault(index, {"reasoningContent": {"redactedContent": ""}})
            block["reasoningContent"]["redactedContent"] += told["redactedContent"]
            return
        block = blocks.setdefault(index, {"reasoningContent": {"reasoningText": {"text": ""}}})
        block["reasoningContent"]["reasoningText"]["text"] += told.get("text", "")


def decoded(data: bytes, size: int) -> list[object]:
    unframer, framer, decoder = ConverseUnframer(), SSEFramer(), BEDROCK_CONVERSE.stream_decoder(ORIGIN)
    events: list[object] = []
    sse = [unframer.feed(data[at : at + size]) for at in range(0, len(data), size)]
    for piece in (*sse, unframer.close()):
        for frame in framer.feed(piece) if piece else []:
            events += decoder.feed(frame)
    return [*events, *decoder.close()]


@pytest.mark.parametrize("entry", STREAMS, ids=name_of)
def test_a_stream_loses_nothing(entry: dict[str, dict[str, str]]) -> None:
    data = (FIXTURES / entry["files"]["stream"]).read_bytes()
    blocks, stop, usage = blocks_of(data)
    events = decoded(data, len(data))
    assert events == decoded(data, 11), "cuts change nothing"
    if stop is None:
        assert isinstance(events[-1], Failed)
        return
    response = fold(events)  # type: ignore[arg-type]
    said = plain(blocks)
    mine = ours(response)
    assert mine == said
    assert response.stop.raw == stop
    assert response.usage == (Usage() if usage is None else counts(usage))
    assert sum(isinstance(event, Finished) for event in events) == 1


@pytest.mark.parametrize("entry", ERRORS, ids=name_of)
def test_an_error_keeps_its_words(entry: dict[str, object]) -> None:
    path = FIXTURES / entry["files"]["response"]  # type: ignore[index]
    headers = tuple((k.lower(), str(v)) for k, v in (entry["response_headers"] or {}).items())  # type: ignore[attr-defined]
    error = BEDROCK_CONVERSE.decode_error(HttpHead(int(str(entry["status"])), headers), path.read_bytes())
    said = json.loads(path.read_bytes())
    assert error.message == said.get("message") or said.get("Message")
    assert error.status == entry["status"]
    assert not error.local


def test_there_is_enough_of_everything() -> None:
    assert len(WHOLE) > 80
    assert len(STREAMS) > 25
    kinds = {key for entry in WHOLE for block in json.loads((FIXTURES / entry["files"]["response"]).read_bytes())["output"]["message"]["content"] for key in block}  # fmt: skip
    assert {"text", "toolUse", "reasoningContent", "citationsContent"} <= kinds
