"""Unity Catalog model services: paging and its oddities, and how they join the endpoints."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from trunkline.config.schema import ProviderSettings
from trunkline.providers.databricks.provider import DatabricksProvider
from trunkline.providers.databricks.services import MAX_PAGES, PLATFORM, ServiceWalk, merge_models
from trunkline.providers.provider import ListedModel
from trunkline.providers.registry import make_provider

FIXTURES = Path(__file__).parents[2] / "fixtures" / "databricks"
BASE = "https://adb-1.2.azuredatabricks.net"


def walk(parent: str | None = PLATFORM) -> ServiceWalk:
    return ServiceWalk(BASE, (("authorization", "Bearer t"),), parent)


def asked(one: ServiceWalk) -> dict[str, str]:
    request = one.request()
    assert request is not None
    assert request.url.startswith(f"{BASE}/api/2.1/unity-catalog/model-services?")
    return {key: values[0] for key, values in parse_qs(urlsplit(request.url).query).items()}


def page(*names: str, token: str | None = None) -> bytes:
    body: dict[str, object] = {"model_services": [{"name": f"model-services/{name}"} for name in names]}
    return json.dumps(body if token is None else {**body, "next_page_token": token}).encode()


def test_the_recorded_pages() -> None:
    one = walk()
    assert asked(one) == {"parent": "schemas/system.ai", "page_size": "100"}
    one.take(200, (FIXTURES / "model-services-list-page1.json").read_bytes())
    assert asked(one) == {"parent": "schemas/system.ai", "page_size": "100", "page_token": "tok2"}
    one.take(200, (FIXTURES / "model-services-list-page2.json").read_bytes())
    assert one.request() is None
    assert one.names[0] == "system.ai.claude-fable-5"
    assert one.names[-1] == "system.ai.llama-4-maverick"
    assert len(one.names) == 11


def test_without_a_parent_the_list_is_the_users() -> None:
    assert asked(walk(None)) == {"page_size": "100"}


def test_an_empty_page_is_not_the_end_and_a_token_is_quoted() -> None:
    one = walk()
    one.take(200, page(token="a+b/c&d"))
    assert asked(one)["page_token"] == "a+b/c&d"
    one.take(200, page("system.ai.claude-opus-4-8"))
    assert one.request() is None
    assert one.names == ("system.ai.claude-opus-4-8",)


def test_null_means_none() -> None:
    one = walk()
    one.take(200, b'{"model_services": null}')
    assert (one.request(), one.names) == (None, ())


@pytest.mark.parametrize("status", [499, 504])
def test_a_page_that_is_too_slow_is_halved(status: int) -> None:
    one = walk()
    sizes: list[str] = []
    while one.request() is not None:
        sizes.append(asked(one)["page_size"])
        one.take(status, b"")
    assert sizes == ["100", "50", "25", "12", "6", "5"]
    assert one.names == ()


def test_the_smaller_page_is_kept_and_the_place_too() -> None:
    one = walk()
    one.take(200, page("system.ai.a", token="2"))
    one.take(504, b"upstream timeout")
    assert asked(one) == {"parent": "schemas/system.ai", "page_size": "50", "page_token": "2"}
    one.take(200, page("system.ai.b", token="3"))
    assert asked(one)["page_size"] == "50"


@pytest.mark.parametrize(
    ("status", "body"), [(403, b"{}"), (404, b""), (303, b""), (200, b"<html>"), (200, b"[]"), (429, b"")]
)
def test_what_is_not_allowed_or_not_there_ends_it(status: int, body: bytes) -> None:
    one = walk()
    one.take(200, page("system.ai.a", token="2"))
    one.take(status, body)
    assert (one.request(), one.names) == (None, ("system.ai.a",))


def test_it_always_ends() -> None:
    same = walk()
    same.take(200, page(token="x"))
    same.take(200, page(token="x"))
    assert same.request() is None
    endless = walk()
    count = 0
    while endless.request() is not None:
        endless.take(200, page(token=str(count)))
        count += 1
    assert count == MAX_PAGES


def test_only_what_generates_and_has_a_full_name_counts() -> None:
    one = walk()
    services = [
        {"name": "model-services/system.ai.gte-large-en"},
        {"name": "model-services/system.ai.qwen3-embedding-0-6b"},
        {"name": "model-services/main.team.ours", "supported_api_types": ["mlflow/v1/embeddings"]},
        {"name": "model-services/main.team.mine", "supported_api_types": ["mlflow/v1/chat/completions"]},
        {"name": "short"},
        {"name": None},
        {"name": "a b.c.d"},
    ]
    one.take(200, json.dumps({"model_services": services, "new_field": 1}).encode())
    assert one.names == ("main.team.mine",)


def test_a_service_that_is_an_endpoint_already_is_listed_once() -> None:
    platform, own = walk(), walk(None)
    names = ("system.ai.claude-opus-4-8", "system.ai.llama-4-maverick", "system.ai.claude-opus-5-5")
    platform.take(200, page(*names))
    own.take(200, page("main.team.ours", "system.ai.claude-opus-5-5"))
    endpoints = (
        ListedModel("databricks-claude-opus-4-8", "Claude"),
        ListedModel("databricks-llama-4-maverick"),
    )
    merged = merge_models(endpoints, (platform, own))
    assert [model.id for model in merged] == [
        "databricks-claude-opus-4-8",
        "databricks-llama-4-maverick",
        "system.ai.claude-opus-5-5",
        "main.team.ours",
    ]
    assert merged[0].display_name == "Claude"


ASKED: list[tuple[dict[str, str], int]] = [
    ({"host": "adb-1.2"}, 2),
    ({"host": "adb-1.2", "surface": "gateway_chat"}, 2),
    ({"host": "adb-1.2", "surface": "serving_chat"}, 0),
    ({"host": "https://adb-1.2.azuredatabricks.net/serving-endpoints"}, 0),
    ({"host": "1.ai-gateway.azuredatabricks.net"}, 0),
    ({"host": "adb-1.2.databricks.azure.us"}, 0),
]


@pytest.mark.parametrize(("settings", "count"), ASKED)
def test_services_are_asked_for_where_they_can_be_used(settings: dict[str, str], count: int) -> None:
    provider = make_provider("dbx", ProviderSettings(kind="databricks", **settings))
    assert isinstance(provider, DatabricksProvider)
    walks = provider.services("dapi1")
    assert len(walks) == count
    for one in walks:
        request = one.request()
        assert request is not None
        assert dict(request.headers)["authorization"] == "Bearer dapi1"
