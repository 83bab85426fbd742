"""A client of OpenAI Chat: what stays of thinking depends on its kind."""

import json
from collections.abc import Iterator

from roundtrip.client import PNG, TOOLS, Called, Client, Result
from roundtrip.wire import Json, events, inside, objects, text_of


class ChatClient(Client):
    """``plain``: only what the protocol knows goes back (most clients). ``content``: ``reasoning_content`` too
    (DeepSeek's kind). ``details``: ``reasoning_details`` too (OpenRouter's kind)."""

    protocol = "openai_chat"

    def say(self, text: str, *, image: bool = False) -> None:
        content: list[Json] = [{"type": "text", "text": text}]
        if image:
            content.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}})
        self.history.append({"role": "user", "content": content if image else text})

    def instruct(self, text: str) -> None:
        self.history.append({"role": "system", "content": text})

    def results(self, calls: list[Called], results: list[Result]) -> None:
        pictures = 0
        for call, result in zip(calls, results, strict=True):
            self.history.append({"role": "tool", "tool_call_id": call.id, "content": result.text})
            pictures += result.image
        if pictures:  # as opencode and others do: tool messages hold no pictures
            self.say("The picture from the tool:", image=True)

    def body(self) -> Json:
        functions = [
            {"name": name, "description": said, "parameters": schema} for name, said, schema in TOOLS
        ]
        return {
            "model": self.model,
            "messages": [{"role": "system", "content": self.system}, *self.history],
            "tools": [{"type": "function", "function": function} for function in functions],
            "tool_choice": "auto",
            "reasoning_effort": "medium",
            **({"stream": True, "stream_options": {"include_usage": True}} if self.stream else {}),
        }

    def hear(self, body: bytes) -> list[Called]:
        message = (
            _streamed(body) if self.stream else inside(objects(json.loads(body)["choices"])[0]["message"])
        )
        self.texts.append(text_of(message, "content"))
        kept = {"plain": (), "content": ("reasoning_content",), "details": ("reasoning_details",)}[
            self.habit
        ]
        back: Json = {"role": "assistant", "content": message.get("content")}
        back |= {name: message[name] for name in ("tool_calls", *kept) if message.get(name)}
        self.history.append(back)
        return [_called(call) for call in objects(message.get("tool_calls"))]


def _called(call: Json) -> Called:
    function = inside(call["function"])
    arguments = json.loads(text_of(function, "arguments"))
    assert isinstance(arguments, dict)
    return Called(str(call["id"]), str(function["name"]), arguments)


def _streamed(body: bytes) -> Json:
    """The message as SDKs accumulate it."""
    message: Json = {"content": None}
    calls: dict[int, Json] = {}
    details: dict[object, Json] = {}
    finish: object = None
    for delta, reason in _deltas(body):
        finish = reason or finish
        for name in ("content", "reasoning_content"):
            if isinstance(delta.get(name), str):
                message[name] = text_of(message, name) + text_of(delta, name)
        for entry in objects(delta.get("reasoning_details")):
            kept = details.setdefault(entry.get("index", len(details)), {})
            for name, value in entry.items():
                grows = name == "text" and isinstance(value, str)
                kept[name] = (
                    text_of(kept, name) + str(value)
                    if grows
                    else value
                    if value is not None
                    else kept.get(name)
                )
        for piece in objects(delta.get("tool_calls")):
            _take(calls.setdefault(int(str(piece["index"])), {}), piece)
    assert finish in ("stop", "tool_calls"), body[-300:]
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    if details:
        message["reasoning_details"] = list(details.values())
    return message


def _deltas(body: bytes) -> Iterator[tuple[Json, object]]:
    for chunk in events(body):
        assert "error" not in chunk, chunk
        for choice in objects(chunk["choices"]):
            yield inside(choice["delta"]), choice.get("finish_reason")


def _take(call: Json, piece: Json) -> None:
    for name in ("id", "type"):
        if piece.get(name):
            call[name] = piece[name]
    function, more = inside(call.setdefault("function", {})), inside(piece.get("function"))
    for name in ("name", "arguments"):
        function[name] = text_of(function, name) + text_of(more, name)
