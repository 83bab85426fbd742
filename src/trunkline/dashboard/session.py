"""Signing in: tickets that a command makes, and the cookie that a browser keeps. Nothing of either is stored.

Both are signed with a key that comes from the gateway's own, so that all of its workers, and every process that
can read its configuration, know them. A new key ends all sessions.
"""

import hmac
import os
from collections.abc import Callable
from typing import Final

from trunkline.config.schema import Server

TICKET_LIFE: Final = 300
"""Seconds between making a ticket and signing in with it."""
COOKIE_LIFE: Final = 12 * 3600
"""Seconds that a browser stays signed in."""
MOST_SPENT: Final = 10_000
"""Used tickets and ended sessions that are remembered, until they would have expired anyway."""


class Sessions:
    """Makes and checks tickets and cookies. ``now`` is in seconds of Unix time."""

    def __init__(self, secret: bytes, now: Callable[[], float]) -> None:
        self._key = hmac.digest(secret, b"trunkline dashboard, version 1", "sha256")
        self._now = now
        self._spent: dict[str, float] = {}
        self.name = f"trunkline-{hmac.digest(self._key, b'name', 'sha256').hex()[:12]}"
        """The cookie's: browsers keep those of all gateways on a machine in one place, whatever their ports."""

    def ticket(self) -> str:
        """A new ticket, good for one sign-in."""
        return self._made("ticket", TICKET_LIFE)

    def cookie(self) -> str:
        """The value of a new session's cookie."""
        return self._made("cookie", COOKIE_LIFE)

    def redeem(self, ticket: str) -> str | None:
        """What to remember so that this ticket is taken once; None for one that is false, expired or used."""
        return self._nonce("ticket", ticket)

    def session(self, cookies: str) -> str | None:
        """The session that a ``Cookie`` header proves, by a name that says nothing; None: none."""
        for pair in cookies.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == self.name and (nonce := self._nonce("cookie", value)) is not None:
                return nonce
        return None

    def spend(self, nonce: str) -> bool:
        """A used ticket, or a session that has ended: not taken again. False when that was known before."""
        now = self._now()
        if nonce in self._spent:
            return False
        if len(self._spent) >= MOST_SPENT:
            self._spent = {one: until for one, until in self._spent.items() if until > now}
        if len(self._spent) >= MOST_SPENT:
            self._spent.pop(next(iter(self._spent)))
        self._spent[nonce] = now + COOKIE_LIFE
        return True

    def _made(self, kind: str, life: int) -> str:
        said = f"{int(self._now()) + life:x}.{os.urandom(16).hex()}"
        return f"{said}.{self._signature(kind, said)}"

    def _signature(self, kind: str, said: str) -> str:
        return hmac.digest(self._key, f"{kind} {said}".encode(), "sha256").hex()

    def _nonce(self, kind: str, value: str) -> str | None:
        said, _, signature = value.rpartition(".")
        if not value.isascii() or not hmac.compare_digest(self._signature(kind, said), signature):
            return None
        until, _, nonce = said.partition(".")
        return nonce if int(until, 16) > self._now() and nonce not in self._spent else None


def sessions_for(server: Server, now: Callable[[], float]) -> Sessions | None:
    """The sessions of a gateway: from its admin key, else from its clients' keys; None where no key is wanted."""
    keys = server.keys if server.admin_key is None else (server.admin_key,)
    if not keys:
        return None
    return Sessions(b"\0".join(key.reveal().encode() for key in keys), now)
