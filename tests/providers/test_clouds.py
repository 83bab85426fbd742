"""Vertex and Bedrock as providers: addresses, bodies, and what is wrong with settings."""

import json
import struct
import zlib

import pytest

from trunkline.catalog.providers import provider_entry
from trunkline.config.clouds import BEDROCK, VERTEX
from trunkline.config.schema import ProviderSettings
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead
from trunkline.core.sse import SSEFramer
from trunkline.providers.bedrock.frames import ClaudeUnframer
from trunkline.providers.problems import SettingsError
from trunkline.providers.provider import Provider
from trunkline.providers.registry import make_provider

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"


def bedrock(**more: object) -> Provider:
    return make_provider("aws", ProviderSettings(kind="bedrock", region="eu-west-1", **more))  # type: ignore[arg-type]


def vertex(region: str | None = None, **more: object) -> Provider:
    return make_provider("gcp", ProviderSettings(kind="vertex", project="p", region=region, **more))  # type: ignore[arg-type]


def test_the_kinds_have_the_names_of_the_catalog() -> None:
    for names in (VERTEX, BEDROCK):
        for name in names:
            entry = provider_entry(name)
            assert entry is not None
            assert {entry.kind, *entry.aliases} == names


@pytest.mark.parametrize(
    ("model", "surfaces"),
    [
        (CLAUDE, ["messages", "converse"]),
        ("anthropic.claude-3-haiku-20240307-v1:0", ["messages", "converse"]),
        ("us.amazon.nova-pro-v1:0", ["converse"]),
        (ARN, ["converse"]),
    ],
)
def test_claude_has_its_own_protocol_and_every_model_converse(model: str, surfaces: list[str]) -> None:
    found = bedrock().surfaces(model)
    assert [surface.name for surface in found] == surfaces
    base = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/"
    assert all(surface.url.startswith(base) and surface.signed for surface in found)
    assert all(":" not in surface.url.removeprefix("https:") for surface in found)
    assert all("/" not in surface.url.removeprefix(base).rpartition("/")[0] for surface in found)
    (only,) = bedrock(surface="converse").surfaces(model)
    assert only.name == "converse"


@pytest.mark.parametrize(
    ("region", "host"),
    [
        (None, "aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("us-east5", "us-east5-aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_where_vertex_is(region: str | None, host: str) -> None:
    (claude,) = vertex(region).surfaces("claude-opus-4-5@20251101")
    place = f"projects/p/locations/{region or 'global'}"
    assert (
        claude.url
        == f"https://{host}/v1/{place}/publishers/anthropic/models/claude-opus-4-5@20251101:rawPredict"
    )
    (gemini,) = vertex(region).surfaces("google/gemini-3-pro-preview")
    assert gemini.stream_url == (
        f"https://{host}/v1beta1/{place}/publishers/google/models/gemini-3-pro-preview:streamGenerateContent?alt=sse"
    )
    assert gemini.count_url is not None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ProviderSettings(kind="bedrock"), r"providers\.p\.region: missing.*AWS_REGION"),
        (ProviderSettings(kind="bedrock", region="us-east-1", surface="chat"), r"no surface 'chat'; there are messages, converse"),
        (ProviderSettings(kind="bedrock", region="us-east-1", url="http://example.com"), r"plain http://"),
        (ProviderSettings(kind="vertex"), r"providers\.p\.project: missing"),
        (ProviderSettings(kind="vertex", project="p", surface="x"), r"there are gemini, messages, chat"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work(settings: ProviderSettings, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make_provider("p", settings)


def test_E111_betas_move_into_the_body_and_fields_without_theirs_stay_behind() -> None:
    provider = bedrock()
    surface = provider.surfaces(CLAUDE)[0]
    body = {
        "model": "x", "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "a"}],
        "context_management": {"edits": []}, "container": "c", "tools": [{"name": "f", "input_schema": {}, "input_examples": [{}]}],
    }  # fmt: skip
    client = (("anthropic-beta", "context-management-2025-06-27, tool-examples-2025-10-29"), ("anthropic-beta", "claude-code-20250219"))  # fmt: skip
    out, losses = provider.edit(surface, json.dumps(body).encode(), client)
    wire = json.loads(out)
    assert wire["anthropic_beta"] == ["context-management-2025-06-27"]
    assert wire["anthropic_version"] == "bedrock-2023-05-31"
    assert "context_management" in wire
    assert "input_examples" not in wire["tools"][0]
    assert not {"model", "stream", "container"} & set(wire)
    assert sorted(loss.field for loss in losses) == ["container", "tools.input_examples"]


def test_awss_own_name_for_an_error_counts_over_its_status() -> None:
    provider = bedrock()
    surface = provider.surfaces(CLAUDE)[0]
    error = GatewayError(
        Kind.PERMISSION, "The security token included in the request is expired", status=403, local=False
    )
    head = HttpHead(403, (("x-amzn-errortype", "ExpiredTokenException:http://x"),))
    read = provider.read_error(surface, error, head)
    assert (read.kind, read.status, read.code) == (Kind.AUTHENTICATION, 401, "ExpiredTokenException")
    assert provider.read_error(surface, error, HttpHead(403)) is error


def test_profiles_are_listed_and_rubbish_is_not() -> None:
    request = bedrock().discovery("key")
    assert request is not None
    assert request.url == "https://bedrock.eu-west-1.amazonaws.com/inference-profiles?maxResults=1000"
    assert ("authorization", "Bearer key") in request.headers
    listed = bedrock().decode_discovery(
        b'{"inferenceProfileSummaries":[{"inferenceProfileId":"us.a","inferenceProfileName":"A"},{}]}'
    )
    assert [(model.id, model.display_name) for model in listed] == [("us.a", "A")]
    with pytest.raises(GatewayError, match="unreadable"):
        bedrock().decode_discovery(b"<html>")


def frame(kind: str, name: str, payload: bytes) -> bytes:
    """A message as AWS builds it."""

    headers = b"".join(
        bytes([len(key)]) + key + b"\x07" + struct.pack(">H", len(value)) + value
        for key, value in ((b":message-type", kind.encode()), (f":{kind}-type".encode(), name.encode()))
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    data = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return data + struct.pack(">I", zlib.crc32(data))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("throttlingException", "rate_limit_error"), ("serviceUnavailableException", "overloaded_error"), ("modelStreamErrorException", "api_error")],
)  # fmt: skip
def test_an_exception_in_a_stream_is_an_error_of_claudes_protocol(name: str, expected: str) -> None:
    unframer = ClaudeUnframer()
    (event,) = SSEFramer().feed(unframer.feed(frame("exception", name, b'{"message":"slow down"}')))
    assert event.event == b"error"
    assert json.loads(event.data) == {"type": "error", "error": {"type": expected, "message": "slow down"}}
    assert unframer.close() == b""


@pytest.mark.parametrize("payload", [b"{}x", b'{"bytes":"!!"}', b'{"bytes":"e30x"}'])
def test_an_unreadable_event_is_an_error(payload: bytes) -> None:
    with pytest.raises(GatewayError, match="unreadable") as caught:
        ClaudeUnframer().feed(frame("event", "chunk", payload))
    assert caught.value.kind is Kind.UPSTREAM_FAILED
    assert ClaudeUnframer().feed(frame("event", "initial-response", b"{}")) == b""
