"""A claude-code-router file's own code: its plugins and its router (ccr.md 2.5, 3.5)."""

from typing import cast

import msgspec

from trunkline.config.ccr.expand import expand_ccr
from trunkline.config.ccr.findings import Findings
from trunkline.config.schema import CustomRouter, Plugin
from trunkline.config.secret import Secret
from trunkline.config.section import Reading, Section
from trunkline.config.tree import Mapping, Node, Scalar


def read_plugins(findings: Findings, root: Section) -> tuple[Plugin, ...]:
    """The plugins to run, each with a note. A path is shown by its file's name: what lies before it is nobody's
    business."""
    found = [
        _plugin(findings, node, f"transformers[{index}]")
        for index, node in enumerate(root.items("transformers"))
    ]
    return tuple(plugin for plugin in found if plugin is not None)


def _plugin(findings: Findings, node: Node, key: str) -> Plugin | None:
    entries = {entry.key: entry.node for entry in node.entries} if isinstance(node, Mapping) else {}
    place, options = entries.get("path"), entries.get("options")
    path = None if place is None else findings.reading.text(place, f"{key}.path")
    if place is None or path is None:
        findings.warn(node.line, key, "names no path, so it loads nothing")
        return None
    name = path.replace("\\", "/").rpartition("/")[2]
    if "databricks" in name.lower():
        findings.used(
            node.line, key, f'"{name}" is not needed: our own handling of Databricks is in its place'
        )
        return None
    findings.used(node.line, key, f'"{name}" is run as a plugin')
    values: dict[str, object] = {}
    if isinstance(options, Mapping):
        values = cast(dict[str, object], findings.reading.plain(options, f"{key}.options"))
    findings.reading.plain(place, f"{key}.path")  # how the environment's part of it is written elsewhere
    return Plugin(path=path, options=values)


def read_router(findings: Findings, root: Section) -> CustomRouter | None:
    """``CUSTOM_ROUTER_PATH``, with the configuration that CCR hands to it: all of the file, filled in."""
    path = root.text("CUSTOM_ROUTER_PATH")
    if path is None:
        return None
    name = path.replace("\\", "/").rpartition("/")[2]
    text = f'"{name}" is asked before Router; it is given this file with its keys, as in CCR'
    findings.used(root.line_of("CUSTOM_ROUTER_PATH"), "CUSTOM_ROUTER_PATH", text)
    given = _whole(findings.reading, root)
    providers = given.get("Providers", given.get("providers", []))
    given = {**given, "Providers": providers, "providers": providers}
    return CustomRouter(path=path, settings=Secret(msgspec.json.encode(given).decode()))


def _whole(reading: Reading, root: Section) -> dict[str, object]:
    """The file as plain values. What cannot be filled in is noted where it matters, not here."""
    quiet = Reading(reading.file, reading.environ, expand_ccr)
    return {entry.key: quiet.plain(entry.node, entry.key) for entry in root.entries()}


def read_environment(findings: Findings, root: Section) -> tuple[tuple[str, Secret], ...]:
    """What CCR puts into the environment of its plugins: every key of the file that has one value (ccr.md 1.3)."""
    quiet = Reading(findings.reading.file, findings.reading.environ, expand_ccr)
    found = {
        entry.key: quiet.plain(entry.node, entry.key)
        for entry in root.entries()
        if isinstance(entry.node, Scalar)
    }
    return tuple((key, Secret(_text(value))) for key, value in found.items() if value is not None)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
