"""What a generateContent request carries, counted from its JSON, in either spelling of its keys."""

import re
from collections.abc import Iterator

from wire.inventory import Inventory, canonical, schema_of

NUMBERED = {1: "string", 2: "number", 3: "integer", 4: "boolean", 5: "array", 6: "object"}
COUNTS = {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
RAW = {"args", "response", "parametersJsonSchema", "responseJsonSchema", "properties"}
"""Keys under which the keys are the user's own."""


def gemini(body: dict) -> Inventory:
    """A generateContent request."""
    body = camel(body)
    assert isinstance(body, dict)
    found = Inventory()
    for tool in body.get("tools") or []:
        for kind, value in tool.items():
            if kind == "functionDeclarations":
                for one in value:
                    found.tools[one["name"]] = _schema(one)
            elif value is not None:
                found.server_tools.append(kind)
    system = body.get("systemInstruction")
    if isinstance(system, str):
        found.texts.append(system)
    elif system:
        _parts(system.get("parts"), found)
    contents = body.get("contents") or []
    for content in [contents] if isinstance(contents, dict) else contents:
        _parts(content.get("parts"), found)
    return found


def camel(value: object) -> object:
    """Every key of the vendor's in its camelCase spelling."""
    if isinstance(value, list):
        return [camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, inner in value.items():
        name = re.sub(r"_([a-z])", lambda found: found[1].upper(), key)
        out[name] = inner if name in RAW else camel(inner)
    return out


def _schema(function: dict) -> object:
    if "parametersJsonSchema" in function:
        return schema_of(function["parametersJsonSchema"])
    return schema_of(plain(function.get("parameters")))


def plain(schema: object) -> object:
    """The vendor's dialect of schemas as JSON Schema."""
    if isinstance(schema, list):
        return [plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    out: dict = {}
    for key, inner in schema.items():
        if key == "properties":
            out[key] = {name: plain(camel(one)) for name, one in inner.items()}
        elif key == "type":
            out[key] = NUMBERED[inner] if isinstance(inner, int) else inner.lower()
        elif key in COUNTS:
            out[key] = int(inner)
        elif key not in {"nullable", "propertyOrdering"}:
            out[key] = plain(inner)
    if schema.get("nullable") is True and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
        if "enum" in out:
            out["enum"] = [*out["enum"], None]
    return out


def _parts(parts: object, found: Inventory) -> None:
    for part in parts if isinstance(parts, list) else [parts] if parts else []:
        if isinstance(part, str):
            found.texts.append(part)
        elif part.get("functionCall"):
            call = part["functionCall"]
            found.calls.append((call["name"], canonical(call.get("args") or {})))
        elif part.get("functionResponse"):
            found.results += 1
            answered = part["functionResponse"]
            found.texts += [
                text for text in strings(answered.get("response")) if text != answered["name"]
            ]  # one client repeats the name beside the result
            _parts(answered.get("parts"), found)
        elif part.get("inlineData"):
            blob = part["inlineData"]
            found.add_file(blob.get("data") or "", blob.get("mimeType") or "")
        elif part.get("fileData"):
            found.add_file(part["fileData"]["fileUri"])
        elif part.get("text") and not part.get("thought"):
            found.texts.append(part["text"])


def strings(value: object) -> Iterator[str]:
    """Every text inside a result."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)
