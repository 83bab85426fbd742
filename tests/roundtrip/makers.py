"""The providers of these tests: each with its strict stand-in, by a short name."""

from collections.abc import Callable
from dataclasses import dataclass

from standin import (
    Anthropic,
    AnthropicFlags,
    Flags,
    Google,
    GoogleFlags,
    OpenAI,
    OpenAIFlags,
    Service,
)
from standin.script import Player
from standin.workspace import Workspace
from trunkline.config.schema import ProviderSettings
from trunkline.config.secret import Secret
from trunkline.providers.provider import Provider
from trunkline.providers.registry import make_provider

KEY = "dummy"


@dataclass(frozen=True, slots=True)
class Maker:
    """One provider: how it is configured, what stands in for it, and a model of it."""

    name: str
    protocol: str
    model: str
    kind: str
    url: str
    service: Callable[[Player, bool], Service]
    """``own``: the client speaks the provider's protocol, and its bytes pass as they are."""
    speaks: str | None = None
    """What is configured where the catalog's own URL does not do."""
    surface: str | None = None
    images: bool = True

    @property
    def host(self) -> str:
        """What the stand-in is asked as."""
        return self.url.partition("://")[2]

    @property
    def target(self) -> str:
        return f"{self.name}/{self.model}"

    def provider(self) -> Provider:
        """The real provider, as a configuration makes it."""
        speaks = () if self.speaks is None else ((self.protocol, self.speaks),)
        settings = ProviderSettings(
            kind=self.kind,
            host=self.url if self.kind == "databricks" else None,
            credential=Secret(KEY),
            speaks=speaks,
            models=(self.model,),
            surface=self.surface,
        )
        return make_provider(self.name, settings)


def _workspace(player: Player, own: bool) -> Service:
    del own
    return Workspace(Flags(token=KEY), player, lambda: 0.0)


def _openai(**flags: object) -> Callable[[Player, bool], Service]:
    return lambda player, own: OpenAI(player, flags=OpenAIFlags(key=KEY, **flags))  # type: ignore[arg-type]


def _google(player: Player, own: bool) -> Service:
    """What we write ourselves alternates and is signed in every turn; a client's own bytes need not."""
    return Google(player, flags=GoogleFlags(key=KEY, every_turn=not own, alternate=not own))


def _anthropic(player: Player, own: bool) -> Service:
    del own
    return Anthropic(player, flags=AnthropicFlags(key=KEY))


def _listed(*makers: Maker) -> dict[str, Maker]:
    return {maker.name: maker for maker in makers}


MAKERS = _listed(
    Maker(
        "anthropic",
        "anthropic_messages",
        "claude-sonnet-4-5",
        "anthropic",
        "http://anthropic",
        _anthropic,
        "http://anthropic",
    ),
    Maker(
        "anthropic-new",
        "anthropic_messages",
        "claude-opus-4-8",
        "anthropic",
        "http://anthropic-new",
        _anthropic,
        "http://anthropic-new",
    ),
    Maker(
        "databricks",
        "openai_chat",
        "databricks-claude-sonnet-4-5",
        "databricks",
        "http://databricks",
        _workspace,
        surface="serving_chat",
    ),
    Maker(
        "deepseek",
        "openai_chat",
        "deepseek-v4",
        "deepseek",
        "http://deepseek",
        _openai(models=frozenset({"deepseek-v4"}), chat_reasoning="required"),
        "http://deepseek/v1",
        images=False,
    ),
    Maker(
        "openrouter",
        "openai_chat",
        "gpt-5.5",
        "openrouter",
        "http://openrouter",
        _openai(chat_reasoning="signed"),
        "http://openrouter/v1",
    ),
    Maker(
        "openai-chat",
        "openai_chat",
        "gpt-5.5",
        "openai",
        "http://openai-chat",
        _openai(),
        "http://openai-chat/v1",
    ),
    Maker(
        "openai", "openai_responses", "gpt-5.5", "openai", "http://openai", _openai(), "http://openai/v1"
    ),
    Maker(
        "gemini3", "gemini", "gemini-3.1-pro-preview", "custom", "http://gemini3", _google, "http://gemini3"
    ),
    Maker("gemini2", "gemini", "gemini-2.5-pro", "custom", "http://gemini2", _google, "http://gemini2"),
)
