"""Qwen Code: variables of the OpenAI kind, over OpenAI Chat."""

from pathlib import Path

from agents.install import npm_commands
from agents.process import Run
from agents.programs.program import Line, Wiring, merge_json
from standin import Call


class QwenCode:
    name = "qwen"
    protocol = "openai_chat"
    model = "any-model"

    def commands(self) -> Path:
        return npm_commands()

    def settle(self, home: Path) -> dict[str, str]:
        merge_json(home / ".qwen" / "settings.json", privacy={"usageStatisticsEnabled": False})
        return {}

    def wire(self, home: Path, line: Line) -> Wiring:
        merge_json(home / ".qwen" / "settings.json", security={"auth": {"selectedType": "openai"}})
        return Wiring(
            {"OPENAI_BASE_URL": f"{line.url}/v1", "OPENAI_API_KEY": line.key, "OPENAI_MODEL": line.model}
        )

    def ask(self, prompt: str, *, again: bool) -> list[str]:
        return ["--yolo", *(["--continue"] if again else []), prompt]

    def said(self, run: Run) -> str:
        return run.stdout.strip()

    def write(self, path: Path, content: str) -> Call:
        return Call("write_file", {"file_path": str(path), "content": content})

    def shell(self, command: str) -> Call:
        # What comes just before the end of a command is lost when the end is heard of first.
        lingering = f"({command}); code=$?; sleep 0.5; exit $code"
        return Call("run_shell_command", {"command": lingering, "is_background": False})
