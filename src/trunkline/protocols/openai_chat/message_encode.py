"""Turns to messages. Results follow their calls in call order, pictures in results follow the results,
and nothing that is added to a turn depends on a later one (E30 to E36, E104)."""

from collections.abc import Sequence
from itertools import islice

from msgspec import UNSET, Raw

from trunkline.core.types import Message, Opaque, Part, Request, Text, Thinking, ToolCall, ToolResult
from trunkline.protocols.openai_chat.ledger import Ledger
from trunkline.protocols.openai_chat.part_encode import (
    BREAK,
    blank,
    encode_content,
    encode_part,
    result_text,
)
from trunkline.protocols.openai_chat.reasoning import encode_content_item, encode_details, encode_raw
from trunkline.protocols.openai_chat.shapes import (
    AssistantOut,
    CacheOut,
    CallOut,
    Content,
    DeveloperOut,
    FunctionOut,
    MessageOut,
    PartOut,
    SystemOut,
    TextOut,
    ToolOut,
    UserOut,
)
from trunkline.protocols.openai_chat.wire import ENCODER, ERROR_PREFIX, NAME, OBJECT
from trunkline.protocols.writing import Stand, Written, WrittenTurns, grown

ATTRIBUTION = "x-anthropic-billing-header:"
NO_RESULT = f"{ERROR_PREFIX}no result was recorded for this call; whether it ran is unknown"
CONTINUE = "Continue."
EMPTY = "(empty)"


def encode_messages(request: Request, ledger: Ledger) -> list[MessageOut | Raw]:
    """All messages of a request, the system prompt first."""
    system = encode_content(_instructions(request.system, ledger), ledger)
    writer = _Writer(ledger, request.messages, named=request.protocol == NAME)
    writer.write()
    return _framed(system, writer.out, writer)


def extend_messages(
    request: Request, ledger: Ledger, earlier: Written
) -> tuple[list[MessageOut | Raw], WrittenTurns]:
    """The same, as far as they are written already taken from ``earlier``; and what is written now."""
    system = encode_content(_instructions(request.system, ledger), ledger)
    writer = _Writer(ledger, request.messages, named=request.protocol == NAME)
    known, old = earlier.same_turns(request, ledger.facts), earlier.turns
    spoke = False
    if known:
        stand = old.stands[known]
        ledger.recall(old.losses[: stand.losses], old.names[: stand.names])
        spoke = stand.spoke
    writer.stood = {}
    writer.write(known, spoke)
    text, stands = grown(old, known, map(ENCODER.encode, writer.out), writer.stood)
    turns = [Raw(text)] if text else []
    return _framed(system, turns, writer), WrittenTurns(text, stands, ledger.losses, ledger.names)


def _framed(
    system: Content, turns: Sequence[MessageOut | Raw], writer: "_Writer"
) -> list[MessageOut | Raw]:
    out = [SystemOut(system), *turns] if system else [*turns]
    facts = writer.ledger.facts
    if not facts.prefill and writer.spoke:
        out.append(UserOut([TextOut(CONTINUE)] if facts.cache_marks else CONTINUE))
    return out


def _instructions(system: Sequence[Text | Opaque], ledger: Ledger) -> list[Text | Opaque]:
    """Without Claude Code's attribution line, which differs by session and spoils prefix caches (E58)."""
    kept: list[Text | Opaque] = []
    for part in system:
        if isinstance(part, Text) and part.text.startswith(ATTRIBUTION):
            ledger.lose(
                "system.attribution", "it says who called, changes by session and breaks prompt caches"
            )
            rest = part.text.partition("\n")[2]
            if blank(rest):
                continue
            part = Text(rest, (), part.cache)
        kept.append(part)
    return kept


class _Said:
    """An assistant turn taken apart; ``items`` holds its text and thinking in order."""

    __slots__ = ("calls", "items", "mark", "thoughts")

    def __init__(self) -> None:
        self.items: list[str | Thinking] = []
        self.calls: list[ToolCall] = []
        self.thoughts: list[Thinking] = []
        self.mark: CacheOut | None = None


class _Writer:
    """Walks the turns once; knows which results were already placed and what must follow them."""

    def __init__(self, ledger: Ledger, messages: Sequence[Message], *, named: bool) -> None:
        self.out: list[MessageOut] = []
        self.stood: dict[int, Stand] | None = None
        """Where to go on from, by turn, for whoever wants to know."""
        self.ledger = ledger
        self._spoke = False
        self._messages = messages
        self._named = named
        self._placed: set[int] = set()
        self._carried: list[PartOut] = []

    @property
    def spoke(self) -> bool:
        """The last message is the model's."""
        return isinstance(self.out[-1], AssistantOut) if self.out else self._spoke

    def write(self, known: int = 0, spoke: bool = False) -> None:
        """The turns behind the first ``known``; ``spoke``: the last of those was the model's."""
        self._spoke = spoke
        for position, message in enumerate(islice(self._messages, known, None), known):
            if message.role == "assistant":
                self._follow_up()
                self._stand(position)
                self._assistant(message, position)
            elif message.role == "user":
                self._user(message)
            else:
                self._instruction(message)
        if self._carried:
            self._follow_up()
        self._stand(len(self._messages))

    def _stand(self, position: int) -> None:
        if self.stood is not None:
            self.stood[position] = Stand(len(self.out), *self.ledger.count(), self.spoke)

    def _follow_up(self) -> None:
        """Pictures of results get a message of their own when no user turn took them along."""
        if self._carried:
            self.out.append(UserOut(list(self._carried)))
            self._carried.clear()

    def _name(self, message: Message) -> str | None:
        if message.name is not None and not self._named:
            self.ledger.lose("messages.name", "names of speakers are not carried over")
            return None
        return message.name

    def _user(self, message: Message) -> None:
        parts = message.content
        if len(parts) != 1 or type(parts[0]) is not Text:
            own = [part for part in parts if not isinstance(part, ToolResult)]
            if len(own) < len(parts):
                for part in parts:
                    if isinstance(part, ToolResult) and id(part) not in self._placed:
                        self._orphan(part)
                if not own and not self._carried:
                    return
                parts = tuple(own)
        content: Content = encode_content(parts, self.ledger, self._carried)
        if self._carried:
            self._carried.clear()
        if not content:
            if len(parts) < len(message.content):  # it was results and blanks
                return
            content = [TextOut(EMPTY)] if self.ledger.facts.cache_marks else EMPTY
        self.out.append(UserOut(content, None if message.name is None else self._name(message)))

    def _orphan(self, part: ToolResult) -> None:
        """A result nobody asked for becomes text: the conversation was cut by compaction (E34)."""
        text, carried = result_text(part.content, self.ledger, f"call {part.call_id}")
        prefix = ERROR_PREFIX if part.is_error else ""
        mark = self.ledger.mark(part.cache)
        self._carried.append(
            TextOut(f"Result of an earlier tool call ({part.call_id}): {prefix}{text}", mark)
        )
        self._carried += carried

    def _instruction(self, message: Message) -> None:
        facts = self.ledger.facts
        content = encode_content(message.content, self.ledger)
        if not content:
            return
        if facts.late_system:
            self._follow_up()
            shape = DeveloperOut if message.role == "developer" and facts.developer_role else SystemOut
            self.out.append(shape(content, self._name(message)))
            return
        self.ledger.lose(
            f"messages.role.{message.role}", "instructions in the middle become tagged user text"
        )
        texts = (
            content
            if isinstance(content, str)
            else "".join(part.text for part in content if isinstance(part, TextOut))
        )
        tagged = f"<{message.role}>\n{texts}\n</{message.role}>"
        carried, self._carried = self._carried, []
        self.out.append(UserOut(encode_content([Text(tagged)], self.ledger, carried)))

    def _assistant(self, message: Message, position: int) -> None:
        said = _Said()
        for part in message.content:
            if isinstance(part, ToolCall):
                said.calls.append(part)
            elif isinstance(part, Text):
                if not blank(part.text):
                    said.items.append(part.text)
                    said.mark = self.ledger.mark(part.cache) or said.mark
            elif isinstance(part, Thinking):
                said.items.append(part)
                said.thoughts.append(part)
            else:
                said.items += self._other(part)
        turn = AssistantOut(name=self._name(message))
        text = "".join(item for item in said.items if isinstance(item, str))
        if text:
            turn.content = text if said.mark is None else [TextOut(text, said.mark)]
        if said.thoughts or self.ledger.facts.reasoning_required:
            self._think(turn, said)
        if said.calls:
            self._calls(turn, said.calls, position)
        elif text or said.thoughts:
            if turn.content is UNSET:
                if turn == AssistantOut(name=turn.name):  # nothing but thinking that stays behind
                    return
                turn.content = ""
            self.out.append(turn)

    def _other(self, part: Part) -> list[str]:
        """What an answer can hold beside text, thinking and calls, as text."""
        texts = [out.text for out in encode_part(part, self.ledger) if isinstance(out, TextOut)]
        if not texts:
            kind = part.kind if isinstance(part, Opaque) else type(part).__name__.lower()
            self.ledger.lose(f"messages.assistant.{kind}", "assistant turns hold text and calls only")
        return texts

    def _think(self, turn: AssistantOut, said: "_Said") -> None:
        """Earlier thinking where this upstream wants it. Proofs go to their maker only (E8)."""
        facts = self.ledger.facts
        field = facts.reasoning_history
        if field == "none":
            if said.thoughts:
                self.ledger.lose("messages.thinking", "the upstream takes no earlier thinking back")
            return
        if field in ("reasoning_content", "reasoning"):
            text = BREAK.join(thought.text for thought in said.thoughts if thought.text)
            if text or (facts.reasoning_required and said.calls):
                setattr(turn, field, text)
            return
        own = [thought for thought in said.thoughts if thought.origin == facts.origin]
        if len(own) < len(said.thoughts):
            self.ledger.lose("messages.thinking", "thinking of another model: only its maker can check it")
        if not own:
            return
        if field == "reasoning_details":
            turn.reasoning_details = encode_details(own)
            return
        turn.content = [
            TextOut(item) if isinstance(item, str) else encode_content_item(item)
            for item in said.items
            if isinstance(item, str) or item.origin == facts.origin
        ]

    def _calls(self, turn: AssistantOut, calls: list[ToolCall], position: int) -> None:
        facts = self.ledger.facts
        results = self._results_after(position)
        groups = [[call] for call in calls] if facts.single_calls else [calls]
        for number, group in enumerate(groups):
            if number:
                turn = AssistantOut()
                if facts.reasoning_required and facts.reasoning_history in (
                    "reasoning_content",
                    "reasoning",
                ):
                    setattr(turn, facts.reasoning_history, "")
            if turn.content is UNSET:
                turn.content = None if facts.null_content else ""  # E56
            turn.tool_calls = [self._call(call) for call in group]
            self.out.append(turn)
            mark = self._results(group, results)
            if mark is not None:  # a result cannot hold a mark: its call can (databricks.md 3.8)
                turn.tool_calls[-1].cache_control = mark

    def _results_after(self, position: int) -> dict[str, ToolResult]:
        """Results by id, from the messages up to the next assistant turn (E31, E32)."""
        found: dict[str, ToolResult] = {}
        for message in islice(self._messages, position + 1, None):
            if message.role == "assistant":
                break
            for part in message.content:
                if isinstance(part, ToolResult) and part.call_id not in found:
                    found[part.call_id] = part
        return found

    def _results(self, calls: Sequence[ToolCall], results: dict[str, ToolResult]) -> CacheOut | None:
        mark: CacheOut | None = None
        for call in calls:
            result = results.get(call.id)
            if result is None or id(result) in self._placed:
                self.out.append(ToolOut(call.id, NO_RESULT))  # E35
                continue
            self._placed.add(id(result))
            text, carried = result_text(result.content, self.ledger, f"{call.name} ({call.id})")
            self.out.append(ToolOut(call.id, ERROR_PREFIX + text if result.is_error else text))
            self._carried += carried
            if result.cache is not None:
                mark = self.ledger.mark(result.cache)
        return mark

    def _call(self, call: ToolCall) -> CallOut:
        arguments = call.arguments
        if call.kind == "custom":
            arguments = encode_raw({"input": arguments}).decode()
        elif arguments[:1] != "{" or arguments[-1:] != "}":
            arguments = _object_text(arguments)
        mark = None if call.cache is None else self.ledger.mark(call.cache)
        proof = self._proof(call)
        return CallOut(call.id, FunctionOut(self.ledger.name(call.name), arguments), proof, mark)

    def _proof(self, call: ToolCall) -> str | None:
        """A call's proof goes back to its maker only: others refuse the field (E8, E13)."""
        if call.proof is None or call.proof_origin == self.ledger.facts.origin:
            return call.proof
        self.ledger.lose("messages.proof", "a call's proof of another model: only its maker can check it")
        return None


def _object_text(arguments: str) -> str:
    """Arguments as an object: nothing becomes ``{}``, a broken rest is kept under ``_raw`` (E24)."""
    if blank(arguments):
        return "{}"
    stripped = arguments.strip()
    try:
        OBJECT.decode(stripped)
    except ValueError:
        return encode_raw({"_raw": arguments}).decode()
    return stripped
