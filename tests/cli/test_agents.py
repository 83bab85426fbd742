"""How each agent is pointed at the gateway: values only, nothing is started and nothing of the user's is written."""

import json
from pathlib import Path

import msgspec
import pytest

from trunkline.cli.agents.agent import Scene, Wiring
from trunkline.cli.agents.prepare import environment, is_served, usual_model, write_files
from trunkline.cli.agents.shells import SHELLS, exports, masked, usual_shell
from trunkline.cli.agents.table import AGENTS
from trunkline.config.schema import Configuration, ModelName, ProviderSettings, RouteRule
from trunkline.config.secret import Secret

URL = "http://127.0.0.1:3456"
KEY = "sk-CANARY-4f9a77d1c3"


def scene(folder: Path, **changes: object) -> Scene:
    usual = {
        "url": URL,
        "key": Secret(KEY),
        "model": "sonnet",
        "models": ("sonnet", "gpt-5.5"),
        "environ": {"HOME": str(folder / "home")},
        "folder": folder / "ours",
    }
    return Scene(**{**usual, **changes})


def given(wiring: Wiring, **environ: str) -> dict[str, str]:
    return environment(wiring, environ)


@pytest.mark.parametrize("agent", AGENTS.values(), ids=lambda agent: agent.name)
def test_the_key_is_in_variables_only(agent, tmp_path: Path) -> None:
    wiring = agent.wire(scene(tmp_path))
    assert KEY not in " ".join(wiring.arguments)
    assert all(KEY.encode() not in data for data in wiring.files.values())
    assert KEY in given(wiring).values()
    assert KEY not in " ".join(masked(value) for value in wiring.values.values())
    assert KEY not in repr(wiring)
    assert not {wiring.removed} & set(wiring.values)


@pytest.mark.parametrize("agent", AGENTS.values(), ids=lambda agent: agent.name)
def test_only_files_of_ours_are_written(agent, tmp_path: Path) -> None:
    for folder in (".gemini", ".qwen", ".codex", ".config/crush", "forge"):
        (tmp_path / "home" / folder).mkdir(parents=True)
        (tmp_path / "home" / folder / "settings.json").write_text('{"theirs": 1}')
    wiring = agent.wire(scene(tmp_path))
    for path in (*wiring.files, *wiring.links, *wiring.stale):
        assert path.is_relative_to(tmp_path / "ours")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "home").rglob("*")}
    write_files(wiring)
    write_files(wiring)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "home").rglob("*")} == before


@pytest.mark.parametrize("agent", AGENTS.values(), ids=lambda agent: agent.name)
def test_a_proxy_does_not_get_between(agent, tmp_path: Path) -> None:
    wired = given(agent.wire(scene(tmp_path, environ={"NO_PROXY": "corp.example"})))
    assert wired["NO_PROXY"] == wired["no_proxy"] == "corp.example,127.0.0.1,localhost,::1"
    assert "NO_PROXY" not in agent.wire(scene(tmp_path, environ={"no_proxy": "*"})).values


def test_claude(tmp_path: Path) -> None:
    wiring = AGENTS["claude"].wire(
        scene(tmp_path, environ={"API_TIMEOUT_MS": "5", "DISABLE_TELEMETRY": "0"})
    )
    wired = given(wiring, ANTHROPIC_API_KEY="mine", CLAUDE_CODE_USE_BEDROCK="1", OTHER="x")
    assert wired["ANTHROPIC_BASE_URL"] == URL
    assert wired["ANTHROPIC_AUTH_TOKEN"] == KEY
    assert wired["ANTHROPIC_MODEL"] == "sonnet"
    assert wired["OTHER"] == "x"
    assert not {
        "ANTHROPIC_API_KEY",
        "CLAUDE_CODE_USE_BEDROCK",
        "API_TIMEOUT_MS",
        "DISABLE_TELEMETRY",
    } & set(wired)
    assert "ANTHROPIC_MODEL" not in AGENTS["claude"].wire(scene(tmp_path, model=None)).values


def test_gemini_keeps_the_settings_and_files_of_the_user_but_for_the_login(tmp_path: Path) -> None:
    own = tmp_path / "home" / ".gemini"
    own.mkdir(parents=True)
    (own / "GEMINI.md").write_text("Be brief.")
    (own / "settings.json").write_text(
        '{"security": {"auth": {"selectedType": "oauth-personal"}, "x": 1}, "ui": {"theme": "Dark"}, /* c */}'
    )
    wiring = AGENTS["gemini"].wire(scene(tmp_path))
    write_files(wiring)
    wired = given(wiring, GOOGLE_GENAI_USE_VERTEXAI="true")
    assert "GOOGLE_GENAI_USE_VERTEXAI" not in wired
    assert (wired["GOOGLE_GEMINI_BASE_URL"], wired["GEMINI_API_KEY"], wired["GEMINI_MODEL"]) == (
        URL,
        KEY,
        "sonnet",
    )
    ours = Path(wired["GEMINI_CLI_HOME"]) / ".gemini"
    assert json.loads((ours / "settings.json").read_text()) == {
        "security": {"auth": {"selectedType": "gemini-api-key"}, "x": 1},
        "ui": {"theme": "Dark"},
    }
    assert (ours / "GEMINI.md").read_text() == "Be brief."


def test_a_settings_file_that_cannot_be_read_is_not_hidden(command) -> None:
    (command.home / ".gemini").mkdir()
    (command.home / ".gemini" / "settings.json").write_text('{"security": ')
    result = command("launch", "gemini", "--dry-run", "--port", "9")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("trunkline: Cannot lay our settings over ")
    assert result.err.count("\n") == 1


def test_opencode_gets_the_models_of_the_gateway(tmp_path: Path) -> None:
    wired = given(AGENTS["opencode"].wire(scene(tmp_path, models=("claude-haiku-4-5", "gpt-5.5"))))
    inline = json.loads(wired["OPENCODE_CONFIG_CONTENT"])
    assert (inline["model"], inline["small_model"]) == ("trunkline/sonnet", "trunkline/sonnet")
    provider = inline["provider"]["trunkline"]
    assert provider["options"] == {"baseURL": f"{URL}/v1", "apiKey": "{env:TRUNKLINE_CLIENT_KEY}"}
    assert {name: model.get("provider") for name, model in provider["models"].items()} == {
        "sonnet": {"npm": "@ai-sdk/anthropic"},
        "claude-haiku-4-5": {"npm": "@ai-sdk/anthropic"},
        "gpt-5.5": None,
    }
    assert provider["models"]["claude-haiku-4-5"]["limit"]["context"] == 200_000


def test_crush_has_its_own_configuration_under_ours(tmp_path: Path) -> None:
    own = tmp_path / "home" / ".config" / "crush"
    own.mkdir(parents=True)
    (own / "crush.json").write_text(
        '{"options": {"debug": true}, "providers": {"mine": {"type": "openai"}}}'
    )
    wiring = AGENTS["crush"].wire(scene(tmp_path))
    write_files(wiring)
    wired = given(wiring)
    found = json.loads((Path(wired["CRUSH_GLOBAL_CONFIG"]) / "crush.json").read_text())
    assert found["options"] == {"debug": True}
    assert set(found["providers"]) == {"mine", "trunkline"}
    assert found["providers"]["trunkline"]["api_key"] == "$TRUNKLINE_CLIENT_KEY"
    assert found["models"]["large"] == {"provider": "trunkline", "model": "sonnet"}
    assert f"source {own}/crushrc" in (Path(wired["CRUSH_GLOBAL_CONFIG"]) / "crushrc").read_text()


def test_forge_makes_its_credentials_anew(tmp_path: Path) -> None:
    wiring = AGENTS["forge"].wire(scene(tmp_path))
    wired = given(wiring)
    stale = Path(wired["FORGE_CONFIG"]) / ".credentials.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("[]")
    write_files(wiring)
    assert not stale.exists()
    assert (wired["OPENAI_URL"], wired["OPENAI_API_KEY"]) == (f"{URL}/v1", KEY)
    assert (wired["FORGE_SESSION__PROVIDER_ID"], wired["FORGE_SESSION__MODEL_ID"]) == (
        "openai_compatible",
        "sonnet",
    )


def test_aider_asks_in_the_protocol_that_fits_the_model(tmp_path: Path) -> None:
    agent = AGENTS["aider"]
    assert given(agent.wire(scene(tmp_path)))["AIDER_MODEL"] == "anthropic/sonnet"
    wired = given(agent.wire(scene(tmp_path, model="local/qwen3-coder")))
    assert wired["AIDER_MODEL"] == "openai/local/qwen3-coder"
    assert (wired["OPENAI_API_BASE"], wired["ANTHROPIC_API_BASE"]) == (f"{URL}/v1", URL)


def test_qwen(tmp_path: Path) -> None:
    wiring = AGENTS["qwen"].wire(scene(tmp_path, model=None))
    wired = given(wiring, QWEN_OAUTH="1")
    assert (wired["OPENAI_BASE_URL"], wired["OPENAI_API_KEY"]) == (f"{URL}/v1", KEY)
    assert wired["OPENAI_MODEL"] == "qwen3-coder-plus"
    assert "QWEN_OAUTH" not in wired
    (settings,) = wiring.files.values()
    assert msgspec.json.decode(settings)["security"]["auth"]["selectedType"] == "openai"


def test_which_model_is_asked_for_when_nobody_says() -> None:
    to = ModelName("fast", ("p/m",))
    routed = Configuration(source="x", routes=(("default", RouteRule(to=("p/m",))),))
    assert usual_model("gpt-5.5", Configuration(source="x", any_name=True), ()) is None
    assert usual_model("gpt-5.5", routed, ("gpt-5.5",)) is None
    assert usual_model("gpt-5.5", routed, ("m",)) == "sonnet"
    assert usual_model(None, Configuration(source="x"), ("m", "databricks-claude-sonnet-4-5")) == "sonnet"
    assert usual_model("sonnet", Configuration(source="x", models=(to,)), ("fast", "m")) == "fast"
    assert usual_model("gpt-5.5", Configuration(source="x"), ()) is None
    providers = Configuration(source="x", providers=(("near", ProviderSettings(kind="ollama")),))
    assert is_served("near/anything", providers, ())
    assert not is_served("far/anything", providers, ())
    assert is_served("gpt-9", Configuration(source="x", models=(ModelName("gpt-*", ("p/m",)),)), ())


def test_shells() -> None:
    assert usual_shell({"SHELL": "/usr/bin/fish"}) == "fish"
    assert usual_shell({"SHELL": "/bin/dash"}) == "bash"
    assert usual_shell({}) == "bash"
    wiring = Wiring(values={"A": Secret("it's $x"), "B": "b"}, removed=("C",), arguments=("-c", 'm="a b"'))
    printed = {shell: exports(wiring, "codex", shell).splitlines() for shell in SHELLS}
    assert printed["bash"] == printed["zsh"]
    assert printed["bash"] == [
        "unset C",
        """export A='it'"'"'s $x'""",
        "export B=b",
        """codex() { command codex -c 'm="a b"' "$@"; }""",
    ]
    assert printed["fish"] == [
        "set -e C",
        r"""set -gx A 'it\'s $x'""",
        "set -gx B b",
        """function codex; command codex -c 'm="a b"' $argv; end""",
    ]
    assert printed["pwsh"][:3] == [
        "Remove-Item Env:C -ErrorAction SilentlyContinue",
        "$env:A = 'it''s $x'",
        "$env:B = 'b'",
    ]
