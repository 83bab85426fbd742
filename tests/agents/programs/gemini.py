"""Gemini CLI: its variables, over Gemini."""

from pathlib import Path

from agents.install import npm_commands
from agents.process import Run
from agents.programs.program import Line, Wiring, merge_json
from standin import Call


class GeminiCli:
    name = "gemini"
    protocol = "gemini"
    model = "any-model"

    def commands(self) -> Path:
        return npm_commands()

    def settle(self, home: Path) -> dict[str, str]:
        quiet = {"privacy": {"usageStatisticsEnabled": False}, "general": {"enableAutoUpdate": False}}
        merge_json(home / ".gemini" / "settings.json", **quiet)
        return {"GEMINI_CLI_TRUST_WORKSPACE": "true"}

    def wire(self, home: Path, line: Line) -> Wiring:
        sign_in = {"auth": {"selectedType": "gemini-api-key"}}
        merge_json(home / ".gemini" / "settings.json", security=sign_in)
        environment = {"GOOGLE_GEMINI_BASE_URL": line.url, "GEMINI_API_KEY": line.key}
        return Wiring(environment, ("--model", line.model))

    def ask(self, prompt: str, *, again: bool) -> list[str]:
        return ["--yolo", *(["--resume", "latest"] if again else []), "--prompt", prompt]

    def said(self, run: Run) -> str:
        return run.stdout.strip()

    def write(self, path: Path, content: str) -> Call:
        return Call("write_file", {"file_path": str(path), "content": content})

    def shell(self, command: str) -> Call:
        return Call("run_shell_command", {"command": command, "description": "A step"})
