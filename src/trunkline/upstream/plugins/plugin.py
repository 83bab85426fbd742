"""What a plugin is to the gateway, whatever it is written in."""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from trunkline.core.asking import Asking, UpstreamAnswer
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import Headers, HttpHead, HttpRequest, Take
from trunkline.upstream.plugins.link import HelperGone, HookFailed, HookLate, Link

REQUEST_HOOK: Final = "transformRequestIn"
ANSWER_HOOK: Final = "transformResponseOut"
AUTH_HOOK: Final = "auth"
CLIENT_REQUEST_HOOK: Final = "transformRequestOut"
CLIENT_ANSWER_HOOK: Final = "transformResponseIn"
"""These two are called at an endpoint, on what the client says and hears."""
HOOKS: Final = (REQUEST_HOOK, ANSWER_HOOK, AUTH_HOOK, CLIENT_REQUEST_HOOK, CLIENT_ANSWER_HOOK)
PATHS: Final = {
    "anthropic_messages": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
}
"""Where a client asks, by what it speaks, as a request says it to the user's code."""
FRAMING: Final = frozenset({"content-length", "transfer-encoding", "connection", "content-encoding"})
"""Headers that are about bytes on a wire that has been left."""
LONGEST: Final = 500
"""Characters of a plugin's own words that an error repeats."""

Explain = Callable[[HookFailed], GatewayError]
"""The client's error for a failure of the user's code."""


class Changed(Struct, frozen=True, kw_only=True):
    """What a request hook returned. A header that is None is left out; ``timeout`` is in seconds."""

    body: bytes
    url: str | None = None
    headers: tuple[tuple[str, str | None], ...] | None = None
    timeout: float | None = None
    proxy: str | None = None
    """``""``: none."""
    ignored: tuple[str, ...] = ()
    """Parts of its config that do nothing here."""


class Seen(Struct, frozen=True, kw_only=True):
    """The provider as hooks see it. ``key`` is its credential."""

    name: str
    url: str
    key: str
    models: tuple[str, ...]
    uses: tuple[str, ...]

    def fields(self) -> dict[str, object]:
        """As CCR spells it, and as public plugins that were written for older ones expect it."""
        return {
            "name": self.name,
            "baseUrl": self.url,
            "apiKey": self.key,
            "api_base_url": self.url,
            "api_key": self.key,
            "models": self.models,
            "transformer": {"use": self.uses},
        }


class Visit:
    """One request on its way through hooks; ``seen`` is None at an endpoint, where no provider is chosen yet."""

    def __init__(self, asking: Asking, seen: Seen | None) -> None:
        self.asking = asking
        self.seen = seen
        self.left: Callable[[], None] | None = None
        """Called when it is over."""
        self.helper: tuple[Link, int] | None = None
        """The process that knows of it, and by which number."""
        self.context: object = None
        """What hooks in Python share."""

    def mask(self, text: str) -> str:
        """``text`` without the provider's credential."""
        return text.replace(self.seen.key, "****") if self.seen is not None and self.seen.key else text

    def failure(self, plugin: str, hook: str, error: HookFailed) -> GatewayError:
        """The client's error for a plugin that failed."""
        message = self.mask(str(error))[:LONGEST].strip().rstrip(".")
        kind = Kind.TIMEOUT if isinstance(error, HookLate) else Kind.UPSTREAM_FAILED
        # Only the end of the whole process may have been another request's fault.
        retry = None if isinstance(error, HelperGone) else False
        where = "" if self.seen is None else f" of provider {self.seen.name}"
        return GatewayError(
            kind,
            f'The plugin "{plugin}"{where} failed in {hook}: {message}.',
            status=500 if kind is Kind.UPSTREAM_FAILED else None,
            should_retry=retry,
            timeout="plugin.hook" if kind is Kind.TIMEOUT else None,
        )


class Plugin(Protocol):
    """One instance of the user's, kept from request to request."""

    @property
    def name(self) -> str: ...

    @property
    def hooks(self) -> frozenset[str]:
        """Those of CCR's hooks that it has."""
        ...

    @property
    def endpoint(self) -> str | None:
        """The path of the route that it adds, as its author wrote it."""
        ...

    async def request(self, hook: str, body: bytes, visit: Visit) -> Changed:
        """Run a request hook. Raises HookFailed."""
        ...

    async def answer(self, hook: str, answer: UpstreamAnswer, visit: Visit) -> UpstreamAnswer:
        """Run an answer hook; what is returned closes ``answer`` with itself. Raises HookFailed, GatewayError."""
        ...


class Reheaded:
    """Implements :class:`trunkline.relay.ports.UpstreamAnswer`: another head for the same body."""

    def __init__(self, answer: UpstreamAnswer, head: HttpHead) -> None:
        self._answer = answer
        self.head = head

    async def read(self) -> bytes:
        """As underneath."""
        return await self._answer.read()

    def arrived(self) -> bytes | None:
        """As underneath."""
        return self._answer.arrived()

    async def push(self, take: Take) -> None:
        """As underneath."""
        await self._answer.push(take)

    async def close(self, *, reuse: bool) -> None:
        """As underneath."""
        await self._answer.close(reuse=reuse)


def applied(request: HttpRequest, config: Changed) -> HttpRequest:
    """The request as its hooks left it. A header whose value was never defined is not sent, as in CCR."""
    headers = dict(request.headers)
    for name, value in config.headers or ():
        folded = name.strip().lower()
        headers.pop(folded, None)
        if value is not None and not (folded == "authorization" and "undefined" in value):
            headers[folded] = value
    return HttpRequest(
        request.method, config.url or request.url, tuple(headers.items()), config.body, config.proxy
    )


def unframed(headers: Iterable[tuple[str, str]]) -> Headers:
    """The headers that still hold for a body that was written anew."""
    return tuple((name.lower(), value) for name, value in headers if name.lower() not in FRAMING)


def body_fields(body: bytes) -> dict[str, object]:
    """A JSON body for people's code. Raises HookFailed for what is none."""
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise HookFailed("the body is no JSON object") from None
