"""T85: hundreds of broken files. Each is refused with file, line and key; none is accepted, none crashes."""

import random
import re
from pathlib import Path

from trunkline.config.load import load_file
from trunkline.config.problems import ConfigurationError

LINES = """\
server:
  host: 127.0.0.1
  port: 3456
  keys: ["c1ient"]
  max_body: 1048576
  strict: false
  ping: 15.0
providers:
  dbx:
    kind: databricks
    host: adb-1.2.azuredatabricks.net
    token: t0ken
    auth: bearer
    prefix: gateway
    surface: chat
    api_version: v1
    models: [databricks-claude-sonnet-4-5]
    headers:
      x-team: blue
  local:
    kind: custom
    speaks:
      openai_chat: http://127.0.0.1:11434/v1
    key: k3y
    models: [qwen3-coder]
models:
  sonnet: dbx/databricks-claude-sonnet-4-5
routes:
  default: dbx/databricks-claude-sonnet-4-5
  background: local/qwen3-coder
  think: dbx/databricks-claude-sonnet-4-5
  longContext:
    to: dbx/databricks-claude-sonnet-4-5
    above: 60000
fallback: [local/qwen3-coder]
timeouts:
  up_connect: 10
  up_idle: 270
  drain: 300
retry:
  per_target: 1
  targets: 3
  base: 0.25
""".splitlines()

FREE_NAMES = ("  dbx:", "  local:", "      x-team:", "  sonnet:")
"""Keys that a user chooses: another spelling is another name."""
VALUES = (
    "[[]]",
    "{a: {b: c}}",
    "~",
    "''",
    "!tag x",
    "*nowhere",
    '"a\\nb"',
    "${NOT_SET_ANYWHERE}",
    '"\\x07"',
    "&",
)
"""No value of any key may be one of these."""


def mutated(rng: random.Random) -> str:
    """The file with one key or value broken."""
    lines = list(LINES)
    places = [n for n, line in enumerate(lines) if not line.startswith(FREE_NAMES)]
    place = rng.choice(places)
    indent, key, value = re.fullmatch(r"( *)([^:]+):(.*)", lines[place]).groups()  # type: ignore[union-attr]
    match rng.randrange(4):
        case 0:
            at = rng.randrange(len(key))
            lines[place] = f"{indent}{key[:at]}{rng.choice('qzQZ_1')}{key[at:]}:{value}"
        case 1:
            lines[place] = (
                f"{indent}{key[: rng.randrange(1, len(key))]}Q:{value}"
                if len(key) > 1
                else f"{indent}qq:{value}"
            )
        case 2 if value.strip():
            lines[place] = f"{indent}{key}: {rng.choice(VALUES)}"
        case _:
            lines.insert(
                place,
                f"{indent}unknown_{rng.randrange(1000)}: {rng.choice(['1', 'x', '[a]', '{a: b}', 'true'])}",
            )
    return "\n".join(lines) + "\n"


def test_the_base_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "base.yaml"
    path.write_text("\n".join(LINES))
    assert load_file(path, {}).retry.base == 0.25


def test_T85_five_hundred_mutated_files_are_all_refused_with_their_place(tmp_path: Path) -> None:
    rng = random.Random(85)
    texts: set[str] = set()
    while len(texts) < 500:
        texts.add(mutated(rng))
    path = tmp_path / "mutated.yaml"
    for text in sorted(texts):
        path.write_text(text)
        error = attempt(path)
        assert error is not None, text
        for problem in error.problems:
            assert problem.file == str(path), text
            assert problem.line in range(1, text.count("\n") + 2), text
            assert problem.message, text
            assert "\n" not in str(problem), text


def attempt(path: Path) -> ConfigurationError | None:
    try:
        load_file(path, {})
    except ConfigurationError as error:
        return error
    return None


def test_T34_two_hundred_byte_level_mutations_never_crash(tmp_path: Path) -> None:
    rng = random.Random(34)
    base = "\n".join(LINES).encode()
    path = tmp_path / "bytes.yaml"
    refused = 0
    for _ in range(200):
        data = bytearray(base)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(bytes(data))
        error = attempt(path)
        if error is not None:
            refused += 1
            assert all(problem.file == str(path) and problem.message for problem in error.problems)
    assert refused > 150
