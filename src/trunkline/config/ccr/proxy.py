"""The proxy of a claude-code-router file (ccr.md 1.4, ``PROXY_URL``)."""

from typing import Final

from trunkline.config.ccr.expand import only_reference
from trunkline.config.ccr.findings import Findings
from trunkline.config.proxy_url import KEY, decode_proxy, is_secret
from trunkline.config.secret import Secret
from trunkline.config.section import Section
from trunkline.config.tree import Scalar

KEYS: Final = ("HTTPS_PROXY", "https_proxy", "httpsProxy", "PROXY_URL")
"""In the order in which CCR looks for them."""


def read_proxy(findings: Findings, root: Section) -> Secret | None:
    """The first of the keys that is there. One whose variable is not set counts as not there, as elsewhere."""
    found: Secret | None = None
    used: str | None = None
    for key in KEYS:
        node = root.get(key)
        variable = only_reference(node.text) if isinstance(node, Scalar) else None
        if node is None:
            continue
        if variable is not None and not findings.reading.environ.get(variable, "").strip():
            findings.warn(
                node.line, key, f"the environment variable {variable} is not set: no proxy is used"
            )
        elif used is not None:
            findings.warn(node.line, key, f"is not read: {used} is there too")
        else:
            used, found = key, decode_proxy(findings.reading, node, key)
            if found is not None and (variable is not None or is_secret(found)):
                findings.refer(KEY, variable, "TRUNKLINE_PROXY")
            findings.used(node.line, key, f"{KEY}: providers are asked through it, but for this machine")
    return found
