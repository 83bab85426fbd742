"""The environment alone, references, addresses and targets, each as a table."""

from pathlib import Path

import pytest

from trunkline.config.addresses import host_fault, is_loopback, is_private, url_fault
from trunkline.config.dialect import dialect_of
from trunkline.config.environment import from_environment
from trunkline.config.expand import expand
from trunkline.config.load import line_in, load, rehearsal
from trunkline.config.nearest import did_you_mean, nearest
from trunkline.config.problems import ConfigurationError, CredentialMissing
from trunkline.config.show import masked
from trunkline.config.targets import check_target, split_target

HOST = "adb-1.2.azuredatabricks.net"
DATABRICKS = {"DATABRICKS_HOST": HOST, "DATABRICKS_TOKEN": "dapi-x"}


def test_nothing_set_is_no_configuration() -> None:
    assert from_environment({}) is None
    assert from_environment({"DATABRICKS_TOKEN": "dapi-x", "OPENAI_API_KEY": " "}) is None


FOUND = [
    (DATABRICKS, ["databricks"], 3456),
    (
        {**DATABRICKS, "ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "o"},
        ["databricks", "anthropic", "openai"],
        3456,
    ),
    (
        {"GROQ_API_KEY": "g", "DEEPSEEK_API_KEY": "d", "OPENROUTER_API_KEY": "r"},
        ["openrouter", "groq", "deepseek"],
        3456,
    ),
    ({"AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com", "AZURE_OPENAI_API_KEY": "k"}, ["azure"], 3456),
    ({"DATABRICKS_HOST": HOST, "OPENAI_API_KEY": "o"}, ["openai"], 3456),
]


@pytest.mark.parametrize(("environ", "names", "port"), FOUND)
def test_providers_in_the_environment_databricks_first(
    environ: dict[str, str], names: list[str], port: int
) -> None:
    configuration = from_environment(environ)
    assert configuration is not None
    assert [name for name, _ in configuration.providers] == names
    assert configuration.server.port == port


def test_the_gateway_address_wins_over_the_host() -> None:
    configuration = from_environment(
        {**DATABRICKS, "DATABRICKS_AI_GATEWAY_URL": "https://1.ai-gateway.azuredatabricks.net"}
    )
    assert configuration is not None
    settings = dict(configuration.providers)["databricks"]
    assert settings.host == "https://1.ai-gateway.azuredatabricks.net"
    assert settings.credential is not None
    assert settings.credential.reveal() == "dapi-x"


def test_half_of_a_provider_is_a_warning_beside_another_one() -> None:
    configuration = from_environment({"DATABRICKS_HOST": HOST, "OPENAI_API_KEY": "o"})
    assert configuration is not None
    assert configuration.warnings == ("DATABRICKS_TOKEN is not set: its provider is not used",)


INCOMPLETE = [
    ({"DATABRICKS_HOST": HOST}, "DATABRICKS_TOKEN"),
    ({"AZURE_OPENAI_API_KEY": "k"}, "AZURE_OPENAI_ENDPOINT"),
    ({"AZURE_OPENAI_ENDPOINT": "https://x.example.com"}, "AZURE_OPENAI_API_KEY"),
]


@pytest.mark.parametrize(("environ", "names"), INCOMPLETE)
def test_what_is_missing_is_named(environ: dict[str, str], names: str) -> None:
    with pytest.raises(CredentialMissing) as caught:
        from_environment(environ)
    assert str(caught.value) == f"environment: Missing required environment variables: {names}"


INVALID = [
    ({"DATABRICKS_HOST": "a b", "DATABRICKS_TOKEN": "t"}, "environment: DATABRICKS_HOST: is not a host name"),
    ({"DATABRICKS_HOST": HOST, "DATABRICKS_TOKEN": "a b"}, "environment: DATABRICKS_TOKEN: holds a blank or a letter that a credential cannot have"),
    ({"OPENAI_API_KEY": "ключ"}, "environment: OPENAI_API_KEY: holds a blank or a letter that a credential cannot have"),
    ({"DATABRICKS_AI_GATEWAY_URL": "http://db.example.com", "DATABRICKS_TOKEN": "t"}, "environment: DATABRICKS_AI_GATEWAY_URL: would send the credential in clear text: use https://, plain http is for local addresses only"),
]  # fmt: skip


@pytest.mark.parametrize(("environ", "message"), INVALID)
def test_what_is_wrong_is_told_without_its_value(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        from_environment(environ)
    assert str(caught.value) == message


def test_a_key_for_clients_can_come_from_the_environment() -> None:
    configuration = from_environment({**DATABRICKS, "TRUNKLINE_KEY": "mine"})
    assert configuration is not None
    assert [key.reveal() for key in configuration.server.keys] == ["mine"]


EXPANSIONS = [
    ("plain", "plain", True),
    ("$A", "one", False),
    ("${A}", "one", False),
    ("x${A}y$B.z", "xoney2.z", False),
    ("$$A", "$A", True),
    ("a$", "a$", True),
    ("$a", "$a", True),
    ("${low}", "down", False),
    ("$1", "$1", True),
    ("$NESTED", "$A", False),
    ("pa$$${A}", "pa$one", False),
]


@pytest.mark.parametrize(("text", "value", "literal"), EXPANSIONS)
def test_references(text: str, value: str, literal: bool) -> None:
    environ = {"A": "one", "B": "2", "low": "down", "NESTED": "$A", "EMPTY": ""}
    expanded = expand(text, environ)
    assert (expanded.value, expanded.literal) == (value, literal)
    assert value not in repr(expanded)


MISSING = [
    ("$NO", "the environment variable NO is not set"),
    ("${NO}", "the environment variable NO is not set"),
    ("x${NO}", "the environment variable NO is not set"),
    ("${EMPTY}", "the environment variable EMPTY is empty"),
    (
        "pass$WORD",
        "what follows a $ here is an environment variable that is not set; write $$ for a dollar sign",
    ),
    ("${}", "between ${ and } must stand the name of an environment variable"),
    ("${a b}", "between ${ and } must stand the name of an environment variable"),
]


@pytest.mark.parametrize(("text", "missing"), MISSING)
def test_references_to_nothing(text: str, missing: str) -> None:
    expanded = expand(text, {"EMPTY": ""})
    assert (expanded.value, expanded.missing) == (None, missing)


LOOPBACK = ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost."]
PRIVATE = [
    *LOOPBACK,
    "10.1.2.3",
    "192.168.0.9",
    "172.16.0.1",
    "fd00::1",
    "169.254.1.1",
    "ollama",
    "nas.local",
    "x.internal",
]
PUBLIC = ["8.8.8.8", "example.com", "172.32.0.1", "2606:4700::1", "localhost.example.com", "0.0.0.0", "::"]


def test_which_hosts_are_near() -> None:
    assert [host for host in PRIVATE if is_loopback(host)] == LOOPBACK
    assert [host for host in PRIVATE if not is_private(host)] == []
    assert [host for host in PUBLIC if is_private(host) or is_loopback(host)] == []


def test_hosts_and_urls_that_may_be_used() -> None:
    for host in (
        HOST,
        "adb-1.2",
        "https://adb-1.2.azuredatabricks.net/?o=7",
        "h:8443",
        "http://127.0.0.1:99",
        "[::1]:80",
    ):
        assert host_fault(host) == "", host
    for url in (
        "https://api.example.com/v1",
        "http://localhost:11434/v1",
        "http://ollama:11434",
        "https://[::1]:4/x",
    ):
        assert url_fault(url) == "", url
    for url in (
        "example.com",
        "//x",
        "https://",
        "https://a b",
        "https://a/#x",
        "http://[::2",
        "https://a@b",
        "file:///x",
    ):
        assert url_fault(url) != "", url


TARGETS = [
    ("dbx/m", "dbx/m"),
    ("dbx,m", "dbx/m"),
    (" dbx , m ", "dbx/m"),
    ("DBX/M", "dbx/M"),
    ("dbx/a/b", "dbx/a/b"),
    ("dbx,a/b", "dbx/a/b"),
    ("dbx/a,b", "dbx/a,b"),
    ("m", None),
    ("/m", None),
    ("dbx/", None),
    ("", None),
    ("other/m", None),
    ("dbx/a b", None),
]


@pytest.mark.parametrize(("written", "target"), TARGETS)
def test_targets(written: str, target: str | None) -> None:
    found, fault = check_target(written, ["dbx", "local"])
    assert found == target
    assert bool(fault) is (target is None)


def test_a_target_splits_at_its_first_separator() -> None:
    assert split_target("a,b/c") == ("a", "b/c")
    assert split_target("a/b,c") == ("a", "b,c")
    assert split_target("abc") is None


def test_nearest_names() -> None:
    names = ["serve", "status", "models", "explain"]
    assert nearest("SERVE", names) == ("serve",)
    assert nearest("statis", names) == ("status",)
    assert nearest("zzz", names) == ()
    assert did_you_mean("moddls", names) == ' Did you mean "models"?'
    assert did_you_mean("zzz", names) == " Valid: explain, models, serve, status."
    assert did_you_mean("zzz", [str(n) for n in range(50)]) == ""


DIALECTS = [
    ("providers: {}", "trunkline"),
    ("", "trunkline"),
    ("# only a comment", "trunkline"),
    ('{"providers": {"x": {"kind": "custom"}}}', "trunkline"),
    ('{"Providers": []}', "ccr"),
    ("{\n  // mine\n  Providers: [],\n  'Router': {}\n}", "ccr"),
    ("/* mine */ {APIKEY: 'x'}", "ccr"),
    ('{"providers": [{"name": "x", "api_base_url": "y", "models": []}]}', "ccr"),
    ('{"providers": {}, "Router": {}, "server": {}}', None),
    ("model_categories:\n  big: x", "claude-code-azure"),
    ("model_categories: {}\nserver: {}", None),
    ("A=1\n\n# x\nexport B=2", "environment"),
    ('["a", "b"]', "forgecode"),
    ('{"models": [{"id": "a", "endpoint": "mlflow"}]}', "forgecode"),
    ('{"models": ["databricks-gpt-5"]}', "forgecode"),
]


@pytest.mark.parametrize(("text", "dialect"), DIALECTS)
def test_which_format_a_file_is_in(text: str, dialect: str | None) -> None:
    assert dialect_of(text) == dialect


def test_the_line_of_a_key(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("providers:\n  a.b:\n    kind: custom\n    speaks:\n      openai_chat: x\n")
    assert line_in(str(path), "providers.a.b.kind") == 3
    assert line_in(str(path), "providers.a.b.speaks.openai_chat") == 5
    assert line_in(str(path), "providers.a.b.host") == 2
    assert line_in(str(path), "routes") is None
    assert line_in("environment", "providers.a") is None


def test_the_rehearsal_takes_any_name() -> None:
    configuration = rehearsal()
    assert [settings.kind for _, settings in configuration.providers] == ["rehearsal"]
    assert configuration.models[0].pattern == "*"
    assert load(None, {"HOME": "/nonexistent"}) == configuration


def test_T69_a_configuration_shows_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "server: {keys: [canary-k1]}\nproviders:\n  a: {token: canary-k2, headers: {x-key: canary-k3, y: z}}\n"
    )
    configuration = load(str(path), {})
    assert "canary" not in repr(configuration)
    assert "canary" not in repr(masked(configuration))
    assert masked(configuration)["server"]["keys"] == ("****",)
