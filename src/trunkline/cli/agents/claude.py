"""Claude Code: all by environment variables (clients.md 2, ccr.md 6.4)."""

from typing import Final

from trunkline.cli.agents.agent import Agent, Scene, Wiring, around_proxies, unless_set

OTHER_WAYS: Final = (
    "ANTHROPIC_API_KEY",  # with a token beside it Claude Code warns of two credentials, or asks to log in
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
)
"""What would send Claude Code past the gateway."""


def wire(scene: Scene) -> Wiring:
    """The base URL and the token, and nothing that contradicts them."""
    model = {} if scene.model is None else {"ANTHROPIC_MODEL": scene.model}
    return Wiring(
        values={
            "ANTHROPIC_BASE_URL": scene.url,
            "ANTHROPIC_AUTH_TOKEN": scene.key,
            **model,
            **around_proxies(scene.environ),
            **unless_set(
                scene.environ,
                API_TIMEOUT_MS="600000",
                DISABLE_TELEMETRY="true",
                DISABLE_COST_WARNINGS="true",
                CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY="1",
            ),
        },
        removed=OTHER_WAYS,
    )


CLAUDE: Final = Agent(
    name="claude",
    title="Claude Code",
    program="claude",
    install="npm install -g @anthropic-ai/claude-code",
    own_model="sonnet",
    wire=wire,
    path_variables=("CLAUDE_PATH",),  # claude-code-router's
)
