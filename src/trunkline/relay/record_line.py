"""One line for each exchange, for people (``key=value``) or for machines (JSON). No bodies, no secrets."""

import re
from functools import lru_cache
from typing import Final

import msgspec

from trunkline.core.usage import Usage
from trunkline.relay.ports import ExchangeRecord

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_SECRET: Final = re.compile(
    r"(?i)\b(?:sk-|dapi|dkea|xox[abp]-|ghp_|AIza|eyJ)[A-Za-z0-9_\-.]{8,}|\bBearer\s+[^\s\"',;]+"
    r"|([?&](?:key|api[-_]?key|token|access_token)=)[^&\s\"']+"
)
_BARE: Final = re.compile(r"[A-Za-z0-9_./:@,+%-]+")
_ENCODE: Final = msgspec.json.Encoder()
MAX_VALUE: Final = 500
_NO_USAGE: Final = Usage()

Value = str | int | float | bool | None


def clean(text: str) -> str:
    """``text`` on one line, without control characters or anything that looks like a credential, cut."""
    text = _SECRET.sub(lambda match: (match[1] or "") + "****", _CONTROL.sub(" ", text))
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + "…"


Fields = tuple[tuple[str, Value], ...]


def _asked(record: ExchangeRecord) -> Fields:
    """What was asked and what became of it: mostly the same from line to line."""
    return (
        ("protocol", record.protocol),
        ("operation", record.operation),
        ("model", record.asked_model),
        ("to", f"{record.provider}/{record.model}" if record.provider else None),
        ("route", record.route or None),
        ("stream", record.stream),
        ("status", record.status),
        ("outcome", record.outcome),
        ("attempts", len(record.attempts)),
    )


def _measured(record: ExchangeRecord) -> Fields:
    """The numbers, which are never the same twice."""
    usage, first_byte = record.usage or _NO_USAGE, record.first_byte_seconds
    return (
        ("seconds", round(record.seconds, 3)),
        ("first_byte", None if first_byte is None else round(first_byte, 3)),
        ("input", usage.input),
        ("cache_read", usage.cache_read),
        ("cache_write", usage.cache_write),
        ("output", usage.output),
        ("reasoning", usage.reasoning),
        ("searches", usage.web_searches),
        ("estimated", True if usage.estimated else None),
    )


def _circumstances(record: ExchangeRecord) -> Fields:
    """How it ended and who asked: the same again."""
    return (
        ("stop", record.stop.reason if record.stop else None),
        ("losses", ",".join(dict.fromkeys([loss.field for loss in record.losses])) or None),
        ("error", record.error),
        ("tried", _tried(record) or None),
        ("client", record.client),
        ("session", record.session),
        ("agent", record.agent or None),
    )


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
    numbers = " ".join([f"{key}={_text(value)}" for key, value in _measured(record) if value is not None])
    return f"id={record.request_id} {_pairs(_asked(record))} {numbers} {_pairs(_circumstances(record))}"


def _text(value: Value) -> str:
    if isinstance(value, str):
        return _shown(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


# Names, routes and agents repeat from line to line; cleaning them anew was most of a line's cost.
_cleaned = lru_cache(maxsize=4096)(clean)


def _shown(value: str) -> str:
    text = clean(value)
    return text if _BARE.fullmatch(text) else msgspec.json.encode(text).decode()


# ``True`` and ``1`` are one key: a place in ``fields`` has values of one type only.
@lru_cache(maxsize=1024)
def _pairs(fields: Fields) -> str:
    return " ".join([f"{key}={_text(value)}" for key, value in fields if value is not None])


def json_line(record: ExchangeRecord) -> bytes:
    """One JSON object, without a line end.

    ``model`` is the one that answered, as users of claude-code-router search for it; ``asked`` the name asked for.
    """
    fields: dict[str, Value] = {"id": record.request_id, "asked": _cleaned(record.asked_model)}
    for key, value in (*_asked(record), *_measured(record), *_circumstances(record)):
        if value is not None:
            fields[key] = _cleaned(value) if isinstance(value, str) else value
    if record.model is not None:
        fields["model"] = _cleaned(record.model)
    return _ENCODE.encode(fields)
