"""Every spelling of a workspace (databricks.md 1.1, 1.5)."""

import pytest

from trunkline.providers.databricks.hosts import Host, read_host
from trunkline.providers.problems import SettingsError

AZURE = "https://adb-1234567890123456.7.azuredatabricks.net"


@pytest.mark.parametrize(
    ("text", "base", "org_id"),
    [
        (AZURE, AZURE, None),
        (f"{AZURE}/", AZURE, None),
        (f"{AZURE}:443", AZURE, None),
        (f"{AZURE}:443/", AZURE, None),
        (f"{AZURE}/?o=1234567890123456", AZURE, "1234567890123456"),
        (f"{AZURE}/?o=12#job/5", AZURE, "12"),
        (f"{AZURE}/browse/folders/7?o=12", AZURE, "12"),
        (f"{AZURE}/ml/endpoints", AZURE, None),
        (f"  {AZURE}  ", AZURE, None),
        (AZURE.upper().replace("HTTPS", "https"), AZURE, None),
        ("HTTPS://ADB-1.2.azuredatabricks.net", "https://adb-1.2.azuredatabricks.net", None),
        ("adb-1.2.azuredatabricks.net", "https://adb-1.2.azuredatabricks.net", None),
        ("adb-1.2", "https://adb-1.2.azuredatabricks.net", None),
        ("https://adb-1.2", "https://adb-1.2.azuredatabricks.net", None),
        ("adb-1.2/", "https://adb-1.2.azuredatabricks.net", None),
        ("westeurope.azuredatabricks.net", "https://westeurope.azuredatabricks.net", None),
        ("dbc-a1b2c3d4-e5f6.cloud.databricks.com", "https://dbc-a1b2c3d4-e5f6.cloud.databricks.com", None),
        ("https://acme.cloud.databricks.com", "https://acme.cloud.databricks.com", None),
        ("123.4.gcp.databricks.com", "https://123.4.gcp.databricks.com", None),
        ("dbc-1.staging.cloud.databricks.com", "https://dbc-1.staging.cloud.databricks.com", None),
        ("adb-1.2.dev.azuredatabricks.net", "https://adb-1.2.dev.azuredatabricks.net", None),
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123", None),
        ("http://127.0.0.1:8123/", "http://127.0.0.1:8123", None),
        ("http://localhost:80", "http://localhost", None),
        ("http://[::1]:8123", "http://[::1]:8123", None),
        ("http://10.2.3.4:9000", "http://10.2.3.4:9000", None),
        ("https://dbx.proxy.example.com:8443", "https://dbx.proxy.example.com:8443", None),
        ("dbx.proxy.example.com:8443", "https://dbx.proxy.example.com:8443", None),
    ],
)
def test_accepted_spellings(text: str, base: str, org_id: str | None) -> None:
    assert read_host("here", text) == Host(base=base, org_id=org_id)


@pytest.mark.parametrize(
    "name",
    ["adb-1.2.databricks.azure.us", "adb-1.2.databricks.azure.cn", "dbc-1.cloud.databricks.us"],
)
def test_clouds_without_platform_models(name: str) -> None:
    assert read_host("here", name) == Host(base=f"https://{name}", system_ai=False)


@pytest.mark.parametrize(
    ("text", "base", "org_id"),
    [
        ("https://42.ai-gateway.azuredatabricks.net", "https://42.ai-gateway.azuredatabricks.net", "42"),
        (
            "https://42.ai-gateway.azuredatabricks.net/mlflow/v1/chat/completions",
            "https://42.ai-gateway.azuredatabricks.net",
            "42",
        ),
        ("42.ai-gateway.cloud.databricks.com", "https://42.ai-gateway.cloud.databricks.com", "42"),
        ("42.ai-gateway.gcp.databricks.com/", "https://42.ai-gateway.gcp.databricks.com", "42"),
        ("42.7.ai-gateway.azuredatabricks.net", "https://42.7.ai-gateway.azuredatabricks.net", "42"),
    ],
)
def test_dedicated_gateway_hosts(text: str, base: str, org_id: str) -> None:
    assert read_host("here", text) == Host(base=base, org_id=org_id, dedicated=True)


@pytest.mark.parametrize(
    ("path", "pin"),
    [
        ("/serving-endpoints", "serving"),
        ("/serving-endpoints/", "serving"),
        ("/serving-endpoints/chat/completions", "serving_chat"),
        ("/serving-endpoints/anthropic", "serving_messages"),
        ("/serving-endpoints/anthropic/v1/messages", "serving_messages"),
        ("/ai-gateway", "gateway"),
        ("/ai-gateway/anthropic", "gateway_messages"),
        ("/ai-gateway/anthropic/v1/messages", "gateway_messages"),
        ("/ai-gateway/mlflow/v1", "gateway_chat"),
        ("/ai-gateway/mlflow/v1/chat/completions", "gateway_chat"),
    ],
)
def test_a_path_pins_the_surface(path: str, pin: str) -> None:
    assert read_host("here", AZURE + path) == Host(base=AZURE, pin=pin)


@pytest.mark.parametrize(
    "path",
    [
        "/serving-endpoints/my-llm/invocations",
        "/serving-endpoints/my-llm/served-models/my-llm-1/invocations",
    ],
)
def test_an_invocations_address_is_posted_to_exactly(path: str) -> None:
    host = read_host("here", AZURE + path)
    assert (host.pin, host.endpoint, host.endpoint_url) == ("serving_invocations", "my-llm", AZURE + path)


@pytest.mark.parametrize(
    "text",
    [
        "https://accounts.cloud.databricks.com",
        "accounts.azuredatabricks.net",
        "accounts.gcp.databricks.com",
        "https://accounts-dod.cloud.databricks.us",
        "https://accounts.databricks.azure.cn",
        "https://acme.databricks.com",
        "https://acme.databricks.com/login",
    ],
)
def test_account_addresses_are_refused_with_an_explanation(text: str) -> None:
    with pytest.raises(SettingsError, match=r"providers\.d\.host: .* is an account address.*workspace"):
        read_host("providers.d.host", text)


@pytest.mark.parametrize("text", ["myworkspace", "prod", "adb-1", "prod/serving-endpoints"])
def test_an_ambiguous_name_is_refused_with_the_three_forms(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_host("providers.d.host", text)
    for form in (".azuredatabricks.net", ".cloud.databricks.com", ".gcp.databricks.com"):
        assert form in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the host is empty"),
        ("   ", "the host is empty"),
        ("http://adb-1.2.azuredatabricks.net", "plain http:// is only allowed"),
        ("ftp://adb-1.2.azuredatabricks.net", "is not a URL"),
        ("https://token:dapi1@adb-1.2.azuredatabricks.net", "user name or password"),
        ("https://adb-1.2.azuredatabricks.net:port", "is not a URL"),
    ],
)
def test_what_cannot_be_a_host(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_host("here", text)


def test_a_credential_in_the_host_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        read_host("here", "https://token:dapi-secret@adb-1.2.azuredatabricks.net")
    assert "dapi-secret" not in str(caught.value)
