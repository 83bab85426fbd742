"""Every recorded request, translated into every other protocol: nothing of its content may be missing.

Both sides are counted from the JSON itself (``inventories``), and ours must fit the SDK's request types.
"""

import json
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec
import pytest

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.facts import Facts
from trunkline.protocols.openai_responses import request_decode
from trunkline.protocols.registry import CODECS
from wire.declared import entries
from wire.inventories import INVENTORY
from wire.recordings import Recording, generations
from wire.shapes import misfits

PAIRS = [(source, target) for source in CODECS for target in CODECS if source != target]
FACTS = Facts(provider="target", model="model", reasoning="budget_or_adaptive", max_output_tokens=8192)


@dataclass
class Outcome:
    """One request's way: what went missing, what does not fit, or why it was refused."""

    missing: list[str] = field(default_factory=list)
    misfits: list[str] = field(default_factory=list)
    refused: GatewayError | None = None
    raised: str | None = None


def known(kind: str, source: str, target: str) -> set[str]:
    """Recordings in the owned list. An entry without ``to`` holds for every other protocol."""
    ours = {recording.id for recording, _ in requests(source)}
    return {
        name for entry in entries(kind) if target in entry.get("to", CODECS) for name in entry["recordings"]
    } & ours


@lru_cache(maxsize=len(CODECS))
def requests(source: str) -> list[tuple[Recording, bytes]]:
    """Requests that their provider took, in the source protocol."""
    return [
        (recording, body)
        for recording in generations()
        if recording.codec == source and recording.status == 200 and (body := recording.request)
    ]


@lru_cache(maxsize=len(PAIRS))
def outcomes(source: str, target: str) -> dict[str, Outcome]:
    return {recording.id: carry(body, source, target) for recording, body in requests(source)}


def carry(body: bytes, source: str, target: str) -> Outcome:
    sent = json.loads(body)
    if (
        "model" not in sent and source != "gemini"
    ):  # some recordings have it in the URL; ours has it in the body
        body = json.dumps({**sent, "model": "m"}).encode()
    try:
        encoded = CODECS[target].encode_request(CODECS[source].decode_request(body), FACTS)
        CODECS[target].decode_request(encoded.body)
    except GatewayError as error:
        return Outcome(refused=error)
    except Exception as error:  # noqa: BLE001 - every escape is a finding, whatever its type
        return Outcome(raised=f"{type(error).__name__}: {error}")
    out = json.loads(encoded.body)
    before, after = INVENTORY[source](sent), INVENTORY[target](out)
    missing = before.missing(after, dict(encoded.tool_names))
    lost = [loss for loss in encoded.losses if "tool" in loss.field]
    if before.server_tools and not after.server_tools and not lost:
        missing.append(f"server tools {before.server_tools} vanished without a loss")
    return Outcome(missing=missing, misfits=misfits(target, out))


def lines(found: dict[str, object]) -> str:
    return f"{len(found)} requests\n" + "\n".join(f"  {name}\n    {what}" for name, what in found.items())


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_no_recorded_request_makes_us_raise(source: str, target: str) -> None:
    raised = {name: one.raised for name, one in outcomes(source, target).items() if one.raised}
    assert not raised, lines(raised)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_all_content_of_a_request_arrives(source: str, target: str) -> None:
    listed = known("request", source, target)
    missing = {name: one.missing for name, one in outcomes(source, target).items() if one.missing}
    unlisted = {name: what for name, what in missing.items() if name not in listed}
    assert not unlisted, lines(unlisted)
    healed = [name for name in listed if name not in missing]
    assert not healed, f"these arrive now, remove them from the list: {healed}"


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_translated_requests_fit_the_sdks_types(source: str, target: str) -> None:
    unfit = {name: one.misfits for name, one in outcomes(source, target).items() if one.misfits}
    assert not unfit, lines(unfit)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_what_cannot_be_carried_is_refused_with_a_clear_word(source: str, target: str) -> None:
    listed = known("refused", source, target)
    refused = {name: one.refused for name, one in outcomes(source, target).items() if one.refused}
    unlisted = {name: error.message for name, error in refused.items() if name not in listed}
    assert not unlisted, lines(unlisted)
    accepted = [name for name in listed if name not in refused]
    assert not accepted, f"these are carried now, remove them from the list: {accepted}"
    for error in refused.values():
        assert error.kind in {Kind.INVALID_REQUEST, Kind.UNSUPPORTED}
        assert 400 <= error.status < 502
        assert len(error.message) > 15


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_E104_the_same_request_is_encoded_to_the_same_bytes(source: str, target: str) -> None:
    for recording, body in requests(source)[::5]:
        if outcomes(source, target)[recording.id].refused or b'"model"' not in body:
            continue
        first = CODECS[target].encode_request(CODECS[source].decode_request(body), FACTS)
        second = CODECS[target].encode_request(CODECS[source].decode_request(body), FACTS)
        assert first == second, recording


@pytest.mark.parametrize("source", [name for name in CODECS if name != "gemini"])
def test_a_pass_through_changes_the_model_and_nothing_else(source: str) -> None:
    codec = CODECS[source]
    for recording, body in requests(source):
        sent = json.loads(body)
        if "model" not in sent:
            continue
        assert codec.peek(body).model == sent["model"], recording
        assert codec.peek(body).stream is bool(sent.get("stream")), recording
        renamed = codec.rename(body, "another-model")
        at = body.index(json.dumps(sent["model"]).encode(), body.index(b'"model"'))
        assert renamed.startswith(body[:at]), recording
        assert renamed[at:].startswith(b'"another-model"'), recording
        assert renamed[at + len(b'"another-model"') :] == body[at + len(json.dumps(sent["model"])) :], (
            recording
        )


def test_a_pass_through_of_gemini_changes_nothing() -> None:
    """Its model stands in the path."""
    for _, body in requests("gemini"):
        assert CODECS["gemini"].rename(body, "another-model") == body


def test_a_usual_responses_request_reads_the_same_in_one_pass_and_in_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codec = CODECS["openai_responses"]
    bodies = [body for _, body in requests("openai_responses") if b'"model"' in body]
    usual = [body for body in bodies if _reads(request_decode.KNOWN_REQUEST, body)]
    assert len(usual) > 100
    at_once = [codec.decode_request(body) for body in usual]
    monkeypatch.setattr(request_decode, "KNOWN_REQUEST", msgspec.json.Decoder(bool))
    assert [codec.decode_request(body) for body in usual] == at_once


def _reads(decoder: msgspec.json.Decoder, body: bytes) -> bool:
    try:
        decoder.decode(body)
    except msgspec.DecodeError:
        return False
    return True
