#!/usr/bin/env python3
"""What each client protocol costs: the same work asked in Messages, Chat, Responses and Gemini, beside nginx in one run.

    clients.py [--bench DIR] [--seconds 2] [--rounds 3] [--json OUT]

The gateway of this checkout answers from the benchmark's OpenAI Chat provider. The small and the big request are the
benchmark's own, said in each protocol by the codecs. Columns as in ``bench.py``: µs of CPU of the whole process tree
per small request answered whole (plain), per streamed event that arrives alone (paced), per 180 kB request (big). The
last three are ratios to the Messages row: none may be above 1.3.
"""

import argparse
import importlib.util
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from msgspec.structs import replace

from trunkline.core.facts import Facts
from trunkline.protocols.registry import CODECS

HERE = pathlib.Path(__file__).resolve().parent
MODEL = "claude-sonnet-4"
PATHS = {
    "anthropic_messages": ("/v1/messages", "/v1/messages"),
    "openai_chat": ("/v1/chat/completions", "/v1/chat/completions"),
    "openai_responses": ("/v1/responses", "/v1/responses"),
    "gemini": (
        f"/v1beta/models/{MODEL}:generateContent",
        f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse",
    ),
}
"""Protocol -> where whole answers and streams are asked for."""
COLUMNS = ("plain", "paced", "big")


def load_bench(folder: pathlib.Path) -> ModuleType:
    """The benchmark itself: its provider, its load and its way to count CPU."""
    spec = importlib.util.spec_from_file_location("bench", folder / "bench.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def say(protocol: str, body: bytes) -> bytes:
    """The request as a client of ``protocol`` writes it; ``"stream": true`` stands as the load script looks for it."""
    request = replace(CODECS["anthropic_messages"].decode_request(body), model=MODEL, stream=False)
    facts = Facts(provider="client", model=MODEL, cache_marks=True)
    said = json.loads(CODECS[protocol].encode_request(request, facts).body)
    if protocol == "openai_responses":
        said["store"] = False
    if protocol != "gemini":
        said = {
            "model": said.pop("model"),
            "stream": True,
            **{k: v for k, v in said.items() if k != "stream"},
        }
    return json.dumps(said).encode()


def measure(
    bench: Any, protocol: str, spec: dict[str, Any], bodies: dict[str, pathlib.Path], options: Any
) -> dict[str, float]:
    """One row: medians of the rounds."""
    whole, streamed = PATHS[protocol]
    got: dict[str, list[float]] = {}

    def per(
        run: Any,
        key: str,
        path: str,
        body: str,
        *,
        units: int = 1,
        stream: bool = False,
        connections: int,
        seconds: float,
    ) -> None:
        before, _ = bench.spent(run.process.pid)
        result = bench.wrk(
            run.port, path, bodies[body], stream=stream, connections=connections, seconds=seconds
        )
        after, _ = bench.spent(run.process.pid)
        good = result["requests"] - result["bad"]
        if result["bad"] or good <= 0:
            raise RuntimeError(
                f"{protocol} {key}: {result['bad']} bad answers of {result['requests']}: {run.tail()}"
            )
        got.setdefault(key, []).append((after - before) / (good * units) * 1e6)

    spec = {**spec, "path": whole}
    with tempfile.TemporaryDirectory() as scratch:
        run = bench.Running(spec, f"127.0.0.1:{bench.FAST}", pathlib.Path(scratch))
        try:
            run.wait(bodies["small"])
            bench.wrk(run.port, whole, bodies["small"], stream=False, connections=8, seconds=1)
            for _ in range(options.rounds):
                per(run, "plain", whole, "small", connections=32, seconds=options.seconds)
                per(run, "big", whole, "big", connections=8, seconds=options.seconds)
        finally:
            run.stop()
    with tempfile.TemporaryDirectory() as scratch:
        run = bench.Running(spec, f"127.0.0.1:{bench.PACED}", pathlib.Path(scratch))
        try:
            run.wait(bodies["small"])
            for _ in range(options.rounds):
                per(
                    run,
                    "paced",
                    streamed,
                    "small",
                    units=104,
                    stream=True,
                    connections=64,
                    seconds=max(options.seconds, 5),
                )
        finally:
            run.stop()
    return {key: statistics.median(values) for key, values in got.items()}


def rows(bench: Any, options: Any) -> dict[str, dict[str, float]]:
    """nginx and the four protocols."""
    found: dict[str, dict[str, float]] = {}
    target = json.loads((HERE / "targets.json").read_text())["trunkline"]
    providers = [bench.provider(bench.FAST), bench.provider(bench.PACED, "--gap-ms", "10")]
    time.sleep(1)
    try:
        with tempfile.TemporaryDirectory() as work:
            bodies: dict[str, dict[str, pathlib.Path]] = {protocol: {} for protocol in PATHS}
            for size in ("small", "big"):
                original = pathlib.Path(work) / f"{size}.json"
                subprocess.run(
                    [sys.executable, str(options.bench / "bodies.py"), size, str(original)], check=True
                )
                for protocol in PATHS:
                    bodies[protocol][size] = pathlib.Path(work) / f"{protocol}-{size}.json"
                    bodies[protocol][size].write_bytes(say(protocol, original.read_bytes()))
            found["nginx"] = measure(
                bench, "anthropic_messages", bench.NGINX, bodies["anthropic_messages"], options
            )
            for protocol in PATHS:
                found[protocol] = measure(bench, protocol, target, bodies[protocol], options)
    finally:
        for one in providers:
            one.terminate()
    return found


def questions(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """What every benchmark here can be told."""
    ask = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ask.add_argument("--bench", type=pathlib.Path, default=HERE.parent.parent / "shared" / "bench")
    ask.add_argument("--rounds", type=int, default=rounds)
    ask.add_argument("--json", type=pathlib.Path)
    return ask


def heading(columns: Sequence[str]) -> str:
    return f"{'':20}" + "".join(f"{column:>10}" for column in columns)


def figures(name: str, row: Mapping[str, float], columns: Sequence[str]) -> str:
    return f"{name:20}" + "".join(f"{row[column]:10.0f}" for column in columns)


def keep(found: object, file: pathlib.Path | None) -> None:
    """What was measured, as JSON, where it was asked for."""
    if file is not None:
        file.write_text(json.dumps(found, indent=1) + "\n")


def main() -> int:
    ask = questions(__doc__, rounds=3)
    ask.add_argument("--seconds", type=float, default=2)
    options = ask.parse_args()
    found = rows(load_bench(options.bench), options)
    print(heading(COLUMNS) + "   x nginx              x Messages")
    for name, row in found.items():
        beside = "  ".join(f"{row[column] / found['nginx'][column]:5.1f}" for column in COLUMNS)
        against = "  ".join(
            f"{row[column] / found['anthropic_messages'][column]:5.2f}" for column in COLUMNS
        )
        print(f"{figures(name, row, COLUMNS)}   {beside}   {against}")
    keep(found, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
