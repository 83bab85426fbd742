"""Qwen Code: environment variables, and a settings file of ours that rules over the user's login (clients.md 3.3)."""

import sys
from pathlib import Path
from typing import Final

from trunkline.cli.agents.agent import Agent, Scene, Wiring, around_proxies
from trunkline.cli.agents.overlay import laid_over

PLACE_VARIABLE: Final = "QWEN_CODE_SYSTEM_SETTINGS_PATH"
OWN_MODEL: Final = "qwen3-coder-plus"


def wire(scene: Scene) -> Wiring:
    """OpenAI's protocol is the way to sign in, whatever the user has chosen elsewhere."""
    machine = Path(scene.environ.get(PLACE_VARIABLE) or _usual_place())
    ours = scene.folder / "settings.json"
    model = scene.model or OWN_MODEL  # without one Qwen Code does not take the other two variables
    overlay = {"security": {"auth": {"selectedType": "openai"}}, "model": {"name": model}}
    return Wiring(
        values={
            "OPENAI_BASE_URL": f"{scene.url}/v1",
            "OPENAI_API_KEY": scene.key,
            "OPENAI_MODEL": model,
            PLACE_VARIABLE: str(ours),
            **around_proxies(scene.environ),
        },
        removed=("QWEN_OAUTH", "QWEN_MODEL"),
        files={ours: laid_over(machine, overlay)},
    )


def _usual_place() -> str:
    if sys.platform == "darwin":
        return "/Library/Application Support/QwenCode/settings.json"
    return "/etc/qwen-code/settings.json"


QWEN: Final = Agent(
    name="qwen",
    title="Qwen Code",
    program="qwen",
    install="npm install -g @qwen-code/qwen-code",
    own_model=OWN_MODEL,
    wire=wire,
)
