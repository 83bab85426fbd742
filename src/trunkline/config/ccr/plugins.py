"""The ``transformers`` of a claude-code-router file: the plugins it loads (ccr.md 3.5)."""

from typing import cast

from trunkline.config.ccr.findings import Findings
from trunkline.config.schema import Plugin
from trunkline.config.section import Section
from trunkline.config.tree import Mapping, Node


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
    findings.warn(node.line, key, f'"{name}" is not run yet: plugins are not supported by this version')
    values: dict[str, object] = {}
    if isinstance(options, Mapping):
        values = cast(dict[str, object], findings.reading.plain(options, f"{key}.options"))
    findings.reading.plain(place, f"{key}.path")  # how the environment's part of it is written elsewhere
    return Plugin(path=path, options=values)
