"""What a request or an answer says, whichever way it is written: flat, so that two of them can be held together."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from beside.provider import surface_of
from beside.seen import Given, Sent
from roundtrip.wire import Json, events, inside, objects

Flat = dict[str, object]
SCHEMAS = ("parameters", "parametersJsonSchema", "input_schema")
STARTS = {
    "text": {"text_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "tool_use": {"input_json_delta"},
}
"""Kinds of blocks, with the deltas that belong into each."""


@dataclass(frozen=True)
class Whole:
    """A value whose inside is not looked at."""

    value: object

    def __str__(self) -> str:
        return json.dumps(self.value, ensure_ascii=False, sort_keys=True)


def said_to_provider(sent: Sent) -> Flat:
    """A request, by its fields. Turns are told apart by their roles, ``order`` says how they follow one another."""
    body = dict(cast(Json, sent.body))
    match surface_of(sent.url):
        case "chat":
            turns = [_chat_turn(turn) for turn in objects(body.pop("messages"))]
        case "responses":
            turns = [_item(item) for item in objects(body.pop("input"))]
        case "gemini":
            instruction = inside(body.pop("systemInstruction", {}))
            turns = [_content(turn) for turn in objects(body.pop("contents"))]
            if instruction:
                body["system is"] = "systemInstruction"
                turns = [_content({"role": "user", **instruction}), *turns]
        case "messages":
            turns = [_message(turn) for turn in objects(body.pop("messages"))]
    turns = _joined(turns)
    tools = [tool for listed in objects(body.pop("tools", [])) for tool in _tools(listed)]
    names = [str(tool.get("name", tool.get("type"))) for tool in tools]
    if tools:
        body["tools"] = " ".join(names)
    return {
        "url": sent.url,
        **_flat("header", sent.headers),
        "order": " ".join(str(turn["role"]) for turn in turns),
        **_flat("turn", _grouped(turns, "role")),
        **{
            f"tool {name} {path}": leaf
            for name, tool in zip(names, tools, strict=True)
            for path, leaf in _flat("", tool).items()
        },
        **_flat("", body),
    }


def _chat_turn(message: Json) -> Json:
    calls = [_called(inside(call["function"]), call["id"]) for call in objects(message.get("tool_calls"))]
    rest = {name: part for name, part in message.items() if name not in ("content", "tool_calls")}
    return {**rest, "parts": [*_parts(message.get("content")), *calls]}


def _item(item: Json) -> Json:
    kind = item.get("type", "message")
    if kind == "message":
        parts = [
            {**part, "type": str(part["type"]).replace("input_", "")} for part in _parts(item["content"])
        ]
        return {"role": item["role"], "parts": parts}
    if kind == "function_call":
        return {"role": "assistant", "parts": [_called(item, item["call_id"])]}
    return {"role": kind, **item}


def _content(turn: Json) -> Json:
    parts: list[Json] = []
    for part in objects(turn["parts"]):
        call, result = inside(part.get("functionCall")), inside(part.get("functionResponse"))
        proof = {"proof": part["thoughtSignature"]} if "thoughtSignature" in part else {}
        if call:
            parts.append(
                {
                    **_called({"name": call["name"], "arguments": call.get("args", {})}, call.get("id")),
                    **proof,
                }
            )
        elif result:
            parts.append({"type": "result", **result, **proof})
        else:
            parts.append({"type": "text" if "text" in part else "file", **part})
    return {"role": turn.get("role", "user"), "parts": _parts(parts)}


def _message(turn: Json) -> Json:
    return {"role": turn["role"], "parts": _parts(turn["content"])}


def _called(function: Json, call_id: object) -> Json:
    arguments = function["arguments"]
    decoded = _decoded(arguments) if isinstance(arguments, str) else arguments
    return {"type": "call", "id": call_id, "name": function["name"], "arguments": Whole(decoded)}


def _parts(content: object) -> list[Json]:
    """Content as parts; empty texts are nothing, texts that follow one another are one."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else objects(content)
    found: list[Json] = []
    for part in parts:
        if part.get("type") == "text" and not part.get("text"):
            continue
        if found and found[-1].get("type") == part.get("type") == "text":
            found[-1] = {**found[-1], **part, "text": f"{found[-1]['text']}\n\n{part['text']}"}
        else:
            found.append(part)
    return found


def _joined(turns: list[Json]) -> list[Json]:
    """Turns with their parts by kind; neighbours of the same role are one turn, those without parts none."""
    found: list[Json] = []
    for turn in turns:
        if "parts" in turn and not turn["parts"] and turn["role"] == "system":
            continue
        if found and turn["role"] == found[-1]["role"] != "tool" and "parts" in turn:
            found[-1] = {
                **found[-1],
                **turn,
                "parts": _parts([*objects(found[-1]["parts"]), *objects(turn["parts"])]),
            }
        else:
            found.append(turn)
    return [
        {**turn, "parts": _grouped(objects(turn["parts"]), "type")} if "parts" in turn else turn
        for turn in found
    ]


def _grouped(items: list[Json], name: str) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for item in items:
        rest = {key: value for key, value in item.items() if key != name}
        found.setdefault(str(item.get(name)), []).append(rest)
    return found


def _tools(tool: Json) -> list[Json]:
    """Declarations, however they are wrapped; schemas are held together as they are, their version apart."""
    if "functionDeclarations" in tool:
        return [made for one in objects(tool["functionDeclarations"]) for made in _tools(one)]
    inner = dict(inside(tool.get("function", tool)))
    if not inner.get("description"):
        inner.pop("description", None)
    for name in SCHEMAS:
        if isinstance(inner.get(name), dict):
            schema = dict(inside(inner.pop(name)))
            inner |= {"$schema": schema.pop("$schema")} if "$schema" in schema else {}
            inner["schema"] = Whole(schema)
    return [inner]


def _decoded(text: object) -> object:
    try:
        return json.loads(str(text))
    except ValueError:
        return text


def said_to_client(given: Given) -> Flat:
    """An answer, by its content and its end; ``order`` names what is wrong with a stream."""
    flat: Flat = {"status": given.status}
    if given.body.startswith(("event:", "data:", ":")):
        return flat | _streamed(given.body)
    try:
        body = json.loads(given.body)
    except ValueError:
        return flat | {"body": given.body}
    if given.status >= 400 or "content" not in body:
        return flat | _flat("", body)
    blocks = [_block(block) for block in objects(body["content"])]
    return flat | _content_of(blocks) | {"stop": body.get("stop_reason")} | _usage(body.get("usage"))


def _content_of(blocks: list[Json]) -> Flat:
    order = " ".join(str(block["type"]) for block in blocks)
    held = [{**block, "input": Whole(block["input"])} if "input" in block else block for block in blocks]
    return {"blocks": order, **_flat("content", _grouped(held, "type"))}


def _block(block: Json) -> Json:
    return {
        name: block[name] for name in ("type", "text", "thinking", "name", "input") if name in block
    } | ({"signed": bool(block.get("signature"))} if block["type"] == "thinking" else {})


def _streamed(stream: str) -> Flat:
    reader = _Reader()
    for event in events(stream.encode()):
        reader.read(event)
    reader.end()
    return {
        **_content_of(reader.blocks),
        "stop": reader.stop,
        **_usage(reader.usage),
        **_flat("error", reader.error or {}),
        "order": reader.wrong or "right",
    }


class _Reader:
    """Reads a stream as strictly as Anthropic's own SDK, and goes on after a mistake."""

    def __init__(self) -> None:
        self.blocks: list[Json] = []
        self.stop: object = None
        self.usage: Json = {}
        self.error: Json | None = None
        self.wrong = ""
        self._open: int | None = None
        self._pieces = ""
        self._stage = "begin"

    def read(self, event: Json) -> None:
        kind = str(event.get("type"))
        if kind == "ping":
            return
        self._in_order(kind)
        match kind:
            case "content_block_start":
                self._start(event)
            case "content_block_delta":
                self._delta(event)
            case "content_block_stop":
                self._close(event)
            case "message_delta":
                self.stop = inside(event["delta"]).get("stop_reason")
                self.usage = {**self.usage, **inside(event.get("usage") or {})}
            case "message_start":
                self.usage = dict(inside(inside(event["message"]).get("usage") or {}))
            case "error":
                self.error = inside(event.get("error") or event)
                self._stage = "message_stop"
            case _:
                pass

    def end(self) -> None:
        if self._stage != "message_stop":
            self._complain(f"ends after {self._stage}")

    def _in_order(self, kind: str) -> None:
        if self._stage == "message_stop":
            self._complain(f"{kind} after the end")
        if self._stage == "begin" and kind not in ("message_start", "error"):
            self._complain(f"begins with {kind}")
        if kind in ("message_delta", "message_stop") and self._open is not None:
            self._complain(f"{kind} inside a block")
        self._stage = kind

    def _start(self, event: Json) -> None:
        if self._open is not None or event["index"] != len(self.blocks):
            self._complain(f"block {event['index']} begins as block {len(self.blocks)}")
        self._open = len(self.blocks)
        self._pieces = ""
        self.blocks.append(dict(_block(inside(event["content_block"]))))

    def _delta(self, event: Json) -> None:
        delta = inside(event["delta"])
        kind = str(delta["type"])
        if self._open is None or event["index"] != self._open:
            self._complain(f"{kind} for a block that is not open")
            return
        block = self.blocks[-1]
        if kind not in STARTS.get(str(block["type"]), {kind}):
            self._complain(f"{kind} inside {block['type']}")
        match kind:
            case "text_delta":
                block["text"] = f"{block.get('text', '')}{delta['text']}"
            case "thinking_delta":
                block["thinking"] = f"{block.get('thinking', '')}{delta['thinking']}"
            case "signature_delta":
                block["signed"] = bool(delta["signature"])
            case _:
                self._pieces += str(delta.get("partial_json", ""))

    def _close(self, event: Json) -> None:
        if self._open is None or event["index"] != self._open:
            self._complain(f"block {event['index']} ends and is not open")
        elif self.blocks[-1]["type"] == "tool_use":
            self.blocks[-1]["input"] = _decoded(self._pieces or "{}")
        self._open = None

    def _complain(self, wrong: str) -> None:
        self.wrong = self.wrong or wrong


def _usage(usage: object) -> Flat:
    known = usage if isinstance(usage, Mapping) else {}
    fields = ("input_tokens", "output_tokens", "cache_read_input_tokens")
    return {f"usage.{name}": known.get(name) or 0 for name in fields}


def _flat(path: str, value: object) -> Flat:
    """Every leaf by its path."""
    if isinstance(value, Whole):
        return {path: str(value)}
    if isinstance(value, Mapping) and value:
        inner = [(f"{path}.{name}" if path else str(name), part) for name, part in value.items()]
    elif isinstance(value, list) and value:
        inner = [(f"{path}[{index}]", part) for index, part in enumerate(value)]
    else:
        return {path: value}
    return {name: leaf for where, part in inner for name, leaf in _flat(where, part).items()}
