"""How clients read answers: server-sent events or one object, with nothing of ours in between."""

import json
from collections.abc import Iterator, Mapping

Json = dict[str, object]


def events(body: bytes) -> Iterator[Json]:
    """The JSON of every event; ``[DONE]`` and comments are skipped, as SDKs do."""
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        lines = [line[5:].lstrip() for line in block.split(b"\n") if line.startswith(b"data:")]
        data = b"\n".join(lines)
        if data and data != b"[DONE]":
            yield json.loads(data)


def objects(value: object) -> list[Json]:
    """A list of objects; empty for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def inside(value: object) -> Json:
    """An object; empty for anything else."""
    return value if isinstance(value, dict) else {}


def text_of(holder: Mapping[str, object], name: str) -> str:
    """A string field; empty when it is absent or null."""
    value = holder.get(name)
    return value if isinstance(value, str) else ""
