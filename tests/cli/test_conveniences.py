"""Small commands for people who come from claude-code-router: activate, ui, help, ccr-alias, a unit of systemd."""

import configparser
import json
import subprocess
from pathlib import Path

import pytest

KEY = "sk-CANARY-4f9a77d1c3"
CONFIG = "server: {port: 4123, keys: ['${CLIENT_KEY}']}\nproviders: {rehearsal: {kind: rehearsal}}\n"


@pytest.mark.parametrize("name", ["activate", "env"])
def test_activate_needs_no_gateway(command, name: str) -> None:
    path = command.home / "tl.yaml"
    path.write_text(CONFIG)
    result = command(name, "--shell", "zsh", TRUNKLINE_CONFIG=str(path), CLIENT_KEY=KEY)
    assert (result.code, result.err) == (0, "")
    done = subprocess.run(
        [
            "sh",
            "-c",
            f'{result.out}\necho "$ANTHROPIC_BASE_URL $ANTHROPIC_AUTH_TOKEN ${{ANTHROPIC_API_KEY-none}}"',
        ],
        env={"ANTHROPIC_API_KEY": "x"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"http://127.0.0.1:4123 {KEY} none\n"
    fish = command(name, TRUNKLINE_CONFIG=str(path), CLIENT_KEY=KEY, SHELL="/usr/bin/fish")
    assert f"set -gx ANTHROPIC_AUTH_TOKEN {KEY}\n" in fish.out


def test_help(command) -> None:
    assert command("help").out == command("--help").out
    assert command("help", "config").out == command("config", "--help").out
    wrong = command("help", "serv")
    assert (wrong.code, 'Did you mean "serve"?' in wrong.err) == (2, True)


def test_ccr_alias(command) -> None:
    folder = command.home / "bin"
    made = command("ccr-alias", "install", "--folder", str(folder))
    assert (made.code, made.out) == (0, f"Installed {folder}/ccr.\n")
    done = subprocess.run(
        [folder / "ccr", "version"], env=command.environ({}), capture_output=True, text=True, check=True
    )
    assert done.stdout == command("version").out
    assert command("ccr-alias", "install", "--folder", str(folder)).code == 0
    assert command("ccr-alias", "remove", "--folder", str(folder)).code == 0
    assert not (folder / "ccr").exists()
    assert command("ccr-alias", "remove", "--folder", str(folder)).code == 0


def test_ccr_alias_leaves_the_real_one_alone(command) -> None:
    folder = command.home / "bin"
    folder.mkdir()
    (folder / "ccr").write_text("#!/usr/bin/env node\n")
    for verb in ("install", "remove"):
        result = command("ccr-alias", verb, "--folder", str(folder))
        assert (result.code, result.err.count("\n")) == (1, 1)
    assert (folder / "ccr").read_text() == "#!/usr/bin/env node\n"


def test_a_unit_for_systemd(command) -> None:
    folder = command.home / '50% "of" it'
    folder.mkdir()
    path = folder / "tl.yaml"
    path.write_text(CONFIG)
    result = command("start", "--service", "--json", "--config", str(path), CLIENT_KEY=KEY)
    assert result.code == 0, result.err
    told = json.loads(result.out)
    assert told["commands"] == [
        "systemctl --user daemon-reload",
        "systemctl --user enable --now trunkline.service",
    ]
    unit = Path(told["unit"])
    assert unit == command.home / ".config" / "systemd" / "user" / "trunkline.service"
    text = unit.read_text()
    assert KEY not in text
    assert Path(told["environment"]).stat().st_mode & 0o777 == 0o600
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string(text)
    start = parser["Service"]["ExecStart"]
    assert '"start" "--foreground" "--host" "127.0.0.1" "--port" "4123"' in start
    assert start.endswith('/50%% \\"of\\" it/tl.yaml"')
    assert parser["Install"]["WantedBy"] == "default.target"
    assert command("start", "--system").code == 2
