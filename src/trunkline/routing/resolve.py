"""From the name a client asked for, and what it asks, to a plan."""

import re
from collections.abc import Callable
from typing import Final

from trunkline.catalog.names import family_key, spelling_key
from trunkline.config.nearest import nearest
from trunkline.config.targets import split_target
from trunkline.core.errors import GatewayError, Kind
from trunkline.routing.names import DISCOVERY_PREFIX, claude_family, plain_name
from trunkline.routing.plan import Plan, Target
from trunkline.routing.purpose import ORDINARY, Purpose
from trunkline.routing.table import CLAUDE_IDS, Route, RoutingTable

NEAREST_FAMILIES: Final = ("sonnet", "opus", "haiku")
"""Who stands in for a family that no provider serves: an agent's default may be newer than a workspace."""

ENDPOINTS: Final = "databricks-"
SERVICES: Final = "system.ai."
FULL_NAMES: Final = (ENDPOINTS, SERVICES)
"""How a workspace's own names for the platform's models begin: endpoints and services of Unity Catalog."""
CATALOG_NAME: Final = re.compile(r"[A-Za-z_][\w-]*\.[A-Za-z_][\w-]*\.[A-Za-z_][\w.-]*")
"""``catalog.schema.name``; a version number starts with a digit, so ``gpt-5.4.1`` is none."""

PICTURES: Final = ", pictures by route image"
"""Behind the reason of a plan whose targets are told of pictures and see none."""

MAX_COMPARED: Final = 500
"""Names that are compared to find the nearest: the comparison is slow, and clients choose what it is given."""

MAX_SHOWN: Final = 120
"""Characters of a client's name that an error repeats."""


def resolve(table: RoutingTable, name: str, purpose: Callable[[], Purpose], tag: str | None = None) -> Plan:
    """Who serves a request for the model ``name``; ``purpose`` is called only if a route depends on it.
    Nothing else of the request has a say: it may be remembered by both.

    In this order: the model that a subagent's ``tag`` names; ``provider,model`` or ``provider/model``; a name
    of the configuration, exact before globs, the most specific glob first; a model id that exactly one provider
    has; for Claude names the routes by purpose and the default, then the deployment of that very model or of its
    family; another spelling of a model that a workspace names in its own way; a name of a workspace's catalogs;
    who takes any name. A tag that names nothing is passed over, and the route says so. Raises GatewayError: NOT_FOUND with what was
    tried and the nearest names, INVALID_REQUEST when several providers have the model.
    """
    chosen = None if tag is None else _tagged(table, tag, purpose)
    passed_over = tag if chosen is None else None
    asked = plain_name(name)
    if chosen is None:
        chosen = _named(table, asked, name.strip())
    if chosen is None and asked.casefold().startswith(DISCOVERY_PREFIX):
        asked = asked[len(DISCOVERY_PREFIX) :]
        chosen = _named(table, asked, asked)
    if chosen is None:
        chosen = _by_kind(table, asked, purpose) or _by_spelling(table, asked)
    if chosen is None and asked and table.takes_all is not None and split_target(asked) is None:
        chosen = Plan((Target(table.takes_all, asked),), f"model of {table.takes_all}")
    if chosen is None:
        raise _unknown(table, name)
    targets = tuple(dict.fromkeys((*chosen.targets, *table.fallback)))
    eyes = _eyes(table, targets, chosen.route, purpose)
    route = chosen.route + (PICTURES if eyes else "")
    if passed_over is not None:
        route += f' (the subagent tag names "{_shown(passed_over)}", which is not there)'
    return Plan(targets, route, eyes=eyes)


def _tagged(table: RoutingTable, tag: str, purpose: Callable[[], Purpose]) -> Plan | None:
    """A plan for what a subagent's tag names: a model, or a Claude family that the routes know."""
    asked = plain_name(tag)
    try:
        chosen = _named(table, asked, tag)
    except GatewayError:
        return None
    if chosen is None and claude_family(asked):
        chosen = _by_kind(table, asked, purpose)
    return None if chosen is None else Plan(chosen.targets, "subagent tag")


def _eyes(
    table: RoutingTable, targets: tuple[Target, ...], route: str, purpose: Callable[[], Purpose]
) -> tuple[Target, ...]:
    """Who describes the pictures to ``targets``, if the configuration wants that and there are any.

    A model that was asked for by its own name is shown what it is sent, unless pictures are always described.
    """
    rule = table.routes.get("image")
    if rule is None or rule.agent == "off" or targets[0] in rule.targets:
        return ()
    if rule.agent == "older" and not route.startswith("route "):
        return ()
    return rule.targets if purpose().image else ()


def _named(table: RoutingTable, asked: str, written: str) -> Plan | None:
    """A plan for a name that says which model it means; ``written`` still has its context mark."""
    target = _explicit(table, asked)
    if target is not None and not _is_listing_prefix(table, asked, target):
        return Plan((target,), "explicit")
    if alias := table.aliases.get(written.casefold()) or table.aliases.get(asked.casefold()):
        return Plan(alias.targets, f"alias {alias.name}")
    for candidate in table.globs:
        if candidate.glob.matcher.fullmatch(written) or candidate.glob.matcher.fullmatch(asked):
            return Plan(candidate.targets, f"alias {candidate.glob.pattern}")
    served = table.bare.get(asked.casefold(), ())
    if len(served) > 1:
        raise _ambiguous(asked, served)
    for target in served:
        return Plan((target,), f"model of {target.provider}")
    for prefix, provider in table.prefixes:
        if asked.casefold().startswith(prefix):
            model = _moved(table, provider, asked) or asked
            return Plan((Target(provider, model),), f"model of {provider}")
    return None


def _explicit(table: RoutingTable, asked: str) -> Target | None:
    parts = split_target(asked)
    provider = None if parts is None else table.providers.get(parts[0].casefold())
    if parts is None or provider is None:
        return None
    model = table.deployments.get(provider, {}).get(parts[1].casefold())
    if model is None:
        model = _moved(table, provider, parts[1]) or _respelled(table, provider, parts[1]) or parts[1]
    return Target(provider, model)


def _respelled(table: RoutingTable, provider: str, asked: str) -> str | None:
    """The one deployment of a workspace that ``asked`` is another spelling of. A full name means itself."""
    if asked.casefold().startswith(FULL_NAMES):
        return None
    found = [one for one in table.spellings.get(spelling_key(asked), ()) if one.provider == provider]
    return found[0].deployment if len(found) == 1 else None


def _is_listing_prefix(table: RoutingTable, asked: str, target: Target) -> bool:
    """``anthropic/gpt-5`` is how another provider's model is listed for Claude Code, also where a
    provider is called anthropic: that one's own models are Claude's or on its list."""
    if not asked.casefold().startswith(DISCOVERY_PREFIX) or claude_family(target.deployment):
        return False
    if target.deployment.casefold() in table.deployments.get(target.provider, {}):
        return False
    rest = target.deployment.casefold()
    return rest in table.aliases or rest in table.bare or _explicit(table, target.deployment) is not None


def _by_kind(table: RoutingTable, asked: str, purpose: Callable[[], Purpose]) -> Plan | None:
    """A plan for a name that only says what kind of model is wanted."""
    family = claude_family(asked)
    # "provider,model" names its provider: one that is not there is a mistake, and no name for the routes.
    if family is None and (not table.any_name or "," in asked):
        return None
    exact = None if family in (None, family_key(asked)) else table.claude.get(family_key(asked))
    route = None if exact is not None and table.listed_first else _route(table, family, purpose)
    if route is not None:
        return Plan(route.targets, f"route {route.name}")
    if family is None or (table.any_name and "default" not in table.routes):
        return None
    if exact is not None:
        return Plan((exact,), f"model of {exact.provider}")
    if table.claude_provider is not None and asked.casefold().startswith(CLAUDE_IDS):
        return Plan((Target(table.claude_provider, asked),), f"model of {table.claude_provider}")
    found = (table.claude.get(known) for known in (family, *NEAREST_FAMILIES))
    best = next((target for target in found if target is not None), None)
    return None if best is None else Plan((best,), f"family {family}")


def _moved(table: RoutingTable, provider: str, asked: str) -> str | None:
    """The service that an endpoint's name stands for in a workspace that only lists services (databricks.md 1.6)."""
    if not asked.casefold().startswith(ENDPOINTS):
        return None
    name = f"{SERVICES}{asked[len(ENDPOINTS) :]}".casefold()
    return table.deployments.get(provider, {}).get(name)


def _by_spelling(table: RoutingTable, asked: str) -> Plan | None:
    """A plan for a model as its maker or another platform spells it, and for a name of a workspace's catalogs."""
    if "," in asked:
        return None
    if table.workspace is not None and CATALOG_NAME.fullmatch(asked):
        return Plan((Target(table.workspace, asked),), f"model of {table.workspace}")
    key = spelling_key(asked)
    served = table.spellings.get(key) or table.behind.get(key) or ()
    if len({target.provider for target in served}) > 1:
        raise _ambiguous(asked, served)
    return Plan((served[0],), f"model of {served[0].provider}") if served else None


def _route(table: RoutingTable, family: str | None, purpose: Callable[[], Purpose]) -> Route | None:
    """The route by purpose (CCR's order), else the default route if there is one."""
    routes = table.routes
    what = purpose() if table.by_purpose else ORDINARY
    image = routes.get("image")
    agent = "off" if image is None else image.agent
    conditions = (
        ("image", what.image_last and agent != "always"),
        ("longContext", what.long),
        ("background", family == "haiku"),
        ("webSearch", what.web_search),
        ("think", what.thinks),
        ("image", what.image and agent == "off"),
        (family or "", True),
        ("default", True),
    )
    return next((routes[name] for name, holds in conditions if holds and name in routes), None)


def _shown(name: str) -> str:
    printable = "".join(c if c.isprintable() else "?" for c in name)
    return printable if len(printable) <= MAX_SHOWN else printable[:MAX_SHOWN] + "..."


def _ambiguous(asked: str, served: tuple[Target, ...]) -> GatewayError:
    choices = " or ".join(str(target) for target in served)
    message = f'Several providers have the model "{_shown(asked)}": ask for {choices}.'
    return GatewayError(Kind.INVALID_REQUEST, message, field="model", should_retry=False)


def _unknown(table: RoutingTable, name: str) -> GatewayError:
    asked = plain_name(name)
    if table.any_name and "default" not in table.routes and "," not in asked:
        message = (
            f'No route takes the model "{_shown(asked)}": set Router.default (routes.default), or ask for'
            f" provider,model. Providers: {', '.join(table.providers.values())}."
        )
        return GatewayError(Kind.INVALID_REQUEST, message, field="model", should_retry=False)
    if not asked:
        message = 'The request names no model: "model" is empty.'
        return GatewayError(Kind.INVALID_REQUEST, message, field="model", should_retry=False)
    parts = split_target(asked)
    providers = ", ".join(table.providers.values())
    tried = "names of the configuration and model ids of its providers"
    if parts is not None:
        tried = f'a provider "{_shown(parts[0])}" (there are: {providers}), {tried}'
    elif claude_family(asked):
        tried += ", and no default route is set for Claude names"
    found = nearest(asked[:MAX_SHOWN], table.names[:MAX_COMPARED])
    hint = (
        f" Nearest: {', '.join(found)}." if found else f" Providers: {providers}; ask for provider/model."
    )
    message = f'There is no model "{_shown(asked)}". Tried: {tried}.{hint}'
    return GatewayError(Kind.NOT_FOUND, message, field="model", should_retry=False)
