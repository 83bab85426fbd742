"""A client may name any model, and some providers have the name in their path: none leads out of it."""

import pytest

from trunkline.config.schema import ProviderSettings
from trunkline.core.errors import GatewayError, Kind
from trunkline.providers.address import gemini_urls, in_path
from trunkline.providers.provider import Provider
from trunkline.providers.registry import make_provider

BASE = "https://res.openai.azure.com"
AZURE = make_provider("a", ProviderSettings(kind="azure", url=BASE, api_version="2024-10-21"))
DATABRICKS = make_provider("d", ProviderSettings(kind="databricks", host="adb-1.2"))
GEMINI = make_provider("g", ProviderSettings(kind="custom", speaks=(("gemini", "https://g.example.com"),)))


def host_and_path(url: str) -> tuple[str, str]:
    path, _, query = url.partition("?")
    return path, query


@pytest.mark.parametrize("provider", [AZURE, GEMINI], ids=lambda one: one.kind)
@pytest.mark.parametrize("name", ["../../api/2.0/token/create?x=", "a/../b", "..", "./x", "a\\..\\b"])
def test_a_name_that_leads_elsewhere_is_no_model(provider: Provider, name: str) -> None:
    with pytest.raises(GatewayError) as refused:
        provider.surfaces(name)
    assert refused.value.kind is Kind.NOT_FOUND


def test_databricks_has_names_with_dots_in_the_body_only() -> None:
    assert [one.url for one in DATABRICKS.surfaces("../../api/2.0/token/create?x=")] == [
        "https://adb-1.2.azuredatabricks.net/ai-gateway/mlflow/v1/chat/completions"
    ]
    with pytest.raises(GatewayError):
        DATABRICKS.surfaces("./x")


@pytest.mark.parametrize(
    ("provider", "start", "query"),
    [
        (AZURE, f"{BASE}/openai/deployments/", "api-version=2024-10-21"),
        (DATABRICKS, "https://adb-1.2.azuredatabricks.net/serving-endpoints/", ""),
        (GEMINI, "https://g.example.com/v1beta/models/", ""),
    ],
)
@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("a?b=c", "a%3Fb%3Dc"),
        ("a#b", "a%23b"),
        ("a b", "a%20b"),
        ("a%2e%2e", "a%252e%252e"),
        ("\u00e9\nx", "%C3%A9%0Ax"),
    ],
)
def test_what_could_end_a_path_is_escaped(
    provider: Provider, start: str, query: str, name: str, spelled: str
) -> None:
    assert host_and_path(provider.surfaces(name)[0].url) == (
        start
        + spelled
        + {"azure": "/chat/completions", "custom": ":generateContent"}.get(provider.kind, "/invocations"),
        query,
    )


@pytest.mark.parametrize("name", ["gpt-4o", "qwen3:8b", "org/model-1.5", "a,b", "gemini-2.5-pro@001"])
def test_ordinary_names_stay(name: str) -> None:
    assert in_path(name) == name


@pytest.mark.parametrize(
    ("configured", "models"),
    [
        ("https://g.example.com", "https://g.example.com/v1beta/models"),
        ("https://g.example.com/v1beta", "https://g.example.com/v1beta/models"),
        ("https://g.example.com/v1beta/models/", "https://g.example.com/v1beta/models"),
        ("https://g.example.com/v1beta/models/x:generateContent", "https://g.example.com/v1beta/models"),
        ("https://g.example.com/v1/projects/p/locations/l/publishers/google/models",
         "https://g.example.com/v1/projects/p/locations/l/publishers/google/models"),
    ],
)  # fmt: skip
def test_geminis_addresses(configured: str, models: str) -> None:
    assert gemini_urls(configured, "models/m") == (
        f"{models}/m:generateContent", f"{models}/m:streamGenerateContent?alt=sse", f"{models}/m:countTokens"
    )  # fmt: skip
    assert gemini_urls(configured + "?a=b", "m").stream == f"{models}/m:streamGenerateContent?alt=sse&a=b"
