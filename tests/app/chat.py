"""What a chat provider says, whole or in pieces."""

import msgspec

from app.whole import Reply


def text(words: str) -> dict[str, object]:
    return {"role": "assistant", "content": words}


def call(*queries: str, name: str = "web_search", field: str = "query") -> dict[str, object]:
    calls = [
        {"id": f"call_{place}", "type": "function",
         "function": {"name": name, "arguments": msgspec.json.encode({field: query}).decode()}}
        for place, query in enumerate(queries)
    ]  # fmt: skip
    return {"role": "assistant", "content": None, "tool_calls": calls}


def says(message: dict[str, object], *, stream: bool) -> Reply:
    """A chat answer; streamed with the text in two pieces."""
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    finish = "tool_calls" if "tool_calls" in message else "stop"
    head = {
        "id": "c1",
        "object": "chat.completion.chunk" if stream else "chat.completion",
        "created": 1,
        "model": "m",
    }
    if not stream:
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return msgspec.json.encode({**head, "choices": [choice], "usage": usage})
    deltas: list[dict[str, object]] = []
    content = message.get("content")
    if isinstance(content, str):
        deltas += [{"content": content[:7]}, {"content": content[7:]}]
    for place, one in enumerate(message.get("tool_calls", [])):  # type: ignore[arg-type, var-annotated]
        deltas.append({"tool_calls": [{"index": place, **one}]})
    chunks: list[dict[str, object]] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": usage})
    return [b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks] + [b"data: [DONE]\n\n"]
