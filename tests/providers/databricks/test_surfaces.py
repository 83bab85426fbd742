"""Which surfaces a deployment has, and its name on each (databricks.md 1.3 to 1.6)."""

import pytest

from trunkline.providers.databricks.hosts import read_host
from trunkline.providers.databricks.surfaces import endpoint_name, places, service_name

BASE = "https://adb-1.2.azuredatabricks.net"


def placed(
    deployment: str, host: str = "adb-1.2", *, prefix: str | None = None, surface: str | None = None
) -> list[tuple[str, str, str]]:
    found = places(read_host("here", host), deployment, prefix=prefix, surface=surface)
    return [(place.name, place.deployment, place.url.removeprefix(BASE)) for place in found]


@pytest.mark.parametrize(
    ("legacy", "service"),
    [
        ("databricks-claude-opus-4-8", "system.ai.claude-opus-4-8"),
        ("databricks-gpt-5-5", "system.ai.gpt-5-5"),
        ("databricks-gemini-3-1-pro", "system.ai.gemini-3-1-pro"),
        ("databricks-gpt-oss-120b", "system.ai.gpt-oss-120b"),
        ("databricks-meta-llama-3-3-70b-instruct", "system.ai.meta-llama-3-3-70b-instruct"),
    ],
)
def test_names_translate_both_ways(legacy: str, service: str) -> None:
    assert service_name(legacy) == service
    assert endpoint_name(service) == legacy
    assert service_name(service) == service
    assert endpoint_name(legacy) == legacy


@pytest.mark.parametrize(
    ("given", "endpoint", "service"),
    [
        # the listing's entity names are not service names
        (
            "system.ai.llama_v3_3_70b_instruct",
            "databricks-meta-llama-3-3-70b-instruct",
            "system.ai.meta-llama-3-3-70b-instruct",
        ),
        ("system.ai.databricks-claude-opus-4-8", "databricks-claude-opus-4-8", "system.ai.claude-opus-4-8"),
        ("databricks-claude-sonnet-4-5[1m]", "databricks-claude-sonnet-4-5", "system.ai.claude-sonnet-4-5"),
        ("main.team.my_claude", "main.team.my_claude", "main.team.my_claude"),
        ("claude-sonnet-4-5", "claude-sonnet-4-5", "system.ai.claude-sonnet-4-5"),
        ("gpt-5.5", "gpt-5.5", "system.ai.gpt-5-5"),
        ("my-endpoint", "my-endpoint", "system.ai.my-endpoint"),
    ],
)
def test_names_as_people_spell_them(given: str, endpoint: str, service: str) -> None:
    assert (endpoint_name(given), service_name(given)) == (endpoint, service)


def test_claude_has_four_surfaces_serving_first() -> None:
    assert placed("databricks-claude-sonnet-4-5") == [
        ("serving_messages", "databricks-claude-sonnet-4-5", "/serving-endpoints/anthropic/v1/messages"),
        ("serving_chat", "databricks-claude-sonnet-4-5", "/serving-endpoints/chat/completions"),
        ("gateway_messages", "system.ai.claude-sonnet-4-5", "/ai-gateway/anthropic/v1/messages"),
        ("gateway_chat", "system.ai.claude-sonnet-4-5", "/ai-gateway/mlflow/v1/chat/completions"),
    ]


@pytest.mark.parametrize("name", ["gpt-5", "gemini-3-1-pro", "gpt-oss-120b", "meta-llama-3-3-70b-instruct"])
def test_other_families_have_chat_on_both_sides(name: str) -> None:
    assert placed(f"databricks-{name}") == [
        ("serving_chat", f"databricks-{name}", "/serving-endpoints/chat/completions"),
        ("gateway_chat", f"system.ai.{name}", "/ai-gateway/mlflow/v1/chat/completions"),
    ]


def test_a_service_name_is_asked_at_the_gateway_first() -> None:
    names = [(name, deployment) for name, deployment, _ in placed("system.ai.claude-opus-4-8")]
    assert names == [
        ("gateway_messages", "system.ai.claude-opus-4-8"),
        ("gateway_chat", "system.ai.claude-opus-4-8"),
        ("serving_messages", "databricks-claude-opus-4-8"),
        ("serving_chat", "databricks-claude-opus-4-8"),
    ]


@pytest.mark.parametrize(
    ("name", "surfaces"),
    [
        ("main.team.my_gpt", ["gateway_chat"]),
        ("main.team.claude-prod", ["gateway_messages", "gateway_chat"]),
    ],
)
def test_a_users_catalog_service_is_gateway_only_and_never_renamed(name: str, surfaces: list[str]) -> None:
    assert [(place, deployment) for place, deployment, _ in placed(name)] == [
        (one, name) for one in surfaces
    ]


def test_a_users_endpoint_keeps_its_own_path() -> None:
    assert placed("my-endpoint") == [
        ("serving_invocations", "my-endpoint", "/serving-endpoints/my-endpoint/invocations"),
        ("serving_chat", "my-endpoint", "/serving-endpoints/chat/completions"),
    ]


def test_a_bare_model_name_may_also_be_a_service() -> None:
    assert [name for name, _, _ in placed("claude-sonnet-4-5")] == [
        "serving_invocations",
        "serving_chat",
        "gateway_messages",
        "gateway_chat",
    ]


@pytest.mark.parametrize(
    ("deployment", "url"),
    [
        ("databricks-claude-opus-4-8", "/anthropic/v1/messages"),
        ("databricks-gpt-5", "/mlflow/v1/chat/completions"),
        ("main.team.my_gpt", "/mlflow/v1/chat/completions"),
    ],
)
def test_a_dedicated_gateway_has_its_routes_at_the_root(deployment: str, url: str) -> None:
    host = "https://42.ai-gateway.azuredatabricks.net"
    found = placed(deployment, host)
    assert found[0][2] == host + url
    assert all(name.startswith("gateway") for name, _, _ in found)


def test_clouds_without_platform_models_only_serve() -> None:
    names = [name for name, _, _ in placed("databricks-claude-opus-4-8", "adb-1.2.databricks.azure.us")]
    assert names == ["serving_messages", "serving_chat"]


def test_a_custom_prefix_replaces_the_gateways() -> None:
    found = placed("system.ai.claude-opus-4-8", prefix="/gateways/team-a/")
    assert found[0][2] == "/gateways/team-a/anthropic/v1/messages"
    assert found[2][2] == "/serving-endpoints/anthropic/v1/messages"


def test_a_surface_setting_wins_over_everything() -> None:
    found = placed("databricks-claude-opus-4-8", f"{BASE}/ai-gateway", surface="serving_chat")
    assert found == [("serving_chat", "databricks-claude-opus-4-8", "/serving-endpoints/chat/completions")]


@pytest.mark.parametrize(
    ("path", "deployment", "names"),
    [
        ("/serving-endpoints", "databricks-claude-opus-4-8", ["serving_messages", "serving_chat"]),
        ("/serving-endpoints/anthropic", "databricks-claude-opus-4-8", ["serving_messages"]),
        ("/serving-endpoints/chat/completions", "databricks-claude-opus-4-8", ["serving_chat"]),
        ("/ai-gateway", "databricks-claude-opus-4-8", ["gateway_messages", "gateway_chat"]),
        ("/ai-gateway/anthropic", "databricks-claude-opus-4-8", ["gateway_messages"]),
        ("/ai-gateway/mlflow/v1", "databricks-claude-opus-4-8", ["gateway_chat"]),
        ("/ai-gateway/anthropic", "databricks-gpt-5", ["gateway_chat"]),
        ("/serving-endpoints/anthropic", "databricks-gpt-5", ["serving_chat"]),
        ("/ai-gateway", "my-endpoint", ["gateway_chat"]),
        ("/serving-endpoints", "main.team.my_gpt", ["serving_chat"]),
    ],
)
def test_a_pin_leaves_what_it_names_as_far_as_the_model_has_it(
    path: str, deployment: str, names: list[str]
) -> None:
    assert [name for name, _, _ in placed(deployment, BASE + path)] == names


def test_an_invocations_address_is_the_only_place() -> None:
    host = f"{BASE}/serving-endpoints/databricks-claude-sonnet-4/invocations"
    assert placed("databricks-claude-sonnet-4", host) == [
        (
            "serving_invocations",
            "databricks-claude-sonnet-4",
            "/serving-endpoints/databricks-claude-sonnet-4/invocations",
        )
    ]
