"""Custom routers: the user's function that chooses the model of a request before the routes do (ccr.md 2.5)."""

import asyncio
import logging
from collections.abc import Callable
from functools import cached_property
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from trunkline.core.http import Headers
from trunkline.upstream.plugins.frames import Sent
from trunkline.upstream.plugins.helper import NodeHelper
from trunkline.upstream.plugins.link import HookFailed, HookLate
from trunkline.upstream.plugins.plugin import LONGEST, PATHS, body_fields
from trunkline.upstream.plugins.threads import run_hook

log: Final = logging.getLogger(__name__)


class Question(Struct, frozen=True, kw_only=True):
    """A request as a router is asked about it. ``tokens`` is an estimate."""

    request_id: str
    client: str
    """What the client speaks."""
    headers: Headers
    session: str | None
    tokens: int
    body: bytes


class Choice(Struct, frozen=True, kw_only=True):
    """What a router said. ``body``: the client's, where it was changed. ``failure``: why it said nothing."""

    model: str | None = None
    body: bytes | None = None
    failure: str | None = None


class _Answered(Struct):
    model: str | None = None
    odd: str | None = None
    """The type of an answer that is no text."""


class RoutedRequest:
    """``req`` for a router in Python."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self.id = question.request_id
        self.url = PATHS.get(question.client, "/")
        self.headers = dict(question.headers)
        """Names in lower case; credentials are not among them."""
        self.sessionId = question.session
        self.tokenCount = question.tokens

    @cached_property
    def body(self) -> dict[str, object]:
        """The client's body; what is changed in it is what is served."""
        return body_fields(self._question.body)

    def changed(self) -> bytes | None:
        """The body anew, where somebody has changed it."""
        if "body" not in self.__dict__ or self.body == body_fields(self._question.body):
            return None
        return msgspec.json.encode(self.body)


class Asker(Protocol):
    """Puts a question to a router's own language. Raises HookFailed."""

    async def ask(self, question: Question) -> tuple[object, bytes | None]:
        """What it returned, and the body if it was changed."""
        ...


class PythonRouter:
    """A function ``route(req, config)``, asynchronous or not."""

    def __init__(self, function: Callable[..., object], settings: object, timeout: float) -> None:
        self._function = function
        self._settings = settings
        self._timeout = timeout

    async def ask(self, question: Question) -> tuple[object, bytes | None]:
        """See the interface."""
        request = RoutedRequest(question)
        try:
            async with asyncio.timeout(self._timeout):
                found = await run_hook(self._function, request, self._settings)
        except TimeoutError:
            raise HookLate(self._timeout) from None
        return found, request.changed()


class JavaScriptRouter:
    """The function that the helper has loaded."""

    def __init__(self, helper: NodeHelper) -> None:
        self._helper = helper

    async def ask(self, question: Question) -> tuple[object, bytes | None]:
        """See the interface."""
        link = await self._helper.link()
        req = {
            "id": question.request_id,
            "url": PATHS.get(question.client, "/"),
            "method": "POST",
            "headers": dict(question.headers),
            "sessionId": question.session,
            "tokenCount": question.tokens,
        }
        try:
            answered, body = await link.ask(
                Sent.ROUTE, {"req": req}, question.body, _Answered, self._helper.timeout
            )
        except HookLate:
            await self._helper.late(link)
            raise
        if answered.odd is not None:
            raise HookFailed(f"it returned {answered.odd}, not a text")
        return answered.model, body or None


class CustomRouting:
    """A router whose faults stand in no request's way: what goes wrong is said, and the routes decide."""

    def __init__(self, asker: Asker, name: str) -> None:
        self._asker = asker
        self.name = name
        """The file's, for people."""

    async def choose(self, question: Question) -> Choice:
        """What the router says."""
        try:
            found, body = await self._asker.ask(question)
            if found is not None and not isinstance(found, str):
                raise HookFailed(f"it returned {type(found).__name__}, not a text")
        except HookFailed as error:
            failure = f"{self.name} failed: {error}"[:LONGEST]
            log.warning("the custom router %s", failure)
            return Choice(failure=failure)
        return Choice(model=(found or "").strip() or None, body=body)
