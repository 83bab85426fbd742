"""What Prometheus is told, read by its own parser."""

import asyncio
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import anthropic
import msgspec
import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from app.whole import Asked, Reply, through
from relay.kit import LoopClock
from trunkline.app.metrics import MAX_PAIRS, SECONDS, Metrics
from trunkline.config.schema import Retry
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.usage import Usage
from trunkline.relay.ports import AttemptRecord, ExchangeRecord
from trunkline.relay.turns import Turns
from trunkline.routing.health import POLICY, Health
from trunkline.routing.plan import Target
from trunkline.routing.retry_budget import RetryBudget

RECORD = ExchangeRecord(
    request_id="1", protocol="openai_chat", operation="generate", asked_model="m", provider="p", model="d",
    route="explicit", stream=True, status=200, outcome="ok", losses=(), stop=None, error=None, seconds=3.0,
    attempts=(
        AttemptRecord(target="p/d", surface="chat", protocol="openai_chat", status=None,
                      error="timeout timeout=up.headers: p/d did not start to answer", seconds=1.0),
        AttemptRecord(target="p/d", surface="chat", protocol="openai_chat", status=200, error=None, seconds=2.0),
    ),
    usage=Usage(input=5, cache_read=7, output=3), first_byte_seconds=0.3, client="-", agent="", session=None,
)  # fmt: skip

Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


def read(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of all samples of this name that have these labels."""
    return sum(
        number
        for (found, pairs), number in samples.items()
        if found == name and labels.items() <= dict(pairs).items()
    )


def test_a_record_is_counted_by_what_it_says() -> None:
    metrics = Metrics(Health(), LoopClock(), Turns(LoopClock()), RetryBudget(Retry()))

    async def scenario() -> str:
        metrics.record(RECORD)
        metrics.record(replace(RECORD, outcome="error", status=504, usage=None, first_byte_seconds=None))
        return (await metrics.exposition()).decode()

    samples = read(asyncio.run(scenario()))
    assert value(samples, "trunkline_requests_total", outcome="ok", provider="p", status="200") == 1
    assert value(samples, "trunkline_requests_total", protocol="openai_chat") == 2
    assert value(samples, "trunkline_tokens_total", kind="cache_read", estimated="no") == 7
    assert value(samples, "trunkline_upstream_attempts_total", status="200", error="") == 2
    assert value(samples, "trunkline_upstream_attempts_total", error="timeout", timeout="up.headers") == 2
    assert value(samples, "trunkline_request_seconds_sum", provider="p", model="d") == 6.0
    assert value(samples, "trunkline_request_seconds_bucket", le="2.5") == 0
    assert value(samples, "trunkline_request_seconds_bucket", le="5.0") == 2
    assert value(samples, "trunkline_request_seconds_count") == 2
    assert value(samples, "trunkline_first_byte_seconds_count") == 1
    assert value(samples, "trunkline_first_byte_seconds_bucket", le=str(SECONDS[1])) == 0
    assert value(samples, "trunkline_breaker_open", provider="p", model="d") == 0


def test_names_that_clients_make_up_do_not_add_up() -> None:
    async def scenario() -> str:
        metrics = Metrics(Health(), LoopClock(), Turns(LoopClock()), RetryBudget(Retry()))
        for number in range(MAX_PAIRS + 100):
            metrics.record(replace(RECORD, model=f"m{number}", attempts=()))
        return (await metrics.exposition()).decode()

    samples = read(asyncio.run(scenario()))
    names = {dict(pairs)["model"] for (name, pairs) in samples if name == "trunkline_requests_total"}
    assert len(names) == MAX_PAIRS + 1
    assert value(samples, "trunkline_requests_total", model="other") == 100
    assert value(samples, "trunkline_requests_total") == MAX_PAIRS + 100


def test_T24_an_open_breaker_shows() -> None:
    async def scenario() -> str:
        health, clock = Health(), LoopClock()
        metrics = Metrics(health, clock, Turns(clock), RetryBudget(Retry()))
        metrics.record(RECORD)
        down = GatewayError(Kind.UNREACHABLE, "down", local=False)
        for _ in range(POLICY.failures):
            health.failed(Target("p", "d"), down, clock.now())
        health.failed(Target("q", "d"), down, clock.now())
        limited = GatewayError(Kind.RATE_LIMITED, "slow down", retry_after=30.0, local=False)
        health.failed(Target("p", "e"), limited, clock.now())
        return (await metrics.exposition()).decode()

    samples = read(asyncio.run(scenario()))
    assert value(samples, "trunkline_breaker_open", provider="p", model="d") == 1
    assert value(samples, "trunkline_breaker_open", provider="q", model="d") == 0
    assert 0 < value(samples, "trunkline_credential_rests_seconds", provider="p") <= 30


@pytest.mark.server
def test_the_route_counts_real_requests_and_wants_the_clients_key(tmp_path: Path) -> None:
    def config(url: str) -> str:
        return f"""
server: {{keys: [secret-key]}}
providers:
  local: {{kind: custom, speaks: {{anthropic_messages: "{url}"}}, models: [m]}}
"""

    def serve(asked: Asked) -> Reply:
        usage = {"input_tokens": 4, "output_tokens": 2}
        text = [{"type": "text", "text": "hi"}]
        answer = {"id": "a", "type": "message", "role": "assistant", "model": "m", "content": text,
                  "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}  # fmt: skip
        return msgspec.json.encode(answer)

    def ask(url: str) -> tuple[int, str, str]:
        with anthropic.Anthropic(api_key="secret-key", base_url=url, max_retries=0) as client:
            client.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "hi"}])
        try:
            with urllib.request.urlopen(f"{url}/metrics"):
                status = 200
        except urllib.error.HTTPError as refused:
            status = refused.code
        request = urllib.request.Request(f"{url}/metrics", headers={"authorization": "Bearer secret-key"})
        with urllib.request.urlopen(request) as reply:
            return status, reply.headers["content-type"], reply.read().decode()

    (refused, kind, text), _, _ = through(serve, config, tmp_path, ask)
    assert refused == 401
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    assert "secret-key" not in text
    samples = read(text)
    assert value(samples, "trunkline_requests_total", provider="local", model="m", outcome="ok") == 1
    assert value(samples, "trunkline_tokens_total", kind="output") == 2
    assert value(samples, "trunkline_build_info") == 1


def test_models_whose_minute_is_used_up_show() -> None:
    async def scenario() -> str:
        clock = LoopClock()
        turns = Turns(clock)
        turns.refused(Target("p", "d"), turns.number())
        waiting = asyncio.ensure_future(turns.take(Target("p", "d"), turns.number(), clock.now() + 60))
        await asyncio.sleep(0)
        shown = (await Metrics(Health(), clock, turns, RetryBudget(Retry())).exposition()).decode()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return shown

    samples = read(asyncio.run(scenario()))
    assert 0 < value(samples, "trunkline_model_rests_seconds", provider="p", model="d") <= 1
    assert value(samples, "trunkline_model_waiting_requests", provider="p", model="d") == 1
