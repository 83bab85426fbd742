"""Edits of an ``openai_chat`` body by facts, for upstreams without rules of their own.

A pass-through body was written for the model the client had in mind. Only what the catalog knows, or an
upstream has refused, is changed.
"""

from functools import lru_cache

from trunkline.core.facts import Facts
from trunkline.providers.draft import Draft
from trunkline.providers.edit_fields import drop_paths, keep_allowed
from trunkline.providers.thinking import nearest_effort


@lru_cache(maxsize=1024)
def chat_edits_due(facts: Facts) -> bool:
    """Whether any edit can apply at all; when not, a body need not even be looked into."""
    return (
        facts.allow is not None
        or bool(facts.drop)
        or bool(facts.effort_levels)
        or facts.max_output_tokens is not None
        or facts.max_tokens_field != "max_tokens"
        or not (facts.sampling and facts.temperature_with_top_p)
    )


def edit_chat(draft: Draft, facts: Facts) -> None:
    """All edits of a Chat body."""
    mend_limit(draft, facts)
    keep_allowed(draft, facts)
    mend_sampling(draft, facts)
    mend_effort(draft, facts)
    drop_paths(draft, facts.drop)


def mend_limit(draft: Draft, facts: Facts) -> None:
    """The output limit under the name the upstream knows, and not above the model's (E89).

    ``max_completion_tokens`` is only renamed where it is known to be refused: most servers take both.
    """
    wanted = facts.max_tokens_field
    other = "max_completion_tokens" if wanted == "max_tokens" else "max_tokens"
    if facts.allow is None:
        refused = other == "max_tokens" or other in facts.drop
    else:
        refused = other not in facts.allow
    given = draft.raw(other)
    if given is not None and refused:
        if draft.raw(wanted) is None:
            draft.put(wanted, given)
        draft.drop(other)
    name = wanted if draft.raw(wanted) is not None else other
    limit, cap = draft.value(name), facts.max_output_tokens
    if isinstance(limit, int) and cap is not None and limit > cap:
        draft.put(name, cap)
        draft.lose(name, f"this model writes at most {cap} tokens")


def mend_sampling(draft: Draft, facts: Facts) -> None:
    """Leave out what the model's sampler does not take (E90)."""
    if not facts.sampling:
        for name in ("temperature", "top_p", "top_k"):
            draft.drop(name, "this model takes no sampling parameters")
    elif not facts.temperature_with_top_p and draft.raw("temperature") is not None:
        draft.drop("top_p", "this model takes temperature or top_p, not both")


def mend_effort(draft: Draft, facts: Facts) -> None:
    """Move ``reasoning_effort`` to the nearest level the model has (E92)."""
    effort = draft.value("reasoning_effort")
    if facts.reasoning != "effort" or not isinstance(effort, str):
        return
    near = nearest_effort(effort, facts.effort_levels)
    if near != effort:
        draft.put("reasoning_effort", near)
        draft.lose("reasoning_effort", f"this model's levels are {', '.join(facts.effort_levels)}")
