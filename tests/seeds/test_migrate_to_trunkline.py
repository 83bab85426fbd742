"""docs/migrate.md for the ForgeCode bridge, the devbox and claude-code-router: every command, in the order of the page."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from seeds.serving import ROOT, ask
from seeds.test_000_databricks_devbox import generated
from seeds.test_004_forgecode import MODELS, gateway
from seeds.user import User, router_user, running
from standin import StandIn, say

pytestmark = pytest.mark.server

SERVERS = ("trunkline serve", "python3 databricks_proxy.py")
PLACE = re.compile(r"https://<workspace-id>\S*net")


def blocks(section: str) -> list[list[str]]:
    """The commands of a section, block by block."""
    page = (ROOT / "docs" / "migrate.md").read_text()
    text = page.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [block.splitlines() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)]


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    """With a ``claude`` that says what it was asked to."""
    with router_user(tmp_path) as user:
        user.command("claude", "echo")
        yield user


@pytest.fixture
def workspace() -> Iterator[StandIn]:
    with StandIn(lambda asked: say("Hello"), handler=gateway) as standin:
        yield standin


def typed(user: User, line: str) -> str:
    ran = user.types(line)
    assert ran.code == 0, (line, ran.err)
    return ran.out


def asked(url: str, line: str) -> None:
    """A ``curl`` of the page, to where the server really listens."""
    (path,) = re.findall(r"^curl http://127\.0\.0\.1:\d+(/\S*)$", line)
    answer = ask(url, "GET", path)
    assert answer.status == 200, answer.body


def test_the_forgecode_bridge(user: User, workspace: StandIn) -> None:
    stay, own, leave = blocks("ForgeCode bridge")
    (user.folder / "models.json").write_text(MODELS)
    shutil.copy(ROOT / "databricks_proxy.py", user.folder)
    export = PLACE.sub(workspace.url, stay[0])
    assert typed(user, f"{export}\n{stay[1]}")
    for block in (stay[2:], own):
        line = re.sub(r" --port \d+", "", block[0])
        assert line.startswith(SERVERS)
        listens = r"[Ll]istens? ?(?:on|ing on) :? ?(http://\S+)"
        with user.starts(f"{export}\n{line} --port 0", listens) as server:
            for rest in block[1:]:
                asked(server.url, rest)
    for line in leave:
        typed(user, f"{export}\n{line}")
    assert "paths:" in (user.folder / "trunkline.yaml").read_text()


SECTIONS = ["Databricks devbox", "claude-code-router"]


@pytest.mark.parametrize("section", SECTIONS)
def test_users_of_a_router(user: User, workspace: StandIn, section: str) -> None:
    stay, leave = blocks(section)
    (user.home / "bin" / "ccr").unlink()  # the page installs it
    generated(user, workspace)
    said = []
    for line in stay:
        if line.startswith("curl"):
            asked(running(user), line)
        else:
            said.append(typed(user, line))
    assert "-p Say hello\n" in said
    file = user.home / ".claude-code-router" / "config.json"
    assert json.loads(file.read_text())["PORT"] == 0, "it is not written to"
    for line in leave:
        variable = re.findall(r"\$\{(\w+)\}", (user.folder / "trunkline.yaml").read_text()) if "--config" in line else []  # fmt: skip
        typed(user, "".join(f"export {name}=dapi-stand-in\n" for name in variable) + line)
