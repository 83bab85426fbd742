#!/usr/bin/env python3
"""What a turn of a growing conversation costs, beside one that is like nothing before: CPU of the gateway's process tree.

    session.py [--bench DIR] [--rounds 4] [--turns 30] [--source DIR] [--json OUT]

Each session begins as a recorded request of Claude Code does, and grows by a call and its result a turn; its cache
mark stands on the last turn, as there. Said in each client protocol, eight sessions at a time are played through the
gateway of this checkout (or of DIR: another one's ``src``), which answers from the benchmark's provider. µs of CPU each:

  small   a short question, as often as there are turns: what any request costs
  first   a session's first turn: its tools and system prompt are known, its words are not
  later   each turn after it, of which only the end is new
  unlike  the same bodies, changed so that nothing in them is like anything before
"""

import http.client
import json
import pathlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from clients import HERE, MODEL, PATHS, figures, heading, keep, load_bench, questions, say

RECORDED = HERE.parent / "tests" / "fixtures" / "clients" / "claude-code" / "multi" / "007.request.json"
WORDS = ["def", "return", "the", "function", "import", "value", "class", "self", "path", "result", "\n    ", "if",
         "not", "error", "None", '"quoted"', "naïve", "→"]  # fmt: skip
KINDS = ("small", "first", "later", "unlike")
COLUMNS = (*KINDS, "kB")
AT_ONCE = 8
ROWS = {**dict.fromkeys(PATHS, "trunkline"), "passed through": "trunkline-pass"}
HEAD = {"content-type": "application/json", "x-api-key": "bench-key", "anthropic-version": "2023-06-01"}


def words(rng: random.Random, size: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(size // 6))


def session(seed: int, turns: int) -> Iterator[dict[str, Any]]:
    """The bodies of one session, a turn longer each."""
    rng = random.Random(seed)
    body = json.loads(RECORDED.read_text())["body"]
    body |= {"model": MODEL, "stream": False}
    body.pop("thinking", None)
    told = {"type": "text", "text": words(rng, 2000)}
    messages: list[dict[str, Any]] = [{"role": "user", "content": [told]}]
    for turn in range(turns):
        yield {**body, "messages": marked(messages)}
        call = {
            "type": "tool_use",
            "id": f"toolu_{seed}_{turn}",
            "name": "Read",
            "input": {"file_path": words(rng, 60)},
        }
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": words(rng, 3000)}
        messages = [
            *messages,
            {"role": "assistant", "content": [{"type": "text", "text": words(rng, 600)}, call]},
            {"role": "user", "content": [result]},
        ]


def marked(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With the cache mark on the last block, and nowhere else."""
    *before, last = messages
    *blocks, block = last["content"]
    return [*before, {**last, "content": [*blocks, {**block, "cache_control": {"type": "ephemeral"}}]}]


def unlike(body: dict[str, Any], seed: str) -> dict[str, Any]:
    """The same work with a word of its own in each turn, tool and instruction."""
    changed = json.loads(json.dumps(body))
    for block in [*changed["system"], *(block for turn in changed["messages"] for block in texts(turn))]:
        block["text"] = f"{seed} {block['text']}"
    for tool in changed["tools"]:
        tool["description"] = f"{seed} {tool.get('description', '')}"
    return changed


def texts(turn: dict[str, Any]) -> list[dict[str, Any]]:
    return [block for block in turn["content"] if block["type"] == "text"]


class Asked:
    """A gateway under load, and what each kind of request cost it."""

    def __init__(self, bench: Any, run: Any, path: str) -> None:
        self._bench = bench
        self._run = run
        self._path = path
        self._spent: dict[str, float] = dict.fromkeys(KINDS, 0.0)
        self._count: dict[str, int] = dict.fromkeys(KINDS, 0)

    def play(self, kind: str, sessions: list[list[bytes]]) -> None:
        """The sessions side by side, the bodies of each one after another."""
        before = self._nanoseconds()
        with ThreadPoolExecutor(len(sessions)) as players:
            list(players.map(self._ask, sessions))
        self._spent[kind] += (self._nanoseconds() - before) / 1e3
        self._count[kind] += sum(map(len, sessions))

    def costs(self) -> dict[str, float]:
        return {kind: self._spent[kind] / self._count[kind] for kind in KINDS}

    def _ask(self, bodies: list[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._run.port, timeout=60)
        for body in bodies:
            connection.request("POST", self._path, body, HEAD)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status}: {said[:300]!r}")
        connection.close()

    def _nanoseconds(self) -> int:
        """CPU time of the process tree; the clock of a process has a number made of its own."""
        pids = self._bench.tree(self._run.process.pid)
        return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in pids)


def row(bench: Any, name: str, target: dict[str, Any], options: Any) -> dict[str, float]:
    """Means by kind, with the size of the bodies."""
    protocol = name if name in PATHS else "anthropic_messages"
    path = PATHS[protocol][0]
    if options.source:
        target = {**target, "env": {**target.get("env", {}), "PYTHONPATH": str(options.source)}}
    short = said_in(
        protocol, {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
    )
    with tempfile.TemporaryDirectory() as scratch:
        run = bench.Running({**target, "path": path}, f"127.0.0.1:{bench.FAST}", pathlib.Path(scratch))
        first = pathlib.Path(scratch) / "first.json"
        first.write_bytes(said_in(protocol, next(session(-1, 1))))
        try:
            run.wait(first)
            asked = Asked(bench, run, path)
            sizes: list[int] = []
            for turn in range(options.rounds + 1):
                wires = [list(session(turn * AT_ONCE + one, options.turns)) for one in range(AT_ONCE)]
                bodies = [[said_in(protocol, wire) for wire in one] for one in wires]
                others = [
                    [
                        said_in(protocol, unlike(wire, f"{turn}/{place}/{at}"))
                        for at, wire in enumerate(one[1::5])
                    ]
                    for place, one in enumerate(wires)
                ]
                if not turn:
                    asked.play("later", bodies)
                    asked = Asked(bench, run, path)  # it is warm now
                    continue
                asked.play("small", [[short] * options.turns] * AT_ONCE)
                asked.play("first", [one[:1] for one in bodies])
                asked.play("later", [one[1:] for one in bodies])
                asked.play("unlike", others)
                sizes += [len(body) for one in bodies for body in one]
        finally:
            run.stop()
    return {**asked.costs(), "kB": statistics.fmean(sizes) / 1000}


def said_in(protocol: str, body: dict[str, Any]) -> bytes:
    said = json.dumps(body).encode()
    if protocol == "anthropic_messages":
        return said
    return say(protocol, said).replace(b'"stream": true', b'"stream": false')


def main() -> int:
    ask = questions(__doc__, rounds=4)
    ask.add_argument("--turns", type=int, default=30)
    ask.add_argument("--source", type=pathlib.Path)
    options = ask.parse_args()
    bench = load_bench(options.bench)
    targets = json.loads((HERE / "targets.json").read_text())
    provider = bench.provider(bench.FAST)
    time.sleep(1)
    found: dict[str, dict[str, float]] = {}
    try:
        print(heading(COLUMNS))
        for name, target in ROWS.items():
            found[name] = row(bench, name, targets[target], options)
            print(figures(name, found[name], COLUMNS), flush=True)
    finally:
        provider.terminate()
    keep(found, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
