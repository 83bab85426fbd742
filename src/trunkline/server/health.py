"""What the gateway says about itself to probes and people."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct

SERVICE: Final = "trunkline"
HELLO: Final = "The dashboard is at /ui/; GET /health/detailed says how the gateway is."
_ENCODER: Final = msgspec.json.Encoder()


class Status(Struct, frozen=True, kw_only=True):
    """The gateway at this moment. ``details`` are for ``/health/detailed``; they hold no secret."""

    version: str
    rehearsal: bool = False
    """Answers are replayed recordings: no provider is configured."""
    word: str = "ok"
    summary: Mapping[str, object] = {}
    """What ``/health`` says too."""
    details: Mapping[str, object] = {}


def encode_hello(status: Status) -> bytes:
    """The answer at the root."""
    return _ENCODER.encode({"message": HELLO, "service": SERVICE, "version": status.version})


def encode_health(status: Status, *, detailed: bool) -> bytes:
    """``status: ok``, or the configuration's own word for it, as long as the process can answer at all."""
    summary: dict[str, object] = {
        "status": status.word,
        "service": SERVICE,
        "version": status.version,
        "rehearsal": status.rehearsal,
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        **status.summary,
    }
    return _ENCODER.encode({**summary, **status.details} if detailed else summary)


def encode_word(word: str) -> bytes:
    """A probe's answer in one word."""
    return _ENCODER.encode({"status": word})
