"""The parts of running plugins that need no process: frames, places, what a config does to a request."""

from pathlib import Path

import msgspec
import pytest

from trunkline.config.code_places import file_of, is_script, is_there, resolved
from trunkline.core.http import HttpRequest
from trunkline.upstream.plugins.frames import (
    Framer,
    Sent,
    credit,
    frame,
    read_credit,
    read_fields,
    with_fields,
)
from trunkline.upstream.plugins.plugin import Changed, applied

FRAMES = frame(Sent.PING, 7) + with_fields(Sent.LOG, 0, {"text": "é"}, b"rest") + credit(2**32 - 1, 65_536)
READ = [(Sent.PING, 7, b""), (Sent.LOG, 0, ({"text": "é"}, b"rest")), (Sent.CREDIT, 2**32 - 1, 65_536)]


@pytest.mark.parametrize("cut", range(len(FRAMES) + 1))
def test_frames_may_be_cut_anywhere(cut: int) -> None:
    found: list[tuple[int, int, object]] = []

    def take(kind: int, number: int, payload: memoryview) -> None:
        value: object = bytes(payload)
        if kind == Sent.LOG:
            value = read_fields(payload, dict[str, str])
        elif kind == Sent.CREDIT:
            value = read_credit(payload)
        found.append((kind, number, value))

    framer = Framer(take)
    framer.feed(FRAMES[:cut])
    framer.feed(FRAMES[cut:])
    assert found == READ


def test_fields_that_are_wrong_are_told() -> None:
    def take(kind: int, number: int, payload: memoryview) -> None:
        read_fields(payload, dict[str, int])

    with pytest.raises(msgspec.ValidationError):
        Framer(take).feed(with_fields(Sent.DONE, 1, {"a": "b"}))


PLACES = [
    ("mine.js", None, True, "/home/c/mine.js"),
    ("/p/mine.mjs", None, True, "/p/mine.mjs"),
    ("./plugins/mine", None, True, "/home/c/plugins/mine"),
    ("mine.py", "mine.py", False, "/home/c/mine.py"),
    ("../p/mine.py:Mine", "../p/mine.py", False, "/home/c/../p/mine.py:Mine"),
    ("C:/p/mine.js", None, True, "/home/c/C:/p/mine.js"),
    ("package.module:Mine", None, False, "package.module:Mine"),
]


@pytest.mark.parametrize(("place", "file", "script", "whole"), PLACES)
def test_what_a_place_means(place: str, file: str | None, script: bool, whole: str) -> None:
    assert (file_of(place), is_script(place)) == (file, script)
    assert resolved(place, "/home/c/trunkline.yaml") == whole


def test_a_scripts_name_may_lack_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.cjs").touch()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "index.js").touch()
    (tmp_path / "c.py").touch()
    there = ("a", "a.cjs", "b", "c.py", "c.py:C")
    assert all(is_there(str(tmp_path / name)) for name in there)
    assert is_there("no.such.module:C")
    assert not any(is_there(str(tmp_path / name)) for name in ("c", "d.js", "d.py:C"))


REQUEST = HttpRequest("POST", "http://a/b", (("authorization", "Bearer k"), ("accept", "x")), b"old")


@pytest.mark.parametrize(
    ("config", "url", "headers"),
    [
        (Changed(body=b"new"), "http://a/b", REQUEST.headers),
        (Changed(body=b"new", url="http://c/"), "http://c/", REQUEST.headers),
        (
            Changed(body=b"new", headers=(("Authorization", "Bearer other"), ("X-A", "1"))),
            "http://a/b",
            (("accept", "x"), ("authorization", "Bearer other"), ("x-a", "1")),
        ),
        (Changed(body=b"new", headers=(("Authorization", None),)), "http://a/b", (("accept", "x"),)),
        (
            Changed(body=b"new", headers=(("Authorization", "Bearer undefined"),)),
            "http://a/b",
            (("accept", "x"),),
        ),
    ],
)
def test_what_a_config_does(config: Changed, url: str, headers: tuple[tuple[str, str], ...]) -> None:
    assert applied(REQUEST, config) == HttpRequest("POST", url, headers, b"new")
