"""The laws every protocol room keeps, over every room in the registry (style guide 3.8, protocols 6)."""

import inspect
import json
from collections.abc import Callable, Iterable
from functools import wraps
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw, structs

from contract import strategies
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import Failed, PartDelta, StreamEvent, fold, unfold
from trunkline.core.facts import Facts
from trunkline.core.proofs import unseal
from trunkline.core.sse import SSEFramer
from trunkline.core.types import (
    Image,
    Message,
    Part,
    Request,
    Response,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from trunkline.protocols.codec import Codec, CountCodec, ReplyContext
from trunkline.protocols.registry import CODECS
from wire.law import faults

FACTS = Facts(provider="target", model="model", reasoning="budget_or_adaptive", effort_levels=())
CONTEXT = ReplyContext(
    id="0a1b2c3d4e5f6a7b8c9d0e1f", model="asked", created=1_700_000_000, stream_usage=True
)

TURNS = {
    "anthropic_messages": "messages",
    "openai_chat": "messages",
    "openai_responses": "input",
    "gemini": "contents",
}
"""The field of a body that holds the conversation."""

UNSAID = {"anthropic_messages": set(), "openai_chat": set(), "openai_responses": {"stop"}, "gemini": set()}
"""What of the generated requests a protocol has no field for."""

BY_PATH = {"gemini": {"stream"}}
"""What stands in the path and not in the body."""

rooms = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
generated = settings(max_examples=30)


def in_every_room(law: Callable[..., None]) -> Callable[..., None]:
    """The law for every codec over the same generated values: making these up costs ten times the law."""

    @wraps(law)
    def tried(*values: object, **named: object) -> None:
        for codec in CODECS.values():
            try:
                law(codec, *values, **named)
            except Exception as error:
                error.add_note(f"in the room {codec.name}")
                raise

    whole = inspect.signature(law)
    given_only = [one for name, one in whole.parameters.items() if name != "codec"]
    tried.__signature__ = whole.replace(parameters=given_only)
    return tried


def stream_of(codec: Codec, events: Iterable[StreamEvent]) -> bytes:
    encoder = codec.stream_encoder(CONTEXT)
    return b"".join(encoder.feed(event) for event in events)


def events_of(codec: Codec, chunks: Iterable[bytes]) -> list[StreamEvent]:
    framer, decoder = SSEFramer(), codec.stream_decoder(strategies.ORIGIN)
    found: list[StreamEvent] = []
    for chunk in chunks:
        for frame in framer.feed(chunk):
            found += decoder.feed(frame)
    for frame in framer.close():
        found += decoder.feed(frame)
    return found + decoder.close()


def unsealed(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Parts with signatures as their maker wrote them: answers carry them sealed (E5, E7)."""
    return tuple(
        structs.replace(part, signature=unseal(part.signature).signature)
        if isinstance(part, Thinking) and part.signature is not None
        else part
        for part in parts
    )


def canonical(raw: str) -> str:
    return json.dumps(json.loads(raw), sort_keys=True)


def comparable(response: Response) -> tuple[object, ...]:
    """What an answer must keep: ids and times belong to the reply's context."""
    parts = [
        structs.replace(part, arguments=canonical(part.arguments)) if isinstance(part, ToolCall) else part
        for part in unsealed(response.content)
    ]
    return (
        parts,
        response.stop.reason,
        response.usage.prompt,
        response.usage.cache_read,
        response.usage.output,
    )


def parts_of(request: Request) -> list[object]:
    """The conversation without its borders: results and words may part, texts side by side may join."""
    flat: list[tuple[str, Part]] = []
    for message in request.messages:
        for part in message.content:
            last = flat[-1] if flat else None
            if isinstance(part, ToolCall):
                flat.append((message.role, structs.replace(part, arguments=canonical(part.arguments))))
            elif isinstance(part, Text) and last and last[0] == message.role and isinstance(last[1], Text):
                flat[-1] = (message.role, Text(f"{last[1].text}\n\n{part.text}"))
            else:
                flat.append((message.role, part))
    return flat


# Law 1: the cut. Over all recordings: tests/wire/test_cuts.py.


@generated
@given(response=strategies.responses(), data=st.data())
@in_every_room
def test_law_1_the_answer_does_not_depend_on_the_cuts(
    codec: Codec, response: Response, data: st.DataObject
) -> None:
    body = stream_of(codec, unfold(response))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert events_of(codec, pieces) == events_of(codec, [body])


# Law 2: a stream folds to the whole answer.


@generated
@given(response=strategies.responses())
@in_every_room
def test_law_2_the_stream_folds_to_the_whole_answer(codec: Codec, response: Response) -> None:
    streamed = fold(events_of(codec, [stream_of(codec, unfold(response))]))
    whole = codec.decode_response(codec.encode_response(response, CONTEXT), strategies.ORIGIN)
    assert comparable(streamed) == comparable(whole)


# Law 3: decoding undoes encoding.


@generated
@given(response=strategies.responses())
@in_every_room
def test_law_3_an_answer_comes_back_as_it_was(codec: Codec, response: Response) -> None:
    back = codec.decode_response(codec.encode_response(response, CONTEXT), strategies.ORIGIN)
    assert comparable(back) == comparable(response)
    assert back.model == CONTEXT.model


@generated
@given(request=strategies.requests())
@in_every_room
def test_law_3_a_request_comes_back_as_it_was(codec: Codec, request: Request) -> None:
    encoded = codec.encode_request(request, FACTS)
    back = codec.decode_request(encoded.body)
    assert parts_of(back) == parts_of(request)
    assert [part.text for part in back.system] == [part.text for part in request.system]
    assert [(tool.name, tool.description) for tool in back.tools] == [
        (tool.name, tool.description) for tool in request.tools
    ]
    assert [json.loads(bytes(tool.schema)) for tool in back.tools if tool.schema] == [
        json.loads(bytes(tool.schema)) for tool in request.tools if tool.schema
    ]
    for field in {"max_tokens", "stream", "tool_choice"} - BY_PATH.get(codec.name, set()):
        assert getattr(back, field) == getattr(request, field), field
    lost = {loss.field for loss in encoded.losses}
    wanted = structs.replace(request.sampling, stop=()) if "stop" in lost else request.sampling
    assert back.sampling == wanted
    assert lost <= UNSAID[codec.name]
    assert back.protocol == codec.name


@generated
@given(request=strategies.requests())
@in_every_room
def test_law_3_a_second_trip_changes_nothing(codec: Codec, request: Request) -> None:
    once = codec.decode_request(codec.encode_request(request, FACTS).body)
    assert codec.decode_request(codec.encode_request(once, FACTS).body) == once


# Law 4: the unknown never raises. Recorded bodies with strange additions: test_unknown.py.


@generated
@given(name=strategies.words, value=strategies.objects, response=strategies.responses())
@in_every_room
def test_law_4_E69_unknown_events_are_passed_over(
    codec: Codec, name: str, value: dict, response: Response
) -> None:
    kind = f"trunkline_unknown_{len(name)}"
    payload = json.dumps({**value, "type": kind, "object": kind, "choices": []}).encode()
    strange = b"event: " + kind.encode() + b"\ndata: " + payload + b"\n\n" + b": a comment\n\n"
    frames = stream_of(codec, unfold(response)).split(b"\n\n")
    mixed = (
        b"\n\n".join(frames[:1])
        + b"\n\n"
        + strange
        + strange.join(frame + b"\n\n" for frame in frames[1:-1])
    )
    if "error" not in value and "usage" not in value:
        assert comparable(fold(events_of(codec, [mixed]))) == comparable(response)


# Law 5: encoders are pure.


@generated
@given(request=strategies.requests(), response=strategies.responses())
@in_every_room
def test_law_5_encoding_twice_gives_the_same_bytes(
    codec: Codec, request: Request, response: Response
) -> None:
    before = msgspec.json.encode(response)
    assert codec.encode_request(request, FACTS) == codec.encode_request(request, FACTS)
    assert codec.encode_response(response, CONTEXT) == codec.encode_response(response, CONTEXT)
    assert stream_of(codec, unfold(response)) == stream_of(codec, unfold(response))
    assert msgspec.json.encode(response) == before


@generated
@given(one=strategies.responses(), other=strategies.responses())
@in_every_room
def test_law_5_E118_streams_side_by_side_do_not_mix(codec: Codec, one: Response, other: Response) -> None:
    first, second = codec.stream_encoder(CONTEXT), codec.stream_encoder(CONTEXT)
    left, right = list(unfold(one)), list(unfold(other))
    out: tuple[list[bytes], list[bytes]] = ([], [])
    for place in range(max(len(left), len(right))):
        if place < len(left):
            out[0].append(first.feed(left[place]))
        if place < len(right):
            out[1].append(second.feed(right[place]))
    assert b"".join(out[0]) == stream_of(codec, left)
    assert b"".join(out[1]) == stream_of(codec, right)


# Law 6: an operation is complete or absent.


@rooms
def test_law_6_every_room_has_every_operation(codec: Codec) -> None:
    offered = {name: member for half in reversed(Codec.__mro__) for name, member in vars(half).items()}
    wanted = {name for name, member in offered.items() if not name.startswith("_") and callable(member)}
    assert len(wanted) >= 15
    for name in sorted(wanted):
        ours, asked = inspect.signature(getattr(codec, name)), inspect.signature(getattr(Codec, name))
        assert len(ours.parameters) == len(asked.parameters) - 1, name
    assert CODECS[codec.name] is codec


def test_law_6_counting_is_complete_where_it_is_offered() -> None:
    from trunkline.protocols.anthropic_messages.count import ANTHROPIC_COUNT

    counting: CountCodec = ANTHROPIC_COUNT
    assert counting.decode_count(counting.encode_count(12345)) == 12345


# What the middle promises to everybody.


@generated
@given(request=strategies.requests())
@in_every_room
def test_E104_an_earlier_turn_keeps_its_bytes(codec: Codec, request: Request) -> None:
    full = sections(codec, request)
    for end in range(1, len(request.messages)):
        if request.messages[end - 1].role != "user" or not complete(request.messages[:end]):
            continue
        shorter = sections(codec, structs.replace(request, messages=request.messages[:end]))
        assert shorter["messages"] == full["messages"][: len(shorter["messages"])]
        assert {key: value for key, value in shorter.items() if key != "messages"} == {
            key: value for key, value in full.items() if key != "messages"
        }


def complete(messages: tuple[Message, ...]) -> bool:
    """True when the last message asks for an answer and leaves no call open."""
    called = {part.id for message in messages for part in message.content if isinstance(part, ToolCall)}
    answered = {getattr(part, "call_id", None) for message in messages for part in message.content}
    return called <= answered


def sections(codec: Codec, request: Request, facts: Facts = FACTS) -> dict[str, object]:
    """The body's fields as raw bytes, messages one by one."""
    body = msgspec.json.decode(codec.encode_request(request, facts).body, type=dict[str, Raw])
    split: dict[str, object] = {key: bytes(value) for key, value in body.items()}
    turns = TURNS[codec.name]
    split["messages"] = [bytes(raw) for raw in msgspec.json.decode(split.pop(turns), type=list[Raw])]
    return split


@generated
@given(response=strategies.responses())
@in_every_room
def test_E64_our_streams_decode_to_lawful_events(codec: Codec, response: Response) -> None:
    assert faults(events_of(codec, [stream_of(codec, unfold(response))])) == []


@generated
@given(response=strategies.responses(), data=st.data())
@in_every_room
def test_E3_a_stream_of_ours_cut_anywhere_fails_or_is_whole(
    codec: Codec, response: Response, data: st.DataObject
) -> None:
    body = stream_of(codec, unfold(response))
    cut = data.draw(st.integers(0, len(body)))
    found = events_of(codec, [body[:cut]])
    assert faults(found) == []
    if not isinstance(found[-1], Failed):
        assert comparable(fold(found))[:2] == comparable(response)[:2]


@generated
@given(response=strategies.responses(), data=st.data())
@in_every_room
def test_E4_a_failure_anywhere_is_one_error_and_no_end(
    codec: Codec, response: Response, data: st.DataObject
) -> None:
    whole = list(unfold(response))
    before = whole[: data.draw(st.integers(0, len(whole) - 1))]
    error = GatewayError(Kind.OVERLOADED, "the upstream is busy", local=False)
    body = stream_of(codec, [*before, Failed(error)])
    found = events_of(codec, [body])
    assert faults(found) == []
    assert isinstance(found[-1], Failed)
    assert "the upstream is busy" in found[-1].error.message
    for end in (b"event: message_stop", b"[DONE]", b'"finish_reason":"'):
        assert end not in body
    assert body.endswith(b"\n\n")


@generated
@given(response=strategies.responses(), data=st.data())
@in_every_room
def test_the_size_of_deltas_is_no_difference(codec: Codec, response: Response, data: st.DataObject) -> None:
    fine: list[StreamEvent] = []
    for event in unfold(response):
        if isinstance(event, PartDelta) and len(event.text) > 1:
            at = data.draw(st.integers(1, len(event.text) - 1))
            fine += [PartDelta(event.index, event.text[:at]), PartDelta(event.index, event.text[at:])]
        else:
            fine.append(event)
    assert fold(events_of(codec, [stream_of(codec, fine)])) == fold(
        events_of(codec, [stream_of(codec, unfold(response))])
    )


@generated
@given(response=strategies.responses())
@in_every_room
def test_E67_pings_between_frames_change_nothing(codec: Codec, response: Response) -> None:
    frames = [frame + b"\n\n" for frame in stream_of(codec, unfold(response)).split(b"\n\n")[:-1]]
    noisy = (
        codec.ping(begun=False)
        + frames[0]
        + b"".join(codec.ping(begun=True) + frame for frame in frames[1:])
    )
    assert events_of(codec, [noisy]) == events_of(codec, [b"".join(frames)])


# Whatever the target can or cannot: content arrives.


@generated
@given(request=strategies.requests(), facts=strategies.facts())
@in_every_room
def test_content_arrives_whatever_the_target_can(codec: Codec, request: Request, facts: Facts) -> None:
    encoded = codec.encode_request(request, facts)
    assert codec.encode_request(request, facts) == encoded
    sent, back = content_of(request), content_of(codec.decode_request(encoded.body))
    assert [call for call in back.calls if call in sent.calls] == sent.calls
    assert {ident for ident, _ in back.results} >= {ident for ident, _ in sent.results}
    assert [name for name in sent.images if name not in back.images] == []
    assert [text for text in sent.texts if text not in "\n".join(back.texts)] == []
    assert {tool.name for tool in request.tools} <= {
        tool.name for tool in codec.decode_request(encoded.body).tools
    }


@generated
@given(request=strategies.requests(), facts=strategies.facts())
@in_every_room
def test_E104_an_earlier_turn_keeps_its_bytes_whatever_the_target_can(
    codec: Codec, request: Request, facts: Facts
) -> None:
    full = sections(codec, request, facts)["messages"]
    for end in range(1, len(request.messages)):
        if request.messages[end - 1].role == "user" and complete(request.messages[:end]):
            shorter = sections(codec, structs.replace(request, messages=request.messages[:end]), facts)[
                "messages"
            ]
            assert shorter == full[: len(shorter)]


class Content(NamedTuple):
    """What a request carries, in order."""

    texts: list[str]
    images: list[str]
    calls: list[tuple[str, str, str]]
    results: list[tuple[str, bool]]


def content_of(request: Request) -> Content:
    found = Content([part.text or "" for part in request.system], [], [], [])
    for message in request.messages:
        for part in message.content:
            match part:
                case Text(text):
                    found.texts.append(text)
                case Image():
                    found.images.append(part.data or part.url or "")
                case ToolCall():
                    found.calls.append((part.id, part.name, canonical(part.arguments)))
                case ToolResult():
                    found.results.append((part.call_id, part.is_error))
                    found.texts.extend(inner.text for inner in part.content if isinstance(inner, Text))
    return found
