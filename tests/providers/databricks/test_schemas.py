"""Schemas for Gemini: refused keywords out, references written out, the user's names untouched."""

import json

from trunkline.providers.databricks.schemas import REFUSED, gemini_schema


def plain(schema: object) -> object:
    return gemini_schema(json.dumps(schema).encode())


def test_a_schema_without_refused_keywords_is_left_alone() -> None:
    assert plain({"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}]}}}) is None


def test_references_are_written_out_with_what_stands_beside_them() -> None:
    schema = {
        "type": "object",
        "properties": {"p": {"$ref": "#/$defs/Point", "description": "where"}},
        "$defs": {
            "Point": {"type": "object", "properties": {"x": {"$ref": "#/$defs/Number"}}},
            "Number": {"type": "number"},
        },
    }
    assert plain(schema) == {
        "type": "object",
        "properties": {
            "p": {"type": "object", "properties": {"x": {"type": "number"}}, "description": "where"},
        },
    }


def test_a_circular_or_unknown_reference_becomes_any_object() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"$ref": "#/definitions/Node"}, "u": {"$ref": "https://example.com/u.json"}},
        "definitions": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/definitions/Node"}}}},
    }
    assert plain(schema) == {
        "type": "object",
        "properties": {
            "n": {"type": "object", "properties": {"next": {"type": "object"}}},
            "u": {"type": "object"},
        },
    }


def test_names_of_properties_and_values_are_data() -> None:
    schema = {
        "$schema": "x",
        "properties": {"$ref": {"type": "string"}, "const": {"enum": ["$defs"], "default": {"const": 1}}},
        "required": ["const"],
        "additionalProperties": False,
    }
    assert plain(schema) == {
        "properties": {"$ref": {"type": "string"}, "const": {"enum": ["$defs"], "default": {"const": 1}}},
        "required": ["const"],
    }


def test_every_refused_keyword_goes() -> None:
    schema: dict[str, object] = {
        "type": "object",
        **{key: {} for key in sorted(REFUSED - {"$ref", "const"})},
    }
    assert plain(schema) == {"type": "object"}


def test_what_is_no_schema_is_left_alone() -> None:
    assert gemini_schema(b'["$ref"]') is None
    assert gemini_schema(b'{"$ref"') is None


def test_references_that_multiply_come_to_an_end() -> None:
    defs = {
        f"D{level}": {"properties": {side: {"$ref": f"#/$defs/D{level + 1}"} for side in "abcd"}}
        for level in range(30)
    }
    out = plain({"properties": {"p": {"$ref": "#/$defs/D0"}}, "$defs": defs})
    assert len(json.dumps(out)) < 200_000
