"""What a request carries, counted from the JSON itself without any code of ours."""

import base64
import json
from dataclasses import dataclass, field

URL_SAFE = str.maketrans("-_", "+/")
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

    def add_file(self, data: str, media_type: str = "") -> None:
        """A file by its base64, data URL or address. A text is a text, whatever it came as."""
        if data.startswith("data:"):
            media_type, data = data[5:].split(";", 1)[0], data.partition(",")[2]
        data = data.translate(URL_SAFE) if "://" not in data else data
        if media_type.startswith("text/") and "://" not in data:
            self.texts.append(base64.b64decode(data).decode())
        else:
            self.media.append(data)


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:130]} … {text[-60:]}"


def canonical(raw: object) -> str:
    if isinstance(raw, str):
        if raw.strip() in {"", "null"}:
            return "{}"
        try:
            raw = json.loads(raw)
        except ValueError:
            return json.dumps(raw)
    return json.dumps(raw, sort_keys=True)


def schema_of(schema: object) -> object:
    """A schema with what translators must add, a type and properties (E38), without its dialect's address."""
    schema = undated(schema) if isinstance(schema, dict) else {}
    return {"type": "object", "properties": {}, **schema}


def undated(value: object) -> object:
    """Without ``$schema`` and words that vendors added to JSON Schema, which Gemini refuses at any depth; a loss names them."""
    if isinstance(value, list):
        return [undated(one) for one in value]
    if not isinstance(value, dict):
        return value
    foreign = {"$schema", "encrypted", "strict"} if "type" in value else {"$schema"}
    return {key: undated(inner) for key, inner in value.items() if key not in foreign}
