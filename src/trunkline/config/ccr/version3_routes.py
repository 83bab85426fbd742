"""Where requests go in claude-code-router 3: profiles, rules and fallbacks, as far as routes and names say it (ccr.md 8.3)."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from trunkline.config.ccr.version3_providers import Ported, Table, Warn, as_list, as_table, text_in

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


class Routing(Struct, frozen=True, kw_only=True):
    """``routes``: version 2's Router; ``models``: patterns and their chains in order; targets as ``provider,model``."""

    routes: dict[str, str]
    models: tuple[tuple[str, tuple[str, ...]], ...]
    fallback: tuple[str, ...]
    retries: int | None


def port_routing(settings: Table, providers: Sequence[Ported], warn: Warn) -> Routing:
    """Everything that decides by names; what decides otherwise is told."""
    selectors = _Selectors(providers, warn)
    router = as_table(settings.get("Router"))
    routes: dict[str, str] = {}
    models: dict[str, tuple[str, ...]] = {}
    for index, rule in enumerate(map(as_table, as_list(router.get("rules")))):
        _port_rule(rule, f"Router.rules[{index}]", selectors, routes, models)
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
) -> None:
    """One rule, if it says that some names, or thinking, or web search, go to a model."""
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
    if not only or (scenario is None and not is_pattern):
        selectors.warn(
            key,
            f'the rule "{name}" is not carried over: routes decide by names, thinking, length and tools; a custom router can do it',
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
    models.setdefault(PATTERNS[operator].format(right), tuple(dict.fromkeys((target, *more))))


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
