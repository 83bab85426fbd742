"""What the page is told of an exchange: no body, no header, no secret."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct

from trunkline.config.masking import LOOKS_SECRET, MASK
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.usage import Usage
from trunkline.relay.ports import ExchangeRecord
from trunkline.relay.record_line import clean

MOST_ROWS: Final = 2_000
USUAL_ROWS: Final = 200


class Counts(Struct, frozen=True, kw_only=True):
    """Tokens in disjoint buckets; reasoning is a part of the output."""

    input: int | None
    cache_read: int | None
    cache_write: int | None
    output: int | None
    reasoning: int | None
    estimated: bool


class Row(Struct, frozen=True, kw_only=True):
    """One exchange in a list. ``at`` is when it began; ``seconds`` until now for a live one."""

    id: str
    at: str
    agent: str
    client: str
    session: str | None
    protocol: str
    operation: str
    asked: str
    provider: str | None
    model: str | None
    route: str
    stream: bool
    status: int | None
    outcome: str | None
    attempts: int
    seconds: float
    first_byte: float | None
    usage: Counts | None
    losses: int
    error: str | None
    state: Literal["live", "ended"]


def ended_row(ended: float, record: ExchangeRecord) -> Row:
    """An exchange that is over, since ``ended`` in Unix time."""
    return _row(ended, record, live=False)


def live_row(now: float, record: ExchangeRecord) -> Row:
    """An exchange under way, as far as it has come."""
    return _row(now, record, live=True)


def _row(at: float, record: ExchangeRecord, *, live: bool) -> Row:
    return Row(
        id=record.request_id,
        at=iso(at - record.seconds),
        agent=shown(record.agent),
        client=record.client,
        session=record.session,
        protocol=record.protocol,
        operation=record.operation,
        asked=shown(record.asked_model),
        provider=record.provider,
        model=record.model,
        route=shown(record.route),
        stream=record.stream,
        status=record.status or None,
        outcome=None if live else record.outcome,
        attempts=len(record.attempts),
        seconds=round(record.seconds, 4),
        first_byte=None if record.first_byte_seconds is None else round(record.first_byte_seconds, 4),
        usage=None if record.usage is None else counts(record.usage),
        losses=len(record.losses),
        error=None if record.error is None else shown(record.error),
        state="live" if live else "ended",
    )


def counts(usage: Usage) -> Counts:
    """The part of a usage that the page shows."""
    return Counts(
        input=usage.input,
        cache_read=usage.cache_read,
        cache_write=usage.cache_write,
        output=usage.output,
        reasoning=usage.reasoning,
        estimated=usage.estimated,
    )


def detail(row: Row, record: ExchangeRecord) -> dict[str, object]:
    """Everything known about one exchange: its row, with every attempt and loss."""
    fields: dict[str, object] = msgspec.to_builtins(row)
    attempts: list[dict[str, object]] = [msgspec.to_builtins(attempt) for attempt in record.attempts]
    for attempt in attempts:
        attempt["error"] = None if attempt["error"] is None else shown(str(attempt["error"]))
    fields["attempts"] = attempts
    fields["losses"] = [{"field": loss.field, "why": shown(loss.why)} for loss in record.losses]
    fields["stop"] = None if record.stop is None else msgspec.to_builtins(record.stop)
    if record.usage is not None:
        fields["usage"] = msgspec.to_builtins(record.usage)
    return fields


@lru_cache(maxsize=2048)
def shown(text: str) -> str:
    """A text from outside, without what looks like a key: providers quote what they were sent."""
    return LOOKS_SECRET.sub(MASK, clean(text))


def iso(unix: float) -> str:
    """A moment as people and browsers read it."""
    text = datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


class Filter(Struct, frozen=True, kw_only=True):
    """Which rows are wanted, and how many. Texts are looked for anywhere in theirs, whatever the letters' case."""

    limit: int = USUAL_ROWS
    provider: str = ""
    model: str = ""
    """The model asked for, or the one that answered."""
    agent: str = ""
    session: str = ""
    route: str = ""
    outcome: str = ""
    status: str = ""
    """``404``, or a class as ``4xx``."""

    def fits(self, row: Row) -> bool:
        """Whether a row is wanted."""
        wanted = (
            (self.provider, row.provider or ""),
            (self.model, f"{row.asked}\n{row.model or ''}"),
            (self.agent, row.agent),
            (self.session, row.session or ""),
            (self.route, row.route),
            (self.outcome, row.outcome or ""),
        )
        if any(part and part.casefold() not in text.casefold() for part, text in wanted):
            return False
        status = str(row.status or "")
        return not self.status or status == self.status or f"{status[:1]}xx" == self.status


def filter_of(query: str) -> Filter:
    """The filter in a query string. Raises GatewayError (400) for a limit that is none; other names are ignored."""
    given = {name: values[-1] for name, values in parse_qs(query).items()}
    limit = given.pop("limit", str(USUAL_ROWS))
    if not limit.isdecimal() or not 0 < int(limit) <= MOST_ROWS:
        raise GatewayError(
            Kind.INVALID_REQUEST, f"limit: a number from 1 to {MOST_ROWS} is wanted.", should_retry=False
        )
    known = {name: given[name] for name in Filter.__struct_fields__ if name in given}
    return msgspec.convert({**known, "limit": int(limit)}, Filter)
