"""Responses and Gemini through the whole gateway: keys, names, counts, lists, errors and broken streams."""

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import msgspec
import openai
import pytest
from google import genai
from google.genai import errors, types

from app.test_protocols import CLIENTS, PATHS, TAPES, WHOLE, WORDS, config, protocol_of, reply
from app.whole import Asked, Reply, through

pytestmark = pytest.mark.server

KEY = "canary-client-key"
KEYED = f'server: {{keys: ["{KEY}"]}}\n'
NAMED = """
models:
  quick: [gemini/m, openai_responses/m, openai_chat/m]
"""


def gemini_sdk(url: str, key: str = "x") -> genai.Client:
    options = types.HttpOptions(base_url=url, retry_options=types.HttpRetryOptions(attempts=1))
    return genai.Client(api_key=key, http_options=options)


def openai_sdk(url: str, key: str = "x") -> openai.OpenAI:
    return openai.OpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0)


def post(
    url: str, body: object, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, msgspec.json.encode(body), headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, dict(answer.headers.items()), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers.items()), error.read()


GO = {"contents": [{"role": "user", "parts": [{"text": "go"}]}]}


# Keys


@pytest.mark.parametrize("place", ["header", "query", "bearer"])
def test_geminis_clients_bring_their_key_as_they_know_it(
    tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(url: str) -> int:
        query = f"?key={KEY}&x=1" if place == "query" else ""
        headers = {"header": {"x-goog-api-key": KEY}, "bearer": {"authorization": f"Bearer {KEY}"}}
        return post(f"{url}/v1beta/models/gemini%2Fm:generateContent{query}", GO, headers.get(place))[0]

    status, upstream, records = through(reply, lambda url: KEYED + config(url), tmp_path, ask)
    assert status == 200
    assert KEY.encode() not in b"".join(asked.head for asked in upstream.asked)
    assert upstream.asked[0].path == PATHS["gemini"][0], "the client's query stays here"
    assert KEY not in repr(records)
    captured = capsys.readouterr()
    assert KEY not in captured.out + captured.err


def test_a_wrong_key_is_told_in_the_clients_protocol(tmp_path: Path) -> None:
    def ask(url: str) -> None:
        with gemini_sdk(url, "wrong") as sdk, pytest.raises(errors.ClientError) as refused:
            sdk.models.generate_content(model="gemini/m", contents="go")
        assert (refused.value.code, refused.value.status) == (401, "UNAUTHENTICATED")
        with openai_sdk(url, "wrong") as sdk, pytest.raises(openai.AuthenticationError):
            sdk.responses.create(model="openai_chat/m", input="go", store=False)
        status, _, body = post(f"{url}/v1beta/models/gemini/m:generateContent?key=wrong", GO)
        assert (status, msgspec.json.decode(body)["error"]["status"]) == (401, "UNAUTHENTICATED")
        assert b"wrong" not in body

    _, upstream, _ = through(reply, lambda url: KEYED + config(url), tmp_path, ask)
    assert upstream.asked == []


def test_a_key_in_the_query_opens_no_other_protocol(tmp_path: Path) -> None:
    def ask(url: str) -> int:
        return post(f"{url}/v1/responses?key={KEY}", {"model": "openai_chat/m", "input": "go"})[0]

    assert through(reply, lambda url: KEYED + config(url), tmp_path, ask)[0] == 401


# Names


@pytest.mark.parametrize(
    "model",
    ["gemini/m", "gemini,m", "models/gemini/m", "quick", "GEMINI/m"],
)
def test_names_in_geminis_paths(tmp_path: Path, model: str) -> None:
    def ask(url: str) -> types.GenerateContentResponse:
        with gemini_sdk(url) as sdk:
            return sdk.models.generate_content(model=model, contents="go")

    answer, upstream, records = through(reply, lambda url: config(url) + NAMED, tmp_path, ask)
    assert answer.candidates is not None
    assert upstream.asked[0].path == PATHS["gemini"][0]
    assert records[0].asked_model == model.removeprefix("models/")


def test_an_unknown_model_is_a_404_that_names_the_nearest(tmp_path: Path) -> None:
    def ask(url: str) -> None:
        with gemini_sdk(url) as sdk, pytest.raises(errors.ClientError) as missing:
            sdk.models.generate_content(model="quik", contents="go")
        assert (missing.value.code, missing.value.status) == (404, "NOT_FOUND")
        assert "quick" in str(missing.value)
        with openai_sdk(url) as sdk, pytest.raises(openai.NotFoundError) as unknown:
            sdk.responses.create(model="quik", input="go", store=False)
        assert "quick" in str(unknown.value)

    _, upstream, _ = through(reply, lambda url: config(url) + NAMED, tmp_path, ask)
    assert upstream.asked == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("client", ["openai_responses", "gemini"])
def test_a_chain_falls_back_across_protocols(tmp_path: Path, client: str, stream: bool) -> None:
    def busy(asked: Asked) -> Reply:
        return reply(asked) if protocol_of(asked.path) == "openai_chat" else 503

    def named(url: str) -> str:
        return config(url) + NAMED + "retry: {per_target: 0}\n"

    got, upstream, records = through(
        busy, named, tmp_path, lambda url: CLIENTS[client](url, "quick", stream=stream)
    )
    assert (got.text, got.name, got.input, got.output) == (WORDS, "run", 11, 7)
    assert [protocol_of(asked.path) for asked in upstream.asked] == [
        "gemini", "openai_responses", "openai_chat"
    ]  # fmt: skip
    assert records[0].provider == "openai_chat"


# Counts and lists


def test_tokens_are_counted_by_the_provider_that_can(tmp_path: Path) -> None:
    def count(asked: Asked) -> Reply:
        return b'{"totalTokens": 4711, "cachedContentTokenCount": 3}'

    def ask(url: str) -> types.CountTokensResponse:
        with gemini_sdk(url) as sdk:
            return sdk.models.count_tokens(model="gemini/m", contents="go")

    answer, upstream, records = through(count, config, tmp_path, ask)
    assert (answer.total_tokens, answer.cached_content_token_count) == (4711, 3)
    assert upstream.asked[0].path == "/v1beta/models/m:countTokens"
    assert upstream.asked[0].body == GO
    assert b"x-goog-api-key: k" in upstream.asked[0].head
    assert records[0].usage is not None
    assert (records[0].operation, records[0].usage.input) == ("count_tokens", 4711)


@pytest.mark.parametrize(
    ("model", "asks"), [("openai_chat/m", 0), ("anthropic_messages/m", 0), ("gemini/m", 1)]
)
def test_tokens_are_estimated_where_nobody_counts(tmp_path: Path, model: str, asks: int) -> None:
    def ask(url: str) -> int | None:
        with gemini_sdk(url) as sdk:
            return sdk.models.count_tokens(model=model, contents="go " * 300).total_tokens

    tokens, upstream, records = through(lambda asked: 404, config, tmp_path, ask)
    assert tokens is not None
    assert 250 < tokens < 450
    assert len(upstream.asked) == asks
    assert records[0].usage is not None
    assert records[0].usage.estimated


def test_geminis_list_of_models(tmp_path: Path) -> None:
    def ask(url: str) -> tuple[list[str | None], str | None]:
        with gemini_sdk(url) as sdk:
            listed = [model.name for model in sdk.models.list()]
            return listed, sdk.models.get(model="quick").name

    (listed, one), _, _ = through(reply, lambda url: config(url) + NAMED, tmp_path, ask)
    assert one == "models/quick"
    assert set(listed) == {
        "models/quick", "models/openai_chat/m", "models/anthropic_messages/m", "models/openai_responses/m",
        "models/gemini/m",
    }  # fmt: skip


# Framing, errors, broken streams


@pytest.mark.parametrize("provider", list(PATHS))
def test_E99_without_alt_sse_a_stream_is_one_json_array(tmp_path: Path, provider: str) -> None:
    def ask(url: str) -> tuple[int, dict[str, str], bytes]:
        return post(f"{url}/v1beta/models/{provider}/m:streamGenerateContent", GO)

    (status, headers, body), upstream, _ = through(reply, config, tmp_path, ask)
    assert (status, headers["content-type"]) == (200, "application/json; charset=utf-8")
    chunks = msgspec.json.decode(body)
    texts = [
        part.get("text", "") for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]
    ]
    assert "".join(texts) == WORDS
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    assert upstream.asked[0].path == PATHS[provider][1]


STATUSES = [
    (400, errors.ClientError, openai.BadRequestError),
    (403, errors.ClientError, openai.PermissionDeniedError),
    (404, errors.ClientError, openai.NotFoundError),
    (429, errors.ClientError, openai.RateLimitError),
    (500, errors.ServerError, openai.InternalServerError),
    (503, errors.ServerError, openai.InternalServerError),
]


@pytest.mark.parametrize("provider", list(PATHS))
@pytest.mark.parametrize(("status", "of_gemini", "of_openai"), STATUSES)
def test_errors_of_providers_reach_both_sdks(
    tmp_path: Path,
    provider: str,
    status: int,
    of_gemini: type[errors.APIError],
    of_openai: type[openai.APIStatusError],
) -> None:
    def ask(url: str) -> None:
        for stream in (False, True):
            with pytest.raises(of_gemini) as seen:
                CLIENTS["gemini"](url, f"{provider}/m", stream=stream)
            assert "refused" in str(seen.value)
            with pytest.raises(of_openai) as told:
                CLIENTS["openai_responses"](url, f"{provider}/m", stream=stream)
            assert "refused" in str(told.value)

    def once(url: str) -> str:
        return config(url) + "retry: {per_target: 0}\n"

    _, _, records = through(lambda asked: status, once, tmp_path, ask)
    assert {record.outcome for record in records} == {"error"}


@pytest.mark.parametrize("provider", list(PATHS))
def test_E3_a_stream_that_breaks_is_an_error_and_no_answer(tmp_path: Path, provider: str) -> None:
    def cut(asked: Asked) -> Reply:
        return TAPES[provider][: {"gemini": 1, "openai_chat": -3}.get(provider, -2)]

    def ask(url: str) -> None:
        with pytest.raises(errors.APIError) as seen:
            CLIENTS["gemini"](url, f"{provider}/m", stream=True)
        assert "before the answer was complete" in str(seen.value)
        with openai_sdk(url) as sdk:
            events = list(sdk.responses.create(model=f"{provider}/m", input="go", store=False, stream=True))
        assert [
            event.type for event in events if event.type in ("response.completed", "response.failed")
        ] == ["response.failed"]
        failed = events[-1]
        assert failed.type == "response.failed"
        assert failed.response.error is not None
        assert "before the answer was complete" in failed.response.error.message

    _, _, records = through(cut, config, tmp_path, ask)
    assert [record.outcome for record in records] == ["truncated", "truncated"]


def test_a_body_that_is_no_request_is_told_where(tmp_path: Path) -> None:
    def ask(url: str) -> tuple[object, object]:
        gemini = post(f"{url}/v1beta/models/openai_chat/m:generateContent", {"contents": 5})
        responses = post(f"{url}/v1/responses", {"model": "openai_chat/m", "input": 5})
        assert (gemini[0], responses[0]) == (400, 400)
        return msgspec.json.decode(gemini[2])["error"], msgspec.json.decode(responses[2])["error"]

    (of_gemini, of_responses), upstream, _ = through(reply, config, tmp_path, ask)
    assert of_gemini["status"] == "INVALID_ARGUMENT"
    assert "contents" in of_gemini["message"]
    assert of_responses["type"] == "invalid_request_error"
    assert "input" in of_responses["message"]
    assert upstream.asked == []


def test_the_answer_says_who_gave_it(tmp_path: Path) -> None:
    def ask(url: str) -> dict[str, str]:
        body = {**GO, "generationConfig": {"topK": 3}}
        return post(f"{url}/v1beta/models/openai_chat/m:generateContent", body)[1]

    headers, _, _ = through(reply, config, tmp_path, ask)
    assert (headers["x-trunkline-provider"], headers["x-trunkline-model"]) == ("openai_chat", "m")
    assert "top" in headers["x-trunkline-losses"].lower()


@pytest.mark.parametrize("whole", [True, False])
def test_a_provider_that_answers_in_the_other_form_is_understood(tmp_path: Path, whole: bool) -> None:
    """Asked for a stream it answers whole, or the other way round."""

    def contrary(asked: Asked) -> Reply:
        protocol = protocol_of(asked.path)
        return msgspec.json.encode(WHOLE[protocol]) if whole else TAPES[protocol]

    def ask(url: str) -> list[object]:
        asking: list[tuple[Callable[..., object], str]] = [
            (CLIENTS[client], provider) for client in ("gemini", "openai_responses") for provider in PATHS
        ]
        return [call(url, f"{provider}/m", stream=whole) for call, provider in asking]

    got, _, _ = through(contrary, config, tmp_path, ask)
    assert len(set(map(repr, got))) == 1
