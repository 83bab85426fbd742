"""Transforms that set, cap, rename or leave out fields of an encoded body, in each protocol's spelling (ccr.md 3.4)."""

import re
from collections.abc import Callable, Mapping
from typing import Final, cast

from trunkline.providers.draft import Draft, decode_any
from trunkline.providers.edit_fields import strip_path
from trunkline.providers.provider import Surface

Options = Mapping[str, object]
Edit = Callable[[Draft, Surface, Options], None]
_Place = tuple[str, ...]
"""A field's name, or the name of an object in the body and the field's in it."""

DEEPSEEK_LIMIT: Final = 8192
MIN_BUDGET: Final = 1024
LIMITS: Final[Mapping[str, tuple[_Place, ...]]] = {
    "openai_chat": (("max_tokens",), ("max_completion_tokens",)),
    "openai_responses": (("max_output_tokens",),),
    "anthropic_messages": (("max_tokens",),),
    "gemini": (("generationConfig", "maxOutputTokens"), ("generationConfig", "max_output_tokens")),
    "bedrock_converse": (("inferenceConfig", "maxTokens"),),
}
"""Where the output limit stands. Gemini takes two spellings of any name."""
SAMPLERS: Final[Mapping[str, Mapping[str, _Place]]] = {
    "openai_chat": {
        name: (name,) for name in ("temperature", "top_p", "top_k", "repetition_penalty")
    },
    "openai_responses": {name: (name,) for name in ("temperature", "top_p")},
    "anthropic_messages": {name: (name,) for name in ("temperature", "top_p", "top_k")},
    "gemini": {
        "temperature": ("generationConfig", "temperature"),
        "top_p": ("generationConfig", "topP"),
        "top_k": ("generationConfig", "topK"),
    },
    "bedrock_converse": {
        "temperature": ("inferenceConfig", "temperature"),
        "top_p": ("inferenceConfig", "topP"),
    },
}  # fmt: skip
ON_MESSAGES: Final = (
    "messages.cache_control",
    "messages.content.cache_control",
    "messages.content.content.cache_control",
    "system.cache_control",
)
"""Where cache marks stand in Messages and Chat, but for tools."""
EVERYWHERE: Final = (*ON_MESSAGES, "tools.cache_control", "tools.function.cache_control")
DIALECTS: Final = (
    "tools.function.parameters.$schema",
    "tools.input_schema.$schema",
    "tools.parameters.$schema",
)
"""Where a tool's schema names its dialect: Chat, Messages, Responses."""


def cap(draft: Draft, surface: Surface, limit: int) -> None:
    """The output limit, no higher than ``limit``; a thinking budget stays below it or goes."""
    cut = False
    for place in LIMITS.get(surface.protocol, ()):
        given = _get(draft, place)
        if isinstance(given, int) and given > limit:
            _set(draft, place, limit)
            cut = True
    thinking = draft.value("thinking") if cut else None
    if not isinstance(thinking, dict):
        return
    said = cast("dict[str, object]", thinking)
    budget = said.get("budget_tokens")
    if isinstance(budget, int) and budget >= limit:
        if limit > MIN_BUDGET:
            draft.put("thinking", {**said, "budget_tokens": limit - 1})
        else:
            draft.drop("thinking", f"an output limit of {limit} tokens leaves no room to think")


def maxtoken(draft: Draft, surface: Surface, options: Options) -> None:
    """Caps the output limit; one that the client did not set is not added."""
    limit = options.get("max_tokens")
    if isinstance(limit, int):
        cap(draft, surface, limit)


def deepseek(draft: Draft, surface: Surface, options: Options) -> None:
    """DeepSeek's chat models wrote 8192 tokens at most."""
    cap(draft, surface, DEEPSEEK_LIMIT)


def sampling(draft: Draft, surface: Surface, options: Options) -> None:
    """Caps the output limit, sets the sampler whatever the client said."""
    maxtoken(draft, surface, options)
    places = SAMPLERS.get(surface.protocol, {})
    for name, value in options.items():
        place = places.get(name)
        if name == "max_tokens":
            continue
        if place is None or not surface.facts.sampling or name in surface.facts.drop:
            draft.lose(f"sampling.{name}", "the upstream has no such setting")
        else:
            _set(draft, place, value)


def put_fields(draft: Draft, surface: Surface, options: Options) -> None:
    """Options of OpenRouter and Vercel are fields of the request; the client's own give way."""
    for name, value in options.items():
        if name not in surface.facts.drop:
            draft.put(name, value)


def add_fields(draft: Draft, surface: Surface, options: Options) -> None:
    """Fields that the request lacks are added. Objects are merged, the options winning inside; else it stays."""
    for name, value in options.items():
        if name in surface.facts.drop:
            continue
        given = draft.value(name)
        if draft.raw(name) is None:
            draft.put(name, value)
        elif isinstance(given, dict) and isinstance(value, dict):
            merged = merge(cast("dict[str, object]", given), cast("dict[str, object]", value))
            if merged != given:
                draft.put(name, merged)


def merge(under: Options, over: Options) -> dict[str, object]:
    """Both objects in one, ``over`` winning at every depth."""
    merged = dict(under)
    for key, value in over.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            value = merge(cast("dict[str, object]", before), cast("dict[str, object]", value))
        merged[key] = value
    return merged


def cleancache(draft: Draft, surface: Surface, options: Options) -> None:
    """Cache marks on messages and their parts stay behind; tools keep theirs."""
    _strip(draft, ON_MESSAGES, b'"cache_control"')


def no_marks(draft: Draft) -> None:
    """No cache mark at all, wherever it stands."""
    draft.drop("cache_control")
    _strip(draft, EVERYWHERE, b'"cache_control"')


def gateway(draft: Draft, surface: Surface, options: Options) -> None:
    """OpenRouter and Vercel: cache marks for Claude only, the options as fields."""
    if "claude" not in surface.facts.model.lower():
        no_marks(draft)
    put_fields(draft, surface, options)


def groq(draft: Draft, surface: Surface, options: Options) -> None:
    """No cache marks, no dialect named in schemas, no OpenRouter way of asking for reasoning."""
    no_marks(draft)
    _strip(draft, DIALECTS, b'"$schema"')
    if surface.protocol == "openai_chat":
        draft.drop("reasoning")


def cerebras(draft: Draft, surface: Surface, options: Options) -> None:
    """Its reasoning is asked for by an effort."""
    if surface.protocol == "openai_chat":
        draft.drop("reasoning")


def streamoptions(draft: Draft, surface: Surface, options: Options) -> None:
    """A stream ends with its usage."""
    if surface.protocol == "openai_chat" and draft.raw("stream") == b"true":
        given = draft.value("stream_options")
        asked = cast("dict[str, object]", given) if isinstance(given, dict) else {}
        if asked.get("include_usage") is not True:
            draft.put("stream_options", {**asked, "include_usage": True})


def reasoning(draft: Draft, surface: Surface, options: Options) -> None:
    """An effort that a client of the same protocol asked for switches thinking on in both spellings."""
    if surface.protocol != "openai_chat" or options.get("enable") is False:
        return
    effort = draft.value("reasoning_effort")
    if isinstance(effort, str) and effort != "none" and draft.raw("enable_thinking") is None:
        draft.put("enable_thinking", True)
        if draft.raw("thinking") is None:
            draft.put("thinking", {"type": "enabled"})


EDITS: Final[Mapping[str, Edit]] = {
    "deepseek": deepseek,
    "openrouter": gateway,
    "vercel": gateway,
    "groq": groq,
    "cerebras": cerebras,
    "maxtoken": maxtoken,
    "sampling": sampling,
    "reasoning": reasoning,
    "cleancache": cleancache,
    "streamoptions": streamoptions,
    "customparams": add_fields,
}
"""By the names of :mod:`trunkline.config.transforms`; the others change no field of a body."""


def _strip(draft: Draft, paths: tuple[str, ...], hint: bytes) -> None:
    for path in paths:
        raw = draft.raw(path.partition(".")[0])
        if raw is not None and hint in raw:
            strip_path(draft, path)


def _get(draft: Draft, place: _Place) -> object:
    if len(place) == 1:
        return draft.value(place[0])
    members = draft.members(_head(draft, place))
    raw = None if members is None else members.get(place[1])
    return None if raw is None else decode_any(bytes(raw))


def _set(draft: Draft, place: _Place, value: object) -> None:
    if len(place) == 1:
        draft.put(place[0], value)
        return
    members: dict[str, object] = {**(draft.members(_head(draft, place)) or {})}
    members.pop(_snake(place[1]), None)
    draft.put(_head(draft, place), {**members, place[1]: value})


def _head(draft: Draft, place: _Place) -> str:
    snake = _snake(place[0])
    return snake if draft.raw(snake) is not None else place[0]


def _snake(name: str) -> str:
    """Gemini's other spelling of a name."""
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
