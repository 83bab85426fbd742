"""The routing table: everything a configuration and the providers' lists say about names, ready to look up."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from trunkline.catalog.models import successor
from trunkline.catalog.names import family_key, spelling_key
from trunkline.config.schema import FAMILIES, Agent, Configuration, RouteRule
from trunkline.config.targets import split_target
from trunkline.routing.names import Glob, claude_family, glob, is_glob
from trunkline.routing.plan import Target
from trunkline.routing.rules import Rule

CLAUDE_IDS: Final = "claude-"
"""The beginning of model ids that Anthropic itself serves; looked up after the routes, unlike others."""

_BY_NAME: Final = frozenset({"default", "background", *FAMILIES})
_ONLY_LONG: Final = _BY_NAME | {"longContext"}


class Served(Struct, frozen=True, kw_only=True):
    """What one provider serves, as far as it is known."""

    provider: str
    models: tuple[str, ...] = ()
    families: Mapping[str, str] = {}
    """Claude family -> the deployment that serves it best; for the providers that have several."""
    open_prefixes: tuple[str, ...] = ()
    """Beginnings of model ids that belong to this provider even when its list does not have them."""
    discovered: bool = False
    """The models are the provider's own list, not the user's: Claude ids in it come after the routes."""
    listed: bool = False
    """The provider has sent that list; otherwise ``models`` are what is usual."""
    bases: Mapping[str, str] = {}
    """Deployment -> the model behind it, for those whose name says nothing of it."""
    workspace: bool = False
    """It names models in its own way (``databricks-claude-opus-4-8``): any spelling of a model finds it, and it takes
    any name of its catalogs (``main.agents.helper``), listed or not."""
    anything: bool = False
    """Names that nobody knows are taken for models of this provider."""
    only_explicit: bool = False
    """Claude names are not looked up here: another provider comes first for them."""


class Alias(Struct, frozen=True):
    """A name of the configuration and its chain."""

    name: str
    targets: tuple[Target, ...]


class GlobAlias(Struct, frozen=True):
    """The same for a pattern."""

    glob: Glob
    targets: tuple[Target, ...]


class Route(Struct, frozen=True):
    """A route by purpose; the other fields as in :class:`trunkline.config.schema.RouteRule`."""

    name: str
    targets: tuple[Target, ...]
    above: int | None = None
    adaptive: bool = False
    agent: Agent = "off"


class RoutingTable(Struct, frozen=True, kw_only=True):
    """Keys that are looked up without regard to letter case are case-folded."""

    providers: Mapping[str, str]
    """Folded name -> the name as configured."""
    deployments: Mapping[str, Mapping[str, str]]
    """Provider -> folded model id -> the id as it is written there."""
    aliases: Mapping[str, Alias]
    globs: tuple[GlobAlias, ...]
    """Most specific first."""
    bare: Mapping[str, tuple[Target, ...]]
    """Folded model id -> where it is served."""
    claude: Mapping[str, Target]
    """Bare Claude name or family -> the first provider's deployment of it."""
    spellings: Mapping[str, tuple[Target, ...]]
    """:func:`spelling_key` -> the deployments in workspaces that are named so."""
    behind: Mapping[str, tuple[Target, ...]]
    """The same for the models behind other names."""
    workspace: str | None
    """The only provider that takes catalogs' names."""
    prefixes: tuple[tuple[str, str], ...]
    """(beginning of a model id, provider), for one provider each."""
    takes_all: str | None
    """Who gets the names that nobody knows, as they are."""
    claude_provider: str | None
    """Who takes any Claude id, listed or not."""
    rules: tuple[Rule, ...]
    """On headers, in order."""
    routes: Mapping[str, Route]
    by_purpose: bool
    """A route is set that does not go by the model's name alone: the request itself has to be looked at."""
    only_long: bool
    """The only such route goes by the request's length."""
    any_name: bool
    """Names that nobody knows go by the routes too."""
    listed_first: bool
    """A Claude model of the very name asked for comes before the routes."""
    fallback: tuple[Target, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name a client may use, aliases first, for listings and for the nearest of a mistyped one."""
        known = [alias.name for alias in self.aliases.values()]
        known += [model for models in self.deployments.values() for model in models.values()]
        known += [
            f"{name}/{model}" for name, models in self.deployments.items() for model in models.values()
        ]
        return tuple(dict.fromkeys(known))


def build_table(configuration: Configuration, served: Iterable[Served]) -> RoutingTable:
    """The table for a configuration whose providers serve ``served``, in order of preference."""
    listing = tuple(served)
    bare = _bare(listing)
    served_by = {entry.provider: entry for entry in listing}

    def targets(written: Iterable[str]) -> tuple[Target, ...]:
        return tuple(dict.fromkeys(chain.from_iterable(present(t, served_by) for t in _targets(written))))

    routes = {
        name: Route(name, targets(rule.to), rule.above, rule.adaptive, rule.agent)
        for name, rule in configuration.routes
        if rule.to
    }
    rules = [
        Rule(
            name=f"rule on {rule.header}", header=rule.header, test=rule.test, value=rule.value, targets=to
        )
        for rule in configuration.rules
        if (to := targets(rule.to))
    ]
    aliases = [(name.pattern, targets(name.to)) for name in configuration.models]
    globs = [GlobAlias(glob(name), targets) for name, targets in aliases if is_glob(name)]
    return RoutingTable(
        rules=tuple(rules),
        providers={name.casefold(): name for name, _ in configuration.providers},
        deployments={
            entry.provider: {model.casefold(): model for model in entry.models} for entry in listing
        },
        aliases={name.casefold(): Alias(name, to) for name, to in aliases if not is_glob(name)},
        globs=tuple(sorted(globs, key=lambda alias: alias.glob.rank)),
        bare=_unrouted(bare) if configuration.any_name and "default" in routes else bare,
        claude=_claude(listing),
        spellings=_spellings(listing, lambda entry: ((model, model) for model in entry.models)),
        behind=_spellings(listing, lambda entry: entry.bases.items()),
        workspace=_only([entry.provider for entry in listing if entry.workspace]),
        prefixes=_prefixes(listing),
        takes_all=next((entry.provider for entry in listing if entry.anything), None),
        claude_provider=next(
            (e.provider for e in listing if CLAUDE_IDS in e.open_prefixes and not e.only_explicit), None
        ),
        routes=routes,
        by_purpose=not routes.keys() <= _BY_NAME,
        only_long=_only_long(routes),
        any_name=configuration.any_name,
        listed_first=configuration.listed_first,
        fallback=targets(configuration.fallback),
    )


def present(target: Target, served: Mapping[str, Served]) -> tuple[Target, ...]:
    """``target``, or the model that its provider has in its place when its own was retired.

    A retired model that a provider still lists is asked as it is. As long as the list is not known it is asked
    first, and then what is usually there.
    """
    entry = served.get(target.provider)
    if entry is None or not entry.discovered:
        return (target,)
    if target.deployment.casefold() in {model.casefold() for model in entry.models}:
        return (target,)
    heir = _heir(target.deployment, entry)
    if heir is None:
        return (target,)
    return (heir,) if entry.listed else (target, heir)


def _heir(retired: str, entry: Served) -> Target | None:
    """The successor that the catalog names for a retired model, else the newest of its family there."""
    name = successor(retired)
    if name is None:
        return None
    same = next((model for model in entry.models if family_key(model) == name), None)
    model = same or entry.families.get(claude_family(name) or "")
    return None if model is None else Target(entry.provider, model)


def overlaid(table: RoutingTable, rules: Iterable[tuple[str, RouteRule]]) -> RoutingTable:
    """The table with some routes in place of its own; behind each target stay the ones that the route had behind."""
    routes = dict(table.routes)
    for name, rule in rules:
        old = table.routes.get(name)
        behind = () if old is None else old.targets[1:]
        routes[name] = Route(
            name,
            tuple(dict.fromkeys((*_targets(rule.to), *behind))),
            rule.above,
            rule.adaptive,
            rule.agent if old is None else old.agent,
        )
    return replace(
        table, routes=routes, by_purpose=not routes.keys() <= _BY_NAME, only_long=_only_long(routes)
    )


def _only_long(routes: Mapping[str, Route]) -> bool:
    return "longContext" in routes and routes.keys() <= _ONLY_LONG


def _targets(written: Iterable[str]) -> tuple[Target, ...]:
    parts = (split_target(text) for text in written)
    return tuple(Target(*pair) for pair in parts if pair is not None)


def _bare(listing: Iterable[Served]) -> dict[str, tuple[Target, ...]]:
    found: dict[str, tuple[Target, ...]] = {}
    for entry in listing:
        for model in entry.models:
            if not ((entry.discovered or entry.only_explicit) and claude_family(model)):
                key = model.casefold()
                found[key] = (*found.get(key, ()), Target(entry.provider, model))
    return found


def _unrouted(bare: Mapping[str, tuple[Target, ...]]) -> dict[str, tuple[Target, ...]]:
    """Where any name has a route: only the ids that mean one provider and no Claude go past the routes.

    An agent that asks for a Claude model by its id means whatever the routes say (ccr.md 2.2).
    """
    return {
        name: targets for name, targets in bare.items() if len(targets) == 1 and not claude_family(name)
    }


def _claude(listing: Iterable[Served]) -> dict[str, Target]:
    """A provider's families and its models by bare name; where two have a name, the first one keeps it."""
    found: dict[str, Target] = {}
    for entry in listing:
        if entry.only_explicit:
            continue
        for family, model in entry.families.items():
            found.setdefault(family, Target(entry.provider, model))
        for model in entry.models:
            key = family_key(entry.bases.get(model, model))
            if claude_family(key):
                found.setdefault(key, Target(entry.provider, model))
    return found


def _spellings(
    listing: Iterable[Served], named: Callable[[Served], Iterable[tuple[str, str]]]
) -> dict[str, tuple[Target, ...]]:
    """``named`` gives pairs of a deployment and what it is called."""
    found: dict[str, tuple[Target, ...]] = {}
    for entry in listing:
        for model, called in named(entry) if entry.workspace else ():
            key = spelling_key(called)
            found[key] = (*found.get(key, ()), Target(entry.provider, model))
    return found


def _only(names: Sequence[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def _prefixes(listing: tuple[Served, ...]) -> tuple[tuple[str, str], ...]:
    pairs = [
        (prefix, entry.provider)
        for entry in listing
        for prefix in entry.open_prefixes
        if prefix != CLAUDE_IDS
    ]
    counts = [prefix for prefix, _ in pairs]
    return tuple(pair for pair in pairs if counts.count(pair[0]) == 1)
