"""A client's input items to turns: the model's items side by side are one turn, so are the results after it."""

from collections.abc import Sequence
from typing import Final, assert_never

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from trunkline.core.types import Message, Opaque, Part, Request, Role, Text, ToolCall, ToolResult
from trunkline.protocols.openai_responses import compaction
from trunkline.protocols.openai_responses.item_decode import (
    decode_item,
    function_call,
    opaque_item,
    thought,
    worded,
)
from trunkline.protocols.openai_responses.kinds import BY_CALL, BY_OUTPUT
from trunkline.protocols.openai_responses.part_decode import (
    decode_content,
    decode_message,
    decode_texts,
    text_message,
)
from trunkline.protocols.openai_responses.refusals import invalid, missing, refusal_of
from trunkline.protocols.openai_responses.usual_request import (
    KnownCall,
    KnownCustomCall,
    KnownCustomOutput,
    KnownItem,
    KnownMessage,
    KnownOutput,
    KnownReasoning,
)
from trunkline.protocols.openai_responses.wire import (
    CALL,
    ERROR_PREFIX,
    OUTPUT,
    REASONING,
    WireAgentMessage,
    WireCall,
    WireOutput,
    WireTools,
    kind_of,
    read,
)
from trunkline.protocols.reading import Earlier, Seam

_TOOLS: Final = msgspec.json.Decoder(WireTools)
_AGENT: Final = msgspec.json.Decoder(WireAgentMessage)
KNOWN_KINDS: Final = {KnownCall: "function_call", KnownCustomCall: "custom_tool_call"}
_ROLES: Final[dict[str, Role]] = {"user": "user", "system": "system", "developer": "developer"}
_ANSWERED: Final = frozenset({"reasoning", "function_call", "custom_tool_call", "compaction", "program"})
"""Items of the model's turn besides every ``*_call``, which is one too, or the server's work in it."""
_SERVED: Final = frozenset({"mcp_list_tools", "mcp_approval_request", "program_output"})


class InputDecoder:
    """Walks the items once. ``feed`` each, then ``close``, then read the lists.

    ``earlier``: the items go on behind its seam.
    """

    def __init__(self, earlier: Earlier | None = None) -> None:
        self.system: list[Text | Opaque] = []
        self.messages: list[Message] = []
        self.tools: list[Raw] = []
        """Tools that came inside the input: they count as declared."""
        self.tools_before = 0
        """As many came inside the input before the seam."""
        self.seams: list[Seam | None] = []
        self._said: list[Part] = []
        self._results: list[Part] = []
        self._called: set[str] = set()
        if earlier is not None and earlier.seam is not None:
            self._go_on(earlier.request, earlier.seam)

    def _go_on(self, request: Request, seam: Seam) -> None:
        """Where the items before the seam have come to: the last turns may still be growing there."""
        own, instructions, said, results, self.tools_before = seam.counts
        self.system += request.system[own : own + instructions]
        place = seam.messages
        self.messages += request.messages[:place]
        if said:
            self._said += request.messages[place].content[:said]
            place += 1
        if results:
            self._results += request.messages[place].content[:results]

    def seam(self, own: int) -> None:
        """The end of an item. ``own``: texts of the request's instructions that stand beside the input."""
        tools = self.tools_before + len(self.tools)
        counts = (own, len(self.system), len(self._said), len(self._results), tools)
        self.seams.append(None if self._called else Seam(len(self.messages), counts))

    def feed(self, raw: Raw, at: str) -> None:
        """One item. Raises GatewayError (INVALID_REQUEST)."""
        try:
            if bytes(raw)[:1] == b'"':
                raise invalid(f"Invalid type for '{at}': expected an object, but got a string instead.", at)
            wire = kind_of(raw)
            kind = wire.type or ("message" if wire.role is not None else "")
            if kind == "message":
                self._turn(*decode_message(raw, at), at)
            elif kind in ("function_call_output", "custom_tool_call_output") or kind in BY_OUTPUT:
                self._output(kind, raw, at)
            elif kind == "additional_tools":
                self.tools += read(_TOOLS, raw).tools
            elif kind == compaction.COMPACTION and (
                text := compaction.recalled(read(REASONING, raw).encrypted_content)
            ):
                self._end_turn()
                self.messages.append(Message("user", (Text(text),)))
            elif kind in _ANSWERED or kind in _SERVED or kind.endswith("_call"):
                self._item(kind, raw, at)
            else:
                self._other(kind, raw)
        except msgspec.ValidationError as cause:
            raise refusal_of(cause, at) from cause

    def close(self) -> None:
        """The end of the input."""
        self._end_turn()

    def _end_turn(self) -> None:
        if self._said:
            self.messages.append(Message("assistant", tuple(self._said)))
            self._said = []
        if self._results:
            self.messages.append(Message("user", tuple(self._results)))
            self._results = []

    def feed_known(self, item: KnownItem, at: str) -> None:
        """One item that was read at once. Raises GatewayError (INVALID_REQUEST)."""
        match item:
            case KnownMessage(role="user"):
                self._user(decode_texts(item.content))
            case KnownMessage():
                self._turn(*text_message(item), at)
            case KnownCall() | KnownCustomCall():
                if not item.name:
                    raise missing(f"{at}.name")
                self._say(KNOWN_KINDS[type(item)], [function_call(_wire_call(item))])
            case KnownOutput() | KnownCustomOutput():
                self._result(item.call_id, decode_texts(item.output), at)
            case KnownReasoning():
                self._say("reasoning", list(thought(item, None, sealed=True)))
            case _:
                assert_never(item)

    def _turn(self, named: str | None, parts: list[Part], at: str) -> None:
        """A message of either side, or an instruction."""
        if named == "assistant":
            self._say("message", worded(parts))
            return
        if named is None:
            raise missing(f"{at}.role")
        role = _ROLES.get(named)
        if role is None:
            raise invalid(
                f"Invalid value: '{named}'. Supported values are: 'assistant', 'system', 'developer', "
                "and 'user'.",
                f"{at}.role",
            )
        if role == "user":
            self._user(parts)
            return
        self._end_turn()
        if not self.messages:
            texts = [part for part in parts if isinstance(part, Text)]
            if len(texts) == len(parts):
                self.system += texts
                return
        self.messages.append(Message(role, tuple(parts)))

    def _user(self, parts: list[Part]) -> None:
        """What the user says."""
        if self._said or self._results:
            self._end_turn()
        self.messages.append(Message("user", tuple(parts)))

    def _item(self, kind: str, raw: Raw, at: str) -> None:
        if kind in ("function_call", "custom_tool_call"):
            wire = read(CALL, raw)
            if not wire.name:
                raise missing(f"{at}.name")
            self._say(kind, [function_call(wire)])
        else:
            self._say(kind, decode_item(kind, raw, at, None, sealed=True))

    def _say(self, kind: str, parts: list[Part]) -> None:
        """Parts of the model's turn."""
        if self._results:
            self._end_turn()
        if kind in BY_CALL:
            self._called.update(part.id for part in parts if isinstance(part, ToolCall))
        self._said += parts

    def _output(self, kind: str, raw: Raw, at: str) -> None:
        wire = read(OUTPUT, raw)
        if kind == "tool_search_output":
            self.tools += wire.tools or ()
            if wire.execution == "server" or not wire.call_id:
                self._item(kind, raw, at)
                return
        call_id = wire.call_id or wire.id
        if not call_id:
            raise missing(f"{at}.call_id")
        typed = BY_OUTPUT.get(kind)
        if typed is not None and kind != "local_shell_call_output":
            if call_id not in self._called:  # OpenAI's own servers ran it
                self._item(kind, raw, at)
                return
            content: list[Part] = [opaque_item(kind, raw, rendering(kind, wire))]
            failed = wire.status == "failed"
        else:
            self._result(call_id, decode_content(wire.output, f"{at}.output"), at)
            return
        self._results.append(ToolResult(call_id=call_id, content=tuple(content), is_error=failed))

    def _result(self, call_id: str, content: list[Part], at: str) -> None:
        """What one of the client's own tools gave."""
        if not call_id:
            raise missing(f"{at}.call_id")
        failed = _take_prefix(content)
        self._results.append(ToolResult(call_id=call_id, content=tuple(content), is_error=failed))

    def _other(self, kind: str, raw: Raw) -> None:
        """What is neither said by the model nor a result stands in the user's turn."""
        if kind == compaction.TRIGGER:
            self._end_turn()
            self.messages.append(compaction.question())
            return
        text = agent_text(raw) if kind == "agent_message" else None
        self._end_turn()
        self.messages.append(Message("user", (opaque_item(kind or "unknown", raw, text),)))


def _wire_call(item: KnownCall | KnownCustomCall) -> WireCall:
    arguments, text = (None, item.input) if isinstance(item, KnownCustomCall) else (item.arguments, None)
    return WireCall(
        type=KNOWN_KINDS[type(item)],
        call_id=item.call_id,
        name=item.name,
        namespace=item.namespace,
        arguments=arguments,
        input=text,
        status=item.status,
        id=item.id,
    )


def _take_prefix(content: list[Part]) -> bool:
    """Whether the result is an error by its prefix, which is taken off (E37)."""
    first = content[0] if content else None
    if not isinstance(first, Text) or not first.text.startswith(ERROR_PREFIX):
        return False
    rest = first.text.removeprefix(ERROR_PREFIX)
    content[0] = replace(first, text=rest)
    if not rest and len(content) > 1:
        del content[0]
    return True


def agent_text(raw: Raw) -> str | None:
    """What another agent says, as plain text. Its sealed part is plain where nobody sealed it."""
    wire = read(_AGENT, raw)
    pieces = [part.text or _plain(part.encrypted_content) for part in wire.content]
    text = "\n".join(piece.rstrip("\n") for piece in pieces if piece)
    return f"Message from {wire.author or 'another agent'}:\n{text}" if text else None


def _plain(text: str | None) -> str:
    return text if text and any(character.isspace() for character in text) else ""


def rendering(kind: str, wire: WireOutput) -> str:
    """The outcome of one of OpenAI's client tools in words."""
    if kind == "tool_search_output":
        names = ", ".join(names_of(wire.tools or ()))
        return f"Tools that can be called now: {names}" if names else "No tool was found."
    if isinstance(wire.output, list):
        return "\n".join(_shell_text(raw) for raw in wire.output)
    return wire.output or wire.status or ""


class _Outcome(msgspec.Struct):
    type: str | None = None
    exit_code: int | None = None


class _ShellResult(msgspec.Struct):
    stdout: str = ""
    stderr: str = ""
    outcome: _Outcome | None = None


_SHELL: Final = msgspec.json.Decoder(_ShellResult)


def _shell_text(raw: Raw) -> str:
    result = read(_SHELL, raw)
    outcome = result.outcome or _Outcome()
    ended = f"exit code {outcome.exit_code}" if outcome.exit_code is not None else outcome.type
    return "\n".join(piece for piece in (result.stdout, result.stderr, ended) if piece)


class _Named(msgspec.Struct):
    name: str | None = None
    tools: list["_Named"] | None = None


_NAMED: Final = msgspec.json.Decoder(_Named)


def names_of(tools: Sequence[Raw]) -> list[str]:
    """Names of tools as they are called outside their groups."""
    found: list[str] = []
    for raw in tools:
        named = read(_NAMED, raw)
        inner = [f"{named.name}__{tool.name}" for tool in named.tools or () if tool.name]
        found += inner or ([named.name] if named.name else [])
    return found
