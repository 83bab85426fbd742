"""Answers that are referred to later: a conversation put back together from its items, and the answers about it.

Items are carried as the bytes they came in: the conversation that goes upstream in the next turn begins with
the very bytes of this one, which prompt caches depend on.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.splice import raw_fields, splice
from trunkline.core.sse import SSEvent
from trunkline.core.surrogates import decode_lenient
from trunkline.protocols.openai_responses.refusals import invalid, refusal_of
from trunkline.protocols.openai_responses.stream_decode import TERMINALS
from trunkline.protocols.openai_responses.wire import LIST, OBJECT, encode, kind_of, present

MAX_PAGE: Final = 100
PAGE: Final = 20
MAX_ID: Final = 64


class _Known(Struct):
    id: str | None = None
    encrypted_content: str | None = None
    content: Raw = Raw()


_KNOWN: Final = msgspec.json.Decoder(_Known)


def answer_gone(answer_id: str) -> GatewayError:
    """The refusal of a request that continues an answer nobody has any more."""
    error = invalid(
        f"Previous response with id '{_shown(answer_id)}' not found.",
        "previous_response_id",
        "previous_response_not_found",
    )
    error.status = 404
    return error


def no_answer(answer_id: str) -> GatewayError:
    """The refusal of a request for an answer that is not kept here."""
    return GatewayError(
        Kind.NOT_FOUND,
        f"Response with id '{_shown(answer_id)}' not found.",
        code="response_not_found",
        should_retry=False,
    )


def _shown(answer_id: str) -> str:
    return answer_id if len(answer_id) <= 2 * MAX_ID else f"{answer_id[: 2 * MAX_ID]}..."


def input_items(body: bytes) -> tuple[bytes, ...]:
    """The items of a request's ``input`` as they stand in it; a text is one message.

    Raises GatewayError (INVALID_REQUEST) for an input that is neither.
    """
    value = raw_fields(body).get("input", b"")
    if value[:1] == b'"':
        return (b'{"type":"message","role":"user","content":' + value + b"}",)
    if value[:1] == b"[":
        return tuple(_items(value))
    if value and value != b"null":
        raise invalid("Invalid type for 'input': expected a string or an array.", "input", "invalid_type")
    return ()


def _items(value: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in decode_lenient(LIST, value)]
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise refusal_of(cause, "input") from cause


def joined(items: Sequence[bytes]) -> bytes:
    """Items as one JSON array."""
    return b"[" + b",".join(items) + b"]"


def continued(body: bytes, earlier: Sequence[bytes], own: Sequence[bytes]) -> bytes:
    """The request with the whole conversation in it: earlier items, then ``own``, and no reference."""
    return splice(body, {"input": joined([*earlier, *own]), "previous_response_id": None})


def unkept(body: bytes) -> bytes:
    """The request for a provider that is not to keep its answer: the gateway does."""
    return splice(body, {"store": b"false"})


def said_again(items: Sequence[Raw]) -> tuple[bytes, ...]:
    """The items of an answer that can be part of the next request.

    Reasoning that can neither be proven nor read is refused upstream: only who made it knew it by its id.
    """
    return tuple(bytes(raw) for raw in items if kind_of(raw).type != "reasoning" or _told(raw))


def _told(raw: Raw) -> bool:
    known = decode_lenient(_KNOWN, bytes(raw))
    return bool(known.encrypted_content) or (present(known.content) and bytes(known.content) != b"[]")


class WholeAnswer(Struct, frozen=True):
    """A finished answer: its id, its items undecoded, and all of it."""

    id: str
    status: str
    output: tuple[Raw, ...]
    body: bytes


class _Answer(Struct):
    id: str
    status: str = "completed"
    output: list[Raw] = []


class _Event(Struct):
    type: str = ""
    item: Raw = Raw()
    response: Raw = Raw()


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_EVENT: Final = msgspec.json.Decoder(_Event)


def read_answer(body: bytes) -> WholeAnswer | None:
    """A whole answer; None for what is none."""
    try:
        found = decode_lenient(_ANSWER, body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return WholeAnswer(found.id, found.status, tuple(found.output), body)


class AnswerWatch:
    """Looks at a client's stream and has the whole answer when it is over.

    ``opening``: only the id is wanted, and already at the beginning: a background answer outlives its stream.
    """

    def __init__(self, *, opening: bool = False) -> None:
        self._opening = opening
        self._done: list[Raw] = []
        self.answer: WholeAnswer | None = None

    def feed(self, frame: SSEvent) -> bool:
        """Take the next frame; True when ``answer`` has come with it."""
        data = frame.data
        if self.answer is not None:
            return False
        if self._opening:
            return self._opened(data)
        if b'"response.output_item.done"' not in data and not _may_end(data):
            return False
        try:
            event = decode_lenient(_EVENT, data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        if event.type == "response.output_item.done" and event.item:
            self._done.append(Raw(bytes(event.item)))
        elif event.type in TERMINALS and event.response:
            self.answer = self._whole(bytes(event.response))
        return self.answer is not None

    def _opened(self, data: bytes) -> bool:
        if b'"response"' not in data:
            return False
        try:
            event = decode_lenient(_EVENT, data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        self.answer = read_answer(bytes(event.response))
        return self.answer is not None

    def _whole(self, body: bytes) -> WholeAnswer | None:
        """Servers exist that end with an empty output (E75): the items were said before."""
        found = read_answer(body)
        if found is None or found.output or not self._done:
            return found
        items = [bytes(raw) for raw in self._done]
        return read_answer(splice(body, {"output": joined(items)}))


def _may_end(data: bytes) -> bool:
    return any(b'"%b"' % kind.encode() in data for kind in TERMINALS)


def kept_body(body: bytes, previous: str | None) -> bytes:
    """An answer of a provider that does not keep it, as the client is told of it: kept, and continuing what its
    client said it continues.

    Raises GatewayError for a body that names a field twice.
    """
    return splice(body, {"store": b"true", "previous_response_id": encode(previous)})


def kept_frames(frames: bytes, previous: str | None) -> bytes:
    """Whole frames of a stream with the same said in the events that bring the answer; all else keeps its bytes."""
    if b'"response"' not in frames:
        return frames
    return b"".join(_kept_line(line, previous) for line in frames.splitlines(keepends=True))


def _kept_line(line: bytes, previous: str | None) -> bytes:
    body = line.removeprefix(b"data:").strip()
    if not line.startswith(b"data:") or b'"response"' not in body:
        return line
    try:
        response = bytes(decode_lenient(_EVENT, body).response)
        if not response:
            return line
        return line.replace(body, splice(body, {"response": kept_body(response, previous)}))
    except (msgspec.DecodeError, UnicodeDecodeError, GatewayError):
        return line  # not ours to judge: the client reads it as it came


def deleted(answer_id: str) -> bytes:
    """The answer to a deletion."""
    return encode({"id": answer_id, "object": "response", "deleted": True})


def page(items: Sequence[bytes], answer_id: str, query: dict[str, str]) -> bytes:
    """One page of the items an answer was made from: ``order``, ``after`` and ``limit`` as OpenAI has them.

    Items that came without an id get one that stays the same. Raises GatewayError (INVALID_REQUEST).
    """
    limit = _limit(query.get("limit"))
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise invalid(f"Invalid value: '{order[:40]}'. Supported values are: 'asc' and 'desc'.", "order")
    known = [_identified(item, answer_id, place) for place, item in enumerate(items)]
    if order == "desc":
        known.reverse()
    after = query.get("after")
    if after:
        places = [place for place, (ident, _) in enumerate(known) if ident == after]
        if not places:
            raise invalid(f"Item with id '{_shown(after)}' not found.", "after")
        known = known[places[0] + 1 :]
    shown = known[:limit]
    return encode(
        {
            "object": "list",
            "data": [Raw(item) for _, item in shown],
            "first_id": shown[0][0] if shown else None,
            "last_id": shown[-1][0] if shown else None,
            "has_more": len(known) > limit,
        }
    )


def _limit(said: str | None) -> int:
    if said is None:
        return PAGE
    if not (said.isascii() and said.isdecimal() and len(said) < 4 and 1 <= int(said) <= MAX_PAGE):
        raise invalid(f"Invalid 'limit': expected a number from 1 to {MAX_PAGE}.", "limit")
    return int(said)


def _identified(item: bytes, answer_id: str, place: int) -> tuple[str, bytes]:
    try:
        ident = decode_lenient(_KNOWN, item).id
        kind = kind_of(Raw(item)).type
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", item
    if ident:
        return ident, item if kind else splice(item, {"type": b'"message"'})
    stem = answer_id.removeprefix("resp_")[-MAX_ID // 2 :]
    ident = f"{'msg' if kind in (None, 'message') else 'item'}_{stem}_{place}"
    fields = _shown_message(item) if kind in (None, "message") else {}
    return ident, splice(item, {"id": encode(ident), **fields})


def spelled_out(item: bytes) -> bytes:
    """A message in its long form, where it is not written so: the form in which answers have it."""
    return splice(item, _shown_message(item))


def _shown_message(item: bytes) -> dict[str, bytes | None]:
    """A message as it is listed: with its type and status, a text as its one part."""
    said = decode_lenient(OBJECT, item)
    fields: dict[str, bytes | None] = {"type": b'"message"', "status": b'"completed"'}
    content = bytes(said.get("content", Raw(b"[]")))
    if content[:1] == b'"':
        part = b"output_text" if bytes(said.get("role", Raw())) == b'"assistant"' else b"input_text"
        notes = b',"annotations":[]' if part == b"output_text" else b""
        fields["content"] = b'[{"type":"%b","text":%b%b}]' % (part, content, notes)
    return fields


def needs_keeper(field: str, who: str) -> GatewayError:
    """The refusal of what only a provider that keeps answers itself can do."""
    return GatewayError(
        Kind.UNSUPPORTED,
        f"'{field}' needs a provider that keeps responses itself, which {who} does not; leave it out, or "
        "name a model of one that does.",
        status=400,
        code="unsupported_parameter",
        field=field,
        should_retry=False,
    )
