"""Codex: a provider of our own by command-line overrides, the key in a variable (clients.md 3.1)."""

from typing import Final

from trunkline.cli.agents.agent import KEY_VARIABLE, Agent, Scene, Wiring, around_proxies

PROVIDER: Final = "trunkline"


def wire(scene: Scene) -> Wiring:
    """``-c`` overrides leave the user's own configuration, login and sessions where they are."""
    settings: dict[str, str | bool] = {
        "model_provider": PROVIDER,
        f"model_providers.{PROVIDER}.name": "Trunkline",
        f"model_providers.{PROVIDER}.base_url": f"{scene.url}/v1",
        f"model_providers.{PROVIDER}.env_key": KEY_VARIABLE,
        f"model_providers.{PROVIDER}.wire_api": "responses",
        # Else it asks over HTTP and sends the whole conversation each time.
        f"model_providers.{PROVIDER}.supports_websockets": True,
    }
    if scene.model is not None:
        settings["model"] = scene.model
    overrides = [word for name, value in settings.items() for word in ("-c", f"{name}={_toml(value)}")]
    return Wiring(
        values={KEY_VARIABLE: scene.key, **around_proxies(scene.environ)}, arguments=tuple(overrides)
    )


def _toml(value: str | bool) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


CODEX: Final = Agent(
    name="codex",
    title="Codex",
    program="codex",
    install="npm install -g @openai/codex",
    own_model="gpt-6.2-sol",
    wire=wire,
)
