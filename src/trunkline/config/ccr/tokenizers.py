"""``tokenizer`` of a provider in a claude-code-router file (ccr.md 1.8). What cannot be used never stops a start there."""

import re
from typing import Final

from trunkline.config.ccr.expand import only_reference
from trunkline.config.ccr.findings import Findings
from trunkline.config.schema import Tokenizer
from trunkline.config.secret import Secret
from trunkline.config.section import Section
from trunkline.config.tokenizers import decode_tokenizers
from trunkline.config.tree import Mapping, Node, Scalar

VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
FALLBACK: Final = "TOKENIZER_KEY"
"""The variable of a credential that stands in the file itself."""


def read_tokenizers(
    findings: Findings, node: Node | None, key: str, place: str
) -> tuple[tuple[str, Tokenizer], ...]:
    """A provider's, by model, with a note. ``place``: where Trunkline's own form has them."""
    if node is None:
        return ()
    if not isinstance(node, Mapping):
        findings.warn(node.line, key, "has no effect: it must be {default: {...}, models: {...}}")
        return ()

    def secret(section: Section, name: str) -> Secret | None:
        return _secret(findings, section, name, f"{place}{section.key(name).removeprefix(key)}")

    found = decode_tokenizers(Section(findings.reading, node, key), findings.warn, secret)
    for model, one in found:
        how = one.encoding if one.kind == "tiktoken" else "the service at its url"
        findings.used(node.line, key, f"{place}: {model or 'its models'} counted with {how}")
    return found


def _secret(findings: Findings, section: Section, name: str, place: str) -> Secret | None:
    node = section.get(name)
    variable = only_reference(node.text) if isinstance(node, Scalar) else None
    if variable is not None and not findings.reading.environ.get(variable, "").strip():
        message = f"the environment variable {variable} is not set: it is not sent"
        findings.warn(section.line_of(name), section.key(name), message)
        return None
    found = section.secret(name)
    if found is not None:
        usable = variable if variable is not None and VARIABLE.fullmatch(variable) else None
        findings.refer(place, usable, FALLBACK)
    return found
