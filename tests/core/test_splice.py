"""Splicing changes the named fields and not one byte more."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.splice import splice

BODY = (
    b' {\n  "model" : "claude-\\u0073onnet",\t"messages": [ {"model": "inner", "content":"\\ud83d\\ude80 caf\xc3\xa9"} ],'
    b'\n "stream":true , "x": 1.0, "big": 12345678901234567890 }\n'
)


def test_only_the_value_changes() -> None:
    assert splice(BODY, {"model": b'"m"'}) == BODY.replace(b'"claude-\\u0073onnet"', b'"m"')


def test_the_same_name_deeper_down_is_left_alone() -> None:
    assert b'{"model": "inner"' in splice(BODY, {"model": b'"m"'})


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ({"a": None}, b'{"b":2, "c": 3}'),
        ({"b": None}, b'{"a" :1, "c": 3}'),
        ({"c": None}, b'{"a" :1, "b":2}'),
        ({"b": None, "c": None}, b'{"a" :1}'),
        ({"a": None, "b": None, "c": None}, b"{}"),
        ({"a": None, "d": b"4"}, b'{"b":2, "c": 3,"d":4}'),
        ({"a": None, "b": None, "c": None, "d": b"4"}, b'{"d":4}'),
        ({"c": b"[]", "d": b"4"}, b'{"a" :1, "b":2, "c": [],"d":4}'),
        ({"absent": None}, b'{"a" :1, "b":2, "c": 3}'),
    ],
)
def test_removing_and_adding(edits: dict[str, bytes | None], expected: bytes) -> None:
    assert splice(b'{"a" :1, "b":2, "c": 3}', edits) == expected


@pytest.mark.parametrize(
    "body",
    [b'{"a":1,"a":2}', b'{"a":1,"b":2,"a":1}', b'{"a":1,"a":1}', b"[]", b"", b"{", b'"x"', b'{"a":1}x'],
)
def test_E123_duplicate_keys_and_bodies_that_are_no_object_are_refused(body: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        splice(body, {"a": b"3"})
    assert caught.value.kind is Kind.INVALID_REQUEST
    assert caught.value.status == 400


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    fields=st.dictionaries(st.text(), JSON_VALUES, max_size=6),
    remove=st.lists(st.integers(0, 5), max_size=3),
    change=st.lists(st.integers(0, 5), max_size=3),
    indent=st.sampled_from([None, 0, 2]),
    ascii_only=st.booleans(),
)
def test_any_object(
    fields: dict[str, object], remove: list[int], change: list[int], indent: int | None, ascii_only: bool
) -> None:
    try:
        body = json.dumps(fields, indent=indent, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        body = json.dumps(fields, indent=indent).encode()
    keys = list(fields)
    edits: dict[str, bytes | None] = {keys[i]: b"[1]" for i in change if i < len(keys)}
    edits |= {keys[i]: None for i in remove if i < len(keys)}
    expected = dict(fields)
    for key, value in edits.items():
        if value is None:
            del expected[key]
        else:
            expected[key] = [1]
    assert json.loads(splice(body, edits)) == expected
    assert splice(body, {}) == body
