"""How clients spell models, and what they get of three workspaces: one with endpoints of the old names, one that only
lists Unity Catalog's services, one with nothing but endpoints and services of its users (databricks.md 1.6, 6.4)."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from trunkline.app.discovery import Listing, served
from trunkline.app.providers import make_providers
from trunkline.config.schema import Configuration, ProviderSettings
from trunkline.core.errors import GatewayError, Kind
from trunkline.providers.databricks.discovery import decode_endpoints
from trunkline.providers.databricks.services import ServiceWalk, merge_models
from trunkline.providers.provider import ListedModel
from trunkline.routing.purpose import Purpose
from trunkline.routing.resolve import resolve
from trunkline.routing.table import RoutingTable, build_table

FIXTURES = Path(__file__).parents[1] / "fixtures" / "databricks"


def endpoint(name: str, **entity: object) -> dict[str, object]:
    return {
        "name": name,
        "task": "llm/v1/chat",
        "state": {"ready": "READY"},
        "config": {"served_entities": [entity] if entity else []},
    }


OLD = tuple(
    model
    for listing in ("serving-endpoints-list.json", "external-endpoint-list.json")
    for model in decode_endpoints((FIXTURES / listing).read_bytes())
)


def _unity() -> tuple[ListedModel, ...]:
    walk = ServiceWalk("https://h", (), "schemas/system.ai")
    for page in (1, 2):
        walk.take(200, (FIXTURES / f"model-services-list-page{page}.json").read_bytes())
    return merge_models((), (walk,))


def _own() -> tuple[ListedModel, ...]:
    listing = [
        endpoint("prod-assistant", external_model={"provider": "anthropic", "name": "claude-opus-4-8"}),
        endpoint("team-claude-sonnet-4-5"),
        endpoint("our-gpt", external_model={"provider": "openai", "name": "gpt-4o"}),
        endpoint("llama-tuned"),
    ]
    services = ServiceWalk("https://h", (), None)
    names = ("main.agents.claude-haiku-4-5", "main.agents.helper")
    page = {"model_services": [{"name": f"model-services/{name}"} for name in names]}
    services.take(200, msgspec.json.encode(page))
    return merge_models(decode_endpoints(msgspec.json.encode({"endpoints": listing})), (services,))


def table(models: Sequence[ListedModel]) -> RoutingTable:
    settings = ProviderSettings(kind="databricks", host="adb-1.2")
    configuration = Configuration(source="test", providers=(("dbx", settings),))
    return build_table(
        configuration, served(configuration, make_providers(configuration), [Listing("dbx", tuple(models))])
    )


WORKSPACES = {"old": table(OLD), "unity": table(_unity()), "own": table(_own())}


def got(workspace: RoutingTable, name: str) -> str | None:
    """The deployment; None for a 404."""
    try:
        plan = resolve(workspace, name, Purpose)
    except GatewayError as error:
        if error.kind is not Kind.NOT_FOUND:
            raise
        return None
    (target,) = plan.targets
    assert target.provider == "dbx"
    return target.deployment


SPELLINGS: dict[str, tuple[str | None, str | None, str | None]] = {
    # what a client sends: what it gets of the old, the Unity and the own workspace; None is a 404 that names the nearest
    "sonnet": ("databricks-claude-sonnet-4-6", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "sonnet[1m]": ("databricks-claude-sonnet-4-6", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "opus": ("databricks-claude-opus-4-8", "system.ai.claude-opus-4-8", "prod-assistant"),
    "haiku": ("databricks-claude-haiku-4-5", "system.ai.claude-sonnet-4-6", "main.agents.claude-haiku-4-5"),
    "claude-sonnet-4-5": ("databricks-claude-sonnet-4-5", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "claude-sonnet-4-5-20250929": ("databricks-claude-sonnet-4-5", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "claude-sonnet-4-5[1m]": ("databricks-claude-sonnet-4-5", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "claude-sonnet-4.5": ("databricks-claude-sonnet-4-5", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "Claude-Sonnet-4-5": ("databricks-claude-sonnet-4-5", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "anthropic/claude-sonnet-4.5": ("databricks-claude-sonnet-4-5", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "anthropic/claude-sonnet-4-5": ("databricks-claude-sonnet-4-5", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": ("databricks-claude-sonnet-4-5", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "anthropic.claude-sonnet-4-5": ("databricks-claude-sonnet-4-5", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "claude-sonnet-4-20250514": ("databricks-claude-sonnet-4", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "claude-sonnet-4@20250514": ("databricks-claude-sonnet-4", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "claude-3-7-sonnet-20250219": ("databricks-claude-sonnet-4-6", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "claude-3-5-sonnet-latest": ("databricks-claude-sonnet-4-6", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "claude-sonnet-4-6": ("databricks-claude-sonnet-4-6", "system.ai.claude-sonnet-4-6", "team-claude-sonnet-4-5"),
    "claude-opus-4-8": ("databricks-claude-opus-4-8", "system.ai.claude-opus-4-8", "prod-assistant"),
    "CLAUDE-OPUS-4-8": ("databricks-claude-opus-4-8", "system.ai.claude-opus-4-8", "prod-assistant"),
    "claude-opus-4-1-20250805": ("databricks-claude-opus-4-1", "system.ai.claude-opus-4-8", "prod-assistant"),
    "claude-opus-4-5-20251101": ("databricks-claude-opus-4-5", "system.ai.claude-opus-4-8", "prod-assistant"),
    "claude-opus-5-5": ("databricks-claude-opus-4-8", "system.ai.claude-opus-4-8", "prod-assistant"),
    "claude-haiku-4-5-20251001": ("databricks-claude-haiku-4-5", "system.ai.claude-sonnet-4-6", "main.agents.claude-haiku-4-5"),
    "claude-3-5-haiku-20241022": ("databricks-claude-haiku-4-5", "system.ai.claude-sonnet-4-6", "main.agents.claude-haiku-4-5"),
    "claude-fable-5": ("databricks-claude-sonnet-4-6", "system.ai.claude-fable-5", "team-claude-sonnet-4-5"),
    "databricks-claude-sonnet-4-6": ("databricks-claude-sonnet-4-6", "system.ai.claude-sonnet-4-6", "databricks-claude-sonnet-4-6"),
    "databricks-claude-sonnet-4-5": ("databricks-claude-sonnet-4-5", "databricks-claude-sonnet-4-5", "databricks-claude-sonnet-4-5"),
    "system.ai.claude-sonnet-4-6": ("system.ai.claude-sonnet-4-6", "system.ai.claude-sonnet-4-6", "system.ai.claude-sonnet-4-6"),
    "databricks/databricks-claude-sonnet-4-6": ("databricks-claude-sonnet-4-6", "system.ai.claude-sonnet-4-6", None),
    "dbx/databricks-claude-sonnet-4-6": ("databricks-claude-sonnet-4-6", "system.ai.claude-sonnet-4-6", "databricks-claude-sonnet-4-6"),
    "dbx,databricks-claude-sonnet-4-6": ("databricks-claude-sonnet-4-6", "system.ai.claude-sonnet-4-6", "databricks-claude-sonnet-4-6"),
    "dbx/claude-sonnet-4.6": ("databricks-claude-sonnet-4-6", "system.ai.claude-sonnet-4-6", "claude-sonnet-4.6"),
    "databricks-claude-3-7-sonnet": ("databricks-claude-3-7-sonnet", "databricks-claude-3-7-sonnet", "databricks-claude-3-7-sonnet"),
    "gpt-5.5": ("databricks-gpt-5-5", None, None),
    "gpt-5-5": ("databricks-gpt-5-5", None, None),
    "openai/gpt-5.5": ("databricks-gpt-5-5", None, None),
    "gpt-5": (None, "system.ai.gpt-5", None),
    "gpt-4o": ("external-openai-proxy", None, "our-gpt"),
    "gpt-5.3-codex": (None, None, None),
    "gpt-oss-120b": ("databricks-gpt-oss-120b", None, None),
    "openai/gpt-oss-120b": ("databricks-gpt-oss-120b", None, None),
    "gemini-3.5-flash": (None, "system.ai.gemini-3-5-flash", None),
    "google/gemini-3.5-flash": (None, "system.ai.gemini-3-5-flash", None),
    "models/gemini-3.5-flash": (None, "system.ai.gemini-3-5-flash", None),
    "gemini-3.5-flash-preview": (None, "system.ai.gemini-3-5-flash", None),
    "meta-llama/Llama-3.3-70B-Instruct": ("databricks-meta-llama-3-3-70b-instruct", None, None),
    "llama-3.3-70b-instruct": ("databricks-meta-llama-3-3-70b-instruct", None, None),
    "meta-llama/llama-4-maverick": ("databricks-llama-4-maverick", "system.ai.llama-4-maverick", None),
    "kimi-k2.7-code": (None, "system.ai.kimi-k2-7-code", None),
    "z-ai/glm-5.2": (None, "system.ai.glm-5-2", None),
    "qwen35-122b-a10b": ("databricks-qwen35-122b-a10b", None, None),
    "llama-tuned": (None, None, "llama-tuned"),
    "our-gpt": (None, None, "our-gpt"),
    "prod-assistant": (None, None, "prod-assistant"),
    "main.agents.helper": ("main.agents.helper", "main.agents.helper", "main.agents.helper"),
    "main.agents.claude-haiku-4-5": ("main.agents.claude-haiku-4-5", "main.agents.claude-haiku-4-5", "main.agents.claude-haiku-4-5"),
    "nonsense": (None, None, None),
}  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_spelling_finds_its_model(name: str) -> None:
    assert tuple(got(workspace, name) for workspace in WORKSPACES.values()) == SPELLINGS[name]


def test_there_are_enough_of_them() -> None:
    assert len(SPELLINGS) >= 40


@pytest.mark.parametrize("workspace", WORKSPACES)
def test_every_name_that_is_listed_means_itself(workspace: str) -> None:
    models = {"old": OLD, "unity": _unity(), "own": _own()}[workspace]
    for model in models:
        assert got(WORKSPACES[workspace], model.id) == model.id


def test_another_family_is_never_taken_in_silence() -> None:
    with pytest.raises(GatewayError) as raised:
        resolve(WORKSPACES["old"], "gpt-oss-12b", Purpose)
    assert "Nearest: " in raised.value.message
    assert "databricks-gpt-oss-120b" in raised.value.message


def test_two_workspaces_with_one_model_are_told_apart() -> None:
    settings = ProviderSettings(kind="databricks", host="adb-1.2")
    configuration = Configuration(source="test", providers=(("one", settings), ("two", settings)))
    listings = [Listing(name, (ListedModel("databricks-gpt-oss-20b"),)) for name in ("one", "two")]
    both = build_table(configuration, served(configuration, make_providers(configuration), listings))
    with pytest.raises(
        GatewayError, match="ask for one/databricks-gpt-oss-20b or two/databricks-gpt-oss-20b"
    ):
        resolve(both, "gpt-oss-20b", Purpose)
    assert resolve(both, "two/gpt-oss-20b", Purpose).targets[0].deployment == "databricks-gpt-oss-20b"
    with pytest.raises(GatewayError):
        resolve(both, "main.agents.helper", Purpose)
