"""opencode: a provider of our own in its configuration, over OpenAI Chat."""

import json
from pathlib import Path

from agents.install import npm_commands
from agents.process import Run
from agents.programs.program import Line, Wiring, json_events
from standin import Call


class OpenCode:
    name = "opencode"
    protocol = "openai_chat"
    model = "any-model"

    def commands(self) -> Path:
        return npm_commands()

    def settle(self, home: Path) -> dict[str, str]:
        return {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}

    def wire(self, home: Path, line: Line) -> Wiring:
        options = {"baseURL": f"{line.url}/v1", "apiKey": line.key}
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": options,
            "models": {line.model: {"tool_call": True, "limit": {"context": 200000, "output": 8192}}},
        }
        path = home / "opencode.json"
        path.write_text(json.dumps({"provider": {"trunkline": provider}}))
        return Wiring({"OPENCODE_CONFIG": str(path)}, ("--model", f"trunkline/{line.model}"))

    def ask(self, prompt: str, *, again: bool) -> list[str]:
        return ["run", "--format", "json", *(["--continue"] if again else []), prompt]

    def said(self, run: Run) -> str:
        texts = [event["part"] for event in json_events(run) if event.get("type") == "text"]
        return str(texts[-1]["text"]) if texts else ""  # type: ignore[index]

    def write(self, path: Path, content: str) -> Call:
        return Call("write", {"filePath": str(path), "content": content})

    def shell(self, command: str) -> Call:
        return Call("bash", {"command": command, "description": "A step"})
