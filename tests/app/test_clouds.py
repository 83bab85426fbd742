"""Bedrock and Vertex through the whole gateway: what goes out, signed or not, and what comes back, whole or streamed."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import anthropic
import httpx2
import openai
import pytest
from google import genai

from app.clouds import (
    EVENTS,
    KEY,
    SECRET,
    TOKEN,
    Answered,
    Asked,
    Cloud,
    bedrock_fault,
    recorded,
    vertex_fault,
)
from app.whole import whole
from trunkline.core.aws_eventstream import EventStreamReader
from trunkline.relay.ports import ExchangeRecord
from upstream.raw_server import serving
from upstream.test_google import key_file, token_server

pytestmark = pytest.mark.server
T = TypeVar("T")
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-pro-v1:0"
CLAUDE_STREAM = recorded(
    "bedrock/bedrock-invoke-anthropic--chatlas/test_provider_bedrock__test_reasoning.stream.bin"
)
CLAUDE_WHOLE = recorded("bedrock/bedrock-invoke-anthropic--chatlas/test_provider_bedrock__test_data_extraction-01.response.json")  # fmt: skip
TOOL_STREAM = recorded("bedrock/bedrock-converse--otel-contrib/botocore__test_converse_stream_with_content_tool_call-01.stream.bin")  # fmt: skip
TOOL_WHOLE = recorded("bedrock/bedrock-converse--otel-contrib/botocore__test_converse_tool_call_no_content-01.response.json")  # fmt: skip
HI = [{"role": "user", "content": "hi"}]
BEDROCK = """
providers:
  aws:
    {{kind: bedrock, region: us-east-1, url: "{url}", {auth},
     models: ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.amazon.nova-pro-v1:0"]}}
"""
VERTEX = """
providers:
  gcp: {{kind: vertex, project: my-project, region: us-east5, url: "{url}", {auth}, models: [claude-3-7-sonnet@20250219, gemini-2.5-pro, llama-4-maverick]}}
"""


def run(
    cloud: Cloud, config: str, folder: Path, ask: Callable[[str], T], auth: str
) -> tuple[T, list[ExchangeRecord]]:
    async def main() -> tuple[T, list[ExchangeRecord]]:
        async with serving(cloud.play) as server:
            text = config.format(url=f"http://127.0.0.1:{server.port}", auth=auth)
            async with whole(text, folder) as running:
                return await asyncio.to_thread(ask, running.url), running.records

    return asyncio.run(main())


def bedrock(answer: Answered) -> Cloud:
    return Cloud(bedrock_fault, lambda asked: answer)


def vertex(answer: Answered) -> Cloud:
    return Cloud(vertex_fault, lambda asked: answer)


def messages(url: str, model: str, **more: object) -> anthropic.types.Message:
    with anthropic.Anthropic(api_key="x", base_url=url, max_retries=0) as client:
        return client.messages.create(model=model, max_tokens=4000, messages=HI, **more)  # type: ignore[call-overload,no-any-return]


def streamed(url: str, model: str, **more: object) -> anthropic.types.Message:
    with (
        anthropic.Anthropic(api_key="x", base_url=url, max_retries=0) as client,
        client.messages.stream(model=model, max_tokens=4000, messages=HI, **more) as stream,  # type: ignore[arg-type]
    ):
        return stream.get_final_message()


def raw_stream(url: str, model: str) -> list[tuple[str, str]]:
    """The frames as they came: names and data."""
    body = {"model": model, "max_tokens": 4000, "stream": True, "messages": HI}
    text = httpx2.post(f"{url}/v1/messages", json=body, timeout=30).text
    frames = [frame.split("\n") for frame in text.split("\n\n") if frame and not frame.startswith(":")]
    return [(name.removeprefix("event: "), data.removeprefix("data: ")) for name, data in frames]


def test_claude_by_key_streams_the_very_events_that_bedrock_wrapped(tmp_path: Path) -> None:
    cloud = bedrock(Answered(CLAUDE_STREAM, EVENTS))
    frames, records = run(cloud, BEDROCK, tmp_path, lambda url: raw_stream(url, CLAUDE), f"key: {KEY}")
    wrapped = [
        base64.b64decode(json.loads(message.payload)["bytes"]).decode()
        for message in EventStreamReader().feed(CLAUDE_STREAM)
    ]
    assert [data for _, data in frames] == wrapped
    assert [name for name, _ in frames] == [json.loads(data)["type"] for data in wrapped]
    (asked,) = cloud.asked
    assert asked.path == "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body == {"max_tokens": 4000, "messages": HI, "anthropic_version": "bedrock-2023-05-31"}
    (record,) = records
    assert record.usage is not None
    assert record.usage.output
    assert [attempt.protocol for attempt in record.attempts] == ["anthropic_messages"]


def test_claude_signed_whole_with_betas_in_the_body(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    cloud = bedrock(Answered(CLAUDE_WHOLE))
    betas = {"anthropic-beta": "interleaved-thinking-2025-05-14,claude-code-20250219,fast-mode-2026-02-01"}

    def ask(url: str) -> anthropic.types.Message:
        return messages(
            url, CLAUDE, extra_headers=betas, extra_body={"metadata": {"user_id": "u"}, "speed": "fast"}
        )

    message, _ = run(cloud, BEDROCK, tmp_path, ask, "surface: messages")
    assert json.loads(CLAUDE_WHOLE)["content"] == [block.to_dict() for block in message.content]
    (asked,) = cloud.asked
    assert asked.path.endswith("/invoke")
    assert asked.body["anthropic_beta"] == ["interleaved-thinking-2025-05-14"]
    assert asked.headers["x-amz-security-token"] == "session"


def test_another_model_is_asked_over_converse_and_its_calls_come_back(tmp_path: Path) -> None:
    cloud = bedrock(Answered(TOOL_STREAM, EVENTS))
    tools = [
        {"type": "function", "function": {"name": "get_current_weather", "parameters": {"type": "object"}}}
    ]

    def ask(url: str) -> list[object]:
        with openai.OpenAI(api_key="x", base_url=f"{url}/v1", max_retries=0) as client:
            chunks = client.chat.completions.create(
                model=NOVA, messages=HI, tools=tools, stream=True, max_tokens=50
            )  # type: ignore[call-overload]
            return [
                one for chunk in chunks for choice in chunk.choices for one in choice.delta.tool_calls or ()
            ]

    calls, records = run(cloud, BEDROCK, tmp_path, ask, f"key: {KEY}")
    names = [call.function.name for call in calls if call.function.name]  # type: ignore[attr-defined]
    assert names
    assert set(names) == {"get_current_weather"}
    (asked,) = cloud.asked
    assert asked.path == "/model/us.amazon.nova-pro-v1%3A0/converse-stream"
    assert asked.body["messages"] == [{"role": "user", "content": [{"text": "hi"}]}]
    assert asked.body["inferenceConfig"] == {"maxTokens": 50}
    assert records[0].usage is not None
    assert records[0].stop is not None
    assert (records[0].stop.reason, records[0].usage.output is not None) == ("tool_use", True)


def test_claude_code_on_another_model_whole(tmp_path: Path) -> None:
    cloud = bedrock(Answered(TOOL_WHOLE))
    message, _ = run(cloud, BEDROCK, tmp_path, lambda url: messages(url, NOVA), f"key: {KEY}")
    assert message.stop_reason == "tool_use"
    assert [block.type for block in message.content if block.type == "tool_use"]
    assert cloud.asked[0].path.endswith("/converse")


def broken(stream: bytes) -> bytes:
    """A bit of the last message is wrong."""
    return stream[:-30] + bytes([stream[-30] ^ 1]) + stream[-29:]


@pytest.mark.parametrize(("model", "stream"), [(CLAUDE, CLAUDE_STREAM), (NOVA, TOOL_STREAM)])
def test_a_wrong_checksum_ends_the_stream_with_an_error(model: str, stream: bytes, tmp_path: Path) -> None:
    cloud = bedrock(Answered(broken(stream), EVENTS))
    frames, records = run(cloud, BEDROCK, tmp_path, lambda url: raw_stream(url, model), f"key: {KEY}")
    assert frames[-1][0] == "error"
    assert "checksum" in frames[-1][1]
    assert "message_stop" not in [name for name, _ in frames]
    assert records[0].outcome != "ok"


@pytest.mark.parametrize(
    ("status", "name", "expected"),
    [
        (429, "ThrottlingException", anthropic.RateLimitError),
        (403, "AccessDeniedException", anthropic.PermissionDeniedError),
        (403, "UnrecognizedClientException", anthropic.AuthenticationError),
        (400, "ValidationException", anthropic.BadRequestError),
        (404, "ResourceNotFoundException", anthropic.NotFoundError),
    ],
)
@pytest.mark.parametrize("model", [CLAUDE, NOVA])
def test_awss_errors_mean_what_they_say(
    status: int, name: str, expected: type[Exception], model: str, tmp_path: Path
) -> None:
    head = b"x-amzn-errortype: %s:http://internal.amazon.com/\r\n" % name.encode()
    cloud = bedrock(Answered(b'{"message":"the words of AWS"}', status=status, headers=head))

    def ask(url: str) -> None:
        with pytest.raises(expected, match="the words of AWS"):
            messages(url, model)

    run(cloud, BEDROCK, tmp_path, ask, f"key: {KEY}")


def test_without_any_credential_the_answer_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    def ask(url: str) -> None:
        with pytest.raises(anthropic.AuthenticationError, match="API key of Bedrock"):
            messages(url, CLAUDE)

    cloud = bedrock(Answered(b"{}"))
    run(cloud, BEDROCK, tmp_path, ask, "surface: messages")
    assert cloud.asked == []


def test_the_regions_profiles_are_the_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    listed = {
        "inferenceProfileSummaries": [{"inferenceProfileId": CLAUDE, "inferenceProfileName": "Sonnet"}]
    }

    def answer(asked: Asked) -> Answered:
        return Answered(json.dumps(listed).encode()) if asked.method == "GET" else Answered(CLAUDE_WHOLE)

    def ask(url: str) -> tuple[str, list[str]]:
        body = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": HI}
        message = httpx2.post(f"{url}/v1/messages", json=body, timeout=30).json()
        models = httpx2.get(f"{url}/v1/models", timeout=30).json()["data"]
        return message["type"], [model["id"] for model in models]

    config = '\nproviders:\n  aws: {{kind: bedrock, region: us-east-1, url: "{url}"{auth}}}\n'
    cloud = Cloud(bedrock_fault, answer)
    (kind, models), _ = run(cloud, config, tmp_path, ask, "")
    assert (kind, models) == ("message", [f"aws/{CLAUDE}"]), "asked for as well by its family's name"
    assert [asked.method for asked in cloud.asked] == ["GET", "POST"]


def test_claude_on_vertex_is_passed_through(tmp_path: Path) -> None:
    body = b'{"id":"msg_vrtx_1","type":"message","role":"assistant","model":"claude-3-7-sonnet-20250219","content":[{"type":"text","text":"Ola"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":3}}'
    cloud = vertex(Answered(body))
    message, _ = run(
        cloud, VERTEX, tmp_path, lambda url: messages(url, "claude-3-7-sonnet@20250219"), f"token: {TOKEN}"
    )
    assert message.to_dict() == json.loads(body)
    (asked,) = cloud.asked
    assert asked.path == "/v1/projects/my-project/locations/us-east5/publishers/anthropic/models/claude-3-7-sonnet@20250219:rawPredict"  # fmt: skip
    assert "x-api-key" not in asked.headers
    assert asked.body == {"max_tokens": 4000, "messages": HI, "anthropic_version": "vertex-2023-10-16"}


def test_claude_on_vertex_streams(tmp_path: Path) -> None:
    stream = recorded("wire/anthropic-messages--fantasy/TestGoogleVertexObjectGeneration__vertex-claude-3-7-sonnet__simple_object_streaming.stream.txt")  # fmt: skip
    cloud = vertex(Answered(stream, b"text/event-stream"))
    message, _ = run(
        cloud, VERTEX, tmp_path, lambda url: streamed(url, "claude-3-7-sonnet@20250219"), f"token: {TOKEN}"
    )
    assert message.content[0].type == "tool_use"
    assert message.content[0].input
    assert cloud.asked[0].path.endswith(":streamRawPredict")
    assert cloud.asked[0].body["stream"] is True


def ask_gemini(url: str) -> tuple[str | None, str | None]:
    options = genai.types.HttpOptions(base_url=url)
    with genai.Client(api_key="x", http_options=options) as client:
        whole_answer = client.models.generate_content(model="gemini-2.5-pro", contents="hi")
        pieces = client.models.generate_content_stream(model="gemini-2.5-pro", contents="hi")
        return whole_answer.text, "".join(piece.text or "" for piece in pieces)


def test_gemini_on_vertex_with_a_service_account(tmp_path: Path) -> None:
    said = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hey"}]}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}}  # fmt: skip
    data = json.dumps(said).encode()

    def answer(asked: Asked) -> Answered:
        if "alt=sse" in asked.path:
            return Answered(b"data: " + data + b"\r\n\r\n", b"text/event-stream")
        return Answered(data)

    def judge(asked: Asked, url: str, body: bytes) -> str | None:
        token = asked.headers["authorization"].removeprefix("Bearer ")
        asked.headers["authorization"] = f"Bearer {TOKEN}" if token == "ya29.1" else token
        return vertex_fault(asked, url, body)

    cloud = Cloud(judge, answer)
    with token_server() as (uri, issued):
        auth = f'credentials_file: "{key_file(tmp_path, uri)}"'
        texts, _ = run(cloud, VERTEX, tmp_path, ask_gemini, auth)
    assert texts == ("Hey", "Hey")
    assert len(issued) == 1, "the token is kept"
    base = "/v1beta1/projects/my-project/locations/us-east5/publishers/google/models/gemini-2.5-pro"
    assert [asked.path for asked in cloud.asked] == [
        f"{base}:generateContent",
        f"{base}:streamGenerateContent?alt=sse",
    ]


def test_another_model_on_vertex_is_asked_over_chat(tmp_path: Path) -> None:
    body = b'{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hey"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
    cloud = vertex(Answered(body))
    message, _ = run(
        cloud, VERTEX, tmp_path, lambda url: messages(url, "llama-4-maverick"), f"token: {TOKEN}"
    )
    assert message.content[0].to_dict() == {"type": "text", "text": "Hey"}
    assert (
        cloud.asked[0].path
        == "/v1beta1/projects/my-project/locations/us-east5/endpoints/openapi/chat/completions"
    )
    assert cloud.asked[0].body["model"] == "llama-4-maverick"
