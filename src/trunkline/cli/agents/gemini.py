"""Gemini CLI: environment variables, and a home of ours with everything of the user's but the settings (clients.md 3.4)."""

from pathlib import Path
from typing import Final

from trunkline.cli.agents.agent import Agent, Scene, Wiring, around_proxies
from trunkline.cli.agents.overlay import laid_over, linked
from trunkline.config.homes import user_home

OTHER_WAYS: Final = ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA", "GOOGLE_API_KEY")
"""What would send Gemini CLI past the gateway."""


def wire(scene: Scene) -> Wiring:
    """The key is the way to sign in, whatever the user has chosen before.

    Only its settings file can say so: with the address alone Gemini CLI 0.6x takes a way to sign in that it
    then refuses, and a settings file for the whole machine has to be root's. Its other files, sessions among
    them, are the user's own.
    """
    named = scene.environ.get("GEMINI_CLI_HOME")
    own = (Path(named) if named else user_home(scene.environ)) / ".gemini"
    ours = scene.folder / ".gemini"
    overlay = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    model = {} if scene.model is None else {"GEMINI_MODEL": scene.model}
    return Wiring(
        values={
            "GOOGLE_GEMINI_BASE_URL": scene.url,
            "GEMINI_API_KEY": scene.key,
            "GEMINI_CLI_HOME": str(scene.folder),
            **model,
            **around_proxies(scene.environ),
        },
        removed=OTHER_WAYS,
        files={ours / "settings.json": laid_over(own / "settings.json", overlay)},
        links=linked(own, ours, but="settings.json"),
    )


GEMINI: Final = Agent(
    name="gemini",
    title="Gemini CLI",
    program="gemini",
    install="npm install -g @google/gemini-cli",
    own_model="gemini-3.8-flash",
    wire=wire,
)
