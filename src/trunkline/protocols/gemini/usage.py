"""Token counts and stop causes, both directions (protocols.md 4.1, 4.2)."""

from typing import Final

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.usage import Stop, StopReason, Usage
from trunkline.protocols.gemini.wire import Number, UsageMetadata

_NUMBERED: Final = (
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "MODEL_ARMOR",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "IMAGE_OTHER",
    "UNEXPECTED_TOOL_CALL",
    "NO_IMAGE",
)
"""Vertex's numbers, for clients that ask for ``enum-encoding=int``."""

_STOPS: Final[dict[str, StopReason]] = {
    "STOP": "end",
    "MAX_TOKENS": "length",
    "SAFETY": "refusal",
    "RECITATION": "refusal",
    "BLOCKLIST": "refusal",
    "PROHIBITED_CONTENT": "refusal",
    "SPII": "refusal",
    "MODEL_ARMOR": "refusal",
    "IMAGE_SAFETY": "refusal",
    "IMAGE_PROHIBITED_CONTENT": "refusal",
    "IMAGE_RECITATION": "refusal",
}
"""The vendor's words; what is missing is "other"."""
_FAILURES: Final = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
    }
)
"""Words that mean there is no usable answer (E44)."""

_FINISH: Final[dict[StopReason, str]] = {
    "length": "MAX_TOKENS",
    "context_full": "MAX_TOKENS",
    "refusal": "SAFETY",
}
"""Everything else ends with ``STOP``, calls too (E95)."""


def reason_name(reason: str | int | None) -> str | None:
    """A finish reason by its name; None when the answer goes on."""
    if isinstance(reason, int):
        reason = _NUMBERED[reason] if 0 <= reason < len(_NUMBERED) else "OTHER"
    return None if reason in (None, "", _NUMBERED[0]) else reason


def failure(reason: str, message: str | None) -> GatewayError | None:
    """The error a finish reason stands for, None for a real end."""
    if reason not in _FAILURES:
        return None
    told = message or f"the model's answer could not be used: {reason}"
    return GatewayError(Kind.UPSTREAM_FAILED, told, code=reason, local=False)


def decode_stop(reason: str | None, *, calls: bool, blocked: bool = False) -> Stop:
    """Why it stopped. Calls decide "wants tools", but what was cut off stays cut off (4.1)."""
    if blocked:
        return Stop("refusal", reason)
    meaning = "end" if reason is None else _STOPS.get(reason, "other")
    return Stop("tool_use" if calls and meaning in ("end", "other") else meaning, reason)


def encode_stop(stop: Stop, *, cut: bool) -> str:
    """``finishReason``. ``cut``: a call was left out because its arguments broke off (E28)."""
    return "MAX_TOKENS" if cut else _FINISH.get(stop.reason, "STOP")


def _count(value: Number | None) -> int:
    return 0 if value is None else max(int(value), 0)


def decode_usage(wire: UsageMetadata) -> Usage | None:
    """Disjoint buckets; None when nothing was counted yet. A count that is zero is left out on the wire."""
    prompt, total = wire.prompt_token_count, wire.total_token_count
    candidates, thoughts = wire.candidates_token_count, wire.thoughts_token_count
    cached = wire.cached_content_token_count
    if prompt is None and total is None and candidates is None and thoughts is None:
        return None
    output = _count(candidates) + _count(thoughts)
    known = candidates is not None or thoughts is not None or total is not None
    return Usage(
        input=None
        if prompt is None
        else max(_count(prompt) - _count(cached), 0) + _count(wire.tool_use_prompt_token_count),
        cache_read=None if cached is None else _count(cached),
        output=output if known else None,
        reasoning=None if thoughts is None else _count(thoughts),
    )


def encode_usage(usage: Usage) -> dict[str, int]:
    """``usageMetadata``: the prompt with its cached part, candidates without the thoughts."""
    out: dict[str, int] = {}
    reasoning = usage.reasoning
    if reasoning is not None and usage.output is not None:
        reasoning = min(reasoning, usage.output)  # some vendors report it beside the output, not in it
    prompt = usage.prompt
    if usage.input is not None or usage.cache_read is not None or usage.cache_write is not None:
        out["promptTokenCount"] = prompt
    if usage.output is not None:
        out["candidatesTokenCount"] = usage.output - (reasoning or 0)
    if out:
        out["totalTokenCount"] = prompt + (usage.output or 0)
    if reasoning is not None:
        out["thoughtsTokenCount"] = reasoning
    if usage.cache_read is not None:
        out["cachedContentTokenCount"] = usage.cache_read
    return out
