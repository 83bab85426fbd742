"""Turns to input items: order kept, results right after their calls, reasoning directly before its item.

Nothing that is added to a turn depends on a later one (E14, E30 to E36, E104). Ids of items are left out: with
``store: false`` nothing can be referred to by them.
"""

from itertools import islice

import msgspec
from msgspec import Raw

from trunkline.core.types import (
    Image,
    Message,
    Opaque,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from trunkline.protocols.openai_responses.kinds import TYPED
from trunkline.protocols.openai_responses.ledger import Ledger
from trunkline.protocols.openai_responses.output_encode import typed_item
from trunkline.protocols.openai_responses.part_encode import (
    PartOut,
    blank,
    encode_part,
    encode_parts,
    encode_result,
    input_text,
)
from trunkline.protocols.openai_responses.request_decode import STATE
from trunkline.protocols.openai_responses.wire import ERROR_PREFIX, ITEM, NAME, OBJECT, encode
from trunkline.protocols.writing import Stand, Written, WrittenTurns, grown

NO_RESULT = f"{ERROR_PREFIX}no result was recorded for this call; whether it ran is unknown"
CONTINUE = "Continue."
EMPTY = "(empty)"
Item = object


def encode_input(request: Request, ledger: Ledger) -> list[Item]:
    """All items of a request's conversation."""
    writer = _Writer(request, ledger)
    writer.write()
    return [*writer.out, *_answer_wanted(request, ledger)]


def extend_input(request: Request, ledger: Ledger, earlier: Written) -> tuple[list[Item], WrittenTurns]:
    """The same, as far as they are written already taken from ``earlier``; and what is written now."""
    writer = _Writer(request, ledger)
    old, known = earlier.turns, 0
    if earlier.same_tools(request, ledger.facts) is not None:  # their groups are named at each call
        known = earlier.same_turns(request, ledger.facts)
    if known:
        stand = old.stands[known]
        ledger.recall(old.losses[: stand.losses], old.names[: stand.names])
    writer.write(known)
    text, stands = grown(old, known, map(encode, writer.out), writer.stood)
    turns: list[Item] = [Raw(text)] if text else []
    turns += _answer_wanted(request, ledger)
    return turns, WrittenTurns(text, stands, ledger.losses, ledger.names)


def is_stateful(request: Request, ledger: Ledger) -> bool:
    """The provider itself remembers what came before."""
    return ledger.own and any(extra.name in STATE for extra in request.extras)


def _answer_wanted(request: Request, ledger: Ledger) -> list[Item]:
    """What is said to a model that is not to go on with its own words, where those are the last."""
    last = request.messages[-1] if request.messages else None
    if last is None or last.role != "assistant" or ledger.facts.prefill:
        return []
    return [message_item("user", [input_text(CONTINUE)])]


def message_item(role: str, content: list[PartOut]) -> dict[str, object]:
    """A message of a user or of an instruction's rank."""
    return {"type": "message", "role": role, "content": content}


class _Writer:
    """Walks the turns once; knows which results were placed and which reasoning waits for its item."""

    def __init__(self, request: Request, ledger: Ledger) -> None:
        self.out: list[Item] = []
        self._ledger = ledger
        self._messages = request.messages
        self._stateful = is_stateful(request, ledger)
        self.stood: dict[int, Stand] = {}
        self._placed: set[int] = set()
        self._waiting: list[Item] = []

    def write(self, known: int = 0) -> None:
        """The turns behind the first ``known``."""
        for position, message in enumerate(islice(self._messages, known, None), known):
            if message.name is not None:
                self._ledger.lose("messages.name", "names of speakers are not carried over")
            if message.role == "assistant":
                self._stand(position)
                self._assistant(message, position)
                continue
            self._drop_waiting()
            if message.role == "user":
                self._user(message)
            else:
                self._instruction(message)
        self._stand(len(self._messages))
        self._drop_waiting()

    def _stand(self, position: int) -> None:
        if not self._waiting:
            self.stood[position] = Stand(len(self.out), *self._ledger.count())

    def _drop_waiting(self) -> None:
        """Reasoning that nothing followed is refused upstream (E14)."""
        if self._waiting:
            self._waiting.clear()
            self._ledger.lose("input.reasoning", "reasoning that no item followed")

    def _put(self, item: Item) -> None:
        self.out += self._waiting
        self._waiting.clear()
        self.out.append(item)

    def _user(self, message: Message) -> None:
        content: list[PartOut] = []
        for part in message.content:
            if isinstance(part, ToolResult):
                if id(part) not in self._placed:
                    content += self._stray(part)
            elif _is_item(part) and isinstance(part, Opaque):
                if content:
                    self.out.append(message_item("user", content))
                    content = []
                self._own_item(part)
            else:
                content += encode_part(part, self._ledger)
        if content:
            self.out.append(message_item("user", content))
        elif message.content and all(isinstance(part, Text) for part in message.content):
            self.out.append(message_item("user", [input_text(EMPTY)]))

    def _own_item(self, part: Opaque) -> None:
        self._put(without_nulls(part.raw))

    def _stray(self, result: ToolResult) -> list[PartOut]:
        """A result nobody asked for here: text, unless the provider itself remembers the call (E34)."""
        self._placed.add(id(result))
        if self._stateful:
            self.out.append(self._result(None, result))
            return []
        prefix = ERROR_PREFIX if result.is_error else ""
        opening = f"Result of an earlier tool call ({result.call_id}): {prefix}"
        parts = encode_parts(result.content, self._ledger)
        return [input_text(opening.rstrip()), *parts]

    def _instruction(self, message: Message) -> None:
        content = encode_parts(message.content, self._ledger)
        if not content:
            return
        if self._ledger.facts.late_system:
            self.out.append(message_item(message.role, content))
            return
        self._ledger.lose(
            f"messages.role.{message.role}", "instructions in the middle become tagged user text"
        )
        opening, closing = input_text(f"<{message.role}>"), input_text(f"</{message.role}>")
        self.out.append(message_item("user", [opening, *content, closing]))

    def _assistant(self, message: Message, position: int) -> None:
        results = self._results_after(position)
        calls: list[ToolCall] = []
        for part in message.content:
            if isinstance(part, ToolCall):
                self._put(self._call(part))
                calls.append(part)
            else:
                self._say(part)
        for call in calls:
            result = results.get(call.id)
            if result is not None and id(result) not in self._placed:
                self._placed.add(id(result))
                self.out.append(self._result(call, result))
            elif not self._stateful:
                self.out.append(self._missing(call))

    def _say(self, part: Part) -> None:
        match part:
            case Text(text):
                if not blank(text):
                    self._put(_said({"type": "output_text", "text": text, "annotations": []}, part.phase))
            case Refusal(text):
                self._put(_said({"type": "refusal", "refusal": text}, None))
            case Thinking():
                self._think(part)
            case Image(data=data) if data is not None:
                self._put(_said({"type": "output_text", "text": "[an image]", "annotations": []}, None))
                self._ledger.lose("messages.image", "the model's own images are not sent back")
            case Opaque() if _is_item(part):
                self._own_item(part)
            case _:
                words = part.text if isinstance(part, Opaque) else None
                if words:
                    self._put(_said({"type": "output_text", "text": words, "annotations": []}, None))
                else:
                    kind = part.kind if isinstance(part, Opaque) else type(part).__name__.lower()
                    self._ledger.lose(f"messages.{kind}", "OpenAI Responses has no such block")

    def _think(self, part: Thinking) -> None:
        """Reasoning goes to its maker only, and only with what its maker can check (E8)."""
        facts = self._ledger.facts
        if part.origin != facts.origin or part.redacted is not None:
            self._ledger.lose("messages.thinking", "thinking of another model: only its maker can check it")
        elif part.signature is not None:
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            self._waiting.append(
                {"type": "reasoning", "summary": summary, "encrypted_content": part.signature}
            )
        elif facts.reasoning_history != "none":
            content = [{"type": "reasoning_text", "text": part.text}]
            self._waiting.append({"type": "reasoning", "summary": [], "content": content})
        else:
            self._ledger.lose("messages.thinking", "reasoning without a proof is not taken back")

    def _call(self, call: ToolCall) -> Item:
        ledger = self._ledger
        call_id = ledger.call_id(call.id)
        if call.proof is not None:
            ledger.lose("messages.proof", "a proof bound to a call: only its maker's protocol has a place")
        if call.vendor_type is not None and ledger.own:
            typed = typed_item(call, call_id)
            if typed is not None:
                return typed
        group = ledger.group_of(call)
        found: dict[str, object] = {"type": "function_call", "call_id": call_id}
        found["name"] = ledger.written(call.name, group)
        if ledger.grouped(group) is not None:
            found["namespace"] = group
        if call.kind == "custom" and ledger.facts.custom_tools:
            found["type"] = "custom_tool_call"
            found["input"] = call.arguments
        elif call.kind == "custom":
            found["arguments"] = encode({"input": call.arguments}).decode()
        else:
            found["arguments"] = object_text(call.arguments)
        return found

    def _result(self, call: ToolCall | None, result: ToolResult) -> Item:
        only = result.content[0] if len(result.content) == 1 else None
        if isinstance(only, Opaque) and _is_item(only) and self._ledger.own:
            return without_nulls(only.raw)
        found: dict[str, object] = {
            "type": _output_type(call, self._ledger),
            "call_id": self._ledger.call_id(result.call_id),
            "output": encode_result(result, self._ledger),
        }
        if found["type"] == "local_shell_call_output":
            found["id"] = found.pop("call_id")
        return found

    def _missing(self, call: ToolCall) -> Item:
        """What stands for a result that never came: its absence is refused (E35)."""
        kind = _output_type(call, self._ledger)
        name = "id" if kind == "local_shell_call_output" else "call_id"
        return {"type": kind, name: self._ledger.call_id(call.id), "output": NO_RESULT}

    def _results_after(self, position: int) -> dict[str, ToolResult]:
        """Results by id, from the messages up to the next assistant turn (E31, E32)."""
        found: dict[str, ToolResult] = {}
        for message in islice(self._messages, position + 1, None):
            if message.role == "assistant":
                break
            for part in message.content:
                if isinstance(part, ToolResult):
                    found.setdefault(part.call_id, part)
        return found


def _said(part: dict[str, object], phase: str | None) -> Item:
    found: dict[str, object] = {"type": "message", "role": "assistant", "content": [part]}
    if phase is not None:
        found["phase"] = phase
    return found


def _is_item(part: Part) -> bool:
    return isinstance(part, Opaque) and part.protocol == NAME and part.kind.startswith(ITEM)


def _output_type(call: ToolCall | None, ledger: Ledger) -> str:
    if call is None:
        return "function_call_output"
    if call.kind == "custom" and ledger.facts.custom_tools:
        return "custom_tool_call_output"
    if call.vendor_type == "local_shell" and ledger.own:
        return TYPED["local_shell"].output
    return "function_call_output"


def object_text(arguments: str) -> str:
    """Arguments as an object: nothing becomes ``{}``, a broken rest is kept under ``_raw`` (E24)."""
    if arguments[:1] == "{" and arguments[-1:] == "}":
        return arguments
    stripped = arguments.strip()
    if stripped in ("", "null"):
        return "{}"
    try:
        OBJECT.decode(stripped)
    except ValueError:
        return encode({"_raw": arguments}).decode()
    return stripped


def without_nulls(raw: msgspec.Raw) -> Item:
    """An item as the client sent it, without fields that are null: some servers refuse those."""
    if b"null" not in bytes(raw):
        return raw
    return {key: value for key, value in OBJECT.decode(raw).items() if bytes(value) != b"null"}
