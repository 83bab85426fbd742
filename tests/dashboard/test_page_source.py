"""The page as source: typed, small, and without a way for a text to become markup."""

import re
import subprocess
from pathlib import Path

import pytest

from agents.install import npm_script
from trunkline.dashboard.files import page_files

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "src" / "trunkline" / "dashboard" / "page"
MOST = 150 * 1024
"""Bytes of everything together, as they are sent (reliability_ux.md B3)."""
MOST_LINES = 400
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser"
)
ELSEWHERE = re.compile(r"https?://(?!www\.w3\.org/2000/svg)[\w.-]+")


@pytest.mark.server  # installs the checker from npm
def test_types_are_right() -> None:
    checker = npm_script(HERE, "typescript/bin/tsc")
    done = subprocess.run(
        ["node", str(checker), "--project", str(HERE / "tsconfig.json")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.server
def test_the_checker_finds_a_mistake(tmp_path: Path) -> None:
    """A check that cannot fail would be none."""
    checker = npm_script(HERE, "typescript/bin/tsc")
    (tmp_path / "wrong.js").write_text("// @ts-check\n/** @type {number} */\nexport const one = 'one';\n")
    done = subprocess.run(
        ["node", str(checker), "--checkJs", "--strict", "--noEmit", "wrong.js"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "TS2322" in done.stdout


def test_all_of_it_is_small() -> None:
    sizes = {name: len(file.zipped) for name, file in page_files().items()}
    assert sum(sizes.values()) <= MOST, sizes


def test_modules_are_small_and_checked() -> None:
    for file in PAGE.glob("*.js"):
        lines = file.read_text().splitlines()
        assert len(lines) <= MOST_LINES, file.name
        assert lines[0] == "// @ts-check" or file.name == "theme.js", file.name


def test_T76_no_text_becomes_markup_and_nothing_comes_from_elsewhere() -> None:
    for file in PAGE.iterdir():
        text = file.read_text()
        assert not MARKUP.search(text), file.name
        fetched = {match for match in ELSEWHERE.findall(text) if "127.0.0.1" not in match}
        assert fetched == set(), file.name
    page = (PAGE / "index.html").read_text()
    assert "style=" not in page
    assert all(' src="' in tag for tag in re.findall(r"<script[^>]*>", page))


def test_every_module_is_reached() -> None:
    """What nothing loads is dead. Types alone are for the checker."""
    texts = {file.name: file.read_text() for file in PAGE.iterdir()}
    named = set(re.findall(r"[\"'](?:\./)?([\w.]+\.(?:js|css|svg))[\"']", "\n".join(texts.values())))
    assert set(texts) - {"index.html"} == named
