"""One line for each exchange, for people (``key=value``) or for machines (JSON). No bodies, no secrets."""

import re
from functools import lru_cache
from typing import Final

import msgspec

from trunkline.relay.ports import ExchangeRecord

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_SECRET: Final = re.compile(
    r"(?i)\b(?:sk-|dapi|dkea|xox[abp]-|ghp_|AIza|eyJ)[A-Za-z0-9_\-.]{8,}|\bBearer\s+[^\s\"',;]+"
    r"|([?&](?:key|api[-_]?key|token|access_token)=)[^&\s\"']+"
)
_BARE: Final = re.compile(r"[A-Za-z0-9_./:@,+%-]+")
_ENCODE: Final = msgspec.json.Encoder()
MAX_VALUE: Final = 500

Value = str | int | float | bool | None


def clean(text: str) -> str:
    """``text`` on one line, without control characters or anything that looks like a credential, cut."""
    text = _SECRET.sub(lambda match: (match[1] or "") + "****", _CONTROL.sub(" ", text))
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + "…"


def _fields(record: ExchangeRecord) -> dict[str, Value]:
    """What a line says, in order; unknown values are left out."""
    usage = record.usage
    fields: dict[str, Value] = {
        "id": record.request_id,
        "protocol": record.protocol,
        "operation": record.operation,
        "model": record.asked_model,
        "to": f"{record.provider}/{record.model}" if record.provider else None,
        "route": record.route or None,
        "stream": record.stream,
        "status": record.status,
        "outcome": record.outcome,
        "attempts": len(record.attempts),
        "seconds": round(record.seconds, 3),
        "first_byte": None if record.first_byte_seconds is None else round(record.first_byte_seconds, 3),
        "input": usage.input if usage else None,
        "cache_read": usage.cache_read if usage else None,
        "cache_write": usage.cache_write if usage else None,
        "output": usage.output if usage else None,
        "reasoning": usage.reasoning if usage else None,
        "estimated": True if usage and usage.estimated else None,
        "stop": record.stop.reason if record.stop else None,
        "losses": ",".join(dict.fromkeys(loss.field for loss in record.losses)) or None,
        "error": record.error,
        "tried": _tried(record) or None,
        "client": record.client,
        "session": record.session,
        "agent": record.agent or None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _tried(record: ExchangeRecord) -> str:
    """The attempts, when it was not simply the first one that worked."""
    if len(record.attempts) < 2:
        return ""
    return ",".join(
        f"{attempt.target}({attempt.surface})={attempt.status or attempt.error or '-'}"
        for attempt in record.attempts
    )


def text_line(record: ExchangeRecord) -> str:
    """``key=value`` pairs, quoted where needed, without a line end."""
    fields = _fields(record)
    del fields["id"]  # ours, and never the same twice: not for the cache
    return " ".join(
        [f"id={record.request_id}", *[f"{key}={_text(value)}" for key, value in fields.items()]]
    )


def _text(value: Value) -> str:
    if isinstance(value, str):
        return _shown(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


# Names, routes and agents repeat from line to line; cleaning them anew was most of a line's cost.
_cleaned = lru_cache(maxsize=4096)(clean)


@lru_cache(maxsize=4096)
def _shown(value: str) -> str:
    text = clean(value)
    return text if _BARE.fullmatch(text) else msgspec.json.encode(text).decode()


def json_line(record: ExchangeRecord) -> bytes:
    """One JSON object, without a line end."""
    fields = _fields(record)
    for key, value in fields.items():
        if isinstance(value, str) and key != "id":
            fields[key] = _cleaned(value)
    return _ENCODE.encode(fields)
