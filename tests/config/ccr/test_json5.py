"""JSON5 to a tree with lines."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.config.ccr.expand import expand_ccr, only_reference
from trunkline.config.json5_file import decode_json5
from trunkline.config.problems import ConfigurationError
from trunkline.config.tree import Mapping, Node, Scalar, Sequence


def value_of(node: Node) -> object:
    match node:
        case Mapping():
            return {entry.key: value_of(entry.node) for entry in node.entries}
        case Sequence():
            return [value_of(item) for item in node.items]
        case Scalar(kind="text"):
            return node.text
        case Scalar(kind="number"):
            return float(node.text)
        case Scalar(kind="flag"):
            return node.text == "true"
        case Scalar():
            return None


READ = [
    ("{}", {}),
    ("\ufeff // x\n{ /* y */ }\n// end", {}),
    ("{a: 1, $b: 2, _c: 3, 'd-e': 4, \"f g\": 5, ключ: 6, \\u0061b: 7,}", {"a": 1, "$b": 2, "_c": 3, "d-e": 4, "f g": 5, "ключ": 6, "ab": 7}),
    ("[1, +1, -1, .5, 5., 1e3, 1E-2, 0x1F, -0xa]", [1, 1, -1, 0.5, 5, 1000, 0.01, 31, -10]),
    ("[true, false, null,]", [True, False, None]),
    ("{true: 1, null: 2}", {"true": 1, "null": 2}),
    (r"""['a"b', "a'b", 'a\'b']""", ['a"b', "a'b", "a'b"]),
    ('["a\\\nb", "a\\\r\nb"]', ["ab", "ab"]),
    (r'["\x41\u00e9\/\\\"\v", "\ud83d\ude00"]', ['Aé/\\"\v', "😀"]),
    ('["//no comment", "/* nor this */"]', ["//no comment", "/* nor this */"]),
    ("{a: 1, a: 2}", {"a": 2}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), READ)
def test_what_is_read(text: str, value: object) -> None:
    assert value_of(decode_json5(text, "f").root) == value


REFUSED = [
    ("", 1), ("//", 1), ("{", 1), ("[1 2]", 1), ("[,]", 1), ("{a}", 1), ("{,}", 1), ("{1: 2}", 1), ("[01]", 1),
    ("[1a]", 1), ("['a\n']", 1), ('["\\u12"]', 1), ('["\\1"]', 1), ("\n[\n#]", 3), ("{a: b}", 1), ("[1]]", 1), ("{a: 1;}", 1),
    ("{a::1}", 1), ("{'a' 1}", 1), ("\r\n\r\n{a: /* \n */ }", 4), ("[&]", 1), ("[-]", 1), ("/* x", 1), ("[--1]", 1), ("{]", 1),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), REFUSED)
def test_what_is_refused(text: str, line: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        decode_json5(text, "f")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("f", line)


def test_lines_and_repeated_keys() -> None:
    document = decode_json5('{\n// x\na: "p\\\nq",\r\n/*\n*/ b: [\n1],\na: 2}', "f")
    assert isinstance(document.root, Mapping)
    assert [(entry.key, entry.line) for entry in document.root.entries] == [("a", 8), ("b", 6)]
    assert document.repeated == ((8, "a"),)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_all_json_is_json5(value: object) -> None:
    encoded = msgspec.json.encode(value)
    if b"u0000" not in encoded:
        assert value_of(decode_json5(encoded.decode(), "f").root) == msgspec.json.decode(encoded)


@given(st.text(st.sampled_from("{}[]:,\"'\\/*#a1-+.eEx \n\r$_u0"), max_size=40))
def test_nonsense_is_refused_or_read_and_nothing_else(text: str) -> None:
    with suppress(ConfigurationError):
        decode_json5(text, "f")


EXPANDED = [
    ("$A", "one", False),
    ("${A}", "one", False),
    ("${a b}", "spaced", False),
    ("x-$A-${A}", "x-one-one", False),
    ("$$A", "$one", False),
    ("pa$$w$ORD", "pa$$w$ORD", True),
    ("$lower", "$lower", True),
    ("a$", "a$", True),
    ("${}", "${}", True),
    ("$NO", None, True),
    ("${NO}", None, True),
    ("x${EMPTY}", None, True),
]


@pytest.mark.parametrize(("text", "value", "literal"), EXPANDED)
def test_references(text: str, value: str | None, literal: bool) -> None:
    expanded = expand_ccr(text, {"A": "one", "a b": "spaced", "EMPTY": ""})
    assert (expanded.value, expanded.literal) == (value, literal)
    assert bool(expanded.missing) is (value is None)


def test_a_reference_and_nothing_else() -> None:
    assert [only_reference(text) for text in ("$A", " ${b c} ", "$A-", "a", "$a")] == [
        "A",
        "b c",
        None,
        None,
        None,
    ]
