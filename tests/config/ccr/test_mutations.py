"""T85: files damaged at random. Each is read or refused with file and line; none crashes."""

import random
from pathlib import Path

import pytest

from trunkline.config.ccr.document import decode_ccr
from trunkline.config.problems import ConfigurationError

PIECES = (
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "'",
    "null",
    "true",
    "-1",
    '""',
    "{}",
    "[]",
    "//",
    "/*",
    "$X",
    "\\",
    "\n",
    "é",
)
FILES = sorted(path.name for path in (Path(__file__).parent / "configs").iterdir() if path.suffix != ".md")
ROUNDS = 60


def damaged(text: str, chance: random.Random) -> str:
    """``text`` with a piece cut out, put in or put in another place."""
    start = chance.randrange(len(text))
    end = min(len(text), start + chance.choice((0, 1, 1, 5, 40)))
    cut = text[:start] + text[end:]
    if chance.random() < 0.4:
        return cut
    place = chance.randrange(len(cut) + 1)
    piece = chance.choice((*PIECES, text[start:end]))
    return cut[:place] + piece + cut[place:]


@pytest.mark.parametrize("file", FILES)
def test_T85_damaged_files_are_read_or_refused(file: str, configs: Path, environ: dict[str, str]) -> None:
    chance = random.Random(file)
    text = (configs / file).read_text()
    refused = 0
    for _ in range(ROUNDS):
        broken = damaged(text, chance)
        try:
            imported = decode_ccr(broken, "config.json", environ)
        except ConfigurationError as error:
            refused += 1
            placed = [problem.line is not None for problem in error.problems]
        else:
            placed = [note.line > 0 for note in imported.notes]
        assert all(placed), broken
    assert 0 < refused < ROUNDS
