"""The order of a chat conversation as Databricks demands it: every result right after its call (databricks.md 3.2)."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.facts import Facts
from trunkline.core.surrogates import decode_lenient
from trunkline.providers.databricks.chat_turns import Turn, mend_turn, read_turn
from trunkline.providers.draft import Draft, decode_items, decode_object, encode_raw, join_items


class _Part(Struct):
    type: str = ""


_PART: Final = msgspec.json.Decoder(_Part)


def mend_conversation(draft: Draft, facts: Facts, *, move_images: bool) -> None:
    """All edits of ``messages``. ``move_images``: pictures inside tool results are refused."""
    items = decode_items(draft.raw("messages"))
    if items is None:
        return
    turns: list[Turn] = []
    leading = True
    for item in items:
        turn = mend_turn(item, facts, draft, leading=leading)
        if turn is not None:
            leading = leading and turn.role == "system"
            turns.append(turn)
    turns = _paired(turns, draft)
    if move_images:
        turns = _images_after(turns)
    if facts.single_calls:
        turns = _one_call_each(turns, draft)
    if not facts.prefill and turns and turns[-1].role == "assistant":
        draft.lose(
            "messages.prefill", "this model continues no assistant turn; a user turn asks it to go on"
        )
        turns.append(_turn({"role": "user", "content": "Continue."}))
    if len(turns) != len(items) or any(
        turn.item is not item for turn, item in zip(turns, items, strict=True)
    ):
        draft.put("messages", join_items(turn.item for turn in turns))


def unproven_loop(draft: Draft) -> bool:
    """An open round of tools brings no reasoning part at all."""
    unproven, answered = False, False
    for item in reversed(decode_items(draft.raw("messages")) or []):
        turn = read_turn(item)
        if turn.role != "assistant":
            answered = answered or turn.role == "tool"
        elif not answered:
            return unproven
        elif b'"signature"' in bytes(item) or b'"summary_encrypted_text"' in bytes(item):
            return False
        else:
            unproven, answered = True, False
    return unproven


def _turn(fields: Mapping[str, object]) -> Turn:
    return read_turn(encode_raw(fields))


def _paired(turns: list[Turn], draft: Draft) -> list[Turn]:
    """Each call followed by its result: moved there, or made up where none came. A result that answers
    nothing becomes a user turn, one that answers twice goes."""
    if _in_order(turns):
        return turns
    results: dict[str, Turn] = {}
    called = {call for turn in turns for call in turn.calls}
    out: list[Turn] = []
    for turn in turns:
        if turn.role == "tool" and turn.call_id in called:
            results.setdefault(turn.call_id, turn)
    for turn in turns:
        if turn.role != "tool":
            out.append(turn)
            for call in turn.calls:
                result = results.pop(call, None)
                out.append(_no_result(call, draft) if result is None else result)
        elif turn.call_id not in called:
            draft.lose("messages.tool", "a result without its call was sent as a user turn")
            content = (decode_object(turn.item) or {}).get("content", Raw(b'"(empty)"'))
            out.append(_turn({"role": "user", "content": content}))
    return out


def _in_order(turns: list[Turn]) -> bool:
    owed: list[str] = []
    for turn in turns:
        if turn.role == "tool":
            if turn.call_id not in owed:
                return False
            owed.remove(turn.call_id)
        elif owed:
            return False
        else:
            owed = list(turn.calls)
    return not owed


def _no_result(call: str, draft: Draft) -> Turn:
    draft.lose("messages.tool_calls", "a call without a result was given an empty one")
    return _turn({"role": "tool", "tool_call_id": call, "content": "(no result)"})


def _images_after(turns: list[Turn]) -> list[Turn]:
    """Pictures leave their tool results for a user turn behind the run of results."""
    out: list[Turn] = []
    waiting: list[Raw] = []
    for turn in turns:
        if waiting and turn.role != "tool":
            out.append(_turn({"role": "user", "content": waiting}))
            waiting = []
        out.append(_without_images(turn, waiting) if turn.role == "tool" else turn)
    return [*out, _turn({"role": "user", "content": waiting})] if waiting else out


def _without_images(turn: Turn, waiting: list[Raw]) -> Turn:
    if b'"image_url"' not in bytes(turn.item):
        return turn
    fields = decode_object(turn.item) or {}
    parts = decode_items(bytes(fields.get("content", Raw(b"null")))) or []
    images: list[Raw] = []
    rest: list[Raw] = []
    for part in parts:
        kind = decode_lenient(_PART, bytes(part)).type
        (images if kind == "image_url" else rest).append(part)
    if not images:
        return turn
    note = encode_raw({"type": "text", "text": "(The image follows in the next user message.)"})
    waiting.append(encode_raw({"type": "text", "text": f"Image from the tool result {turn.call_id}:"}))
    waiting.extend(images)
    return Turn(turn.role, encode_raw(fields | {"content": [*rest, note]}), (), turn.call_id)


def _one_call_each(turns: list[Turn], draft: Draft) -> list[Turn]:
    """A turn with several calls becomes one turn a call, each with its result (E52)."""
    out: list[Turn] = []
    results = {turn.call_id: turn for turn in turns if turn.role == "tool"}
    split: set[str] = set()
    for turn in turns:
        if turn.role == "tool" and turn.call_id in split:
            continue
        if len(turn.calls) < 2:
            out.append(turn)
            continue
        draft.lose("messages.parallel_calls", "calls made at once were sent as if made one after another")
        fields = decode_object(turn.item) or {}
        for call, raw in zip(turn.calls, decode_items(bytes(fields["tool_calls"])) or [], strict=True):
            out.append(_turn(fields | {"tool_calls": [raw]}))
            out.append(results[call])
            fields = fields | {"content": Raw(b"null")}
        split.update(turn.calls)
    return out
