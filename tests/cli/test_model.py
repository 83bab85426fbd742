"""Changing a route from the command line: one value, and not a character more."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

YAML = """\
# mine
providers:
  local: {kind: custom, speaks: {openai_chat: "http://127.0.0.1:9/v1"}, models: [qwen3, "glm:4"]}
  other: {kind: openai, token: "${KEY}"}
routes:            # who does what
    default: local/qwen3     # fast
    think: [local/qwen3, other/o9]
    longContext: {to: local/qwen3, above: 60000}  # long
"""
FLOW = 'providers: {local: {kind: ollama, models: [m]}}\nroutes: {default: local/m, think: "local/m"} # c\n'
BARE = "providers: {local: {kind: ollama, models: [m, n]}}"
CCR = """\
{
  // mine
  "Providers": [{"name": "local", "api_base_url": "http://127.0.0.1:9/v1", "api_key": "k", "models": ["qwen3", "n"]}],
  "Router": {
    "default": "local,qwen3", // fast
    'think': 'local,qwen3',
  },
}
"""
CASES = [
    (YAML, "default", "other/o9", "    default: local/qwen3 ", "    default: other/o9 "),
    (YAML, "think", "local/glm:4", "[local/qwen3, other/o9]", '"local/glm:4"'),
    (YAML, "longContext", "other/o9", "{to: local/qwen3, above", "{to: other/o9, above"),
    (YAML, "background", "other/o9", "# who does what\n", "# who does what\n    background: other/o9\n"),
    (FLOW, "think", "local/x", '"local/m"', "local/x"),
    (FLOW, "image", "local/x", "routes: {", "routes: {image: local/x, "),
    (BARE, "default", "local/n", BARE, BARE + "\n\nroutes:\n  default: local/n\n"),
    (CCR, "default", "local/n", '"local,qwen3", //', '"local,n", //'),
    (CCR, "think", "local,n", "'local,qwen3'", '"local,n"'),
    (CCR, "background", "local/n", '"Router": {', '"Router": {"background": "local,n", '),
]


@pytest.mark.parametrize(("text", "route", "target", "old", "new"), CASES)
def test_one_value_is_changed(command, text: str, route: str, target: str, old: str, new: str) -> None:
    file = command.home / "config"
    file.write_text(text)
    file.chmod(0o640)
    result = command("model", "--route", route, "--to", target, "--config", str(file), KEY="k")
    assert (result.code, result.err) == (0, "")
    assert file.read_text() == text.replace(old, new, 1)
    assert file.stat().st_mode & 0o777 == 0o640
    assert (command.home / "config.bak").read_text() == text
    shown = json.loads(command("model", "--json", "--config", str(file), KEY="k").out)
    assert shown["routes"][route] == [target.replace(",", "/")]


REFUSED = [
    (YAML, "default", "nobody/m", 'names no provider of'),
    (YAML, "default", "qwen3", 'names no provider of'),
    ("providers: {local: {kind: ollama}}\nroutes:\n  default:\n    - local/m\n", "default", "local/n", "without touching more"),
    ("providers: {local: {kind: ollama}}\nx: &a {default: local/m}\n", "default", "local/n", "unknown key"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "route", "target", "message"), REFUSED)
def test_what_is_not_changed(command, text: str, route: str, target: str, message: str) -> None:
    file = command.home / "config.yaml"
    file.write_text(text)
    result = command("model", "--route", route, "--to", target, "--config", str(file), KEY="k")
    assert result.code in (1, 3)
    assert result.err.count("\n") == 1
    assert message in result.err
    assert file.read_text() == text
    assert not file.with_name("config.yaml.bak").exists()


def test_without_a_file_there_is_nothing_to_change(command) -> None:
    result = command("model", "--route", "default", "--to", "rehearsal/x")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert command("model", "--route", "default").code == 2
    assert command("model").out.splitlines()[0] == "default      rehearsal/rehearsal"


def test_the_picker(command) -> None:
    file = command.home / "config.yaml"
    file.write_text(YAML)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "trunkline", "model", "--config", str(file)],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=command.environ({"KEY": "k", "TERM": "dumb"}),
    )
    os.write(ours, b"2\n2\n")
    out, err = process.communicate(timeout=30)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, err
    assert "2  local/glm:4" in out
    assert 'background: "local/glm:4"' in Path(file).read_text()
