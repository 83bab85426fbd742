"""A workspace, a gateway and an agent, wired together."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from agents.driver import Claude
from agents.gateway import Gateway
from agents.process import Run
from standin import Flags, Script, StandIn

Surface = Literal["messages", "chat"]
SONNET = "databricks-claude-sonnet-4-5"
KEY = "client-key-of-the-tests"


@dataclass(frozen=True, slots=True)
class Bench:
    """A workspace, a gateway in front of it, and an agent wired to the gateway."""

    surface: Surface
    standin: StandIn
    gateway: Gateway
    claude: Claude

    @property
    def folder(self) -> Path:
        return self.claude.folder

    def play(self, script: Script) -> None:
        """Another script from here on, for scripts that need to know the work folder."""
        self.standin.play(script)

    def stranger(self, key: str) -> Claude:
        """The same agent with another key."""
        return replace(self.claude, key=key)

    def with_tools(self, *names: str) -> Claude:
        """The agent with more tools allowed."""
        return replace(self.claude, tools=(*self.claude.tools, *names))

    def with_model(self, model: str) -> Claude:
        """The same agent with another model."""
        return replace(self.claude, model=model)

    @property
    def paths(self) -> list[str]:
        """Where the model's answers came from, in order: only what the script answered."""
        return [r.path for r in self.standin.requests if r.refusal is None and r.method == "POST"]

    def served_by_surface(self) -> bool:
        """Every answer came over the surface of this bench."""
        wanted = "/messages" if self.surface == "messages" else ("/chat/completions", "/invocations")
        return bool(self.paths) and all(path.endswith(wanted) for path in self.paths)

    def check(self, run: Run) -> None:
        """A good run over this bench's surface; all that the gateway had to learn is which surfaces exist."""
        self.check_settled(run)
        assert self.served_by_surface(), self.report(run)
        for path, _, text in self.refused():
            assert self.surface == "chat", self.report(run)
            assert path.endswith("/messages"), self.report(run)
            assert "Path must be of form" in str(text), self.report(run)

    def refused(self) -> list[tuple[str, str, str]]:
        """(path, model, text) of what the workspace's rules refused."""
        refused = [request for request in self.standin.requests if request.refusal is not None]
        return [(r.path, json.loads(r.body or "{}").get("model", ""), str(r.refusal)) for r in refused]

    def check_settled(self, run: Run) -> None:
        """What holds after every good run: exit 0, no surprise, nothing refused twice, the workspace's own
        credential on every request and the client's in none."""
        assert run.code == 0, self.report(run)
        assert self.standin.surprises == [], self.report(run)
        refused = self.refused()
        assert len(refused) == len(set(refused)), self.report(run)
        for request in self.standin.requests:
            assert request.header("authorization") == f"Bearer {self.standin.token}", self.report(run)
            sent = request.body + repr(request.headers).encode()
            assert KEY.encode() not in sent, self.report(run)

    def check_only_limits(self, run: Run) -> None:
        """All that the gateway had to learn is how much a model may write."""
        for _, _, text in self.refused():
            assert "cannot exceed" in text, self.report(run)

    def report(self, run: Run | None = None) -> str:
        """Everything that helps to understand a failure."""
        sent = [
            f"  {r.method} {r.target} {r.status} {len(r.body)} B {r.refusal or ''}"
            for r in self.standin.requests
        ]
        parts = [str(run) if run is not None else "", "workspace:", *sent, *self.standin.surprises]
        return "\n".join([*parts, "gateway:", self.gateway.log[-6000:]])


def flags_of(surface: Surface, **changes: object) -> Flags:
    """A workspace with everything, or one without native Messages."""
    return replace(Flags(native="on" if surface == "messages" else "absent"), **changes)  # type: ignore[arg-type]


def configuration(standin: StandIn, models: str = SONNET, token: str | None = None, extra: str = "") -> str:
    """The gateway's YAML for one workspace."""
    return f"""\
server: {{host: 127.0.0.1, keys: ["{KEY}"]}}
providers:
  dbx:
    kind: databricks
    host: {standin.url}
    token: {token or standin.token}
    models: [{models}]
{extra}"""


def agent(
    executable: Path,
    folder: Path,
    url: str,
    key: str,
    model: str,
    environment: dict[str, str] | None = None,
) -> Claude:
    """An agent with a fresh home and an empty work folder below ``folder``."""
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    return Claude(executable, home, work, url, key, model, environment or {})
