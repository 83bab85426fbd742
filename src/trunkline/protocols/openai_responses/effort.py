"""How much the model shall think, as ``reasoning`` (protocols.md 4.4)."""

from typing import Final

from trunkline.core.types import Reasoning, Request
from trunkline.protocols.openai_responses.ledger import Ledger

LEVELS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_UP_TO: Final = ((1024, "minimal"), (4096, "low"), (10240, "medium"), (24576, "high"))
"""A budget of tokens as an effort; above the last it is "xhigh"."""


def nearest(effort: str, levels: tuple[str, ...]) -> str:
    """The level of the target closest to ``effort``, the stronger one of two; "none" only for "none"."""
    if not levels or effort in levels or effort not in LEVELS:
        return effort
    wanted = LEVELS.index(effort)
    usable = [place for place, level in enumerate(LEVELS) if level in levels and (place or not wanted)]
    if not usable:
        return effort
    return LEVELS[min(usable, key=lambda place: (abs(place - wanted), -place))]


def effort_of(reasoning: Reasoning) -> str | None:
    """The effort asked for, or what the budget amounts to; None: as the model likes."""
    if reasoning.effort is not None or reasoning.budget is None:
        return reasoning.effort
    budget = reasoning.budget
    return next((effort for limit, effort in _UP_TO if budget <= limit), "xhigh")


def encode_reasoning(request: Request, ledger: Ledger) -> dict[str, object] | None:
    """``reasoning``, or None when there is nothing to say. Without a summary no text would come back (E18)."""
    asked, facts = request.reasoning, ledger.facts
    found: dict[str, object] = {}
    if asked is not None and facts.reasoning == "none":
        if asked.mode != "off":
            ledger.lose("reasoning", "the model takes no setting for how much it thinks")
    elif asked is not None:
        effort = "none" if asked.mode == "off" else effort_of(asked)
        if effort == "none" and facts.reasoning_always:
            ledger.lose("reasoning", "the model always thinks")
        elif effort is not None:
            found["effort"] = sent = nearest(effort, facts.effort_levels)
            if effort == "none" and sent != "none":
                ledger.lose("reasoning", "the model cannot be told not to think, only to think little")
        shown = asked.display == "summarized" or (asked.display is None and not ledger.own)
        if shown and asked.mode != "off":
            found["summary"] = "auto"
    if ledger.own and facts.reasoning != "none":
        for extra in request.extras:
            if extra.name.startswith("reasoning."):
                found[extra.name.removeprefix("reasoning.")] = extra.raw
    return found or None
