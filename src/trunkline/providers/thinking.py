"""How thinking is asked for, moved from the form a client used to the one a model takes (protocols.md 4.4)."""

from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from trunkline.core.facts import Facts
from trunkline.providers.draft import Draft, encode_raw

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Every level any vendor has, weakest first."""

BUDGETS: Final = {
    "minimal": 1024,
    "low": 4096,
    "medium": 10240,
    "high": 24576,
    "xhigh": 32000,
    "max": 32000,
}
"""Tokens of thinking for an effort. One table for the whole project's edits; the vendors state none."""

MIN_BUDGET: Final = 1024
_DEFAULT_EFFORT: Final = "medium"


class Thinking(Struct, omit_defaults=True):
    """The ``thinking`` field. Unknown keys fall away when it has to be rewritten, and only then."""

    type: str
    budget_tokens: int | UnsetType = UNSET
    display: str | UnsetType = UNSET


class _OutputConfig(Struct):
    effort: str | None = None


_THINKING: Final = msgspec.json.Decoder(Thinking)
_OUTPUT_CONFIG: Final = msgspec.json.Decoder(_OutputConfig)


def nearest_effort(effort: str, levels: tuple[str, ...]) -> str:
    """The level closest to ``effort``, the weaker one of two; ``effort`` itself when any will do.

    Who asked for thinking gets some: ``none`` is near to nothing but itself.
    """
    if not levels or effort in levels or effort not in EFFORTS:
        return effort
    wanted = EFFORTS.index(effort)
    some = [level for level in levels if level != "none"] or levels
    return min(some, key=lambda level: (abs(EFFORTS.index(level) - wanted), EFFORTS.index(level)))


def effort_of_budget(budget: int) -> str:
    """The effort that stands for a number of thinking tokens."""
    return next((name for name in ("low", "medium", "high") if budget <= BUDGETS[name]), "high")


def read_thinking(draft: Draft) -> Thinking | None:
    """The body's ``thinking``; None when absent or not in a form we know."""
    raw = draft.raw("thinking")
    if raw is None:
        return None
    try:
        return _THINKING.decode(raw)
    except msgspec.DecodeError:
        return None


def read_effort(draft: Draft) -> str | None:
    """``output_config.effort``, if it is there."""
    raw = draft.raw("output_config")
    if raw is None:
        return None
    try:
        return _OUTPUT_CONFIG.decode(raw).effort
    except msgspec.DecodeError:
        return None


def mend_thinking(draft: Draft, facts: Facts, *, unproven_loop: bool) -> None:
    """Move ``thinking`` and ``output_config.effort`` to the form ``facts.reasoning`` names.

    ``unproven_loop``: the conversation stands in the middle of a tool loop that brings no thinking block.
    A model with budgets refuses to start thinking there, so it is left off.
    """
    thinking, effort = read_thinking(draft), read_effort(draft)
    if facts.reasoning == "budget":
        _to_budget(draft, facts, thinking, effort, unproven_loop=unproven_loop)
    elif facts.reasoning == "adaptive":
        _to_adaptive(draft, facts, thinking, effort)
    elif facts.reasoning == "budget_or_adaptive" and thinking is not None and thinking.type != "disabled":
        _free_thinking(draft)
    if facts.reasoning in ("adaptive", "budget_or_adaptive"):
        effort = read_effort(draft)
        if effort is not None and nearest_effort(effort, facts.effort_levels) != effort:
            put_effort(draft, nearest_effort(effort, facts.effort_levels))


def _to_budget(
    draft: Draft, facts: Facts, thinking: Thinking | None, effort: str | None, *, unproven_loop: bool
) -> None:
    if effort is not None and not facts.effort_levels:
        _drop_effort(draft)
        if thinking is None or thinking.type != "adaptive":
            draft.lose("output_config.effort", "this model takes a budget of thinking tokens instead")
    elif effort is not None and nearest_effort(effort, facts.effort_levels) != effort:
        put_effort(draft, nearest_effort(effort, facts.effort_levels))
    if thinking is None or thinking.type == "disabled":
        return
    if unproven_loop:
        draft.drop("thinking")
        draft.lose("thinking", "the turn being continued holds no thinking of this model")
        return
    if thinking.type == "adaptive":
        wanted = BUDGETS.get(effort or _DEFAULT_EFFORT, BUDGETS[_DEFAULT_EFFORT])
    else:
        wanted = thinking.budget_tokens if isinstance(thinking.budget_tokens, int) else MIN_BUDGET
    put_budget(draft, facts, wanted)


def put_budget(draft: Draft, facts: Facts, budget: int) -> None:
    """Ask for ``budget`` tokens of thinking. The output limit is raised above it, the budget shrunk where
    the limit is capped (E91); below the minimum thinking is left off."""
    limit = draft.value("max_tokens")
    if isinstance(limit, int) and limit <= budget:
        raised = limit + budget
        capped = raised if facts.max_output_tokens is None else min(raised, facts.max_output_tokens)
        budget = min(budget, capped - 1)
        if budget >= MIN_BUDGET:
            draft.put("max_tokens", capped)
    if budget < MIN_BUDGET:
        draft.drop("thinking")
        draft.lose("thinking", "the output limit leaves no room for it")
        return
    current = read_thinking(draft)
    if current is None or current.type != "enabled" or current.budget_tokens != budget:
        draft.put("thinking", Thinking("enabled", budget))
    _free_thinking(draft)


def _free_thinking(draft: Draft) -> None:
    """What cannot stand beside a budget: sampling, and a forced tool."""
    if draft.value("temperature") != 1:
        draft.drop("temperature", "not together with thinking")
    draft.drop("top_k", "not together with thinking")
    top_p = draft.value("top_p")
    if isinstance(top_p, int | float) and top_p < 0.95:
        draft.drop("top_p", "not together with thinking")


def _to_adaptive(draft: Draft, facts: Facts, thinking: Thinking | None, effort: str | None) -> None:
    if thinking is None:
        return
    if thinking.type == "disabled" and facts.reasoning_always:
        draft.drop("thinking")
        draft.lose("thinking", "this model cannot be told not to think")
    elif thinking.type == "enabled":
        draft.put("thinking", Thinking("adaptive", display=thinking.display))
        if effort is None and isinstance(thinking.budget_tokens, int):
            put_effort(draft, nearest_effort(effort_of_budget(thinking.budget_tokens), facts.effort_levels))


def put_effort(draft: Draft, effort: str) -> None:
    """Set ``output_config.effort`` and leave the rest of that field."""
    draft.put("output_config", (draft.members("output_config") or {}) | {"effort": encode_raw(effort)})


def _drop_effort(draft: Draft) -> None:
    rest = draft.members("output_config") or {}
    rest.pop("effort", None)
    if rest:
        draft.put("output_config", rest)
    else:
        draft.drop("output_config")


def settle_forced(draft: Draft, facts: Facts, auto: bytes) -> None:
    """A tool is forced: not together with thinking, and not at all on some models.

    The demand for a tool is the stronger one, so thinking gives way where it can. ``auto`` is the
    protocol's spelling of a free choice.
    """
    thinking = read_thinking(draft)
    if not facts.forced_tools:
        draft.put("tool_choice", auto)
        draft.lose("tool_choice", "this model cannot be made to call a tool")
    elif thinking is None or thinking.type == "disabled":
        return
    elif facts.reasoning_always:
        draft.put("tool_choice", auto)
        draft.lose("tool_choice", "no tool can be forced together with thinking")
    else:
        draft.drop("thinking")
        draft.lose("thinking", "not together with a forced tool")
