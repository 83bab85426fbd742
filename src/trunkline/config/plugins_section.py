"""The ``plugins`` of Trunkline's own file: transforms that are code of the user's."""

from typing import cast

from trunkline.config.schema import Plugin
from trunkline.config.section import Section
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
        section.finish()
        if path is not None:
            found.append(Plugin(path=path, options=values))
    return tuple(found)
