"""aider: environment variables, its own and those of the library it calls models with (clients.md 3.9)."""

from typing import Final

from trunkline.cli.agents.agent import Agent, Scene, Wiring, around_proxies, is_claude, unless_set


def wire(scene: Scene) -> Wiring:
    """Both protocols are wired; the prefix of the model's name chooses: Messages for a Claude, else Chat."""
    model = {}
    if scene.model is not None:
        protocol = "anthropic" if is_claude(scene.model) else "openai"
        model = {"AIDER_MODEL": f"{protocol}/{scene.model}"}
    return Wiring(
        values={
            "OPENAI_API_BASE": f"{scene.url}/v1",
            "OPENAI_API_KEY": scene.key,
            "ANTHROPIC_API_BASE": scene.url,
            "ANTHROPIC_API_KEY": scene.key,
            **model,
            **around_proxies(scene.environ),
            **unless_set(scene.environ, AIDER_SHOW_MODEL_WARNINGS="false", AIDER_ANALYTICS="false"),
        },
    )


AIDER: Final = Agent(
    name="aider",
    title="aider",
    program="aider",
    install="python -m pip install aider-chat",
    own_model=None,
    wire=wire,
)
