"""How much the model shall think, in the target's spelling (protocols.md 4.4; databricks.md 3.5)."""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from trunkline.core.thinking_switch import spell_switch, takes_budget
from trunkline.core.types import Reasoning
from trunkline.protocols.openai_chat.ledger import Ledger

LEVELS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
BUDGETS: Final[dict[str, int]] = {"minimal": 1024, "low": 4096, "medium": 10240, "high": 24576}
"""Effort to tokens; what is above takes all the room there is."""
MINIMUM: Final = 1024
ROOM: Final = 32_000
"""Output limit assumed where neither client nor facts name one."""
DEFAULT_EFFORT: Final = "medium"


class Asked(Struct, frozen=True, kw_only=True):
    """Fields to send. ``max_tokens`` None: as the client had it."""

    effort: str | None = None
    thinking: dict[str, object] | None = None
    output_effort: str | None = None
    max_tokens: int | None = None
    switch: dict[str, object] = {}
    """The vendor's own fields that switch thinking on or off."""


NOTHING: Final = Asked()


def nearest(effort: str, levels: tuple[str, ...]) -> str:
    """The level of the target closest to ``effort``, the stronger one of two."""
    if not levels or effort in levels or effort not in LEVELS:
        return effort
    wanted = LEVELS.index(effort)
    ranked = [level for level in levels if level in LEVELS and (level != "none" or effort == "none")]
    return min(
        ranked, key=lambda level: (abs(LEVELS.index(level) - wanted), -LEVELS.index(level)), default=effort
    )


def effort_of(reasoning: Reasoning) -> str:
    """The effort that was asked for, or what the budget amounts to."""
    if reasoning.effort is not None:
        return reasoning.effort
    if reasoning.budget is None:
        return DEFAULT_EFFORT
    for effort, budget in BUDGETS.items():
        if reasoning.budget <= budget:
            return effort
    return "xhigh"


def encode_thinking(
    reasoning: Reasoning | None, max_tokens: int | None, ledger: Ledger, *, effort_only: bool
) -> Asked:
    """The fields for this target. ``effort_only``: an effort without a mode does not switch thinking on."""
    facts = ledger.facts
    if reasoning is None or (reasoning.mode is None and reasoning.effort is None):
        return NOTHING
    if facts.reasoning_switch != "none" or reasoning.mode == "off":
        return _off(ledger) if facts.reasoning_switch == "none" else _switched(reasoning, ledger)
    match facts.reasoning:
        case "none":
            ledger.lose("reasoning", "the model takes no setting for how much it thinks")
            return NOTHING
        case "effort":
            if reasoning.display is not None:
                ledger.lose("thinking.display", "the upstream has no such setting")
            return Asked(effort=nearest(effort_of(reasoning), facts.effort_levels))
        case "budget":
            return _budget(reasoning, max_tokens, ledger)
        case "budget_or_adaptive" if reasoning.mode == "budget":
            return _budget(reasoning, max_tokens, ledger)
        case "adaptive" | "budget_or_adaptive":
            return _adaptive(reasoning, ledger, effort_only=effort_only)


def _switched(reasoning: Reasoning, ledger: Ledger) -> Asked:
    """For servers with a switch: on or off by it, how much by an effort where there is one."""
    facts = ledger.facts
    assert facts.reasoning_switch != "none"
    if reasoning.mode == "off" or reasoning.effort == "none":
        return switched_off(ledger)
    on = Asked(switch=spell_switch(facts.reasoning_switch, on=True, budget=reasoning.budget))
    if facts.reasoning == "effort":
        return replace(on, effort=nearest(effort_of(reasoning), facts.effort_levels))
    if reasoning.budget is not None and not takes_budget(facts.reasoning_switch):
        ledger.lose("thinking.budget_tokens", "the upstream switches thinking on or off and no more")
    if reasoning.effort is not None:
        ledger.lose("reasoning.effort", "the upstream switches thinking on or off and no more")
    return on


def switched_off(ledger: Ledger) -> Asked:
    """Thinking off by the vendor's switch, which the facts must have."""
    facts = ledger.facts
    assert facts.reasoning_switch != "none"
    if facts.reasoning_always:
        ledger.lose("reasoning", "the model always thinks")
        return NOTHING
    return Asked(switch=spell_switch(facts.reasoning_switch, on=False))


def _off(ledger: Ledger) -> Asked:
    facts = ledger.facts
    if facts.reasoning == "none":
        return NOTHING
    if facts.reasoning_always:
        ledger.lose("reasoning", "the model always thinks")
        return NOTHING
    if facts.reasoning != "effort":
        return Asked(thinking={"type": "disabled"})
    if not facts.effort_levels or "none" in facts.effort_levels:
        return Asked(effort="none")
    ledger.lose("reasoning", "the model cannot be told not to think, only to think little")
    return Asked(effort=facts.effort_levels[0])


def _adaptive(reasoning: Reasoning, ledger: Ledger, *, effort_only: bool) -> Asked:
    levels = ledger.facts.effort_levels or ("low", "medium", "high", "xhigh", "max")
    explicit = reasoning.effort is not None or reasoning.budget is not None
    effort = nearest(effort_of(reasoning), levels) if explicit else None
    if effort_only and reasoning.mode is None:
        return Asked(output_effort=effort)
    thinking: dict[str, object] = {"type": "adaptive"}
    if reasoning.display in ("omitted", "summarized"):
        thinking["display"] = reasoning.display
    return Asked(thinking=thinking, output_effort=effort)


def _budget(reasoning: Reasoning, max_tokens: int | None, ledger: Ledger) -> Asked:
    """A budget needs room below ``max_tokens``: raise that first, then shrink the budget (E91)."""
    cap = ledger.facts.max_output_tokens
    budget = reasoning.budget
    if budget is None:
        budget = BUDGETS.get(effort_of(reasoning), (cap or max_tokens or ROOM) - 1)
    budget = max(budget, MINIMUM)
    limit = max_tokens
    if limit is None or limit <= budget:
        limit = budget + (limit or MINIMUM)
    if cap is not None and limit > cap:
        limit, budget = cap, min(budget, cap - 1)
    if budget < MINIMUM:
        ledger.lose("reasoning", f"an output limit of {limit} tokens leaves no room to think")
        return NOTHING
    return Asked(thinking={"type": "enabled", "budget_tokens": budget}, max_tokens=limit)
