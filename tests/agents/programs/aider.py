"""aider: a model name of litellm's OpenAI kind, over OpenAI Chat. It has no tools: edits are text."""

import json
from pathlib import Path

from agents.install import aider_commands
from agents.process import Run
from agents.programs.program import Line, Wiring
from standin import Text


class Aider:
    name = "aider"
    protocol = "openai_chat"
    model = "any-model"

    def commands(self) -> Path:
        return aider_commands()

    def settle(self, home: Path) -> dict[str, str]:
        # Without this file it looks for the unknown model's price on the network.
        facts = {"max_input_tokens": 200000, "max_output_tokens": 8192, "mode": "chat"}
        facts |= {"litellm_provider": "openai", "input_cost_per_token": 0, "output_cost_per_token": 0}
        (home / ".aider.model.metadata.json").write_text(json.dumps({f"openai/{self.model}": facts}))
        return {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}

    def wire(self, home: Path, line: Line) -> Wiring:
        environment = {"OPENAI_API_BASE": f"{line.url}/v1", "OPENAI_API_KEY": line.key}
        return Wiring(environment, ("--model", f"openai/{line.model}"))

    def ask(self, prompt: str, *, again: bool) -> list[str]:
        quiet = ["--no-check-update", "--analytics-disable", "--no-show-release-notes", "--no-gitignore"]
        plain = ["--yes-always", "--no-git", "--no-pretty", "--no-fancy-input", "--edit-format", "diff"]
        history = ["--restore-chat-history"] if again else []
        return ["--message", prompt, *quiet, *plain, *history, "--no-show-model-warnings"]

    def said(self, run: Run) -> str:
        return run.stdout

    def write(self, path: Path, content: str, before: str = "") -> Text:
        """A block that puts ``content`` in the place of ``before``; a new file when that is empty."""
        name = path.name
        return Text(f"\n{name}\n```\n<<<<<<< SEARCH\n{before}=======\n{content}>>>>>>> REPLACE\n```\n")
