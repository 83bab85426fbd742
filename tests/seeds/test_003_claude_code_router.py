"""The guide to claude-code-router as a multi-provider backend, from its installation to its pitfalls.

Ollama Cloud is a server that takes what any OpenAI-compatible one takes; ``PORT`` is 0, so that a free port is found.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agents.install import claude_code
from agents.programs.claude import QUIET
from seeds.serving import Answer, ask, eventually
from seeds.user import User, router_user, running, started
from standin import Asked, Flags, Scripted, StandIn, say

pytestmark = pytest.mark.server

MODELS = ["deepseek-v4-pro", "kimi-k2.6", "gemma3:4b"]
KEYS = ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "NO_PROXY")


def answer(asked: Asked) -> Scripted:
    return say(f"I am {asked.model}.")


@pytest.fixture
def cloud() -> Iterator[StandIn]:
    with StandIn(answer, Flags(plain=True)) as standin:
        yield standin


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    """Somebody with ``ccr`` installed, and a ``claude`` that shows how it was started."""
    with router_user(tmp_path) as user:
        show = user.home / "claude.sh"
        show.write_text('env | sort\nprintf "argument %s\\n" "$@"\ncat | sed "s/^/stdin /"\n')
        user.command("claude", "sh", str(show))
        yield user


def configured(user: User, cloud: StandIn, home: Path | None = None, **more: object) -> Path:
    """The guide's minimal example, with host and port replaced."""
    provider = {
        "name": "ollama",
        "api_base_url": f"{cloud.url}/v1/chat/completions",
        "api_key": "your-api-key",
        "models": MODELS,
        "transformer": {
            "use": ["deepseek"],
            "deepseek-v4-pro": {"use": [["maxtoken", {"max_tokens": 65536}]]},
        },
    }
    router = {
        "default": "ollama,deepseek-v4-pro",
        "think": "ollama,kimi-k2.6",
        "background": "ollama,gemma3:4b",
        "longContext": "ollama,kimi-k2.6",
    }
    file = (home or user.home) / ".claude-code-router" / "config.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"PORT": 0, "Providers": [provider], "Router": router} | more))
    file.chmod(0o600)
    return file


def message(
    url: str, text: str = "Hi", model: str = "claude-sonnet-4-5", key: str = "any", **more: object
) -> Answer:
    body = {
        "model": model,
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": text}],
        **more,
    }
    return ask(url, "POST", "/v1/messages", body, {"x-api-key": key, "anthropic-version": "2023-06-01"})


def who(answered: Answer) -> str:
    """The model that answered."""
    assert answered.status == 200, answered.body
    content = answered.json["content"]
    assert isinstance(content, list)
    return str(content[-1]["text"]).removeprefix("I am ").removesuffix(".")


def test_installation_says_its_version(user: User) -> None:
    ran = user.types("ccr --version")
    assert (ran.code, ran.out.split()[0]) == (0, "trunkline")


PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SOURCE = {"type": "base64", "media_type": "image/png", "data": PICTURE}
TASKS: dict[str, dict[str, object]] = {
    "default": {},
    "think": {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000},
    "background": {"model": "claude-haiku-4-5"},
    "longContext": {"text": "word " * 70_000},
    "webSearch": {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 1}]},
    "image": {"messages": [{"role": "user", "content": [{"type": "image", "source": SOURCE}]}]},
}


def test_the_router_concept_and_switching_models(user: User, cloud: StandIn) -> None:
    names = {task: f"for-{task.lower()}" for task in TASKS}
    provider = {
        "name": "provider_name",
        "api_base_url": f"{cloud.url}/v1/chat/completions",
        "api_key": "k",
        "models": [*names.values(), "model_name"],
    }
    router = {task: f"provider_name,{name}" for task, name in names.items()}
    configured(user, cloud, Providers=[provider], Router=router)
    url = started(user)
    answered = {task: who(message(url, **request)) for task, request in TASKS.items()}  # type: ignore[arg-type]
    assert answered == names
    assert who(message(url, model="provider_name,model_name")) == "model_name"


def test_the_minimal_example(user: User, cloud: StandIn) -> None:
    configured(user, cloud)
    url = started(user)
    expected = {
        "default": "deepseek-v4-pro",
        "think": "kimi-k2.6",
        "background": "gemma3:4b",
        "longContext": "kimi-k2.6",
    }
    for task, model in expected.items():
        assert who(message(url, **TASKS[task])) == model  # type: ignore[arg-type]
    # Subagent routing: the directive before the prompt names the model, and does not reach it.
    directive = "<CCR-SUBAGENT-MODEL>ollama,gemma3:4b</CCR-SUBAGENT-MODEL>"
    assert who(message(url, text=f"{directive}\nYour prompt here...")) == "gemma3:4b"
    assert b"SUBAGENT" not in cloud.requests[-1].body
    assert b"Your prompt here..." in cloud.requests[-1].body
    keys = {received.header("authorization") for received in cloud.requests}
    assert keys == {"Bearer your-api-key"}
    # maxtoken, of this model alone
    who(message(url, max_tokens=100_000))
    assert json.loads(cloud.requests[-1].body)["max_tokens"] == 8192, (
        "deepseek's own limit is the smaller one"
    )


def test_key_sections_and_the_transformers(user: User, cloud: StandIn) -> None:
    """APIKEY, HOST, API_TIMEOUT_MS, NON_INTERACTIVE_MODE; every transformer of the list."""
    uses = ["deepseek", "openrouter", "groq", ["maxtoken", {"max_tokens": 16384}], "tooluse", "reasoning", "sampling", "enhancetool", "cleancache"]  # fmt: skip
    providers = [
        {
            "name": f"p{index}",
            "api_base_url": f"{cloud.url}/v1/chat/completions",
            "api_key": "k",
            "models": ["m"],
            "transformer": {"use": [use]},
        }
        for index, use in enumerate(uses)
    ]
    passing = {
        "name": "direct",
        "api_base_url": f"{cloud.url}/v1/messages",
        "api_key": "k",
        "models": ["claude-sonnet-4-5"],
        "transformer": {"use": ["anthropic"]},
    }
    google = {
        "name": "google",
        "api_base_url": "https://generativelanguage.googleapis.com/v1beta/models/",
        "api_key": "k",
        "models": ["gemini-3.1-pro-preview"],
        "transformer": {"use": ["gemini"]},
    }
    file = configured(
        user,
        cloud,
        Providers=[*providers, passing, google],
        Router={"default": "p0,m"},
        HOST="0.0.0.0",
        APIKEY="secret",
        API_TIMEOUT_MS=600000,
        NON_INTERACTIVE_MODE=True,
    )
    assert user.types("ccr config check").code == 0
    url = started(user)
    assert message(url).status == 401
    for index in range(len(uses)):
        assert who(message(url, model=f"p{index},m", key="secret")) == "m"
    assert who(message(url, model="direct,claude-sonnet-4-5", key="secret")) == "claude-sonnet-4-5"
    assert user.types("ccr stop").code == 0
    # Without APIKEY nobody else is let in: HOST is forced to this machine.
    file.write_text(json.dumps(json.loads(file.read_text()) | {"APIKEY": ""}))
    assert started(user).startswith("http://127.0.0.1:")


def test_environment_variable_interpolation(user: User, cloud: StandIn) -> None:
    for spelled in ("$OPENAI_API_KEY", "${OPENAI_API_KEY}"):
        file = configured(user, cloud)
        file.write_text(file.read_text().replace("your-api-key", spelled))
        url = started(user, OPENAI_API_KEY="sk-of-the-environment")
        who(message(url))
        assert cloud.requests[-1].header("authorization") == "Bearer sk-of-the-environment"
        assert user.types("ccr stop").code == 0


def shown(out: str) -> dict[str, str]:
    """The variables that ``claude`` was started with."""
    pairs = (line.partition("=") for line in out.splitlines() if "=" in line)
    return {name: value for name, _, value in pairs}


def test_running_claude_code(user: User, cloud: StandIn) -> None:
    configured(user, cloud)
    # 1. ccr code starts what it needs, and passes its words on.
    ran = user.types('ccr code -p "Fix the bug" < /dev/null', TERM="dumb")
    assert ran.code == 0, ran.err
    url = running(user)
    found = shown(ran.out)
    assert found["ANTHROPIC_BASE_URL"] == url
    assert found["ANTHROPIC_AUTH_TOKEN"]
    assert found["TERM"] == "dumb"
    assert [line for line in ran.out.splitlines() if line.startswith("argument ")] == ["argument -p", "argument Fix the bug"]  # fmt: skip
    interactive = user.types("ccr code")
    assert (interactive.code, shown(interactive.out)["ANTHROPIC_BASE_URL"]) == (0, url)
    # 2. ccr activate points a plain claude at the gateway.
    activated = user.types('eval "$(ccr activate)"\nclaude')
    found = shown(activated.out)
    assert found["ANTHROPIC_BASE_URL"] == url
    assert found["ANTHROPIC_AUTH_TOKEN"]
    assert "127.0.0.1" in found["NO_PROXY"]
    # 3. By hand: any key will do.
    manual = user.types(f'ANTHROPIC_BASE_URL="{url}" ANTHROPIC_AUTH_KEY="any" claude -p "task"')
    assert shown(manual.out)["ANTHROPIC_BASE_URL"] == url
    assert who(message(url, key="any")) == "deepseek-v4-pro"
    # Pitfalls: folders outside, and where text is piped in.
    line = 'ccr code --add-dir /path --permission-mode bypassPermissions -p "task" < /dev/null'
    arguments = [text.removeprefix("argument ") for text in user.types(line).out.splitlines() if text.startswith("argument ")]  # fmt: skip
    assert arguments == ["--add-dir", "/path", "--permission-mode", "bypassPermissions", "-p", "task"]
    assert "stdin piped" in user.types("echo piped | ccr code -p task").out


@pytest.mark.agent
def test_running_the_real_claude_code(user: User, cloud: StandIn) -> None:
    """Methods 1 and 2, and what it says of itself in the pitfalls' way: headless, folders outside, no stdin."""
    configured(user, cloud)
    user.command("claude", str(claude_code()))
    outside = user.home / "elsewhere"
    outside.mkdir()
    quiet = {**QUIET, "TERM": "dumb"}
    ran = user.types(
        f'ccr code --add-dir {outside} --permission-mode acceptEdits -p "task" --max-turns 1 < /dev/null',
        **quiet,
    )
    assert (ran.code, ran.out.strip()) == (0, "I am deepseek-v4-pro."), ran.err
    ran = user.types('eval "$(ccr activate)"\nclaude -p "task" --max-turns 1 < /dev/null', **quiet)
    assert (ran.code, ran.out.strip()) == (0, "I am deepseek-v4-pro."), ran.err


@contextmanager
def by_systemd(user: User, line: str, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A line of ``ExecStart``: run without a shell of the user's, and known to be what systemd started."""
    service = subprocess.Popen(
        ["bash", "-c", f"export SYSTEMD_EXEC_PID=$$; exec {line}"],
        env={"PATH": user.variables["PATH"], "PYTHONPATH": user.environ["PYTHONPATH"], **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: user.types("ccr status", **environ).code == 0)
        yield service
    finally:
        user.types("ccr stop --now", **environ)
        if service.poll() is None:
            service.terminate()
        service.wait(60)


def tree(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_zimaos_a_read_only_home(user: User, cloud: StandIn, tmp_path: Path) -> None:
    data = tmp_path / "DATA"
    local = data / ".local"
    configured(user, cloud, home=local)
    before = tree(tmp_path)
    data.chmod(0o555)
    try:
        # 3. HOME=/DATA/.local ccr start
        url = started(user, HOME=str(local))
        assert who(message(url)) == "deepseek-v4-pro"
        written = tree(tmp_path) - before
        assert written
        assert all(path.startswith(f"{local}/.claude-code-router/") for path in written), written
        assert user.types("ccr stop", HOME=str(local)).code == 0
        # With a folder of its own for all it writes, the home stays as it is.
        state = tmp_path / "state"
        before = tree(tmp_path)
        environ = {"HOME": str(local), "TRUNKLINE_HOME": str(state)}
        assert who(message(started(user, **environ))) == "deepseek-v4-pro"
        assert all(path.startswith(str(state)) for path in tree(tmp_path) - before)
        assert user.types("ccr stop", **environ).code == 0
    finally:
        data.chmod(0o755)


def test_the_systemd_service_template(user: User, cloud: StandIn, tmp_path: Path) -> None:
    """ExecStart under Type=simple stays, ExecStop ends it well; and the unit file that is written for you."""
    local = tmp_path / "DATA" / ".local"
    configured(user, cloud, home=local)
    home = {"HOME": str(local)}
    with by_systemd(user, "ccr start", home) as service:
        assert who(message(running(user, **home))) == "deepseek-v4-pro"
        assert service.poll() is None, "systemd takes its end for the service's"
        assert user.types("ccr stop", **home).code == 0
        assert service.wait(60) == 0

    told = json.loads(user.types("ccr start --service --json", **home).out)
    unit = Path(told["unit"]).read_text().splitlines()
    folder = local / ".claude-code-router"
    assert f'Environment="HOME={local}"' in unit
    assert f'Environment="TRUNKLINE_HOME={folder}"' in unit
    assert any("systemctl" in line for line in told["commands"])
    (line,) = [text.removeprefix("ExecStart=") for text in unit if text.startswith("ExecStart=")]
    with by_systemd(user, line, {**home, "TRUNKLINE_HOME": str(folder)}):
        assert who(message(running(user, **home))) == "deepseek-v4-pro"


def test_the_cli_reference_and_verification(user: User, cloud: StandIn) -> None:
    file = configured(user, cloud)
    assert user.types("ccr status").code == 6
    url = started(user)
    assert user.types("ccr start").out.startswith("Already running")
    # Verification: health, and which model really answered.
    health = user.types(f"curl -s {url}/health") if user.types("command -v curl").code == 0 else None
    assert health is None or json.loads(health.out)["status"] == "ok"
    assert ask(url, "GET", "/health").json["status"] == "ok"
    who(message(url))
    logs = "grep -h '\"model\"' ~/.claude-code-router/logs/ccr-*.log"
    eventually(lambda: user.types(logs).code == 0)
    assert [json.loads(line)["model"] for line in user.types(logs).out.splitlines()] == ["deepseek-v4-pro"]
    # Config changes require restart.
    file.write_text(
        file.read_text().replace('"default": "ollama,deepseek-v4-pro"', '"default": "ollama,kimi-k2.6"')
    )
    assert user.types("ccr start").code == 0
    assert who(message(running(user))) == "deepseek-v4-pro"
    assert user.types("ccr restart").code == 0
    # For a moment both processes listen, so that no request is refused.
    eventually(lambda: who(message(url)) == "kimi-k2.6")
    assert "kimi-k2.6" in user.types("ccr model").out
    # Presets are without the key.
    assert user.types("ccr preset export team").code == 0
    (exported,) = user.folder.glob("team*")
    assert "your-api-key" not in exported.read_text()
    assert user.types(f"ccr preset install {exported}").code == 0
    assert "team" in user.types("ccr preset list").out
    page = user.types("ccr ui --print").out.strip()
    assert page.startswith(f"{url}/ui/"), page
    assert ask(url, "GET", "/ui/").status == 200
    assert user.types("ccr stop").code == 0
    assert user.types("ccr status").code == 6


@pytest.mark.parametrize("path", ["/v1", "/v1/chat/completions"])
@pytest.mark.parametrize("model", ["deepseek-v4-pro", "ollama,deepseek-v4-pro"])
def test_the_bug_of_version_2_is_not_here(user: User, cloud: StandIn, path: str, model: str) -> None:
    provider = {"name": "ollama", "api_base_url": cloud.url + path, "api_key": "k", "models": MODELS}
    configured(user, cloud, Providers=[provider])
    with user.starts("trunkline serve", r"listens on (http://\S+)") as server:
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
        answered = ask(server.url, "POST", "/v1/chat/completions", body)
        assert answered.status == 200, answered.body
        assert json.loads(cloud.requests[-1].body)["model"] == "deepseek-v4-pro"
        gone = ask(server.url, "POST", "/v1/chat/completions", {**body, "model": "gone,model"})
        assert gone.status == 404
        assert b"undefined" not in gone.body
        assert b"gone" in gone.body
