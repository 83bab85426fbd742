"""``plugins`` of a claude-code-router file: its own extensions, of which there is one (ccr.md 1.4)."""

from typing import Final

from trunkline.config.ccr.findings import Findings
from trunkline.config.nearest import did_you_mean
from trunkline.config.section import Section
from trunkline.config.tree import Mapping, Node, Scalar

KEYS: Final = ("plugins", "Plugins")
NAME: Final = "token-speed"


def read_token_speed(findings: Findings, root: Section) -> bool:
    """Whether ``token-speed`` is there and turned on, with a note on every entry."""
    found = False
    for key in KEYS:
        for index, node in enumerate(root.items(key)):
            path = f"{key}[{index}]"
            entries = {entry.key: entry.node for entry in node.entries} if isinstance(node, Mapping) else {}
            name, enabled = _text(entries.get("name")), _text(entries.get("enabled"))
            if enabled.lower() != "true":
                findings.used(node.line, path, "does nothing: it is not enabled")
            elif name != NAME:
                findings.warn(node.line, path, f"has no effect: there is none but {NAME}.{_hint(name)}")
            else:
                found = True
                _tell(findings, node, path, entries.get("options"))
    return found


def _tell(findings: Findings, node: Node, path: str, options: Node | None) -> None:
    text = "token_speed: the speed of answers is written where trunkline statusline reads it"
    findings.used(node.line, path, text)
    for entry in options.entries if isinstance(options, Mapping) else ():
        message = "has no effect: the speed goes to status lines, and seconds and tokens to the log"
        findings.warn(entry.line, f"{path}.options.{entry.key}", message)


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _hint(name: str) -> str:
    hint = did_you_mean(name, (NAME,))
    return hint if hint.startswith(" Did") else ""
