"""Crush: a configuration folder of ours, with the user's own configuration under our provider."""

import shlex
from pathlib import Path
from typing import Final

from trunkline.catalog.models import model_layer
from trunkline.cli.agents.agent import KEY_VARIABLE, Agent, Scene, Wiring, around_proxies
from trunkline.cli.agents.overlay import laid_over
from trunkline.config.homes import user_home

PROVIDER: Final = "trunkline"
CONTEXT: Final = 200_000
OUTPUT: Final = 32_000
"""Tokens that Crush is told where the catalog does not know a model: it demands both numbers."""


def wire(scene: Scene) -> Wiring:
    """Crush reads its global configuration from one folder and remembers the chosen model in another."""
    named = scene.environ.get("CRUSH_GLOBAL_CONFIG")
    own = Path(named) if named else _config_home(scene) / "crush"
    names = dict.fromkeys((*([scene.model] if scene.model else ()), *scene.models))
    provider = {
        "name": "Trunkline",
        "type": "openai-compat",
        "base_url": f"{scene.url}/v1",
        "api_key": f"${KEY_VARIABLE}",
        "models": [described(name) for name in names],
    }
    overlay: dict[str, object] = {"providers": {PROVIDER: provider}}
    if scene.model is not None:
        chosen = {"provider": PROVIDER, "model": scene.model}
        overlay["models"] = {"large": chosen, "small": chosen}
    files = {scene.folder / "crush.json": laid_over(own / "crush.json", overlay)}
    # Newer versions also read a shell script beside it.
    script = shlex.quote(str(own / "crushrc"))
    files[scene.folder / "crushrc"] = f"if [ -f {script} ]; then source {script}; fi\n".encode()
    return Wiring(
        values={
            "CRUSH_GLOBAL_CONFIG": str(scene.folder),
            "CRUSH_GLOBAL_DATA": str(scene.folder / "data"),
            KEY_VARIABLE: scene.key,
            **around_proxies(scene.environ),
        },
        files=files,
    )


def described(name: str) -> dict[str, object]:
    """One model as Crush lists it."""
    layer = model_layer(name.rpartition("/")[2], "openai_chat")
    return {
        "id": name,
        "name": name,
        "context_window": layer.get("context_tokens") or CONTEXT,
        "default_max_tokens": layer.get("max_output_tokens") or OUTPUT,
    }


def _config_home(scene: Scene) -> Path:
    named = scene.environ.get("XDG_CONFIG_HOME")
    return Path(named) if named else user_home(scene.environ) / ".config"


CRUSH: Final = Agent(
    name="crush",
    title="Crush",
    program="crush",
    install="npm install -g @charmland/crush",
    own_model=None,
    wire=wire,
)
