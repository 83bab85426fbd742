"""Every tape and every recorded client: the law of neutral streams, cuts anywhere, both forms alike."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.gemini.room import (
    CONTEXT,
    ORIGIN,
    ROOM,
    STREAMS,
    TAPES,
    clients,
    decoded,
    encoded,
    frames,
    heard,
)
from trunkline.core.events import Failed, Finished, fold, unfold
from trunkline.core.facts import Facts
from trunkline.core.sse import SSEvent
from trunkline.core.types import Opaque, Part, Request, Response, Text, Thinking, Tool, ToolCall
from trunkline.protocols.gemini import JsonArrayFramer, read_path
from wire.law import faults

tapes = pytest.mark.parametrize("path", STREAMS, ids=[path.stem for path in STREAMS])
ANSWERS = [
    path
    for path in sorted(TAPES.glob("*.json"))
    if not path.name.startswith(("error", "unexpected"))
    and ".array" not in path.name
    and ".request" not in path.name
]


def shown(response: Response) -> list[object]:
    """What must survive a way out and back: attached signatures may end on a part of their own."""
    return [
        (type(part).__name__, getattr(part, "text", None), getattr(part, "arguments", None), getattr(part, "proof", None) is None)
        for part in response.content
        if not (isinstance(part, Opaque) and part.text is None)
    ]  # fmt: skip


@tapes
def test_the_law_holds(path: Path) -> None:
    events = decoded(path.read_bytes())
    assert faults(events) == []
    assert isinstance(events[-1], Finished)


@tapes
def test_E01_a_stream_may_be_cut_anywhere(path: Path) -> None:
    data = path.read_bytes()
    whole = decoded(data)
    for size in (1, 2, 7, 61):
        assert decoded(data, range(size, len(data), size)) == whole


@tapes
def test_E03_a_stream_that_ends_early_never_finishes(path: Path) -> None:
    data = path.read_bytes()
    last = data.rindex(b"finishReason")
    first = data.index(b"finishReason")
    for cut in range(0, first, max(1, first // 40)):
        events = decoded(data[:cut])
        assert isinstance(events[-1], Failed)
        assert faults(events) == []
    assert last >= first


@tapes
def test_a_stream_and_its_fold_say_the_same_to_a_client(path: Path) -> None:
    events = decoded(path.read_bytes())
    response = fold(events)
    streamed = fold(decoded(encoded(events)))
    whole = ROOM.decode_response(ROOM.encode_response(response, CONTEXT), ORIGIN)
    assert shown(streamed) == shown(whole) == shown(response)
    assert streamed.stop.reason == whole.stop.reason == response.stop.reason
    assert streamed.usage == whole.usage == response.usage
    assert whole.model == CONTEXT.model


@tapes
def test_E118_two_streams_side_by_side_do_not_mix(path: Path) -> None:
    other = STREAMS[(STREAMS.index(path) + 1) % len(STREAMS)]
    left, right = decoded(path.read_bytes()), decoded(other.read_bytes())
    one, two = ROOM.stream_encoder(CONTEXT), ROOM.stream_encoder(CONTEXT)
    out: tuple[list[bytes], list[bytes]] = ([], [])
    for place in range(max(len(left), len(right))):
        if place < len(left):
            out[0].append(one.feed(left[place]))
        if place < len(right):
            out[1].append(two.feed(right[place]))
    assert (b"".join(out[0]), b"".join(out[1])) == (encoded(left), encoded(right))


@tapes
def test_the_tap_sees_what_the_decoder_sees(path: Path) -> None:
    tap = ROOM.stream_tap()
    for frame in frames(path.read_bytes()):
        tap.feed(frame)
    response = fold(decoded(path.read_bytes()))
    assert tap.finished
    assert tap.content_seen
    assert tap.error is None
    assert tap.stop == response.stop
    assert (tap.usage or response.usage) == response.usage
    proofs = {part.proof for part in response.content if isinstance(part, ToolCall) and part.proof}
    assert proofs <= set(tap.signatures)


@pytest.mark.parametrize("path", ANSWERS, ids=[path.stem for path in ANSWERS])
def test_whole_answers_go_out_and_come_back(path: Path) -> None:
    response = ROOM.decode_response(path.read_bytes(), ORIGIN)
    back = ROOM.decode_response(ROOM.encode_response(response, CONTEXT), ORIGIN)
    assert shown(back) == shown(response)
    assert back.stop.reason == response.stop.reason
    assert back.usage.prompt == response.usage.prompt
    assert ROOM.usage_of(path.read_bytes()) == response.usage
    assert fold(unfold(response)) == response


def told(tool: Tool) -> tuple[object, ...]:
    """A tool without ``$schema``, which the vendor refuses (E33)."""
    schema = json.loads(bytes(tool.schema)) if tool.schema is not None else {}
    schema.pop("$schema", None)
    return tool.name, tool.kind, tool.description, schema, tool.raw


def folded(request: Request) -> list[tuple[str, Part]]:
    return [(message.role, part) for message in request.messages for part in message.content]


@pytest.mark.parametrize("entry", clients(), ids=lambda entry: entry["name"])
def test_E98_every_recorded_client_is_understood(entry: dict) -> None:
    called = read_path(entry["path"])
    assert called.model.startswith("gemini-")
    assert called.stream is (":streamGenerateContent" in entry["path"])
    request = ROOM.decode_request(json.dumps(entry["body"]).encode())
    assert request.messages
    known = ("contents.parts.", "tools.", "generationConfig.", "toolConfig.", "safetySettings", "labels")
    assert all(extra.name.startswith(known) for extra in request.extras)
    declared = [
        one["name"]
        for tool in entry["body"].get("tools") or []
        for one in tool.get("functionDeclarations") or []
    ]
    assert [tool.name for tool in request.tools if tool.kind == "function"] == declared
    texts = [
        part["text"]
        for content in entry["body"]["contents"]
        for part in content["parts"]
        if part.get("text") and not part.get("thought")
    ]
    read = [part.text for _, part in folded(request) if isinstance(part, Text)]
    if entry["name"].startswith("sdk-genai"):  # a content per chunk: the pieces of one text are one
        read, texts = ["".join(read)], ["".join(texts)]
    assert read == texts
    made = [part for _, part in folded(request) if isinstance(part, ToolCall)]
    results = [getattr(part, "call_id", None) for _, part in folded(request)]
    for part in made:
        assert part.id in results, part


GENERATED = [entry for entry in clients() if "countTokens" not in entry["path"]]
"""Counts may be asked of a lone result, which becomes text on its way to a target (E34)."""


@pytest.mark.parametrize("entry", GENERATED, ids=lambda entry: entry["name"])
def test_E104_a_clients_request_survives_the_way_through_us(entry: dict) -> None:
    facts = Facts(provider="p", model="m", reasoning="budget_or_adaptive")
    request = ROOM.decode_request(json.dumps(entry["body"]).encode())
    once = ROOM.decode_request(ROOM.encode_request(request, facts).body)
    thoughtless = [
        (role, part) for role, part in folded(request) if not isinstance(part, Thinking | ToolCall)
    ]
    assert [
        (role, part) for role, part in folded(once) if not isinstance(part, Thinking | ToolCall)
    ] == thoughtless
    assert [told(tool) for tool in once.tools] == [told(tool) for tool in request.tools]
    assert once.system == request.system
    assert ROOM.decode_request(ROOM.encode_request(once, facts).body) == once


ARRAYS = sorted(TAPES.glob("*.array.json"))


@settings(max_examples=40)
@given(data=st.data())
@pytest.mark.parametrize("path", ARRAYS, ids=[path.stem for path in ARRAYS])
def test_E99_array_streams_may_be_cut_anywhere(path: Path, data: st.DataObject) -> None:
    body = path.read_bytes()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=9)))
    framer = JsonArrayFramer()
    found: list[SSEvent] = []
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        found += framer.feed(body[start:end])
    found += framer.close()
    assert [json.loads(frame.data) for frame in found] == json.loads(body)
    assert isinstance(heard(found)[-1], Finished)
    assert not framer.pending
