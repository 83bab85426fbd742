"""Law 4 over recordings: vendors add fields and blocks at any time, and nobody's answer may break on it."""

import json
import random

import pytest

from trunkline.core.errors import GatewayError
from trunkline.core.events import StreamEvent, fold
from trunkline.core.types import Image, Opaque, Response, Text, Thinking, ToolCall
from trunkline.protocols.codec import Codec
from trunkline.protocols.registry import CODECS
from wire import translate
from wire.recordings import answers, generations

rooms = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
STRANGE = {"trunkline_unknown": {"a": [1, None, {"b": "\u2603"}]}, "another_unknown": "x"}
_RAW = {
    "input",
    "parameters",
    "input_schema",
    "schema",
    "arguments",
    "properties",
    "action",
    "operation",
    "args",
    "response",
}


def kept_raw(key: str, inner: object) -> bool:
    return key in _RAW or (key == "content" and isinstance(inner, dict))


def strangers_added(value: object) -> object:
    """Every object gets unknown fields, save those that are carried raw."""
    if isinstance(value, list):
        return [strangers_added(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    grown = {key: inner if kept_raw(key, inner) else strangers_added(inner) for key, inner in value.items()}
    return {**grown, **STRANGE}


def parts(response: Response) -> list[object]:
    """Parts as they must survive, arguments without their spelling; what is opaque or cites carries strangers along."""
    return [
        Text(part.text)
        if isinstance(part, Text)
        else (part.name, load(part.arguments.encode()) or part.arguments)
        if isinstance(part, ToolCall)
        else part
        for part in response.content
        if not isinstance(part, Opaque | Image) and not (isinstance(part, Thinking) and part.redacted)
    ]


def load(body: bytes) -> object | None:
    try:
        return json.loads(body)
    except ValueError:
        return None


@rooms
def test_law_4_unknown_fields_in_answers_change_nothing(codec: Codec) -> None:
    seen = 0
    for recording in answers(codec.name, streaming=False):
        value = load(recording.answer)
        try:
            plain = codec.decode_response(recording.answer, translate.ORIGIN)
        except GatewayError:
            continue
        grown = json.dumps(strangers_added(value)).encode()
        decoded = codec.decode_response(grown, translate.ORIGIN)
        assert parts(decoded) == parts(plain), recording
        assert (decoded.stop, decoded.usage) == (plain.stop, plain.usage), recording
        seen += 1
    assert seen > 190


def grown_stream(body: bytes) -> bytes:
    lines = []
    for line in body.replace(b"\r\n", b"\n").split(b"\n"):
        value = load(line[5:]) if line.startswith(b"data:") else None
        lines.append(
            b"data: " + json.dumps(strangers_added(value)).encode() if isinstance(value, dict) else line
        )
    return b"\n".join(lines)


def outcome(events: list[StreamEvent]) -> object:
    try:
        response = fold(events)
    except GatewayError as error:
        return error.kind
    return parts(response), response.stop, response.usage


@rooms
def test_law_4_unknown_fields_in_streams_change_nothing(codec: Codec) -> None:
    for recording in answers(codec.name, streaming=True):
        before = translate.events([recording.answer], codec.name)
        after = translate.events([grown_stream(recording.answer)], codec.name)
        assert outcome(after) == outcome(before), recording


@rooms
def test_law_4_unknown_fields_and_blocks_in_requests_never_raise(codec: Codec) -> None:
    gemini = codec.name == "gemini"
    block = (
        {"trunklineUnknownBlock": [1]} if gemini else {"type": "trunkline_unknown_block", "payload": [1, 2]}
    )
    seen = 0
    for recording in generations():
        body = recording.request if recording.codec == codec.name else None
        value = load(body) if body else None
        if not isinstance(value, dict) or recording.status != 200 or not ("model" in value or gemini):
            continue
        try:
            codec.decode_request(json.dumps(value).encode())
        except GatewayError:
            continue  # refused as it is: tests/wire/test_requests.py says which and why
        seen += 1
        chance = random.Random(recording.id)
        for message in value.get("messages") or value.get("input") or value.get("contents") or []:
            parts = message.get("parts" if gemini else "content") if isinstance(message, dict) else None
            if isinstance(parts, list) and message.get("role") == "user":
                parts.insert(chance.randint(0, len(parts)), dict(block))
        decoded = codec.decode_request(json.dumps(strangers_added(value)).encode())
        name = "trunklineUnknown" if gemini else "trunkline_unknown"
        assert name in {extra.name for extra in decoded.extras}, recording
    assert seen > 200
