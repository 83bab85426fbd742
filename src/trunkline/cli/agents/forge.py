"""ForgeCode: a base folder of ours, and variables that say provider and model (clients.md 3.13)."""

from typing import Final

from trunkline.cli.agents.agent import Agent, Scene, Wiring, around_proxies

PROVIDER: Final = "openai_compatible"


def wire(scene: Scene) -> Wiring:
    """ForgeCode makes credentials of the two OPENAI variables where its folder has none yet.

    It keeps them there, so they are removed before each start: the key or the port may be another.
    """
    model = {} if scene.model is None else {"FORGE_SESSION__MODEL_ID": scene.model}
    return Wiring(
        values={
            "OPENAI_URL": f"{scene.url}/v1",
            "OPENAI_API_KEY": scene.key,
            "FORGE_CONFIG": str(scene.folder),
            "FORGE_SESSION__PROVIDER_ID": PROVIDER,
            **model,
            **around_proxies(scene.environ),
        },
        stale=(scene.folder / ".credentials.json",),
    )


FORGE: Final = Agent(
    name="forge",
    title="ForgeCode",
    program="forge",
    install="curl -fsSL https://forgecode.dev/cli | sh",
    own_model=None,
    wire=wire,
)
