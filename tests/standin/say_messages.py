"""A turn in Anthropic's protocol: as Databricks sends it for Claude, or as a plain Anthropic server does."""

import json
from collections.abc import Iterator

from standin.answer import Answer, Said, SaidCall, SaidText, SaidThinking, pieces

STREAM_HEADERS = (("content-type", "text/event-stream; charset=utf-8"),)


def _event(name: str, **fields: object) -> bytes:
    data = json.dumps({"type": name, **fields}, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\ndata: {data}\n\n".encode()


def _usage(answer: Answer, output: int) -> dict[str, object]:
    return {
        "input_tokens": answer.input,
        "cache_creation_input_tokens": answer.cache_write,
        "cache_read_input_tokens": answer.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": answer.cache_write,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": output,
    }


def _message(answer: Answer, bedrock: bool) -> dict[str, object]:
    return {
        "model": answer.model.provider_name if bedrock else answer.asked_model,
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(answer, 1),
    }


def stream_messages(answer: Answer, *, bedrock: bool) -> Iterator[bytes]:
    """The events of a turn. ``bedrock``: invocation metrics at the end, and never a ping."""
    yield _event("message_start", message=_message(answer, bedrock))
    if not bedrock:
        yield _event("ping")
    for index, part in enumerate(answer.parts):
        yield from _block(index, part)
    yield _event(
        "message_delta",
        delta={"stop_reason": answer.stop, "stop_sequence": None},
        usage={"output_tokens": answer.output},
    )
    metrics = {
        "inputTokenCount": answer.input,
        "outputTokenCount": answer.output,
        "invocationLatency": 1200,
        "firstByteLatency": 600,
        "cacheReadInputTokenCount": answer.cache_read,
        "cacheWriteInputTokenCount": answer.cache_write,
    }
    yield _event("message_stop", **({"amazon-bedrock-invocationMetrics": metrics} if bedrock else {}))


def _block(index: int, part: Said) -> Iterator[bytes]:
    start: dict[str, object]
    deltas: list[dict[str, object]]
    match part:
        case SaidText(text):
            start = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": p} for p in pieces(text)]
        case SaidThinking(None, signature):
            start, deltas = {"type": "redacted_thinking", "data": signature}, []
        case SaidThinking(text, signature):
            start = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(text or "")]
            deltas.append({"type": "signature_delta", "signature": signature})
        case SaidCall(call_id, name, arguments):
            start = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
            deltas = [
                {"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces(arguments))
            ]
    yield _event("content_block_start", index=index, content_block=start)
    for delta in deltas:
        yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def whole_message(answer: Answer, *, bedrock: bool) -> dict[str, object]:
    """The same turn, not streamed."""
    message = _message(answer, bedrock)
    message["content"] = [_whole(part) for part in answer.parts]
    message["stop_reason"] = answer.stop
    message["usage"] = _usage(answer, answer.output)
    return message


def _whole(part: Said) -> dict[str, object]:
    match part:
        case SaidText(text):
            return {"type": "text", "text": text}
        case SaidThinking(None, signature):
            return {"type": "redacted_thinking", "data": signature}
        case SaidThinking(text, signature):
            return {"type": "thinking", "thinking": text, "signature": signature}
        case SaidCall(call_id, name, arguments):
            return {"type": "tool_use", "id": call_id, "name": name, "input": json.loads(arguments)}
