"""The recording of claude-code-router: ``python -m beside.record`` from ``tests`` runs it and writes it anew."""

import itertools
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from beside.ours import run_at_home
from beside.program import router
from beside.provider import Provider
from beside.rows import AT_HOME, ENVIRON, ROWS, Row
from beside.seen import Seen, decode_seen, encode_seen

FIXTURES = Path(__file__).parent.parent / "fixtures" / "ccr"
RECORDING = FIXTURES / "recording.jsonl"
OURS = FIXTURES / "ours.jsonl"
"""What Trunkline does on the rows that need Node.js or a home."""


def run_router(rows: list[Row], folder: Path) -> Iterator[tuple[Row, Seen]]:
    """Each row on the real router, one process for each configuration."""
    for config, group in itertools.groupby(rows, lambda row: row.config):
        provider = Provider()
        with router(config, folder, provider, ENVIRON) as running:
            for row in group:
                yield row, running.run(row, provider)


def run_all_at_home(rows: list[Row], folder: Path) -> Iterator[tuple[Row, Seen]]:
    """Trunkline on the rows whose configurations load files from their user's home."""
    return ((row, run_at_home(row, ENVIRON, folder)) for row in rows if row.config in AT_HOME)


@cache
def recording(file: Path = RECORDING) -> Mapping[str, Seen]:
    """What is recorded, by the rows' ids."""
    with file.open(encoding="utf-8") as lines:
        return dict(map(decode_seen, lines))


def record(file: Path, seen: Iterable[tuple[Row, Seen]]) -> None:
    """Write a recording."""
    lines = [encode_seen(row.id, one) for row, one in seen]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        record(RECORDING, run_router(ROWS, Path(made)))
        record(OURS, run_all_at_home(ROWS, Path(made)))
