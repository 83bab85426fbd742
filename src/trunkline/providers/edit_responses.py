"""Edits of an ``openai_responses`` body by facts: limits, levels, and fields that were refused."""

from functools import lru_cache

from trunkline.core.facts import Facts
from trunkline.providers.draft import Draft, decode_any, encode_raw
from trunkline.providers.edit_chat import mend_sampling
from trunkline.providers.edit_fields import drop_paths, keep_allowed
from trunkline.providers.thinking import nearest_effort


@lru_cache(maxsize=1024)
def responses_edits_due(facts: Facts) -> bool:
    """Whether any edit can apply at all; when not, a body need not even be looked into."""
    return (
        facts.allow is not None
        or bool(facts.drop)
        or bool(facts.effort_levels)
        or facts.max_output_tokens is not None
        or facts.min_output_tokens is not None
        or not (facts.sampling and facts.temperature_with_top_p)
    )


def edit_responses(draft: Draft, facts: Facts) -> None:
    """All edits of a Responses body."""
    _mend_limit(draft, facts)
    keep_allowed(draft, facts)
    mend_sampling(draft, facts)
    _mend_effort(draft, facts)
    drop_paths(draft, facts.drop)


def _mend_limit(draft: Draft, facts: Facts) -> None:
    """The output limit within what the model writes (E89)."""
    limit, cap = draft.value("max_output_tokens"), facts.max_output_tokens
    if isinstance(limit, int) and cap is not None and limit > cap:
        draft.put("max_output_tokens", cap)
        draft.lose("max_output_tokens", f"this model writes at most {cap} tokens")
    elif isinstance(limit, int) and limit < (facts.min_output_tokens or 0):
        draft.put("max_output_tokens", facts.min_output_tokens)
        draft.lose("max_output_tokens", f"the smallest limit here is {facts.min_output_tokens} tokens")


def _mend_effort(draft: Draft, facts: Facts) -> None:
    """``reasoning.effort`` at the nearest level the model has (E92)."""
    asked = draft.members("reasoning") or {}
    effort = decode_any(bytes(asked["effort"])) if "effort" in asked else None
    if facts.reasoning != "effort" or not isinstance(effort, str):
        return
    near = nearest_effort(effort, facts.effort_levels)
    if near != effort:
        draft.put("reasoning", {**asked, "effort": encode_raw(near)})
        draft.lose("reasoning.effort", f"this model's levels are {', '.join(facts.effort_levels)}")
