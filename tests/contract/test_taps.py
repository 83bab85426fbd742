"""Taps and body edits of a pass-through, over every recording: they see what a decoder sees, and change nothing."""

import json

import pytest
from msgspec import structs

from trunkline.core.errors import GatewayError
from trunkline.core.events import Failed, Finished
from trunkline.core.types import Opaque, Request, Thinking, ToolCall
from trunkline.core.usage import Usage
from trunkline.protocols.codec import Codec, StreamTap
from trunkline.protocols.gemini.rendering import SIGNED_TEXT
from trunkline.protocols.registry import CODECS
from wire import translate
from wire.recordings import answers, generations

SPLICED = {"anthropic-messages--vercel-ai/anthropic__spliced-message-start-stream"}
"""Two messages in one: a translator cannot tell them apart and fails, a pass-through hands them on."""

rooms = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


def tapped(codec: Codec, body: bytes) -> StreamTap:
    tap = codec.stream_tap()
    for frame in translate.frames([body]):
        tap.feed(frame)
    return tap


def counted(usage: Usage | None) -> tuple[int, int, int | None] | None:
    if usage is None or usage == Usage():
        return None
    return usage.prompt, usage.cache_read or 0, usage.output


@rooms
def test_E85_a_tap_reads_what_the_decoder_reads(codec: Codec) -> None:
    wrong = []
    for recording in answers(codec.name, streaming=True):
        tap, events = tapped(codec, recording.answer), translate.events([recording.answer], codec.name)
        last = events[-1]
        if isinstance(last, Finished):
            if not tap.finished or tap.error is not None:
                wrong.append(f"{recording}: finished {tap.finished}, error {tap.error}")
            if counted(tap.usage) != counted(last.usage):
                wrong.append(f"{recording}: usage {counted(tap.usage)} / {counted(last.usage)}")
            if last.stop.raw is not None and (tap.stop is None or tap.stop.reason != last.stop.reason):
                wrong.append(f"{recording}: stop {tap.stop} / {last.stop}")
        elif (
            isinstance(last, Failed) and tap.finished and tap.error is None and recording.id not in SPLICED
        ):
            wrong.append(f"{recording}: a failure passed for an end")
        if not tap.content_seen and len(events) > 1 and isinstance(last, Finished):
            wrong.append(f"{recording}: no content seen")
    assert not wrong, "\n".join(wrong)


@rooms
def test_E109_a_tap_keeps_an_error_event_with_its_wording(codec: Codec) -> None:
    error = GatewayError(
        codec.decode_error(_head(429), b'{"error": {"message": "slow down please"}}').kind,
        "slow down please",
    )
    tap = tapped(codec, codec.encode_stream_error(error, "req"))
    assert tap.error is not None
    assert "slow down please" in tap.error.message
    assert not tap.finished


def _head(status: int):
    from trunkline.core.http import HttpHead

    return HttpHead(status, (("content-type", "application/json"),))


@rooms
def test_usage_of_a_whole_answer_is_the_decoders(codec: Codec) -> None:
    wrong = []
    for recording in answers(codec.name, streaming=False):
        try:
            decoded = codec.decode_response(recording.answer, translate.ORIGIN).usage
        except GatewayError:
            continue
        if counted(codec.usage_of(recording.answer)) != counted(decoded):
            wrong.append(f"{recording}: {codec.usage_of(recording.answer)} / {decoded}")
    assert not wrong, "\n".join(wrong)
    assert codec.usage_of(b"") is None
    assert codec.usage_of(b"<html>") is None
    assert codec.usage_of(b"[]") is None


def bodies(codec: Codec) -> list[bytes]:
    return [
        body
        for one in generations()
        if one.codec == codec.name
        and (body := one.request)
        and (b'"model"' in body or codec.name == "gemini")
    ]


@rooms
def test_E8_bodies_whose_proofs_are_ours_pass_untouched(codec: Codec) -> None:
    for body in bodies(codec):
        kept, losses = codec.drop_foreign_proofs(body, lambda _: True)
        assert losses == ()
        assert kept == body


def proofless(request: Request) -> list[object]:
    """The conversation without thinking and without proofs on other parts: whoever made those, they are no content."""
    found: list[object] = []
    for part in (part for message in request.messages for part in message.content):
        if isinstance(part, ToolCall):
            found.append(structs.replace(part, proof=None, proof_origin=None))
        elif isinstance(part, Opaque):
            fields = json.loads(bytes(part.raw))
            found.append((part.kind, {key: fields[key] for key in fields if key != "thoughtSignature"}))
        elif not isinstance(part, Thinking):
            found.append(part)
    return [one for one in found if one != (SIGNED_TEXT, {})]


@rooms
def test_E8_foreign_proofs_go_and_everything_else_stays(codec: Codec) -> None:
    dropped = 0
    for body in bodies(codec):
        try:
            before = codec.decode_request(body)
        except GatewayError:
            continue
        kept, losses = codec.drop_foreign_proofs(body, lambda _: False)
        after = codec.decode_request(kept)
        dropped += bool(losses)
        assert not any(
            isinstance(part, Thinking) and (part.signature or part.redacted)
            for message in after.messages
            for part in message.content
        )
        assert proofless(after) == proofless(before)
        sent, left = json.loads(body), json.loads(kept)
        named = {
            "messages",
            "input",
            "contents",
            *(loss.field for loss in losses),
        }  # thinking may have to be switched off with them
        assert {key: left[key] for key in left if key not in named} == {
            key: sent[key] for key in sent if key not in named
        }
    assert dropped > 0 or codec.name != "anthropic_messages"
