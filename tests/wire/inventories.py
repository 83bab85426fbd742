"""What a request carries, counted from the JSON itself without any code of ours, for either protocol."""

import json
from dataclasses import dataclass, field

ATTRIBUTION = "x-anthropic-billing-header:"
"""Claude Code's note to Anthropic's billing; it varies by session and stays behind elsewhere (E58)."""


@dataclass
class Inventory:
    """Tools by name with their schemas, every text, every picture and file, calls and results in order."""

    tools: dict[str, object] = field(default_factory=dict)
    server_tools: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    media: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    results: int = 0

    def missing(self, carried: "Inventory", renamed: dict[str, str]) -> list[str]:
        """What of this is not in ``carried``; ``renamed`` maps names there to names here."""
        found = []
        there = {renamed.get(name, name): schema for name, schema in carried.tools.items()}
        if set(there) != set(self.tools):
            found.append(f"tools {sorted(self.tools)} / {sorted(there)}")
        found += [
            f"schema of {name}: {_brief(schema)} / {_brief(there[name])}"
            for name, schema in self.tools.items()
            if name in there and schema is not None and there[name] != schema
        ]
        everything = "\n".join(carried.texts)
        found += [
            f"text {_brief(text)}"
            for text in self.texts
            if text.strip() not in everything and not text.startswith(ATTRIBUTION)
        ]
        found += [f"media {_brief(one)}" for one in self.media if one not in carried.media]
        calls = [(renamed.get(name, name), arguments) for name, arguments in carried.calls]
        if calls != self.calls:
            found.append(f"calls {_brief(self.calls)} / {_brief(calls)}")
        if carried.results < self.results:
            found.append(f"{self.results} results / {carried.results}")
        return found


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:130]} … {text[-60:]}"


def _canonical(raw: object) -> str:
    if isinstance(raw, str):
        if raw.strip() in {"", "null"}:
            return "{}"
        try:
            raw = json.loads(raw)
        except ValueError:
            return json.dumps(raw)
    return json.dumps(raw, sort_keys=True)


def _schema(schema: object) -> object:
    """A schema with what translators must add: a type and properties (E38)."""
    schema = schema if isinstance(schema, dict) else {}
    return {"type": "object", "properties": {}, **schema}


def messages(body: dict) -> Inventory:
    """An Anthropic Messages request."""
    found = Inventory()
    for tool in body.get("tools") or []:
        kind = tool.get("type") or "custom"
        if kind == "custom":
            found.tools[tool["name"]] = _schema(tool.get("input_schema"))
        elif kind.startswith(("bash_", "text_editor_", "computer_", "memory_")):
            found.tools[tool["name"]] = None
        else:
            found.server_tools.append(kind)
    _messages_parts(body.get("system"), found)
    for message in body.get("messages") or []:
        _messages_parts(message.get("content"), found)
    return found


def _messages_parts(content: object, found: Inventory) -> None:
    if isinstance(content, str):
        found.texts.append(content)
    for part in content if isinstance(content, list) else []:
        match part.get("type"):
            case "text":
                found.texts.append(part["text"])
            case "image" | "document":
                _messages_source(part.get("source") or {}, found)
            case "tool_use":
                found.calls.append((part["name"], _canonical(part.get("input"))))
            case "tool_result":
                found.results += 1
                _messages_parts(part.get("content"), found)


def _messages_source(source: dict, found: Inventory) -> None:
    match source.get("type"):
        case "base64":
            found.media.append(source["data"])
        case "url":
            found.media.append(source["url"])
        case "text":
            found.texts.append(source["data"])
        case "content":
            _messages_parts(source.get("content"), found)


def chat(body: dict) -> Inventory:
    """A Chat Completions request."""
    found = Inventory()
    for tool in body.get("tools") or []:
        if tool.get("type", "function") == "function" and "function" in tool:
            found.tools[tool["function"]["name"]] = _schema(tool["function"].get("parameters"))
        elif tool.get("type") == "custom":
            found.tools[tool["custom"]["name"]] = None
        else:
            found.server_tools.append(tool.get("type"))
    for function in body.get("functions") or []:
        found.tools[function["name"]] = _schema(function.get("parameters"))
    for message in body.get("messages") or []:
        _chat_message(message, found)
    return found


def _chat_message(message: dict, found: Inventory) -> None:
    content = message.get("content")
    if isinstance(content, str):
        found.texts.append(content)
    for part in content if isinstance(content, list) else []:
        _chat_part(part, found)
    for call in message.get("tool_calls") or []:
        inner = call.get("function") or call.get("custom") or {}
        found.calls.append((inner.get("name"), _canonical(inner.get("arguments", inner.get("input", "")))))
    if message.get("function_call"):
        inner = message["function_call"]
        found.calls.append((inner["name"], _canonical(inner.get("arguments", ""))))
    if message.get("role") in {"tool", "function"}:
        found.results += 1


def _chat_part(part: object, found: Inventory) -> None:
    if isinstance(part, str):
        found.texts.append(part)
        return
    match part.get("type"):
        case "text":
            found.texts.append(part["text"])
        case "refusal":
            found.texts.append(part["refusal"])
        case "image_url":
            image = part["image_url"]
            url = image if isinstance(image, str) else image["url"]
            found.media.append(url.partition(",")[2] if url.startswith("data:") else url)
        case "file" if (part.get("file") or {}).get("file_data"):
            data = part["file"]["file_data"]
            found.media.append(data.partition(",")[2] if data.startswith("data:") else data)
        case "input_audio":
            found.media.append(part["input_audio"]["data"])


INVENTORY = {"anthropic_messages": messages, "openai_chat": chat}
