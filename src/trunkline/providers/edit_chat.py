"""Edits of an ``openai_chat`` body by facts, for upstreams without rules of their own.

A pass-through body was written for the model the client had in mind. Only what the catalog knows, or an
upstream has refused, is changed.
"""

from functools import lru_cache

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.facts import Facts
from trunkline.core.thinking_switch import spell_switch
from trunkline.providers.draft import Draft
from trunkline.providers.edit_fields import drop_paths, keep_allowed
from trunkline.providers.edit_marks import limit_marks
from trunkline.providers.edit_turns import mend_call_ids, mend_reasoning, merge_turns
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
        or not (facts.sampling and facts.temperature_with_top_p and facts.tools)
        or facts.call_id_length is not None
        or facts.alternate
        or facts.mark_limit is not None
        or facts.reasoning_required
        or facts.reasoning_switch != "none"
    )


def edit_chat(draft: Draft, facts: Facts) -> None:
    """All edits of a Chat body. Raises GatewayError (INVALID_REQUEST) for tools where there are none."""
    _refuse_tools(draft, facts)
    mend_limit(draft, facts)
    keep_allowed(draft, facts)
    mend_sampling(draft, facts)
    mend_effort(draft, facts)
    _mend_switch(draft, facts)
    if facts.call_id_length is not None:
        mend_call_ids(draft, facts.call_id_length)
    if facts.reasoning_required:
        mend_reasoning(draft, facts.reasoning_history)
    if facts.alternate:
        merge_turns(draft)
    drop_paths(draft, facts.drop)
    limit_marks(draft, facts)


def _refuse_tools(draft: Draft, facts: Facts) -> None:
    if not facts.tools and draft.raw("tools") not in (None, b"null", b"[]"):
        raise GatewayError(
            Kind.INVALID_REQUEST,
            f"{facts.model} at {facts.provider} takes no tools: send requests with tools to another model",
            field="tools",
            code="unsupported_tools",
            should_retry=False,
        )


def _mend_switch(draft: Draft, facts: Facts) -> None:
    """An effort where there is only a switch: on or off, unless the client set the switch itself."""
    effort = draft.value("reasoning_effort")
    if facts.reasoning_switch == "none" or facts.reasoning == "effort" or not isinstance(effort, str):
        return
    draft.drop("reasoning_effort")
    on = effort != "none"
    if on:
        draft.lose("reasoning_effort", "the upstream switches thinking on or off and no more")
    elif facts.reasoning_always:
        draft.lose("reasoning_effort", "this model always thinks")
        return
    for name, value in spell_switch(facts.reasoning_switch, on=on).items():
        if draft.raw(name) is None:
            draft.put(name, value)


def mend_limit(draft: Draft, facts: Facts) -> None:
    """The output limit under the name the upstream knows, and not above the model's (E89).

    ``max_completion_tokens`` is only renamed where it is known to be refused: most servers take both.
    """
    wanted = facts.max_tokens_field
    other = "max_completion_tokens" if wanted == "max_tokens" else "max_tokens"
    if facts.allow is None:
        refused = other == "max_tokens" or other in facts.drop
    else:
        refused = other not in facts.allow or other in facts.drop
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
