"""Presets: what goes into one, what is refused, and that one runs."""

import json
import os
import sys
from pathlib import Path

import pytest

from trunkline.config.presets.manifest import PresetError, checked_name, without_secrets

CANARY = "sk-CANARY-4f9a77d1c3"
OWN = f"""\
server: {{port: 0, keys: [{CANARY}]}}
providers:
  local: {{kind: ollama, models: [m]}}
  far: {{kind: openai, token: {CANARY}, headers: {{x-team: {CANARY}}}}}
  near: {{kind: anthropic, token: "${{MINE}}"}}
routes: {{default: local/m}}
"""
CCR = f"""{{
  "APIKEY": "{CANARY}", // mine
  "transformers": [{{"path": "/x/evil.js"}}],
  "CUSTOM_ROUTER_PATH": "/x/router.js",
  "Providers": [
    {{"name": "one", "api_base_url": "https://one.example/v1", "api_key": "{CANARY}", "models": ["m"]}},
    {{"name": "two", "api_base_url": "https://two.example/v1", "api_key": "$TWO", "models": ["m"]}},
  ],
  "Router": {{"default": "one,m"}},
}}"""


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        (OWN, {"SERVER_KEYS", "FAR_TOKEN", "HEADERS_X_TEAM"}),
        (CCR, {"APIKEY", "ONE_API_KEY"}),
    ],
    ids=["own", "ccr"],
)
def test_T88_an_export_holds_no_secret_and_runs_nothing(command, text: str, variables: set[str]) -> None:
    file = command.home / "config"
    file.write_text(text)
    file.chmod(0o600)
    result = command("preset", "export", "team", "--json", "--config", str(file), MINE="x", TWO="x")
    assert result.code == 0, result.err
    assert set(json.loads(result.out)["variables"]) == variables
    written = (command.home / "team.json").read_text()
    assert CANARY not in written + result.out
    assert "evil" not in written
    assert "router.js" not in written
    assert ("${MINE}" in written) == ("${MINE}" in text)
    again = command("preset", "export", "team", "--config", str(file), MINE="x", TWO="x")
    assert (again.code, again.err.count("\n")) == (1, 1)
    installed = command("preset", "install", "team.json", "--json")
    assert installed.code == 0, installed.err
    assert variables <= set(json.loads(installed.out)["variables"])
    environ = dict.fromkeys([*variables, "MINE", "TWO"], "v")
    config = next(command.home.rglob("presets/team/config.json"))
    assert command("config", "check", "--config", str(config), **environ).code == 0
    assert config.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "a\\\\b", "..", "", "a..b", ".hidden", "x" * 65, "a b", "é"]
)
def test_T86_a_name_is_no_path(name: str) -> None:
    with pytest.raises(PresetError):
        checked_name(name)


REFUSED = [
    ({"transformers": [{"path": "evil.js"}]}, "what would be run"),
    ({"Providers": [{"name": "x", "scriptPath": "evil.js"}]}, "what would be run"),
    ({"template": {"CUSTOM_ROUTER_PATH": "x"}}, "what would be run"),
    ({"REWRITE_SYSTEM_PROMPT": "/etc/hostname"}, "what would be run or sent"),
    (
        {"template": {"prompt": {"file": "/etc/hostname"}}},
        "template.prompt.file names what would be run or sent",
    ),
    (
        {"name": "x", "configMappings": [{"target": "a[9]", "value": 1}]},
        "is no place in this configuration",
    ),
    ({"name": "../../up", "Router": {}}, "cannot be the name"),
    ({"name": "x", "Providers": [{"name": "p", "api_key": CANARY}]}, "credential in clear"),
    ({"name": "x", "schema": [{"id": "m", "type": "input"}], "Router": {"default": "#{m}"}}, "asks for m"),
    ([], "is no preset"),
]


@pytest.mark.parametrize(("manifest", "message"), REFUSED)
def test_what_is_not_taken_in(command, manifest: object, message: str) -> None:
    (command.home / "p.json").write_text(json.dumps(manifest))
    result = command("preset", "install", "p.json")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert message in result.err
    assert CANARY not in result.err
    assert not list(command.home.rglob("presets"))


def test_blanks_are_filled_in_but_for_passwords(command) -> None:
    folder = command.home / "shared"
    folder.mkdir()
    manifest = {
        "description": "For all",
        "schema": [
            {"id": "model", "type": "input", "defaultValue": "m1"},
            {"id": "host", "type": "input"},
            {"id": "key", "type": "password"},
        ],
        "Providers": [
            {
                "name": "p",
                "api_base_url": "https://{{host}}/v1",
                "api_key": "#{key}",
                "models": ["#{model}"],
            }
        ],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    result = command("preset", "install", "./shared", "--set", "host=h.example")
    assert result.code == 0, result.err
    assert "talks to https://h.example/v1" in result.out
    assert "needs KEY in the environment (not set now)" in result.out
    config = json.loads(next(command.home.rglob("presets/shared/config.json")).read_text())
    assert config["Providers"][0] == {
        "name": "p", "api_base_url": "https://h.example/v1", "api_key": "${KEY}", "models": ["m1"],
    }  # fmt: skip
    listed = json.loads(command("preset", "list", "--json").out)
    assert listed["presets"] == [{"name": "shared", "description": "For all"}]
    assert command("preset", "install", "shared", "--set", "host=h.example").code == 1
    assert (
        "does not ask for nothing"
        in command("preset", "install", "shared", "--force", "--set", "host=h", "--set", "nothing=1").err
    )
    assert command("preset", "delete", "shared").code == 0
    gone = command("preset", "run", "shared")
    assert (gone.code, gone.err) == (1, 'trunkline: There is no preset "shared". Installed: none.\n')


def test_secrets_are_told_by_their_names() -> None:
    value, found = without_secrets(
        {"max_tokens": "8", "tokenizer": "x", "apiKey": "a", "nested": [{"password": "b"}]}
    )
    assert value == {
        "max_tokens": "8", "tokenizer": "x", "apiKey": "${APIKEY}", "nested": [{"password": "${NESTED_PASSWORD}"}],
    }  # fmt: skip
    assert found == {"APIKEY": "apiKey", "NESTED_PASSWORD": "nested.0.password"}


@pytest.mark.server
def test_a_preset_runs_on_a_gateway_of_its_own(background) -> None:
    program = background.home / "bin" / "claude"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport os\nprint(os.environ['ANTHROPIC_BASE_URL'])\n")
    program.chmod(0o755)
    preset = {
        "name": "try",
        "providers": {"rehearsal": {"kind": "rehearsal"}},
        "routes": {"default": "rehearsal/x"},
    }
    (background.home / "try.json").write_text(json.dumps(preset))
    assert background("preset", "install", "try.json").code == 0
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    first = background("preset", "run", "try", PATH=path)
    assert first.code == 0, first.err
    assert background("preset", "run", "try", PATH=path).out == first.out
    assert background("preset", "delete", "try").code == 1
    assert background("preset", "stop", "try").out.startswith("Stopped")
    assert background("preset", "delete", "try").code == 0
    assert not list(Path(background.home).rglob("presets/try"))
