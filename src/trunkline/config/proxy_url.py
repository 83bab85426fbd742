"""The proxy that providers are asked through, where the configuration names one."""

from typing import Final
from urllib.parse import urlsplit

from trunkline.config.addresses import HOST
from trunkline.config.secret import Secret
from trunkline.config.section import Reading
from trunkline.config.tree import Node

KEY: Final = "upstream_proxy"
"""In Trunkline's own file, and where credentials are referred to."""


def decode_proxy(reading: Reading, node: Node | None, key: str) -> Secret | None:
    """Its URL, which may hold a user name and a password; a mistake is noted and never quoted."""
    text = None if node is None else reading.text(node, key)
    if node is None or text is None:
        return None
    if not is_proxy(text):
        reading.problem(node.line, key, 'must be a proxy, written "http://host:port"')
        return None
    return reading.secret(node, key) if "@" in text else Secret(text.rstrip("/"))


def is_proxy(text: str) -> bool:
    """Whether a text is the URL of an HTTP proxy; without a port it is the scheme's own."""
    try:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or parts.port == 0:
            return False
    except ValueError:
        return False
    rest = parts.path.strip("/") or parts.query or parts.fragment
    return not rest and HOST.fullmatch(parts.netloc.rpartition("@")[2]) is not None


def is_secret(proxy: Secret) -> bool:
    """Whether it holds a user name or a password."""
    return "@" in proxy.reveal()
