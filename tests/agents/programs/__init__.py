"""The agents that the tests drive."""

from agents.programs.claude import ClaudeCode
from agents.programs.codex import Codex
from agents.programs.gemini import GeminiCli
from agents.programs.opencode import OpenCode
from agents.programs.program import Line, Program, Wiring
from agents.programs.qwen import QwenCode

PROGRAMS: dict[str, Program] = {
    program.name: program for program in (ClaudeCode(), Codex(), GeminiCli(), OpenCode(), QwenCode())
}

__all__ = ["PROGRAMS", "Line", "Program", "Wiring"]
