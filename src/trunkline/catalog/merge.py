"""Layers of facts: checked when the catalog is read, laid over each other when a snapshot is built."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import structs

from trunkline.core.facts import Facts

Layer = Mapping[str, object]
"""Some fields of :class:`Facts` with values of the right type."""

_FIELDS: Final = frozenset(Facts.__struct_fields__)
_UNITED: Final = frozenset({"drop", "drop_betas"})
"""Fields where every layer adds to what is there already."""


def to_layer(table: Mapping[str, object], where: str) -> Layer:
    """Overrides out of a TOML table, types checked. Raises ValueError naming ``where`` for a wrong one."""
    unknown = sorted(set(table) - _FIELDS)
    if unknown:
        raise ValueError(f"{where}: no such fact: {', '.join(unknown)}")
    try:
        facts = msgspec.convert(dict(table), Facts)
    except msgspec.ValidationError as cause:
        raise ValueError(f"{where}: {cause}") from cause
    return {key: getattr(facts, key) for key in table}


def merge_facts(base: Facts, *layers: Layer) -> Facts:
    """``base`` with each layer over it, the last one winning; sets of dropped fields add up."""
    return structs.replace(base, **merge_layers({key: getattr(base, key) for key in _UNITED}, *layers))


def merge_layers(*layers: Layer) -> dict[str, object]:
    """One layer out of several, the last one winning; sets of dropped fields add up."""
    merged: dict[str, object] = {}
    for layer in layers:
        for key, value in layer.items():
            earlier = merged.get(key)
            if key in _UNITED and isinstance(earlier, frozenset) and isinstance(value, frozenset):
                merged[key] = earlier | value
            else:
                merged[key] = value
    return merged
