"""A long conversation made short by the model itself, for providers that have no such operation.

A client asks with a ``compaction_trigger`` item (Codex) or with ``/responses/compact``. The model is asked for
a summary, and the answer is one ``compaction`` item: opaque for its client, a text for us. What comes back with
a later request is that text again, whoever serves it.
"""

import base64
import binascii
from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import (
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
    StreamEvent,
)
from trunkline.core.proofs import origin_tag, seal, unseal
from trunkline.core.splice import splice
from trunkline.core.types import Message, Opaque, Request, Response, Text, ToolChoice
from trunkline.protocols.openai_responses.state import input_items, joined, spelled_out
from trunkline.protocols.openai_responses.wire import ITEM, NAME, encode

TRIGGER: Final = "compaction_trigger"
COMPACTION: Final = "compaction"
MARK: Final = b'"compaction_trigger"'
ORIGIN: Final = origin_tag("trunkline", "summary")
"""Who made a compaction item that we can read: us, for whatever model."""

PROMPT: Final = (
    "The conversation so far is about to be replaced by a summary that you write now. Whoever continues the work "
    "will have this summary and the user's messages, and nothing else. State: what the user wants, with every "
    "constraint; what has been decided and why; what has been done, with the exact names of files, commands, "
    "identifiers and values that are still needed; what was tried and did not work; the present state; and the "
    "next steps in order. Do not call a tool and do not address the user. Answer with the summary alone."
)
_QUESTION: Final = (Text(PROMPT),)
OPENING: Final = "Summary of the conversation before this point, written when it was shortened:\n\n"


class _Item(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    encrypted_content: str | None = None


_ITEM: Final = msgspec.json.Decoder(_Item)


def asks(request: Request | None) -> bool:
    """Whether the request ends with our question for a summary."""
    if request is None or not request.messages:
        return False
    return request.messages[-1].content == _QUESTION


def question() -> Message:
    """What stands for a trigger in the neutral form."""
    return Message("user", _QUESTION)


def without_calls(request: Request) -> ToolChoice | None:
    """Tools stay declared, for the prompt cache's sake, but none may be called."""
    return ToolChoice("none") if request.tools else None


def recalled(encrypted: str | None) -> str | None:
    """The summary in a compaction item of ours, ready to be read by a model; None for another maker's."""
    proof = unseal(encrypted or "")
    if proof.origin != ORIGIN:
        return None
    try:
        return OPENING + base64.b64decode(proof.signature or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def recalled_item(item: bytes) -> bytes | None:
    """A compaction item of ours as a message, for a provider that cannot read it; None for any other item."""
    read = _ITEM.decode(item)
    text = recalled(read.encrypted_content) if read.type == COMPACTION else None
    if text is None:
        return None
    part = {"type": "input_text", "text": text}
    return encode({"type": "message", "role": "user", "content": [part]})


def _compaction(text: str, reply_id: str) -> Opaque:
    sealed = seal(base64.b64encode(text.encode()).decode(), ORIGIN)
    item = {"id": f"cmp_{reply_id[:40]}", "type": COMPACTION, "encrypted_content": sealed}
    return Opaque(NAME, ITEM + COMPACTION, Raw(encode(item)))


def no_summary() -> GatewayError:
    """The model was asked for a summary and gave none."""
    return GatewayError(
        Kind.UPSTREAM_FAILED,
        "The model was asked for a summary of the conversation and wrote none.",
        local=False,
    )


def compacted(response: Response, reply_id: str) -> Response:
    """The model's answer with its text as one compaction item. Raises GatewayError when there is none."""
    text = "".join(part.text for part in response.content if isinstance(part, Text)).strip()
    if not text:
        raise no_summary()
    return msgspec.structs.replace(response, content=(_compaction(text, reply_id),))


class CompactingStream:
    """Neutral events of a summary to those of an answer that is one compaction item."""

    def __init__(self, reply_id: str) -> None:
        self._id = reply_id
        self._texts: list[str] = []
        self._is_text = False

    def feed(self, event: StreamEvent) -> list[StreamEvent]:
        """What the client is told; thinking and the words themselves are not."""
        match event:
            case PartStarted(part=part):
                self._is_text = isinstance(part, Text)
                if isinstance(part, Text):
                    self._texts.append(part.text)
                return []
            case PartDelta(text=text):
                if self._is_text:
                    self._texts.append(text)
                return []
            case Finished():
                text = "".join(self._texts).strip()
                if not text:
                    return [Failed(no_summary())]
                return [PartStarted(0, _compaction(text, self._id)), PartEnded(0), event]
            case Started() | Failed():
                return [event]
            case _:
                return []


def triggered(body: bytes) -> bytes:
    """A request of ``/responses/compact`` as one that generates: the same conversation, then the trigger."""
    items = (*input_items(body), encode({"type": TRIGGER}))
    return splice(body, {"input": joined(items), "stream": b"false", "store": b"false"})


def encode_compacted(asked: bytes, answer: bytes) -> bytes:
    """The answer of ``/responses/compact``: the user's own messages, then the compaction item.

    ``answer`` is the response object that holds it. Raises GatewayError when it does not.
    """
    found = msgspec.json.decode(answer, type=_Answered)
    made = [raw for raw in found.output if _ITEM.decode(raw).type == COMPACTION]
    if not made:
        raise no_summary()
    kept = [Raw(spelled_out(item)) for item in input_items(asked) if _is_users(item)]
    return encode(
        {
            "id": found.id,
            "object": "response.compaction",
            "created_at": found.created_at,
            "output": [*kept, *made],
            "usage": found.usage,
        }
    )


class _Answered(msgspec.Struct):
    id: str
    created_at: int = 0
    output: list[Raw] = []
    usage: Raw = Raw(b"null")


def _is_users(item: bytes) -> bool:
    read = _ITEM.decode(item)
    return read.role == "user" and read.type in (None, "message")
