"""Credentials for upstreams: fixed ones, and logins whose tokens are kept fresh.

What only a login needs is imported where a configuration has one (:mod:`.logins`).
"""

from trunkline.upstream.credentials.static import StaticCredentials

__all__ = ["StaticCredentials"]
