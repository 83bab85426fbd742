"""What a preset means with its blanks filled in (ccr.md 6.6)."""

import pytest

from trunkline.config.presets.blanks import applied
from trunkline.config.presets.manifest import PresetError

SCHEMA = [
    {"id": "key", "type": "password"},
    {"id": "model", "type": "select", "defaultValue": "m1"},
    {"id": "count", "type": "number", "defaultValue": 3},
    {"id": "models", "type": "multiselect", "defaultValue": ["a", "b"]},
    {"id": "optional", "type": "input", "required": False},
]


def test_a_blank_that_stands_alone_keeps_its_kind() -> None:
    manifest = {
        "schema": SCHEMA,
        "a": {
            "models": "#{models}",
            "count": "{{ count }}",
            "text": "x-#{count}-#{model}",
            "key": "#{key}",
        },
        "b": ["#{optional}", 4, None],
        "model": "is an answer and no key of the configuration",
    }
    assert applied(manifest, {"count": 5}) == {
        "a": {"models": ["a", "b"], "count": 5, "text": "x-5-m1", "key": "${KEY}"},
        "b": ["", 4, None],
    }


def test_a_template_is_the_configuration() -> None:
    assert applied(
        {"template": {"Router": {"default": "p,#{model}"}}, "schema": SCHEMA, "PORT": 1}, {}
    ) == {"Router": {"default": "p,m1"}}


WHEN = [
    ({"field": "model", "value": "m1"}, True),
    ({"field": "model", "operator": "eq", "value": "m2"}, False),
    ({"field": "model", "operator": "ne", "value": "m2"}, True),
    ({"field": "model", "operator": "in", "value": ["m1", "m2"]}, True),
    ({"field": "model", "operator": "nin", "value": ["m1", "m2"]}, False),
    ({"field": "count", "operator": "gt", "value": 2}, True),
    ({"field": "count", "operator": "gte", "value": 3}, True),
    ({"field": "count", "operator": "lt", "value": "3"}, False),
    ({"field": "count", "operator": "lte", "value": 3.0}, True),
    ({"field": "model", "operator": "gt", "value": 2}, False),
    ({"field": "optional", "operator": "exists"}, False),
    ({"field": "optional", "operator": "exists", "value": False}, True),
    ({"field": "model", "operator": "exists", "value": True}, True),
    ([{"field": "model", "value": "m1"}, {"field": "count", "value": 4}], False),
    ([], True),
    (None, True),
]


@pytest.mark.parametrize(("when", "holds"), WHEN)
def test_a_mapping_applies_when_its_conditions_hold(when: object, holds: bool) -> None:
    mapping = {"target": "Providers[0].api_key", "value": "#{key}", "when": when}
    manifest = {"schema": SCHEMA, "Providers": [{"name": "p"}], "configMappings": [mapping]}
    wanted = {"name": "p", "api_key": "${KEY}"} if holds else {"name": "p"}
    assert applied(manifest, {}) == {"Providers": [wanted]}


def test_answers_that_are_places_are_put_there() -> None:
    manifest = {"Providers": [{"name": "p"}]}
    given = {"Providers[0].models[0]": "m", "Providers[1].name": "q", "Router.default": "p,m"}
    assert applied(manifest, given) == {
        "Providers": [{"name": "p", "models": ["m"]}, {"name": "q"}],
        "Router": {"default": "p,m"},
    }


@pytest.mark.parametrize("target", ["", "[0]", "a..[", "a[b]", "Providers[7].x", "Providers.x", "."])
def test_a_place_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(PresetError, match="is no place"):
        applied({"Providers": [], "configMappings": [{"target": target, "value": 1}]}, {})


def test_what_is_missing_and_what_is_not_asked_for_is_named() -> None:
    manifest = {
        "schema": [{"id": "a", "type": "input"}, {"id": "b", "type": "input"}],
        "x": "#{a} #{b} #{a}",
    }
    with pytest.raises(PresetError, match="asks for a, b: give"):
        applied(manifest, {})
    with pytest.raises(PresetError, match=r"does not ask for c\. It asks for: a, b"):
        applied(manifest, {"a": 1, "b": 2, "c": 3})
