#!/usr/bin/env python3
"""What each client protocol costs: the same work asked in Messages, Chat, Responses and Gemini, beside nginx in one run.

    clients.py [--bench DIR] [--seconds 2] [--rounds 3] [--json OUT]

The gateway of this checkout answers from the benchmark's OpenAI Chat provider. The small and the big request are the
benchmark's own, said in each protocol by the codecs. Columns as in ``bench.py``: µs of CPU of the whole process tree
per small request answered whole (plain), per streamed event that arrives alone (paced), per 180 kB request (big). The
last three are ratios to the Messages row: none may be above 1.3. All targets run side by side and are asked in turns.
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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

from msgspec import Struct
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
Bodies = dict[str, pathlib.Path]
"""Size -> the request's file."""


class Load(Struct, frozen=True):
    """What is asked at a time, as ``bench.py`` does it."""

    connections: int
    size: str = "small"
    stream: bool = False
    units: int = 1
    least: float = 0.0
    """Seconds that it goes on at least."""


LOADS = (
    {"plain": Load(32), "big": Load(8, size="big")},
    {"paced": Load(64, stream=True, units=104, least=5.0)},
)
"""By provider: the quick one, and the one that sends an event every 10 ms."""


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


def at_port(spec: dict[str, Any], port: int) -> dict[str, Any]:
    """The same target on another port, to run beside it."""
    start = [str(port) if argument == str(spec["port"]) else argument for argument in spec["start"]]
    return {**spec, "start": start, "port": port}


@contextmanager
def side_by_side(
    bench: Any, specs: Mapping[str, dict[str, Any]], provider: int, bodies: Mapping[str, Bodies]
) -> Iterator[dict[str, Any]]:
    """All targets on one provider, each warm; what nobody asks costs nothing."""
    with ExitStack() as stack:
        runs: dict[str, Any] = {}
        for name, spec in specs.items():
            scratch = stack.enter_context(tempfile.TemporaryDirectory())
            run = bench.Running(spec, f"127.0.0.1:{provider}", pathlib.Path(scratch))
            stack.callback(run.stop)
            run.wait(bodies[name]["small"])
            bench.wrk(run.port, spec["path"], bodies[name]["small"], stream=False, connections=8, seconds=1)
            runs[name] = run
        yield runs


def per_unit(bench: Any, run: Any, path: str, body: pathlib.Path, load: Load, seconds: float) -> float:
    """µs of CPU for each unit of work under a load."""
    before, _ = bench.spent(run.process.pid)
    result = bench.wrk(
        run.port,
        path,
        body,
        stream=load.stream,
        connections=load.connections,
        seconds=max(seconds, load.least),
    )
    after, _ = bench.spent(run.process.pid)
    good = result["requests"] - result["bad"]
    if result["bad"] or good <= 0:
        raise RuntimeError(f"{path}: {result['bad']} bad answers of {result['requests']}: {run.tail()}")
    return float((after - before) / (good * load.units) * 1e6)


def measure(bench: Any, bodies: Mapping[str, Bodies], options: Any) -> dict[str, dict[str, float]]:
    """The rows: medians of rounds that are taken in turns, so that a slow second of the machine is nobody's."""
    target = json.loads((HERE / "targets.json").read_text())["trunkline"]
    specs: dict[str, dict[str, Any]] = {"nginx": {**bench.NGINX, "path": PATHS["anthropic_messages"][0]}}
    for number, protocol in enumerate(PATHS):
        specs[protocol] = {**at_port(target, target["port"] + number), "path": PATHS[protocol][0]}
    got: dict[str, dict[str, list[float]]] = {name: {} for name in specs}
    for loads in LOADS:
        provider = bench.PACED if "paced" in loads else bench.FAST
        with side_by_side(bench, specs, provider, bodies) as runs:
            for key in [key for _ in range(options.rounds) for key in loads]:
                load = loads[key]
                for name, run in runs.items():
                    path = PATHS.get(name, PATHS["anthropic_messages"])[load.stream]
                    spent = per_unit(bench, run, path, bodies[name][load.size], load, options.seconds)
                    got[name].setdefault(key, []).append(spent)
    return {
        name: {key: statistics.median(values) for key, values in found.items()}
        for name, found in got.items()
    }


def rows(bench: Any, options: Any) -> dict[str, dict[str, float]]:
    """nginx and the four protocols."""
    providers = [bench.provider(bench.FAST), bench.provider(bench.PACED, "--gap-ms", "10")]
    time.sleep(1)
    try:
        with tempfile.TemporaryDirectory() as work:
            bodies: dict[str, Bodies] = {protocol: {} for protocol in PATHS}
            for size in ("small", "big"):
                original = pathlib.Path(work) / f"{size}.json"
                subprocess.run(
                    [sys.executable, str(options.bench / "bodies.py"), size, str(original)], check=True
                )
                for protocol in PATHS:
                    bodies[protocol][size] = pathlib.Path(work) / f"{protocol}-{size}.json"
                    bodies[protocol][size].write_bytes(say(protocol, original.read_bytes()))
            bodies["nginx"] = bodies["anthropic_messages"]
            return measure(bench, bodies, options)
    finally:
        for one in providers:
            one.terminate()


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
