"""``/api/session``: whether a browser is signed in, signing in and out."""

import asyncio
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from trunkline import __version__
from trunkline.core.errors import GatewayError, Kind
from trunkline.server import peers
from trunkline.server.asgi import RawHeaders, Receive, Scope, Send
from trunkline.server.bodies import read_body
from trunkline.server.client_keys import Caller, presented_keys, refused
from trunkline.server.heads import Head
from trunkline.server.ports import Takeover
from trunkline.server.sink import encode_value

MAX_BODY: Final = 16 * 1024
READS: Final = ("GET", "HEAD")


class Sessions(Protocol):
    """Tickets and cookies; see :class:`trunkline.dashboard.session.Sessions`."""

    @property
    def name(self) -> str: ...
    def cookie(self) -> str: ...
    def redeem(self, ticket: str) -> str | None: ...
    def session(self, cookies: str) -> str | None: ...
    async def spend(self, nonce: str) -> bool: ...


class Admission(Protocol):
    """Who may administer, without regard to cookies."""

    def check_browser(self, caller: Caller) -> None:
        """Raises GatewayError (PERMISSION) for a page of another origin."""
        ...

    def check_place(self, head: Head, scope: Scope) -> None:
        """Raises GatewayError (PERMISSION) where nobody may administer from, whatever they know."""
        ...

    def check_keys(self, caller: Caller) -> None:
        """Raises GatewayError (AUTHENTICATION) without the right key."""
        ...


class _Proof(Struct):
    key: str | None = None
    ticket: str | None = None


def cookies_in(headers: RawHeaders) -> str:
    """What a browser keeps for us, and for others by the same name of the machine."""
    return "; ".join(value.decode("latin-1") for name, value in headers if name == b"cookie")


def signed_in(sessions: Sessions | None, head: Head, scope: Scope) -> bool:
    """Whether a browser's cookie is good for this request. Raises GatewayError (PERMISSION) for one that a browser may
    have been made to send: what changes something says where it comes from."""
    if sessions is None or any(True for _ in presented_keys(head.caller)):
        return False
    cookies = cookies_in(scope["headers"])
    if not cookies or sessions.session(cookies) is None:
        return False
    if scope["method"] not in READS and head.caller.origin is None:
        raise refused("A request with the page's cookie must have an Origin: scripts use the key itself.")
    return True


class SignIn:
    """The desk where a key or a ticket is changed for a cookie. ``sessions``: None where no key is wanted."""

    def __init__(self, sessions: Sessions | None, admission: Admission) -> None:
        self._sessions = sessions
        self._admission = admission

    async def answer(self, scope: Scope, receive: Receive, head: Head, request_id: str) -> Takeover:
        """One request. Raises GatewayError; the answer itself cannot fail."""
        self._admission.check_browser(head.caller)
        headers: RawHeaders = [
            (b"x-trunkline-request-id", request_id.encode("ascii")),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if scope["method"] in READS:
            body = msgspec.json.encode(self._state(scope, head))
            headers.append((b"content-type", b"application/json"))
            return _answering(200, headers, body)
        if scope["method"] == "POST":
            headers.append((b"set-cookie", await self._opened(scope, receive, head)))
        else:
            headers.append((b"set-cookie", await self._closed(scope, head)))
        return _answering(204, headers, b"")

    def _state(self, scope: Scope, head: Head) -> dict[str, object]:
        sessions = self._sessions
        inside = sessions is None or sessions.session(cookies_in(scope["headers"])) is not None
        return {"needed": sessions is not None, "signed_in": inside, "version": __version__}

    async def _opened(self, scope: Scope, receive: Receive, head: Head) -> bytes:
        self._admission.check_place(head, scope)
        body = await read_body(receive, declared=head.length, encoding=head.encoding, limit=MAX_BODY)
        sessions = self._sessions
        if sessions is None:
            raise GatewayError(Kind.INVALID_REQUEST, "No sign-in is wanted here.", should_retry=False)
        try:
            proof = msgspec.json.decode(body, type=_Proof)
        except (msgspec.DecodeError, UnicodeDecodeError):
            proof = _Proof()
        if proof.key is not None:
            key = proof.key.strip()
            self._admission.check_keys(Caller(head.caller.peer, head.caller.host, api_key=key))
        elif proof.ticket is not None:
            await self._redeem(sessions, proof.ticket, scope)
        else:
            message = 'Signing in takes {"key": "..."} or {"ticket": "..."}.'
            raise GatewayError(Kind.INVALID_REQUEST, message, should_retry=False)
        return _cookie(sessions.name, sessions.cookie(), head.caller)

    async def _redeem(self, sessions: Sessions, ticket: str, scope: Scope) -> None:
        """A ticket stood in a browser's command line: it is good for its maker's own programs only."""
        client = scope["client"]
        nonce = sessions.redeem(ticket)
        ours = client is None or await asyncio.to_thread(peers.is_ours, *client[:2])
        if nonce is None or not ours or not await sessions.spend(nonce):
            raise GatewayError(
                Kind.AUTHENTICATION,
                "This ticket is not good: it is used, older than five minutes, or of another gateway. trunkline ui makes "
                "a new one; or sign in with the key.",
                should_retry=False,
            )

    async def _closed(self, scope: Scope, head: Head) -> bytes:
        sessions = self._sessions
        if head.caller.origin is None:
            raise refused("Signing out is for the page itself.")
        if sessions is None:
            return _cookie("trunkline", "", head.caller)
        nonce = sessions.session(cookies_in(scope["headers"]))
        if nonce is not None:
            await sessions.spend(nonce)
        return _cookie(sessions.name, "", head.caller)


def _cookie(name: str, value: str, caller: Caller) -> bytes:
    """A cookie that no script reads and no other site's request carries; an empty one is forgotten at once."""
    secure = "; Secure" if caller.origin is not None and caller.origin.startswith("https:") else ""
    forget = "" if value else "; Max-Age=0"
    return encode_value(f"{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{forget}")


def _answering(status: int, headers: RawHeaders, body: bytes) -> Takeover:
    async def answer(_receive: Receive, send: Send) -> None:
        length = [(b"content-length", b"%d" % len(body))] if body else []
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return answer
