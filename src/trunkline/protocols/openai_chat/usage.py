"""Token counts and stop causes, both directions (protocols.md 4.1, 4.2; databricks.md 4.3)."""

from operator import attrgetter
from typing import Final

from msgspec import Struct

from trunkline.core.usage import Stop, StopReason, Usage
from trunkline.protocols.openai_chat.wire import Number, WireAnswer, WireAnswerChoice, WireUsage

STOPS: Final[dict[str, StopReason]] = {
    "stop": "end",
    "end_turn": "end",
    "eos": "end",
    "eos_token": "end",
    "completed": "end",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "context_full",
    "model_context_window_exceeded": "context_full",
    "tool_calls": "tool_use",
    "tool_use": "tool_use",
    "function_call": "tool_use",
    "stop_sequence": "stop_sequence",
    "content_filter": "refusal",
    "refusal": "refusal",
    "safety": "refusal",
}
"""The vendors' words; what is missing is "other"."""

FINISH: Final[dict[StopReason, str]] = {
    "end": "stop",
    "tool_use": "tool_calls",
    "length": "length",
    "stop_sequence": "stop",
    "context_full": "length",
    "refusal": "content_filter",
    "pause": "stop",
    "compaction": "stop",
    "other": "stop",
}


CUT_OFF: Final = frozenset({"length", "max_tokens", "max_output_tokens", "MAX_TOKENS"})
"""Words for an answer cut off, as servers behind OpenRouter say it."""


def finish_word(choice: WireAnswerChoice) -> str | None:
    """The word that counts. OpenRouter says ``tool_calls`` of a call that was cut off, and its server's word beside it."""
    cut = choice.finish_reason == "tool_calls" and choice.native_finish_reason in CUT_OFF
    return "length" if cut else choice.finish_reason


def decode_stop(raw: str | None, *, calls: bool, refused: bool, matched: str | int | None) -> Stop:
    """Why it stopped. Calls decide "wants tools", but an answer cut off stays cut off (E42, 4.1)."""
    reason = "end" if raw is None else STOPS.get(raw, "other")
    if reason in ("length", "context_full"):
        return Stop(reason, raw)
    if calls and reason != "refusal":
        return Stop("tool_use", raw)
    if reason == "tool_use":
        return Stop("end", raw)
    if refused:
        return Stop("refusal", raw)
    if isinstance(matched, str) and reason == "end":
        return Stop("stop_sequence", raw, matched)
    return Stop(reason, raw)


def encode_stop(stop: Stop, *, refused: bool) -> str:
    """``finish_reason``; a refusal with text of its own finishes normally, as OpenAI does it."""
    return "stop" if refused and stop.reason == "refusal" else FINISH[stop.reason]


def _count(value: Number | None) -> int | None:
    return None if value is None else max(int(value), 0)


def reported_usage(answer: WireAnswer) -> Usage | None:
    """The counts of an answer or a chunk, wherever it has them."""
    wire = answer.usage or (answer.x_groq.usage if answer.x_groq is not None else None)
    return None if wire is None else decode_usage(wire)


_FINER: Final = (
    "prompt_tokens_details", "completion_tokens_details", "reasoning_tokens", "cache_read_input_tokens",
    "cache_creation_input_tokens", "cache_creation", "prompt_cache_hit_tokens",
)  # fmt: skip
_finer_counts: Final = attrgetter(*_FINER)
_NOTHING_FINER: Final = (None,) * len(_FINER)


def decode_usage(wire: WireUsage) -> Usage:
    """Disjoint buckets. Cache counts are inside ``prompt_tokens`` when they fit there, else beside it.

    OpenRouter reports tokens that were read from Gemini's cache as written, too: they were read.
    xAI counts reasoning outside ``completion_tokens``: its total gives that away.
    """
    prompt, output = _count(wire.prompt_tokens), _count(wire.completion_tokens)
    if _finer_counts(wire) == _NOTHING_FINER:
        return Usage(input=prompt, output=output)
    details, spent = wire.prompt_tokens_details, wire.completion_tokens_details
    read, write, long = wire.cache_read_input_tokens, wire.cache_creation_input_tokens, None
    if details is not None:
        read = details.cached_tokens if read is None else read
        write = details.cache_write_tokens if write is None else write
    read = wire.prompt_cache_hit_tokens if read is None else read
    read = None if read is None else _count(read)
    write = None if write is None else _count(write)
    if wire.cache_creation is not None:
        long = _count(wire.cache_creation.ephemeral_1h_input_tokens)
    if prompt is not None and read and read == write and read <= prompt < 2 * read:
        write = 0
    cached = (read or 0) + (write or 0)
    fresh = prompt
    if prompt is not None and cached <= prompt:
        fresh = prompt - cached
    thought = wire.reasoning_tokens if spent is None else spent.reasoning_tokens
    reasoning = None if thought is None else _count(thought)
    if reasoning and prompt is not None and output is not None:
        outside = wire.total_tokens == prompt + output + reasoning
        output = output + reasoning if outside else output
    return Usage(
        input=fresh,
        cache_read=read,
        cache_write=write,
        cache_write_1h=long,
        output=output,
        reasoning=reasoning,
    )


class PromptDetailsOut(Struct, omit_defaults=True):
    """``prompt_tokens_details``."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionDetailsOut(Struct):
    """``completion_tokens_details``."""

    reasoning_tokens: int


class UsageOut(Struct, omit_defaults=True):
    """``usage``."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetailsOut | None = None
    completion_tokens_details: CompletionDetailsOut | None = None


def encode_usage(usage: Usage) -> UsageOut:
    """Inclusive counts, as OpenAI gives them; what was never reported counts as zero in the sums."""
    prompt, completion = usage.prompt, usage.output or 0
    details = None
    if usage.cache_read is not None or usage.cache_write is not None:
        details = PromptDetailsOut(usage.cache_read or 0, usage.cache_write)
    return UsageOut(
        prompt,
        completion,
        prompt + completion,
        details,
        None if usage.reasoning is None else CompletionDetailsOut(usage.reasoning),
    )
