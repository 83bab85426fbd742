"""docs/migrate.md for the two proxies: every command on the page, in the order of the page."""

import re
import shlex
import subprocess

import pytest

from seeds.clone import Clone, Proxy
from seeds.serving import PATIENCE, ROOT
from standin import Flags, OpenAIFlags, OpenAIStandIn, StandIn, say

pytestmark = pytest.mark.server

SERVERS = ("trunkline serve", "python start_server.py", "uvicorn ")
PORTS = {"trunkline serve": " --port 0", "python start_server.py": " --port 0"}


def blocks(section: str) -> list[list[str]]:
    """The commands of a section, block by block."""
    page = (ROOT / "docs" / "migrate.md").read_text()
    text = page.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found = [block.splitlines() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)]
    assert len(found) == 3
    return found


def walk(clone: Clone, commands: list[str]) -> None:
    """Type the commands; a server runs until those after it are through."""
    for number, command in enumerate(commands):
        if command.startswith(SERVERS):
            words = shlex.split(command.replace("--port 8082", "--port 0") + PORTS.get(command, ""))
            with clone.start(*words) as running:
                for rest in commands[number + 1 :]:
                    beside(clone, running, rest)
            return
        typed(clone, command)


def beside(clone: Clone, running: Proxy, command: str) -> None:
    if command.startswith("curl"):
        assert running.curl(command).status == 200
    else:
        running.post("/v1/messages", {"messages": [{"role": "user", "content": "Hello"}]})
        typed(clone, command)


def typed(clone: Clone, command: str) -> None:
    if not command.startswith("trunkline"):
        subprocess.run(["/bin/sh", "-c", command], cwd=clone.folder, check=True, timeout=PATIENCE)
        return
    told, _, target = command.partition(" > ")
    done = clone.run(*shlex.split(told))
    assert done.returncode == 0, done.stderr
    if target:
        clone.write(target, done.stdout)


def test_proxy_backend(clone: Clone) -> None:
    stay, own, leave = blocks("PROXY_BACKEND proxy")
    with StandIn(lambda asked: say("Hello"), Flags(token="dapi-your-databricks-token")) as standin:
        example = clone.folder / ".env.example"
        example.write_text(example.read_text().replace("your-workspace-instance", standin.url))
        clone.copy(".env.example", ".env")
        walk(clone, stay)
        (clone.folder / "logs").mkdir(exist_ok=True)
        (clone.folder / "logs" / "server.log").touch()  # its lines are written a moment after an answer
        walk(clone, own)
        clone.export(DATABRICKS_TOKEN="a", OPENROUTER_API_KEY="b")
        walk(clone, leave)


def test_claude_code_azure(clone: Clone) -> None:
    stay, own, leave = blocks("claude-code-azure")
    with OpenAIStandIn(lambda asked: say("Hello"), OpenAIFlags(key="your_openai_api_key_here")) as standin:
        example = clone.folder / "config.yaml.example"
        key = "api_key: your_openai_api_key_here\n"
        example.write_text(example.read_text().replace(key, f"{key}    base_url: {standin.url}/v1\n"))
        clone.copy("config.yaml.example", "config.yaml")
        walk(clone, stay)
        walk(clone, own)
        clone.export(OPENAI_API_KEY="a")
        walk(clone, leave)
