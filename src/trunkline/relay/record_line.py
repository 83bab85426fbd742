"""One line for each exchange, for people (``key=value``) or for machines (JSON). No bodies, no secrets."""

import re
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from trunkline.core.losses import Loss
from trunkline.core.usage import Stop, Usage
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


class _Said(Struct, frozen=True):
    """A part of a line that is mostly the same from line to line."""

    fields: Fields
    text: str


def _said(*fields: tuple[str, Value]) -> _Said:
    return _Said(fields, " ".join([f"{key}={_text(value)}" for key, value in fields if value is not None]))


class _Same(Struct, frozen=True):
    """All of a line but its numbers: what was asked and what became of it; how it ended and who asked."""

    asked: _Said
    ended: _Said


def _same(record: ExchangeRecord) -> _Same:
    usage, attempts = record.usage, record.attempts
    return _same_again(
        record.protocol, record.operation, record.asked_model, record.provider, record.model, record.route,
        record.stream, record.status, record.outcome, len(attempts),
        usage is not None and usage.estimated, record.stop, record.losses, record.error,
        _tried(record) if len(attempts) > 1 else "",
        record.client, record.session, record.agent,
    )  # fmt: skip


# ``True`` and ``1`` are one key: a place has values of one type only.
@lru_cache(maxsize=1024)
def _same_again(
    protocol: str, operation: str, model: str, provider: str | None, deployment: str | None, route: str,
    stream: bool, status: int, outcome: str, attempts: int,
    estimated: bool, stop: Stop | None, losses: tuple[Loss, ...], error: str | None, tried: str,
    client: str, session: str | None, agent: str,
) -> _Same:  # fmt: skip
    asked = _said(
        ("protocol", protocol),
        ("operation", operation),
        ("model", model),
        ("to", f"{provider}/{deployment}" if provider else None),
        ("route", route or None),
        ("stream", stream),
        ("status", status),
        ("outcome", outcome),
        ("attempts", attempts),
    )
    ended = _said(
        ("estimated", True if estimated else None),
        ("stop", stop.reason if stop else None),
        ("losses", ",".join(dict.fromkeys([loss.field for loss in losses])) or None),
        ("error", error),
        ("tried", tried or None),
        ("client", client),
        ("session", session),
        ("agent", agent or None),
    )
    return _Same(asked, ended)


def _measured(record: ExchangeRecord) -> Fields:
    """The numbers, which are never the same twice."""
    usage, first_byte = record.usage or _NO_USAGE, record.first_byte_seconds
    return (
        ("seconds", _thousandths(record.seconds)),
        ("first_byte", None if first_byte is None else _thousandths(first_byte)),
        ("input", usage.input),
        ("cache_read", usage.cache_read),
        ("cache_write", usage.cache_write),
        ("output", usage.output),
        ("reasoning", usage.reasoning),
        ("searches", usage.web_searches),
    )


def _tried(record: ExchangeRecord) -> str:
    """The attempts, where it was not simply the first one that worked."""
    return ",".join(
        f"{attempt.target}({attempt.surface})={attempt.status or attempt.error or '-'}"
        for attempt in record.attempts
    )


def text_line(record: ExchangeRecord) -> str:
    """``key=value`` pairs, quoted where needed, without a line end."""
    same = _same(record)
    return f"id={record.request_id} {same.asked.text} {_numbers(record)} {same.ended.text}"


def _numbers(record: ExchangeRecord) -> str:
    """What :func:`_measured` says, at a third of the cost: a line has little else that is new."""
    usage, first_byte = record.usage, record.first_byte_seconds
    text = f"seconds={_decimals(round(record.seconds * 1000))}"
    if first_byte is not None:
        text += f" first_byte={_decimals(round(first_byte * 1000))}"
    if usage is None:
        return text
    if usage.input is not None:
        text += f" input={usage.input}"
    if usage.cache_read is not None:
        text += f" cache_read={usage.cache_read}"
    if usage.cache_write is not None:
        text += f" cache_write={usage.cache_write}"
    if usage.output is not None:
        text += f" output={usage.output}"
    if usage.reasoning is not None:
        text += f" reasoning={usage.reasoning}"
    if usage.web_searches is not None:
        text += f" searches={usage.web_searches}"
    return text


def _thousandths(seconds: float) -> float:
    return round(seconds * 1000) / 1000


@lru_cache(maxsize=4096)
def _decimals(milliseconds: int) -> str:
    """Seconds, as few digits as it takes: to find them out anew was a third of a line's cost."""
    return str(milliseconds / 1000)


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


def json_line(record: ExchangeRecord) -> bytes:
    """One JSON object, without a line end.

    ``model`` is the one that answered, as users of claude-code-router search for it; ``asked`` the name asked for.
    """
    same = _same(record)
    fields: dict[str, Value] = {"id": record.request_id, "asked": _cleaned(record.asked_model)}
    for key, value in (*same.asked.fields, *_measured(record), *same.ended.fields):
        if value is not None:
            fields[key] = _cleaned(value) if isinstance(value, str) else value
    if record.model is not None:
        fields["model"] = _cleaned(record.model)
    return _ENCODE.encode(fields)
