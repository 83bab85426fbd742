"""Codex: a provider of our own in its configuration, over OpenAI Responses."""

from pathlib import Path

from agents.install import npm_commands
from agents.process import Run
from agents.programs.program import Line, Wiring
from standin import Call


class Codex:
    name = "codex"
    protocol = "openai_responses"

    def __init__(self, model: str = "any-model") -> None:
        """What tools it declares, and how, depends on the name of the model."""
        self.model = model

    def commands(self) -> Path:
        return npm_commands()

    def settle(self, home: Path) -> dict[str, str]:
        (home / ".codex").mkdir()
        (home / ".codex" / "config.toml").write_text(
            "check_for_update_on_startup = false\nanalytics.enabled = false\n"
        )
        return {}

    def wire(self, home: Path, line: Line) -> Wiring:
        with (home / ".codex" / "config.toml").open("a") as file:
            file.write(
                f"""\
model = "{line.model}"
model_provider = "trunkline"

[model_providers.trunkline]
name = "Trunkline"
base_url = "{line.url}/v1"
env_key = "TRUNKLINE_KEY"
wire_api = "responses"
"""
            )
        return Wiring({"TRUNKLINE_KEY": line.key})

    def ask(self, prompt: str, *, again: bool) -> list[str]:
        options = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
        return ["exec", *options, *(["resume", "--last"] if again else []), prompt]

    def said(self, run: Run) -> str:
        return run.stdout.strip()

    def write(self, path: Path, content: str) -> Call:
        """Through the shell: a model that it does not know gets no tool for files."""
        return self.shell(f"cat > '{path}' <<'END'\n{content}END")

    def shell(self, command: str) -> Call:
        return Call("exec_command", {"cmd": command, "login": False})
