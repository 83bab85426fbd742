"""Tokens for a service principal of a Databricks workspace (databricks.md 2.2)."""

import base64
from typing import Final

import msgspec
from msgspec import Struct

from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead, HttpRequest
from trunkline.upstream.credentials.kept import Issued
from trunkline.upstream.credentials.ports import Upstream

FORM: Final = b"grant_type=client_credentials&scope=all-apis"
HEADERS_TIMEOUT: Final = 20.0
MAX_ANSWER: Final = 256 * 1024
DEFAULT_LIFE: Final = 600.0
"""Seconds to count on when the answer does not say how long the token lives."""


class _Answer(Struct):
    """Success or failure: two shapes of either are in use."""

    access_token: str | None = None
    expires_in: float | str | None = None
    error: str | None = None
    error_description: str | None = None
    errorCode: str | None = None
    errorSummary: str | None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)


class ServicePrincipal:
    """Asks a workspace for tokens with a client id and its secret."""

    def __init__(
        self, provider: str, workspace: str, client_id: str, secret: Secret, upstream: Upstream
    ) -> None:
        """``workspace`` is ``https://host``, without a path."""
        self._provider = provider
        self._workspace = workspace
        self._client_id = client_id
        self._secret = secret
        self._upstream = upstream

    async def fetch(self) -> Issued:
        """A new token. Raises GatewayError: AUTHENTICATION with what to do, or why nobody answered."""
        pair = f"{self._client_id}:{self._secret.reveal()}"
        request = HttpRequest(
            "POST",
            f"{self._workspace}/oidc/v1/token",
            (
                ("authorization", f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"),
                ("content-type", "application/x-www-form-urlencoded"),
                ("accept", "application/json"),
            ),
            FORM,
        )
        head, body = await _exchange(self._upstream, request)
        answer = _decode(body)
        if head.status == 200 and answer is not None and is_token(answer.access_token):
            assert answer.access_token is not None
            return Issued(answer.access_token, _life(answer.expires_in))
        raise self._refused(head, answer)

    def _refused(self, head: HttpHead, answer: _Answer | None) -> GatewayError:
        where = f"{self._provider}: {self._workspace}"
        if 300 <= head.status < 400:
            return _error(
                f"{where} redirects the request for a token: it is an account's address or not a workspace;"
                " give the workspace's own host"
            )
        if head.status == 404:
            return _error(
                f"{where} issues no tokens (404): give the workspace's own host, as workspace if the models"
                " are asked at a gateway's"
            )
        if head.status == 429 or head.status >= 500:
            return GatewayError(
                Kind.OVERLOADED if head.status in (429, 503) else Kind.UPSTREAM_FAILED,
                f"{where} could not issue a token (status {head.status})",
                local=False,
            )
        if head.status == 200:
            return GatewayError(Kind.UPSTREAM_FAILED, f"{where} answered without a token", local=False)
        said = None if answer is None else answer.error_description or answer.errorSummary or answer.error
        code = None if answer is None else answer.error or answer.errorCode
        reason = f": {redacted(said, self._secret.reveal())}" if said else ""
        return _error(
            f"{where} refused the service principal {self._client_id} (status {head.status}{reason});"
            " check client_id and client_secret, that the secret has not ended, and that the principal is"
            " in this workspace",
            code,
        )


async def _exchange(upstream: Upstream, request: HttpRequest) -> tuple[HttpHead, bytes]:
    answer = await upstream.open(request, headers_timeout=HEADERS_TIMEOUT)
    pieces: list[bytes] = []
    size, whole = 0, False
    try:
        while size <= MAX_ANSWER:
            piece = await answer.read()
            if not piece:
                whole = True
                break
            pieces.append(piece)
            size += len(piece)
    finally:
        await answer.close(reuse=whole)
    return answer.head, b"".join(pieces)


def _decode(body: bytes) -> _Answer | None:
    try:
        return _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _life(expires_in: float | str | None) -> float:
    try:
        life = DEFAULT_LIFE if expires_in is None else float(expires_in)
    except ValueError:
        return DEFAULT_LIFE
    return life if life > 0 else DEFAULT_LIFE


def is_token(value: str | None) -> bool:
    """Whether this can go into a header."""
    return (
        value is not None and value != "" and value.isascii() and value.isprintable() and " " not in value
    )


def redacted(text: str, *secrets: str) -> str:
    """At most 300 characters of somebody else's message, without anything that is a secret."""
    for secret in secrets:
        text = text.replace(secret, "****")
    words = [word if len(word) < 40 or "/" in word else "****" for word in text.split()]
    return " ".join("****" if word.startswith(("eyJ", "dapi", "dose")) else word for word in words)[:300]


def _error(message: str, code: str | None = None) -> GatewayError:
    return GatewayError(Kind.AUTHENTICATION, message, code=code, should_retry=False)
