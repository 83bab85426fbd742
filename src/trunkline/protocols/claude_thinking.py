"""How much a Claude shall think, in the form its model takes (protocols.md 4.4, databricks.md 3.5)."""

from typing import Final, Literal

from msgspec import Struct

from trunkline.core.facts import Facts
from trunkline.core.types import Reasoning
from trunkline.protocols.losses import Losses

DEFAULT_MAX_TOKENS: Final = 32_000
"""Sent where the client set none and nothing is known of the model: the protocol demands one."""
MIN_BUDGET: Final = 1024
BUDGETS: Final = {"minimal": 1024, "low": 4096, "medium": 10240, "high": 24576}
"""Effort to budget; xhigh and max take all the output limit allows."""
LEVELS: Final = ("minimal", "low", "medium", "high", "xhigh", "max")
_EFFORT_OF_BUDGET: Final = ((6144, "low"), (16384, "medium"), (49152, "high"))


class Thought(Struct, frozen=True):
    """What goes into the body. ``on`` tells the rules that thinking brings with it."""

    max_tokens: int
    mode: Literal["enabled", "adaptive", "disabled"] | None = None
    budget: int | None = None
    display: str | None = None
    effort: str | None = None

    @property
    def on(self) -> bool:
        """Whether the model is asked to think."""
        return self.mode in ("enabled", "adaptive")


def decide_thought(
    reasoning: Reasoning | None, max_tokens: int | None, facts: Facts, losses: Losses, *, own: bool
) -> Thought:
    """The thinking and the output limit for a request, before tool choice has its say.

    ``own``: the client spoke this protocol, where an effort alone does not switch thinking on.
    """
    stated = max_tokens if max_tokens is not None else facts.max_output_tokens or DEFAULT_MAX_TOKENS
    limit = stated
    if facts.max_output_tokens is not None and stated > facts.max_output_tokens:
        losses.add("max_tokens", f"more than the {facts.max_output_tokens} tokens the model writes at most")
        limit = facts.max_output_tokens
    if reasoning is None:
        return Thought(limit)
    if reasoning.mode == "off" or (reasoning.mode is None and reasoning.effort == "none"):
        return _off(limit, facts, losses)
    if facts.reasoning == "none":
        losses.add("thinking", "the target takes no such setting")
        return Thought(limit)
    if own and reasoning.mode is None and facts.reasoning == "budget":
        losses.add("output_config.effort", "the target takes no such setting")
        return Thought(limit)
    if facts.reasoning == "effort" or (own and reasoning.mode is None):
        return Thought(limit, effort=_effort(reasoning, facts))
    if facts.reasoning == "budget" or (
        facts.reasoning == "budget_or_adaptive" and reasoning.mode == "budget"
    ):
        return _budgeted(reasoning, limit, facts, losses)
    return Thought(limit, "adaptive", display=reasoning.display, effort=_effort(reasoning, facts))


def without_thinking(thought: Thought, facts: Facts) -> Thought:
    """The same request with thinking off, as the target's model is told so."""
    mode: Literal["disabled"] | None = (
        "disabled"
        if facts.reasoning in ("adaptive", "budget_or_adaptive") and not facts.reasoning_always
        else None
    )
    return Thought(thought.max_tokens, mode, effort=thought.effort)


def _off(limit: int, facts: Facts, losses: Losses) -> Thought:
    if facts.reasoning_always:
        losses.add("thinking", "the model cannot be told not to think")
        return Thought(limit)
    return without_thinking(Thought(limit), facts)


def _effort(reasoning: Reasoning, facts: Facts) -> str | None:
    """The level in words, moved to the nearest one the model knows; ties go to the weaker."""
    level = reasoning.effort
    if level is None and reasoning.budget is not None and reasoning.mode == "budget":
        level = next((name for most, name in _EFFORT_OF_BUDGET if reasoning.budget <= most), "max")
    if level is None:
        return None
    known = facts.effort_levels or LEVELS[1:]
    if level in known or level not in LEVELS:
        return level
    ranked = [name for name in LEVELS if name in known]
    if not ranked:
        return level
    return min(ranked, key=lambda name: abs(LEVELS.index(name) - LEVELS.index(level)))


def _budgeted(reasoning: Reasoning, limit: int, facts: Facts, losses: Losses) -> Thought:
    """Raise the output limit above the budget first, then shrink the budget below the model's cap (E91)."""
    cap = facts.max_output_tokens
    budget = reasoning.budget
    if budget is None:
        budget = BUDGETS.get(reasoning.effort or "high", (cap or DEFAULT_MAX_TOKENS) - 1)
    budget = max(budget, MIN_BUDGET)
    if limit <= budget:
        limit += budget
        if cap is not None:
            limit = min(limit, cap)
    if budget >= limit:
        budget = limit - 1
    if budget < MIN_BUDGET:
        losses.add("thinking", f"an output limit of {limit} tokens leaves no room for thinking")
        return Thought(limit)
    return Thought(limit, "enabled", budget, reasoning.display)
