"""A turn on the chat surface: the workspace's dialect by family, or OpenAI's own."""

import json
from collections.abc import Iterator
from typing import Literal

from standin.answer import Answer, Said, SaidCall, SaidText, SaidThinking, pieces

CREATED = 1_753_288_340
FINISH = {
    "end_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "stop_sequence": "stop",
    "refusal": "content_filter",
}
DONE = b"data: [DONE]\n\n"


def _line(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _usage(answer: Answer, *, final: bool) -> dict[str, object]:
    """The workspace's counts: the cached part of Claude's is inside ``prompt_tokens``, or not."""
    cached = answer.cache_read + answer.cache_write if answer.cache_inside else 0
    prompt = answer.input + cached
    usage: dict[str, object] = {
        "prompt_tokens": prompt,
        "completion_tokens": answer.output if final else None,
        "total_tokens": prompt + answer.output if final else None,
    }
    if answer.model.family == "claude" and (answer.cache_read or answer.cache_write):
        usage["cache_read_input_tokens"] = answer.cache_read
        usage["cache_creation_input_tokens"] = answer.cache_write
        usage["cache_creation"] = {"ephemeral_5m_input_tokens": answer.cache_write}
    if answer.model.family in ("gpt", "gemini") and final:
        usage["prompt_tokens_details"] = {"cached_tokens": answer.cache_read}
    return usage


def _reasoning(text: str, signature: str | None) -> list[dict[str, object]]:
    item: dict[str, object] = {"type": "summary_text", "text": text}
    if signature is not None:
        item["signature"] = signature
    return [{"type": "reasoning", "summary": [item]}]


def stream_dialect(answer: Answer, *, bare: bool, done: bool) -> Iterator[bytes]:
    """The workspace's stream. ``bare``: chunks lack id, object, created and the choice's index."""
    claude = answer.model.family == "claude"
    calls = 0
    for position, part in enumerate(answer.parts):
        index = position if claude else calls
        calls += isinstance(part, SaidCall)
        for delta in _dialect_deltas(part, index, signed=claude):
            yield _chunk(answer, delta, None, bare)
    yield _chunk(answer, {"content": ""}, FINISH[answer.stop], bare)
    if done:
        yield DONE


def _dialect_deltas(part: Said, index: int, *, signed: bool) -> Iterator[dict[str, object]]:
    match part:
        case SaidText(text):
            for piece in pieces(text):
                yield {"content": piece}
        case SaidThinking(None, signature):
            item = {"type": "summary_encrypted_text", "data": signature}
            yield {"content": [{"type": "reasoning", "summary": [item]}]}
        case SaidThinking(text, signature):
            for piece in pieces(text or ""):
                yield {"content": _reasoning(piece, "" if signed else None)}
            if signed:
                yield {"content": _reasoning("", signature)}
        case SaidCall(call_id, name, arguments, thought):
            whole = thought is not None
            opening: dict[str, object] = {"index": index, "id": call_id, "type": "function"}
            opening["function"] = {"name": name, "arguments": arguments if whole else ""}
            if whole:
                opening["thoughtSignature"] = thought
            yield {"content": None, "tool_calls": [opening]}
            for piece in () if whole else ("", *pieces(arguments)):
                yield {"content": None, "tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _chunk(answer: Answer, delta: dict[str, object], finish: str | None, bare: bool) -> bytes:
    choice: dict[str, object] = {"delta": {"role": "assistant", **delta}, "finish_reason": finish}
    if not bare:
        choice = {"delta": choice["delta"], "index": 0, "finish_reason": finish}
    chunk: dict[str, object] = {"model": answer.model.provider_name, "choices": [choice]}
    chunk["usage"] = _usage(answer, final=finish is not None)
    if bare:
        del chunk["model"]
        return _line(chunk)
    chunk |= {"object": "chat.completion.chunk", "id": answer.id, "created": CREATED}
    if answer.model.family != "claude":
        chunk = {"id": chunk.pop("id"), **chunk}
    return _line(chunk)


def whole_dialect(answer: Answer) -> dict[str, object]:
    """The same turn, not streamed: content is a string, a list when there is thinking, or null."""
    claude = answer.model.family == "claude"
    thinking = [part for part in answer.parts if isinstance(part, SaidThinking)]
    text = "".join(part.text for part in answer.parts if isinstance(part, SaidText))
    content: object = text or None
    if thinking:
        listed = [item for part in thinking for item in _whole_reasoning(part, claude)]
        content = [*listed, {"type": "text", "text": text}] if text else listed
    message: dict[str, object] = {"role": "assistant", "content": content}
    calls = [_whole_call(part) for part in answer.parts if isinstance(part, SaidCall)]
    if calls:
        message["tool_calls"] = calls
    return {
        "model": answer.model.provider_name,
        "choices": [{"message": message, "index": 0, "finish_reason": FINISH[answer.stop]}],
        "usage": _usage(answer, final=True),
        "object": "chat.completion",
        "id": answer.id,
        "created": CREATED,
    }


def _whole_reasoning(part: SaidThinking, signed: bool) -> list[dict[str, object]]:
    if part.text is None:
        item = {"type": "summary_encrypted_text", "data": part.signature}
        return [{"type": "reasoning", "summary": [item]}]
    return _reasoning(part.text, part.signature if signed else None)


def _whole_call(part: SaidCall) -> dict[str, object]:
    call: dict[str, object] = {"id": part.id, "type": "function"}
    call["function"] = {"name": part.name, "arguments": part.arguments}
    if part.thought is not None:
        call["thoughtSignature"] = part.thought
    return call


Reasoning = Literal["none", "content", "details"]
"""How a plain server shows thinking: not at all, as ``reasoning_content``, or signed as ``reasoning_details``."""


def _shown(part: SaidThinking, reasoning: Reasoning, index: int) -> dict[str, object]:
    """The fields of a message or delta that hold one piece of thinking."""
    if reasoning == "none":
        return {}
    if reasoning == "content":
        return {"reasoning_content": part.text or ""}
    entry: dict[str, object] = {"index": index, "format": "anthropic-claude-v1"}
    if part.text is None:
        entry |= {"type": "reasoning.encrypted", "data": part.signature}
    else:
        entry |= {"type": "reasoning.text", "text": part.text}
        entry |= {"signature": part.signature} if part.signature else {}
    return {"reasoning": part.text, "reasoning_details": [entry]}


def stream_openai(answer: Answer, *, usage: bool, reasoning: Reasoning = "content") -> Iterator[bytes]:
    """A plain OpenAI-compatible stream: calls count from 0, usage on a last chunk when asked for."""
    head = {
        "id": answer.id,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": answer.asked_model,
    }

    def chunk(delta: dict[str, object], finish: str | None = None) -> bytes:
        return _line({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    yield chunk({"role": "assistant", "content": ""})
    calls = thoughts = 0
    for part in answer.parts:
        match part:
            case SaidText(text):
                yield from (chunk({"content": piece}) for piece in pieces(text))
            case SaidThinking(text, signature):
                shown = [SaidThinking(piece, "") for piece in pieces(text or "")]
                shown += [SaidThinking(text and "", signature)] if reasoning == "details" else []
                for piece_said in shown:
                    if fields := _shown(piece_said, reasoning, thoughts):
                        yield chunk(fields)
                thoughts += 1
            case SaidCall():
                opening = _whole_call(part) | {
                    "index": calls,
                    "function": {"name": part.name, "arguments": ""},
                }
                yield chunk({"tool_calls": [opening]})
                for piece in pieces(part.arguments):
                    yield chunk({"tool_calls": [{"index": calls, "function": {"arguments": piece}}]})
                calls += 1
    yield chunk({}, FINISH[answer.stop])
    if usage:
        yield _line({**head, "choices": [], "usage": _usage(answer, final=True)})
    yield DONE


def whole_openai(answer: Answer, reasoning: Reasoning = "content") -> dict[str, object]:
    """The same turn, not streamed."""
    text = "".join(part.text for part in answer.parts if isinstance(part, SaidText))
    message: dict[str, object] = {"role": "assistant", "content": text or None}
    thinking = [part for part in answer.parts if isinstance(part, SaidThinking)]
    if reasoning == "content" and thinking:
        message["reasoning_content"] = "".join(part.text or "" for part in thinking)
    elif reasoning == "details" and thinking:
        entries = [_shown(part, reasoning, index) for index, part in enumerate(thinking)]
        message["reasoning"] = "".join(part.text or "" for part in thinking)
        message["reasoning_details"] = [entry["reasoning_details"][0] for entry in entries]  # type: ignore[index]
    if calls := [_whole_call(part) for part in answer.parts if isinstance(part, SaidCall)]:
        message["tool_calls"] = calls
    return {
        "id": answer.id,
        "object": "chat.completion",
        "created": CREATED,
        "model": answer.asked_model,
        "choices": [{"index": 0, "message": message, "finish_reason": FINISH[answer.stop]}],
        "usage": _usage(answer, final=True),
    }
