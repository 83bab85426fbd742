"""What every row of the catalog keeps, and what settings make of it."""

import pytest

from trunkline.catalog.providers import provider_entries
from trunkline.config.schema import ProviderSettings
from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead
from trunkline.protocols.registry import TARGETS
from trunkline.providers.problems import SettingsError
from trunkline.providers.provider import Provider, Switched
from trunkline.providers.registry import make_provider

KEY = "sk-the-key"
NEEDED: dict[str, ProviderSettings] = {
    "azure": ProviderSettings(kind="azure", url="https://res.openai.azure.com"),
    "custom": ProviderSettings(kind="custom", speaks=(("openai_chat", "http://127.0.0.1:9/v1"),)),
    "databricks": ProviderSettings(kind="databricks", host="adb-1.2"),
    "bedrock": ProviderSettings(kind="bedrock", region="us-east-1"),
    "vertex": ProviderSettings(kind="vertex", project="my-project"),
}
NO_LIST = {"azure", "perplexity", "vertex"}
"""Azure's data plane lists no deployments, Vertex not those of a project; Perplexity lists the models of another API."""
KINDS = list(provider_entries())
MODELS = ("claude-sonnet-4-5", "databricks-claude-opus-4-8", "gpt-5", "some-model", "system.ai.gpt-5")
BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":64}'


def provider_of(kind: str) -> Provider:
    return make_provider("mine", NEEDED.get(kind, ProviderSettings(kind=kind)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", MODELS)
def test_surfaces_are_there_unique_and_stable(kind: str, model: str) -> None:
    provider = provider_of(kind)
    surfaces = provider.surfaces(model)
    assert surfaces
    assert len({surface.name for surface in surfaces}) == len(surfaces)
    assert provider.surfaces(model) is surfaces, "asked for on every request, so made once"
    for surface in surfaces:
        assert surface.protocol in TARGETS
        assert surface.url.startswith(("https://", "http://127.0.0.1"))
        assert (surface.facts.provider, surface.facts.model) == ("mine", model)
        assert len({one.facts.origin for one in surfaces}) == 1, "one maker of proofs on every surface"


@pytest.mark.parametrize("kind", KINDS)
def test_the_credential_is_in_exactly_one_header(kind: str) -> None:
    provider = provider_of(kind)
    client = (
        ("host", "x"), ("authorization", "Bearer client"), ("x-api-key", "client"), ("cookie", "a=b"),
        ("content-length", "3"), ("accept-encoding", "br"), ("connection", "close"), ("anthropic-beta", "b"),
    )  # fmt: skip
    for surface in provider.surfaces("claude-sonnet-4-5"):
        headers = provider.headers(surface, KEY, client)
        names = [name for name, _ in headers]
        assert len(names) == len(set(names))
        assert sum(KEY in value for _, value in headers) == 1
        assert not any("client" in value or value == "a=b" for _, value in headers)
        assert not {"host", "cookie", "content-length", "accept-encoding", "connection"} & set(names)
        assert dict(headers)["content-type"] == "application/json"
        assert dict(headers)["user-agent"].startswith("trunkline/")
        by_header = (
            surface.protocol == "anthropic_messages" and kind != "bedrock"
        )  # there it is in the body
        assert ("anthropic-version" in names) is by_header
        without = provider.headers(surface, None, client)
        assert not {"authorization", "x-api-key", "api-key"} & {name for name, _ in without}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", MODELS)
def test_a_plain_body_is_the_same_object_afterwards(kind: str, model: str) -> None:
    provider = provider_of(kind)
    for surface in provider.surfaces(model):
        if kind in ("bedrock", "vertex") and surface.protocol == "anthropic_messages":
            continue  # there the model moves into the address
        if surface.facts.max_tokens_field == "max_completion_tokens" and surface.facts.allow is None:
            continue  # there the one edit of this body is due
        body, losses = provider.edit(surface, BODY)
        assert body is BODY
        assert losses == ()


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_our_own_teaches_nothing(kind: str) -> None:
    provider = provider_of(kind)
    surface = provider.surfaces("claude-sonnet-4-5")[0]
    error = GatewayError(Kind.INVALID_REQUEST, 'unknown field "store"')
    assert provider.learn(surface, error) is None
    assert provider.read_error(surface, error, HttpHead(400)) is error


@pytest.mark.parametrize("kind", KINDS)
def test_discovery_is_a_get_with_the_credential(kind: str) -> None:
    provider = provider_of(kind)
    request = provider.discovery(KEY)
    if kind in NO_LIST:
        assert request is None
        return
    assert request is not None
    assert request.method == "GET"
    assert request.url.startswith(("https://", "http://127.0.0.1"))
    assert sum(KEY in value for _, value in request.headers) == 1
    with pytest.raises(GatewayError) as caught:
        provider.decode_discovery(b"<html>")
    assert caught.value.kind is Kind.UPSTREAM_FAILED


@pytest.mark.parametrize("kind", KINDS)
def test_the_entry_says_what_configuration_needs(kind: str) -> None:
    entry = provider_entries()[kind]
    assert entry.title
    assert entry.needs != "nothing" or entry.speaks
    assert provider_of(kind).kind == kind
    assert provider_of(kind).name == "mine"
    assert provider_of(kind).needs_credential is entry.key_required


USUAL = [
    ("anthropic", ["messages https://api.anthropic.com/v1/messages"]),
    ("openai", ["chat https://api.openai.com/v1/chat/completions", "responses https://api.openai.com/v1/responses"]),
    ("openrouter", ["chat https://openrouter.ai/api/v1/chat/completions", "messages https://openrouter.ai/api/v1/messages", "responses https://openrouter.ai/api/v1/responses"]),
    ("groq", ["chat https://api.groq.com/openai/v1/chat/completions"]),
    ("deepseek", ["chat https://api.deepseek.com/chat/completions", "messages https://api.deepseek.com/anthropic/v1/messages", "responses https://api.deepseek.com/responses"]),
    ("mistral", ["chat https://api.mistral.ai/v1/chat/completions"]),
    ("xai", ["chat https://api.x.ai/v1/chat/completions", "responses https://api.x.ai/v1/responses"]),
    ("together", ["chat https://api.together.ai/v1/chat/completions", "responses https://api.together.ai/v1/responses"]),
    ("fireworks", ["chat https://api.fireworks.ai/inference/v1/chat/completions", "messages https://api.fireworks.ai/inference/v1/messages", "responses https://api.fireworks.ai/inference/v1/responses"]),
    ("cerebras", ["chat https://api.cerebras.ai/v1/chat/completions"]),
    ("moonshot", ["chat https://api.moonshot.ai/v1/chat/completions", "messages https://api.moonshot.ai/anthropic/v1/messages", "responses https://api.moonshot.ai/v1/responses"]),
    ("zhipu", ["chat https://api.z.ai/api/paas/v4/chat/completions", "messages https://api.z.ai/api/anthropic/v1/messages"]),
    ("qwen", ["chat https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions", "messages https://dashscope-intl.aliyuncs.com/apps/anthropic/v1/messages", "responses https://dashscope-intl.aliyuncs.com/compatible-mode/v1/responses"]),
    ("nvidia", ["chat https://integrate.api.nvidia.com/v1/chat/completions"]),
    ("github_models", ["chat https://models.github.ai/inference/chat/completions"]),
    ("huggingface", ["chat https://router.huggingface.co/v1/chat/completions", "messages https://router.huggingface.co/v1/messages", "responses https://router.huggingface.co/v1/responses"]),
    ("perplexity", ["chat https://api.perplexity.ai/chat/completions"]),
    ("gemini", ["gemini https://generativelanguage.googleapis.com/v1beta/models/m:generateContent"]),
    ("ollama", ["chat http://127.0.0.1:11434/v1/chat/completions"]),
    ("vllm", ["chat http://127.0.0.1:8000/v1/chat/completions"]),
    ("lmstudio", ["chat http://127.0.0.1:1234/v1/chat/completions"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "surfaces"), USUAL)
def test_where_the_usual_ones_are(kind: str, surfaces: list[str]) -> None:
    assert [f"{surface.name} {surface.url}" for surface in provider_of(kind).surfaces("m")] == surfaces


@pytest.mark.parametrize("kind", ["openai", "azure"])
@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("gpt-5.2-pro", ["responses"]), ("gpt-5.3-codex", ["responses"]), ("codex-mini-latest", ["responses"]),
        ("o3-deep-research-2025-06-26", ["responses"]), ("gpt-5.2", ["chat", "responses"]), ("o3", ["chat", "responses"]),
    ],
)  # fmt: skip
def test_a_model_without_chat_is_never_asked_over_it(kind: str, model: str, names: list[str]) -> None:
    assert [surface.name for surface in provider_of(kind).surfaces(model)] == names


@pytest.mark.parametrize(
    "text",
    [
        "This model is only supported in v1/responses and not in v1/chat/completions.",
        "Function tools with reasoning_effort are not supported for gpt-5.4 in /v1/chat/completions. Please use /v1/responses instead.",
    ],
)
def test_a_refusal_that_names_responses_is_followed(text: str) -> None:
    error = GatewayError(Kind.NOT_FOUND, text, status=404, local=False)
    chat, *_ = provider_of("openai").surfaces("gpt-9")
    assert provider_of("openai").learn(chat, error) == Switched(
        "responses", "the model takes Responses only"
    )
    assert provider_of("vllm").learn(provider_of("vllm").surfaces("m")[0], error) is None


LISTS = {
    "anthropic": "https://api.anthropic.com/v1/models?limit=1000",
    "moonshot": "https://api.moonshot.ai/v1/models",
    "zhipu": "https://api.z.ai/api/paas/v4/models",
    "github_models": "https://models.github.ai/catalog/models",
    "fireworks": "https://api.fireworks.ai/inference/v1/models",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000",
}


@pytest.mark.parametrize(("kind", "url"), LISTS.items())
def test_where_the_lists_are(kind: str, url: str) -> None:
    request = provider_of(kind).discovery(KEY)
    assert request is not None
    assert request.url == url
    assert (kind == "github_models") is (("x-github-api-version", "2022-11-28") in request.headers)


def test_a_bare_host_moves_every_protocol_and_a_path_only_the_first() -> None:
    moved = make_provider("p", ProviderSettings(kind="zhipu", url="https://open.bigmodel.cn"))
    assert [surface.url for surface in moved.surfaces("m")] == [
        "https://open.bigmodel.cn/api/paas/v4/chat/completions",
        "https://open.bigmodel.cn/api/anthropic/v1/messages",
    ]
    plan = make_provider("p", ProviderSettings(kind="zhipu", url="https://api.z.ai/api/coding/paas/v4"))
    assert [surface.url for surface in plan.surfaces("m")] == [
        "https://api.z.ai/api/coding/paas/v4/chat/completions"
    ]


def test_anthropic_counts_tokens_and_forwards_its_own_headers_verbatim() -> None:
    provider = provider_of("anthropic")
    surface = provider.surfaces("claude-opus-5-5")[0]
    assert surface.count_url == "https://api.anthropic.com/v1/messages/count_tokens"
    client = (
        ("anthropic-version", "2023-06-01"), ("anthropic-beta", "odd-2099-01-01,claude-code-20250219"),
        ("x-claude-code-session-id", "s"), ("x-stainless-os", "Linux"),
    )  # fmt: skip
    headers = dict(provider.headers(surface, KEY, client))
    assert headers["anthropic-beta"] == "odd-2099-01-01,claude-code-20250219"
    assert headers["x-claude-code-session-id"] == "s"
    assert headers["x-api-key"] == KEY
    assert "x-stainless-os" not in headers


def test_openai_gets_codexs_own_headers_and_nobody_else() -> None:
    client = (
        ("x-codex-turn-state", "abc"), ("x-openai-internal-codex-responses-lite", "true"), ("thread-id", "t"),
        ("user-agent", "codex_exec/1"), ("cookie", "a=b"), ("anthropic-beta", "b"), ("openai-beta", "ws"),
    )  # fmt: skip
    openai = make_provider("o", ProviderSettings(kind="openai"))
    sent = {one.protocol: dict(openai.headers(one, KEY, client)) for one in openai.surfaces("gpt-6-1-sol")}
    assert sent["openai_responses"].items() >= set(client[:3])
    assert sent["openai_responses"]["user-agent"].startswith("trunkline/")
    assert not {"cookie", "anthropic-beta", "openai-beta"} & sent["openai_responses"].keys()
    assert not {name for name, _ in client[:3]} & sent["openai_chat"].keys()
    other = make_provider("x", ProviderSettings(kind="xai"))
    for one in other.surfaces("grok-4"):
        assert not {name for name, _ in client[:3]} & dict(other.headers(one, KEY, client)).keys()


def test_openrouter_speaks_messages_without_claude_codes_own_headers() -> None:
    provider = provider_of("openrouter")
    messages = provider.surfaces("anthropic/claude-sonnet-4.5")[1]
    headers = dict(provider.headers(messages, KEY, (("x-claude-code-session-id", "s"),)))
    assert headers["anthropic-version"] == "2023-06-01"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert "x-claude-code-session-id" not in headers
    assert messages.count_url is None


@pytest.mark.parametrize(
    ("url", "version", "expected"),
    [
        (
            "https://r.openai.azure.com",
            "2024-10-21",
            "https://r.openai.azure.com/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21",
        ),
        ("https://r.openai.azure.com/", None, "https://r.openai.azure.com/openai/v1/chat/completions"),
        (
            "https://r.openai.azure.com/openai/v1",
            None,
            "https://r.openai.azure.com/openai/v1/chat/completions",
        ),
        (
            "https://r.openai.azure.com/openai/deployments/x/chat/completions?api-version=1",
            None,
            "https://r.openai.azure.com/openai/deployments/x/chat/completions?api-version=1",
        ),
    ],
)
def test_azure_addresses(url: str, version: str | None, expected: str) -> None:
    settings = ProviderSettings(kind="azure", url=url, api_version=version)
    provider = make_provider("az", settings)
    surface, *others = provider.surfaces("my-gpt")
    assert surface.url == expected
    responses = [] if "/chat/" in url else ["https://r.openai.azure.com/openai/v1/responses"]
    assert [other.url for other in others] == responses
    assert dict(provider.headers(surface, KEY, ()))["api-key"] == KEY


@pytest.mark.parametrize(
    ("kind", "url", "expected"),
    [
        ("ollama", "http://10.1.2.3:11434", "http://10.1.2.3:11434/v1/chat/completions"),
        ("ollama", "http://10.1.2.3:11434/v1/", "http://10.1.2.3:11434/v1/chat/completions"),
        ("vllm", "https://gpu.example.com/serve/v1", "https://gpu.example.com/serve/v1/chat/completions"),
        ("anthropic", "https://proxy.example.com", "https://proxy.example.com/v1/messages"),
        ("custom", "http://localhost:8080/v1", "http://localhost:8080/v1/chat/completions"),
    ],
)
def test_a_url_of_ones_own(kind: str, url: str, expected: str) -> None:
    provider = make_provider("p", ProviderSettings(kind=kind, url=url))
    assert [surface.url for surface in provider.surfaces("m")] == [expected]


def test_speaks_overrides_the_catalog_and_keeps_its_order() -> None:
    speaks = (
        ("anthropic_messages", "http://127.0.0.1:9/anthropic"),
        ("openai_chat", "http://127.0.0.1:9/v1/chat/completions"),
    )
    provider = make_provider("p", ProviderSettings(kind="deepseek", speaks=speaks))
    assert [surface.url for surface in provider.surfaces("m")] == [
        "http://127.0.0.1:9/anthropic/v1/messages",
        "http://127.0.0.1:9/v1/chat/completions",
    ]
    only = make_provider("p", ProviderSettings(kind="deepseek", speaks=speaks, surface="chat"))
    assert [surface.name for surface in only.surfaces("m")] == ["chat"]


def test_a_custom_provider_needs_a_key_only_when_it_has_one() -> None:
    speaks = (("openai_chat", "http://127.0.0.1:9/v1"),)
    without = make_provider("p", ProviderSettings(kind="custom", speaks=speaks))
    having = make_provider("p", ProviderSettings(kind="custom", speaks=speaks, credential=Secret("k")))
    never = make_provider(
        "p", ProviderSettings(kind="custom", speaks=speaks, credential=Secret("k"), auth="none")
    )
    assert (without.needs_credential, having.needs_credential, never.needs_credential) == (
        False,
        True,
        False,
    )


def test_configured_headers_win_and_come_once() -> None:
    settings = ProviderSettings(kind="openai", headers=(("user-agent", "mine/1"), ("x-team", "a")))
    provider = make_provider("p", settings)
    headers = provider.headers(provider.surfaces("m")[0], KEY, ())
    assert [value for name, value in headers if name == "user-agent"] == ["mine/1"]
    assert dict(headers)["x-team"] == "a"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ProviderSettings(kind="databrick"), r"providers\.p\.kind: .*did you mean databricks\?"),
        (ProviderSettings(kind="zzz"), r"providers\.p\.kind: .*there are anthropic, openai"),
        (ProviderSettings(kind="databricks"), r"providers\.p\.host: missing"),
        (ProviderSettings(kind="azure"), r"providers\.p\.url: missing"),
        (ProviderSettings(kind="custom"), r"providers\.p\.speaks: missing"),
        (
            ProviderSettings(kind="custom", speaks=(("openai_chta", "http://127.0.0.1/v1"),)),
            r"providers\.p\.speaks: no protocol 'openai_chta'",
        ),
        (ProviderSettings(kind="vllm", url="http://gpu.example.com/v1"), r"plain http:// is only allowed"),
        (ProviderSettings(kind="vllm", url="ftp://127.0.0.1/v1"), r"is not a URL"),
        (ProviderSettings(kind="vllm", url="https://me:pw@gpu.example.com/v1"), r"user name or password"),
        (ProviderSettings(kind="openai", surface="chta"), r"providers\.p\.surface: no surface 'chta'"),
        (
            ProviderSettings(kind="databricks", host="adb-1.2", surface="chat"),
            r"providers\.p\.surface: no surface 'chat'; there are serving_messages",
        ),
    ],
)
def test_settings_that_cannot_work_say_what_to_write(settings: ProviderSettings, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make_provider("p", settings)


@pytest.mark.parametrize(
    ("body", "models"),
    [
        (
            b'{"data":[{"type":"model","id":"claude-opus-5","display_name":"Claude Opus 5"}],"has_more":false}',
            [("claude-opus-5", "Claude Opus 5")],
        ),
        (b'{"object":"list","data":[{"id":"a","object":"model"},{"id":"b"}]}', [("a", None), ("b", None)]),
        (b'{"data":[{"id":"x/y","name":"X: Y"}]}', [("x/y", "X: Y")]),
        (b'{"models":[{"name":"qwen3"}]}', [("qwen3", None)]),
        (b'{"data":null}', []),
        (b'[{"id":"openai/gpt-4.1","name":"OpenAI GPT-4.1"}]', [("openai/gpt-4.1", "OpenAI GPT-4.1")]),
        (
            b'{"models":[{"name":"models/gemini-3-pro","displayName":"Gemini 3 Pro","supportedGenerationMethods":["generateContent"]},'
            b'{"name":"models/text-embedding-004","supportedGenerationMethods":["embedContent"]}]}',
            [("gemini-3-pro", "Gemini 3 Pro")],
        ),
    ],
)
def test_listings(body: bytes, models: list[tuple[str, str | None]]) -> None:
    listed = provider_of("openai").decode_discovery(body)
    assert [(model.id, model.display_name) for model in listed] == models
