"""Responses and Gemini conversations in the shape of the other two protocols, for scripts to look at.

Nothing is checked here: what is not understood is left out.
"""

import json
from collections.abc import Iterator, Mapping

Json = Mapping[str, object]


def as_dict(value: object) -> Json | None:
    """The value if it is an object."""
    return value if isinstance(value, dict) else None


def dicts(value: object) -> Iterator[Json]:
    """The objects in a list; nothing of anything else."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def _grouped(blocks: Iterator[tuple[str, dict[str, object]]]) -> list[Json]:
    messages: list[tuple[str, list[object]]] = []
    for role, block in blocks:
        if not messages or messages[-1][0] != role:
            messages.append((role, []))
        messages[-1][1].append(block)
    return [{"role": role, "content": content} for role, content in messages]


def responses_messages(body: Json) -> list[Json]:
    """``input`` as messages: neighbours of one role are one."""
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else dicts(given)
    return _grouped(block for item in items for block in _item(item))


def _item(item: Json) -> Iterator[tuple[str, dict[str, object]]]:
    kind = str(item.get("type", "message"))
    if kind == "message":
        role = str(item.get("role"))
        for block in _content(item.get("content")):
            yield role, block
    elif kind.endswith("_output"):
        call_id = item.get("call_id", item.get("id"))
        output = item.get("output")
        found = [*_content(output)] if isinstance(output, str | list) else [_text(json.dumps(output))]
        yield "user", {"type": "tool_result", "tool_use_id": call_id, "content": found}
    elif kind.endswith("_call"):
        yield "assistant", {"type": "tool_use", "id": item.get("call_id"), "name": item.get("name", kind)}
    elif kind == "reasoning":
        yield "assistant", {"type": "thinking", "signature": item.get("encrypted_content")}


def _content(content: object) -> Iterator[dict[str, object]]:
    if isinstance(content, str):
        yield _text(content)
    for part in dicts(content):
        kind = str(part.get("type"))
        yield {"type": "image"} if kind == "input_image" else _text(str(part.get("text", "")))


def _text(text: str) -> dict[str, object]:
    return {"type": "text", "text": text}


def gemini_messages(body: Json) -> list[Json]:
    """``contents`` as messages: neighbours of one role are one."""
    return _grouped(_parts(body))


def _parts(body: Json) -> Iterator[tuple[str, dict[str, object]]]:
    for content in dicts(body.get("contents")):
        role = "assistant" if content.get("role") == "model" else "user"
        for part in dicts(content.get("parts")):
            if (call := as_dict(part.get("functionCall"))) is not None:
                yield role, {"type": "tool_use", "id": call.get("id"), "name": call.get("name")}
            elif (result := as_dict(part.get("functionResponse"))) is not None:
                yield role, _result(result)
            elif "inlineData" in part or "fileData" in part:
                yield role, {"type": "image"}
            elif part.get("thought") is True:
                yield role, {"type": "thinking"}
            elif isinstance(part.get("text"), str):
                yield role, _text(str(part["text"]))


def _result(result: Json) -> dict[str, object]:
    response = as_dict(result.get("response")) or {}
    values = [value if isinstance(value, str) else json.dumps(value) for value in response.values()]
    found: list[dict[str, object]] = [_text("\n".join(values))]
    found += [{"type": "image"} for _ in dicts(result.get("parts"))]
    return {"type": "tool_result", "tool_use_id": result.get("id", result.get("name")), "content": found}
