"""``trunkline launch`` and ``trunkline code``: what an agent is given, and that nothing else is touched."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.server

KEY = "sk-CANARY-4f9a77d1c3"
FAKE = """\
#!{python}
import json, os, sys
try:
    stdin = sys.stdin.read() if sys.stdin else None
except OSError:
    stdin = None
seen = {{"argv": sys.argv[1:], "environ": dict(os.environ), "stdin": stdin, "cwd": os.getcwd()}}
open({seen!r}, "w").write(json.dumps(seen))
print("out")
print("err", file=sys.stderr)
if os.environ.get("DIE"):
    os.kill(os.getpid(), int(os.environ["DIE"]))
sys.exit(int(os.environ.get("CODE", "0")))
"""
CONFIG = """\
server: {port: 0, keys: ["${CLIENT_KEY}"]}
providers: {rehearsal: {kind: rehearsal}}
models: {"*": rehearsal/rehearsal}
routes: {default: rehearsal/rehearsal}
"""


class Agent:
    """A program that writes down what it was given."""

    def __init__(self, folder: Path, name: str) -> None:
        self.seen = folder / f"{name}.json"
        self.path = folder / "bin"
        self.path.mkdir(exist_ok=True)
        program = self.path / name
        program.write_text(FAKE.format(python=sys.executable, seen=str(self.seen)))
        program.chmod(0o755)

    def was_given(self) -> dict[str, object]:
        return json.loads(self.seen.read_text())


@pytest.fixture
def on_path(tmp_path: Path):
    def make(name: str) -> Agent:
        agent = Agent(tmp_path, name)
        assert os.pathsep not in str(agent.path)
        return agent

    return make


@pytest.fixture
def keyed(background) -> dict[str, str]:
    """The environment of a gateway with a client key, which runs on a free port."""
    path = background.home / "keyed.yaml"
    path.write_text(CONFIG)
    environ = {"TRUNKLINE_CONFIG": str(path), "CLIENT_KEY": KEY}
    started = background("start", "--json", **environ)
    assert started.code == 0, started.err
    return {**environ, "URL": json.loads(started.out)["url"]}


def path_with(agent: Agent) -> str:
    return f"{agent.path}{os.pathsep}{os.environ['PATH']}"


def test_code_passes_everything_untouched(background, on_path, keyed) -> None:
    agent = on_path("claude")
    words = ["-p", "fix $HOME `x`", "--help", "--", "--model", "m", "", "--version", "ein \n Wort"]
    result = background(
        "code", *words, stdin="typed", CODE="7", ANTHROPIC_API_KEY="mine", PATH=path_with(agent), **keyed
    )
    assert (result.code, result.out, result.err) == (7, "out\n", "err\n")
    given = agent.was_given()
    assert (given["argv"], given["stdin"]) == (words, "typed")
    environ = given["environ"]
    assert environ["ANTHROPIC_BASE_URL"] == keyed["URL"]
    assert environ["ANTHROPIC_AUTH_TOKEN"] == KEY
    assert "ANTHROPIC_API_KEY" not in environ
    assert environ["NO_PROXY"] == "127.0.0.1,localhost,::1"
    assert environ["CLIENT_KEY"] == KEY


def test_settings_that_lead_past_the_gateway_are_named(background, on_path, keyed) -> None:
    agent = on_path("claude")
    own = background.home / ".claude" / "settings.json"
    own.parent.mkdir()
    for text, names in (
        ('{"env": {"ANTHROPIC_BASE_URL": "https://elsewhere.example.com", "OTHER": 1}}', "ANTHROPIC_BASE_URL"),
        ('{"env": {"ANTHROPIC_API_KEY": "mine", "CLAUDE_CODE_USE_BEDROCK": "1"}}', "ANTHROPIC_API_KEY, CLAUDE_CODE_USE_BEDROCK"),
        (f'{{"env": {{"ANTHROPIC_BASE_URL": "{keyed["URL"]}"}}, "model": "opus"}}', ""),
        ("{ not JSON", ""),
    ):  # fmt: skip
        own.write_text(text)
        result = background("code", PATH=path_with(agent), **keyed)
        warned = f"trunkline: warning: {own} sets {names}, which Claude Code prefers" if names else "err\n"
        assert result.code == 0
        assert result.err.startswith(warned)
        assert result.err.count("\n") == (2 if names else 1)
        assert "mine" not in result.err


def test_a_signal_that_ends_the_agent_is_the_end_of_the_command(background, on_path, keyed) -> None:
    result = background("code", DIE=str(int(signal.SIGTERM)), PATH=path_with(on_path("claude")), **keyed)
    assert result.code == -signal.SIGTERM


def test_code_starts_the_gateway_and_works_headless(background, on_path) -> None:
    agent = on_path("claude")
    (background.home / "tl.yaml").write_text(CONFIG.replace(', keys: ["${CLIENT_KEY}"]', ""))
    background.home.chmod(0o500)
    environ = background.environ(
        {"TERM": "dumb", "PATH": path_with(agent), "TRUNKLINE_CONFIG": str(background.home / "tl.yaml")}
    )
    try:
        done = subprocess.run(
            f"exec {sys.executable} -m trunkline code -p hello <&-",
            shell=True,
            capture_output=True,
            text=True,
            timeout=60,
            env=environ,
            cwd=background.home,
            check=False,
        )
    finally:
        background.home.chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out\n"
    assert done.stderr.splitlines()[0].startswith("trunkline: started the gateway at http://127.0.0.1:")
    given = agent.was_given()
    assert given["stdin"] is None
    assert given["environ"]["ANTHROPIC_AUTH_TOKEN"] == "trunkline"
    assert given["environ"]["TERM"] == "dumb"
    status = json.loads(background("status", "--json", TRUNKLINE_CONFIG=environ["TRUNKLINE_CONFIG"]).out)
    assert given["environ"]["ANTHROPIC_BASE_URL"] == f"http://127.0.0.1:{status['port']}"
    assert status["pid"] == int((background.home / "tl" / "trunkline.pid").read_text())


def test_an_agent_that_is_not_installed_is_one_line(background, tmp_path) -> None:
    for words, program, install in (
        (("code",), "claude", "npm install -g @anthropic-ai/claude-code"),
        (("launch", "codex"), "codex", "npm install -g @openai/codex"),
    ):
        result = background(*words, PATH=str(tmp_path))
        assert (result.code, result.out) == (1, "")
        assert result.err.count("\n") == 1
        assert f"{program} is not on PATH" in result.err
        assert result.err.endswith(f"Install it with: {install}\n")
    assert not list(background.home.rglob("service.json"))


def test_an_option_of_the_agent_in_the_wrong_place_is_told_where_it_belongs(background) -> None:
    result = background("launch", "claude", "-p", "hello")
    assert (result.code, result.out) == (2, "")
    assert result.err.endswith("No such option -p. What is for the agent comes after --.\n")


def test_a_model_that_the_gateway_does_not_list_is_said_but_not_refused(background, on_path) -> None:
    path = background.home / "few.yaml"
    path.write_text(
        "server: {port: 0}\nproviders: {rehearsal: {kind: rehearsal, models: [small]}}\nmodels: {fast: rehearsal/small}\n"
    )
    environ = {"TRUNKLINE_CONFIG": str(path), "PATH": path_with(on_path("codex"))}
    for model, warning in (
        ("fsat", 'trunkline: warning: the gateway lists no model "fsat". Did you mean "fast"?\n'),
        ("fast", ""),
        ("rehearsal/unlisted", ""),
    ):
        result = background("launch", "codex", "--model", model, "--", "exec", **environ)
        assert result.code == 0
        assert result.err.splitlines(keepends=True)[-2:] == [
            line for line in (warning, "err\n") if line
        ] or (not warning and result.err == "err\n")


def test_ccr_names_the_program_by_a_variable_of_its_own(background, on_path, keyed, tmp_path) -> None:
    agent = on_path("claude")
    place = str(agent.path / "claude")
    assert background("code", CLAUDE_PATH=place, PATH=str(tmp_path), **keyed).code == 0
    wrong = background("code", CLAUDE_PATH="/nowhere/claude", PATH=path_with(agent), **keyed)
    assert (wrong.code, "CLAUDE_PATH names /nowhere/claude, which is no program" in wrong.err) == (1, True)


def test_a_gateway_that_runs_already_is_used_wherever_it_listens(serve, command, on_path) -> None:
    agent, gateway = on_path("claude"), serve()
    result = command("launch", "claude", "--port", str(gateway.port), PATH=path_with(agent))
    assert (result.code, result.err) == (0, "err\n")
    assert agent.was_given()["environ"]["ANTHROPIC_BASE_URL"] == gateway.url


def test_the_key_is_neither_printed_nor_an_argument(background, on_path, keyed) -> None:
    result = background("launch", "codex", "--model", "sonnet", "--dry-run", "--", "exec", "x", **keyed)
    assert KEY not in result.out + result.err
    assert "set      TRUNKLINE_CLIENT_KEY=****" in result.out
    told = json.loads(background("launch", "codex", "--dry-run", "--json", **keyed).out)
    assert told["set"]["TRUNKLINE_CLIENT_KEY"] == "****"
    assert told["running"] is True
    agent = on_path("codex")
    result = background(
        "launch", "codex", "--model", "sonnet", "--", "exec", "x", PATH=path_with(agent), **keyed
    )
    given = agent.was_given()
    assert given["environ"]["TRUNKLINE_CLIENT_KEY"] == KEY
    assert KEY not in " ".join(given["argv"]) + result.out + result.err
    overrides = dict(word.split("=", 1) for word in given["argv"][1:-2:2])
    assert given["argv"][-2:] == ["exec", "x"]
    assert set(given["argv"][:-2:2]) == {"-c"}
    assert overrides == {
        "model_provider": '"trunkline"',
        "model_providers.trunkline.name": '"Trunkline"',
        "model_providers.trunkline.base_url": f'"{keyed["URL"]}/v1"',
        "model_providers.trunkline.env_key": '"TRUNKLINE_CLIENT_KEY"',
        "model_providers.trunkline.wire_api": '"responses"',
        "model_providers.trunkline.supports_websockets": "true",
        "model": '"sonnet"',
    }
    service = next(background.home.rglob("service.json"))
    assert KEY not in service.read_text()
    for file in background.home.rglob("ccr-*.log"):
        assert KEY not in file.read_text()
    pid = json.loads(service.read_text())["pid"]
    if Path("/proc/self/cmdline").exists():
        assert KEY not in Path(f"/proc/{pid}/cmdline").read_text()


def test_print_env_is_for_a_shell_to_evaluate(background, on_path, keyed) -> None:
    printed = background("launch", "claude", "--print-env", "--shell", "bash", **keyed).out
    script = f'{printed}\nprintf "%s %s ${{ANTHROPIC_API_KEY-unset}}" "$ANTHROPIC_BASE_URL" "$ANTHROPIC_AUTH_TOKEN"'
    done = subprocess.run(
        ["sh", "-c", script], env={"ANTHROPIC_API_KEY": "mine"}, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{keyed['URL']} {KEY} unset"
    agent = on_path("codex")
    printed = background(
        "launch", "codex", "--print-env", "--model", "it's", "--shell", "bash", **keyed
    ).out
    subprocess.run(
        ["sh", "-c", f"{printed}\ncodex exec 'two words'"],
        env={"PATH": path_with(agent)},
        capture_output=True,
        check=True,
    )
    assert agent.was_given()["argv"][-3:] == ['model="it\'s"', "exec", "two words"]


def test_print_env_for_fish(background, keyed) -> None:
    if shutil.which("fish") is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)("fish is not installed")
    printed = background("launch", "claude", "--print-env", "--shell", "fish", **keyed).out
    done = subprocess.run(
        ["fish", "-c", f"{printed}\necho $ANTHROPIC_AUTH_TOKEN"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{KEY}\n"
