"""Gemini CLI: environment variables, and a settings file of ours that rules over the user's login (clients.md 3.4)."""

import sys
from pathlib import Path
from typing import Final

from trunkline.cli.agents.agent import Agent, Scene, Wiring, around_proxies
from trunkline.cli.agents.overlay import laid_over

PLACE_VARIABLE: Final = "GEMINI_CLI_SYSTEM_SETTINGS_PATH"
OTHER_WAYS: Final = ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA", "GOOGLE_API_KEY")
"""What would send Gemini CLI past the gateway."""


def wire(scene: Scene) -> Wiring:
    """The key is the way to sign in, whatever the user has chosen elsewhere."""
    machine = Path(scene.environ.get(PLACE_VARIABLE) or _usual_place())
    ours = scene.folder / "settings.json"
    settings = laid_over(machine, {"security": {"auth": {"selectedType": "gemini-api-key"}}})
    model = {} if scene.model is None else {"GEMINI_MODEL": scene.model}
    return Wiring(
        values={
            "GOOGLE_GEMINI_BASE_URL": scene.url,
            "GEMINI_API_KEY": scene.key,
            PLACE_VARIABLE: str(ours),
            **model,
            **around_proxies(scene.environ),
        },
        removed=OTHER_WAYS,
        files={ours: settings},
    )


def _usual_place() -> str:
    """Where the settings of the whole machine are, which ours would hide."""
    if sys.platform == "darwin":
        return "/Library/Application Support/GeminiCli/settings.json"
    return "/etc/gemini-cli/settings.json"


GEMINI: Final = Agent(
    name="gemini",
    title="Gemini CLI",
    program="gemini",
    install="npm install -g @google/gemini-cli",
    own_model="gemini-3.8-flash",
    wire=wire,
)
