#!/usr/bin/env python3
"""What longContext costs: CPU time of one exchange with the route and without it, in this process, in turns.

    long_context.py [--bench DIR] [--rounds 60] [--growing]

The benchmark's 180 kB request is planned, translated to Chat and answered whole by a stand-in in memory. Each round times
every way once, in an order that changes; the medians and their ratios to the first are printed. With the extra ``tokens``
the exact count is a row of its own. ``--growing``: each request is one turn longer than the last, as an agent's are.
"""

import argparse
import asyncio
import importlib.util
import pathlib
import random
import statistics
import sys
import time

import msgspec

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests")]

from relay.kit import JSON, KeyRing, LoopClock, Records, Script, ScriptedUpstream, WritingSink, provider

from trunkline.app.router import Router
from trunkline.app.token_counts import TokenCounts, token_counts
from trunkline.config.schema import Configuration, ProviderSettings, Retry, RouteRule, Timeouts
from trunkline.protocols.registry import CODECS
from trunkline.relay.exchange import Exchange
from trunkline.relay.inbound import Inbound
from trunkline.relay.learned import Learned
from trunkline.relay.proofs import ProofStore
from trunkline.routing.table import build_table

ANSWER = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
)
EVERY = {"think", "webSearch", "image", "longContext"}


def exchange(routes: set[str], counts: TokenCounts | None) -> Exchange:
    """A gateway with the default route and ``routes``."""
    rules = [
        (name, RouteRule(to=("up/m",), above=60_000 if name == "longContext" else None))
        for name in sorted(routes)
    ]
    configuration = Configuration(
        source="benchmark",
        providers=(("up", ProviderSettings(kind="custom")),),
        routes=(("default", RouteRule(to=("up/m",))), *rules),
    )
    clock = LoopClock()
    return Exchange(
        planner=Router(build_table(configuration, ()), counts),
        providers={"up": provider("up", "openai_chat")},
        codecs=CODECS,
        upstream=ScriptedUpstream(Script([ANSWER], headers=JSON)),
        credentials=KeyRing(),
        clock=clock,
        recorder=Records(),
        timeouts=Timeouts(),
        retry=Retry(),
        proofs=ProofStore(clock.now),
        learned=Learned(clock.now),
    )


async def cost(one: Exchange, body: bytes) -> float:
    """ms of CPU, all threads, for one exchange."""
    inbound = Inbound(
        codec=CODECS["anthropic_messages"],
        operation="generate",
        body=body,
        headers=(),
        request_id="r",
        client="-",
    )
    before = time.process_time()
    await one.run(inbound, WritingSink())
    return (time.process_time() - before) * 1000


def bodies(bench: pathlib.Path, rounds: int, *, growing: bool) -> list[bytes]:
    spec = importlib.util.spec_from_file_location("bodies", bench / "bodies.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    request = {**module.big(), "stream": False}
    found: list[bytes] = []
    for number in range(rounds + 1):
        found.append(msgspec.json.encode(request))
        if growing:
            turns = [{"role": "assistant", "content": "ok"}, {"role": "user", "content": f"go on {number}"}]
            request = {**request, "messages": [*request["messages"], *turns]}
    return found


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", type=pathlib.Path, default=HERE.parent.parent / "shared" / "bench")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--growing", action="store_true")
    given = parser.parse_args()
    counts = token_counts()
    ways = {
        "default alone": exchange(set(), None),
        "and longContext, by size": exchange({"longContext"}, None),
        "every route but longContext": exchange(EVERY - {"longContext"}, None),
        "every route, by size": exchange(EVERY, None),
    }
    if counts is not None:
        ways["and longContext, counted"] = exchange({"longContext"}, counts)
        ways["every route, counted"] = exchange(EVERY, token_counts())
    asked = bodies(given.bench, given.rounds, growing=given.growing)
    first = {name: await cost(one, asked[0]) for name, one in ways.items()}
    measured: dict[str, list[float]] = {name: [] for name in ways}
    for body in asked[1:]:
        for name in random.sample(sorted(ways), len(ways)):
            measured[name].append(await cost(ways[name], body))
    base = statistics.median(measured["default alone"])
    print(
        f"{len(asked[0])} bytes, {given.rounds} rounds; ms of CPU, and the ratio to the default route alone"
    )
    for name, values in measured.items():
        middle = statistics.median(values)
        print(f"{name:28} {middle:7.3f} {middle / base:6.2f}   first request {first[name]:7.2f}")


if __name__ == "__main__":
    asyncio.run(main())
