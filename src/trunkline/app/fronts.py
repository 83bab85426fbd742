"""What stands before the exchange for users of older proxies: their requests completed, their words for errors."""

import re
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from msgspec import structs

from trunkline.app.words import (
    NOT_ENABLED,
    of_claude_code_azure,
    of_databricks,
    refuses_tools,
    unavailable,
)
from trunkline.config.proxy_backend.reader import AZURE, MISSING, ROUTED
from trunkline.config.schema import Configuration, ProxyBackend
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.splice import raw_fields, splice
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import Sink

Serve = Callable[[Inbound, Sink], Awaitable[None]]
Refused = Callable[[Inbound, GatewayError], None]
"""Told of a request that ends here, before any exchange."""

MAX_TOKENS: Final = b"1000"
"""The proxy's limit for requests without one."""
MODEL: Final = b'"small"'
"""What a request without a model means: the map's default."""
BRIDGE_MODEL: Final = "databricks-claude-sonnet-4-6"
"""The same at the ForgeCode bridge."""
VENDORS: Final = re.compile(r"(?!openrouter/)[^/,]+/[^/]")
NOTHING: Final = frozenset({b"", b"null", b"[]", b'""'})


def make_front(configuration: Configuration, serve: Serve, refused: Refused) -> Serve:
    """``serve``, or what the users of the configuration's dialect have in front of it."""
    if configuration.proxy is not None:
        databricks = any(name == "databricks" for name, _ in configuration.providers)
        return ProxyFront(configuration.proxy, databricks, serve, refused).run
    if configuration.dialect == "claude-code-azure":
        return _AzureFront(serve).run
    if any(settings.paths for _, settings in configuration.providers):
        return _BridgeFront(serve).run
    return serve


def check_direct(configuration: Configuration) -> None:
    """For the routes straight to Databricks. Raises GatewayError (503) without a workspace."""
    proxy = configuration.proxy
    enabled = any(settings.kind == "databricks" for _, settings in configuration.providers)
    if proxy is not None:
        enabled = proxy.backend == AZURE  # without host or token it is the front that says so
    if not enabled:
        raise unavailable(NOT_ENABLED)


class ProxyFront:
    """The ``PROXY_BACKEND`` proxy's requests (databricks.md 7.3)."""

    def __init__(self, proxy: ProxyBackend, configured: bool, serve: Serve, refused: Refused) -> None:
        self._azure = proxy.backend == AZURE
        self._routed = proxy.backend in ROUTED
        self._configured = configured
        self._tools = proxy.tools
        self._serve = serve
        self._refused = refused

    async def run(self, inbound: Inbound, sink: Sink) -> None:
        """As the relay does; errors before the answer are in the proxy's words."""
        try:
            inbound = self._ready(inbound)
        except GatewayError as error:
            self._refused(inbound, error)
            raise (of_databricks(error) if self._azure else error) from error
        if inbound.codec.name != "anthropic_messages":
            await self._serve(inbound, sink)
            return
        try:
            await self._serve(inbound, sink)
        except GatewayError as error:
            if self._tools is not None and refuses_tools(error) and _has_tools(inbound.body):
                await self._serve(_to(inbound, self._tools), sink)
                return
            raise (of_databricks(error) if self._azure else error) from error

    def _ready(self, inbound: Inbound) -> Inbound:
        """The request as it goes on. Raises GatewayError: 503 without a workspace, 400 for what is no request."""
        if self._azure and not self._configured:
            raise unavailable(MISSING)
        if inbound.codec.name != "anthropic_messages":
            return inbound
        inbound = _completed(inbound)
        name = inbound.codec.peek(inbound.body).model
        # A name of OpenRouter's own goes there as it is, listed or not, as it did.
        return _to(inbound, f"openrouter/{name}") if self._routed and VENDORS.match(name) else inbound


class _AzureFront:
    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    async def run(self, inbound: Inbound, sink: Sink) -> None:
        try:
            await self._serve(inbound, sink)
        except GatewayError as error:
            peek = inbound.peek or inbound.codec.peek(inbound.body)
            raise of_claude_code_azure(error, peek.model) from error


class _BridgeFront:
    """The ForgeCode bridge's clients may leave the model out (databricks.md 7.1)."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    async def run(self, inbound: Inbound, sink: Sink) -> None:
        if inbound.codec.name == "openai_chat" and raw_fields(inbound.body).get("model", b"") in NOTHING:
            inbound = _to(inbound, BRIDGE_MODEL)
        await self._serve(inbound, sink)


def _completed(inbound: Inbound) -> Inbound:
    """The request with what the proxy's own users leave out. Raises GatewayError (INVALID_REQUEST)."""
    found = raw_fields(inbound.body)
    if fault := _fault(found.get("messages", b"")):
        raise GatewayError(Kind.INVALID_REQUEST, f"messages: {fault}", field="messages", should_retry=False)
    wanted = {"model": MODEL}
    if inbound.operation == "generate":
        wanted["max_tokens"] = MAX_TOKENS
    edits = {name: value for name, value in wanted.items() if found.get(name, b"") in NOTHING}
    if not edits:
        return inbound
    return structs.replace(inbound, body=splice(inbound.body, edits))


def _fault(messages: bytes) -> str:
    """What is wrong with the raw messages of a request, ``""`` for what the workspace is to judge."""
    if messages and not messages.startswith(b"["):
        return "must be a list of messages"
    return "" if messages[1:].lstrip() not in (b"", b"]") else "at least one message is required"


def _has_tools(body: bytes) -> bool:
    return raw_fields(body).get("tools", b"") not in NOTHING


def _to(inbound: Inbound, target: str) -> Inbound:
    """The same request for another model."""
    body = splice(inbound.body, {"model": msgspec.json.encode(target)})
    return structs.replace(inbound, body=body, peek=None)
