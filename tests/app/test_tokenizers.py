"""Requests counted by the tokenizer of the model that is asked: for longContext, and for count_tokens (ccr.md 1.8, 2.4)."""

import json
import logging
from pathlib import Path

import pytest

from app.plugged import Answered, chat_answer, header, post
from app.whole import Asked, Reply, Upstream, through
from trunkline.app import token_counts
from trunkline.app.tokenizers import Tokenizers
from trunkline.config.schema import Configuration, ProviderSettings, Tokenizer
from trunkline.routing.plan import Target

LIMIT = 1000
COUNT = "/count"


def service(tokens: object) -> dict[str, object]:
    return {"type": "api", "url": "URL/count", "apiKey": "count-key", "responseField": "usage.tokens", "says": tokens}  # fmt: skip


def config(url: str, tokenizer: dict[str, object]) -> str:
    one = {key: value for key, value in tokenizer.items() if key != "says"}
    provider = {"api_base_url": f"{url}/v1/chat/completions", "api_key": "k"}
    text = {
        "Providers": [
            {"name": "up", **provider, "models": ["m"], "tokenizer": {"models": {"m": one}}},
            {"name": "far", **provider, "models": ["long"]},
        ],
        "Router": {"default": "up,m", "longContext": "far,long", "longContextThreshold": LIMIT},
    }
    return json.dumps(text).replace("URL", url)


def asked_with(
    folder: Path, tokenizer: dict[str, object], words: int, path: str = "/v1/messages"
) -> tuple[Answered, Upstream]:
    """A request of so many words, at a gateway whose default model has this tokenizer."""
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 9,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "word " * words}],
    }

    def reply(asked: Asked) -> Reply:
        if asked.path != COUNT:
            return chat_answer()
        says = tokenizer["says"]
        return says if isinstance(says, int) else json.dumps({"usage": says}).encode()

    answer, upstream, _ = through(
        reply, lambda url: config(url, tokenizer), folder, lambda url: post(url, path, body)
    )
    return answer, upstream


def models(upstream: Upstream) -> list[object]:
    return [asked.body["model"] for asked in upstream.asked if asked.path != COUNT]


SERVED = [
    (500, {"tokens": 999}, "m", "the service says it is short"),
    (500, {"tokens": 1001}, "long", "the service says it is long"),
    (1500, {"tokens": 1000}, "m", "at the limit is not above it"),
    (500, {"other": 1}, "m", "no number: cl100k says 500"),
    (1500, 500, "long", "an error: cl100k says 1500"),
]


@pytest.mark.server
@pytest.mark.parametrize(("words", "says", "model", "why"), SERVED)
def test_a_service_decides_what_is_long(
    tmp_path: Path, words: int, says: object, model: str, why: str
) -> None:
    answer, upstream = asked_with(tmp_path, service(says), words)
    assert answer.status == 200
    assert models(upstream) == [model], why
    (counted,) = [asked for asked in upstream.asked if asked.path == COUNT]
    assert header(counted, "authorization") == "Bearer count-key"
    assert counted.body == {
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "word " * words}],
    }


@pytest.mark.server
def test_a_service_is_not_asked_about_what_is_short_or_long_by_any_count(tmp_path: Path) -> None:
    for words, model in ((50, "m"), (5000, "long")):
        _, upstream = asked_with(tmp_path, service({"tokens": 5}), words)
        assert models(upstream) == [model]
        assert [asked.path for asked in upstream.asked] == ["/v1/chat/completions"]


FORMS: list[tuple[str, dict[str, object]]] = [
    ("custom", {"text": "Be brief. word "}),
    ("openai", {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": "word "}]}),
    ("anthropic", {"messages": [{"role": "user", "content": "word "}], "system": "Be brief."}),
]


@pytest.mark.server
@pytest.mark.parametrize(("form", "wanted"), FORMS)
def test_what_a_service_is_sent(tmp_path: Path, form: str, wanted: dict[str, object]) -> None:
    tokenizer = {**service({"tokens": 7}), "requestFormat": form, "headers": {"X-Team": "t"}}
    answer, upstream = asked_with(tmp_path, tokenizer, 1, "/v1/messages/count_tokens")
    assert answer.json == {"input_tokens": 7, "tokenizer": "api-127.0.0.1"}
    (asked,) = upstream.asked
    assert asked.body == wanted
    assert header(asked, "x-team") == "t"


@pytest.mark.server
def test_count_tokens_goes_by_the_vocabulary_of_the_model(tmp_path: Path) -> None:
    answer, upstream = asked_with(
        tmp_path, {"type": "tiktoken", "encoding": "o200k_base"}, 100, "/v1/messages/count_tokens"
    )
    assert answer.json == {"input_tokens": 104, "tokenizer": "tiktoken-o200k_base"}
    assert upstream.asked == []


@pytest.mark.server
def test_a_service_that_fails_leaves_an_estimate(tmp_path: Path) -> None:
    answer, _ = asked_with(tmp_path, service(500), 100, "/v1/messages/count_tokens")
    tokens = answer.json["input_tokens"]
    assert answer.status == 200
    assert isinstance(tokens, int)
    assert tokens > 100
    assert "tokenizer" not in answer.json
    assert "count-key" not in repr(answer)


def test_without_the_vocabularies_it_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(token_counts, "LIBRARY", "no_such_library")
    one = Tokenizer(kind="tiktoken", encoding="cl100k_base")
    settings = ProviderSettings(kind="custom", tokenizers=(("", one), ("m", one)))
    configuration = Configuration(source="t", providers=(("a", settings), ("b", settings)))
    with caplog.at_level(logging.WARNING):
        made = Tokenizers(configuration, None, lambda: 1.0)
    (record,) = caplog.records
    assert record.getMessage().startswith("tokenizer of a, b: requests are counted by their size")
    assert made.named(Target("a", "m")) is None


def test_a_model_has_its_own_before_its_providers() -> None:
    tokenizers = (("", Tokenizer(kind="tiktoken", encoding="cl100k_base")), ("m", Tokenizer(kind="tiktoken", encoding="o200k_base")))  # fmt: skip
    settings = ProviderSettings(kind="custom", tokenizers=tokenizers)
    made = Tokenizers(Configuration(source="t", providers=(("a", settings),)), None, lambda: 1.0)
    names = {model: made.named(Target("a", model)) for model in ("m", "other")}
    assert [None if one is None else one.name for one in names.values()] == [
        "tiktoken-o200k_base",
        "tiktoken-cl100k_base",
    ]
    assert made.named(Target("b", "m")) is None
