"""``tokenizer`` of a provider, in Trunkline's own file and in claude-code-router's (ccr.md 1.8)."""

import pytest
from msgspec import json

from trunkline.config.ccr.document import decode_ccr
from trunkline.config.document import decode_document
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, Tokenizer
from trunkline.config.section import Reading
from trunkline.config.show import masked
from trunkline.config.yaml_file import decode_yaml
from trunkline.config.yaml_text import encode_yaml

ENVIRON = {"TOKEN_KEY": "canary-1", "HEADER": "canary-2"}
Plain = tuple[object, ...]


def own(text: str, environ: dict[str, str]) -> Configuration:
    return decode_document(Reading("t.yaml", environ), decode_yaml(text, "t.yaml"))


def ccr(tokenizer: object) -> str:
    provider = {"name": "up", "api_base_url": "https://up.example.com/v1", "api_key": "$TOKEN_KEY", "models": ["m"]}  # fmt: skip
    return json.encode({"Providers": [{**provider, "tokenizer": tokenizer}], "Router": {"default": "up,m"}}).decode()  # fmt: skip


def plain(configuration: Configuration) -> dict[str, Plain]:
    ((_, settings),) = configuration.providers
    return {model: _plain(one) for model, one in settings.tokenizers}


def _plain(one: Tokenizer) -> Plain:
    if one.kind == "tiktoken":
        return (one.encoding,)
    headers = {name: value.reveal() for name, value in one.headers}
    return (one.url, None if one.key is None else one.key.reveal(), one.form, one.field, headers)


URL = "https://count.example.com/v1"
FILES: list[tuple[object, dict[str, Plain]]] = [
    ({"default": {"type": "tiktoken"}}, {"": ("cl100k_base",)}),
    ({"models": {"m": {"type": "tiktoken", "encoding": "o200k_base"}}}, {"m": ("o200k_base",)}),
    (
        {
            "default": {"type": "tiktoken"},
            "models": {
                "a/b:c": {
                    "type": "api", "url": URL, "apiKey": "$TOKEN_KEY", "requestFormat": "custom",
                    "responseField": "usage.total", "headers": {"X-A": "${HEADER}", "x-b": "canary-3"},
                }
            },
        },
        {
            "": ("cl100k_base",),
            "a/b:c": (URL, "canary-1", "custom", "usage.total", {"X-A": "canary-2", "x-b": "canary-3"}),
        },
    ),
    ({"default": {"type": "api", "url": URL}}, {"": (URL, None, "standard", "token_count", {})}),
    ({"default": {"type": "api", "url": URL, "apiKey": "$GONE"}}, {"": (URL, None, "standard", "token_count", {})}),
]  # fmt: skip


@pytest.mark.parametrize(("written", "wanted"), FILES)
def test_a_file_of_ccr_and_the_yaml_it_becomes(written: object, wanted: dict[str, Plain]) -> None:
    imported = decode_ccr(ccr(written), "config.json", ENVIRON)
    assert plain(imported.configuration) == wanted
    yaml = encode_yaml(imported.configuration, imported.references, imported.spelled)
    shown = (yaml, masked(imported.configuration), imported.configuration, imported.notes)
    assert "canary" not in repr(shown)
    again = own(yaml, ENVIRON | dict.fromkeys(imported.unset, "canary-3"))
    assert plain(again) == wanted


NOTED = [
    ({"default": {"type": "huggingface", "model": "Qwen/Qwen3"}}, "tokenizer.default.type: is not there: its vocabulary would have to be fetched"),
    ({"default": {"type": "tiktokn"}}, 'tokenizer.default.type: must be tiktoken or api. Did you mean "tiktoken"?'),
    ({"default": {"encoding": "x"}}, "tokenizer.default.type: must be tiktoken or api"),
    ({"models": {"m": {"type": "tiktoken", "encoding": "p50k_base"}}}, "tokenizer.models.m.encoding: this vocabulary is not there, cl100k_base counts"),
    ({"default": {"type": "api"}}, "tokenizer.default.url: is missing"),
    ({"default": {"type": "api", "url": "ftp://x"}}, "tokenizer.default.url: must begin with"),
    ({"default": {"type": "api", "url": URL, "requestFormat": "x"}}, "tokenizer.default.requestFormat: must be one of standard"),
    ({"default": {"type": "api", "url": URL, "apiKey": "$GONE"}}, "tokenizer.default.apiKey: the environment variable GONE is not set"),
    ({"defaults": {"type": "tiktoken"}}, 'tokenizer.defaults: unknown key. Did you mean "default"?'),
    ("cl100k_base", "tokenizer: has no effect"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "warning"), NOTED)
def test_what_cannot_be_used_is_told_once_and_stops_nothing(written: object, warning: str) -> None:
    imported = decode_ccr(ccr(written), "config.json", ENVIRON)
    (found,) = imported.configuration.warnings
    assert f"Providers[0].{warning}" in found


def test_in_our_own_file_a_mistake_is_one() -> None:
    text = "providers: {ollama: {models: [m], tokenizer: {default: {type: huggingface, model: x}}}}"
    with pytest.raises(ConfigurationError) as caught:
        own(text, {})
    (problem,) = caught.value.problems
    assert problem.key == "providers.ollama.tokenizer.default.type"
