"""A client of OpenAI Responses: Codex, opencode, and programs on OpenAI's SDK."""

import json

from roundtrip.client import PNG, TOOLS, Called, Client, Result
from roundtrip.wire import Json, events, inside, objects, text_of


class ResponsesClient(Client):
    """``codex``: items go back as ``output_item.done`` said them, ids and all. ``no_ids``: without ids and
    statuses (opencode). ``bare``: no encrypted reasoning is asked for, none goes back. ``stored``: only what is
    new, with the last answer's id."""

    protocol = "openai_responses"
    last_id: str | None = None
    sent = 0

    def say(self, text: str, *, image: bool = False) -> None:
        content: list[Json] = [{"type": "input_text", "text": text}]
        if image:
            content.append({"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"})
        self.history.append({"type": "message", "role": "user", "content": content})

    def instruct(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        self.history.append({"type": "message", "role": "developer", "content": content})

    def results(self, calls: list[Called], results: list[Result]) -> None:
        for call, result in zip(calls, results, strict=True):
            output: object = result.text
            if result.image:
                picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}
                output = [{"type": "input_text", "text": result.text}, picture]
            self.history.append({"type": "function_call_output", "call_id": call.id, "output": output})

    def body(self) -> Json:
        tools = [
            {"type": "function", "name": name, "description": said, "strict": False, "parameters": schema}
            for name, said, schema in TOOLS
        ]
        stored = self.habit == "stored"
        body: Json = {
            "model": self.model,
            "instructions": self.system,
            "input": self.history[self.sent :] if stored else self.history,
            "tools": tools,
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "reasoning": {"effort": "medium", "summary": "auto"},
            "store": stored,
            "prompt_cache_key": "thread-1",
        }
        if stored and self.last_id is not None:
            body["previous_response_id"] = self.last_id
        if self.habit in ("codex", "no_ids"):
            body["include"] = ["reasoning.encrypted_content"]
        return body | ({"stream": True} if self.stream else {})

    def hear(self, body: bytes) -> list[Called]:
        response = _streamed(body) if self.stream else inside(json.loads(body))
        assert response["status"] == "completed", response
        self.last_id = str(response["id"])
        items = objects(response["output"])
        said = [part for item in items if item["type"] == "message" for part in objects(item["content"])]
        self.texts.append("".join(text_of(part, "text") for part in said))
        self.history += [kept for item in items if (kept := self._kept(item)) is not None]
        self.sent = len(self.history)
        return [
            Called(str(item["call_id"]), str(item["name"]), json.loads(str(item["arguments"])))
            for item in items
            if item["type"] == "function_call"
        ]

    def _kept(self, item: Json) -> Json | None:
        if self.habit == "codex":
            return item
        if item["type"] == "reasoning" and self.habit == "bare":
            return None
        return {name: value for name, value in item.items() if name not in ("id", "status")}


def _streamed(body: bytes) -> Json:
    """The last event's response, its items as ``output_item.done`` gave them: what Codex goes by."""
    items: list[Json] = []
    last: Json = {}
    for event in events(body):
        last = event
        if event["type"] == "response.output_item.done":
            items.append(inside(event["item"]))
    assert last.get("type") == "response.completed", last
    response = inside(last["response"])
    assert [item["id"] for item in objects(response["output"])] == [item["id"] for item in items]
    return {**response, "output": items}
