"""What is kept of exchanges, how it is shown, and what it adds up to."""

import msgspec
import pytest

from dashboard.made import JournalClock, Time, journal, record
from trunkline.core.errors import GatewayError
from trunkline.core.usage import Usage
from trunkline.dashboard.changes import MOST, Change, Changes
from trunkline.dashboard.records import CAPACITY, Records
from trunkline.dashboard.rows import Filter, Row, detail, ended_row, filter_of, live_row
from trunkline.dashboard.tally import BY, Tally, product, summary
from trunkline.relay.ports import AttemptRecord
from trunkline.routing.plan import Target


def test_the_last_are_kept_and_it_is_known_since_when_all_are_there() -> None:
    clock = Time()
    records = Records(clock, capacity=3)
    began = clock.time
    for number in range(3):
        clock.time += 10
        records.record(record(number))
    assert (records.last, records.since) == (3, began)
    clock.time += 10
    records.record(record(3))
    assert [entry[2].request_id for entry in records.kept] == ["id-1", "id-2", "id-3"]
    assert records.since == began + 20
    assert records.find("id-0") is None
    found = records.find("id-3")
    assert found is not None
    assert found[1] == clock.time
    assert [number for number, _, _ in records.newer(3)] == [4]
    assert records.newer(4) == []
    assert len(records.newer(0)) == 3


def test_what_is_kept_is_a_few_megabytes_at_most() -> None:
    assert CAPACITY * len(msgspec.json.encode(record())) < 4 * 1024 * 1024


def test_a_row_says_when_it_began_and_nothing_that_is_not_known() -> None:
    clock = JournalClock()
    ended = ended_row(clock.time, record(stop=None))
    assert (ended.at, ended.seconds, ended.state, ended.losses) == (
        "2027-01-15T07:59:58.000Z",
        2.0,
        "ended",
        1,
    )
    under_way = journal("live-1", clock)
    clock.time += 3
    row = live_row(clock.time, under_way.record())
    assert (row.at, row.seconds, row.state) == ("2027-01-15T08:00:00.000Z", 3.0, "live")
    assert (row.status, row.outcome, row.first_byte, row.usage, row.provider, row.error) == (None,) * 6


SECRETS = [
    "Bearer CANARY/x+y",
    "sk-CANARY0123456789abcdef",
    "dapiCANARY0123456789abcdef",
    "eyJCANARYhbGciOi",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_key_that_a_provider_quotes_is_not_shown(secret: str) -> None:
    attempt = AttemptRecord(
        target="a/b", surface="chat", protocol="openai_chat", status=401, error=f"authentication: {secret}", seconds=0.1
    )  # fmt: skip
    bad = record(error=f"authentication: Incorrect API key provided: {secret}", attempts=(attempt,), agent=f"x {secret}",
                 asked_model=secret, route=f"explicit {secret}")  # fmt: skip
    row = ended_row(0.0, bad)
    said = msgspec.json.encode([row, detail(row, bad), BY["agent"](bad), BY["route"](bad)])
    assert b"CANARY" not in said
    assert b"Incorrect API key provided" in said


def test_the_detail_has_all_that_the_record_has() -> None:
    made = record()
    shown = detail(ended_row(0.0, made), made)
    assert shown["attempts"] == [msgspec.to_builtins(made.attempts[0])]
    assert shown["losses"] == [{"field": "top_k", "why": "not in openai_chat"}]
    assert shown["stop"] == {"reason": "end", "raw": "end_turn", "sequence": None}
    left = set(type(made).__struct_fields__) - set(shown)
    assert left == {"request_id", "asked_model", "first_byte_seconds"}, "under other names"


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("", True),
        ("provider=DBX", True),
        ("provider=openai", False),
        ("model=sonnet", True),
        ("model=claude-sonnet-4", True),
        ("model=opus", False),
        ("agent=claude-cli", True),
        ("session=s-1&route=alias", True),
        ("session=s-2", False),
        ("status=200", True),
        ("status=2xx", True),
        ("status=4xx", False),
        ("status=20", False),
        ("outcome=ok&limit=5", True),
        ("outcome=error", False),
        ("unknown=1", True),
    ],
)
def test_filters(query: str, fits: bool) -> None:
    assert filter_of(query).fits(ended_row(0.0, record())) is fits


@pytest.mark.parametrize("limit", ["0", "-1", "x", "2001", "1e3", ""])
def test_a_limit_is_a_number_within_bounds(limit: str) -> None:
    if limit == "":
        assert filter_of("limit=").limit == Filter().limit
        return
    with pytest.raises(GatewayError, match="from 1 to 2000") as refusal:
        filter_of(f"limit={limit}")
    assert refusal.value.status == 400


def tally_of(*records: object, by: str = "model", since: float = 1_800_000_000.0) -> Tally:
    tally = Tally(since)
    tally.count([(n, since + 30 * n, one) for n, one in enumerate(records)], BY[by])  # type: ignore[misc]
    return tally


def test_sums_go_by_what_is_asked_for() -> None:
    many = [record(n, seconds=float(n + 1)) for n in range(20)]
    failed = record(20, outcome="error", status=502, usage=None, provider=None, model=None, agent="curl")
    left = record(21, outcome="client_closed")
    found = summary(tally_of(*many, failed, left), 1_800_000_000.0 + 22 * 30)
    assert isinstance(found["groups"], list)
    assert [(group["name"], group["requests"], group["errors"]) for group in found["groups"]] == [
        ("dbx/databricks-claude-sonnet-4-5", 21, 0),
        ("", 1, 1),
    ]
    totals = found["totals"]
    assert isinstance(totals, dict)
    assert (totals["input"], totals["output"], totals["reasoning"], totals["cache_write"]) == (
        210,
        147,
        63,
        21,
    )
    assert found["groups"][0]["seconds"] == {"p50": 10.0, "p95": 19.0}
    assert found["groups"][1]["first_byte"] == {"p50": 0.5, "p95": 0.5}
    assert isinstance(found["minutes"], list)
    assert len(found["minutes"]) == 12
    assert [minute["requests"] for minute in found["minutes"]] == [2] * 11 + [0]
    agents = summary(tally_of(*many, failed, by="agent"), 1_800_000_000.0)
    assert isinstance(agents["groups"], list)
    assert [group["name"] for group in agents["groups"]] == ["claude-cli", "curl"]


def test_T42_sums_of_several_workers_are_those_of_one() -> None:
    ones = [record(n, seconds=n / 7, session=f"s-{n % 3}") for n in range(30)]
    for by in BY:
        alone = tally_of(*ones, by=by)
        first, second = Tally(alone.since), Tally(alone.since)
        entries = [(n, alone.since + 30 * n, one) for n, one in enumerate(ones)]
        first.count(entries[::2], BY[by])
        second.count(entries[1::2], BY[by])
        second = msgspec.json.decode(msgspec.json.encode(second), type=Tally)
        first.add(second)
        assert summary(first, alone.since) == summary(alone, alone.since)


def test_nothing_adds_up_to_nothing() -> None:
    found = summary(Tally(1_800_000_000.0), 1_800_000_000.0)
    assert found["groups"] == []
    assert isinstance(found["totals"], dict)
    assert found["totals"]["seconds"] == {"p50": None, "p95": None}
    unreported = summary(tally_of(record(usage=Usage())), 1_800_000_000.0)
    assert isinstance(unreported["totals"], dict)
    assert unreported["totals"]["input"] == 0


@pytest.mark.parametrize(
    ("agent", "name"),
    [("claude-cli/2.0.30 (external, cli)", "claude-cli"), ("codex_cli_rs/0.1", "codex_cli_rs"), ("Python", "Python"),
     ("Anthropic Python 3", "Anthropic"), ("", "")],
)  # fmt: skip
def test_programs_are_told_apart_by_their_names(agent: str, name: str) -> None:
    assert product(agent) == name


def events(changes: list[Change]) -> list[tuple[str, str]]:
    return [(one.event, msgspec.json.decode(one.data, type=Row).id) for one in changes]


def test_who_follows_sees_what_begins_goes_on_and_ends() -> None:
    clock = JournalClock()
    live = {"id-1": journal("id-1", clock)}
    records = Records(clock)
    records.record(record(0))
    changes = Changes(live, records)
    assert events(changes.look(clock.time)) == [("start", "id-1")], "what ended before is no news"
    assert changes.look(clock.time) == []
    live["id-1"].target = Target("dbx", "m")
    (again,) = changes.look(clock.time)
    assert msgspec.json.decode(again.data, type=Row).provider == "dbx"
    live["id-1"].first_byte()
    live["id-2"] = journal("id-2", clock)
    assert events(changes.look(clock.time)) == [("start", "id-1"), ("start", "id-2")]
    del live["id-1"]
    records.record(record(1))
    records.record(record(3))
    assert events(changes.look(clock.time)) == [("end", "id-1"), ("end", "id-3")]


def test_who_looks_too_seldom_is_told_how_much_was_missed() -> None:
    clock = JournalClock()
    records = Records(clock, capacity=10)
    changes = Changes({}, records)
    for number in range(25):
        records.record(record(number))
    first, *rest = changes.look(clock.time)
    assert (first.event, bytes(first.data)) == ("missed", b'{"rows":15}')
    assert events(rest) == [("end", f"id-{number}") for number in range(15, 25)]
    wide = Records(clock)
    changes = Changes({}, wide)
    for number in range(MOST + 7):
        wide.record(record(number))
    first, *rest = changes.look(clock.time)
    assert (bytes(first.data), len(rest)) == (b'{"rows":7}', MOST)
