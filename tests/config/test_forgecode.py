"""The ForgeCode bridge's set-up: its variable, and models.json in every form that it took."""

import json
from pathlib import Path

import pytest

from trunkline.config.environment import from_environment
from trunkline.config.forgecode.document import decode_forgecode
from trunkline.config.load import load, load_file
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, ProviderSettings
from trunkline.config.show import masked
from trunkline.config.yaml_text import encode_yaml

GATEWAY = "https://1234567890123456.ai-gateway.azuredatabricks.net"
ENVIRON = {"DATABRICKS_AI_GATEWAY_URL": GATEWAY}
MLFLOW, CURSOR, OPENAI = (
    "/mlflow/v1/chat/completions",
    "/cursor/v1/chat/completions",
    "/openai/v1/responses",
)
FAMILIES = (
    ("databricks-gpt-oss*", (MLFLOW,)),
    ("databricks-gpt*", (CURSOR, OPENAI)),
    ("*", (MLFLOW,)),
)
SEED = """{
  "endpoints": {
    "mlflow": "/mlflow/v1/chat/completions",
    "cursor": "/cursor/v1/chat/completions",
    "openai": "/openai/v1/responses"
  },
  "models": [
    {"id": "databricks-claude-haiku-4-5", "endpoint": "mlflow"},
    {"id": "databricks-gpt-5-3-codex", "endpoint": "cursor"}
  ]
}
"""


def provider(configuration: Configuration) -> ProviderSettings:
    ((name, settings),) = configuration.providers
    assert (name, settings.kind) == ("databricks", "databricks")
    return settings


def decoded(text: str, environ: dict[str, str] = ENVIRON) -> Configuration:
    return decode_forgecode(text, "models.json", environ).configuration


def test_the_documents_own_file() -> None:
    configuration = decoded(SEED)
    settings = provider(configuration)
    assert settings.host == GATEWAY
    assert settings.models == ("databricks-claude-haiku-4-5", "databricks-gpt-5-3-codex")
    assert settings.paths == FAMILIES
    assert settings.client_token
    assert settings.credential is None
    assert (configuration.server.port, configuration.server.own_tokens) == (8080, True)
    assert configuration.warnings == ()


FORMS: list[tuple[object, tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]] = [
    (["databricks-gpt-5", " ", "my-own"], ("databricks-gpt-5", "my-own"), ()),
    ({"models": [{"id": "a"}, "b", {"id": " "}, {"endpoint": "mlflow"}, 3]}, ("a", "b"), ()),
    (
        {"models": [{"id": "databricks-gpt-5", "endpoint": "mlflow"}]},
        ("databricks-gpt-5",),
        (("databricks-gpt-5", (MLFLOW,)),),
    ),
    (
        {"models": [{"id": "a", "endpoint": "openai"}, {"id": "b", "endpoint": "cursor"}]},
        ("a", "b"),
        (("a", (CURSOR, OPENAI)), ("b", (CURSOR, OPENAI))),
    ),
    ({"models": [{"id": "a", "endpoint": "gone"}]}, ("a",), ()),
    (
        {"endpoints": {"mine": "team/chat/completions"}, "models": [{"id": "a", "endpoint": "mine"}]},
        ("a",),
        (("a", ("/team/chat/completions",)),),
    ),
    ({"models": ["a", {"id": "a", "endpoint": "openai"}]}, ("a",), (("a", (CURSOR, OPENAI)),)),
]


@pytest.mark.parametrize(("written", "models", "paths"), FORMS, ids=range(len(FORMS)))
def test_every_form_of_the_file(
    written: object, models: tuple[str, ...], paths: tuple[tuple[str, tuple[str, ...]], ...]
) -> None:
    settings = provider(decoded(json.dumps(written)))
    assert settings.models == models
    assert settings.paths == (*paths, *FAMILIES)


def test_a_changed_endpoint_is_the_families_too() -> None:
    written = {"endpoints": {"mlflow": "/v2/chat/completions"}, "models": ["a"]}
    paths = dict(provider(decoded(json.dumps(written))).paths)
    assert paths["*"] == ("/v2/chat/completions",)
    assert paths["databricks-gpt-oss*"] == ("/v2/chat/completions",)


def test_what_does_not_count_is_told_with_its_line() -> None:
    text = """{
 "endpoints": {"bad": "", "worse": 3, "query": "/a?b"},
 "model": [],
 "models": ["a",
  {"id": "b", "endpoint": "mlflw", "name": "x"},
  {"ID": "c"},
  "a"]
}"""
    told = decoded(text).warnings
    assert told == (
        'models.json:3: model: unknown key, without effect. Did you mean "models"?',
        "models.json:2: endpoints.bad: is not the path of an endpoint: it is left out",
        "models.json:2: endpoints.worse: is not the path of an endpoint: it is left out",
        "models.json:2: endpoints.query: is not the path of an endpoint: it is left out",
        "models.json:5: models[1].name: unknown key, without effect. Valid: endpoint, id.",
        'models.json:5: models[1].endpoint: there is no endpoint "mlflw": b is asked by its family. Did you mean "mlflow"?',
        'models.json:6: models[2].ID: unknown key, without effect. Did you mean "id"?',
        "models.json:6: models[2]: names no model: it is left out",
        "models.json:7: models[3]: a is there already: the last one is used",
    )


UNUSABLE = [
    ("{}", "Model configuration must contain a list of models."),
    ('{"models": {}}', "Model configuration must contain a list of models."),
    ('{"models": []}', "No valid models found in configuration."),
    ('["", {"id": ""}]', "No valid models found in configuration."),
    ('{"models": [', "not valid JSON5: it ends too early"),
]


@pytest.mark.parametrize(("text", "reason"), UNUSABLE)
def test_a_file_that_is_named_must_be_usable(text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        decoded(text)
    assert reason in str(caught.value)


@pytest.mark.parametrize(("text", "reason"), UNUSABLE)
def test_the_users_own_is_left_aside_with_a_warning(
    text: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models.json").write_text(text)
    monkeypatch.chdir(tmp_path)
    configuration = load(None, {**ENVIRON, "HOME": str(tmp_path)})
    assert configuration.warnings == (f"Could not read models.json: {reason}; using built-in model list.",)
    settings = provider(configuration)
    assert (settings.models, settings.paths) == ((), FAMILIES)


def test_the_users_own_is_read_where_the_bridge_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models.json").write_text(SEED)
    monkeypatch.chdir(tmp_path)
    configuration = load(None, {**ENVIRON, "HOME": str(tmp_path)})
    assert provider(configuration) == provider(load_file(tmp_path / "models.json", ENVIRON))
    assert (configuration.server.port, configuration.server.own_tokens) == (8080, True)


ADDRESSES = [
    GATEWAY,
    f"{GATEWAY}/",
    f"{GATEWAY}/mlflow/v1/chat/completions",
    f"{GATEWAY}/mlflow/v1/chat/completions?o=1",
    GATEWAY.removeprefix("https://"),
    "https://adb-1.2.azuredatabricks.net",
    "http://127.0.0.1:8000",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_address_in_every_form(address: str) -> None:
    configuration = from_environment({"DATABRICKS_AI_GATEWAY_URL": address})
    assert configuration is not None
    assert provider(configuration).host == address


def test_no_address_is_an_error_that_helps() -> None:
    with pytest.raises(ConfigurationError) as caught:
        decoded(SEED, {})
    assert str(caught.value) == (
        "environment: DATABRICKS_AI_GATEWAY_URL: is not set. Run: export "
        'DATABRICKS_AI_GATEWAY_URL="https://<workspace-id>.ai-gateway.azuredatabricks.net", or: cp .env.example '
        ".env && source .env"
    )


def test_a_credential_of_the_environment_comes_first() -> None:
    settings = provider(decoded(SEED, {**ENVIRON, "DATABRICKS_TOKEN": "dapi-x"}))
    assert settings.credential is not None
    assert settings.credential.reveal() == "dapi-x"
    assert not settings.client_token
    principal = {"DATABRICKS_CLIENT_ID": "i", "DATABRICKS_CLIENT_SECRET": "s"}
    login = provider(decoded(SEED, {**ENVIRON, **principal})).login
    assert login is not None
    assert login.kind == "oauth"
    assert not decoded(SEED, {**ENVIRON, "DATABRICKS_TOKEN": "dapi-x"}).server.own_tokens


def test_other_providers_of_the_environment_keep_the_gateway_to_this_machine() -> None:
    configuration = from_environment({**ENVIRON, "OPENAI_API_KEY": "k"})
    assert configuration is not None
    assert [name for name, _ in configuration.providers] == ["databricks", "openai"]
    assert not configuration.server.own_tokens


@pytest.mark.parametrize("token", [None, "dapi-secret"])
def test_the_imported_yaml_means_the_same(token: str | None, tmp_path: Path) -> None:
    environ = ENVIRON if token is None else {**ENVIRON, "DATABRICKS_TOKEN": token}
    written = json.dumps(
        {"endpoints": {"t": "/t/responses"}, "models": [{"id": "a", "endpoint": "t"}, "b"]}
    )
    imported = decode_forgecode(written, "models.json", environ)
    text = encode_yaml(imported.configuration, imported.references)
    assert "dapi-secret" not in text
    file = tmp_path / "trunkline.yaml"
    file.write_text(text)
    again = load_file(file, environ)
    expected, found = masked(imported.configuration), masked(again)
    assert {**found, "source": ""} == {**expected, "source": ""}


WRONG = [
    ("auth: client\n    token: x", "auth: passes on the client's own token: remove the token"),
    ("paths: {a: b}", 'paths.a: a path begins with "/" and holds no blank, "?" or "#"'),
    ("paths: {a: []}", "paths.a: is empty: name a path"),
    ("paths: {a: [/b, //c]}", 'paths.a: a path begins with "/" and holds no blank, "?" or "#"'),
]


@pytest.mark.parametrize(("lines", "message"), WRONG)
def test_mistakes_in_our_own_form(lines: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "trunkline.yaml"
    file.write_text(f"providers:\n  dbx:\n    kind: databricks\n    host: {GATEWAY}\n    {lines}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_file(file, {})
    assert message in str(caught.value)


def test_strangers_are_only_let_in_where_there_is_nothing_to_take(tmp_path: Path) -> None:
    file = tmp_path / "trunkline.yaml"
    text = "server: {{host: 0.0.0.0, own_tokens: true}}\nproviders:\n  dbx: {{kind: databricks, host: {0}, {1}}}\n"
    file.write_text(text.format(GATEWAY, "auth: client"))
    assert load_file(file, {}).server.own_tokens
    file.write_text(text.format(GATEWAY, "token: dapi-x"))
    with pytest.raises(ConfigurationError) as caught:
        load_file(file, {})
    assert 'server.own_tokens: needs "auth: client" for every provider' in str(caught.value)
