"""Claude Code: all by environment variables (clients.md 2, ccr.md 6.4)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from trunkline.cli.agents.agent import Agent, Scene, Wiring, around_proxies, unless_set

OTHER_WAYS: Final = (
    "ANTHROPIC_API_KEY",  # with a token beside it Claude Code warns of two credentials, or asks to log in
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
)
"""What would send Claude Code past the gateway."""
_OWN_FILES: Final = (Path(".claude", "settings.json"), Path(".claude", "settings.local.json"))
"""Settings of the work folder."""


class _Settings(msgspec.Struct):
    env: Mapping[str, object] = {}


_SETTINGS: Final = msgspec.json.Decoder(_Settings)


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
        notes=tuple(_contradictions(scene)),
    )


def _contradictions(scene: Scene) -> Iterator[str]:
    """Settings files whose ``env`` comes before every variable that Claude Code is started with."""
    files = (_folder(scene.environ) / "settings.json", *_OWN_FILES)
    for file in dict.fromkeys(map(Path.absolute, files)):
        try:
            env = _SETTINGS.decode(file.read_bytes()).env
        except (OSError, msgspec.MsgspecError):
            continue  # Claude Code says itself what is wrong with its files
        names = [name for name in OTHER_WAYS if env.get(name)]
        if env.get("ANTHROPIC_BASE_URL", scene.url) != scene.url:
            names.insert(0, "ANTHROPIC_BASE_URL")
        if names:
            yield (
                f"{file} sets {', '.join(names)}, which Claude Code prefers to what it is given here: it may not ask "
                "the gateway. Take that out of the file."
            )


def _folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("CLAUDE_CONFIG_DIR") or Path(environ.get("HOME", "~"), ".claude"))


CLAUDE: Final = Agent(
    name="claude",
    title="Claude Code",
    program="claude",
    install="npm install -g @anthropic-ai/claude-code",
    own_model="sonnet",
    wire=wire,
    path_variables=("CLAUDE_PATH",),  # claude-code-router's
)
