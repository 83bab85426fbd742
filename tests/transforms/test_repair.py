"""Tool arguments that models get wrong, and the object they meant."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.transforms.repair import repair

UNTOUCHED = ["{}", '{"a":1}', ' {"a" : [1, {"b":"\\u00e9"}]} ', '{"n":1e400,"m":12345678901234567890}']


@pytest.mark.parametrize("arguments", UNTOUCHED)
def test_an_object_keeps_its_bytes(arguments: str) -> None:
    assert repair(arguments) == arguments


BROKEN = [
    # nothing, or nothing that is an object
    ("", {}),
    ("   ", {}),
    ("null", {}),
    ("[]", {}),
    ("17", {}),
    ('"words"', {}),
    ("no arguments are needed", {}),
    ("}", {}),
    # JSON5
    ("{a: 1}", {"a": 1}),
    ("{'a': 'x',}", {"a": "x"}),
    ('{"a": 1, /* why */ "b": 2 // that\n}', {"a": 1, "b": 2}),
    ('{"a": 0x10, "b": .5, "c": +1, "d": NaN}', {"a": 16, "b": 0.5, "c": 1, "d": None}),
    ('{"a": "line\\\nbreak"}', {"a": "linebreak"}),
    # written twice, or with something around it
    ('"{\\"a\\": 1}"', {"a": 1}),
    ('```json\n{"a": 1}\n```', {"a": 1}),
    ('Here it is: {"a": 1} Done.', {"a": 1}),
    ('{"a": 1}{"a": 2}', {"a": 1}),
    ('[{"a": 1}]', {"a": 1}),
    ('"a": 1, "b": 2', {"a": 1, "b": 2}),
    # broken off
    ('{"path": "/tmp/x', {"path": "/tmp/x"}),
    ('{"path": "/tmp/x"', {"path": "/tmp/x"}),
    ('{"a": {"b": [1, 2', {"a": {"b": [1, 2]}}),
    ('{"a": 1, "b', {"a": 1, "b": None}),
    ('{"a": 1, "b":', {"a": 1, "b": None}),
    ('{"a": tru', {"a": "tru"}),
    ('{"a": "x\\', {"a": "x\\"}),
    ("{", {}),
    # signs that are missing or too many
    ('{"a": 1 "b": 2}', {"a": "1 \"b\": 2"}),
    ('{"a": "x" "b": 2}', {"a": "x", "b": 2}),
    ('{"a": "x"\n"b": "y"}', {"a": "x", "b": "y"}),
    ('{"a": [1 , 2,, 3], ,"b": 4}', {"a": [1, 2, 3], "b": 4}),
    ('{"a": , "b": 1}', {"a": None, "b": 1}),
    ('{"a": 1}}', {"a": 1}),
    ('{"a": [1, 2}', {"a": [1, 2]}),
    # Python's words, words without quotes, other quotes
    ("{'a': True, 'b': None, 'c': False}", {"a": True, "b": None, "c": False}),
    ("{a: hello world, b: -1.5}", {"a": "hello world", "b": -1.5}),
    ("{url: http://x/y, b: 1}", {"url": "http://x/y", "b": 1}),
    ("{\u201ca\u201d: \u201cx\u201d}", {"a": "x"}),
    ("{`a`: `x`}", {"a": "x"}),
    # quotes and line breaks inside a text
    ('{"command": "echo "hi" > x"}', {"command": 'echo "hi" > x'}),
    ('{"content": "print("hi")\nf("a", "b")"}', {"content": 'print("hi")\nf("a", "b")'}),
    ('{"content": "{"k": 1} is it", "path": "y"}', {"content": '{"k": 1} is it', "path": "y"}),
    ('{"a": "two\nlines\tand a tab"}', {"a": "two\nlines\tand a tab"}),
    ('{"a": "\\x41 \\d \\u00e9 \\ud83d\\ude00 \\u12"}', {"a": "x41 d \u00e9 \U0001f600 u12"}),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "meant"), BROKEN)
def test_a_broken_one_is_what_was_meant(arguments: str, meant: dict[str, object]) -> None:
    assert json.loads(repair(arguments)) == meant


@settings(deadline=None, derandomize=True)
@given(st.text(alphabet="{}[]\",:\\'` \nabu0123.-/*\u201c", max_size=40))
def test_whatever_comes_an_object_comes_out(text: str) -> None:
    assert isinstance(json.loads(repair(text)), dict)


def test_depth_has_an_end() -> None:
    assert isinstance(json.loads(repair('{"a":' * 3000)), dict)


@pytest.mark.parametrize("cut", range(2, 60, 3))
def test_what_was_there_before_the_break_is_kept(cut: int) -> None:
    whole = json.dumps({"file_path": "/srv/a.py", "content": "x = 'y'\n", "mode": 7, "deep": {"k": [1, 2]}})
    mended = json.loads(repair(whole[:cut]))
    known = json.loads(whole)
    assert list(mended) == list(known)[: len(mended)] or list(mended)[:-1] == list(known)[: len(mended) - 1]
    for key, value in list(mended.items())[:-1]:
        assert value == known[key]
