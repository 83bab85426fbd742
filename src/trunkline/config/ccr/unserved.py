"""Keys of claude-code-router that this version reads but does not act on, and keys that it does not know."""

from typing import Final

from trunkline.config.ccr.findings import Findings
from trunkline.config.ccr.google import KEYS as GOOGLE
from trunkline.config.ccr.proxy import KEYS as PROXY
from trunkline.config.ccr.token_speed import KEYS as PARTS
from trunkline.config.nearest import did_you_mean
from trunkline.config.section import Section
from trunkline.config.tree import Mapping, Node, Scalar, Sequence

READ: Final = (
    "PORT",
    "HOST",
    "APIKEY",
    "API_TIMEOUT_MS",
    "Providers",
    "providers",
    "Router",
    "fallback",
    "forceUseImageAgent",
    "REWRITE_SYSTEM_PROMPT",
    "STRIP_ATTRIBUTION",
    "transformers",
    "CUSTOM_ROUTER_PATH",
    *GOOGLE,
    *PROXY,
    *PARTS,
)
"""What the rest of this package uses; also the names that a mistyped one is compared to."""
AGENT: Final = "is not read: trunkline code takes it from the environment, under Claude Code's own name"
UNSERVED: Final = {
    "LOG": "has no effect: what trunkline start begins keeps log files all the same, without bodies",
    "LOG_LEVEL": "has no effect: one line a request is logged, without bodies",
    "NON_INTERACTIVE_MODE": "has no effect: trunkline code works without a terminal as it is",
    "CLAUDE_PATH": "is not read: set the variable CLAUDE_PATH for trunkline code",
    "ANTHROPIC_SMALL_FAST_MODEL": AGENT,
    "StatusLine": "is read by trunkline statusline, not by the gateway",
    "OPENAI_API_KEY": "CCR does not use it either: give providers their own api_key",
    "OPENAI_BASE_URL": "CCR does not use it either: give providers their own api_base_url",
    "OPENAI_MODEL": "CCR does not use it either: set Router.default",
    "log": "CCR does not use it either",
}


def note_unserved(findings: Findings, root: Section) -> None:
    """A warning for each key that would do something in CCR and does nothing here.

    What nobody knows may be for the user's own code, where there is some.
    """
    own_code = root.get("CUSTOM_ROUTER_PATH") is not None or bool(root.items("transformers"))
    for entry in root.entries():
        if entry.key in READ:
            continue
        message = UNSERVED.get(entry.key)
        if message is None:
            hint = did_you_mean(entry.key, (*READ, *(key for key in UNSERVED if "OPENAI" not in key)))
            hint = hint if hint.startswith(" Did") else ""
            if own_code and not hint:
                findings.used(entry.line, entry.key, "is there for the plugins and the router of this file")
                continue
            findings.warn(entry.line, entry.key, f"unknown key, without effect.{hint}")
        elif entry.key == "LOG" and not _is_false(entry.node):
            findings.used(
                entry.line, entry.key, "trunkline start keeps log files; serve writes to standard error"
            )
        elif entry.key != "LOG" and _does_nothing(entry.node):
            findings.used(entry.line, entry.key, "does nothing here: it is empty or turned off")
        else:
            findings.warn(entry.line, entry.key, message)


def _is_false(node: Node) -> bool:
    """Exactly ``false``, the only value that turns claude-code-router's log files off."""
    return isinstance(node, Scalar) and node.kind == "flag" and node.text == "false"


def _does_nothing(node: Node) -> bool:
    match node:
        case Scalar():
            return node.text.lower() == "false"
        case Sequence():
            return all(_is_off(item) for item in node.items)
        case Mapping():
            return _is_off(node)


def _is_off(node: Node) -> bool:
    """A section that is not ``enabled``: CCR's default for both status line and plugins."""
    entries = node.entries if isinstance(node, Mapping) else ()
    enabled = next((entry.node for entry in entries if entry.key == "enabled"), None)
    return not (isinstance(enabled, Scalar) and enabled.text.lower() == "true")
