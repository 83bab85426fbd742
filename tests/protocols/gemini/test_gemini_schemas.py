"""JSON Schema in the older subset (E33)."""

import json

import msgspec
import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st

from protocols.gemini.room import ask, asked, encode, raw, sent, user
from trunkline.core.facts import Facts
from trunkline.core.types import Tool
from trunkline.protocols.gemini.schema_encode import subset
from trunkline.protocols.gemini.schema_words import known_words

SUBSET = Facts(schema_dialect="openapi_subset")


def written(schema: object) -> object:
    found = subset(raw(schema))
    return None if found is None else json.loads(bytes(found))


def inner(schema: object) -> object:
    """A property's schema in the subset."""
    whole = written({"type": "object", "properties": {"p": schema}})
    assert isinstance(whole, dict)
    return whole["properties"]["p"]


def test_E33_json_schema_goes_without_its_dialect_and_stays_otherwise() -> None:
    schema = type(raw({}))(b'{ "$schema": "http://x", "type":"object",  "properties":{"a":{"const":1.0}} }')
    known, lost = known_words(schema)
    assert (bytes(known), lost) == (b'{ "type":"object",  "properties":{"a":{"const":1.0}} }', ())
    plain = raw({"type": "object", "properties": {"$schema": {"type": "string"}, "encrypted": {}}})
    assert known_words(plain) == (plain, ())
    assert known_words(plain)[0] is plain


def test_E33_words_that_are_not_json_schemas_stay_behind() -> None:
    """Codex marks a parameter of its sub-agents as ``encrypted``."""
    marked = {"type": "string", "encrypted": True, "x-hint": {"type": "string"}}
    clean = {"type": "string"}

    def around(one: object) -> dict[str, object]:
        known = {"properties": {"encrypted": one}, "$defs": {"d": one}, "anyOf": [one, True], "not": one}
        return {"type": "object", **known, "items": one, "const": marked, "required": ["encrypted"]}

    known, lost = known_words(raw({"$schema": "x", **around(marked)}))
    assert json.loads(bytes(known)) == around(clean)
    assert lost == ("encrypted", "x-hint")
    nested, none = known_words(raw({"items": {"$schema": "x", "type": "string"}}))
    assert (json.loads(bytes(nested)), none) == ({"items": {"type": "string"}}, ())
    with pytest.raises(msgspec.DecodeError):
        known_words(msgspec.Raw(b'{"type": '))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string", "nullable": True}),
        (
            {"oneOf": [{"type": "string"}, {"type": "number"}], "description": "d"},
            {"description": "d", "anyOf": [{"type": "string"}, {"type": "number"}]},
        ),
        ({"const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"const": 5}, {"description": "One of: [5]."}),
        ({"type": "string", "enum": ["a", None]}, {"type": "string", "enum": ["a"], "nullable": True}),
        ({"type": "integer", "enum": [1, 2], "description": "n"}, {"type": "integer", "description": "n (One of: [1,2])"}),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "string", "format": "uri"}, {"type": "string", "description": "Constraints: format: uri."}),
        ({"type": "integer", "format": "int64"}, {"type": "integer", "format": "int64"}),
        (
            {"type": "integer", "exclusiveMinimum": 0, "description": "d"},
            {"type": "integer", "description": "d (Constraints: exclusiveMinimum: 0)"},
        ),
        ({"type": "integer", "minimum": 1, "maximum": 9}, {"type": "integer", "minimum": 1, "maximum": 9}),
        ({"type": "array"}, {"type": "array", "items": {"type": "string"}}),
        ({"type": "array", "items": {"type": "number"}, "minItems": 1}, {"type": "array", "items": {"type": "number"}, "minItems": 1}),
        ({"type": "object", "additionalProperties": False}, {"type": "object"}),
        (
            {"type": "object", "additionalProperties": {"type": "string"}},
            {"type": "object", "description": 'Constraints: values of other properties: {"type":"string"}.'},
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "gone"], "additionalProperties": False},
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "description": "Constraints: no other properties."},
        ),
        (
            {"allOf": [{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}], "properties": {"b": {"type": "integer"}}, "required": ["b"]},
            {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a", "b"]},
        ),
        (True, {"type": "object"}),
    ],
)  # fmt: skip
def test_E33_what_the_subset_says_instead(schema: object, expected: object) -> None:
    assert inner(schema) == expected


def test_E33_references_are_put_in_place() -> None:
    schema = {
        "type": "object",
        "properties": {
            "one": {"$ref": "#/$defs/Point", "description": "where"},
            "all": {"type": "array", "items": {"$ref": "#/definitions/a~1b"}},
        },
        "$defs": {
            "Point": {"type": "object", "properties": {"x": {"type": "number"}}, "description": "a point"}
        },
        "definitions": {"a/b": {"type": "string"}},
    }
    assert written(schema) == {
        "type": "object",
        "properties": {
            "one": {"type": "object", "properties": {"x": {"type": "number"}}, "description": "where"},
            "all": {"type": "array", "items": {"type": "string"}},
        },
    }


def test_E33_a_circle_ends_in_an_open_object() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "v": {"type": "string"}}}
    found = written({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    assert found == {
        "type": "object",
        "properties": {
            "next": {"type": "object", "description": "As Node above."},
            "v": {"type": "string"},
        },
    }
    itself = written({"type": "object", "properties": {"a": {"$ref": "#"}}})
    assert itself["properties"]["a"]["properties"]["a"]["description"] == "As # above."  # type: ignore[index]


def test_E123_references_that_multiply_stop() -> None:
    defs: dict[str, object] = {"d0": {"type": "string"}}
    for n in range(1, 30):
        defs[f"d{n}"] = {
            "type": "object",
            "properties": {"l": {"$ref": f"#/$defs/d{n - 1}"}, "r": {"$ref": f"#/$defs/d{n - 1}"}},
        }
    found = subset(raw({"$ref": "#/$defs/d29", "$defs": defs}))
    assert found is not None
    assert len(bytes(found)) < 5_000_000


def test_a_function_without_parameters_has_none() -> None:
    assert written({"type": "object", "properties": {}}) is None
    assert written({}) == {}
    tool = Tool(name="f", schema=raw({"type": "object", "properties": {}}))
    assert sent(ask(user("x"), tools=(tool,)), SUBSET)["tools"] == [
        {"functionDeclarations": [{"name": "f"}]}
    ]
    other = Tool(
        name="f", schema=raw({"type": "object", "properties": {"a": {"type": ["string", "null"]}}})
    )
    assert sent(ask(user("x"), tools=(other,)), SUBSET)["tools"][0]["functionDeclarations"][0] == {
        "name": "f",
        "parameters": {"type": "object", "properties": {"a": {"type": "string", "nullable": True}}},
    }


def test_the_subset_survives_the_way_in() -> None:
    schema = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}
    request = asked(tools=[{"functionDeclarations": [{"name": "f", "parameters": schema}]}])
    assert sent(request, SUBSET)["tools"][0]["functionDeclarations"][0]["parameters"] == {
        "type": "object",
        "properties": {"a": {"type": "string", "nullable": True}},
    }


FORBIDDEN = {
    "$ref",
    "$schema",
    "$defs",
    "const",
    "oneOf",
    "allOf",
    "additionalProperties",
    "exclusiveMinimum",
    "patternProperties",
}
scalars = st.sampled_from(["string", "integer", "number", "boolean", "null"]).map(
    lambda kind: {"type": kind}
)
schemas = st.recursive(
    scalars | st.just({"const": "x"}) | st.just({"$ref": "#/$defs/D"}) | st.just({"type": "string", "exclusiveMinimum": 1}),
    lambda deeper: st.one_of(
        st.lists(deeper, min_size=1, max_size=3).map(lambda some: {"oneOf": some}),
        st.lists(deeper, min_size=1, max_size=3).map(lambda some: {"allOf": some}),
        st.dictionaries(st.sampled_from("abc"), deeper, max_size=3).map(
            lambda some: {"type": "object", "properties": some, "additionalProperties": False}
        ),
        deeper.map(lambda one: {"type": "array", "items": one}),
    ),
    max_leaves=10,
)  # fmt: skip


def keys(schema: object) -> set[str]:
    """The keywords of a written schema; names of properties are no keywords."""
    if not isinstance(schema, dict):
        return set()
    found = set(schema)
    for name, value in schema.items():
        if name == "properties":
            found |= {key for one in value.values() for key in keys(one)}
        elif isinstance(value, list):
            found |= {key for one in value for key in keys(one)}
        else:
            found |= keys(value)
    return found


@settings(max_examples=150)
@generated(schema=schemas)
def test_E33_nothing_the_subset_lacks_is_ever_sent(schema: object) -> None:
    whole = {
        "type": "object",
        "properties": {"p": schema},
        "$defs": {"D": {"type": "object", "properties": {"d": schema}}},
    }
    found = written(whole)
    assert not keys(found) & FORBIDDEN
    body = encode(ask(user("x"), tools=(Tool(name="f", schema=raw(whole)),)), SUBSET).body
    assert msgspec.json.decode(body)["tools"][0]["functionDeclarations"][0]["parameters"] == found
