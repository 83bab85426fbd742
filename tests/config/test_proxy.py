"""The proxy toward providers, in Trunkline's own file and in claude-code-router's."""

import pytest
from msgspec import json

from trunkline.app.upstreams import make_upstreams
from trunkline.config.ccr.document import decode_ccr
from trunkline.config.document import decode_document
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration
from trunkline.config.section import Reading
from trunkline.config.show import masked
from trunkline.config.yaml_file import decode_yaml
from trunkline.config.yaml_text import encode_yaml

PROVIDERS = [{"name": "up", "api_base_url": "https://up.example.com/v1", "models": ["m"]}]


def own(text: str, environ: dict[str, str]) -> Configuration:
    return decode_document(Reading("t.yaml", environ), decode_yaml(text, "t.yaml"))


def url(configuration: Configuration) -> str | None:
    return None if configuration.upstream_proxy is None else configuration.upstream_proxy.reveal()


FILES = [
    ({"PROXY_URL": "http://127.0.0.1:7890"}, "http://127.0.0.1:7890"),
    ({"PROXY_URL": "http://127.0.0.1:7890/"}, "http://127.0.0.1:7890"),
    ({"PROXY_URL": "http://me:canary-1@proxy:80"}, "http://me:canary-1@proxy:80"),
    ({"PROXY_URL": "http://proxy.example.com"}, "http://proxy.example.com"),
    ({"PROXY_URL": "$MY_PROXY"}, "http://p:1"),
    ({"PROXY_URL": "http://a:1", "HTTPS_PROXY": "http://b:2"}, "http://b:2"),
    ({"PROXY_URL": "http://a:1", "https_proxy": "http://b:2", "httpsProxy": "http://c:3"}, "http://b:2"),
    ({"PROXY_URL": "$GONE"}, None),
    ({"PROXY_URL": "http://a:1", "HTTPS_PROXY": "${GONE}"}, "http://a:1"),
    ({"PROXY_URL": ""}, None),
    ({}, None),
]


@pytest.mark.parametrize(("keys", "wanted"), FILES)
def test_a_file_of_ccr_and_the_yaml_it_becomes(keys: dict[str, str], wanted: str | None) -> None:
    environ = {"MY_PROXY": "http://p:1"}
    text = json.encode({"Providers": PROVIDERS, "Router": {"default": "up,m"}, **keys}).decode()
    imported = decode_ccr(text, "config.json", environ)
    assert url(imported.configuration) == wanted
    yaml = encode_yaml(imported.configuration, imported.references, imported.spelled)
    shown = (yaml, masked(imported.configuration), imported.configuration, imported.notes)
    assert "canary" not in repr(shown)
    assert url(own(yaml, environ | dict.fromkeys(imported.unset, wanted or ""))) == wanted
    assert imported.literal_secrets == (("PROXY_URL",) if "canary" in str(keys) else ())


WRONG = ["proxy:80", "socks5://p:1", "http://p:0", "http://p:1/x", "http://p:1?a=canary", "http://p:x", "http://a b:1"]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_proxy_is_told_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        own(f'providers: {{ollama: {{models: [m]}}}}\nupstream_proxy: "{text}"', {})
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (2, "upstream_proxy")
    assert "canary" not in str(caught.value)


ROUTES = [
    ("https://api.example.com", {}, "http://p:1"),
    ("https://api.example.com", {"HTTPS_PROXY": "http://other:2"}, "http://p:1"),
    ("https://api.example.com", {"NO_PROXY": "example.com"}, None),
    ("http://192.168.1.20:1234", {}, "http://p:1"),
    ("http://127.0.0.1:11434", {}, None),
    ("http://localhost:11434", {}, None),
]


@pytest.mark.parametrize(("origin", "environ", "proxy"), ROUTES)
def test_who_is_asked_through_it(origin: str, environ: dict[str, str], proxy: str | None) -> None:
    configuration = own("providers: {ollama: {models: [m]}}\nupstream_proxy: 'http://p:1'", {})
    assert make_upstreams(configuration, environ).proxy(origin) == proxy
