"""An agent, a gateway and a provider that speaks another protocol, wired together."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from agents.gateway import SOURCE, Gateway, serve
from agents.process import Run, run
from agents.programs import Line, Program
from agents.records import Record, records
from standin import AnthropicStandIn, GeminiStandIn, OpenAIStandIn, Script, Server, StandIn

KEY = "client-key-of-the-tests"
TIMEOUT = 240.0
"""Seconds for one run of an agent: they start slowly on a loaded machine."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider of one protocol. ``section`` gives its YAML; ``paths``: what its endpoints end with."""

    protocol: str
    model: str
    paths: tuple[str, ...]
    standin: Callable[[Script], Server]
    section: Callable[[Server], dict[str, object]]


def _workspace(standin: Server) -> dict[str, object]:
    return {"kind": "databricks", "host": standin.url, "token": standin.token}


def _anthropic(standin: Server) -> dict[str, object]:
    return {"kind": "custom", "speaks": {"anthropic_messages": standin.url}, "key": standin.token}


def _openai(standin: Server) -> dict[str, object]:
    speaks = {"openai_responses": f"{standin.url}/v1"}
    return {"kind": "custom", "speaks": speaks, "key": standin.token}


def _google(standin: Server) -> dict[str, object]:
    return {"kind": "custom", "speaks": {"gemini": standin.url}, "key": standin.token}


def _chat(standin: Server) -> dict[str, object]:
    return {"kind": "custom", "speaks": {"openai_chat": f"{standin.url}/v1"}, "key": standin.token}


CHAT = ("/chat/completions", "/invocations")
GEMINI = (":generateContent", ":streamGenerateContent")
PROVIDERS = {
    "chat": Provider("openai_chat", "gpt-5", CHAT, OpenAIStandIn, _chat),
    "messages": Provider(
        "anthropic_messages", "claude-sonnet-4-5", ("/v1/messages",), AnthropicStandIn, _anthropic
    ),
    "responses": Provider("openai_responses", "gpt-5.5", ("/responses",), OpenAIStandIn, _openai),
    "gemini": Provider("gemini", "gemini-3.1-pro-preview", GEMINI, GeminiStandIn, _google),
}
"""One of each protocol."""
DATABRICKS = {
    "databricks-gpt": Provider(
        "openai_chat", "databricks-gpt-5-4", (*CHAT, "/responses"), StandIn, _workspace
    ),
    "databricks-claude": Provider(
        "anthropic_messages", "databricks-claude-sonnet-4-5", (*CHAT, "/v1/messages"), StandIn, _workspace
    ),
}
"""Workspaces, with rules of their own."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """One agent in a home and a work folder of its own, in front of one provider."""

    program: Program
    provider: Provider
    standin: Server
    gateway: Gateway
    home: Path
    folder: Path
    settled: dict[str, str]
    """The variables of a user of this agent."""

    def run(self, prompt: str, *options: str, again: bool = False) -> Run:
        """One prompt, without a terminal, by ``trunkline launch``."""
        place = urlsplit(self.gateway.url)
        launch = [
            "launch",
            self.program.name,
            "--config",
            str(self.gateway.config),
            "--port",
            str(place.port),
        ]
        asked = ["--model", self.program.model, "--", *self.program.ask(prompt, again=again), *options]
        # The launcher finds the gateway's own files where the gateway has them.
        environment = {"TRUNKLINE_HOME": str(self.gateway.home), "PYTHONPATH": str(SOURCE)}
        return self._run([sys.executable, "-m", "trunkline", *launch, *asked], environment)

    def run_wired(self, prompt: str) -> Run:
        """One prompt, wired by hand as the agent's own documentation says."""
        wiring = self.program.wire(self.home, Line(self.gateway.url, KEY, self.program.model))
        command = [self.program.name, *self.program.ask(prompt, again=False), *wiring.arguments]
        return self._run(command, wiring.environment)

    def _run(self, command: Sequence[str], environment: Mapping[str, str]) -> Run:
        surroundings = {
            "HOME": str(self.home),
            "PATH": f"{self.program.commands()}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            **self.settled,
            **environment,
        }
        return run(command, self.folder, surroundings, timeout=TIMEOUT)

    def records(self) -> list[Record]:
        """What the gateway recorded, complete."""
        return records(self.gateway, at_least=len(self.standin.asked))

    def check(self, run: Run) -> None:
        """A good run: exit 0, all over this provider's endpoint with its own credential, nothing refused,
        one good record for each question that the model was asked."""
        written = [one for one in self.records() if one.fields["operation"] != "prepare"]
        shown = self.report(run)
        assert run.code == 0, shown
        assert self.standin.surprises == [], shown
        assert self.standin.refusals == [], shown
        assert self.standin.asked, shown
        for request in self.standin.requests:
            assert request.method == "GET" or request.path.endswith(self.provider.paths), shown
            assert KEY.encode() not in request.body + repr(request.headers).encode(), shown
        assert len(written) == len(self.standin.asked), shown
        assert all(record.ok and record.attempts == 1 for record in written), shown
        assert {record.protocol for record in written} == {self.program.protocol}, shown

    def report(self, run: Run | None = None) -> str:
        """Everything that helps to understand a failure."""
        sent = [
            f"  {r.method} {r.target} {r.status} {len(r.body)} B {r.refusal or ''}"
            for r in self.standin.requests
        ]
        parts = [str(run) if run is not None else "", "provider:", *sent, *self.standin.surprises]
        return "\n".join([*parts, "gateway:", self.gateway.log[-6000:]])


@contextmanager
def paired(
    program: Program,
    provider: Provider,
    script: Callable[[Path], Script],
    folder: Path,
    *,
    any_model: bool = True,
    environment: Callable[[Server], Mapping[str, str]] = lambda _: {},
) -> Iterator[Pairing]:
    """A pairing below ``folder``. ``script`` is made for the agent's work folder; ``any_model``: whatever
    the agent calls its model, the provider's answers. ``environment`` is the gateway's."""
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    with (
        provider.standin(script(work)) as standin,
        serve(yaml(provider, standin, any_model=any_model), folder, environment(standin)) as gateway,
    ):
        yield Pairing(program, provider, standin, gateway, home, work, program.settle(home))


def yaml(provider: Provider, standin: Server, *, any_model: bool = True) -> str:
    """The gateway's configuration."""
    section = {**provider.section(standin), "models": [provider.model]}
    return json.dumps(  # which is YAML
        {
            "server": {"host": "127.0.0.1", "keys": [KEY]},
            "providers": {"there": section},
            "models": {"*" if any_model else "main-model": f"there/{provider.model}"},
        }
    )
