"""What a token's form tells before anybody is asked, and what a refusal of it means (databricks.md 2.1, 5.3)."""

import re
from typing import Final
from urllib.parse import urlsplit

from trunkline.core.errors import Kind
from trunkline.core.http import HttpHead
from trunkline.providers.databricks.checks.host import of_address
from trunkline.providers.databricks.errors import Meaning, classify
from trunkline.providers.databricks.hosts import Host
from trunkline.providers.databricks.jwt import Claims, claims_of
from trunkline.providers.databricks.said import read_said
from trunkline.providers.finding import Finding

RESOURCE: Final = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
"""Databricks, as Entra calls it."""
_ID: Final = re.compile(r"[0-9a-f]{64}")
_PERSONAL: Final = re.compile(r"dapi[0-9a-f]{32}(?:-\d+)?")
_ENTRA: Final = (
    "sts.windows.net",
    "login.microsoftonline.com",
    "sts.chinacloudapi.cn",
    "login.microsoftonline.us",
)
_MAKE_ONE: Final = "make a new one in the workspace: Settings, Developer, Access tokens"


def of_form(token: str, host: Host, now: float, *, renewed: bool) -> Finding:
    """``now`` in seconds since the epoch; ``renewed``: we get new ones by ourselves."""
    if _ID.fullmatch(token):
        return _fail(
            "token-id",
            "this is a token's id, not the token",
            f"the token begins with dapi and is shown once: {_MAKE_ONE}",
        )
    if token.startswith("dose"):
        return _fail(
            "oauth-secret",
            "this is the OAuth secret of a service principal, not a token",
            "give it as client_secret (DATABRICKS_CLIENT_SECRET), beside client_id",
        )
    last = f"...{token[-4:]}"
    if token.startswith("dapi"):
        if _PERSONAL.fullmatch(token):
            return Finding(check="token form", state="ok", message=f"a personal access token, {last}")
        return _warn(
            "token-cut",
            f"begins as a personal access token but is not as long as one, {last}",
            "copy it again, as a whole",
        )
    claims = claims_of(token)
    if claims is None:
        return _warn(
            "unknown-token",
            f"neither a personal access token (dapi...) nor an OAuth token, {last}",
            f"is it a key of another service? If so, {_MAKE_ONE}",
        )
    return _of_claims(claims, host, now, last, renewed=renewed)


def _of_claims(claims: Claims, host: Host, now: float, last: str, *, renewed: bool) -> Finding:
    issuer = urlsplit(claims.iss or "").hostname or ""
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud or []
    ours = urlsplit(host.base).hostname or ""
    left = None if claims.exp is None else claims.exp - now
    if left is not None and left <= 0:
        return _fail(
            "token-ended",
            f"this OAuth token ended {_span(-left)} ago, {last}",
            "such tokens live about an hour: use a login that is renewed (client_id and client_secret, or profile)",
        )
    if issuer in _ENTRA:
        if RESOURCE not in [one.strip("/") for one in audience]:
            return _fail(
                "other-audience",
                f"this Entra token is for {', '.join(audience) or 'nothing'}, not for Databricks, {last}",
                f"az account get-access-token --resource {RESOURCE}",
            )
    elif issuer and not host.dedicated and not issuer.startswith("accounts") and issuer != ours:
        return _fail(
            "other-workspace",
            f"this token was issued by {issuer}, not by {ours}, {last}",
            f"get a token from {ours}, or give {issuer} as host",
        )
    if left is not None and not renewed:
        return _warn(
            "short-lived",
            f"an OAuth token that ends in {_span(left)}, {last}",
            "it cannot be renewed: use a login (client_id and client_secret, or profile)",
        )
    until = "" if left is None else f" for another {_span(left)}"
    return Finding(check="token form", state="ok", message=f"an OAuth token, good{until}, {last}")


def of_refusal(head: HttpHead, body: bytes, host: Host) -> Finding | None:
    """What a refused listing says of the token; None when the token is not the reason."""
    said = read_said(body)
    meaning = classify(head, said)
    where = urlsplit(host.base).netloc
    message = f"{said.message or f'status {head.status}'}"
    fixes = {
        "not-a-token": f"no Databricks token, or not one: {_MAKE_ONE}; a token's id, or a key of another service, is no token",
        "bad-token": f"it was revoked, has ended, or belongs to another workspace than {where}: {_MAKE_ONE}",
        "unauthenticated": f"{_MAKE_ONE}",
        "token-ended": "it has run out: get a new one, or use a login that is renewed (client_id and client_secret, or profile)",
        "other-audience": f"it is for another service: az account get-access-token --resource {RESOURCE}",
    }
    if meaning.name == "ip-list":
        return of_address(body)
    if meaning.name in fixes or meaning.kind is Kind.AUTHENTICATION:
        return _fail(
            meaning.name or "bad-token", message, fixes.get(meaning.name, _MAKE_ONE), check="token"
        )
    return None


def of_listing(head: HttpHead, body: bytes, meaning: Meaning) -> Finding:
    """A listing that failed although the token is good."""
    said = read_said(body).message or f"status {head.status}"
    if meaning.kind is Kind.PERMISSION:
        return _warn(
            "no-list-grant",
            f"accepted, but it may not list serving endpoints: {said}",
            "name the models under models: asking them needs no right to list",
            "token",
        )
    if meaning.kind is Kind.NOT_FOUND:
        return Finding(check="token", state="skip", message="this host has no list of serving endpoints")
    return _warn(
        "list-failed",
        f"not known: the list of serving endpoints failed: {said}",
        "try again in a minute",
        "token",
    )


def _fail(problem: str, message: str, fix: str, check: str = "token form") -> Finding:
    return Finding(
        check=check, state="fail", message=message, problem=problem, fix=fix, kind=Kind.AUTHENTICATION
    )


def _warn(problem: str, message: str, fix: str, check: str = "token form") -> Finding:
    return Finding(check=check, state="warn", message=message, problem=problem, fix=fix)


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
