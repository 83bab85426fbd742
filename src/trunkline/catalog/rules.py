"""Rules that give facts to the models whose bare names match their patterns."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from msgspec import Struct

from trunkline.catalog.merge import Layer, to_layer
from trunkline.catalog.names import family_key


class RuleTable(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as it stands in a TOML file: ``facts`` for every protocol, the others for one."""

    match: tuple[str, ...]
    only: tuple[str, ...] = ()
    facts: dict[str, object] = {}
    openai_chat: dict[str, object] = {}
    openai_responses: dict[str, object] = {}
    anthropic_messages: dict[str, object] = {}
    gemini: dict[str, object] = {}
    bedrock_converse: dict[str, object] = {}


class ModelRule(Struct, frozen=True):
    """A rule, checked."""

    match: tuple[str, ...]
    only: tuple[str, ...]
    """The only protocols that such a model is asked in; empty: any."""
    facts: Layer
    by_protocol: Mapping[str, Layer]


def read_rules(tables: Iterable[RuleTable], where: str) -> tuple[ModelRule, ...]:
    """The rules of a file. Raises ValueError naming ``where`` and the rule for a wrong fact."""
    return tuple(_rule(table, f"{where}, rule {table.match[0]}") for table in tables)


def _rule(table: RuleTable, where: str) -> ModelRule:
    by_protocol = {
        "openai_chat": table.openai_chat,
        "openai_responses": table.openai_responses,
        "anthropic_messages": table.anthropic_messages,
        "gemini": table.gemini,
        "bedrock_converse": table.bedrock_converse,
    }
    layers = {protocol: to_layer(facts, where) for protocol, facts in by_protocol.items() if facts}
    return ModelRule(table.match, table.only, to_layer(table.facts, where), layers)


def rule_layers(rules: Iterable[ModelRule], name: str, protocol: str) -> tuple[Layer, ...]:
    """The layers of all rules for the model ``name``: those for every protocol, then those for ``protocol``."""
    matching = matching_rules(rules, name)
    return (
        *(rule.facts for rule in matching),
        *(rule.by_protocol[protocol] for rule in matching if protocol in rule.by_protocol),
    )


def matching_rules(rules: Iterable[ModelRule], name: str) -> list[ModelRule]:
    """The rules for the model ``name``, however it is spelled."""
    key = family_key(name)
    return [rule for rule in rules if any(fnmatchcase(key, pattern) for pattern in rule.match)]
