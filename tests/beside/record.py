"""The recording of claude-code-router: ``python -m beside.record`` from ``tests`` runs it and writes it anew."""

import itertools
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from beside.program import router
from beside.provider import Provider
from beside.rows import ENVIRON, ROWS, Row
from beside.seen import Seen, decode_seen, encode_seen

RECORDING = Path(__file__).parent.parent / "fixtures" / "ccr" / "recording.jsonl"


def run_router(rows: list[Row], folder: Path) -> Iterator[tuple[Row, Seen]]:
    """Each row on the real router, one process for each configuration."""
    for config, group in itertools.groupby(rows, lambda row: row.config):
        provider = Provider()
        with router(config, folder, provider, ENVIRON) as running:
            for row in group:
                yield row, running.run(row, provider)


def recording() -> Mapping[str, Seen]:
    """What is recorded, by the rows' ids."""
    with RECORDING.open(encoding="utf-8") as lines:
        return dict(map(decode_seen, lines))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        written = [encode_seen(row.id, seen) for row, seen in run_router(ROWS, Path(made))]
    RECORDING.write_text("\n".join(written) + "\n", encoding="utf-8")
