"""Hosts and URLs in a configuration: which are usable, which stay on this machine or its network."""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?")
DATABRICKS_ZONES: Final = (
    ".azuredatabricks.net",
    ".cloud.databricks.com",
    ".gcp.databricks.com",
    ".databricks.azure.us",
    ".databricks.azure.cn",
    ".cloud.databricks.us",
)
"""Ends of hosts that are workspaces: their AI gateway is below a path. Any other name may be a gateway's own."""


def is_loopback(host: str) -> bool:
    """Only this machine can reach it."""
    bare = host.strip("[]").rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ip_address(bare).is_loopback
    except ValueError:
        return False


def is_private(host: str) -> bool:
    """Loopback, a private address, or a name that only a local network resolves."""
    bare = host.strip("[]").rstrip(".").lower()
    try:
        address = ip_address(bare)
    except ValueError:
        return "." not in bare or bare.endswith((".localhost", ".local", ".internal", ".lan", ".home.arpa"))
    return (address.is_private or address.is_link_local) and not address.is_unspecified


def url_fault(url: str) -> str:
    """What is wrong with an http(s) URL, ``""`` when it may be used. Never quotes the URL."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https"):
        return 'must begin with "https://", or "http://" for a local address'
    if not host or any(character.isspace() for character in url):
        return "is not a URL: it has no host or holds a blank"
    if not HOST.fullmatch(parts.netloc.rpartition("@")[2]):
        return "is not a URL: its host has a letter that no host has"
    if parts.username is not None or parts.password is not None:
        return "holds a user name or password: give the credential as token or key"
    if parts.fragment or parts.query:
        return "must end before any ? or #"
    if parts.scheme == "http" and not is_private(host):
        return (
            "would send the credential in clear text: use https://, plain http is for local addresses only"
        )
    return ""


def path_fault(path: str) -> str:
    """What is wrong with the path of a URL, ``""`` when it may be used."""
    if not path.startswith("/") or path.startswith("//"):
        return 'must begin with one "/"'
    if re.search(r"[\s?#]", path) or not path.isascii() or not path.isprintable():
        return "holds a blank or a sign that no path has"
    return ""


def host_fault(host: str) -> str:
    """What is wrong with a host, which may be a bare name or a pasted URL; ``""`` when it may be used."""
    if "://" in host:
        return url_fault(host.partition("?")[0])
    try:
        parts = urlsplit("https://" + host)
        name, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a host name"
    if not name or parts.username is not None or not HOST.fullmatch(parts.netloc):
        return "is not a host name"
    return ""
