"""A turn as Gemini says it: one object, or chunks as events or as one array in pieces."""

import json
from collections.abc import Iterator
from typing import Literal

from standin.answer import Answer, SaidCall, SaidText, SaidThinking, pieces
from standin.ledger import Ledger
from standin.rules_gemini import key_of

Part = dict[str, object]
OPENING = "EpEgCo4g"
_FINISH = {"max_tokens": "MAX_TOKENS", "refusal": "SAFETY"}
EVENTS = (("content-type", "text/event-stream"),)
ARRAY = (("content-type", "application/json; charset=UTF-8"),)


def parts_of(answer: Answer, ledger: Ledger, *, signed: bool, ids: bool) -> list[Part]:
    """The parts of an answer, signed as this model signs: the first call, or the end of a text.

    ``signed``: calls are signed without thinking too (Gemini 3). ``ids``: calls have ids.
    """
    parts: list[Part] = []
    thought = False
    for said in answer.parts:
        match said:
            case SaidText(text):
                parts.append({"text": text})
            case SaidThinking(text):
                thought = True
                if text:
                    parts.append({"text": text, "thought": True})
            case SaidCall(call_id, name, arguments):
                call: dict[str, object] = {"name": name, "args": json.loads(arguments)}
                parts.append({"functionCall": call | ({"id": call_id} if ids else {})})
    calls = [part for part in parts if "functionCall" in part]
    if calls and (signed or thought):
        calls[0]["thoughtSignature"] = ledger.sign(answer.model.name, key_of(calls[0]), OPENING)
    elif thought and not calls:
        parts.append({"text": "", "thoughtSignature": ledger.sign(answer.model.name, "text", OPENING)})
    return parts


def _usage(answer: Answer, *, final: bool) -> dict[str, object]:
    given = answer.input + answer.cache_read + answer.cache_write
    thoughts = sum(
        len(part.text or "x") // 4 + 1 for part in answer.parts if isinstance(part, SaidThinking)
    )
    thoughts = min(thoughts, answer.output)
    usage: dict[str, object] = {"promptTokenCount": given, "totalTokenCount": given}
    if answer.cache_read:
        usage["cachedContentTokenCount"] = answer.cache_read
    if final:
        usage["candidatesTokenCount"] = answer.output - thoughts
        usage["totalTokenCount"] = given + answer.output
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
    return usage


def _chunk(answer: Answer, parts: list[Part] | None, finish: str | None) -> dict[str, object]:
    candidate: dict[str, object] = {}
    if parts is not None:
        candidate["content"] = {"parts": parts, "role": "model"}
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate | {"index": 0}],
        "usageMetadata": _usage(answer, final=finish is not None),
        "modelVersion": answer.model.provider_name,
        "responseId": answer.id,
    }


def whole_gemini(answer: Answer, parts: list[Part]) -> dict[str, object]:
    """The answer as one object."""
    return _chunk(answer, parts, _FINISH.get(answer.stop, "STOP"))


def _chunks(answer: Answer, parts: list[Part]) -> Iterator[dict[str, object]]:
    for part in parts:
        text = part.get("text")
        if isinstance(text, str) and text:
            yield from (_chunk(answer, [{**part, "text": piece}], None) for piece in pieces(text))
        else:
            yield _chunk(answer, [part], None)
    yield _chunk(answer, [{"text": ""}], _FINISH.get(answer.stop, "STOP"))


def stream_gemini(answer: Answer, parts: list[Part], form: Literal["events", "array"]) -> Iterator[bytes]:
    """The chunks with CRLF, as Google sends them."""
    chunks = [json.dumps(chunk, ensure_ascii=False).encode() for chunk in _chunks(answer, parts)]
    if form == "events":
        yield from (b"data: " + chunk + b"\r\n\r\n" for chunk in chunks)
        return
    for index, chunk in enumerate(chunks):
        yield (b"," if index else b"[") + chunk + b"\r\n"
    yield b"]"
