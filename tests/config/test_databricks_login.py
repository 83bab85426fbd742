"""Which Databricks credential a file or the environment means."""

from pathlib import Path

import pytest

from trunkline.app.credentials import make_credentials
from trunkline.app.providers import find_credentials, make_providers, missing_credentials
from trunkline.app.upstreams import Upstreams
from trunkline.config.environment import from_environment
from trunkline.config.load import load_file
from trunkline.config.problems import ConfigurationError, CredentialMissing
from trunkline.config.schema import Configuration, Login, ProviderSettings, Timeouts
from trunkline.config.secret import Secret
from trunkline.config.show import masked
from trunkline.upstream.clock import SystemClock
from trunkline.upstream.credentials import StaticCredentials

HOST = "adb-1.2.azuredatabricks.net"
OAUTH = {"DATABRICKS_CLIENT_ID": "i", "DATABRICKS_CLIENT_SECRET": "s3cret"}
ARM = {"ARM_CLIENT_ID": "a", "ARM_CLIENT_SECRET": "s3cret", "ARM_TENANT_ID": "t"}
TOKEN = {"DATABRICKS_TOKEN": "dapi-x"}


def facts(login: Login | None) -> dict[str, str | None]:
    assert login is not None
    secret = None if login.client_secret is None else login.client_secret.reveal()
    found = {
        "kind": login.kind,
        "client_id": login.client_id,
        "secret": secret,
        "tenant": login.tenant,
        "profile": login.profile,
        "workspace": login.workspace,
    }
    return {name: value for name, value in found.items() if value is not None}


def read(tmp_path: Path, provider: str, environ: dict[str, str]) -> ProviderSettings:
    file = tmp_path / "config.yaml"
    file.write_text(f"providers:\n  dbx: {{kind: databricks, {provider}}}\n")
    file.chmod(0o600)
    return dict(load_file(file, {"HOME": str(tmp_path), **environ}).providers)["dbx"]


GIVEN = [
    ("client_id: i, client_secret: s3cret", {}, {"kind": "oauth", "client_id": "i", "secret": "s3cret"}),
    ("auth: oauth", OAUTH, {"kind": "oauth", "client_id": "i", "secret": "s3cret"}),
    ("auth: oauth, client_id: j", OAUTH, {"kind": "oauth", "client_id": "j", "secret": "s3cret"}),
    (
        "auth: oauth, workspace: adb-3.4",
        OAUTH,
        {"kind": "oauth", "client_id": "i", "secret": "s3cret", "workspace": "adb-3.4"},
    ),
    ("auth: entra", ARM, {"kind": "entra", "client_id": "a", "secret": "s3cret", "tenant": "t"}),
    (
        "tenant: u, client_id: b, client_secret: s3cret",
        {},
        {"kind": "entra", "client_id": "b", "secret": "s3cret", "tenant": "u"},
    ),
    ("profile: work", {}, {"kind": "profile", "profile": "work"}),
    ("auth: profile", {}, {"kind": "profile"}),
    ("auth: azure_cli", {}, {"kind": "azure_cli"}),
    ("auth: cli", {}, {"kind": "cli"}),
    ("auth: sdk", {}, {"kind": "sdk"}),
]


@pytest.mark.parametrize(("provider", "environ", "expected"), GIVEN)
def test_a_file_says_how_to_sign_in(
    tmp_path: Path, provider: str, environ: dict[str, str], expected: dict[str, str]
) -> None:
    settings = read(tmp_path, f"host: {HOST}, {provider}", environ)
    assert facts(settings.login) == expected
    assert (settings.credential, settings.auth, settings.host) == (None, None, HOST)


WRONG = [
    ("auth: oauth", "2: providers.dbx.client_id: is missing: give it, or set DATABRICKS_CLIENT_ID"),
    ("client_id: i", "client_secret: is missing: give it, or set DATABRICKS_CLIENT_SECRET"),
    ("auth: entra, client_secret: x", "client_id: is missing: give it, or set ARM_CLIENT_ID"),
    ("auth: oauth, token: dapi-x", "auth: gets its own tokens: remove the token"),
    ("profile: work, token: dapi-x", "profile: gets its own tokens: remove the token"),
    ("auth: basic, profile: work", 'auth: "basic" sends a token, but profile is given'),
    (
        "auth: ouath",
        "auth: must be one of bearer, basic, api_key, both, none, client, oauth, entra, profile, azure_cli",
    ),
    ("auth: cli, workspace: 'http://example.com'", "workspace: "),
]


@pytest.mark.parametrize(("provider", "words"), WRONG)
def test_what_cannot_be_meant_is_a_mistake_with_its_key(tmp_path: Path, provider: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path, f"host: {HOST}, {provider}", {})
    assert words in str(raised.value)


def test_only_databricks_signs_in(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("providers:\n  openai: {auth: oauth, client_id: i}\n")
    with pytest.raises(ConfigurationError) as raised:
        load_file(file, {})
    assert "providers.openai.client_id: unknown key" in str(raised.value)
    assert "providers.openai.auth: must be one of bearer, basic, api_key, both, none" in str(raised.value)


def test_a_profile_names_its_workspace(tmp_path: Path) -> None:
    (tmp_path / ".databrickscfg").write_text(f"[work]\nhost = https://{HOST}\ntoken = dapi-x\n[bare]\n")
    assert read(tmp_path, "profile: work", {}).host == f"https://{HOST}"
    for provider, words in (
        ("profile: wrok", "has no wrok profile configured; there are work, bare"),
        ("profile: bare", "the profile bare has no host"),
        ("auth: profile", "has no DEFAULT profile configured"),
    ):
        with pytest.raises(ConfigurationError) as raised:
            read(tmp_path, provider, {})
        assert words in str(raised.value)


def test_secrets_are_masked(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        f"providers:\n  databricks: {{host: {HOST}, client_id: i, client_secret: s3cret-canary}}\n"
    )
    file.chmod(0o644)
    configuration = load_file(file, {})
    shown = masked(configuration)
    assert "canary" not in str(shown)
    assert "canary" not in repr(configuration)
    assert shown["providers"] == {
        "databricks": {
            "kind": "databricks", "host": HOST, "auth": "oauth", "client_id": "i", "client_secret": "****",
        }
    }  # fmt: skip
    assert "client_secret" in configuration.warnings[0], "others can read the file"


VARIABLES = [
    (OAUTH, {"kind": "oauth", "client_id": "i", "secret": "s3cret", "workspace": HOST}),
    (ARM, {"kind": "entra", "client_id": "a", "secret": "s3cret", "tenant": "t", "workspace": HOST}),
    ({"DATABRICKS_CONFIG_PROFILE": "work"}, {"kind": "profile", "profile": "work", "workspace": HOST}),
    ({**OAUTH, **ARM}, {"kind": "oauth", "client_id": "i", "secret": "s3cret", "workspace": HOST}),
    (
        {**TOKEN, **OAUTH, "DATABRICKS_AUTH_TYPE": "oauth-m2m"},
        {"kind": "oauth", "client_id": "i", "secret": "s3cret", "workspace": HOST},
    ),
    ({"DATABRICKS_AUTH_TYPE": "azure-cli"}, {"kind": "azure_cli", "workspace": HOST}),
    ({"DATABRICKS_AUTH_TYPE": "github-oidc"}, {"kind": "sdk", "workspace": HOST}),
]


@pytest.mark.parametrize(("environ", "expected"), VARIABLES)
def test_the_environment_says_how_to_sign_in(environ: dict[str, str], expected: dict[str, str]) -> None:
    configuration = from_environment({"DATABRICKS_HOST": HOST, **environ})
    assert configuration is not None
    settings = dict(configuration.providers)["databricks"]
    assert facts(settings.login) == expected
    bare = Configuration(source="f", providers=(("dbx", ProviderSettings(kind="databricks", host=HOST)),))
    found = find_credentials(bare, {"DATABRICKS_HOST": HOST, **environ})["dbx"]
    assert isinstance(found, Login)
    assert facts(found) == expected
    assert missing_credentials(make_providers(bare), {"dbx": found}) == ()


@pytest.mark.parametrize("more", [{}, OAUTH, ARM, {"DATABRICKS_AUTH_TYPE": "pat", **OAUTH}])
def test_a_token_that_is_set_is_used(more: dict[str, str]) -> None:
    environ = {"DATABRICKS_HOST": HOST, **TOKEN, **more}
    configuration = from_environment(environ)
    assert configuration is not None
    settings = dict(configuration.providers)["databricks"]
    assert settings.login is None
    assert settings.credential is not None
    bare = Configuration(source="f", providers=(("dbx", ProviderSettings(kind="databricks", host=HOST)),))
    assert isinstance(find_credentials(bare, environ)["dbx"], Secret)


def test_azures_variables_are_for_azure_hosts() -> None:
    with pytest.raises(CredentialMissing, match="DATABRICKS_TOKEN"):
        from_environment({"DATABRICKS_HOST": "dbc-a1b2c3d4-e5f6.cloud.databricks.com", **ARM})


def test_half_a_principal_names_the_other_half() -> None:
    with pytest.raises(CredentialMissing, match=r"variables: DATABRICKS_CLIENT_SECRET$"):
        from_environment({"DATABRICKS_HOST": HOST, "DATABRICKS_CLIENT_ID": "i"})


def test_a_profile_alone_is_enough(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "DATABRICKS_CONFIG_PROFILE": "work"}
    with pytest.raises(ConfigurationError, match=r"DATABRICKS_CONFIG_PROFILE: .*cannot be read"):
        from_environment(environ)
    (tmp_path / ".databrickscfg").write_text(f"[work]\nhost = https://{HOST}\ntoken = dapi-x\n")
    configuration = from_environment(environ)
    assert configuration is not None
    assert dict(configuration.providers)["databricks"].host == f"https://{HOST}"


def test_fixed_credentials_stay_the_plain_kind() -> None:
    environ = {"DATABRICKS_HOST": HOST, **TOKEN}
    configuration = from_environment(environ)
    assert configuration is not None
    upstreams = Upstreams(Timeouts(), {})
    assert isinstance(make_credentials(configuration, environ, upstreams, SystemClock()), StaticCredentials)
