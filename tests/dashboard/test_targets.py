"""How providers' models are shown, by one worker and by several."""

from msgspec.structs import replace

from dashboard.made import Time, record
from trunkline.core.errors import GatewayError, Kind
from trunkline.dashboard.records import Records
from trunkline.dashboard.targets import TargetState, merged, target_states
from trunkline.relay.ports import AttemptRecord
from trunkline.routing.health import Health
from trunkline.routing.plan import Target

GOOD, BAD, LISTED = Target("dbx", "good"), Target("dbx", "bad"), Target("far", "m")


class Line:
    def resting(self) -> dict[Target, tuple[float, int]]:
        return {LISTED: (4.26, 2)}


def test_states() -> None:
    health = Health()
    for _ in range(5):
        health.failed(BAD, GatewayError(Kind.UPSTREAM_FAILED, "it broke"), 100.0)
    health.failed(LISTED, GatewayError(Kind.RATE_LIMITED, "slow", retry_after=60.0, local=False), 100.0)
    records = Records(Time())
    tried = AttemptRecord(
        target=str(BAD), surface="chat", protocol="openai_chat", status=500, error="upstream_failed: it broke", seconds=1.0
    )  # fmt: skip
    records.record(record(1, attempts=(replace(tried, error="older"), tried)))
    records.record(record(2))
    states = target_states([GOOD, LISTED], health, Line(), records, 101.0)
    by_name = {state.model: state for state in states}
    assert list(by_name) == ["good", "m", "bad"]
    assert (by_name["good"].state, by_name["good"].last_error) == ("closed", None)
    bad = by_name["bad"]
    assert (bad.state, bad.failures, bad.last_error) == ("open", 5, "upstream_failed: it broke")
    assert bad.last_error_at == "2027-01-15T08:00:00.000Z"
    assert 0 < bad.open_seconds <= 300
    assert (by_name["m"].rests_seconds, by_name["m"].waiting) == (4.3, 2)
    assert by_name["m"].credential_rests_seconds == 59.0
    later = target_states([], health, Line(), records, 500.0)
    assert {state.model: state.state for state in later}["bad"] == "half_open"


def test_several_workers_show_the_worst_and_all_who_wait() -> None:
    one = TargetState(provider="a", model="m", state="open", failures=5, open_seconds=9.0, waiting=1, last_error="old",
                      last_error_at="2027-01-01T00:00:00.000Z")  # fmt: skip
    two = TargetState(provider="a", model="m", state="half_open", failures=6, rests_seconds=3.0, waiting=2, last_error="new",
                      last_error_at="2027-01-02T00:00:00.000Z", credential_rests_seconds=1.0)  # fmt: skip
    other = TargetState(provider="a", model="n")
    assert merged([[one], [two, other]]) == [
        TargetState(provider="a", model="m", state="open", failures=6, open_seconds=9.0, rests_seconds=3.0, waiting=3,
                    last_error="new", last_error_at="2027-01-02T00:00:00.000Z", credential_rests_seconds=1.0),
        other,
    ]  # fmt: skip
