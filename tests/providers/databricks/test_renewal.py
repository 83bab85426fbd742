"""Which refusals ask for a new token: the rows of databricks.md 5.3, read as the relay reads them."""

import json

import pytest

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead
from trunkline.providers.databricks.errors import read_error
from trunkline.providers.databricks.renewal import means_bad_token


def numbered(code: int, message: str) -> bytes:
    return json.dumps({"error_code": code, "message": message}).encode()


def coded(code: str, message: str) -> bytes:
    return json.dumps({"error_code": code, "message": message}).encode()


NO_CREDENTIAL = "Credential was not sent or was of an unsupported type for this API. [ReqId: 1]"
ROWS: dict[str, tuple[int, bytes, bool]] = {
    "no credential": (401, numbered(401, NO_CREDENTIAL), True),
    "revoked": (403, numbered(403, "Invalid access token. [ReqId: 1]"), True),
    "revoked, 401": (401, numbered(401, "Invalid access token."), True),
    "plain text": (403, b"Invalid Token", True),
    "plain text, 400": (400, b"Invalid Token", True),
    "too late": (403, numbered(403, "Token is expiring within 30 seconds. (token expired)"), True),
    "unauthenticated": (401, coded("UNAUTHENTICATED", "no"), True),
    "empty": (401, b"", True),
    "audience": (
        400,
        b"io.jsonwebtoken.IncorrectClaimException: Expected aud claim to be: 2ff814a6, but was: x. Invalid Token",
        False,
    ),
    "address": (
        403,
        coded("PERMISSION_DENIED", "Source IP address: 1.2.3.4 is blocked by Databricks IP ACL for workspace: 1"),
        False,
    ),
    "grant": (
        403,
        coded("PERMISSION_DENIED", "User does not have permission 'View' on Endpoint gte-large-en"),
        False,
    ),
    "flip": (403, coded("PERMISSION_DENIED", "x is disabled for this workspace. Please use Unity Gateway."), False),
    "limit of 0": (
        403,
        coded("PERMISSION_DENIED", "temporarily disabled due to a Databricks-set rate limit of 0."),
        False,
    ),
    "account": (303, b"", False),
    "limit": (429, coded("REQUEST_LIMIT_EXCEEDED", "Exceeded limit"), False),
    "a prompt that says so": (400, coded("BAD_REQUEST", "prompt is too long: invalid token in it"), False),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_new_token_is_worth_it_where_the_body_says_so(name: str) -> None:
    status, body, expected = ROWS[name]
    kind = Kind.AUTHENTICATION if status == 401 else Kind.PERMISSION
    raw = GatewayError(kind, "", status=status, raw=body, local=False)
    read = read_error(raw, HttpHead(status), host="h", deployment="databricks-claude-opus-4-8")
    assert means_bad_token(read) is expected


def test_our_own_refusals_are_not_about_a_token() -> None:
    assert not means_bad_token(GatewayError(Kind.AUTHENTICATION, "Invalid access token."))
