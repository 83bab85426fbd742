"""Who serves what, by the routing table that each configuration makes: names, scenarios, fallback lists."""

from pathlib import Path

import pytest

from trunkline.config.load import load_file
from trunkline.core.errors import GatewayError, Kind
from trunkline.routing.purpose import Purpose, purpose_of
from trunkline.routing.resolve import resolve
from trunkline.routing.shape import RequestShape
from trunkline.routing.table import RoutingTable, Served, build_table

S = RequestShape
PLAIN, THINK, SEARCH = S(), S(thinking=True), S(web_search=True)
SONNET = "claude-sonnet-4-20250514"
HAIKU = "claude-3-5-haiku-20241022"


@pytest.fixture
def table_of(configs: Path, environ: dict[str, str]):
    """The table of a configuration whose providers serve the models that it lists."""

    def make(name: str) -> RoutingTable:
        configuration = load_file(configs / name, environ)
        served = [
            Served(provider=name, models=settings.models) for name, settings in configuration.providers
        ]
        return build_table(configuration, served)

    return make


ROUTED = [
    # the generated one for Databricks
    ("databricks.json", SONNET, PLAIN, "databricks/databricks-claude-sonnet-4", "route default"),
    ("databricks.json", HAIKU, THINK, "databricks/databricks-claude-sonnet-4", "route default"),
    ("databricks.json", "databricks,databricks-claude-sonnet-4", PLAIN, "databricks/databricks-claude-sonnet-4", "explicit"),
    ("databricks.json", "anything-at-all", PLAIN, "databricks/databricks-claude-sonnet-4", "route default"),
    ("databricks.json", "databricks-claude-sonnet-4", PLAIN, "databricks/databricks-claude-sonnet-4", "model of databricks"),
    # the guide's for Ollama
    ("ollama_cloud.json", SONNET, PLAIN, "ollama/deepseek-v4-pro", "route default"),
    ("ollama_cloud.json", SONNET, THINK, "ollama/kimi-k2.6", "route think"),
    ("ollama_cloud.json", HAIKU, PLAIN, "ollama/gemma3:4b", "route background"),
    ("ollama_cloud.json", SONNET, S(tokens=60_001), "ollama/kimi-k2.6", "route longContext"),
    ("ollama_cloud.json", "deepseek-v4-pro", PLAIN, "ollama/deepseek-v4-pro", "model of ollama"),
    ("ollama_cloud.json", "ollama,kimi-k2.6", THINK, "ollama/kimi-k2.6", "explicit"),
    # two providers, a model each at its own endpoint
    ("databricks_and_openai.json", SONNET, PLAIN, "databricks/databricks-claude-sonnet-4", "route default"),
    ("databricks_and_openai.json", HAIKU, PLAIN, "databricks/databricks-claude-haiku-4-5", "route background"),
    ("databricks_and_openai.json", "openai,gpt-4", PLAIN, "openai/gpt-4", "explicit"),
    ("databricks_and_openai.json", "gpt-3.5-turbo", PLAIN, "openai/gpt-3.5-turbo", "model of openai"),
    # the vectors of ccr.md, appendix A, as recommended there
    ("scenarios.json", SONNET, PLAIN, "DeepSeek/deepseek-chat", "route default"),
    ("scenarios.json", "openrouter,anthropic/claude-sonnet-4", PLAIN, "openrouter/anthropic/claude-sonnet-4", "explicit"),
    ("scenarios.json", "openrouter,any/unknown", PLAIN, "openrouter/any/unknown", "explicit"),
    ("scenarios.json", "deepseek,deepseek-chat", PLAIN, "DeepSeek/deepseek-chat", "explicit"),
    ("scenarios.json", "DEEPSEEK,DeepSeek-Chat", PLAIN, "DeepSeek/deepseek-chat", "explicit"),
    ("scenarios.json", "openrouter, anthropic/claude-sonnet-4", PLAIN, "openrouter/anthropic/claude-sonnet-4", "explicit"),
    ("scenarios.json", "ollama/qwen2.5-coder:latest", PLAIN, "ollama/qwen2.5-coder:latest", "explicit"),
    ("scenarios.json", SONNET, S(tokens=61_000), "openrouter/anthropic/claude-sonnet-4", "route longContext"),
    ("scenarios.json", SONNET, S(tokens=60_000), "DeepSeek/deepseek-chat", "route default"),
    ("scenarios.json", "ollama,qwen2.5-coder:latest", S(tokens=61_000), "ollama/qwen2.5-coder:latest", "explicit"),
    ("scenarios.json", HAIKU, S(tokens=61_000), "openrouter/anthropic/claude-sonnet-4", "route longContext"),
    ("scenarios.json", HAIKU, PLAIN, "ollama/qwen2.5-coder:latest", "route background"),
    ("scenarios.json", "claude-haiku-4-5", SEARCH, "ollama/qwen2.5-coder:latest", "route background"),
    ("scenarios.json", SONNET, S(web_search=True, thinking=True), "openrouter/anthropic/claude-sonnet-4:online", "route webSearch"),
    ("scenarios.json", SONNET, THINK, "DeepSeek/deepseek-reasoner", "route think"),
    ("scenarios.json", "", PLAIN, "DeepSeek/deepseek-chat", "route default"),
    ("scenarios.json", "gpt-5-codex", PLAIN, "DeepSeek/deepseek-chat", "route default"),
    ("scenarios.json", "gpt-5-codex", THINK, "DeepSeek/deepseek-reasoner", "route think"),
    # every form: an empty scenario is none; fallback lists follow their route
    ("every_form.json5", SONNET, PLAIN, "local/q openrouter/moonshotai/kimi-k2", "route default"),
    ("every_form.json5", SONNET, THINK, "local/q openrouter/moonshotai/kimi-k2", "route default"),
    ("every_form.json5", "native,m", PLAIN, "native/m", "explicit"),
    ("every_form.json5", SONNET, S(tokens=70_000), "openrouter/moonshotai/kimi-k2", "route longContext"),
    # pictures
    ("gemini.json", SONNET, S(image=True, image_last=True), "gemini/gemini-2.5-pro", "route image"),
    ("gemini.json", SONNET, PLAIN, "gemini/gemini-2.5-flash", "route default"),
    # a threshold in quotes; Claude ids that a provider lists go by the routes, too
    ("openrouter.json", "anthropic/claude-sonnet-4", PLAIN, "openrouter/moonshotai/kimi-k2", "route default"),
    ("openrouter.json", SONNET, S(tokens=199_000), "openrouter/moonshotai/kimi-k2", "route default"),
    ("openrouter.json", SONNET, S(tokens=200_001), "openrouter/google/gemini-2.5-pro-preview", "route longContext"),
    ("anthropic.json", "claude-sonnet-4-5-20250929", PLAIN, "zai/glm-4.6", "route default"),
    ("anthropic.json", "claude-haiku-4-5", PLAIN, "zai/glm-4.6", "route default"),
    ("anthropic.json", "claude-sonnet-4-5-20250929", SEARCH, "anthropic/claude-sonnet-4-5-20250929", "route webSearch"),
    ("anthropic.json", "anthropic,claude-haiku-4-5", PLAIN, "anthropic/claude-haiku-4-5", "explicit"),
    # blanks and slashes in the Router, providers without a key
    ("groq_and_local.json", SONNET, PLAIN, "groq/moonshotai/kimi-k2-instruct", "route default"),
    ("groq_and_local.json", HAIKU, PLAIN, "lm-studio/qwen3-coder", "route background"),
    ("groq_and_local.json", SONNET, THINK, "rig/devstral", "route think"),
    # fallback: unknown providers left out; a name that two providers have goes by the routes
    ("fallback.json", SONNET, PLAIN, "a/one b/two c/three a/other", "route default"),
    ("fallback.json", SONNET, THINK, "b/two a/one", "route think"),
    ("fallback.json", HAIKU, THINK, "c/three", "route background"),
    ("fallback.json", SONNET, S(image=True, image_last=True), "b/one b/two c/three a/other", "route image"),
    ("fallback.json", SONNET, S(image=True), "a/one b/two c/three a/other", "route default, pictures by route image"),
    ("fallback.json", "one", PLAIN, "a/one b/two c/three a/other", "route default"),
    ("fallback.json", "three", PLAIN, "c/three", "model of c"),
    ("custom_router.json", SONNET, PLAIN, "modelscope/Qwen/Qwen3-Coder-480B-A35B-Instruct", "route default"),
    ("custom_router.json", "volcengine,deepseek-v3-250324", PLAIN, "volcengine/deepseek-v3-250324", "explicit"),
    # names that no header or target could carry
    ("guide_aliases.json", SONNET, PLAIN, "provider-1/glm-4.6", "route default"),
    ("guide_aliases.json", "智谱,glm-4.6", THINK, "provider-1/glm-4.6", "alias 智谱,glm-4.6"),
    ("guide_aliases.json", SONNET, THINK, "azure/gpt-4o", "route think"),
    ("vertex.json", SONNET, PLAIN, "siliconflow/moonshotai/Kimi-K2-Instruct", "route default"),
    ("vertex.json", SONNET, S(tokens=60_500), "vertex/gemini-2.5-pro", "route longContext"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "name", "shape", "targets", "route"), ROUTED)
def test_a_request_goes_where_its_owner_configured(
    table_of, file: str, name: str, shape: RequestShape, targets: str, route: str
) -> None:
    table = table_of(file)
    plan = resolve(table, name, lambda: purpose_of(table.routes, shape))
    assert " ".join(str(target) for target in plan.targets) == targets
    assert plan.route == route


def test_the_table_is_long_enough() -> None:
    assert len(ROUTED) >= 40
    assert len({file for file, *_ in ROUTED}) >= 12


@pytest.mark.parametrize("name", ["gone,deepseek-chat", "undefined,x", "unknown,claude-sonnet-4"])
def test_a_provider_that_is_not_there_is_a_404_and_no_other_route(table_of, name: str) -> None:
    with pytest.raises(GatewayError) as caught:
        resolve(table_of("scenarios.json"), name, Purpose)
    assert caught.value.kind is Kind.NOT_FOUND
    assert "DeepSeek, openrouter, ollama" in caught.value.message
