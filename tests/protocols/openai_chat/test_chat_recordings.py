"""Every recorded Chat stream and answer: the law of neutral streams, cuts anywhere, both forms alike."""

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from every import every
from trunkline.core.events import (
    CitationDelta,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    SignatureDelta,
    Started,
    StreamEvent,
    fold,
)
from trunkline.core.facts import Facts
from trunkline.core.sse import SSEFramer
from trunkline.core.types import Text, Thinking, ToolCall
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.codec import ReplyContext
from trunkline.protocols.openai_chat import OPENAI_CHAT

FIXTURES = Path(__file__).parents[2] / "fixtures"
WIRE, DATABRICKS = FIXTURES / "wire", FIXTURES / "databricks"
INDEX = [json.loads(line) for line in (WIRE / "index.jsonl").read_text(encoding="utf-8").splitlines()]
CHAT = [entry for entry in INDEX if entry["protocol"] in ("openai-chat", "databricks-chat")]
STREAMS = [WIRE / entry["files"]["stream"] for entry in CHAT if "stream" in entry["files"]]
STREAMS += sorted(path for path in DATABRICKS.rglob("*.sse") if "chat" in path.name)
ANSWERS = [
    WIRE / entry["files"]["response"]
    for entry in CHAT
    if "response" in entry["files"] and entry["status"] < 400
]
REQUESTS = [WIRE / entry["files"]["request"] for entry in CHAT if "request" in entry["files"]]
SETS = {
    "databricks tools": "databricks-chat--chatlas/test_provider_databricks__test_databricks_tool_variations-03",
    "venice": "openai-chat--rig/venice__streaming_tools__streaming_tools_smoke-01",
    "gemini behind openrouter": "openai-chat--fantasy/TestOpenRouterCommon__gemini__multi_tool_streaming-01",
    "groq error": "openai-chat--pydantic-ai/test_groq__test_tool_use_failed_error_streaming_with_text-01",
}


def decoded(chunks: Iterable[bytes]) -> list[StreamEvent]:
    framer, decoder = SSEFramer(), OPENAI_CHAT.stream_decoder("maker")
    events: list[StreamEvent] = []
    for piece in chunks:
        for frame in framer.feed(piece):
            events += decoder.feed(frame)
    for frame in framer.close():
        events += decoder.feed(frame)
    return events + decoder.close()


def wire(name: str) -> bytes:
    return (WIRE / f"{name}.stream.txt").read_bytes()


def assert_lawful(events: list[StreamEvent]) -> None:
    """Started, parts one by one from 0, Finished; or a prefix of that, and Failed."""
    opened: int | None = None
    following = 0
    for position, event in enumerate(events):
        match event:
            case Started():
                assert position == 0
            case PartStarted(index, _):
                assert opened is None
                assert index == following
                opened, following = index, following + 1
            case PartDelta(index) | SignatureDelta(index) | CitationDelta(index):
                assert index == opened
            case PartEnded(index):
                assert index == opened
                opened = None
            case Finished():
                assert opened is None
                assert position == len(events) - 1
            case Failed():
                assert position == len(events) - 1
    assert isinstance(events[-1], (Finished, Failed))


def test_there_is_something_to_test() -> None:
    assert len(STREAMS) > 300
    assert len(ANSWERS) > 300
    assert len(REQUESTS) > 600


@every(STREAMS)
def test_every_recorded_stream_is_lawful_and_survives_a_round_trip(path: Path) -> None:
    events = decoded([path.read_bytes()])
    assert_lawful(events)
    if isinstance(events[-1], Failed):
        assert "error" in path.name
        return
    answer = fold(events)
    encoder = OPENAI_CHAT.stream_encoder(ReplyContext(id="r", model="asked", created=1, stream_usage=True))
    again = fold(decoded([encoder.feed(event) for event in events]))
    said = "".join(part.text for part in answer.content if isinstance(part, Text))
    assert "".join(part.text for part in again.content if isinstance(part, Text)) == said
    called = [(part.id, part.name, part.arguments) for part in answer.content if isinstance(part, ToolCall)]
    assert [(p.id, p.name, p.arguments) for p in again.content if isinstance(p, ToolCall)] == called
    assert again.usage.prompt == answer.usage.prompt
    assert (again.usage.output or 0) == (answer.usage.output or 0)


@every(STREAMS)
def test_the_tap_sees_what_the_decoder_sees(path: Path) -> None:
    tap, framer = OPENAI_CHAT.stream_tap(), SSEFramer()
    data = path.read_bytes()
    for frame in framer.feed(data) + framer.close():
        tap.feed(frame)
    events = decoded([data])
    if isinstance(events[-1], Failed):
        assert tap.error is not None
        assert tap.error.kind is events[-1].error.kind
        return
    answer = fold(events)
    assert tap.error is None
    assert tap.finished
    assert tap.content_seen
    assert (tap.usage or Usage()) == answer.usage
    assert (tap.stop or Stop("end")).reason in (answer.stop.reason, "end")
    proofs = [part.signature or part.redacted for part in answer.content if isinstance(part, Thinking)]
    assert [proof for proof in proofs if proof and not proof.startswith("{")] == [
        proof for proof in tap.signatures if not proof.startswith("{")
    ]


@every(ANSWERS)
def test_every_recorded_answer_is_read_and_survives_a_round_trip(path: Path) -> None:
    answer = OPENAI_CHAT.decode_response(path.read_bytes(), "maker")
    context = ReplyContext(id="r", model="asked", created=1)
    again = OPENAI_CHAT.decode_response(OPENAI_CHAT.encode_response(answer, context), "maker")
    assert [part for part in again.content if isinstance(part, ToolCall)] == [
        part for part in answer.content if isinstance(part, ToolCall)
    ]
    assert "".join(p.text for p in again.content if isinstance(p, Text)) == "".join(
        p.text for p in answer.content if isinstance(p, Text)
    )


@every(REQUESTS)
def test_every_recorded_request_is_carried(path: Path) -> None:
    body = json.loads(path.read_bytes())["body"]
    if not isinstance(body, dict) or not body.get("messages"):
        return
    body.setdefault("model", "m")  # Azure has it in the path
    request = OPENAI_CHAT.decode_request(json.dumps(body).encode())
    sent = json.loads(
        OPENAI_CHAT.encode_request(request, Facts(reasoning_history="reasoning_content")).body
    )
    assert len(sent["messages"]) >= 1
    assert [t["function"]["name"] for t in sent.get("tools", [])] == [
        t["function"]["name"] for t in body.get("tools") or [] if t.get("type", "function") == "function"
    ] + [f["name"] for f in body.get("functions") or []]
    results = [m for m in body["messages"] if m["role"] == "tool"]
    assert len([m for m in sent["messages"] if m["role"] == "tool"]) >= len(results)


@pytest.mark.parametrize("name", SETS.values(), ids=SETS.keys())
def test_E01_cut_at_every_byte(name: str) -> None:
    data = wire(name)
    whole = decoded([data])
    errors = isinstance(whole[-1], Failed)
    for cut in range(0, len(data), 1 if len(data) < 6000 else 97):
        cut_up = decoded([data[:cut], data[cut:]])
        assert cut_up[:-1] == whole[:-1]
        assert isinstance(cut_up[-1], Failed) if errors else cut_up[-1] == whole[-1]
    single = decoded(data[at : at + 1] for at in range(len(data)))
    assert single[:-1] == whole[:-1]


@given(data=st.data())
@settings(max_examples=60)
def test_E01_cuts_anywhere_never_change_the_answer(data: st.DataObject) -> None:
    tape = data.draw(
        st.sampled_from([path for path in STREAMS if path.stat().st_size < 20_000])
    ).read_bytes()
    cuts = data.draw(st.lists(st.integers(0, len(tape)), max_size=12))
    edges = [0, *sorted(cuts), len(tape)]
    whole = decoded([tape])
    assert decoded(tape[a:b] for a, b in pairwise(edges))[:-1] == whole[:-1]


@pytest.mark.parametrize("name", list(SETS.values())[:3], ids=list(SETS)[:3])
def test_E02_line_ends_comments_and_a_bom_change_nothing(name: str) -> None:
    data = wire(name)
    noisy = b"\xef\xbb\xbf" + data.replace(b"\n\n", b"\r\n\r\n: keep-alive\r\n\r\n")
    assert decoded([noisy]) == decoded([data])


@pytest.mark.parametrize(
    ("stream", "answer"),
    [("claude-chat-stream-thinking.sse", "claude-chat-response-thinking.json")],
)
def test_a_stream_folds_to_the_whole_answer(stream: str, answer: str) -> None:
    folded = fold(decoded([(DATABRICKS / stream).read_bytes()]))
    assert folded == OPENAI_CHAT.decode_response((DATABRICKS / answer).read_bytes(), "maker")
    assert folded.content == (
        Thinking(text="17 * 23 = 391", signature="sig-1", origin="maker"),
        Text("391"),
    )


def test_databricks_parallel_tools() -> None:
    answer = fold(decoded([(DATABRICKS / "claude-chat-stream-parallel-tools.sse").read_bytes()]))
    text, first, second = answer.content
    assert isinstance(text, Text)
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id.startswith("toolu_bdrk_")
    assert json.loads(first.arguments)
    assert json.loads(second.arguments)
    assert answer.stop == Stop("tool_use", "tool_calls")
    assert answer.usage == Usage(input=4982, output=122)


def test_databricks_agent_chunks_and_cache_usage() -> None:
    agent = fold(decoded([(DATABRICKS / "chat-agent-stream-delta.sse").read_bytes()]))
    assert (agent.content, agent.stop, agent.usage) == (
        (Text("36939x"),),
        Stop("end"),
        Usage(input=30, output=22),
    )
    cache = fold(decoded([(DATABRICKS / "claude-chat-stream-cache-usage.sse").read_bytes()]))
    assert cache.usage == Usage(input=3, cache_read=4570, cache_write=0, cache_write_1h=None, output=4)
    assert cache.content == (Text("OK"),)


def test_constructed_gemini_and_gpt_oss() -> None:
    gemini = fold(decoded([(DATABRICKS / "constructed" / "gemini-chat-stream-tool-call.sse").read_bytes()]))
    assert gemini.content == (
        ToolCall(
            id="call_0",
            name="read_file",
            arguments='{"path":"a.py"}',
            proof="Q29uc3RydWN0ZWQtc2lnbmF0dXJl",
            proof_origin="maker",
        ),
    )
    oss = fold(decoded([(DATABRICKS / "constructed" / "gpt-oss-chat-stream-reasoning.sse").read_bytes()]))
    assert oss.content == (Thinking(text="Need the sum.", origin="maker"), Text("4"))


def test_databricks_citations() -> None:
    choice = json.loads((DATABRICKS / "claude-chat-response-citations-choice.json").read_bytes())
    whole = OPENAI_CHAT.decode_response(json.dumps({"choices": [choice]}).encode(), "maker")
    piece = (DATABRICKS / "claude-chat-chunk-citation.json").read_bytes().replace(b"\n", b"")
    start = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Blue"}}]}\n\n'
    end = b'data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    streamed = fold(decoded([start + b"data: " + piece + b"\n\n" + end]))
    for answer in (whole, streamed):
        (text,) = answer.content
        assert isinstance(text, Text)
        assert text.text == "Blue"
        (citation,) = text.citations
        assert json.loads(bytes(citation.raw))["document_title"] == "My Document"
