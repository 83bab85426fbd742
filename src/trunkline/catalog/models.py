"""What is known of models, by name."""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from trunkline.catalog.merge import Layer, merge_layers
from trunkline.catalog.names import family_key
from trunkline.catalog.resource import read_table
from trunkline.catalog.rules import ModelRule, RuleTable, read_rules, rule_layers

_NEXT_VERSION: Final = re.compile(r"-\d{1,2}(?:-|$)")


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    rule: tuple[RuleTable, ...]
    limits: dict[str, tuple[int, ...]]
    retired: dict[str, str]


class _Known(Struct, frozen=True):
    rules: tuple[ModelRule, ...]
    limits: tuple[tuple[str, Layer], ...]
    retired: Mapping[str, str]


@cache
def _known() -> _Known:
    file = msgspec.convert(read_table("models.toml"), _File)
    limits = sorted(file.limits.items(), key=lambda row: -len(row[0]))
    return _Known(
        read_rules(file.rule, "models.toml"),
        tuple((key, _limit_layer(row)) for key, row in limits),
        file.retired,
    )


def _limit_layer(row: tuple[int, ...]) -> Layer:
    return {"context_tokens": row[0]} | ({"max_output_tokens": row[1]} if len(row) > 1 else {})


@lru_cache(maxsize=2048)
def model_layer(name: str, protocol: str) -> Layer:
    """The facts known of the model ``name`` when it is asked over ``protocol``; empty for an unknown one.

    ``name`` may be spelled in any way :func:`family_key` knows.
    """
    return merge_layers(_limits(family_key(name)), *rule_layers(_known().rules, name, protocol))


def _limits(key: str) -> Layer:
    """The longest listed name that ``key`` is or begins with, unless a version number follows it."""
    for listed, layer in _known().limits:
        if key == listed or (key.startswith(f"{listed}-") and not _NEXT_VERSION.match(key, len(listed))):
            return layer
    return {}


def successor(name: str) -> str | None:
    """What replaces a retired model, as a bare name; None when it is not known to be retired."""
    return _known().retired.get(family_key(name))
