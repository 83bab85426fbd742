"""A client of Anthropic Messages: Claude Code, and everything on Anthropic's SDK."""

import json

from roundtrip.client import PNG, TOOLS, Called, Client, Result
from roundtrip.wire import Json, events, inside, objects, text_of

MARK = {"cache_control": {"type": "ephemeral"}}


class MessagesClient(Client):
    """``verbatim``: content goes back as it came. ``plain``: thinking is left out of the history."""

    protocol = "anthropic_messages"

    def say(self, text: str, *, image: bool = False) -> None:
        content: list[Json] = [{"type": "text", "text": text}]
        if image:
            content.append({"type": "image", "source": _png()})
        self._user(content)

    def instruct(self, text: str) -> None:
        self._user([{"type": "text", "text": f"<system-reminder>{text}</system-reminder>"}])

    def _user(self, content: list[Json]) -> None:
        last = self.history[-1] if self.history else {}
        if last.get("role") == "user":
            objects(last["content"])
            last["content"] = [*objects(last["content"]), *content]
        else:
            self.history.append({"role": "user", "content": content})

    def results(self, calls: list[Called], results: list[Result]) -> None:
        content: list[Json] = []
        for call, result in zip(calls, results, strict=True):
            said: list[Json] = [{"type": "text", "text": result.text}]
            if result.image:
                said.append({"type": "image", "source": _png()})
            block: Json = {"type": "tool_result", "tool_use_id": call.id, "content": said}
            content.append(block | ({"is_error": True} if result.failed else {}))
        self._user(content)

    def body(self) -> Json:
        *before, last = self.history
        content = objects(last["content"])
        marked = {**last, "content": [*content[:-1], {**content[-1], **MARK}]}
        tools = [
            {"name": name, "description": said, "input_schema": schema} for name, said, schema in TOOLS
        ]
        return {
            "model": self.model,
            "max_tokens": 32000,
            "system": [{"type": "text", "text": self.system, **MARK}],
            "messages": [*before, marked],
            "tools": tools,
            "thinking": {"type": "enabled", "budget_tokens": 10000},
            "metadata": {"user_id": "user_1_session_2"},
            **({"stream": True} if self.stream else {}),
        }

    def hear(self, body: bytes) -> list[Called]:
        content = _streamed(body) if self.stream else objects(json.loads(body)["content"])
        self.texts.append("".join(text_of(block, "text") for block in content))
        if self.habit == "plain":
            content = [block for block in content if "thinking" not in str(block["type"])]
        self.history.append({"role": "assistant", "content": content})
        return [
            Called(str(block["id"]), str(block["name"]), inside(block["input"]))
            for block in content
            if block["type"] == "tool_use"
        ]


def _png() -> Json:
    return {"type": "base64", "media_type": "image/png", "data": PNG}


def _streamed(body: bytes) -> list[Json]:
    """The content as the SDK accumulates it."""
    content: list[Json] = []
    pieces: list[str] = []
    seen: list[str] = []
    for event in events(body):
        seen.append(str(event["type"]))
        match event["type"]:
            case "content_block_start":
                content.append(dict(inside(event["content_block"])))
                pieces = []
            case "content_block_delta":
                delta, block = inside(event["delta"]), content[-1]
                for name in ("text", "thinking", "signature"):
                    if delta["type"] == f"{name}_delta":
                        block[name] = text_of(block, name) + text_of(delta, name)
                if delta["type"] == "input_json_delta":
                    pieces.append(text_of(delta, "partial_json"))
            case "content_block_stop":
                if content[-1]["type"] == "tool_use":
                    content[-1]["input"] = json.loads("".join(pieces) or "{}")
            case "error":
                raise AssertionError(event)
            case _:
                pass
    assert seen[-1] == "message_stop", seen
    return content
