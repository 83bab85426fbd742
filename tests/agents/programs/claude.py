"""Claude Code: its variables, over Anthropic Messages."""

from pathlib import Path

from agents.install import npm_commands
from agents.process import Run
from agents.programs.program import Line, Wiring
from standin import Call

QUIET = {
    "DISABLE_TELEMETRY": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}


class ClaudeCode:
    name = "claude"
    protocol = "anthropic_messages"
    model = "any-model"

    def commands(self) -> Path:
        return npm_commands()

    def settle(self, home: Path) -> dict[str, str]:
        return QUIET

    def wire(self, home: Path, line: Line) -> Wiring:
        environment = {"ANTHROPIC_BASE_URL": line.url, "ANTHROPIC_AUTH_TOKEN": line.key}
        return Wiring(environment, ("--model", line.model))

    def ask(self, prompt: str, *, again: bool) -> list[str]:
        options = ["--permission-mode", "acceptEdits", "--allowedTools=Agent,Bash,Edit,Read,Write"]
        return ["--print", prompt, *(["--continue"] if again else []), *options]

    def said(self, run: Run) -> str:
        return run.stdout.strip()

    def write(self, path: Path, content: str) -> Call:
        return Call("Write", {"file_path": str(path), "content": content})

    def shell(self, command: str) -> Call:
        return Call("Bash", {"command": command, "description": "A step"})
