"""``Router`` and ``fallback`` of a claude-code-router file as routes (reference ccr.md 1.6, 2.8)."""

from collections.abc import Mapping
from typing import Final

from trunkline.config.ccr.findings import Findings
from trunkline.config.nearest import did_you_mean
from trunkline.config.schema import FAMILIES, RouteRule
from trunkline.config.section import Section
from trunkline.config.tree import Node, Sequence

SCENARIOS: Final = ("default", "background", "think", "longContext", "webSearch", "image", *FAMILIES)
"""CCR's, and one for each Claude family, which it has not."""
ADAPTIVE: Final = "thinkAdaptive"
"""Ours: true sends requests to think that only allow the model to think, as CCR does."""
FORCED: Final = "forceUseImageAgent"
THRESHOLD: Final = "longContextThreshold"
TOKENS: Final = 60_000
"""CCR's threshold when the file gives none, or zero."""


def read_routes(
    findings: Findings, root: Section, names: Mapping[str, str]
) -> tuple[tuple[str, RouteRule], ...]:
    """The routes by purpose, the targets of ``fallback`` behind each, those of ``default`` behind image too.

    ``names``: as written -> as called here.
    """
    router = root.section("Router")
    threshold = router.integer(THRESHOLD, TOKENS, 0, 1_000_000_000) or TOKENS
    fallbacks = _fallbacks(findings, root.section("fallback"), names)
    found: list[tuple[str, RouteRule]] = []
    for name in SCENARIOS:
        node = router.get(name)
        target = None if node is None else _route(findings, node, router.key(name), names)
        if node is None or target is None:
            continue
        behind = fallbacks.get("default" if name == "image" and "image" not in fallbacks else name, ())
        chain = tuple(dict.fromkeys((target, *behind)))
        rule = _rule(root, router, name, chain, threshold)
        found.append((name, rule))
        limit = f" above {rule.above} tokens" if rule.above else ""
        limit += f", agent: {rule.agent}" if name == "image" else ""
        findings.used(
            router.line_of(name), router.key(name), f"routes.{name}: {' then '.join(chain)}{limit}"
        )
    _note_agent(findings, root, dict(found))
    for entry in router.entries():
        if entry.key not in (*SCENARIOS, THRESHOLD, ADAPTIVE):
            hint = did_you_mean(entry.key, (*SCENARIOS, THRESHOLD, ADAPTIVE))
            findings.warn(entry.line, router.key(entry.key), f"unknown key, without effect.{hint}")
    if router.usable and router.get("default") is None:
        message = "is missing: requests that no other route fits are refused"
        findings.warn(root.line_of("Router"), "Router.default", message)
    for name in fallbacks:
        if name not in dict(found):
            line = root.section("fallback").line_of(name)
            findings.warn(line, f"fallback.{name}", f"is not used: Router.{name} is not set")
    return tuple(found)


def _rule(root: Section, router: Section, name: str, chain: tuple[str, ...], threshold: int) -> RouteRule:
    if name == "longContext":
        return RouteRule(to=chain, above=threshold)
    if name == "think":
        return RouteRule(to=chain, adaptive=router.flag(ADAPTIVE, False))
    if name == "image":
        return RouteRule(to=chain, agent="always" if root.flag(FORCED, False) else "older")
    return RouteRule(to=chain)


def _note_agent(findings: Findings, root: Section, routes: Mapping[str, RouteRule]) -> None:
    line, forced = root.line_of(FORCED), root.flag(FORCED, False)
    if forced and "image" not in routes:
        findings.warn(line, FORCED, "is not used: Router.image is not set")
    elif root.get(FORCED) is not None:
        which = "all pictures" if forced else "pictures of earlier turns"
        findings.used(line, FORCED, f"routes.image.agent: {which} are described to models that get none")


def target_of(text: str, names: Mapping[str, str]) -> tuple[str | None, str]:
    """``provider,model`` or ``provider/model`` as our target, or None and what is wrong with it."""
    provider, _, model = (part.strip() for part in text.partition("," if "," in text else "/"))
    if not provider or not model:
        return None, 'a target is written "provider,model"'
    if any(character.isspace() for character in model):
        return None, "a model id holds no blanks"
    folded = {name.casefold(): called for name, called in names.items()}
    called = names.get(provider) or folded.get(provider.casefold())
    if called is None:
        return None, f'there is no provider "{provider}".{did_you_mean(provider, names)}'
    return f"{called}/{model}", ""


def _route(findings: Findings, node: Node, key: str, names: Mapping[str, str]) -> str | None:
    text = findings.reading.text(node, key)
    if text is None:
        return None
    target, fault = target_of(text, names)
    if target is None:
        findings.problem(node.line, key, fault)
    return target


def _fallbacks(
    findings: Findings, section: Section, names: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Lists by route. A target whose provider is not there is left out, as in CCR, with a warning."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in section.entries():
        key = section.key(entry.key)
        if entry.key not in SCENARIOS:
            hint = did_you_mean(entry.key, SCENARIOS)
            findings.warn(entry.line, key, f"unknown key, without effect.{hint}")
            continue
        node = entry.node
        items = node.items if isinstance(node, Sequence) else (node,)
        chain: list[str] = []
        for index, item in enumerate(items):
            text = findings.reading.text(item, f"{key}[{index}]")
            target, fault = (None, "") if text is None else target_of(text, names)
            if target is not None:
                chain.append(target)
            elif fault:
                findings.warn(item.line, f"{key}[{index}]", f"{fault} It is left out.")
        found[entry.key] = tuple(chain)
        findings.used(entry.line, key, f"behind routes.{entry.key}: {', '.join(chain) or 'nothing'}")
    return found
