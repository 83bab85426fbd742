"""Whole answers, both directions."""

from operator import attrgetter
from typing import Final

import msgspec

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import fold
from trunkline.core.proofs import seal
from trunkline.core.surrogates import decode_lenient
from trunkline.core.types import Image, Refusal, Response, Text, Thinking, ToolCall
from trunkline.core.usage import Usage
from trunkline.protocols.codec import ReplyContext
from trunkline.protocols.openai_chat.citations import annotations as annotations_of
from trunkline.protocols.openai_chat.errors import error_of, readable
from trunkline.protocols.openai_chat.reasoning import DetailOut
from trunkline.protocols.openai_chat.stream_decode import FAILURES, ChatStreamDecoder
from trunkline.protocols.openai_chat.usage import (
    decode_stop,
    encode_stop,
    encode_usage,
    finish_word,
    reported_usage,
)
from trunkline.protocols.openai_chat.wire import ANSWER, ENCODER, WireAnswer, present


def decode_response(body: bytes, origin: str) -> Response:
    """See :meth:`Codec.decode_response`: an answer is a stream of one chunk, unless it is just a text."""
    try:
        answer = decode_lenient(ANSWER, body)
        if not answer.choices and answer.delta is None:
            raise error_of(msgspec.json.decode(body), 200, raw=body)
        return _just_text(answer) or fold(ChatStreamDecoder(origin).whole(answer, body))
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        text = f"the upstream's answer cannot be read ({cause}): {readable(body)[:200]}"
        raise GatewayError(Kind.UPSTREAM_FAILED, text, local=False) from cause


_beside_text: Final = attrgetter(
    "annotations", "refusal", "reasoning_content", "reasoning", "reasoning_details", "tool_calls", "function_call",
    "images",
)  # fmt: skip


def _just_text(answer: WireAnswer) -> Response | None:
    """The answer if one text is all it holds, as most do: what its stream would have come to, at a fifth of the cost."""
    choices = answer.choices
    if choices is None or len(choices) != 1 or answer.error_code is not None:
        return None
    choice = choices[0]
    message, finish = choice.message, choice.finish_reason or None
    if message is None or choice.index or finish in FAILURES:
        return None
    text = message.content
    if not (text and isinstance(text, str)) or any(_beside_text(message)):
        return None
    if (answer.error and present(answer.error)) or (choice.error and present(choice.error)):
        return None
    matched = None if finish is None else choice.stop_reason
    return Response(
        id=answer.id or "",
        model=answer.model or "",
        content=(Text(text),),
        stop=decode_stop(
            None if finish is None else finish_word(choice), calls=False, refused=False, matched=matched
        ),
        usage=reported_usage(answer) or Usage(),
        created=None if answer.created is None else int(answer.created),
    )


def usage_of(body: bytes) -> Usage | None:
    """See :meth:`Codec.usage_of`."""
    try:
        answer = decode_lenient(ANSWER, body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return reported_usage(answer)


def completion_id(context: ReplyContext) -> str:
    """The answer's id, equal over a stream."""
    return f"chatcmpl-{context.id}"


def encode_response(response: Response, context: ReplyContext) -> bytes:
    """See :meth:`Codec.encode_response`."""
    refused = any(isinstance(part, Refusal) for part in response.content)
    answer: dict[str, object] = {
        "id": completion_id(context),
        "object": "chat.completion",
        "created": context.created,
        "model": context.model,
        "choices": [
            {
                "index": 0,
                "message": _message(response),
                "logprobs": None,
                "finish_reason": encode_stop(response.stop, refused=refused),
            }
        ],
        "usage": encode_usage(response.usage),
    }
    return ENCODER.encode(answer)


def _message(response: Response) -> dict[str, object]:
    texts: list[str] = []
    refusals: list[str] = []
    thoughts: list[Thinking] = []
    calls: list[dict[str, object]] = []
    images: list[object] = []
    annotations: list[object] = []
    length = 0
    for part in response.content:
        match part:
            case Text(text, citations):
                for cited in citations:
                    annotations += annotations_of(cited, length, length + len(text))
                texts.append(text)
                length += len(text)
            case Refusal(text):
                refusals.append(text)
            case Thinking():
                thoughts.append(part)
            case ToolCall():
                calls.append(encode_call(part))
            case Image():
                images.append(encode_image(part))
            case _:  # what a vendor's server did is invisible here (protocols.md 5, Anthropic -> Chat)
                continue
    content = "".join(texts) if texts or not (calls or refusals) else None
    message: dict[str, object] = {"role": "assistant", "content": content}
    message["refusal"] = "".join(refusals) if refusals else None
    _think(message, thoughts)
    extras = {"tool_calls": calls, "annotations": annotations, "images": images}
    message.update((name, value) for name, value in extras.items() if value)
    return message


def _think(message: dict[str, object], thoughts: list[Thinking]) -> None:
    text = "".join(thought.text for thought in thoughts)
    if text:
        message["reasoning_content"] = text
    if thoughts:
        message["reasoning_details"] = [
            sealed_detail(thought, index) for index, thought in enumerate(thoughts)
        ]


def sealed_detail(thought: Thinking, index: int) -> DetailOut:
    """An entry of ``reasoning_details`` for a client to keep; its proof names its maker (E5, E7)."""
    origin = thought.origin or ""
    if thought.redacted is not None:
        return DetailOut("reasoning.encrypted", None, None, seal(thought.redacted, origin), index)
    signature = None if thought.signature is None else seal(thought.signature, origin)
    return DetailOut("reasoning.text", thought.text, signature, None, index)


def encode_call(part: ToolCall) -> dict[str, object]:
    """An element of ``tool_calls``."""
    if part.kind == "custom":
        return {"id": part.id, "type": "custom", "custom": {"name": part.name, "input": part.arguments}}
    call: dict[str, object] = {
        "id": part.id,
        "type": "function",
        "function": {"name": part.name, "arguments": part.arguments},
    }
    if part.proof is not None:
        call["thoughtSignature"] = (
            part.proof if part.proof_origin is None else seal(part.proof, part.proof_origin)
        )
    return call


def encode_image(part: Image) -> dict[str, object]:
    """A generated image, as OpenRouter puts it."""
    url = part.url or f"data:{part.media_type or 'image/png'};base64,{part.data or ''}"
    return {"type": "image_url", "image_url": {"url": url}}
