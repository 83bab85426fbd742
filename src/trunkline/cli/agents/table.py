"""All agents by name."""

from typing import Final

from trunkline.cli.agents.agent import Agent
from trunkline.cli.agents.aider import AIDER
from trunkline.cli.agents.claude import CLAUDE
from trunkline.cli.agents.codex import CODEX

AGENTS: Final[dict[str, Agent]] = {agent.name: agent for agent in (CLAUDE, CODEX, AIDER)}
