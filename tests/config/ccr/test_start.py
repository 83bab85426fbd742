"""Configurations that worked in claude-code-router start unchanged; their YAML says the same."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import json
from msgspec.structs import replace

from trunkline.config.ccr.document import decode_ccr
from trunkline.config.document import decode_document
from trunkline.config.load import line_in, load, load_file
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, ProviderSettings, Server
from trunkline.config.section import Reading
from trunkline.config.show import masked
from trunkline.config.yaml_file import decode_yaml
from trunkline.config.yaml_text import encode_yaml

FILES = sorted(path.name for path in (Path(__file__).parent / "configs").iterdir() if path.suffix != ".md")


def plain(configuration: Configuration) -> tuple[object, ...]:
    """All of a configuration but where it was read and what was said of it; credentials as texts."""
    server = configuration.server
    providers = [
        (name, replace(settings, credential=None), settings.credential and settings.credential.reveal())
        for name, settings in configuration.providers
    ]
    keys = [key.reveal() for key in server.keys]
    router = configuration.custom_router and configuration.custom_router.path
    rest = replace(
        configuration,
        source="",
        warnings=(),
        providers=(),
        server=replace(server, keys=()),
        custom_router=None,
        environment=(),
    )
    return rest, providers, keys, router


def credentials(configuration: Configuration) -> dict[str, str]:
    """Each credential by the place that YAML has it."""
    found = dict(zip(["server.keys"], [key.reveal() for key in configuration.server.keys], strict=False))
    for name, settings in configuration.providers:
        if settings.credential is not None:
            found[f"providers.{name}.token"] = settings.credential.reveal()
        found |= {f"providers.{name}.headers.{header}": value for header, value in settings.headers}
    return found


def test_there_are_twelve_and_more() -> None:
    assert len(FILES) >= 12


@pytest.mark.parametrize("file", FILES)
def test_it_starts_unchanged(file: str, configs: Path, environ: dict[str, str]) -> None:
    before = hashlib.sha256((configs / file).read_bytes()).digest()
    configuration = load_file(configs / file, environ)
    assert configuration.providers
    assert configuration.any_name
    assert dict(configuration.routes)["default"].to
    assert hashlib.sha256((configs / file).read_bytes()).digest() == before


@pytest.mark.parametrize("file", FILES)
def test_its_yaml_loads_to_the_same(
    file: str, configs: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    path = configs / file
    imported = decode_ccr(path.read_text(), str(path), environ)
    text = encode_yaml(imported.configuration, imported.references, imported.spelled)
    assert "canary" not in text
    known = credentials(imported.configuration)
    unset = {
        variable: known[place]
        for place, variable in imported.references.items()
        if variable in imported.unset
    }
    written = tmp_path / "trunkline.yaml"
    written.write_text(text)
    assert plain(load_file(written, environ | unset)) == plain(imported.configuration)


@pytest.mark.parametrize("file", FILES)
def test_T69_no_secret_shows(file: str, configs: Path, environ: dict[str, str]) -> None:
    path = configs / file
    imported = decode_ccr(path.read_text(), str(path), environ)
    shown = (imported.configuration, masked(imported.configuration), imported.notes, imported.references)
    assert "canary" not in repr(shown)
    assert "canary" not in "".join(map(str, (*imported.notes, *imported.configuration.warnings)))


def provider(file: str, name: str, configs: Path, environ: dict[str, str]) -> ProviderSettings:
    return dict(load_file(configs / file, environ).providers)[name]


WORKSPACE = "https://adb-1234567890123456.7.azuredatabricks.net"
PLACES = [
    ("databricks.json", "databricks", "databricks", (), f"{WORKSPACE}/serving-endpoints/databricks-claude-sonnet-4/invocations"),
    ("databricks_and_openai.json", "databricks", "databricks", (), WORKSPACE),
    ("databricks_and_openai.json", "openai", "openai", (("openai_chat", "https://api.openai.com/v1"),), None),
    ("ollama_cloud.json", "ollama", "ollama", (("openai_chat", "https://ollama.com/v1/chat/completions"),), None),
    ("scenarios.json", "DeepSeek", "deepseek", (("openai_chat", "https://api.deepseek.com/chat/completions"),), None),
    ("scenarios.json", "openrouter", "openrouter", (("openai_chat", "https://openrouter.ai/api/v1/chat/completions"),), None),
    ("every_form.json5", "native", "custom", (("anthropic_messages", "https://example.invalid/anthropic/v1/messages"),), None),
    ("every_form.json5", "local", "ollama", (("openai_chat", "http://localhost:11434/v1/chat/completions"),), None),
    ("gemini.json", "gemini", "custom", (("gemini", "https://generativelanguage.googleapis.com/v1beta/models"),), None),
    ("groq_and_local.json", "groq", "groq", (("openai_chat", "https://api.groq.com/openai/v1/chat/completions"),), None),
    ("groq_and_local.json", "lm-studio", "lmstudio", (("openai_chat", "http://127.0.0.1:1234/v1"),), None),
    ("groq_and_local.json", "rig", "custom", (("openai_chat", "http://192.168.1.20:8000/v1"),), None),
    ("fallback.json", "c", "custom", (("openai_responses", "https://c.example.com/v1/responses"),), None),
    ("anthropic.json", "anthropic", "anthropic", (("anthropic_messages", "https://api.anthropic.com/v1/messages"),), None),
    ("guide_aliases.json", "azure", "azure", (), None),
]  # fmt: skip


@pytest.mark.parametrize(("file", "name", "kind", "speaks", "host"), PLACES)
def test_where_providers_are(
    file: str,
    name: str,
    kind: str,
    speaks: tuple[tuple[str, str], ...],
    host: str | None,
    configs: Path,
    environ: dict[str, str],
) -> None:
    settings = provider(file, name, configs, environ)
    assert (settings.kind, settings.speaks, settings.host) == (kind, speaks, host)


def test_details_of_places(configs: Path, environ: dict[str, str]) -> None:
    both = provider("databricks_and_openai.json", "databricks", configs, environ)
    assert both.surface == "serving_invocations"
    assert provider("databricks.json", "databricks", configs, environ).surface is None
    azure = provider("guide_aliases.json", "azure", configs, environ)
    assert (azure.url, azure.api_version) == ("https://team.openai.azure.com", "2024-10-21")
    gemini = provider("gemini.json", "gemini", configs, environ)
    assert (gemini.auth, gemini.headers) == ("api_key", ())
    assert gemini.credential is not None
    assert provider("anthropic.json", "anthropic", configs, environ).auth == "api_key"
    bearer = provider("anthropic.json", "zai", configs, environ)
    assert (bearer.auth, bearer.headers) == (None, ())
    native = provider("every_form.json5", "native", configs, environ)
    assert (native.auth, native.headers) == ("both", ())
    assert native.credential is not None
    keyless = provider("groq_and_local.json", "rig", configs, environ)
    assert keyless.credential is None


def test_server_and_timeouts(configs: Path, environ: dict[str, str]) -> None:
    every = load_file(configs / "every_form.json5", environ)
    assert (every.server.host, every.server.port) == ("0.0.0.0", 3457)
    assert [key.reveal() for key in every.server.keys] == ["canary-env-client"]
    slow = load_file(configs / "openrouter.json", environ).timeouts
    assert (slow.up_total_whole, slow.up_headers_whole) == (1200.0, 1200.0)
    assert (slow.up_headers_stream, slow.up_first_event, slow.up_idle) == (1200.0, 1200.0, 1200.0)
    usual = load_file(configs / "databricks.json", environ)
    assert usual.server == Server()
    assert (usual.timeouts.up_total_whole, usual.timeouts.up_idle) == (600.0, 300.0)
    assert load_file(configs / "fallback.json", environ).retry.targets == 4
    moved = load_file(configs / "every_form.json5", environ | {"SERVICE_PORT": "3999"})
    assert moved.server.port == 3999


WARNED = {
    "ollama_cloud.json": [],
    "gemini.json": [],
    "databricks.json": ["2: LOG: has no effect", "3: LOG_LEVEL: has no effect"],
    "every_form.json5": [
        "3: LOG_LEVEL: has no effect",
    ],
    "groq_and_local.json": [
        "6: Providers[1].api_key: is missing",
        "7: Providers[2].api_key: is missing",
    ],
    "custom_router.json": [
        "4: forceUseImageAgent: is not used: Router.image is not set",
    ],
    "fallback.json": [
        '10: fallback.default[1]: there is no provider "gone".',
        "10: fallback.webSearch: is not used: Router.webSearch is not set",
        "2: NON_INTERACTIVE_MODE: has no effect: trunkline code",
    ],
    "guide_aliases.json": [
        "3: providers[0].NAME: this name cannot be told from others",
        "6: providers[2].api_base_url: is missing: this provider is left out",
    ],
    "vertex.json": [],
    "anthropic.json": [],
    "scenarios.json": [],
}  # fmt: skip


@pytest.mark.parametrize("file", WARNED)
def test_what_is_not_in_force_is_told_with_its_place(
    file: str, configs: Path, environ: dict[str, str]
) -> None:
    path = configs / file
    warnings = decode_ccr(path.read_text(), "config.json", environ).configuration.warnings
    wanted = [f"config.json:{text}" for text in WARNED[file]]
    missing = [text for text in wanted if not any(warning.startswith(text) for warning in warnings)]
    beside = [warning for warning in warnings if not warning.startswith(tuple(wanted))]
    assert (missing, beside) == ([], [])


@pytest.mark.parametrize(("value", "kind"), [("true", "used"), ('"false"', "used"), ("false", "warning")])
def test_log_files_are_kept_and_turning_them_off_has_no_effect(value: str, kind: str) -> None:
    provider = '{"name": "a", "api_base_url": "http://127.0.0.1:1/v1", "models": ["m"]}'
    text = f'{{"Providers": [{provider}], "LOG": {value}}}'
    notes = decode_ccr(text, "config.json", {}).notes
    assert [note.kind for note in notes if note.key == "LOG"] == [kind]


def test_a_missing_variable_does_not_stop_the_others(configs: Path) -> None:
    configuration = load_file(configs / "scenarios.json", {"DEEPSEEK_API_KEY": "k"})
    settings = dict(configuration.providers)
    assert settings["DeepSeek"].credential is not None
    assert settings["openrouter"].credential is None
    assert any(
        "Providers[1].api_key: the environment variable OPENROUTER_API_KEY is not set" in warning
        for warning in configuration.warnings
    )


NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@given(NAMES, st.lists(NAMES, min_size=1, max_size=4, unique=True), st.integers(1, 10**9))
def test_yaml_keeps_every_sign_of_names_and_ids(name: str, models: list[str], above: int) -> None:
    written = {
        "Providers": [
            {"name": name, "api_base_url": "http://localhost:1/v1", "api_key": "k$1", "models": models}
        ],
        "Router": {"longContext": f"{name},{models[0]}", "longContextThreshold": above},
    }
    try:
        imported = decode_ccr(json.encode(written).decode(), "config.json", {})
    except ConfigurationError:
        assume(False)
        raise
    text = encode_yaml(imported.configuration, imported.references, imported.spelled)
    environ = dict.fromkeys(imported.unset, "k$1")
    tree = decode_yaml(text, "trunkline.yaml")
    assert plain(decode_document(Reading("trunkline.yaml", environ), tree)) == plain(imported.configuration)


def test_T67_others_can_read_its_credentials(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(
        '{"Providers": [{"name": "a", "api_base_url": "https://a.example.com/v1", "api_key": "k"}], "Router": {"default": "a,m"}}'
    )
    path.chmod(0o644)
    (warning,) = load_file(path, {}).warnings
    assert warning.endswith(
        f"holds credentials (Providers[0].api_key) and others can read it: run chmod 600 {path}"
    )


def test_where_it_comes_in_the_order(tmp_path: Path) -> None:
    folder = tmp_path / ".claude-code-router"
    folder.mkdir()
    file = folder / "config.json"
    file.write_text(
        '{"Providers": [{"name": "a", "api_base_url": "https://a.example.com/v1"}], "Router": {"default": "a,m"}}'
    )
    home = {"HOME": str(tmp_path)}
    assert load(None, home).source == str(file)
    assert load(None, home | {"OPENAI_API_KEY": "k"}).source == str(file)
    own = tmp_path / ".config" / "trunkline" / "config.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("providers: {ollama: {models: [m]}}")
    assert load(None, home).source == str(own)
    assert load(str(file), home).source == str(file)
    assert load(None, home | {"TRUNKLINE_CONFIG": str(file)}).source == str(file)


def test_the_empty_file_that_ccr_writes_by_itself_hides_nothing(tmp_path: Path) -> None:
    folder = tmp_path / ".claude-code-router"
    folder.mkdir()
    (folder / "config.json").write_text('{"PORT": 3456, "Providers": [], "Router": {}}')
    home = {"HOME": str(tmp_path)}
    assert load(None, home).source == "rehearsal"
    found = load(None, home | {"OPENAI_API_KEY": "k"})
    assert found.source == "environment"
    assert "without a usable provider: it is left aside" in found.warnings[-1]


def test_a_file_whose_providers_are_all_broken_is_not_left_aside(tmp_path: Path) -> None:
    file = tmp_path / ".claude-code-router" / "config.json"
    file.parent.mkdir()
    file.write_text(
        '{"Providers": [{"name": "a", "api_bas_url": "https://a.example.com/v1"}], "Router": {"default": "a,m"}}'
    )
    for environ in ({"HOME": str(tmp_path)}, {"HOME": str(tmp_path), "OPENAI_API_KEY": "k"}):
        with pytest.raises(ConfigurationError, match="no usable provider is configured"):
            load(None, environ)


def test_the_line_of_a_provider_as_others_name_it(configs: Path) -> None:
    path = str(configs / "every_form.json5")
    assert line_in(path, "providers.native.speaks") == 9
    assert line_in(path, "providers.local.speaks.gemini") == 11
    assert line_in(path, "providers.gone.speaks") == 5
    assert line_in(path, "routes.default") is None
    assert line_in(str(configs / "guide_aliases.json"), "providers.azure.url") == 4
