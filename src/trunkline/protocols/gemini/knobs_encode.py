"""``generationConfig`` for a target: limits, sampling, thinking, the form of the answer."""

from typing import Final

import msgspec

from trunkline.core.types import OutputFormat, Reasoning, Request
from trunkline.protocols.gemini.ledger import Ledger
from trunkline.protocols.gemini.schema_encode import subset
from trunkline.protocols.gemini.schema_words import known_words

MAX_STOPS: Final = 5
STRUCTURED_TOOL: Final = "structured_answer"
_BUDGETS: Final = {"minimal": 512, "low": 4096, "medium": 10240, "high": 24576}
"""Effort to tokens (protocols.md 4.4); above that the model decides."""
_LEVELS: Final = ("minimal", "low", "medium", "high")
_OWN: Final = -1
"""A budget that is left to the model."""

Fields = dict[str, object]


def encode_config(request: Request, ledger: Ledger) -> Fields:
    """Everything but the form of the answer, which depends on the tools."""
    fields: Fields = {}
    _limit(request, fields, ledger)
    if request.choices is not None and ledger.own:
        fields["candidateCount"] = request.choices
    _sampling(request, fields, ledger)
    thinking = encode_thinking(request.reasoning, ledger)
    if thinking:
        fields["thinkingConfig"] = thinking
    return fields


def _limit(request: Request, fields: Fields, ledger: Ledger) -> None:
    limit, cap = request.max_tokens, ledger.facts.max_output_tokens
    if limit is None:
        return
    if cap is not None and limit > cap:
        ledger.lose("max_tokens", f"cut from {limit} to the model's limit of {cap}")
        limit = cap
    fields["maxOutputTokens"] = limit


def _sampling(request: Request, fields: Fields, ledger: Ledger) -> None:
    sampling = request.sampling
    knobs = (
        ("temperature", "temperature", sampling.temperature),
        ("top_p", "topP", sampling.top_p),
        ("top_k", "topK", sampling.top_k),
    )
    for name, wire, value in knobs:
        if value is None:
            continue
        if ledger.facts.sampling:
            fields[wire] = value
        else:
            ledger.lose(name, "the model takes no sampling settings")
    if len(sampling.stop) > MAX_STOPS:
        ledger.lose("stop", f"only the first {MAX_STOPS} of {len(sampling.stop)} stop strings are sent")
    if sampling.stop:
        fields["stopSequences"] = list(sampling.stop[:MAX_STOPS])
    others = (
        ("seed", sampling.seed),
        ("presencePenalty", sampling.presence_penalty),
        ("frequencyPenalty", sampling.frequency_penalty),
    )
    fields.update((name, value) for name, value in others if value is not None)


def encode_thinking(reasoning: Reasoning | None, ledger: Ledger) -> Fields:
    """``thinkingConfig``: a budget (2.5) or a level (3), as the facts say."""
    if reasoning is None:
        return {}
    facts = ledger.facts
    if facts.reasoning == "none":
        ledger.lose("reasoning", "the model takes no setting for how much it thinks")
        return {}
    off = reasoning.mode == "off" or (reasoning.mode is None and reasoning.effort == "none")
    fields: Fields = {}
    if reasoning.display is not None or not off:
        fields["includeThoughts"] = not off and reasoning.display != "omitted"
    if facts.reasoning == "effort":
        level = _level(reasoning, ledger, off=off)
        return fields if level is None else {**fields, "thinkingLevel": level.upper()}
    budget = 0 if off else _budget(reasoning)
    if off and facts.reasoning_always:
        ledger.lose("reasoning", "the model cannot be told not to think, only to think little")
        budget = facts.min_reasoning_tokens
    if budget is None:
        return fields
    return {**fields, "thinkingBudget": _within(budget, ledger)}


def _within(budget: int, ledger: Ledger) -> int:
    facts = ledger.facts
    if budget > 0 and facts.min_reasoning_tokens is not None:
        budget = max(budget, facts.min_reasoning_tokens)
    if facts.max_reasoning_tokens is not None:
        budget = min(budget, facts.max_reasoning_tokens)
    return budget


def _budget(reasoning: Reasoning) -> int | None:
    if reasoning.mode == "budget" and reasoning.budget is not None:
        return reasoning.budget
    if reasoning.effort is not None:
        return _BUDGETS.get(reasoning.effort, _OWN)
    return _OWN if reasoning.mode is not None else None


def _level(reasoning: Reasoning, ledger: Ledger, *, off: bool) -> str | None:
    known = [level for level in _LEVELS if level in (ledger.facts.effort_levels or _LEVELS)]
    if off:
        ledger.lose("reasoning", "the model cannot be told not to think, only to think little")
        return known[0] if known else None
    effort = reasoning.effort
    if effort is None and reasoning.mode == "budget" and reasoning.budget is not None:
        budget = reasoning.budget
        effort = next((level for level, most in _BUDGETS.items() if budget <= most), "high")
    if effort is None or not known:
        return None
    wanted = _LEVELS.index(effort) if effort in _LEVELS else len(_LEVELS) - 1
    return min(known, key=lambda level: (abs(_LEVELS.index(level) - wanted), -_LEVELS.index(level)))


class Form(msgspec.Struct):
    """How the form of the answer is asked for: fields, a forced function, or words for the instructions."""

    fields: Fields = {}
    tool: Fields | None = None
    words: str | None = None


def encode_form(wanted: OutputFormat | None, ledger: Ledger, *, functions: bool) -> Form:
    """The form of the answer as the target can ask for it."""
    if wanted is None:
        return Form()
    facts = ledger.facts
    if facts.structured == "native" and (facts.structured_with_tools or not functions):
        return Form({"responseMimeType": "application/json", **_schema(wanted, ledger, "response")})
    if facts.structured == "tool" and wanted.schema is not None and not functions and facts.forced_tools:
        told = wanted.description or "Give the answer."
        schema = _schema(wanted, ledger, "parameters")
        return Form(tool={"name": STRUCTURED_TOOL, "description": told, **schema})
    ledger.lose("response_format", "the upstream enforces no format here: the instructions ask for it")
    words = "Answer with one JSON object and nothing else: no prose, no code fence."
    if wanted.schema is not None:
        words += f" It must match this JSON schema: {bytes(wanted.schema).decode()}"
    return Form(words=words)


def _schema(wanted: OutputFormat, ledger: Ledger, field: str) -> Fields:
    if wanted.schema is None:
        return {}
    if ledger.facts.schema_dialect == "json_schema":
        known, lost = known_words(wanted.schema)
        ledger.lose_words("response_format.schema", lost)
        return {f"{field}JsonSchema": known}
    written = subset(wanted.schema)
    if written is None:
        return {}
    return {"responseSchema" if field == "response" else field: written}
