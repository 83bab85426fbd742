"""The last edits of a body on its way to Databricks: allow-lists first, then what each family insists on.

A body with nothing wrong in it comes back as the same object; messages without a fault keep their bytes.
"""

from collections.abc import Mapping
from typing import Final, cast

import msgspec
from msgspec import Raw, Struct

from trunkline.catalog.names import family_of
from trunkline.core.facts import Facts
from trunkline.core.losses import Loss
from trunkline.providers.databricks.chat_order import mend_conversation, unproven_loop
from trunkline.providers.databricks.gemini_calls import sign_calls
from trunkline.providers.databricks.items import mend_items
from trunkline.providers.databricks.schemas import gemini_schema
from trunkline.providers.draft import Draft, decode_items, decode_object, encode_raw, join_items
from trunkline.providers.edit_chat import mend_effort, mend_limit, mend_sampling
from trunkline.providers.edit_fields import drop_paths, keep_allowed
from trunkline.providers.edit_gemini import edit_gemini
from trunkline.providers.edit_marks import limit_marks
from trunkline.providers.edit_messages import edit_messages
from trunkline.providers.edit_responses import edit_responses
from trunkline.providers.edit_turns import merge_turns
from trunkline.providers.thinking import (
    BUDGETS,
    mend_thinking,
    nearest_effort,
    put_budget,
    put_effort,
    settle_forced,
)

CLAUDE_MAX_TOKENS: Final = 16384
"""Sent over Chat where a client names no limit: without one Claude stops after 1,000 tokens (6.4), and
what is named is reserved against the output tokens of the minute (5.4), so not the model's maximum."""


class _Format(Struct):
    type: str = ""


_FORMAT: Final = msgspec.json.Decoder(_Format)


def edit_body(body: bytes, protocol: str, facts: Facts) -> tuple[bytes, tuple[Loss, ...]]:
    """The body as this surface takes it, and what that cost."""
    draft = Draft(body)
    if protocol == "anthropic_messages":
        edit_messages(draft, facts)
        _mend_metadata(draft)
    elif protocol == "openai_responses":
        edit_responses(draft, facts)
        _mend_text(draft, facts)
        mend_items(draft)
    elif protocol == "gemini":
        edit_gemini(draft, facts)
    else:
        _edit_chat(draft, facts, family_of(facts.model))
    return draft.finish()


def _mend_metadata(draft: Draft) -> None:
    """Only ``metadata.user_id`` is known on the Messages route."""
    metadata = draft.members("metadata")
    if metadata is None or metadata.keys() <= {"user_id"}:
        return
    if "user_id" in metadata:
        draft.put("metadata", {"user_id": metadata["user_id"]})
    else:
        draft.drop("metadata")
    draft.lose("metadata", "only user_id is taken")


def _edit_chat(draft: Draft, facts: Facts, family: str) -> None:
    mend_limit(draft, facts)
    if family == "claude" and draft.value("max_tokens") is None:
        draft.put("max_tokens", min(CLAUDE_MAX_TOKENS, facts.max_output_tokens or CLAUDE_MAX_TOKENS))
    _mend_reasoning(draft, facts)
    keep_allowed(draft, facts)
    mend_sampling(draft, facts)
    _mend_stop(draft, family)
    _mend_format(draft, facts, family)
    _mend_tools(draft, facts, family)
    _mend_choice(draft, facts)
    mend_conversation(draft, facts, move_images=family == "claude")
    if family == "gemini" and "gemini-2" not in facts.model:
        sign_calls(draft)
    if facts.alternate:
        merge_turns(draft)
    drop_paths(draft, facts.drop)
    limit_marks(draft, facts)


def _mend_reasoning(draft: Draft, facts: Facts) -> None:
    effort = draft.value("reasoning_effort")
    if facts.reasoning == "effort":
        mend_effort(draft, facts)
    elif facts.reasoning in ("budget", "adaptive", "budget_or_adaptive"):
        unproven = unproven_loop(draft)
        if isinstance(effort, str):
            draft.drop("reasoning_effort")
            if draft.raw("thinking") is None:
                _think(draft, facts, effort, unproven=unproven)
        mend_thinking(draft, facts, unproven_loop=unproven)


def _think(draft: Draft, facts: Facts, effort: str, *, unproven: bool) -> None:
    """``reasoning_effort`` in the spelling of a model that takes ``thinking``."""
    if effort not in BUDGETS:
        return
    if facts.reasoning != "budget":
        draft.put("thinking", {"type": "adaptive"})
        put_effort(draft, nearest_effort(effort, facts.effort_levels))
    elif unproven:
        draft.lose("reasoning_effort", "the turn being continued holds no thinking of this model")
    else:
        put_budget(draft, facts, BUDGETS[effort])


def _mend_stop(draft: Draft, family: str) -> None:
    stop = draft.value("stop")
    if stop is None or family not in ("claude", "gemini"):
        return
    given = cast("list[object]", stop) if isinstance(stop, list) else [stop]
    kept = [text for text in given if isinstance(text, str) and (text.strip() or family != "claude")][:4]
    if len(kept) == len(given):
        return
    if kept:
        draft.put("stop", kept)
    else:
        draft.drop("stop")
    draft.lose("stop", "at most four strings, none of them blank")


def _mend_format(draft: Draft, facts: Facts, family: str) -> None:
    raw = draft.raw("response_format")
    if raw is None:
        return
    kind = _FORMAT.decode(raw).type
    if kind == "text":
        return
    live = facts.live_json and kind == "json_object"
    if draft.value("stream") is True and (live or not facts.structured_stream):
        draft.drop("response_format", "structured output is not taken together with streaming")
    elif family == "claude" and (kind == "json_object" or draft.raw("tools") is not None):
        draft.drop("response_format", "this model takes a JSON schema, and only without tools")


def _mend_text(draft: Draft, facts: Facts) -> None:
    """The same wish in a body of Responses."""
    text = draft.members("text") if facts.live_json and draft.value("stream") is True else None
    if not text or "format" not in text or _FORMAT.decode(text["format"]).type != "json_object":
        return
    rest = {key: value for key, value in text.items() if key != "format"}
    if rest:
        draft.put("text", rest)
        draft.lose("text.format", "structured output is not taken together with streaming")
    else:
        draft.drop("text", "structured output is not taken together with streaming")


def _mend_choice(draft: Draft, facts: Facts) -> None:
    raw = draft.raw("tool_choice")
    if raw is not None and raw not in (b'"auto"', b'"none"'):
        settle_forced(draft, facts, b'"auto"')


def _mend_tools(draft: Draft, facts: Facts, family: str) -> None:
    items = decode_items(draft.raw("tools"))
    if items is None:
        return
    mended = [_mend_tool(item, facts, family) for item in items]
    if any(after is not before for after, before in zip(mended, items, strict=True)):
        draft.put("tools", join_items(mended))


def _mend_tool(item: Raw, facts: Facts, family: str) -> Raw:
    tool = decode_object(item)
    function = decode_object(tool["function"]) if tool is not None and "function" in tool else None
    if tool is None or function is None:
        return item
    outer = {key: raw for key, raw in tool.items() if key in ("type", "function")}
    inner = {key: raw for key, raw in function.items() if key not in ("strict", "cache_control")}
    if "strict" in function and facts.strict_tools:
        inner["strict"] = function["strict"]
    if facts.cache_marks and ("cache_control" in tool or "cache_control" in function):
        inner["cache_control"] = Raw(b'{"type":"ephemeral"}')
    parameters = _mend_schema(inner.get("parameters"), family)
    if parameters is not None:
        inner["parameters"] = parameters
    if len(outer) == len(tool) and _same(inner, function):
        return item
    return encode_raw(outer | {"function": inner})


def _same(after: Mapping[str, Raw], before: Mapping[str, Raw]) -> bool:
    return after.keys() == before.keys() and all(bytes(after[key]) == bytes(before[key]) for key in after)


def _mend_schema(raw: Raw | None, family: str) -> Raw | None:
    """A schema with an object at its top; for Gemini without the keywords it refuses. None: as it is."""
    if raw is None:
        return None
    top = decode_object(raw)
    if top is None or not top:
        return Raw(b'{"type":"object","properties":{}}')
    plain = gemini_schema(bytes(raw)) if family == "gemini" else None
    if plain is not None:
        return encode_raw(plain)
    if "type" not in top:
        return encode_raw({"type": "object"} | top)
    return None
