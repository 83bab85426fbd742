"""All agents by name."""

from typing import Final

from trunkline.cli.agents.agent import Agent
from trunkline.cli.agents.aider import AIDER
from trunkline.cli.agents.claude import CLAUDE
from trunkline.cli.agents.codex import CODEX
from trunkline.cli.agents.crush import CRUSH
from trunkline.cli.agents.forge import FORGE
from trunkline.cli.agents.gemini import GEMINI
from trunkline.cli.agents.opencode import OPENCODE
from trunkline.cli.agents.qwen import QWEN

AGENTS: Final[dict[str, Agent]] = {
    agent.name: agent for agent in (CLAUDE, CODEX, GEMINI, OPENCODE, QWEN, CRUSH, AIDER, FORGE)
}
