"""A neutral conversation as messages that the server accepts: results first, none missing, none astray."""

from collections import deque
from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Raw, Struct

from trunkline.core.facts import Facts
from trunkline.core.types import Message, Opaque, Part, Refusal, Text, ToolCall, ToolResult
from trunkline.protocols.anthropic_messages.block_encode import BlockEncoder, Blocks, Item
from trunkline.protocols.anthropic_messages.wire import TextBlock, ToolResultBlock
from trunkline.protocols.losses import Losses
from trunkline.protocols.portable_names import CallIds

NO_RESULT: Final = "no result was recorded"
CONTINUE: Final = "Continue."


class OutMessage(Struct, gc=False):
    """One message of the body."""

    role: Literal["user", "assistant", "system"]
    content: list[Item]


class _Turn(Struct):
    role: Literal["user", "assistant", "system"]
    parts: list[Part]


class _Answers:
    """The results that belong to one assistant turn, matched by id and handed out in call order (E32)."""

    def __init__(self, calls: Iterable[ToolCall], segment: list[_Turn]) -> None:
        self._by_id: dict[str, deque[ToolResult]] = {}
        wanted: dict[str, int] = {}
        for call in calls:
            wanted[call.id] = wanted.get(call.id, 0) + 1
        self.taken: set[tuple[int, int]] = set()
        for position, turn in enumerate(segment):
            for index, part in enumerate(turn.parts):
                if isinstance(part, ToolResult) and wanted.get(part.call_id, 0) > 0:
                    wanted[part.call_id] -= 1
                    self.taken.add((position, index))
                    self._by_id.setdefault(part.call_id, deque()).append(part)

    def next(self, call_id: str) -> ToolResult | None:
        """The next result for a call."""
        queue = self._by_id.get(call_id)
        return queue.popleft() if queue else None


class HistoryEncoder:
    """Messages to messages, for one request and target."""

    def __init__(self, encoder: BlockEncoder, facts: Facts, losses: Losses, *, own: bool) -> None:
        self._encoder = encoder
        self._facts = facts
        self._losses = losses
        self._own = own
        self._ids = CallIds()
        self._out: list[OutMessage] = []

    def encode(self, messages: Iterable[Message]) -> tuple[list[Item], list[OutMessage]]:
        """Blocks for the system field (instructions that open the conversation), and the messages."""
        turns = self._turns(messages)
        leading = Blocks()
        if turns and turns[0].role == "system":
            self._put_system(leading, turns.pop(0).parts)
        position = 0
        while position < len(turns):
            calls: list[tuple[ToolCall, str]] = []
            if turns[position].role == "assistant":
                calls = self._assistant(turns[position].parts)
                position += 1
            begin = position
            while position < len(turns) and turns[position].role != "assistant":
                position += 1
            self._between(calls, turns[begin:position])
        self._end()
        return leading.items, self._out

    def _turns(self, messages: Iterable[Message]) -> list[_Turn]:
        """Messages with the same role in a row as one turn; those that show nothing are none."""
        turns: list[_Turn] = []
        for message in messages:
            if not any(map(self._encoder.shows, message.content)):
                for part in message.content:
                    self._encoder.put(Blocks(), part)  # only to note what it loses
                continue
            role = "system" if message.role == "developer" else message.role
            if turns and turns[-1].role == role:
                turns[-1].parts.extend(message.content)
            else:
                turns.append(_Turn(role, list(message.content)))
        return turns

    def _assistant(self, parts: Iterable[Part]) -> list[tuple[ToolCall, str]]:
        blocks = Blocks()
        calls: list[tuple[ToolCall, str]] = []
        for part in parts:
            if isinstance(part, ToolCall):
                sent = self._ids.next(part.id)
                calls.append((part, sent))
                self._encoder.put_call(blocks, part, sent)
            elif isinstance(part, ToolResult):
                self._stray(blocks, part)
            else:
                self._encoder.put(blocks, part, assistant=True)
        self._emit("assistant", blocks)
        return calls

    def _between(self, calls: list[tuple[ToolCall, str]], segment: list[_Turn]) -> None:
        """What stands between two assistant turns: all results first, then the rest in order (E30, E31)."""
        answers = _Answers((call for call, _ in calls), segment)
        blocks = Blocks()
        for call, sent in calls:
            result = answers.next(call.id)
            if result is None:
                blocks.add(ToolResultBlock(sent, NO_RESULT, is_error=True))
                continue
            blocks.add(self._encoder.result(result, sent))
        for index, turn in enumerate(segment):
            if turn.role == "user":
                rest = [
                    part for place, part in enumerate(turn.parts) if (index, place) not in answers.taken
                ]
                self._put_user(blocks, rest)
            elif index == len(segment) - 1 and self._native_place(blocks):
                self._emit("user", blocks)
                blocks = Blocks()
                self._put_system(blocks, turn.parts)
                self._emit("system", blocks)
                return
            else:
                self._put_tagged(blocks, turn.parts)
        self._emit("user", blocks)

    def _native_place(self, blocks: Blocks) -> bool:
        """Whether an instruction may stand here as such: after a user turn, or after a server tool's use."""
        if not self._facts.late_system:
            return False
        if blocks.items:
            return True
        last = self._out[-1] if self._out else None
        return last is not None and last.role == "assistant" and isinstance(last.content[-1], Raw)

    def _put_user(self, blocks: Blocks, parts: Iterable[Part]) -> None:
        for part in parts:
            if isinstance(part, ToolResult):
                self._stray(blocks, part)
            elif isinstance(part, ToolCall):
                blocks.add_text(f"[a call of {part.name} with {part.arguments}]")
            else:
                self._encoder.put(blocks, part)

    def _stray(self, blocks: Blocks, result: ToolResult) -> None:
        """A result whose call is not in the turn before becomes user text: it is not lost (E34)."""
        header = "error of an earlier call" if result.is_error else "result of an earlier call"
        said: list[str] = []
        others: list[Part] = []
        for part in result.content:
            text = part.text if isinstance(part, Text | Refusal | Opaque) else None
            if text is None:
                others.append(part)
            else:
                said.append(text)
        blocks.add_text(f"{header}: " + "\n".join(said), result.cache)
        for part in others:
            self._encoder.put(blocks, part)

    def _put_system(self, blocks: Blocks, parts: Iterable[Part]) -> None:
        for part in parts:
            if isinstance(part, Text | Opaque | Refusal):
                self._encoder.put(blocks, part)
            else:
                self._losses.add("messages.system", "instructions are text in this protocol")

    def _put_tagged(self, blocks: Blocks, parts: Iterable[Part]) -> None:
        """An instruction as marked user text, where it stands: never moved to the front (E57)."""
        for part in parts:
            if isinstance(part, Text) and part.text.strip():
                blocks.add_text(f"<system>\n{part.text}\n</system>", part.cache)
            else:
                self._encoder.put(blocks, part)

    def _emit(self, role: Literal["user", "assistant", "system"], blocks: Blocks) -> None:
        if not blocks.items:
            return
        if not self._out and role != "user":
            # The server wants a user turn first; a history that was cut may lack it.
            self._out.append(OutMessage("user", [TextBlock("(the conversation goes on)")]))
        self._out.append(OutMessage(role, blocks.items))

    def _end(self) -> None:
        if not self._out:
            self._out.append(OutMessage("user", [TextBlock(CONTINUE)]))
        last = self._out[-1]
        if last.role != "assistant":
            return
        item = last.content[-1]
        if not self._facts.prefill and not isinstance(item, Raw):  # a paused server tool stays last
            if self._own:
                self._losses.add(
                    "messages.prefill", "the target goes on from no assistant turn: it is asked to"
                )
            self._out.append(OutMessage("user", [TextBlock(CONTINUE)]))
        elif isinstance(item, TextBlock):
            item.text = item.text.rstrip()
