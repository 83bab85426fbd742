"""Providers on Vertex AI: project, place and credentials out of the file or the environment."""

from pathlib import Path

import pytest
from msgspec import json

from trunkline.app.providers import find_credentials
from trunkline.config.ccr.document import Imported, decode_ccr
from trunkline.config.document import decode_document
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import CloudLogin, Configuration, ProviderSettings
from trunkline.config.section import Reading
from trunkline.config.show import masked
from trunkline.config.yaml_file import decode_yaml
from trunkline.config.yaml_text import encode_yaml

GOOGLE = "https://us-west1-aiplatform.googleapis.com"
PEM = "-----BEGIN PRIVATE KEY-----\ncanary-key\n-----END PRIVATE KEY-----\n"


def read(use: object, url: str = GOOGLE, environ: dict[str, str] | None = None, **top: object) -> Imported:
    provider = {
        "name": "gcp",
        "api_base_url": url,
        "api_key": "unused",
        "models": ["m"],
        "transformer": {"use": [use]},
    }
    text = json.encode({"Providers": [provider], "Router": {"default": "gcp,m"}, **top}).decode()
    return decode_ccr(text, "config.json", environ or {})


def gcp(configuration: Configuration) -> ProviderSettings:
    return dict(configuration.providers)["gcp"]


IN_FILE = {"GOOGLE_CLOUD_PROJECT": "p1", "GOOGLE_CLOUD_LOCATION": "europe-west4"}
PLACES = [
    ("vertex-gemini", GOOGLE, {}, IN_FILE, ("p1", "europe-west4", None)),
    ("Vertex-Gemini", GOOGLE, {"GOOGLE_CLOUD_PROJECT": "p2"}, {}, ("p2", "us-west1", None)),
    ("vertex-gemini", GOOGLE, {"GOOGLE_CLOUD_PROJECT": "p2"}, IN_FILE, ("p1", "europe-west4", None)),
    ("vertex-gemini", "https://aiplatform.googleapis.com/v1/", {}, {"GOOGLE_CLOUD_PROJECT": "$P"}, ("p3", "global", None)),
    ("vertex-gemini", "https://proxy.example.com/google/v1beta1/", {}, IN_FILE, ("p1", "europe-west4", "https://proxy.example.com/google")),
    ("vertex-gemini", "https://proxy.example.com", {"GOOGLE_CLOUD_PROJECT": "p2"}, {}, ("p2", "us-central1", "https://proxy.example.com")),
    ("vertex-claude", GOOGLE, {"GOOGLE_CLOUD_PROJECT": "p2"}, {}, ("p2", "us-east5", None)),
    ("vertex-claude", "https://ignored.example.com", {}, IN_FILE, ("p1", "europe-west4", None)),
    ("vertex-claude", "http://127.0.0.1:9", {}, IN_FILE, ("p1", "europe-west4", "http://127.0.0.1:9")),
    ("vertex-openai", GOOGLE, {}, IN_FILE, ("p1", "europe-west4", None)),
]  # fmt: skip


@pytest.mark.parametrize(("use", "url", "environ", "top", "place"), PLACES)
def test_where_it_is(
    use: str,
    url: str,
    environ: dict[str, str],
    top: dict[str, str],
    place: tuple[str | None, str | None, str | None],
) -> None:
    environ = {"P": "p3", **environ}
    imported = read(use, url, environ, **top)
    settings = gcp(imported.configuration)
    assert (settings.project, settings.region, settings.url) == place
    assert (settings.kind, settings.credential, settings.models) == ("vertex", None, ("m",))
    text = encode_yaml(imported.configuration, imported.references, imported.spelled)
    written = decode_document(Reading("t.yaml", {}), decode_yaml(text, "t.yaml"))
    assert gcp(written) == settings
    assert imported.configuration.warnings == ()


def test_the_transformer_may_stand_in_a_models_list() -> None:
    text = json.encode(
        {
            "Providers": [
                {
                    "name": "gcp",
                    "api_base_url": GOOGLE,
                    "models": ["m"],
                    "transformer": {"use": ["cleancache"], "m": {"use": ["vertex-claude"]}},
                }
            ],
            "Router": {"default": "gcp,m"},
            **IN_FILE,
        }
    ).decode()
    settings = gcp(decode_ccr(text, "config.json", {}).configuration)
    assert (settings.kind, settings.region) == ("vertex", "europe-west4")
    assert [one.name for one in settings.transforms] == ["cleancache"]


def test_the_key_file_signs_in_and_names_the_project(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text('{"project_id": "from-file", "private_key": "x"}')
    named = read("vertex-gemini", GOOGLE_APPLICATION_CREDENTIALS=str(file)).configuration
    assert (gcp(named).project, gcp(named).credentials_file) == ("from-file", str(file))
    assert find_credentials(named, {})["gcp"] == CloudLogin(kind="google", file=str(file))
    environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}
    found = read("vertex-claude", environ=environ).configuration
    assert (gcp(found).project, gcp(found).credentials_file) == ("from-file", None)
    assert find_credentials(found, {})["gcp"] == CloudLogin(kind="google")


@pytest.mark.parametrize("content", [None, "no json", '{"project_id": 3}', "{}"])
def test_a_key_file_that_says_nothing_leaves_the_project_open(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    if content is not None:
        file.write_text(content)
    assert (
        gcp(read("vertex-gemini", GOOGLE_APPLICATION_CREDENTIALS=str(file)).configuration).project is None
    )


@pytest.mark.parametrize("key", [PEM, "$PRIVATE", PEM.replace("\n", "\\n")])
def test_a_service_account_in_the_options(key: str) -> None:
    use = ["vertex-openai", {"client_email": "me@p.iam", "private_key": key}]
    imported = read(use, environ={"PRIVATE": PEM}, **IN_FILE)
    account = gcp(imported.configuration).service_account
    assert account is not None
    assert (account.client_email, account.private_key.reveal()) == ("me@p.iam", PEM)
    text = encode_yaml(imported.configuration, imported.references, imported.spelled)
    shown = (text, masked(imported.configuration), imported.configuration, imported.notes)
    assert "canary" not in repr(shown)
    environ = dict.fromkeys(imported.unset, PEM) | {"PRIVATE": PEM}
    written = gcp(decode_document(Reading("t.yaml", environ), decode_yaml(text, "t.yaml")))
    assert written.service_account is not None
    assert written.service_account.private_key.reveal() == PEM
    assert imported.literal_secrets == (() if key == "$PRIVATE" else ("Providers[0].transformer.use",))
    login = find_credentials(imported.configuration, {"VERTEX_ACCESS_TOKEN": "other"})["gcp"]
    assert isinstance(login, CloudLogin)
    assert login.account is account


WRONG = [
    ("service_account: {client_email: a}", "service_account.private_key", "is missing"),
    ("service_account: {private_key: a}", "service_account.client_email", "is missing"),
    ("service_account: {client_email: a, private_key: b, x: 1}", "service_account.x", "unknown key"),
    ("service_account: a", "service_account", "must be a section"),
    ("credentials_file: f, service_account: {client_email: a, private_key: b}", "service_account", "give one of them"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "key", "message"), WRONG)
def test_a_mistake_in_a_service_account(text: str, key: str, message: str) -> None:
    yaml = f"providers: {{gcp: {{kind: vertex, project: p, {text}}}}}"
    with pytest.raises(ConfigurationError) as caught:
        decode_document(Reading("t.yaml", {}), decode_yaml(yaml, "t.yaml"))
    (problem,) = caught.value.problems
    assert (problem.key, message in problem.message) == (f"providers.gcp.{key}", True)


def test_a_service_account_is_for_vertex_only() -> None:
    yaml = "providers: {a: {kind: ollama, service_account: {client_email: a, private_key: b}}}"
    with pytest.raises(ConfigurationError, match="is only for vertex"):
        decode_document(Reading("t.yaml", {}), decode_yaml(yaml, "t.yaml"))
