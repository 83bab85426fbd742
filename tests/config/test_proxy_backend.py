"""The PROXY_BACKEND proxy's variables, from the environment and from its .env."""

from pathlib import Path

import pytest

from trunkline.cli.service.find import find
from trunkline.config.env_file import decode_env
from trunkline.config.load import load, working_file
from trunkline.config.problems import ConfigurationError, CredentialMissing
from trunkline.config.proxy_backend.reader import read_proxy
from trunkline.config.proxy_backend.variables import workspace_host, workspace_name
from trunkline.config.schema import Configuration, ProxyBackend, Retry, Timeouts

HOST = "adb-1.2.azuredatabricks.net"
AZURE = {
    "PROXY_BACKEND": "AZURE_DATABRICKS",
    "DATABRICKS_HOST": "my-workspace",
    "DATABRICKS_TOKEN": "dapi-x",
}
ENV = """
# a comment
PROXY_BACKEND=AZURE_DATABRICKS
DATABRICKS_HOST=my-workspace  # without .azuredatabricks.net
export DATABRICKS_TOKEN="dapi-file"
"""


def of(environ: dict[str, str]) -> Configuration:
    return read_proxy("environment", {}, environ).configuration


def proxy_of(configuration: Configuration) -> ProxyBackend:
    assert configuration.proxy is not None
    return configuration.proxy


LINES = [
    ("A=b", "b"),
    ("export A = b ", "b"),
    ("A=b # c", "b"),
    ("A=b#c", "b#c"),
    ("A=# c", ""),
    ("A='b # c' # d", "b # c"),
    ('A="b\\n\\"c"', 'b\n"c'),
    ("A='b\nc'", "b\nc"),
    ("A=1\nA=2", "2"),
    ("B=1\nA=${B}2", "12"),
    ("A=${OUT}${NONE}${NONE:-d}", "ind"),
    ("A='${OUT}'", "${OUT}"),
    ("A=$OUT", "$OUT"),
    ("text\n  A=b\r\nmore", "b"),
    ('A="b', '"b'),
    ("#A=b\nA=", ""),
]


@pytest.mark.parametrize(("text", "value"), LINES)
def test_lines_of_a_file_of_variables(text: str, value: str) -> None:
    found = decode_env(text, {"OUT": "in"})["A"]
    assert found.value == value
    assert repr(found) == f"Variable(line={found.line})"


def test_a_variable_knows_its_line() -> None:
    found = decode_env("\n# x\nA=1\nB='2\n3'\nC=4", {})
    assert {name: variable.line for name, variable in found.items()} == {"A": 3, "B": 4, "C": 6}


HOSTS = [
    ("my-workspace", "my-workspace.azuredatabricks.net", "my-workspace"),
    ("adb-123.4", "adb-123.4.azuredatabricks.net", "adb-123.4"),
    (HOST, HOST, "adb-1.2"),
    (f"https://{HOST}/", f"https://{HOST}/", "adb-1.2"),
    ("dbc-1.cloud.databricks.com", "dbc-1.cloud.databricks.com", "dbc-1.cloud.databricks.com"),
    ("http://127.0.0.1:9", "http://127.0.0.1:9", "127.0.0.1:9"),
    ("localhost", "localhost", "localhost"),
]


@pytest.mark.parametrize(("written", "host", "name"), HOSTS)
def test_a_workspace_with_and_without_its_zone(written: str, host: str, name: str) -> None:
    assert (workspace_host(written), workspace_name(written)) == (host, name)


def test_azure_databricks() -> None:
    configuration = of(AZURE)
    ((name, settings),) = configuration.providers
    assert (name, settings.kind, settings.host) == (
        "databricks",
        "databricks",
        "my-workspace.azuredatabricks.net",
    )
    assert settings.auth == "basic"
    assert settings.credential is not None
    assert settings.credential.reveal() == "dapi-x"
    assert settings.models == ()
    assert (configuration.server.host, configuration.server.port) == ("127.0.0.1", 4000)
    assert (configuration.timeouts, configuration.retry) == (Timeouts(), Retry())
    names = {name.pattern: name.to for name in configuration.models}
    four, three = ("databricks/databricks-claude-sonnet-4",), ("databricks/databricks-claude-3-7-sonnet",)
    assert [names[name] for name in ("claude-sonnet-4", "anthropic/claude-sonnet-4", "big")] == [four] * 3
    assert [names[name] for name in ("claude-3.7-sonnet", "small")] == [three] * 2
    assert dict(configuration.routes)["default"].to == three
    assert proxy_of(configuration).endpoints == (
        ("claude-sonnet-4", four[0]),
        ("claude-3-7-sonnet", three[0]),
    )
    assert proxy_of(configuration).tools is None
    assert configuration.warnings == ()


def test_what_else_can_be_set() -> None:
    configuration = of(
        AZURE
        | {
            "PROXY_BACKEND": "azure_databricks",
            "OPENROUTER_API_KEY": "sk-or",
            "DATABRICKS_TIMEOUT": "30.0",
            "DATABRICKS_MAX_RETRIES": "3",
            "DATABRICKS_CLAUDE_SONNET_4_ENDPOINT": "mine",
            "ANTHROPIC_MODEL": "anthropic/claude-opus-4.1",
            "ENVIRONMENT": "production",
            "LOG_LEVEL": "warning",
            "PORT": "4567",
            "HOST": "0.0.0.0",
            "TRUNKLINE_KEY": "k",
            "OPENAI_API_KEY": "not asked for",
        }
    )
    assert [name for name, _ in configuration.providers] == ["databricks", "openrouter"]
    assert (configuration.server.host, configuration.server.port) == ("0.0.0.0", 4567)
    assert configuration.retry.per_target == 3
    silence = configuration.timeouts
    assert (silence.up_connect, silence.up_headers_whole, silence.up_idle) == (10.0, 30.0, 30.0)
    assert {name.pattern: name.to for name in configuration.models}["big"] == ("databricks/mine",)
    assert proxy_of(configuration).tools == "openrouter/anthropic/claude-opus-4.1"
    assert (proxy_of(configuration).environment, proxy_of(configuration).log_level) == (
        "production",
        "WARNING",
    )


def test_claude_codes_own_variables_are_no_models_of_openrouter() -> None:
    environ = {"PROXY_BACKEND": "OPENROUTER", "OPENROUTER_API_KEY": "r", "ANTHROPIC_MODEL": "sonnet"}
    names = {name.pattern: name.to for name in of(environ).models}
    assert names == {
        "big": ("openrouter/anthropic/claude-sonnet-4",),
        "small": ("openrouter/anthropic/claude-3.7-sonnet",),
    }


@pytest.mark.parametrize("backend", ["OPENROUTER", "LITELLM_OPENROUTER"])
def test_openrouter(backend: str) -> None:
    configuration = of({**AZURE, "PROXY_BACKEND": backend, "OPENROUTER_API_KEY": "r"})
    assert [name for name, _ in configuration.providers] == ["openrouter"]
    assert configuration.server.port == 4000
    assert {name: rule.to[0] for name, rule in configuration.routes} == {
        "default": "openrouter/anthropic/claude-sonnet-4",
        "background": "openrouter/anthropic/claude-3.7-sonnet",
    }
    assert (configuration.any_name, configuration.listed_first) == (True, True)
    with pytest.raises(CredentialMissing) as caught:
        of({**AZURE, "PROXY_BACKEND": backend})
    assert str(caught.value) == "environment: Missing required environment variables: OPENROUTER_API_KEY"


def test_litellm_messages_is_everybody_whose_key_is_set() -> None:
    configuration = of({**AZURE, "PROXY_BACKEND": "LITELLM_MESSAGES", "OPENAI_API_KEY": "o"})
    assert [name for name, _ in configuration.providers] == ["databricks", "openai"]
    assert configuration.server.port == 4000


@pytest.mark.parametrize("missing", ["DATABRICKS_HOST", "DATABRICKS_TOKEN"])
def test_a_workspace_without_host_or_token_is_told_of_and_answered_with_503(missing: str) -> None:
    configuration = of({name: value for name, value in AZURE.items() if name != missing})
    assert configuration.providers == ()
    (warning,) = configuration.warnings
    assert warning.startswith(
        f"environment: {missing}: requests are answered with 503: Azure Databricks host"
    )


def test_beyond_this_machine_only_with_a_key() -> None:
    configuration = of({**AZURE, "HOST": "0.0.0.0"})
    assert configuration.server.host == "127.0.0.1"
    assert configuration.warnings == (
        "environment: HOST: without TRUNKLINE_KEY only this machine is served: listening on 127.0.0.1",
    )


INVALID = [
    ({"PROXY_BACKEND": "X"}, "PROXY_BACKEND: Invalid PROXY_BACKEND value: X. Must be one of: AZURE_DATABRICKS, OPENROUTER, LITELLM_OPENROUTER, LITELLM_MESSAGES"),
    ({"DATABRICKS_HOST": "a b"}, "DATABRICKS_HOST: is not a host name"),
    ({"DATABRICKS_HOST": "http://db.example.com"}, "DATABRICKS_HOST: would send the credential in clear text: use https://, plain http is for local addresses only"),
    ({"DATABRICKS_TOKEN": "a b"}, "DATABRICKS_TOKEN: holds a blank or a letter that a credential cannot have"),
    ({"DATABRICKS_TIMEOUT": "soon"}, "DATABRICKS_TIMEOUT: must be a number"),
    ({"DATABRICKS_TIMEOUT": "-1"}, "DATABRICKS_TIMEOUT: must be between 0 and 86400"),
    ({"DATABRICKS_MAX_RETRIES": "1.5"}, "DATABRICKS_MAX_RETRIES: must be a whole number"),
    ({"PORT": "70000"}, "PORT: must be between 0 and 65535"),
    ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
]  # fmt: skip


@pytest.mark.parametrize(("environ", "message"), INVALID)
def test_what_is_wrong_is_named(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        of(AZURE | environ)
    assert str(caught.value) == f"environment: {message}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o600)
    return file


def test_a_file_in_the_working_directory(folder: Path) -> None:
    file = write(folder, ".env", ENV)
    configuration = load(None, {"HOME": str(folder / "home")})
    assert configuration.source == str(file)
    settings = dict(configuration.providers)["databricks"]
    assert settings.host == "my-workspace.azuredatabricks.net"
    assert proxy_of(configuration).folder == str(folder)
    assert configuration.warnings == ()


NOT_OURS = [
    (".env", "DATABRICKS_HOST=a\nDATABRICKS_TOKEN=b\n"),
    (".env", "# PROXY_BACKEND=AZURE_DATABRICKS\n"),
    (".env", "MY_PROXY_BACKEND=AZURE_DATABRICKS\n"),
    ("config.yaml", "providers: {openai: {api_key: k}}\n"),
    ("config.yaml", "server: {port: 1}\nmodel_categories: {}\n"),
]


@pytest.mark.parametrize(("name", "text"), NOT_OURS)
def test_files_of_other_projects_are_left_alone(folder: Path, name: str, text: str) -> None:
    write(folder, name, text)
    assert working_file() is None
    assert load(None, {"HOME": str(folder)}).source == "rehearsal"


def test_what_cannot_be_a_file_of_variables(folder: Path) -> None:
    (folder / ".env").mkdir()
    (folder / "config.yaml").write_bytes(b"model_categories: \xff")
    assert working_file() is None


OWN = "providers: {groq: {key: k}}\n"


def test_who_comes_first(folder: Path) -> None:
    environ = {"HOME": str(folder / "home")}
    file = write(folder, ".env", ENV)
    other = write(folder, "home/.claude-code-router/config.json", '{"Providers": []}')
    configuration = load(None, environ)
    assert configuration.source == str(file)
    assert configuration.warnings == (f"{file} is used, not {other}: name the one you mean with --config",)
    own = write(folder, "home/.config/trunkline/config.yaml", OWN)
    assert load(None, environ).source == str(own)
    named = write(folder, "named.yaml", OWN)
    assert load(None, {**environ, "TRUNKLINE_CONFIG": str(named)}).source == str(named)
    assert load(str(file), environ).source == str(file)


def test_the_environment_comes_before_the_file_but_a_token_stays_with_its_host(folder: Path) -> None:
    write(folder, ".env", ENV)
    home = {"HOME": str(folder)}

    def found(**environ: str) -> tuple[str | None, str]:
        settings = dict(load(None, home | environ).providers)["databricks"]
        assert settings.credential is not None
        return settings.host, settings.credential.reveal()

    assert found() == ("my-workspace.azuredatabricks.net", "dapi-file")
    assert found(DATABRICKS_HOST=HOST) == (HOST, "dapi-file")
    assert found(DATABRICKS_HOST=HOST, DATABRICKS_TOKEN="dapi-env") == (HOST, "dapi-env")
    assert found(DATABRICKS_TOKEN="dapi-env") == ("my-workspace.azuredatabricks.net", "dapi-file")
    other = load(None, {**home, "PROXY_BACKEND": "OPENROUTER", "OPENROUTER_API_KEY": "r"})
    assert [name for name, _ in other.providers] == ["openrouter"]


def test_T92_a_file_that_lies_about_does_not_say_where_a_credential_of_the_environment_goes(
    folder: Path,
) -> None:
    file = write(
        folder, ".env", "PROXY_BACKEND=AZURE_DATABRICKS\nDATABRICKS_HOST=https://elsewhere.example.com\n"
    )
    environ = {"HOME": str(folder), "DATABRICKS_TOKEN": "dapi-env"}
    with pytest.raises(ConfigurationError) as caught:
        load(None, environ)
    assert str(caught.value).startswith(
        f"{file}:2: DATABRICKS_HOST: would get a credential of the environment"
    )
    named = load(str(file), environ)
    assert dict(named.providers)["databricks"].host == "https://elsewhere.example.com"


def test_a_file_that_lies_about_gets_nothing_else_of_the_environment(folder: Path) -> None:
    environ = {"HOME": str(folder), "SECRET": "s3cret", "AZURE_OPENAI_API_KEY": "k", "OPENAI_API_KEY": "o"}
    text = "PROXY_BACKEND=AZURE_DATABRICKS\nDATABRICKS_HOST=https://x.example.com/${SECRET}\nDATABRICKS_TOKEN=t\n"
    file = write(folder, ".env", text)
    assert dict(load(None, environ).providers)["databricks"].host == "https://x.example.com/"
    assert dict(load(str(file), environ).providers)["databricks"].host == "https://x.example.com/s3cret"
    write(folder, ".env", "PROXY_BACKEND=LITELLM_MESSAGES\nAZURE_OPENAI_ENDPOINT=https://x.example.com\n")
    with pytest.raises(ConfigurationError, match="AZURE_OPENAI_ENDPOINT: would get a credential"):
        load(None, environ)
    bridge = (
        "DATABRICKS_AI_GATEWAY_URL=https://x.example.com\nAZURE_OPENAI_ENDPOINT=https://x.example.com\n"
    )
    write(folder, ".env", bridge)
    assert "azure" not in dict(load(None, environ).providers)


def test_agents_are_not_started_on_what_a_project_brings(folder: Path) -> None:
    """``launch``, ``code`` and ``activate`` are run in projects of any origin."""
    file = write(folder, ".env", ENV)
    environ = {"HOME": str(folder / "home")}
    assert load(None, environ, working=False).source == "rehearsal"
    assert (find(None, environ=environ).port, find(None, environ=environ).path) == (4000, str(file))
    left = find(None, environ=environ, working=False)
    assert (left.port, left.path, left.configuration.source) == (3456, None, "rehearsal")


def test_mistakes_in_a_file_have_their_line(folder: Path) -> None:
    file = write(folder, ".env", ENV + "PORT=x\n")
    with pytest.raises(ConfigurationError) as caught:
        load(None, {"HOME": str(folder)})
    assert str(caught.value) == f"{file}:6: PORT: must be a number"


def test_any_file_of_variables_can_be_named(folder: Path) -> None:
    file = write(folder, "some.env", "OPENAI_API_KEY=file\n")
    configuration = load(str(file), {"HOME": str(folder), "OPENAI_API_KEY": "env"})
    settings = dict(configuration.providers)["openai"]
    assert settings.credential is not None
    assert (configuration.source, settings.credential.reveal()) == (str(file), "file")
    empty = write(folder, ".env.local", "A=1\n")
    with pytest.raises(ConfigurationError, match="sets no variable of a provider"):
        load(str(empty), {"HOME": str(folder)})


def test_the_bridges_file_does_not_get_a_token_of_the_environment_either(folder: Path) -> None:
    file = write(folder, ".env", "DATABRICKS_AI_GATEWAY_URL=https://elsewhere.example.com\n")
    environ = {"HOME": str(folder), "DATABRICKS_TOKEN": "dapi-env", "DATABRICKS_CLIENT_SECRET": "s"}
    settings = dict(load(None, environ).providers)["databricks"]
    assert (settings.credential, settings.login, settings.client_token) == (None, None, True)
    assert load(None, environ).warnings == tuple(
        f"{name} is not used: {file} would say where it goes; name it with --config"
        for name in ("DATABRICKS_TOKEN", "DATABRICKS_CLIENT_SECRET")
    )
    for named in (
        load(str(file), environ),
        load(None, environ | {"DATABRICKS_AI_GATEWAY_URL": "https://mine.example.com"}),
    ):
        credential = dict(named.providers)["databricks"].credential
        assert credential is not None
        assert credential.reveal() == "dapi-env"
