"""Trunkline's own file: a tree in, a configuration out, or every mistake in it."""

from collections.abc import Callable, Collection
from typing import Final, cast

from msgspec import structs
from msgspec.structs import fields

from trunkline.config.addresses import is_loopback
from trunkline.config.databricks_app import NAME, PORT, app_server, is_app
from trunkline.config.nearest import did_you_mean
from trunkline.config.plugins_section import decode_endpoints, decode_plugins, decode_router
from trunkline.config.problems import ConfigurationError
from trunkline.config.providers_section import decode_providers
from trunkline.config.proxy_url import KEY as PROXY
from trunkline.config.proxy_url import decode_proxy
from trunkline.config.rules_section import decode_rules
from trunkline.config.schema import (
    FAMILIES,
    MEBIBYTE,
    Agent,
    Breaker,
    Configuration,
    ModelName,
    Prompt,
    Retry,
    RouteRule,
    Server,
    Timeouts,
)
from trunkline.config.search_section import decode_search
from trunkline.config.section import Reading, Section
from trunkline.config.targets import check_target, split_target
from trunkline.config.tree import Mapping as MappingNode
from trunkline.config.tree import Node, Sequence

ROUTES: Final = ("default", "background", "think", "longContext", "webSearch", "image", *FAMILIES)
AGENTS: Final = ("off", "older", "always")
LONG_CONTEXT: Final = 60_000
"""Tokens above which a request is long when the file does not say (CCR's longContextThreshold)."""
DAY: Final = 86_400.0


def decode_document(reading: Reading, tree: Node | None) -> Configuration:
    """The configuration in a file of Trunkline's own form. Raises ConfigurationError with every mistake."""
    root = Section(reading, tree)
    server = _server(root.section("server"))
    plugins = decode_plugins(root)
    providers = decode_providers(root, plugins=bool(plugins))
    if server.own_tokens and not all(settings.client_token for _, settings in providers):
        root.section("server").problem("own_tokens", 'needs "auth: client" for every provider')
    names = [entry.key for entry in root.section("providers").entries()]
    if not names and root.usable and root.section("providers").usable:
        root.problem("providers", "no provider is configured: name one, with its credential")
    configuration = Configuration(
        source=reading.file,
        server=server,
        providers=providers,
        models=_models(root, names),
        routes=_routes(root.section("routes"), names),
        rules=decode_rules(root, lambda node, key: _chain(reading, node, key, names)),
        any_name=root.flag("any_name", False),
        prompt=_prompt(root.section("prompt")),
        project_routers=root.flag("project_routers", False),
        listed_first=root.flag("listed_first", False),
        fallback=_fallback(root, names),
        timeouts=_timeouts(root.section("timeouts")),
        retry=_retry(root.section("retry")),
        breaker=_breaker(root.section("breaker")),
        upstream_proxy=decode_proxy(reading, root.get(PROXY), PROXY),
        search=decode_search(root),
        plugins=plugins,
        endpoints=decode_endpoints(root, plugins),
        token_speed=root.flag("token_speed", False),
    )
    configuration = structs.replace(configuration, custom_router=decode_router(root, configuration))
    root.finish()
    if reading.problems:
        raise ConfigurationError(tuple(sorted(reading.problems, key=lambda problem: problem.line or 0)))
    return configuration


def _server(section: Section) -> Server:
    app = section.flag("databricks_app", False)
    if app and not is_app(section.reading.environ):
        section.problem(
            "databricks_app", f"is for Databricks Apps alone: the platform sets {NAME} and {PORT}"
        )
    usual = app_server(section.reading.environ) if app else Server()
    server = Server(
        host=section.text("host") or usual.host,
        port=section.integer("port", usual.port, 0, 65_535),
        databricks_app=app,
        keys=section.secrets("keys"),
        admin_key=section.secret("admin_key"),
        own_tokens=section.flag("own_tokens", False),
        max_body=section.integer("max_body", 32 * MEBIBYTE, 1024, 1024 * MEBIBYTE),
        max_concurrent=section.integer("max_concurrent", 1024, 1, 100_000),
        strict=section.flag("strict", False),
        ping=section.number("ping", 15.0, 0.1, DAY),
    )
    if not is_loopback(server.host) and section.get("keys") is None and not (server.own_tokens or app):
        section.problem(
            "host", "listening beyond this machine needs server.keys, what clients must present"
        )
    if section.is_empty_list("keys"):
        section.problem("keys", "is empty: list keys, or remove it to serve this machine only")
    section.finish()
    return server


def _chain(reading: Reading, node: Node, key: str, providers: Collection[str]) -> tuple[str, ...]:
    """One target or a list of them."""
    items = node.items if isinstance(node, Sequence) else (node,)
    if not items:
        reading.problem(node.line, key, "is empty: name at least one target")
    found: list[str] = []
    for index, item in enumerate(items):
        place = f"{key}[{index}]" if isinstance(node, Sequence) else key
        text = reading.text(item, place)
        if text is None:
            continue
        target, fault = check_target(text, providers)
        if target is None:
            reading.problem(item.line, place, fault)
        elif target in found:
            reading.problem(item.line, place, "names a target twice")
        else:
            found.append(target)
    return tuple(found)


def _models(root: Section, providers: Collection[str]) -> tuple[ModelName, ...]:
    section = root.section("models")
    folded = {provider.casefold() for provider in providers}
    found: dict[str, ModelName] = {}
    for entry in section.entries():
        name = entry.key.strip()
        parts = split_target(name)
        if not name or any(character.isspace() for character in name):
            section.problem(entry.key, "a model's name holds no blanks")
        elif parts is not None and parts[0].casefold() in folded:
            message = f'would never be used: it always means the model "{parts[1]}" of provider {parts[0]}'
            section.problem(entry.key, message)
        elif name.casefold() in found:
            section.problem(entry.key, "this name is there already, in other letter case")
        else:
            chain = _chain(section.reading, entry.node, section.key(entry.key), providers)
            found[name.casefold()] = ModelName(name, chain)
    return tuple(found.values())


def _routes(section: Section, providers: Collection[str]) -> tuple[tuple[str, RouteRule], ...]:
    found: list[tuple[str, RouteRule]] = []
    for entry in section.entries():
        if entry.key in ROUTES:
            found.append((entry.key, _rule(section, entry.key, entry.node, providers)))
        else:
            section.problem(entry.key, f"unknown route.{did_you_mean(entry.key, ROUTES)}")
    return tuple(found)


def _rule(section: Section, name: str, node: Node, providers: Collection[str]) -> RouteRule:
    default = LONG_CONTEXT if name == "longContext" else None
    if not isinstance(node, MappingNode):
        return RouteRule(to=_chain(section.reading, node, section.key(name), providers), above=default)
    rule = section.section(name)
    to = rule.get("to")
    if to is None:
        rule.problem("to", 'is missing: name the target, "to: provider/model"')
    chain = () if to is None else _chain(section.reading, to, rule.key("to"), providers)
    above = None if default is None else rule.integer("above", default, 1, 1_000_000_000)
    adaptive = name == "think" and rule.flag("adaptive", False)
    agent = (rule.choice("agent", AGENTS) if name == "image" else None) or "off"
    rule.finish()
    return RouteRule(to=chain, above=above, adaptive=adaptive, agent=cast(Agent, agent))


def _prompt(section: Section) -> Prompt:
    prompt = Prompt(file=section.text("file"), attribution=section.flag("attribution", True))
    section.finish()
    return prompt


def _fallback(root: Section, providers: Collection[str]) -> tuple[str, ...]:
    node = root.get("fallback")
    return () if node is None else _chain(root.reading, node, "fallback", providers)


def _timeouts(section: Section) -> Timeouts:
    values: dict[str, float] = {}
    for field in fields(Timeouts):
        values[field.name] = section.number(field.name, cast(float, field.default), 0.001, DAY)
    section.finish()
    return cast(Callable[..., Timeouts], Timeouts)(**values)


def _retry(section: Section) -> Retry:
    default = Retry()
    retry = Retry(
        per_target=section.integer("per_target", default.per_target, 0, 10),
        targets=section.integer("targets", default.targets, 1, 20),
        base=section.number("base", default.base, 0.001, 60.0),
        cap=section.number("cap", default.cap, 0.001, 600.0),
        max_retry_after=section.number("max_retry_after", default.max_retry_after, 0.0, DAY),
        bucket=section.integer("bucket", default.bucket, 0, 1_000_000),
        cost=section.integer("cost", default.cost, 0, 1_000_000),
        timeout_cost=section.integer("timeout_cost", default.timeout_cost, 0, 1_000_000),
        refund=section.integer("refund", default.refund, 0, 1_000_000),
        live_share=section.number("live_share", default.live_share, 0.0, 1.0),
        floor=section.integer("floor", default.floor, 0, 1_000_000),
    )
    section.finish()
    return retry


def _breaker(section: Section) -> Breaker:
    default = Breaker()
    breaker = Breaker(
        failures=section.integer("failures", default.failures, 1, 1_000),
        rate=section.number("rate", default.rate, 0.01, 1.0),
        calls=section.integer("calls", default.calls, 1, 100_000),
        window=section.number("window", default.window, 0.1, DAY),
        open=section.number("open", default.open, 0.001, DAY),
        cap=section.number("cap", default.cap, 0.001, DAY),
    )
    section.finish()
    return breaker
