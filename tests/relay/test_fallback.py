"""Who is asked after whom, what is learned, what is never repeated."""

import asyncio

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from relay.kit import JSON, Bench, Script, ScriptedUpstream, TestProvider, WritingSink, provider, surface
from relay.tiny import answer, event
from relay.virtual import now, run
from trunkline.config.schema import Retry
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.proofs import origin_tag, seal
from trunkline.providers.provider import Again, Lesson, Relearned, Surface, Switched
from trunkline.relay.admission import Admission
from trunkline.relay.ports import ClientGone
from trunkline.routing.plan import Target

RESET = GatewayError(Kind.TRUNCATED, "reset", local=False)
ELSEWHERE = {401, 403, 404, 408, 429, *range(500, 600)}
THREE = tuple(provider(name, "tiny") for name in ("one", "two", "three"))
FINE = Script(answer("fine"))


def refusal(status: int, text: bytes = b"no", **headers: str) -> Script:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Script([text] if text else [], status=status, headers=pairs)


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 408, 409, 413, 418, 422, 429, 500, 501, 502, 503, 504, 529, 599]
)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_T22_failover_matrix(status: int, position: int) -> None:
    """The target at ``position`` answers with ``status``, those before it with 503, those after it well."""
    urls: dict[str, list[Script]] = {}
    for index, one in enumerate(THREE):
        script = refusal(503) if index < position else refusal(status) if index == position else FINE
        urls[f"http://{one.name}/tiny"] = [script]
    it = Bench(ScriptedUpstream(by_url=urls), THREE)
    sink = WritingSink()
    if status in ELSEWHERE and position < 2:
        assert run(it.run(sink=sink)).text == "fine"
        assert sink.headers["x-trunkline-provider"] == THREE[position + 1].name
        assert it.records[0].outcome == "ok"
    else:
        with pytest.raises(GatewayError) as raised:
            run(it.run(sink=sink))
        assert sink.status is None
        final = raised.value.status
        assert final == (503 if status in (401, 403, 404, 501) and position == 2 else final)
        if status not in ELSEWHERE:
            assert final == status
            assert len({attempt.target for attempt in it.records[0].attempts}) == position + 1
    assert len(it.upstream.requests) <= 6
    assert len(it.records) == 1


def test_no_more_targets_than_the_policy_allows() -> None:
    five = tuple(provider(f"p{n}", "tiny") for n in range(5))
    it = Bench(ScriptedUpstream(refusal(404)), five)
    with pytest.raises(GatewayError):
        run(it.run())
    assert len(it.upstream.requests) == 3


@settings(max_examples=150)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([400, 401, 404, 429, 500, 503]).map(refusal),
            st.integers(0, 5).map(lambda n: Script([*answer("a", "b", "c")[:n], RESET])),
            st.integers(0, 5).map(lambda n: Script(answer("a", "b", "c")[:n])),
            st.integers(0, 4).map(lambda n: Script([*answer("a", "b")[:n], 999.0])),
            st.just(Script([event("start"), event("error", message="busy")])),
            st.just(Script(refuse=GatewayError(Kind.UNREACHABLE, "no", local=False))),
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["tiny", "small"]),
)
def test_T21_E116_no_call_after_the_first_content_byte(scripts: list[Script], protocol: str) -> None:
    upstream = ScriptedUpstream(*scripts, FINE)
    it = Bench(upstream, tuple(provider(name, protocol) for name in ("one", "two", "three")))
    calls_at_content: list[int] = []

    async def watch(sink: WritingSink) -> None:
        if sink.kinds:
            calls_at_content.append(len(upstream.requests))

    sink = WritingSink(each=watch)
    try:
        run(it.run(sink=sink))
    except GatewayError:
        assert sink.status is None
    else:
        assert sink.kinds.count("error") + sink.kinds.count("end") == 1
        assert sink.kinds[-1] in ("error", "end")
    assert len({*calls_at_content, len(upstream.requests)}) <= (1 if calls_at_content else 99)
    assert sink.kinds.count("start") <= 1
    assert len(it.records) == 1
    assert len(upstream.requests) <= 6
    assert all(one.closed is not None for one in upstream.answers)


def test_T23_a_limit_without_alternative_is_waited_for_once() -> None:
    it = Bench(ScriptedUpstream(refusal(429, retry_after="7"), FINE))

    async def main() -> float:
        began = now()
        assert (await it.run()).text == "fine"
        return now() - began

    assert run(main()) == pytest.approx(7.0)


@pytest.mark.parametrize("value", ["61", "315360000"])
def test_T23_a_long_wait_goes_to_the_client_at_once(value: str) -> None:
    it = Bench(ScriptedUpstream(refusal(429, retry_after=value)))
    with pytest.raises(GatewayError) as raised:
        run(it.run())
    assert raised.value.retry_after == float(value)
    assert it.clock.slept == []


@pytest.mark.parametrize("value", ["-5", "junk", "", "nan", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_T23_nonsense_waits_are_survived(value: str) -> None:
    it = Bench(ScriptedUpstream(refusal(429, retry_after=value), FINE))
    assert run(it.run()).text == "fine"
    assert all(0 <= seconds < 1 for seconds in it.clock.slept)


def test_T24_T26_breakers_and_cool_downs_are_heeded() -> None:
    urls = {"http://one/tiny": [refusal(429, retry_after="20"), FINE], "http://two/tiny": [FINE]}
    it = Bench(ScriptedUpstream(by_url=urls), THREE[:2])

    async def main() -> list[str]:
        used = [(await it.run()).headers["x-trunkline-provider"] for _ in range(3)]
        await asyncio.sleep(21)
        return [*used, (await it.run()).headers["x-trunkline-provider"]]

    assert run(main()) == ["two", "two", "two", "one"]
    assert sum(request.url == "http://one/tiny" for request in it.upstream.requests) == 2


def test_redirects_are_errors() -> None:
    it = Bench(
        ScriptedUpstream(Script(status=307, headers=(("location", "http://evil/"),)), FINE), THREE[:1]
    )
    it.retry = Retry(per_target=0)
    with pytest.raises(GatewayError) as raised:
        run(it.run())
    assert raised.value.kind is Kind.UPSTREAM_FAILED
    assert len(it.upstream.requests) == 1


def test_T27_a_dead_account_costs_one_call_and_says_so() -> None:
    it = Bench(ScriptedUpstream(refusal(401)))
    with pytest.raises(GatewayError) as raised:
        run(it.run())
    assert len(it.upstream.requests) == 1
    assert raised.value.should_retry is False
    assert raised.value.raw == b"no"


def test_a_renewed_credential_gets_one_more_try() -> None:
    it = Bench(ScriptedUpstream(refusal(401), FINE))
    it.keys.renewals = 5
    assert run(it.run()).text == "fine"
    it = Bench(ScriptedUpstream(refusal(401)))
    it.keys.renewals = 5
    with pytest.raises(GatewayError):
        run(it.run())
    assert len(it.upstream.requests) == 2


def test_a_missing_credential_is_no_request() -> None:
    it = Bench(ScriptedUpstream(FINE), THREE[:2])
    it.keys.keys["one"] = None
    assert run(it.run()).headers["x-trunkline-provider"] == "two"
    assert len(it.upstream.requests) == 1


def unknown_field(surface: Surface, error: GatewayError) -> Lesson | None:
    if "unknown field" in error.message:
        return Relearned(replace(surface.facts, drop=surface.facts.drop | {"extra"}), "drops extra")
    if "unlucky" in error.message:
        return Again("sampling")
    if "other api" in error.message:
        return Switched("second", "only there")
    return None


def taught(*surfaces: Surface) -> TestProvider:
    return TestProvider("one", surfaces, teach=unknown_field)


@pytest.mark.parametrize("protocol", ["tiny", "small"])
def test_an_unknown_field_is_healed_and_remembered(protocol: str) -> None:
    it = Bench(
        ScriptedUpstream(refusal(400, b"unknown field extra"), FINE), (taught(surface("one", protocol)),)
    )
    body = b'{"model":"asked","stream":true,"extra":"field"}'

    async def main() -> None:
        assert (await it.run(body)).text == "fine"
        assert (await it.run(body)).text == "fine"

    run(main())
    assert [b"extra" in request.body for request in it.upstream.requests] == [True, False, False]
    assert len(it.records[0].attempts) == 2
    assert it.records[0].attempts[0].status == 400
    assert len(it.records[1].attempts) == 1


def test_lessons_are_limited_and_not_kept_when_they_do_not_help() -> None:
    it = Bench(ScriptedUpstream(refusal(400, b"unlucky")), (taught(surface("one", "tiny")),))
    with pytest.raises(GatewayError):
        run(it.run())
    assert len(it.upstream.requests) == 3
    it = Bench(
        ScriptedUpstream(refusal(400, b"unknown field extra"), refusal(400, b"still no"), FINE),
        (taught(surface("one", "small")),),
    )

    async def main() -> None:
        with pytest.raises(GatewayError):
            await it.run()
        await it.run()

    run(main())
    assert b"extra" in it.upstream.requests[2].body


def test_a_pass_through_that_an_edit_cannot_heal_is_encoded_anew() -> None:
    def only_by_encoding(surface: Surface, error: GatewayError) -> Lesson | None:
        return (
            Relearned(replace(surface.facts, prefill=False), "no prefill") if error.status == 400 else None
        )

    one = TestProvider("one", (surface("one", "tiny"),), teach=only_by_encoding)
    it = Bench(ScriptedUpstream(refusal(400), FINE), (one,))

    async def main() -> None:
        assert (await it.run()).text == "fine"
        assert (await it.run()).text == "fine"

    run(main())
    assert it.codecs["tiny"].encodings == 2
    assert len(it.upstream.requests) == 3


def test_a_refused_surface_is_switched_and_remembered() -> None:
    urls = {"http://one/first": [refusal(404, b"use the other api")], "http://one/second": [FINE]}
    both = taught(surface("one", "tiny", "first"), surface("one", "small", "second"))
    it = Bench(ScriptedUpstream(by_url=urls), (both,))

    async def main() -> None:
        assert (await it.run()).text == "fine"
        assert (await it.run()).text == "fine"

    run(main())
    assert [request.url for request in it.upstream.requests] == [
        "http://one/first",
        "http://one/second",
        "http://one/second",
    ]


def test_the_clients_own_protocol_is_preferred() -> None:
    it = Bench(ScriptedUpstream(FINE), (provider("one", "small", "tiny"),))
    run(it.run())
    run(it.run(protocol="small"))
    assert [request.url for request in it.upstream.requests] == ["http://one/tiny", "http://one/small"]


def test_strict_mode_refuses_what_would_be_lost() -> None:
    it = Bench(ScriptedUpstream(FINE), (provider("one", "small"),), strict=True)
    it.codecs["small"].lossy = True
    with pytest.raises(GatewayError) as raised:
        run(it.run())
    assert raised.value.status == 400
    assert raised.value.field == "top_k"
    assert it.upstream.requests == []


def test_strict_mode_takes_what_is_left_behind_on_purpose() -> None:
    it = Bench(ScriptedUpstream(FINE), (provider("one", "small"),), strict=True)
    it.codecs["small"].lossy = True
    it.codecs["small"].lost = "system.attribution"
    assert run(it.run()).text == "fine"


def test_an_error_says_who_was_asked_and_how_often() -> None:
    it = Bench(ScriptedUpstream(refusal(400)), (provider("one", "small"),))
    with pytest.raises(GatewayError) as raised:
        run(it.run())
    said = dict(raised.value.headers)
    assert said["x-trunkline-provider"] == "one"
    assert said["x-trunkline-model"] == "model"
    assert said["x-trunkline-route"] == "test"
    assert said["x-trunkline-attempts"] == "1"


def test_T16_a_request_that_gets_no_turn_is_recorded_and_sent_nowhere() -> None:
    admission = Admission(1, 0.0)
    it = Bench(ScriptedUpstream(FINE), admission=admission)

    async def main() -> GatewayError:
        assert admission.enter()
        with pytest.raises(GatewayError) as raised:
            await it.run()
        return raised.value

    assert run(main()).timeout == "queue.wait"
    assert it.upstream.requests == []
    assert it.records[0].outcome == "error"


def test_losses_are_told() -> None:
    it = Bench(ScriptedUpstream(FINE), (provider("one", "small"),))
    it.codecs["small"].lossy = True
    assert run(it.run()).headers["x-trunkline-losses"] == "top_k: no such knob"
    assert it.records[0].losses[0].field == "top_k"


ONE = origin_tag("one", "model")


def test_E5_E12_thinking_comes_back_before_its_call_and_only_to_its_maker() -> None:
    told = [
        event("start"),
        event("think", v="because", signature="proof"),
        event("call", id="c1", name="run"),
        event("args", v="{}"),
        event("end", v="tool_use"),
    ]
    urls = {"http://one/small": [Script(told)], "http://two/small": [Script(told)]}
    it = Bench(ScriptedUpstream(by_url=urls), (provider("one", "small"),))
    turn = [{"t": "call", "id": "c1", "name": "run", "v": "{}"}]

    async def main() -> None:
        await it.run()
        await it.run(parts=turn)

    run(main())
    sent = msgspec.json.decode(it.upstream.requests[1].body)
    assert [part["t"] for part in sent["parts"]] == ["think", "call"]
    assert sent["parts"][0]["signature"] == "proof"
    other = Bench(ScriptedUpstream(by_url=urls), (provider("two", "small"),), proofs=it.proofs)
    run(other.run(parts=turn))
    assert [part["t"] for part in msgspec.json.decode(other.upstream.requests[0].body)["parts"]] == ["call"]


def test_E8_signatures_only_go_back_to_their_maker() -> None:
    signed = [event("start"), event("think", v="x", signature="raw-proof"), event("end", v="end")]
    it = Bench(ScriptedUpstream(Script(signed)), (provider("one", "tiny"),))
    run(it.run())
    parts = [
        {"t": "think", "v": "x", "signature": "raw-proof"},
        {"t": "think", "v": "x", "signature": seal("s", ONE)},
        {"t": "think", "v": "x", "signature": "nobody-knows"},
    ]
    run(it.run(parts=parts))
    assert it.upstream.requests[1].body.count(b"signature") == 3
    other = Bench(ScriptedUpstream(Script(signed)), (provider("two", "tiny"),), proofs=it.proofs)
    sink = run(other.run(parts=parts))
    assert other.upstream.requests[0].body.count(b"signature") == 1
    assert b"nobody-knows" in other.upstream.requests[0].body
    assert "thinking" in sink.headers["x-trunkline-losses"]


def test_E8_a_refused_signature_leaves_only_those_we_know() -> None:
    it = Bench(ScriptedUpstream(refusal(400, b"Invalid `signature` in `thinking` block"), FINE))
    parts = [{"t": "think", "v": "x", "signature": "nobody-knows"}, {"t": "text", "v": "hi"}]
    assert run(it.run(parts=parts)).text == "fine"
    assert b"nobody-knows" in it.upstream.requests[0].body
    assert b"nobody-knows" not in it.upstream.requests[1].body


@pytest.mark.parametrize("protocol", ["tiny", "small"])
def test_E8_signatures_that_stay_refused_are_not_sent_at_all(protocol: str) -> None:
    """A client that changes what a model said leaves it with proofs of something else."""
    refused = refusal(400, b"Corrupted thought signature.")
    parts = [{"t": "think", "v": "x", "signature": "own"}, {"t": "text", "v": "hi"}]
    passed = protocol == "tiny"  # there a first step may be enough: those of unknown makers stay behind

    async def ask(it: Bench) -> WritingSink:
        it.build()
        assert it.proofs is not None
        it.proofs.sign(it.inbound().client, "own", origin_tag("one", "model"))
        return await it.run(parts=parts)

    it = Bench(ScriptedUpstream(*[refused] * (1 + passed), FINE), (provider("one", protocol),))
    assert run(ask(it)).text == "fine"
    *before, last = [request.body for request in it.upstream.requests]
    assert len(before) == 1 + passed
    assert all(b"own" in body for body in before)
    assert b"own" not in last
    assert b"hi" in last
    it = Bench(ScriptedUpstream(*[refused] * 4), (provider("one", protocol),))
    with pytest.raises(GatewayError, match="Corrupted"):
        run(ask(it))
    assert len(it.upstream.requests) == 2 + passed


async def cancel_after(it: Bench, seconds: float, sink: WritingSink, reason: str = "client_closed") -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(it.run(sink=sink))
        await asyncio.sleep(seconds)
        task.cancel(reason)


@pytest.mark.parametrize(
    ("script", "seconds"),
    [
        (Script(answer("a"), before=100.0), 5.0),
        (Script([*answer("a")[:2], 100.0]), 5.0),
        (Script([100.0]), 20.0),
        (refusal(429, retry_after="50"), 5.0),
    ],
    ids=["before headers", "in the stream", "after a ping", "in back-off"],
)
def test_T10_E117_a_client_that_leaves_ends_everything(script: Script, seconds: float) -> None:
    it = Bench(ScriptedUpstream(script))
    run(cancel_after(it, seconds, WritingSink()))
    (record,) = it.records
    assert record.outcome == "client_closed"
    assert all(one.closed is not None for one in it.upstream.answers)
    assert it.upstream.cancelled + len(it.upstream.answers) == 1
    assert len(it.upstream.requests) == 1


def test_T10_a_client_that_leaves_gives_the_probe_back() -> None:
    it = Bench(ScriptedUpstream(Script([*answer("a")[:2], 100.0])))
    for _ in range(5):
        it.health.failed(Target("one", "model"), GatewayError(Kind.OVERLOADED, "x", local=False), 0)
    run(cancel_after(it, 5, WritingSink()))
    assert not it.health.breaker(Target("one", "model")).probing


@pytest.mark.parametrize("protocol", ["tiny", "small"])
def test_a_client_that_leaves_with_the_whole_answer_was_served(protocol: str) -> None:
    """Codex closes its connection at the last event, before the upstream's has come to its end."""
    it = Bench(ScriptedUpstream(Script([*answer("a"), 100.0])), (provider("one", protocol),))
    run(cancel_after(it, 0.5, WritingSink()))
    assert it.records[0].outcome == "ok"


@pytest.mark.parametrize("stalled", [False, True])
def test_T14_a_sink_that_gives_up_is_recorded(stalled: bool) -> None:
    async def gone(sink: WritingSink) -> None:
        raise ClientGone(stalled=stalled)

    it = Bench(ScriptedUpstream(FINE))
    run(it.run(sink=WritingSink(each=gone)))
    assert it.records[0].outcome == ("client_stalled" if stalled else "client_closed")
    assert it.upstream.answers[0].closed is False
    it = Bench(ScriptedUpstream(Script([*answer("a")[:2], 100.0])))
    run(cancel_after(it, 5, WritingSink(), "client_stalled"))
    assert it.records[0].outcome == "client_stalled"


def test_a_broken_request_is_refused_before_anything_is_asked() -> None:
    it = Bench(ScriptedUpstream(FINE))
    with pytest.raises(GatewayError) as raised:
        run(it.run(b"{"))
    assert raised.value.status == 400
    assert it.upstream.requests == []
    assert it.records[0].asked_model == ""
    assert it.records[0].status == 400


def test_a_fault_of_ours_is_recorded_and_comes_out() -> None:
    it = Bench(ScriptedUpstream(FINE))
    it.codecs["tiny"].rename = None  # type: ignore[method-assign]
    with pytest.raises(TypeError):
        run(it.run())
    assert it.records[0].outcome == "error"
    assert it.records[0].status == 500


class Counter:
    def encode_count(self, input_tokens: int) -> bytes:
        return b'{"input_tokens":%d}' % input_tokens

    def decode_count(self, body: bytes) -> int:
        try:
            return int(msgspec.json.decode(body)["input_tokens"])
        except msgspec.DecodeError as cause:
            raise GatewayError(Kind.UPSTREAM_FAILED, "no count", local=False) from cause


def test_E112_tokens_are_counted_by_the_upstream_or_estimated() -> None:
    counting = replace(surface("one", "tiny"), count_url="http://one/count")
    urls = {
        "http://one/count": [Script([b'{"input_tokens":7}'], headers=JSON), refusal(500), Script([b"odd"])]
    }
    it = Bench(
        ScriptedUpstream(by_url=urls), (TestProvider("one", (counting,)),), counters={"tiny": Counter()}
    )
    body = msgspec.json.encode({"model": "asked", "parts": [{"t": "text", "v": "x" * 3000}]})

    async def main() -> list[bytes]:
        return [(await it.run(body, operation="count_tokens")).body for _ in range(3)]

    counted, failed, odd = run(main())
    assert counted == b'{"input_tokens":7}'
    assert failed == odd
    assert 1000 <= Counter().decode_count(failed) <= 1100
    assert it.records[0].usage is not None
    assert not it.records[0].usage.estimated
    assert it.records[1].usage is not None
    assert it.records[1].usage.estimated
    assert b'"one-model"' in it.upstream.requests[0].body
    none = Bench(ScriptedUpstream(FINE), (provider("one", "small"),), counters={"tiny": Counter()})
    assert b"input_tokens" in run(none.run(body, operation="count_tokens")).body
    assert none.upstream.requests == []
