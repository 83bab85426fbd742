"""Pass-through: foreign proofs leave, sealed own ones come out bare, everything else keeps its bytes."""

import json
from collections.abc import Callable

import pytest

from trunkline.core.proofs import seal
from trunkline.core.sse import SSEvent
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.openai_chat import OPENAI_CHAT


def owned_by(origin: str) -> Callable[[str], bool]:
    return lambda proof: proof.startswith(f"trunkline1.{origin}.") or proof == "bare-own"


def body(*messages: object) -> bytes:
    return json.dumps({"messages": list(messages), "model": "m", "x": 1.0}).encode()


def details(*entries: dict[str, object]) -> dict[str, object]:
    return {"role": "assistant", "content": "x", "reasoning_details": list(entries)}


@pytest.mark.parametrize(
    "untouched",
    [
        body({"role": "user", "content": "hi"}),
        body(details({"type": "reasoning.text", "text": "hm"})),
        body(details({"type": "reasoning.text", "text": "hm", "signature": "bare-own"})),
        b'{"messages":"reasoning_details","model":"m"}',
        b'{"model":"m","reasoning_details":1}',
    ],
)
def test_nothing_to_do_returns_the_very_body(untouched: bytes) -> None:
    mended, losses = OPENAI_CHAT.drop_foreign_proofs(untouched, owned_by("me"))
    assert mended is untouched
    assert losses == ()


def test_E08_foreign_proofs_go_and_own_ones_come_out_bare() -> None:
    first = {"role": "user", "content": "hi", "y": 2.0}
    mixed = details(
        {"type": "reasoning.text", "text": "own", "signature": seal("sig", "me"), "index": 0},
        {"type": "reasoning.text", "text": "foreign", "signature": seal("sig", "you"), "index": 1},
        {"type": "reasoning.encrypted", "data": seal("xyz", "me"), "index": 2},
        {"type": "reasoning.encrypted", "data": "unknown", "index": 3},
    )
    mended, losses = OPENAI_CHAT.drop_foreign_proofs(body(first, mixed), owned_by("me"))
    sent = json.loads(mended)
    assert sent["messages"][1]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "own", "signature": "sig", "index": 0},
        {"type": "reasoning.encrypted", "data": "xyz", "index": 2},
    ]
    assert json.dumps(first).encode() in mended
    assert mended.endswith(b', "model": "m", "x": 1.0}')
    assert [loss.field for loss in losses] == ["messages.reasoning_details"]


def test_a_field_left_empty_goes() -> None:
    foreign = {"type": "reasoning.text", "text": "no", "signature": seal("s", "you")}
    mended, losses = OPENAI_CHAT.drop_foreign_proofs(body(details(foreign)), owned_by("me"))
    assert json.loads(mended)["messages"] == [{"role": "assistant", "content": "x"}]
    assert len(losses) == 1


def test_databricks_content_lists_are_read_too() -> None:
    def turn(proof: str) -> dict[str, object]:
        summary = [{"type": "summary_text", "text": "hm", "signature": proof}]
        return {
            "role": "assistant",
            "content": [{"type": "reasoning", "summary": summary}, {"type": "text", "text": "x"}],
        }

    mended, losses = OPENAI_CHAT.drop_foreign_proofs(
        body(turn(seal("s", "me")), turn(seal("s", "you"))), owned_by("me")
    )
    own, foreign = json.loads(mended)["messages"]
    assert own == turn("s")
    assert foreign == {"role": "assistant", "content": [{"type": "text", "text": "x"}]}
    assert len(losses) == 1


def frame(delta: object, finish: str | None = None, **extra: object) -> SSEvent:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return SSEvent(json.dumps({"id": "c", "choices": [choice], **extra}, separators=(",", ":")).encode())


def test_the_tap_collects_whole_signatures() -> None:
    tap = OPENAI_CHAT.stream_tap()
    tap.feed(frame({"role": "assistant", "content": ""}))
    assert not tap.content_seen
    tap.feed(frame({"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}))
    assert tap.content_seen
    tap.feed(frame({"reasoning_details": [{"type": "reasoning.text", "signature": "si"}]}))
    tap.feed(frame({"reasoning_details": [{"type": "reasoning.text", "signature": "g"}]}))
    assert tap.signatures == ()
    tap.feed(frame({"content": "x"}))
    assert tap.signatures == ("sig",)
    tap.feed(frame({}, "stop", usage={"prompt_tokens": 1, "completion_tokens": 2}))
    assert (tap.finished, tap.stop, tap.usage) == (True, Stop("end", "stop"), Usage(input=1, output=2))


def test_the_tap_reads_usage_of_plain_chunks_and_errors() -> None:
    tap = OPENAI_CHAT.stream_tap()
    tap.feed(frame({"content": "x"}))
    tap.feed(frame({"content": "y"}, usage={"prompt_tokens": 4, "completion_tokens": None}))
    assert tap.usage == Usage(input=4)
    tap.feed(SSEvent(b'{"error":{"message":"broke","code":500}}'))
    assert tap.error is not None
    assert tap.error.message == "broke"
    assert not tap.finished


def test_the_tap_and_done() -> None:
    tap = OPENAI_CHAT.stream_tap()
    tap.feed(SSEvent(b"[DONE]"))
    assert not tap.finished
    tap.feed(frame({"content": "x"}))
    assert tap.finished
    half = OPENAI_CHAT.stream_tap()
    half.feed(frame({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}]}))
    half.feed(SSEvent(b"[DONE]"))
    assert not half.finished


def test_usage_of_a_whole_answer() -> None:
    assert OPENAI_CHAT.usage_of(b'{"usage":{"prompt_tokens":3,"completion_tokens":1}}') == Usage(
        input=3, output=1
    )
    assert OPENAI_CHAT.usage_of(b'{"choices":[]}') is None
    assert OPENAI_CHAT.usage_of(b"<html>") is None


def test_pings_are_comments() -> None:
    assert OPENAI_CHAT.ping(begun=False) == OPENAI_CHAT.ping(begun=True) == b": ping\n\n"


def test_E13_a_calls_proof_goes_to_its_maker_only() -> None:
    def turn(**proof: object) -> dict[str, object]:
        function = {"name": "f", "arguments": "{}"}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "function", "function": function, **proof}],
        }

    google = {"google": {"thought_signature": "theirs"}}
    mended, losses = OPENAI_CHAT.drop_foreign_proofs(
        body(
            turn(thoughtSignature=seal("sig", "me")),
            turn(thoughtSignature=seal("sig", "you")),
            turn(thoughtSignature="bare-own"),
            turn(extra_content=google),
            turn(),
        ),
        owned_by("me"),
    )
    calls = [message["tool_calls"][0] for message in json.loads(mended)["messages"]]
    assert [call.get("thoughtSignature") for call in calls] == ["sig", None, "bare-own", None, None]
    assert all("extra_content" not in call for call in calls)
    assert [loss.field for loss in losses] == ["messages.reasoning_details"]
