"""A workspace over each of its surfaces and with each kind of credential, by real agents and by recorded ones.
A token that ends in the middle of the work is nobody's concern."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from agents.gateway import serve
from agents.pairing import KEY, Provider, paired
from agents.programs import PROGRAMS, Program
from agents.records import records
from agents.replay import REPLAYED
from standin import Asked, Call, Flags, Script, Scripted, Server, StandIn, Think, say, turn
from upstream.test_library import install_cli, jwt

SECRET = "s3cret-canary"
SONNET, GPT = "databricks-claude-sonnet-4-5", "databricks-gpt-5-5"
TEXT = "first\n“quotes”, 🚂 and a lone \\ backslash\n"


@dataclass(frozen=True)
class Credential:
    """A kind of credential: a provider's keys, the gateway's variables, and what the workspace takes."""

    section: Callable[[Server], dict[str, object]]
    environment: Callable[[Server, Path], Mapping[str, str]] = lambda standin, folder: {}
    token: str = "dapi-stand-in"


def _profile(standin: Server, folder: Path) -> Mapping[str, str]:
    file = folder / "profiles.cfg"
    file.write_text(f"[work]\nhost = {standin.url}\ntoken = {standin.token}\n")
    return {"DATABRICKS_CONFIG_FILE": str(file)}


def _cli(standin: Server, folder: Path) -> Mapping[str, str]:
    install_cli(folder / "bin", standin.token)
    return {"PATH": f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin"}


CREDENTIALS: dict[str, Credential] = {
    "token": Credential(lambda standin: {"token": standin.token}),
    "basic": Credential(lambda standin: {"token": standin.token, "auth": "basic"}),
    "principal": Credential(lambda standin: {"auth": "oauth", "client_id": "id", "client_secret": SECRET}),
    "profile": Credential(lambda standin: {"profile": "work"}, _profile),
    "cli": Credential(lambda standin: {"auth": "cli"}, _cli, jwt(time.time() + 86_400)),
}
SURFACES = {
    "serving_messages": (SONNET, "/serving-endpoints/anthropic/v1/messages"),
    "serving_chat": (SONNET, "/serving-endpoints/chat/completions"),
    "serving_invocations": (SONNET, f"/serving-endpoints/{SONNET}/invocations"),
    "gateway_messages": (SONNET, "/ai-gateway/anthropic/v1/messages"),
    "gateway_chat": (SONNET, "/ai-gateway/mlflow/v1/chat/completions"),
    "serving_responses": (GPT, "/serving-endpoints/responses"),
    "gateway_responses": (GPT, "/ai-gateway/openai/v1/responses"),
    "serving_gemini": (
        "databricks-gemini-3-1-pro",
        "/serving-endpoints/gemini/v1beta/models/databricks-gemini-3-1-pro:streamGenerateContent",
    ),
    "gateway_gemini": (
        "databricks-gemini-3-1-pro",
        "/ai-gateway/gemini/v1beta/models/system.ai.gemini-3-1-pro:streamGenerateContent",
    ),
}
"""Every surface: a model that has it, and where it is asked."""
REAL = [
    (agent, surface, list(CREDENTIALS)[(place + at) % len(CREDENTIALS)])
    for at, agent in enumerate(("claude", "codex", "opencode"))
    for place, surface in enumerate(SURFACES)
]
"""Each agent on every surface, and with every kind of credential."""


def workspace(script: Script, credential: Credential, clock: Callable[[], float] = lambda: 0.0) -> StandIn:
    return StandIn(script, Flags(token=credential.token, client=("id", SECRET)), clock=clock)


def provider(surface: str, name: str, clock: Callable[[], float] = lambda: 0.0) -> Provider:
    """The pairing's side of it."""
    credential = CREDENTIALS[name]
    model, path = SURFACES[surface]

    def section(standin: Server) -> dict[str, object]:
        return {
            "kind": "databricks",
            "host": standin.url,
            "surface": surface,
            **credential.section(standin),
        }

    return Provider("", model, (path,), lambda script: workspace(script, credential, clock), section)


def three_turns(program: Program, between: Callable[[], None] = lambda: None) -> Callable[[Path], Script]:
    """A file, a command, an answer. ``between`` is called as the file's call goes out."""

    def made_for(folder: Path) -> Script:
        steps = [
            turn(Think("A file."), "I write.", program.write(folder / "notes.txt", TEXT)),
            turn(program.shell("cat notes.txt; echo over-4''2")),
            say("All done."),
        ]

        def script(asked: Asked) -> Scripted:
            if not asked.tools:
                return say("A title")
            if asked.turns == 0:
                between()
            return steps[asked.turns]

        return script

    return made_for


@pytest.mark.agent
@pytest.mark.parametrize(("agent", "surface", "name"), REAL, ids=["-".join(row) for row in REAL])
def test_a_real_agent_works_on_a_surface_with_a_credential(
    agent: str, surface: str, name: str, tmp_path: Path
) -> None:
    program = PROGRAMS[agent]
    credential = CREDENTIALS[name]
    with paired(
        program,
        provider(surface, name),
        three_turns(program),
        tmp_path,
        environment=lambda standin: credential.environment(standin, tmp_path),
    ) as made:
        run = made.run("Do the work.")
        shown = made.report(run)
        assert run.code == 0, shown
        assert program.said(run).endswith("All done."), shown
        assert (made.folder / "notes.txt").read_text() == TEXT, shown
        assert made.standin.refusals == made.standin.surprises == [], shown
        asked = [request for request in made.standin.requests if request.method == "POST"]
        paths = {request.path for request in asked} - {"/oidc/v1/token"}
        assert paths == {SURFACES[surface][1]}, shown
        results = [asked.last_results for asked in made.standin.asked if asked.tools]
        assert [len(one) for one in results] == [0, 1, 1], shown
        assert "over-42" in results[2][0].text, shown
        assert SECRET not in made.gateway.log


@pytest.mark.agent
def test_a_token_that_ends_in_the_middle_is_renewed_unseen(tmp_path: Path) -> None:
    """The file is written with one token, the next turn finds it ended."""
    program, now = PROGRAMS["claude"], [0.0]

    def an_hour_passes() -> None:
        now[0] += 3590.0

    made_for = three_turns(program, an_hour_passes)
    with paired(
        program, provider("serving_messages", "principal", lambda: now[0]), made_for, tmp_path
    ) as made:
        run = made.run("Do the work.")
        shown = made.report(run)
        assert run.code == 0, shown
        assert program.said(run) == "All done.", shown
        assert (made.folder / "notes.txt").read_text() == TEXT, shown
        issued = [request for request in made.standin.requests if request.path == "/oidc/v1/token"]
        assert [request.status for request in issued] == [200, 200], shown
        assert any("Token is expiring" in text for text in made.standin.refusals), shown
        assert all(record.ok for record in made.records()), shown


def replayed_work(asked: Asked) -> Scripted:
    """Three turns of a replayed agent, for any number of conversations."""
    crush = "bash" in asked.tools
    place, shell = ("file_path", "bash") if crush else ("path", "shell")
    steps = [
        turn("I write.", Call("write", {place: "notes.txt", "content": TEXT})),
        turn(Call(shell, {"command": "cat notes.txt; echo over-4''2", "description": "Look"})),
        say("All done."),
    ]
    return steps[asked.turns]


@pytest.mark.server
@pytest.mark.parametrize("name", CREDENTIALS)
def test_replayed_agents_work_on_every_surface(name: str, tmp_path: Path) -> None:
    credential = CREDENTIALS[name]
    with workspace(replayed_work, credential) as standin:
        lines = [f"server: {{keys: [{KEY}]}}\nproviders:\n"]
        for surface, (model, _) in SURFACES.items():
            section = {"kind": "databricks", "host": standin.url, "surface": surface, "models": [model]}
            section |= credential.section(standin)
            lines.append(f"  {surface}: {section}\n")
        environment = credential.environment(standin, tmp_path)
        with serve("".join(lines), tmp_path, environment) as gateway:
            works(gateway.url, KEY, tmp_path, standin)
            written = records(gateway, at_least=3 * len(SURFACES) * len(REPLAYED))
            assert all(record.ok and record.attempts == 1 for record in written), gateway.log
            assert SECRET not in gateway.log


@pytest.mark.server
def test_replayed_agents_work_with_their_own_token(tmp_path: Path) -> None:
    with workspace(replayed_work, CREDENTIALS["token"]) as standin:
        lines = ["providers:\n"]
        for surface, (model, _) in SURFACES.items():
            section = {"kind": "databricks", "host": standin.url, "surface": surface, "models": [model]}
            lines.append(f"  {surface}: {section | {'auth': 'client'}}\n")
        with serve("".join(lines), tmp_path) as gateway:
            works(gateway.url, standin.token, tmp_path, standin)


def works(url: str, key: str, folder: Path, standin: StandIn) -> None:
    """A conversation of each agent over each surface, all of it there."""
    for agent, replayed in REPLAYED.items():
        for surface, (model, path) in SURFACES.items():
            place = folder / f"{agent}-{surface}"
            place.mkdir()
            before = len(standin.requests)
            answer = replayed.work(url, key, place, model=f"{surface}/{model}")
            assert answer.text == "All done."
            assert (place / "notes.txt").read_text() == TEXT
            assert standin.refusals == standin.surprises == []
            new = [request for request in standin.requests[before:] if request.method == "POST"]
            assert [request.path for request in new if request.path != "/oidc/v1/token"] == [path] * 3
            assert "over-42" in standin.asked[-1].last_results[0].text
