"""A service that counts tokens, as ``tokenizer: {type: api}`` of claude-code-router names one (ccr.md 1.8)."""

import asyncio
from collections.abc import Callable
from typing import Final, cast
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, Struct

from trunkline.app.token_counts import Recent
from trunkline.config.schema import Tokenizer
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpRequest
from trunkline.relay.attempt import read_error_body
from trunkline.relay.ports import Upstream
from trunkline.routing.countable import pieces, words

PATIENCE: Final = 10.0
"""Seconds that a request waits for its count. CCR waits 30."""
REST: Final = 60.0
"""Seconds in which a service that did not answer is not asked again."""
MODEL: Final = "gpt-3.5-turbo"
"""What CCR names in the ``openai`` form, whatever is asked."""


class _Parts(Struct, omit_defaults=True):
    messages: Raw = Raw(b"[]")
    system: Raw = Raw(b"null")
    tools: Raw = Raw(b"null")


class _Turn(Struct):
    role: str = "user"
    content: Raw = Raw(b'""')


class CountingService(Recent):
    """Asks it, as seldom as a request may be on either side of a limit. ``now``: monotonic seconds."""

    def __init__(self, settings: Tokenizer, upstream: Upstream, now: Callable[[], float]) -> None:
        super().__init__()
        self._settings = settings
        self._upstream = upstream
        self._now = now
        self._rests_until = 0.0
        self.name = f"api-{urlsplit(settings.url).hostname}"
        headers = {"content-type": "application/json"}
        if settings.key is not None:
            headers["authorization"] = f"Bearer {settings.key.reveal()}"
        headers |= {name.lower(): value.reveal() for name, value in settings.headers}
        self._headers = tuple(headers.items())

    async def warm(self) -> None:
        """It is ready as it is."""

    async def count(self, body: bytes) -> int:
        """Raises GatewayError when the service does not tell."""
        if self._now() < self._rests_until:
            raise GatewayError(Kind.UNREACHABLE, f"{self.name} did not count a moment ago")
        try:
            asked = await asyncio.to_thread(self._body, body)
            async with asyncio.timeout(PATIENCE):
                return await self._ask(HttpRequest("POST", self._settings.url, self._headers, asked))
        except TimeoutError:
            self._rests_until = self._now() + REST
            raise GatewayError(
                Kind.TIMEOUT, f"{self.name} did not count within {PATIENCE:g} s", timeout="up.headers"
            ) from None
        except GatewayError:
            self._rests_until = self._now() + REST
            raise

    async def _ask(self, request: HttpRequest) -> int:
        answer = await self._upstream.open(request, headers_timeout=PATIENCE)
        complete = False
        try:
            data, complete = await read_error_body(answer)
        finally:
            await answer.close(reuse=complete)
        if answer.head.status != 200 or not complete:
            raise GatewayError(Kind.UPSTREAM_FAILED, f"{self.name} answered {answer.head.status}")
        found = _at(data, self._settings.field)
        if not isinstance(found, int | float) or isinstance(found, bool) or found < 0:
            field = self._settings.field
            raise GatewayError(Kind.UPSTREAM_FAILED, f"{self.name}: there is no number at {field}")
        return int(found)

    def _body(self, body: bytes) -> bytes:
        """What the service is sent of a request. One of a protocol without ``messages`` goes as its words alone."""
        form = self._settings.form
        if form == "custom":
            return msgspec.json.encode({"text": " ".join(map(words, pieces(body)))})
        try:
            parts = msgspec.json.decode(body, type=_Parts)
            turns = msgspec.json.decode(parts.messages, type=list[_Turn])
        except (msgspec.DecodeError, UnicodeDecodeError):
            parts, turns = _Parts(), []
        if not turns:
            turns = [_Turn(content=Raw(msgspec.json.encode(words(piece)))) for piece in pieces(body)]
            parts.messages = Raw(msgspec.json.encode(turns))
        if form == "openai":
            said = [{"role": turn.role, "content": words(bytes(turn.content))} for turn in turns]
            return msgspec.json.encode({"model": MODEL, "messages": said})
        return msgspec.json.encode(parts)


def _at(data: bytes, field: str) -> object:
    """What stands at names with dots between them; None where nothing does."""
    try:
        found: object = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    for name in field.split("."):
        found = cast("dict[str, object]", found).get(name) if isinstance(found, dict) else None
    return found
