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


@pytest.mark.parametrize("name", ["gpt-oss-120b", "meta-llama-3-3-70b-instruct", "kimi-k3", "grok-4-6"])
def test_other_families_have_chat_on_both_sides(name: str) -> None:
    assert placed(f"databricks-{name}") == [
        ("serving_chat", f"databricks-{name}", "/serving-endpoints/chat/completions"),
        ("gateway_chat", f"system.ai.{name}", "/ai-gateway/mlflow/v1/chat/completions"),
    ]


def test_gpt_has_responses_beside_chat() -> None:
    assert placed("databricks-gpt-5") == [
        ("serving_chat", "databricks-gpt-5", "/serving-endpoints/chat/completions"),
        ("serving_responses", "databricks-gpt-5", "/serving-endpoints/responses"),
        ("gateway_chat", "system.ai.gpt-5", "/ai-gateway/mlflow/v1/chat/completions"),
        ("gateway_responses", "system.ai.gpt-5", "/ai-gateway/openai/v1/responses"),
    ]


def test_gemini_has_its_own_protocol_beside_chat() -> None:
    at = ":generateContent"
    assert placed("databricks-gemini-3-1-pro") == [
        ("serving_chat", "databricks-gemini-3-1-pro", "/serving-endpoints/chat/completions"),
        ("serving_gemini", "databricks-gemini-3-1-pro",
         f"/serving-endpoints/gemini/v1beta/models/databricks-gemini-3-1-pro{at}"),
        ("gateway_chat", "system.ai.gemini-3-1-pro", "/ai-gateway/mlflow/v1/chat/completions"),
        ("gateway_gemini", "system.ai.gemini-3-1-pro",
         f"/ai-gateway/gemini/v1beta/models/system.ai.gemini-3-1-pro{at}"),
    ]  # fmt: skip
    found = places(read_host("here", "adb-1.2"), "databricks-gemini-3-1-pro", prefix=None, surface=None)
    assert found[3].stream_url == (
        f"{BASE}/ai-gateway/gemini/v1beta/models/system.ai.gemini-3-1-pro:streamGenerateContent?alt=sse"
    )


@pytest.mark.parametrize(
    "name",
    ["gpt-5-5", "gpt-5-5-pro", "gpt-5-4-pro", "gpt-5-3-codex", "gpt-5-1-codex-max", "gpt-6-sol", "gpt-6-1-sol",
     "gpt-6-luna"],
)  # fmt: skip
def test_a_model_that_refuses_chat_has_responses_only(name: str) -> None:
    assert [place for place, _, _ in placed(f"databricks-{name}")] == [
        "serving_responses",
        "gateway_responses",
    ]
    assert [place for place, _, _ in placed(f"system.ai.{name}")] == [
        "gateway_responses",
        "serving_responses",
    ]
    assert [place for place, _, _ in placed(name)] == ["serving_responses", "gateway_responses"]
    assert [place for place, _, _ in placed(f"databricks-{name}", f"{BASE}/ai-gateway/mlflow/v1")] == [
        "gateway_responses"
    ]


@pytest.mark.parametrize(
    "name", ["gpt-5-4", "gpt-5-4-mini", "gpt-5-6-sol", "gpt-5-6-luna", "gpt-6-astra", "gpt-6-1-terra"]
)
def test_its_sisters_take_chat(name: str) -> None:
    assert placed(f"databricks-{name}")[0][0] == "serving_chat"


def test_other_models_responses_are_asked_only_where_the_user_says_so() -> None:
    assert placed("main.team.my_agent", surface="gateway_responses") == [
        ("gateway_responses", "main.team.my_agent", "/ai-gateway/mlflow/v1/responses")
    ]
    assert placed("my-agent", surface="serving_responses") == [
        ("serving_responses", "my-agent", "/serving-endpoints/responses")
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
        ("serving_responses", "my-endpoint", "/serving-endpoints/responses"),
    ]
    found = places(read_host("here", "adb-1.2"), "my-endpoint", prefix=None, surface=None)
    assert [place.reserve for place in found] == [False, False, True]


def test_a_bare_model_name_may_also_be_a_service() -> None:
    assert [name for name, _, _ in placed("claude-sonnet-4-5")] == [
        "serving_invocations",
        "serving_chat",
        "gateway_messages",
        "gateway_chat",
        "serving_responses",
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
        ("/ai-gateway/anthropic", "databricks-gpt-5", ["gateway_chat", "gateway_responses"]),
        ("/serving-endpoints/anthropic", "databricks-gpt-5", ["serving_chat", "serving_responses"]),
        ("/serving-endpoints/responses", "databricks-gpt-5", ["serving_responses"]),
        ("/ai-gateway/codex/v1", "system.ai.gpt-5", ["gateway_responses"]),
        ("/ai-gateway/openai/v1", "system.ai.gpt-5", ["gateway_responses"]),
        ("/ai-gateway/codex/v1", "databricks-claude-opus-4-8", ["gateway_messages", "gateway_chat"]),
        ("/ai-gateway/gemini", "databricks-gemini-3-1-pro", ["gateway_gemini"]),
        ("/serving-endpoints/gemini/v1beta", "databricks-gemini-3-1-pro", ["serving_gemini"]),
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
