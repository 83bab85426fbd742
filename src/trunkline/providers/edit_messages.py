"""Edits of an ``anthropic_messages`` body by facts: the same for every upstream of that protocol.

A pass-through body was written for the model the client had in mind; the one that answers may be another.
Only what the facts contradict is touched. Whatever is not a violation keeps its bytes.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.facts import Facts
from trunkline.core.surrogates import decode_lenient
from trunkline.providers.draft import Draft, decode_items, decode_object, encode_raw, join_items
from trunkline.providers.edit_fields import drop_paths, keep_allowed
from trunkline.providers.edit_marks import limit_marks
from trunkline.providers.thinking import mend_thinking, settle_forced

_SUSPECT: Final = re.compile(
    rb'"role"\s*:\s*"system"|"(?:text|content)"\s*:\s*(?:"(?:\\[nrt]|\s)*"|\[\s*\])|"tool_reference"|"ttl"'
)
"""Bytes without which no message can be at fault; a match alone proves nothing."""

_SERVER_TOOLS: Final = (
    "web_search_",
    "web_fetch_",
    "code_execution_",
    "tool_search_tool_",
    "advisor_",
    "mcp_toolset",
)
"""Types of tools that the vendor runs; bash, text_editor, memory and computer are run by the client."""

_PLACEHOLDER: Final = "DeferredToolPlaceholder"
"""Claude Code declares it to keep deferred loading alive; it is never to be called."""

_CONTINUE: Final = Raw(b'{"role":"user","content":"Continue."}')
_AUTO: Final = b'{"type":"auto"}'


class _Block(Struct):
    type: str = ""
    text: str | None = None
    tool_name: str | None = None


class _Turn(Struct):
    role: str = ""
    content: str | list[_Block] = ""


class _Choice(Struct):
    type: str = ""
    name: str | None = None


class _ToolHead(Struct):
    type: str | None = None
    name: str | None = None


_STRING: Final = msgspec.json.Decoder(str)
_BLOCK: Final = msgspec.json.Decoder(_Block)
_TURN: Final = msgspec.json.Decoder(_Turn)
_CHOICE: Final = msgspec.json.Decoder(_Choice)
_TOOL: Final = msgspec.json.Decoder(_ToolHead)


@lru_cache(maxsize=1024)
def messages_edits_due(facts: Facts) -> bool:
    """Whether any edit can apply at all; when not, a body need not even be looked into."""
    return (
        facts.allow is not None
        or bool(facts.drop)
        or facts.reasoning in ("budget", "adaptive")
        or not (facts.sampling and facts.temperature_with_top_p and facts.prefill and facts.late_system)
        or facts.mark_limit is not None
        or not (facts.forced_tools and facts.server_tools and facts.deferred_tools and facts.cache_ttl)
    )


def edit_messages(draft: Draft, facts: Facts) -> None:
    """All edits of a Messages body."""
    _mend_tools(draft, facts)
    keep_allowed(draft, facts)
    mend_thinking(draft, facts, unproven_loop=_unproven_loop(draft, facts))
    _mend_sampling(draft, facts)
    _mend_choice(draft, facts)
    _mend_system(draft)
    _mend_turns(draft, facts)
    drop_paths(draft, facts.drop)
    limit_marks(draft, facts)
    _clamp(draft, facts)


def _clamp(draft: Draft, facts: Facts) -> None:
    limit = draft.value("max_tokens")
    if isinstance(limit, int) and facts.max_output_tokens is not None and limit > facts.max_output_tokens:
        draft.put("max_tokens", facts.max_output_tokens)
        draft.lose("max_tokens", f"this model writes at most {facts.max_output_tokens} tokens")
        mend_thinking(draft, facts, unproven_loop=False)


def _unproven_loop(draft: Draft, facts: Facts) -> bool:
    """Thinking with a budget is asked for in an open round of tools that brings no thinking block at all."""
    if facts.reasoning != "budget" or draft.raw("thinking") is None:
        return False
    unproven, answered = False, False
    for item in reversed(decode_items(draft.raw("messages")) or []):
        turn = _read_turn(item)
        if turn is None:
            return False
        kinds = [block.type for block in turn.content if not isinstance(block, str)]
        if turn.role != "assistant":
            answered = answered or "tool_result" in kinds
        elif not answered:
            return unproven
        elif "thinking" in kinds or "redacted_thinking" in kinds:
            return False
        else:
            unproven, answered = True, False
    return unproven


def _read_turn(item: Raw) -> _Turn | None:
    try:
        return decode_lenient(_TURN, bytes(item))
    except msgspec.DecodeError:
        return None


def _mend_sampling(draft: Draft, facts: Facts) -> None:
    if not facts.sampling:
        for name in ("temperature", "top_p", "top_k"):
            draft.drop(name, "this model takes no sampling parameters")
    elif not facts.temperature_with_top_p and draft.raw("temperature") is not None:
        draft.drop("top_p", "this model takes temperature or top_p, not both")


def _mend_choice(draft: Draft, facts: Facts) -> None:
    raw = draft.raw("tool_choice")
    if raw is not None and _CHOICE.decode(raw).type in ("any", "tool"):
        settle_forced(draft, facts, _AUTO)


def _mend_tools(draft: Draft, facts: Facts) -> None:
    """Server tools stay behind where the upstream runs none; deferred tools are sent whole."""
    raw = draft.raw("tools")
    if raw is None or (facts.server_tools and facts.deferred_tools):
        return
    items = decode_items(raw) or []
    heads = [_TOOL.decode(item) for item in items]
    kept = [item for item, head in zip(items, heads, strict=True) if not _stays_behind(head, facts)]
    if len(kept) == len(items):
        return
    gone = {head.name for head in heads if _stays_behind(head, facts)}
    for head in heads:
        if is_server_tool(head.type) and not facts.server_tools:
            draft.lose(f"tools.{head.name or head.type}", "the upstream runs no server tools")
    choice = draft.raw("tool_choice")
    if choice is not None and (not kept or _CHOICE.decode(choice).name in gone):
        draft.drop("tool_choice", "the tool it names stays behind")
    if kept:
        draft.put("tools", join_items(kept))
    else:
        draft.drop("tools")


def _stays_behind(head: _ToolHead, facts: Facts) -> bool:
    """A tool the vendor runs, or the stand-in for tools to be loaded later, where there is no such thing."""
    if is_server_tool(head.type):
        return not facts.server_tools
    return head.name == _PLACEHOLDER and not facts.deferred_tools


def is_server_tool(kind: str | None) -> bool:
    """Whether a tool of this ``type`` is run by the vendor."""
    return kind is not None and kind.startswith(_SERVER_TOOLS)


def _mend_system(draft: Draft) -> None:
    """Empty blocks are refused in ``system`` as they are in turns."""
    raw = draft.raw("system")
    if raw is None or _SUSPECT.search(raw) is None:
        return
    items = decode_items(raw)
    if items is None:
        return
    kept = [item for item in items if (decode_lenient(_BLOCK, bytes(item)).text or "").strip()]
    if kept and len(kept) < len(items):
        draft.put("system", join_items(kept))
    elif not kept:
        draft.drop("system")


def _mend_turns(draft: Draft, facts: Facts) -> None:
    raw = draft.raw("messages")
    if raw is None:
        return
    suspect = _SUSPECT.search(raw) is not None
    if not suspect and facts.prefill:
        return
    items = decode_items(raw)
    if not items:
        return
    changed = False
    out: list[bytes | Raw] = []
    for item in items:
        mended = _mend_turn(item, facts, draft) if suspect and _SUSPECT.search(bytes(item)) else item
        changed = changed or mended is not item
        if mended is not None:
            out.append(mended)
    last = _read_turn(items[-1])
    if not facts.prefill and last is not None and last.role == "assistant":
        out.append(_CONTINUE)
        changed = True
        draft.lose(
            "messages.prefill", "this model continues no assistant turn; a user turn asks it to go on"
        )
    if changed:
        draft.put("messages", join_items(out))


def _mend_turn(item: Raw, facts: Facts, draft: Draft) -> Raw | None:
    """The turn as the model takes it; ``item`` itself when it is fine, None when nothing is left of it."""
    turn = decode_object(item)
    if turn is None:
        return item
    role = turn.get("role", Raw(b'""'))
    late = bytes(role) == b'"system"' and not facts.late_system
    content, changed = _mend_content(bytes(turn.get("content", Raw(b"null"))), facts)
    empty = content in (b"[]", b"null") or _is_blank(content)
    if late and empty:
        return None
    if late:
        draft.lose(
            "messages.system", "this model takes instructions only at the start; sent as a user turn"
        )
        return encode_raw({"role": "user", "content": _reminder(content)})
    if empty and bytes(role) != b'"system"':
        if bytes(role) == b'"user"':
            return encode_raw(turn | {"content": Raw(b'"(empty)"')})
        return None
    return encode_raw(turn | {"content": Raw(content)}) if changed else item


def _is_blank(content: bytes) -> bool:
    """A string with nothing but white space in it."""
    return content.startswith(b'"') and not decode_lenient(_STRING, content).strip()


def _reminder(content: bytes) -> Raw:
    """Instruction text as a user turn carries it: marked, so that it is not taken for the user's words."""
    blocks = decode_items(content)
    if blocks is None:
        text = msgspec.json.decode(content, type=str) if content != b"null" else ""
        return encode_raw(f"<system-reminder>\n{text}\n</system-reminder>")
    return Raw(
        join_items([
            _edit_text(block, lambda text: f"<system-reminder>\n{text}\n</system-reminder>") for block in blocks
        ])
    )  # fmt: skip


def _edit_text(block: Raw, edit: Callable[[str], str]) -> Raw:
    fields = decode_object(block)
    head = decode_lenient(_BLOCK, bytes(block))
    if fields is None or head.text is None:
        return block
    return encode_raw(fields | {"text": edit(head.text)})


def _mend_content(content: bytes, facts: Facts) -> tuple[bytes, bool]:
    """Blocks without empty texts, with tool references spelled out and lifetimes dropped where not taken."""
    items = decode_items(content)
    if items is None:
        return content, False
    changed = False
    out: list[bytes | Raw] = []
    for item in items:
        mended = _mend_block(item, facts)
        changed = changed or mended is not item
        if mended is not None:
            out.append(mended)
    return (join_items(out), True) if changed else (content, False)


def _mend_block(item: Raw, facts: Facts) -> Raw | None:
    block = decode_object(item)
    if block is None:
        return item
    head = decode_lenient(_BLOCK, bytes(item))
    if head.type == "text" and head.text is not None and not head.text.strip():
        return None
    if head.type == "tool_reference" and not facts.deferred_tools:
        return encode_raw({"type": "text", "text": f"The tool {head.tool_name} is available now."})
    edits: dict[str, Raw] = {}
    if head.type == "tool_result" and "content" in block:
        content, changed = _mend_content(bytes(block["content"]), facts)
        if changed:
            edits["content"] = Raw(content)
    mark = block.get("cache_control")
    if mark is not None and not facts.cache_ttl and b'"ttl"' in bytes(mark):
        edits["cache_control"] = Raw(b'{"type":"ephemeral"}')
    return encode_raw(block | edits) if edits else item
