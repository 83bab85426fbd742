"""Checks of the workspace's address: how it was read, and what it answers about itself (databricks.md 1.1, 1.2)."""

import re
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from trunkline.config.addresses import is_private
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead
from trunkline.providers.databricks.errors import classify
from trunkline.providers.databricks.hosts import Host
from trunkline.providers.databricks.said import read_said
from trunkline.providers.finding import Finding

DOCUMENT: Final = "/.well-known/databricks-config"
"""What a host says about itself without being asked who is asking."""

_CLOUDS: Final = (
    (".azuredatabricks.net", "Azure"),
    (".databricks.azure.us", "Azure Government"),
    (".databricks.azure.cn", "Azure China"),
    (".gcp.databricks.com", "Google Cloud"),
    (".cloud.databricks.us", "AWS GovCloud"),
    (".cloud.databricks.com", "AWS"),
)
_WORKSPACE_ID: Final = re.compile(r"(?:adb-)?(?P<id>\d{6,})\.\d{1,2}\.")
_HOW: Final = "give the workspace's own host, as the browser shows it when the workspace is open"


class _Document(Struct):
    workspace_id: str | int | None = None
    account_id: str | None = None
    cloud: str | None = None


_DOCUMENT: Final = msgspec.json.Decoder(_Document)


def of_spelling(host: Host, *, login_elsewhere: bool) -> Finding:
    """How the address was read. ``login_elsewhere``: the credential is a login that was told where to get tokens."""
    name = urlsplit(host.base).hostname or ""
    cloud = next((cloud for suffix, cloud in _CLOUDS if name.endswith(suffix)), None)
    if host.dedicated:
        return Finding(
            check="host",
            state="ok" if login_elsewhere else "warn",
            message=f"{host.base}: a gateway's own host",
            problem="" if login_elsewhere else "gateway-host",
            fix=""
            if login_elsewhere
            else "models cannot be listed there: name them, or give the workspace",
        )
    if cloud is None and not is_private(name):
        return Finding(
            check="host",
            state="warn",
            message=f"{host.base}: this is no address that Databricks gives to workspaces",
            problem="unknown-host",
            fix=f"unless it leads to one by a name of your own, {_HOW}",
        )
    said = [cloud or "a private address"]
    if not host.system_ai:
        said.append("no models of Databricks' own (system.ai)")
    if host.endpoint is not None:
        said.append(f"the address names the endpoint {host.endpoint}: everything is asked there")
    elif host.pin is not None:
        said.append(f"the address names a route: only {host.pin} is used")
    return Finding(check="host", state="ok", message=f"{host.base}: {', '.join(said)}")


def of_silence(error: GatewayError, base: str, proxy: str | None) -> Finding:
    """Nobody answered. ``proxy`` is the one that the request went by, if any."""
    text = error.message.lower()
    if error.kind is Kind.TIMEOUT:
        problem = "no-answer"
        fix = "is a VPN needed, or a proxy (HTTPS_PROXY)? Private Link lets nobody in from outside"
    elif "certificate" in text or "secure connection" in text:
        problem = "certificate"
        fix = "a proxy opens the connection: set SSL_CERT_FILE to a file with its certificate"
    elif any(
        words in text
        for words in ("name or service", "nodename", "getaddrinfo", "no address", "resolution")
    ):
        problem = "unknown-name"
        fix = f"no name server knows this host: {_HOW}, or connect to its VPN"
    else:
        problem = "no-connection"
        fix = "is the network there, is a VPN needed, or a proxy (HTTPS_PROXY)?"
    through = f" through {proxy.rpartition('@')[2]}" if proxy else ""
    return _fail(
        problem,
        f"{base}{through}: {error.message}",
        fix,
        Kind.TIMEOUT if error.kind is Kind.TIMEOUT else Kind.UNREACHABLE,
    )


def of_document(host: Host, head: HttpHead, body: bytes) -> Finding:
    """What came back for :data:`DOCUMENT`, asked for without a credential."""
    if 300 <= head.status < 400 or b"<html" in body[:2000].lower():
        return _page(host, head, body)
    if head.status in (401, 403) and "IP ACL" in read_said(body).message:
        return of_address(body)
    document = _decode(body) if head.status == 200 else None
    if document is None:
        return Finding(check="connection", state="ok", message=f"{host.base} answers")
    said_id = str(document.workspace_id or "")
    if not said_id and document.account_id:
        return _account(host, "it answers as an account")
    known = host.org_id or _named_id(host)
    if known and said_id and known != said_id:
        return Finding(
            check="connection",
            state="warn",
            message=f"{host.base} answers as workspace {said_id}, but its address says {known}",
            problem="other-workspace-id",
            fix="take host and ?o= from the same workspace",
        )
    which = f" as workspace {said_id}" if said_id else ""
    return Finding(check="connection", state="ok", message=f"{host.base} answers{which}")


def of_address(body: bytes) -> Finding:
    """The workspace does not admit this machine's address."""
    return _fail(
        "ip-list",
        read_said(body).message,
        "connect through the workspace's VPN, or have an admin add this address to its IP access list",
        Kind.PERMISSION,
    )


def _page(host: Host, head: HttpHead, body: bytes) -> Finding:
    if head.status >= 500:
        return _fail(
            "bad-gateway",
            f"{host.base} answers {head.status} with a web page: a balancer has nobody behind it",
            "try again in a minute; if it stays, look at the cloud's status page",
            Kind.UNREACHABLE,
        )
    meaning = classify(head, read_said(body))
    if meaning.name == "private-link":
        return _fail(
            "private-link",
            f"{host.base} is only reachable through Private Link",
            "connect from the workspace's network, or through its VPN",
            Kind.UNREACHABLE,
        )
    if meaning.name == "account-address":
        return _account(host, "it sends API calls to a login page")
    return _fail("not-a-workspace", f"{host.base} answers with a web page", _HOW, Kind.INVALID_REQUEST)


def _account(host: Host, why: str) -> Finding:
    return _fail(
        "account-address",
        f"{host.base} is an account's address or no workspace's: {why}",
        _HOW,
        Kind.INVALID_REQUEST,
    )


def _fail(problem: str, message: str, fix: str, kind: Kind) -> Finding:
    return Finding(check="connection", state="fail", message=message, problem=problem, fix=fix, kind=kind)


def _named_id(host: Host) -> str | None:
    found = _WORKSPACE_ID.match(urlsplit(host.base).hostname or "")
    return None if found is None else found["id"]


def _decode(body: bytes) -> _Document | None:
    try:
        return _DOCUMENT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
