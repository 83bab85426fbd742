"""What real coding agents sent, in each protocol."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1] / "fixtures" / "clients"
TAPES = Path(__file__).parents[1] / "protocols"


class Sent(NamedTuple):
    """One request of an agent."""

    name: str
    codec: str
    body: dict


def sent() -> Iterator[Sent]:
    for file in sorted(ROOT.rglob("*.request.json")):
        kept = json.loads(file.read_text(encoding="utf-8"))
        chat = kept["path"].partition("?")[0].endswith("/chat/completions")
        yield Sent(
            str(file.relative_to(ROOT)), "openai_chat" if chat else "anthropic_messages", kept["body"]
        )
    for file in sorted((TAPES / "openai_responses" / "tapes").glob("*.request.json")):
        yield Sent(file.name, "openai_responses", json.loads(file.read_text(encoding="utf-8"))["body"])
    lines = gzip.decompress((TAPES / "gemini" / "tapes" / "clients.jsonl.gz").read_bytes()).split(b"\n")
    for kept in map(json.loads, lines):
        if "countTokens" not in kept["path"]:
            yield Sent(kept["name"], "gemini", kept["body"])
