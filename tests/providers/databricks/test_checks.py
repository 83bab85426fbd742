"""What checks say without asking anybody: addresses, forms of tokens, silence, limits."""

from pathlib import Path

import msgspec
import pytest

from trunkline.core.errors import GatewayError, Kind
from trunkline.providers.databricks.checks.environment import of_environment
from trunkline.providers.databricks.checks.host import of_silence, of_spelling
from trunkline.providers.databricks.checks.token import of_form
from trunkline.providers.databricks.hosts import read_host
from trunkline.providers.databricks.limits import MinuteLimits, usual_limits

FIXTURES = Path(__file__).parents[2] / "fixtures" / "databricks"
AZURE = "adb-1234567890123456.7"

SPELLINGS = {
    f"{AZURE}": ("ok", f"https://{AZURE}.azuredatabricks.net: Azure"),
    f"https://{AZURE}.azuredatabricks.net:443/": ("ok", f"https://{AZURE}.azuredatabricks.net: Azure"),
    f"https://{AZURE}.azuredatabricks.net/?o=1": ("ok", f"https://{AZURE}.azuredatabricks.net: Azure"),
    "dbc-a1b2c3d4-e5f6.cloud.databricks.com": ("ok", "https://dbc-a1b2c3d4-e5f6.cloud.databricks.com: AWS"),
    "1.2.gcp.databricks.com": ("ok", "https://1.2.gcp.databricks.com: Google Cloud"),
    "adb-1.2.databricks.azure.cn": (
        "ok",
        "https://adb-1.2.databricks.azure.cn: Azure China, no models of Databricks' own (system.ai)",
    ),
    "https://x.cloud.databricks.com/ai-gateway/anthropic": (
        "ok",
        "https://x.cloud.databricks.com: AWS, the address names a route: only gateway_messages is used",
    ),
    "https://x.cloud.databricks.com/serving-endpoints/mine/invocations": (
        "ok",
        "https://x.cloud.databricks.com: AWS, the address names the endpoint mine: everything is asked there",
    ),
    "1234.ai-gateway.cloud.databricks.com": (
        "warn gateway-host",
        "https://1234.ai-gateway.cloud.databricks.com: a gateway's own host",
    ),
    "api.example.com": (
        "warn unknown-host",
        "https://api.example.com: this is no address that Databricks gives to workspaces",
    ),
    "10.1.2.3": ("ok", "https://10.1.2.3: a private address"),
}


@pytest.mark.parametrize("given", SPELLINGS)
def test_how_an_address_is_read(given: str) -> None:
    found = of_spelling(read_host("host", given), login_elsewhere=False)
    assert (f"{found.state} {found.problem}".strip(), found.message) == SPELLINGS[given]


@pytest.mark.parametrize(
    ("kind", "message", "problem"),
    [
        (Kind.TIMEOUT, "timeout up.connect: https://h needed more than 10 s", "no-answer"),
        (
            Kind.UNREACHABLE,
            "no secure connection to https://h: self-signed certificate in chain",
            "certificate",
        ),
        (
            Kind.UNREACHABLE,
            "cannot connect to https://h: [Errno -2] Name or service not known",
            "unknown-name",
        ),
        (
            Kind.UNREACHABLE,
            "cannot connect to https://h: [Errno 8] nodename nor servname provided",
            "unknown-name",
        ),
        (Kind.UNREACHABLE, "cannot connect to https://h: [Errno 111] Connection refused", "no-connection"),
    ],
)
def test_why_nobody_answers(kind: Kind, message: str, problem: str) -> None:
    found = of_silence(GatewayError(kind, message), "https://h", "http://user:secret@proxy:3128")
    assert (found.state, found.problem, found.kind) == ("fail", problem, kind)
    assert found.message == f"https://h through proxy:3128: {message}"
    assert found.fix


def test_a_good_token_of_each_kind() -> None:
    host = read_host("host", AZURE)
    personal = of_form("dapi" + "0" * 32 + "-2", host, 0.0, renewed=False)
    assert (personal.state, personal.message) == ("ok", "a personal access token, ...00-2")


def test_variables_that_contradict_each_other() -> None:
    both = {"DATABRICKS_CONFIG_PROFILE": "work", "DATABRICKS_HOST": "h", "DATABRICKS_CLIENT_ID": "i"}
    assert [one.problem for one in of_environment(both)] == ["half-a-principal", "profile-beats-host"]
    assert of_environment({"DATABRICKS_HOST": "h", "DATABRICKS_TOKEN": "t"}) == []


def test_the_usual_limits_are_the_recorded_ones() -> None:
    recorded = msgspec.json.decode((FIXTURES / "model-rate-limits.json").read_bytes())["catalogue"][
        "models"
    ]
    assert recorded
    for name, limits in recorded.items():
        found = usual_limits(f"databricks-{name}")
        if limits["inputTokensPerMinute"] is None:
            assert found is None, name
        else:
            assert found == MinuteLimits(limits["inputTokensPerMinute"], limits["outputTokensPerMinute"]), (
                name
            )
    assert usual_limits("my-claude-endpoint") is None
    assert usual_limits("main.team.claude-opus-5") is None
    assert usual_limits("system.ai.claude-opus-4-8") == MinuteLimits(200_000, 20_000)
