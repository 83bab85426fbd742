"""The recorded provider traffic as values, and our two ways through it."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).parents[1] / "fixtures" / "wire"
CODEC_OF = {
    "anthropic-messages": "anthropic_messages",
    "openai-chat": "openai_chat",
    "databricks-chat": "openai_chat",
    "openai-responses": "openai_responses",
    "gemini-generate-content": "gemini",
}


@dataclass(frozen=True, eq=False)
class Recording:
    """One exchange. ``codec`` names our protocol; bytes are read when asked for."""

    id: str
    protocol: str
    provider: str
    status: int
    streaming: bool
    features: frozenset[str]
    headers: tuple[tuple[str, str], ...]
    paths: dict[str, str]

    @property
    def codec(self) -> str:
        return CODEC_OF[self.protocol]

    @property
    def answered(self) -> bool:
        """True when the source kept the answer, not only the request."""
        return "stream" in self.paths or "response" in self.paths

    @property
    def answer(self) -> bytes:
        """The answer's body as recorded."""
        return (ROOT / (self.paths.get("stream") or self.paths["response"])).read_bytes()

    @property
    def request(self) -> bytes | None:
        """The request's JSON body, None where the source kept none."""
        if "request" not in self.paths:
            return None
        kept = json.loads((ROOT / self.paths["request"]).read_text(encoding="utf-8"))
        body = kept["body"]
        return (
            None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        )

    def __str__(self) -> str:
        return self.id


@lru_cache(maxsize=1)
def index() -> tuple[Recording, ...]:
    """Every recording in the folder, in the order of its index."""
    lines = (ROOT / "index.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(_recording(json.loads(line)) for line in lines)


def _recording(entry: dict) -> Recording:
    headers = entry.get("response_headers") or {}
    return Recording(
        id=entry["id"],
        protocol=entry["protocol"],
        provider=entry["provider"],
        status=entry["status"],
        streaming=entry["streaming"],
        features=frozenset(entry["features"]),
        headers=tuple((name.lower(), str(value)) for name, value in headers.items()),
        paths=entry["files"],
    )


def generations() -> tuple[Recording, ...]:
    """Recordings of generation calls: everything but token counting."""
    return tuple(recording for recording in index() if recording.protocol in CODEC_OF)


def answers(codec: str, *, streaming: bool | None = None) -> tuple[Recording, ...]:
    """Recorded answers under status 200 in one of our protocols."""
    return tuple(
        recording
        for recording in generations()
        if recording.codec == codec
        and recording.status == 200
        and recording.answered
        and (streaming is None or recording.streaming is streaming)
    )


def errors() -> tuple[Recording, ...]:
    """Recorded answers under an error status."""
    return tuple(recording for recording in generations() if recording.status >= 400 and recording.answered)
