"""A project's or a session's own router over the configuration's: found, read again, merged, and passed over when broken."""

import asyncio
import os
from pathlib import Path

import msgspec
import pytest

from trunkline.app.router import Router, make_router, named
from trunkline.config.ccr.document import decode_ccr
from trunkline.core.http import Headers
from trunkline.protocols.codec import Peek
from trunkline.protocols.registry import CODECS
from trunkline.relay.inbound import Inbound
from trunkline.routing.plan import Plan
from trunkline.routing.table import Served, build_table

SCENARIOS = (Path(__file__).parent.parent / "config/ccr/configs/scenarios.json").read_text()
SESSION = "0b3f9a52-1111-4222-8333-444455556666"
PROJECT = "-home-me-project"
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 4000}}


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time


class Home:
    """A user's files, and a router over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        (folder / ".claude-code-router/logs").mkdir(parents=True)
        keys = {"DEEPSEEK_API_KEY": "k", "OPENROUTER_API_KEY": "k", "HOME": str(folder)}
        self.configuration = decode_ccr(SCENARIOS, "config.json", keys).configuration
        served = [Served(provider=name, models=one.models) for name, one in self.configuration.providers]
        self.router: Router = make_router(
            build_table(self.configuration, served), self.configuration, keys, self.clock.now
        )

    def write(self, name: str, text: str) -> None:
        path = self.folder / ".claude-code-router" / PROJECT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.clock.time += 10

    def begin_session(self) -> None:
        path = self.folder / ".claude/projects" / PROJECT / f"{SESSION}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")

    def plan(self, session: str = SESSION, **more: object) -> Plan:
        body = {"model": "claude-sonnet-4", "messages": [{"role": "user", "content": "hi"}], **more}
        headers: Headers = (("x-claude-code-session-id", session),)
        return asyncio.run(self.router.plan(inbound(body, headers), Peek("claude-sonnet-4")))


def inbound(body: object, headers: Headers = ()) -> Inbound:
    return Inbound(
        codec=CODECS["anthropic_messages"],
        operation="generate",
        body=msgspec.json.encode(body),
        headers=headers,
        request_id="r",
        client="-",
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_vector_32_a_projects_router_is_laid_over_the_configurations(home: Home) -> None:
    home.begin_session()
    home.write("config.json", '{"Router": {"default": "ollama,qwen2.5-coder:latest"}, "PORT": 1}')
    found = home.plan()
    assert (str(found.targets[0]), found.route) == (
        "ollama/qwen2.5-coder:latest",
        f"route default ({PROJECT}/config.json)",
    )
    assert str(home.plan(**THINKING).targets[0]) == "DeepSeek/deepseek-reasoner", (
        "what it does not say stays"
    )
    assert home.plan(session="another").route == "route default"


def test_a_sessions_own_router_comes_before_its_projects(home: Home) -> None:
    home.begin_session()
    home.write("config.json", '{"Router": {"default": "ollama,one"}}')
    home.write(f"{SESSION}.json", '{"Router": {"default": "openrouter/two"}}')
    assert str(home.plan().targets[0]) == "openrouter/two"
    assert home.plan().route == f"route default ({PROJECT}/{SESSION}.json)"


def test_a_file_that_changes_is_read_again_and_one_that_goes_is_forgotten(home: Home) -> None:
    home.begin_session()
    home.write("config.json", '{"Router": {"default": "ollama,one"}}')
    assert str(home.plan().targets[0]) == "ollama/one"
    home.write("config.json", '{"Router": {"default": "ollama,another"}}')
    assert str(home.plan().targets[0]) == "ollama/another"
    (home.folder / ".claude-code-router" / PROJECT / "config.json").unlink()
    assert home.plan().route == "route default"


def test_a_session_that_is_written_down_late_is_found_then(home: Home) -> None:
    home.write("config.json", '{"Router": {"default": "ollama,one"}}')
    assert home.plan().route == "route default"
    home.begin_session()
    assert home.plan().route == "route default", "not looked for at every request"
    home.clock.time += 10
    assert str(home.plan().targets[0]) == "ollama/one"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"Router": 5}',
        '{"Router": {}}',
        '{"Router": {"default": "gone,model"}}',
        '{"Router": {"default": "ollama"}}',
    ],
)
def test_a_router_that_cannot_be_used_is_passed_over(
    home: Home, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    home.begin_session()
    home.write("config.json", text)
    assert home.plan().route == "route default"
    home.plan()
    assert len(caplog.records) <= 1, "told once"


@pytest.mark.parametrize("session", ["../../etc/passwd", "..", "a/b", ".hidden", "x" * 5000, ""])
def test_a_session_that_is_no_files_name_finds_nothing(home: Home, session: str) -> None:
    home.write("config.json", '{"Router": {"default": "ollama,one"}}')
    assert home.plan(session=session).route == "route default"


def test_vector_37_a_request_without_a_model_goes_by_the_default(home: Home) -> None:
    asked = named(inbound({"messages": []}))
    assert asked.body == b'{"messages":[],"model":""}'
    assert asyncio.run(home.router.plan(asked, asked.codec.peek(asked.body))).route == "route default"
    assert named(inbound({"model": "x"})).body == b'{"model":"x"}'
    assert named(inbound([])).body == b"[]"


def test_nothing_is_looked_for_where_no_project_has_a_folder(home: Home) -> None:
    assert home.plan().route == "route default"
    assert home.plan().session == SESSION
    assert os.listdir(home.folder / ".claude-code-router") == ["logs"]
