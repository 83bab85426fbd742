"""Answers to clients: whole ones and streams, written for the vendor's own SDKs."""

import json

import pytest
from msgspec import Raw

from protocols.gemini.room import CONTEXT, ORIGIN, ROOM, decoded, encoded, payloads
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import (
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    SignatureDelta,
    Started,
    fold,
    unfold,
)
from trunkline.core.search import Grounding
from trunkline.core.types import Image, Opaque, Part, Refusal, Response, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, StopReason, Usage
from trunkline.protocols.gemini import signatures

CODE = Raw(b'{"executableCode":{"code":"1"}}')
SEALED = signatures.sealed("c2ln", ORIGIN)


def answer(*content: Part, stop: StopReason = "end", usage: Usage | None = None) -> Response:
    return Response(
        id="up", model="m", content=content, stop=Stop(stop), usage=usage or Usage(input=5, output=2)
    )


def whole(*content: Part, stop: StopReason = "end", usage: Usage | None = None):
    return json.loads(ROOM.encode_response(answer(*content, stop=stop, usage=usage), CONTEXT))


def parts(*content: Part) -> object:
    return whole(*content)["candidates"][0]["content"]["parts"]


def test_a_whole_answer() -> None:
    assert ROOM.encode_response(answer(Text("hi")), CONTEXT) == (
        b'{"candidates":[{"content":{"parts":[{"text":"hi"}],"role":"model"},"finishReason":"STOP","index":0}],'
        b'"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"totalTokenCount":7},'
        b'"modelVersion":"asked","responseId":"req123"}'
    )


def test_a_stream() -> None:
    tail = b'"modelVersion":"asked","responseId":"req123"}\n\n'
    assert encoded(unfold(answer(Text("hi")))) == (
        b'data: {"candidates":[{"content":{"parts":[{"text":"hi"}],"role":"model"},"index":0}],' + tail
        + b'data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],'
        b'"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"totalTokenCount":7},' + tail
    )  # fmt: skip


def test_calls_go_out_whole() -> None:
    call = ToolCall(id="toolu_1", name="run", arguments="", proof="c2ln", proof_origin=ORIGIN)
    events = [
        Started("up", "m"),
        PartStarted(0, call),
        PartDelta(0, '{"a"'),
        PartDelta(0, ": 1.0}"),
        PartEnded(0),
        Finished(Stop("tool_use"), Usage()),
    ]
    encoder = ROOM.stream_encoder(CONTEXT)
    sizes = [len(encoder.feed(event)) for event in events]
    assert [size > 0 for size in sizes] == [False, False, False, False, True, True]
    first, last = payloads(encoded(events))
    assert first["candidates"][0]["content"]["parts"] == [
        {"functionCall": {"name": "run", "args": {"a": 1.0}, "id": "toolu_1"}, "thoughtSignature": SEALED}
    ]
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert b'"args":{"a": 1.0}' in encoded(events)


def test_E28_a_call_that_broke_off_is_left_out() -> None:
    broken = ToolCall(id="a", name="run", arguments='{"path": "x')
    found = whole(Text("hm"), broken, stop="tool_use")
    assert found["candidates"][0]["content"]["parts"] == [{"text": "hm"}]
    assert found["candidates"][0]["finishReason"] == "MAX_TOKENS"
    last = payloads(encoded(unfold(answer(broken, stop="tool_use"))))[-1]
    assert last["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_E24_E41_arguments_of_every_kind() -> None:
    assert parts(
        ToolCall(id="a", name="f", arguments=" "),
        ToolCall(id="n", name="f", arguments="null"),
        ToolCall(id="b", name="p", arguments="raw", kind="custom"),
    ) == [
        {"functionCall": {"name": "f", "args": {}, "id": "a"}},
        {"functionCall": {"name": "f", "args": {}, "id": "n"}},
        {"functionCall": {"name": "p", "args": {"input": "raw"}, "id": "b"}},
    ]


def test_E07_thoughts_carry_their_makers_seal() -> None:
    signed, unsigned = (
        Thinking(text="hm", signature="c2ln", origin=ORIGIN),
        Thinking(text="so", origin=ORIGIN),
    )
    hidden = Thinking(redacted="secret", origin=ORIGIN)
    assert parts(signed, unsigned, hidden) == [
        {"text": "hm", "thought": True, "thoughtSignature": SEALED},
        {"text": "so", "thought": True, "thoughtSignature": signatures.sealed(None, ORIGIN)},
        {"text": "", "thought": True, "thoughtSignature": signatures.sealed_redacted("secret", ORIGIN)},
    ]
    streamed = [
        one["candidates"][0]["content"]["parts"][0] for one in payloads(encoded(unfold(answer(signed))))
    ]
    assert streamed[:2] == [
        {"text": "hm", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": SEALED},
    ]


def test_E06_signatures_in_pieces() -> None:
    events = [
        Started("up", "m"),
        PartStarted(0, Thinking(origin=ORIGIN)),
        SignatureDelta(0, "c2"),
        SignatureDelta(0, "ln"),
        PartEnded(0),
        Finished(Stop("end"), Usage()),
    ]
    assert (
        payloads(encoded(events))[0]["candidates"][0]["content"]["parts"][0]["thoughtSignature"] == SEALED
    )


def test_signatures_are_base64_and_survive_pythons_alphabet() -> None:
    seal = signatures.sealed("YW+/", ORIGIN)
    assert signatures.read(seal) == ("YW+/", ORIGIN)
    assert signatures.read(seal.replace("+", "-").replace("/", "_")) == ("YW+/", ORIGIN)
    assert signatures.read(signatures.sealed(None, ORIGIN)) == (None, ORIGIN)
    assert signatures.read("YW-_") == ("YW+/", None)
    assert signatures.sealed(signatures.SKIP, ORIGIN) == signatures.SKIP


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("end", "STOP"),
        ("tool_use", "STOP"),
        ("stop_sequence", "STOP"),
        ("pause", "STOP"),
        ("compaction", "STOP"),
        ("other", "STOP"),
        ("length", "MAX_TOKENS"),
        ("context_full", "MAX_TOKENS"),
        ("refusal", "SAFETY"),
    ],
)
def test_E46_why_it_stopped(reason: StopReason, word: str) -> None:
    assert whole(Text("a"), stop=reason)["candidates"][0]["finishReason"] == word
    last = payloads(encoded(unfold(answer(Text("a"), stop=reason))))[-1]
    assert last["candidates"][0]["finishReason"] == word


def test_E101_usage() -> None:
    usage = Usage(input=10, cache_read=3, cache_write=4, output=9, reasoning=5)
    expected = {
        "promptTokenCount": 17,
        "candidatesTokenCount": 4,
        "totalTokenCount": 26,
        "thoughtsTokenCount": 5,
        "cachedContentTokenCount": 3,
    }
    assert whole(Text("a"), usage=usage)["usageMetadata"] == expected
    assert payloads(encoded(unfold(answer(Text("a"), usage=usage))))[-1]["usageMetadata"] == expected
    assert whole(Text("a"), usage=Usage(output=1))["usageMetadata"] == {
        "candidatesTokenCount": 1,
        "totalTokenCount": 1,
    }


def test_usage_that_is_odd_or_unknown() -> None:
    unknown = ROOM.encode_response(
        Response(id="", model="", content=(), stop=Stop("end"), usage=Usage()), CONTEXT
    )
    assert json.loads(unknown)["usageMetadata"] == {}
    beside = whole(Text("a"), usage=Usage(input=1, output=10, reasoning=37))["usageMetadata"]
    assert beside == {
        "promptTokenCount": 1,
        "candidatesTokenCount": 0,
        "totalTokenCount": 11,
        "thoughtsTokenCount": 10,
    }


def test_everything_else_an_answer_can_hold() -> None:
    found = parts(
        Refusal("no"),
        Image(media_type="image/png", data="iVBORw0KGgo="),
        Opaque("gemini", "executableCode", CODE),
        Opaque("anthropic_messages", "server_tool_use", CODE),
        Opaque("anthropic_messages", "web_search_tool_result", CODE, "found"),
    )
    assert found == [
        {"text": "no"},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
        {"executableCode": {"code": "1"}},
    ]
    assert parts() == [{"text": ""}]


def test_grounding_returns_beside_its_text() -> None:
    raw = Raw(b'{"groundingChunks":[]}')
    grounding = Opaque("gemini", "groundingMetadata", raw, means=Grounding(None, ()))
    foreign = Opaque("openai_chat", "url_citation", Raw(b"{}"))
    text = Text("a", (foreign, grounding))
    assert whole(text)["candidates"][0]["groundingMetadata"] == {"groundingChunks": []}
    events = list(unfold(answer(text)))
    assert fold(decoded(encoded(events))).content == (Text("a", (grounding,)),)
    assert "groundingMetadata" not in whole(Text("a", (foreign,)))["candidates"][0]


def test_line_separators_are_escaped_everywhere() -> None:
    text = "a\u2028b\u2029c"
    content = (
        Text(text),
        Thinking(text=text, origin=ORIGIN),
        ToolCall(id="a", name="f", arguments=json.dumps({"t": text}, ensure_ascii=False)),
    )
    for out in (ROOM.encode_response(answer(*content), CONTEXT), encoded(unfold(answer(*content)))):
        assert text.encode() not in out
        assert b"\xe2\x80\xa8" not in out
        assert b"\xe2\x80\xa9" not in out
        assert out.count(b"a\\u2028b\\u2029c") == 3
    assert fold(decoded(encoded(unfold(answer(*content))))).content[0] == Text(text)


def test_arguments_with_line_breaks_stay_in_one_event() -> None:
    call = ToolCall(id="a", name="f", arguments='{\n  "a": 1.0\n}')
    (part,) = fold(decoded(encoded(unfold(answer(call, stop="tool_use"))))).content
    assert isinstance(part, ToolCall)
    assert part.arguments == '{"a":1.0}'


def test_E04_a_failure_is_one_error_and_no_end() -> None:
    events = [
        Started("up", "m"),
        PartStarted(0, Text("")),
        PartDelta(0, "a"),
        Failed(GatewayError(Kind.OVERLOADED, "busy", retry_after=3.2)),
    ]
    out = encoded(events)
    assert b"finishReason" not in out
    error = payloads(out)[-1]["error"]
    assert error == {
        "code": 503,
        "message": "busy",
        "status": "UNAVAILABLE",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "4s"}],
    }
    last = decoded(out)[-1]
    assert isinstance(last, Failed)
    assert (last.error.kind, last.error.retry_after) == (Kind.OVERLOADED, 4.0)
    # outside of any event once more: one SDK passes over errors inside them
    assert json.loads(out.split(b"\n\n")[-2]) == {"error": error}


def test_E67_a_sign_of_life_is_an_empty_line() -> None:
    out = encoded(unfold(answer(Text("a"), Text("b"))))
    chunks = [chunk + b"\n\n" for chunk in out.split(b"\n\n")[:-1]]
    noisy = ROOM.ping(begun=False) + b"".join(chunk + ROOM.ping(begun=True) for chunk in chunks)
    assert decoded(noisy) == decoded(out)
    assert ROOM.ping(begun=True).strip() == b""
