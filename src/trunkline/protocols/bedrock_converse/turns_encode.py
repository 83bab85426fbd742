"""A neutral conversation as turns that the server accepts: roles alternate, results come first, none missing."""

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Final

from trunkline.core.cache_marks import marks_kept
from trunkline.core.types import Message, Opaque, Part, Refusal, Text, ToolCall, ToolResult
from trunkline.protocols.bedrock_converse.ledger import MAX_MARKS, Ledger
from trunkline.protocols.bedrock_converse.part_encode import (
    encode_call,
    encode_part,
    encode_result,
    text_blocks,
)
from trunkline.protocols.bedrock_converse.wire import Block

CONTINUE: Final = "Continue."
OPENING: Final = "(the conversation goes on)"
SEE_DOCUMENT: Final = "(see the document)"


class Turn:
    """One message of the body."""

    __slots__ = ("content", "role")

    def __init__(self, role: str, content: list[Block]) -> None:
        self.role = role
        self.content = content

    def wire(self) -> Block:
        """As it is written."""
        return {"role": self.role, "content": self.content}


def encode_turns(messages: Sequence[Message], ledger: Ledger) -> list[Turn]:
    """All turns; never empty, the first one the user's."""
    out = _Out()
    position = 0
    while position < len(messages):
        calls: list[tuple[ToolCall, str]] = []
        if messages[position].role == "assistant":
            calls = _assistant(out, messages[position], ledger)
            position += 1
        begin = position
        while position < len(messages) and messages[position].role != "assistant":
            position += 1
        _between(out, calls, messages[begin:position], ledger)
    _end(out, ledger)
    return out.turns


class _Out:
    """Turns so far; neighbours of one role become one."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []

    def add(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if self.turns and self.turns[-1].role == role:
            self.turns[-1].content += blocks
            return
        if not self.turns and role != "user":
            self.turns.append(Turn("user", [{"text": OPENING}]))
        self.turns.append(Turn(role, blocks))


def _assistant(out: _Out, message: Message, ledger: Ledger) -> list[tuple[ToolCall, str]]:
    blocks: list[Block] = []
    calls: list[tuple[ToolCall, str]] = []
    for part in message.content:
        if isinstance(part, ToolCall):
            sent, made = encode_call(part, ledger)
            calls.append((part, sent))
            blocks += made
        elif isinstance(part, ToolResult):
            blocks += _stray(part, ledger)
        else:
            blocks += encode_part(part, ledger, assistant=True)
    out.add("assistant", blocks)
    return calls


def _between(
    out: _Out, calls: list[tuple[ToolCall, str]], segment: Sequence[Message], ledger: Ledger
) -> None:
    """What stands between two assistant turns: all results first, in the order of their calls (E30 to E32)."""
    results: dict[str, ToolResult] = {}
    for message in segment:
        for part in message.content:
            if isinstance(part, ToolResult):
                results.setdefault(part.call_id, part)
    blocks: list[Block] = []
    placed: set[int] = set()
    for call, sent in calls:
        result = results.get(call.id)
        result = None if result is None or id(result) in placed else result
        placed.add(id(result))
        blocks += encode_result(sent, result, ledger)
    for message in segment:
        rest = [part for part in message.content if id(part) not in placed]
        blocks += _user(rest, ledger) if message.role == "user" else _tagged(rest, ledger)
    if any("document" in block for block in blocks) and not any("text" in block for block in blocks):
        blocks.append({"text": SEE_DOCUMENT})  # a document never stands alone
    out.add("user", blocks)


def _user(parts: Iterable[Part], ledger: Ledger) -> list[Block]:
    blocks: list[Block] = []
    for part in parts:
        if isinstance(part, ToolResult):
            blocks += _stray(part, ledger)
        elif isinstance(part, ToolCall):
            blocks += text_blocks(f"[a call of {part.name} with {part.arguments}]")
        else:
            blocks += encode_part(part, ledger)
    return blocks


def _stray(result: ToolResult, ledger: Ledger) -> list[Block]:
    """A result whose call is not in the turn before becomes user text: it is not lost (E34)."""
    header = "error of an earlier call" if result.is_error else "result of an earlier call"
    said = [part.text or "" for part in result.content if isinstance(part, Text | Refusal | Opaque)]
    others = [part for part in result.content if not isinstance(part, Text | Refusal | Opaque)]
    return text_blocks(f"{header}: " + "\n".join(said)) + _user(others, ledger)


def _tagged(parts: Iterable[Part], ledger: Ledger) -> list[Block]:
    """An instruction as marked user text, where it stands: never moved to the front (E57)."""
    blocks: list[Block] = []
    for part in parts:
        if isinstance(part, Text) and part.text.strip():
            blocks += text_blocks(f"<system>\n{part.text}\n</system>")
        else:
            blocks += _user([part], ledger)
    return blocks


def _end(out: _Out, ledger: Ledger) -> None:
    if not out.turns:
        out.add("user", [{"text": CONTINUE}])
    last = out.turns[-1]
    if last.role != "assistant":
        return
    if not ledger.facts.prefill:
        out.add("user", [{"text": CONTINUE}])
        return
    final = last.content[-1].get("text")
    if isinstance(final, str):
        last.content[-1] = {"text": final.rstrip()}


def limit_marks(tools: list[Block], system: list[Block], turns: Sequence[Turn], ledger: Ledger) -> None:
    """Cache points beyond the limit go, the oldest of the messages before those that all turns share (E103)."""
    messages = [turn.content for turn in turns]
    counts = [sum("cachePoint" in block for block in blocks) for blocks in (tools, system, *messages)]
    if sum(counts) <= MAX_MARKS:
        return
    ledger.losses.add("cache_control", f"more than {MAX_MARKS} cache points")
    kept = marks_kept(counts[0], counts[1], sum(counts[2:]), MAX_MARKS)
    numbers = count()
    for blocks in (tools, system, *messages):
        blocks[:] = [block for block in blocks if "cachePoint" not in block or next(numbers) in kept]
