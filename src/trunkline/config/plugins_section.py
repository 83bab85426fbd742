"""``plugins`` and ``custom_router`` of Trunkline's own file: transforms and routes that are code of the user's."""

from typing import cast

import msgspec

from trunkline.config.nearest import did_you_mean
from trunkline.config.providers_section import PROTOCOLS
from trunkline.config.schema import Configuration, CustomRouter, Plugin, Transform
from trunkline.config.secret import Secret
from trunkline.config.section import Section
from trunkline.config.transforms import decode_list
from trunkline.config.tree import Mapping


def decode_plugins(root: Section) -> tuple[Plugin, ...]:
    """The files to load, in order; mistakes are noted in the section's reading."""
    found: list[Plugin] = []
    for index, node in enumerate(root.items("plugins")):
        section = Section(root.reading, node, f"plugins[{index}]")
        path, options = section.text("path"), section.get("options")
        if path is None and section.get("path") is None and section.usable:
            section.problem("path", "is missing: name the plugin's file")
        values: dict[str, object] = {}
        if isinstance(options, Mapping):
            values = cast(dict[str, object], section.reading.plain(options, section.key("options")))
        elif options is not None:
            section.problem("options", "must be options: {name: value}")
        name = section.text("name")
        section.finish()
        if path is not None:
            found.append(Plugin(path=path, name=name, options=values))
    return tuple(found)


def decode_endpoints(
    root: Section, plugins: tuple[Plugin, ...]
) -> tuple[tuple[str, tuple[Transform, ...]], ...]:
    """The plugins at the endpoints of some protocols."""
    section = root.section("endpoints")
    found: list[tuple[str, tuple[Transform, ...]]] = []
    for entry in section.entries():
        if entry.key not in PROTOCOLS:
            hint = did_you_mean(entry.key, PROTOCOLS)
            section.problem(entry.key, f"clients speak no protocol of this name.{hint}")
        elif not plugins:
            section.problem(entry.key, "names plugins, but none is loaded: list them under plugins")
        else:
            transforms = decode_list(section.reading, entry.node, section.key(entry.key), plugins=True)
            found.append((entry.key, transforms))
    return tuple(found)


def decode_router(root: Section, configuration: Configuration) -> CustomRouter | None:
    """The script that chooses models, with the configuration as claude-code-router would hand it over."""
    path = root.text("custom_router")
    if path is None:
        return None
    providers = [
        {
            "name": name,
            "api_base_url": settings.speaks[0][1]
            if settings.speaks
            else settings.url or settings.host or "",
            "api_key": "" if settings.credential is None else settings.credential.reveal(),
            "models": settings.models,
        }
        for name, settings in configuration.providers
    ]
    router: dict[str, object] = {
        name: rule.to[0].replace("/", ",", 1) for name, rule in configuration.routes
    }
    given = {"Providers": providers, "providers": providers, "Router": router}
    return CustomRouter(path=path, settings=Secret(msgspec.json.encode(given).decode()))
