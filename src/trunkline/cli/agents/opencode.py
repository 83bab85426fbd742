"""opencode: an inline configuration that lies over the user's own files (clients.md 3.2)."""

from typing import Final

import msgspec

from trunkline.catalog.models import model_layer
from trunkline.cli.agents.agent import KEY_VARIABLE, Agent, Scene, Wiring, around_proxies, is_claude

PROVIDER: Final = "trunkline"
CHAT: Final = "@ai-sdk/openai-compatible"
MESSAGES: Final = "@ai-sdk/anthropic"
"""Libraries that come with opencode: which of them a model is asked through chooses the protocol."""


def wire(scene: Scene) -> Wiring:
    """A provider with the gateway's models; the file names the variable that holds the key."""
    names = dict.fromkeys((*([scene.model] if scene.model else ()), *scene.models))
    provider = {
        "name": "Trunkline",
        "npm": CHAT,
        "options": {"baseURL": f"{scene.url}/v1", "apiKey": f"{{env:{KEY_VARIABLE}}}"},
        "models": {name: described(name) for name in names},
    }
    configuration: dict[str, object] = {
        "$schema": "https://opencode.ai/config.json",
        "provider": {PROVIDER: provider},
    }
    if scene.model is not None:
        chosen = f"{PROVIDER}/{scene.model}"
        configuration |= {"model": chosen, "small_model": chosen}
    return Wiring(
        values={
            "OPENCODE_CONFIG_CONTENT": msgspec.json.encode(configuration).decode(),
            KEY_VARIABLE: scene.key,
            **around_proxies(scene.environ),
        }
    )


def described(name: str) -> dict[str, object]:
    """What opencode needs to know of a model: how to ask it, and its limits where they are known."""
    model: dict[str, object] = {"name": name, "tool_call": True}
    if is_claude(name):
        model["provider"] = {"npm": MESSAGES}
    layer = model_layer(name.rpartition("/")[2], "openai_chat")
    context, output = layer.get("context_tokens"), layer.get("max_output_tokens")
    if context and output:
        model["limit"] = {"context": context, "output": output}
    return model


OPENCODE: Final = Agent(
    name="opencode",
    title="opencode",
    program="opencode",
    install="npm install -g opencode-ai",
    own_model=None,
    wire=wire,
)
