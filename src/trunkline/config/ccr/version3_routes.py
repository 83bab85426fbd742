"""Where requests go in claude-code-router 3: profiles, rules and fallbacks, as far as routes and names say it (ccr.md 8.3)."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from trunkline.config.ccr.version3_providers import Ported, Table, Warn, as_list, as_table, text_in
from trunkline.config.rules_section import KEPT
from trunkline.config.schema import HeaderRule, HeaderTest

MODEL: Final = ("request.body.model", "body.model", "model")
FAMILIES: Final = (
    ("haikuModel", "claude-*haiku*"),
    ("sonnetModel", "claude-*sonnet*"),
    ("opusModel", "claude-*opus*"),
    ("fableModel", "claude-*fable*"),
)
"""A profile's models by Claude's families, and the names that agents ask for."""
SCENARIOS: Final = {
    ("request.body.thinking.type", "==", "enabled"): "think",
    ("request.body.tools", "contains-deep", "web_search"): "webSearch",
}
"""Conditions that are one of our routes."""
PATTERNS: Final = {"==": "{}", "starts-with": "{}*", "contains": "*{}*"}
"""Conditions on the model's name as a pattern of one."""


HEADER_PLACES: Final = ("request.header.", "request.headers.", "header.", "headers.")
HEADER_TESTS: Final[dict[str, HeaderTest]] = {
    "==": "is",
    "!=": "is_not",
    "starts-with": "begins",
    "contains": "contains",
    "contains-deep": "contains",
    "not-contains": "lacks",
}
"""Conditions on a header as a rule of ours has them."""


class Routing(Struct, frozen=True, kw_only=True):
    """``routes``: version 2's Router; ``models``: patterns and their chains in order; targets as ``provider,model``."""

    routes: dict[str, str]
    models: tuple[tuple[str, tuple[str, ...]], ...]
    fallback: tuple[str, ...]
    retries: int | None
    rules: tuple[HeaderRule, ...]
    """On headers, their targets as ``provider,model`` too."""


def port_routing(settings: Table, providers: Sequence[Ported], warn: Warn) -> Routing:
    """Everything that decides by names; what decides otherwise is told."""
    selectors = _Selectors(providers, warn)
    router = as_table(settings.get("Router"))
    routes: dict[str, str] = {}
    models: dict[str, tuple[str, ...]] = {}
    rules: list[HeaderRule] = []
    for index, rule in enumerate(map(as_table, as_list(router.get("rules")))):
        _port_rule(rule, f"Router.rules[{index}]", selectors, routes, models, rules)
    profile = claude_profile(as_table(settings.get("profile")))
    for field, pattern in FAMILIES:
        target = selectors.target(text_in(profile, field), f"profile.{field}")
        if target is not None:
            models.setdefault(pattern, (target,))
    if target := selectors.target(text_in(profile, "smallFastModel"), "profile.smallFastModel"):
        routes.setdefault("background", target)
    if target := _default(settings, profile, providers, selectors):
        routes.setdefault("default", target)
    fallback = as_table(router.get("fallback"))
    chain = [
        selectors.target(str(model), "Router.fallback.models") for model in as_list(fallback.get("models"))
    ]
    mode, count = text_in(fallback, "mode"), fallback.get("retryCount")
    return Routing(
        routes=routes,
        models=tuple(models.items()),
        fallback=tuple(one for one in chain if one is not None) if mode == "model-chain" else (),
        rules=tuple(rules),
        retries=min(count, 10) if mode == "retry" and isinstance(count, int) and count >= 0 else None,
    )


def claude_profile(profile: Table) -> Table:
    """Claude Code's profile: the first that is on, or what stands for it."""
    if profile.get("enabled") is False:
        return {}
    for one in map(as_table, as_list(profile.get("profiles"))):
        if one.get("agent") == "claude-code" and one.get("enabled") is not False:
            return one
    older = as_table(profile.get("claudeCode"))
    return older if older.get("enabled") is not False else {}


def _default(
    settings: Table, profile: Table, providers: Sequence[Ported], selectors: "_Selectors"
) -> str | None:
    """Where everything else goes; version 3 need not say it."""
    if target := selectors.target(text_in(profile, "model"), "profile.model"):
        return target
    preferred = text_in(settings, "preferredProvider")
    ordered = sorted(providers, key=lambda provider: provider.name.casefold() != preferred.casefold())
    for provider in ordered:
        for model in as_list(provider.entry["models"]):
            selectors.warn(
                "profile.model", f"is not set: routes.default is {provider.name}/{model}, its first model"
            )
            return f"{provider.name},{model}"
    return None


def _port_rule(
    rule: Table,
    key: str,
    selectors: "_Selectors",
    routes: dict[str, str],
    models: dict[str, tuple[str, ...]],
    rules: list[HeaderRule],
) -> None:
    """One rule, if it says that some names, headers, or thinking, or web search, go to a model."""
    name = text_in(rule, "name", "id") or "without a name"
    if rule.get("enabled") is False:
        selectors.warn(key, f'the rule "{name}" is turned off: it is left out')
        return
    condition = as_table(rule.get("condition"))
    if text_in(rule, "type") == "model-prefix" and text_in(rule, "pattern"):
        prefix: Table = {"left": MODEL[0], "operator": "starts-with", "right": text_in(rule, "pattern")}
        condition = prefix
    wanted, only = _rewritten_model(rule)
    left, operator = text_in(condition, "left"), text_in(condition, "operator")
    right = text_in(condition, "right")
    scenario = SCENARIOS.get((left, operator, right))
    is_pattern = left in MODEL and operator in PATTERNS and bool(right) and " " not in right
    header = _header(left) if operator in HEADER_TESTS and right else ""
    if not only or (scenario is None and not is_pattern and not header):
        selectors.warn(
            key,
            f'the rule "{name}" is not carried over: routes decide by names, headers, thinking, length and tools; a custom router can do it',
        )
        return
    target = selectors.target(wanted, key)
    if target is None:
        return
    if scenario is not None:
        routes.setdefault(scenario, target)
        return
    behind = as_table(rule.get("fallback"))
    chain = [selectors.target(str(model), f"{key}.fallback") for model in as_list(behind.get("models"))]
    more = [one for one in chain if one is not None] if text_in(behind, "mode") == "model-chain" else []
    chain_of_it = tuple(dict.fromkeys((target, *more)))
    if header:
        rules.append(HeaderRule(header=header, test=HEADER_TESTS[operator], value=right, to=chain_of_it))
    else:
        models.setdefault(PATTERNS[operator].format(right), chain_of_it)


def _header(left: str) -> str:
    """The header that a condition looks at; empty for another place, and for one that nobody sees here."""
    for place in HEADER_PLACES:
        if left.startswith(place) and left[len(place) :].strip():
            name = left[len(place) :].strip().lower()
            return "" if name in KEPT or " " in name else name
    return ""


def _rewritten_model(rule: Table) -> tuple[str, bool]:
    """The model that a rule sets, and whether that is all it does."""
    rewrites = [as_table(one) for one in as_list(rule.get("rewrites"))]
    if not rewrites and rule.get("rewrite"):
        rewrites = [as_table(rule.get("rewrite"))]
    target = text_in(rule, "target")
    for rewrite in rewrites:
        if text_in(rewrite, "key") not in MODEL or text_in(rewrite, "operation") not in ("", "set"):
            return "", False
        target = text_in(rewrite, "value")
    return target, bool(target)


class _Selectors:
    """``provider/model`` and ``provider,model``, where a provider's name may hold anything."""

    def __init__(self, providers: Sequence[Ported], warn: Warn) -> None:
        self._names = sorted((provider.name for provider in providers), key=len, reverse=True)
        self.warn = warn

    def target(self, text: str, key: str) -> str | None:
        """In version 2's form; None, with a warning, when there is no such provider, and for an empty text."""
        if not text:
            return None
        for name in self._names:
            head, rest = text[: len(name)], text[len(name) :]
            if head.casefold() == name.casefold() and rest[:1] in ("/", ",") and rest[1:].strip():
                return f"{name},{rest[1:].strip()}"
        self.warn(key, f'"{text[:100]}" names no provider that is there: it is left out')
        return None
