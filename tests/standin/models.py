"""What each model family takes: the tables that the workspace's rules are checked against."""

from dataclasses import dataclass
from typing import Literal

Family = Literal["claude", "gpt", "gemini", "gpt_oss", "llama", "qwen"]


@dataclass(frozen=True, slots=True)
class Model:
    """One model: its plain name (no prefix), its family, and what it refuses."""

    name: str
    family: Family
    provider_name: str
    """What answers call it."""
    max_output: int = 64000
    context: int = 200_000
    thinking: Literal["none", "budget", "adaptive", "both"] = "none"
    always_thinks: bool = False
    sampling: bool = True
    prefill: bool = True
    forced_tools: bool = True
    late_system: bool = False
    effort: bool = False
    responses_only: bool = False
    single_calls: bool = False
    tool_limit: int | None = None

    @property
    def endpoint(self) -> str:
        return f"databricks-{self.name}"

    @property
    def service(self) -> str:
        return f"system.ai.{self.name}"


def _claude(name: str, provider_name: str, generation: str, **extra: object) -> Model:
    new = generation in ("4.7", "4.8", "5", "5.5")
    thinking = {"4.6": "both", "4.5": "budget", "4.5+": "budget"}.get(generation, "adaptive")
    return Model(
        name,
        "claude",
        f"us.anthropic.{provider_name}-v1:0",
        thinking=thinking,  # type: ignore[arg-type]
        sampling=not new,
        prefill=generation in ("4.5", "4.5+"),
        late_system=generation in ("4.8", "5", "5.5"),
        effort=generation != "4.5",
        **extra,  # type: ignore[arg-type]
    )


_MILLION = 1_000_000
_OUT = {"max_output": 128_000, "context": _MILLION}

MODELS: tuple[Model, ...] = (
    _claude("claude-haiku-4-5", "claude-haiku-4-5-20251001", "4.5"),
    _claude("claude-sonnet-4", "claude-sonnet-4-20250514", "4.5"),
    _claude("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "4.5"),
    _claude("claude-opus-4-1", "claude-opus-4-1-20250805", "4.5", max_output=32_000),
    _claude("claude-opus-4-5", "claude-opus-4-5-20251101", "4.5+"),
    _claude("claude-sonnet-4-6", "claude-sonnet-4-6", "4.6", context=_MILLION),
    _claude("claude-opus-4-6", "claude-opus-4-6", "4.6", **_OUT),
    _claude("claude-opus-4-7", "claude-opus-4-7", "4.7", **_OUT),
    _claude("claude-opus-4-8", "claude-opus-4-8", "4.8", **_OUT),
    _claude("claude-sonnet-5", "claude-sonnet-5", "5", **_OUT),
    _claude("claude-opus-5", "claude-opus-5", "5", **_OUT),
    _claude("claude-haiku-5-5", "claude-haiku-5-5", "5.5", **_OUT),
    _claude("claude-sonnet-5-5", "claude-sonnet-5-5", "5.5", always_thinks=True, **_OUT),
    _claude("claude-opus-5-5", "claude-opus-5-5", "5.5", always_thinks=True, forced_tools=False, **_OUT),
    Model("gpt-5", "gpt", "gpt-5-2025-08-07", 128_000, 272_000, sampling=False),
    Model("gpt-5-4", "gpt", "gpt-5.4", 128_000, 922_000, sampling=False),
    Model("gpt-5-5", "gpt", "gpt-5.5", 128_000, 922_000, sampling=False, responses_only=True),
    Model("gemini-3-1-pro", "gemini", "gemini-3.1-pro", 65_536, 1_048_576),
    Model("gpt-oss-120b", "gpt_oss", "gpt-oss-120b-080525", 25_000, 131_072, tool_limit=32),
    Model(
        "meta-llama-3-3-70b-instruct",
        "llama",
        "meta-llama-3.3-70b-instruct-121024",
        8192,
        128_000,
        single_calls=True,
        tool_limit=32,
    ),
    Model(
        "qwen35-122b-a10b", "qwen", "qwen35-122b-a10b", 25_000, 262_144, always_thinks=True, tool_limit=32
    ),
)

BY_NAME = {model.name: model for model in MODELS}


def find_model(name: str) -> Model | None:
    """The model behind an endpoint name, a service name or a bare name."""
    return BY_NAME.get(name.removeprefix("system.ai.").removeprefix("databricks-"))
