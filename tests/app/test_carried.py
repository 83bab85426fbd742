"""Embeddings and legacy completions through the whole gateway, with OpenAI's own SDK as the client."""

from pathlib import Path

import msgspec
import openai
import pytest

from app.whole import Asked, Reply, through

pytestmark = pytest.mark.server

EMBEDDING = (Path(__file__).parent.parent / "fixtures/databricks/embedding-response.json").read_bytes()
COMPLETION: dict[str, object] = {
    "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "davinci-002",
    "choices": [{"text": "once upon", "index": 0, "logprobs": None, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5},
}  # fmt: skip


def config(url: str) -> str:
    return f"""
providers:
  local: {{kind: custom, speaks: {{openai_chat: "{url}/v1"}}, key: k, models: [m, text-embedding-3-small]}}
  other: {{kind: custom, speaks: {{anthropic_messages: "{url}"}}, key: k, models: [claude-sonnet-4-5]}}
  only: {{kind: custom, speaks: {{openai_embeddings: "{url}/own/embed"}}, key: k, models: [e5]}}
models:
  chain: [other/claude-sonnet-4-5, local/m]
routes: {{default: other/claude-sonnet-4-5}}
"""


def client(url: str, prefix: str = "/v1") -> openai.OpenAI:
    return openai.OpenAI(api_key="x", base_url=url + prefix, max_retries=0)


def frame(text: str, finish: str | None = None) -> bytes:
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
    data = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


def serve(asked: Asked) -> Reply:
    if asked.path.endswith("/embeddings") or "/own/embed" in asked.path:
        return EMBEDDING
    if asked.body.get("stream"):
        usage = msgspec.json.encode({"choices": [], "usage": COMPLETION["usage"]})
        return [
            frame("once"), frame(" upon"), frame("", "stop"), b"data: " + usage + b"\n\n", b"data: [DONE]\n\n"
        ]  # fmt: skip
    return msgspec.json.encode(COMPLETION)


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize("model", ["text-embedding-3-small", "local/text-embedding-3-small"])
def test_embeddings_come_through_as_they_are(tmp_path: Path, prefix: str, model: str) -> None:
    def ask(url: str) -> openai.types.CreateEmbeddingResponse:
        with client(url, prefix) as sdk:
            return sdk.embeddings.create(
                model=model, input=["a", "b"], encoding_format="float", dimensions=5
            )

    answer, upstream, records = through(serve, config, tmp_path, ask)
    assert answer.data[0].embedding[0] == 0.06768798828125
    assert answer.usage.prompt_tokens == 8
    (asked,) = upstream.asked
    assert asked.path == "/v1/embeddings"
    assert asked.body == {
        "model": "text-embedding-3-small", "input": ["a", "b"], "encoding_format": "float", "dimensions": 5
    }  # fmt: skip
    assert b"authorization: Bearer k" in asked.head
    (record,) = records
    assert (record.protocol, record.outcome, record.provider) == ("openai_embeddings", "ok", "local")
    assert record.usage is not None
    assert (record.usage.input, record.usage.output) == (8, 0)


def test_a_completion_streams(tmp_path: Path) -> None:
    def ask(url: str) -> list[str]:
        with client(url) as sdk:
            stream = sdk.completions.create(
                model="local/m", prompt="p", stream=True, stream_options={"include_usage": True}
            )
            return [chunk.choices[0].text for chunk in stream if chunk.choices]

    answer, upstream, records = through(serve, config, tmp_path, ask)
    assert "".join(answer) == "once upon"
    assert upstream.asked[0].path == "/v1/completions"
    assert records[0].stream
    assert records[0].stop is not None
    assert records[0].stop.reason == "end"
    assert records[0].usage is not None
    assert (records[0].usage.input, records[0].usage.output) == (2, 3)


def test_a_whole_answer_to_a_request_for_a_stream_is_streamed(tmp_path: Path) -> None:
    def ask(url: str) -> list[str]:
        with client(url) as sdk:
            stream = sdk.completions.create(model="local/m", prompt="p", stream=True)
            return [chunk.choices[0].text for chunk in stream]

    answer, _, _ = through(lambda asked: msgspec.json.encode(COMPLETION), config, tmp_path, ask)
    assert answer == ["once upon"]


def test_targets_without_the_operation_are_passed_over(tmp_path: Path) -> None:
    def ask(url: str) -> str:
        with client(url) as sdk:
            return sdk.completions.create(model="chain", prompt="p").choices[0].text

    answer, upstream, records = through(serve, config, tmp_path, ask)
    assert answer == "once upon"
    assert [asked.body["model"] for asked in upstream.asked] == ["m"]
    assert records[0].route == "alias chain"


@pytest.mark.parametrize("model", ["other/claude-sonnet-4-5", "claude-sonnet-4-5"])
def test_a_provider_without_it_is_a_400_that_names_those_with_it(tmp_path: Path, model: str) -> None:
    def ask(url: str) -> openai.BadRequestError:
        with client(url) as sdk, pytest.raises(openai.BadRequestError) as raised:
            sdk.embeddings.create(model=model, input="a")
        return raised.value

    error, upstream, _ = through(serve, config, tmp_path, ask)
    assert error.param == "model"
    assert "The provider other has no embeddings" in str(error)
    assert "local, only have them: ask for local/MODEL" in str(error)
    assert not upstream.asked


def test_an_endpoint_of_its_own(tmp_path: Path) -> None:
    def ask(url: str) -> tuple[int, str]:
        with client(url) as sdk:
            found = len(sdk.embeddings.create(model="e5", input="a").data)
            with pytest.raises(openai.APIStatusError) as raised:
                sdk.chat.completions.create(model="e5", messages=[{"role": "user", "content": "hi"}])
            return found, str(raised.value)

    (found, refused), upstream, _ = through(serve, config, tmp_path, ask)
    assert found == 1
    assert [asked.path for asked in upstream.asked] == ["/own/embed/embeddings"]
    assert "only/e5 has no chat" in refused


def test_an_error_under_status_200_is_one(tmp_path: Path) -> None:
    def ask(url: str) -> str:
        with client(url) as sdk, pytest.raises(openai.APIStatusError) as raised:
            sdk.embeddings.create(model="local/m", input="a")
        return str(raised.value)

    said = through(lambda asked: b'{"error":{"message":"no such input"}}', config, tmp_path, ask)[0]
    assert "no such input" in said


def test_a_busy_provider_is_asked_again_and_refusals_keep_their_words(tmp_path: Path) -> None:
    replies: list[Reply] = [503, EMBEDDING, 422]

    def ask(url: str) -> openai.APIStatusError:
        with client(url) as sdk:
            assert sdk.embeddings.create(model="local/m", input="a").data
            with pytest.raises(openai.APIStatusError) as raised:
                sdk.embeddings.create(model="local/m", input="a")
            return raised.value

    error, upstream, records = through(lambda asked: replies.pop(0), config, tmp_path, ask)
    assert (error.status_code, error.body) == (422, {"message": "refused", "type": "some_error"})
    assert len(upstream.asked) == 3
    assert [len(record.attempts) for record in records] == [2, 1]


def test_the_model_must_be_named(tmp_path: Path) -> None:
    def ask(url: str) -> str:
        with client(url) as sdk, pytest.raises(openai.BadRequestError) as raised:
            sdk.post("/embeddings", cast_to=object, body={"input": "a"})
        return str(raised.value)

    assert "Missing required parameter" in through(serve, config, tmp_path, ask)[0]
