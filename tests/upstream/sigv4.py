"""AWS' signature of a request, worked out from its published description and nothing of ours or botocore's."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlsplit


def signature(
    method: str,
    url: str,
    headers: Mapping[str, str],
    signed: str,
    body: bytes,
    *,
    secret: str,
    scope: str,
) -> str:
    """The hex signature. ``headers`` by lower-case name, ``signed`` as in ``SignedHeaders``, ``scope`` as in
    ``Credential`` after the key: ``20150830/us-east-1/bedrock/aws4_request``."""
    parts = urlsplit(url)
    query = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in parse_qsl(parts.query, True))
    canonical = "\n".join(
        (
            method,
            quote(parts.path or "/", safe="/-_.~"),
            "&".join(f"{key}={value}" for key, value in query),
            *(f"{name}:{' '.join(headers[name].split())}" for name in signed.split(";")),
            "",
            signed,
            hashlib.sha256(body).hexdigest(),
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", headers["x-amz-date"], scope, digest))
    key = f"AWS4{secret}".encode()
    for piece in scope.split("/"):
        key = hmac.new(key, piece.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def verifies(method: str, url: str, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether the ``authorization`` header of a request is the right signature of it."""
    fields = dict(
        piece.strip().split("=", 1)
        for piece in headers["authorization"].removeprefix("AWS4-HMAC-SHA256").split(",")
    )
    scope = fields["Credential"].partition("/")[2]
    signed = fields["SignedHeaders"]
    return fields["Signature"] == signature(method, url, headers, signed, body, secret=secret, scope=scope)
