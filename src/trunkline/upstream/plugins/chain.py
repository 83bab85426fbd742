"""The plugins of one model in their order, around one attempt."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import structs

from trunkline.config.proxy_url import is_proxy
from trunkline.core.asking import Asking, UpstreamAnswer
from trunkline.core.http import HttpRequest
from trunkline.upstream.plugins.link import HookFailed
from trunkline.upstream.plugins.plugin import (
    ANSWER_HOOK,
    AUTH_HOOK,
    CLIENT_ANSWER_HOOK,
    CLIENT_REQUEST_HOOK,
    REQUEST_HOOK,
    Changed,
    Plugin,
    Seen,
    Visit,
    applied,
)

log: Final = logging.getLogger(__name__)

NO_PROXY: Final = "config.httpsProxy is no proxy, written http://host:port"
SeenAs = Callable[[Asking, HttpRequest], Seen]


class Chain:
    """Implements :class:`trunkline.relay.ports.Passage`.

    ``everywhere`` are the plugins for all of a provider's models, ``here`` those for this one. Requests pass the
    former first, and so do answers: each list in reverse, but not the lists, as in CCR.
    """

    def __init__(
        self, everywhere: Sequence[Plugin], here: Sequence[Plugin], asking: Asking, seen_as: SeenAs
    ) -> None:
        self._requests = (*everywhere, *here)
        self._answers = (*reversed(everywhere), *reversed(here))
        self._asking = asking
        self._seen_as = seen_as
        self._visit: Visit | None = None
        self.timeout: float | None = None

    async def sent(self, request: HttpRequest) -> HttpRequest:
        """See the port."""
        visit = self._visit = Visit(self._asking, self._seen_as(self._asking, request))
        config = await through_requests(self._requests, REQUEST_HOOK, visit, Changed(body=request.body))
        if self._asking.passes:
            config = await through_requests(self._requests, AUTH_HOOK, visit, config)
        self.timeout = config.timeout
        return applied(request, config)

    async def answered(self, answer: UpstreamAnswer) -> UpstreamAnswer:
        """See the port."""
        assert self._visit is not None, "the request has been sent"
        return await through_answers(self._answers, ANSWER_HOOK, self._visit, answer)

    def leave(self) -> None:
        """See the port."""
        if self._visit is not None and self._visit.left is not None:
            self._visit.left()


class Endpoint:
    """The plugins at an endpoint, around one exchange: on the client's own body, and on what it is answered."""

    def __init__(self, plugins: Sequence[Plugin], asking: Asking) -> None:
        self._plugins = plugins
        self._visit = Visit(asking, None)
        self.answers = any(CLIENT_ANSWER_HOOK in plugin.hooks for plugin in plugins)
        """Whether anything is done to answers."""

    async def received(self) -> bytes:
        """The client's body as the plugins change it. Raises GatewayError naming the plugin that failed."""
        before = Changed(body=self._visit.asking.body)
        return (await through_requests(self._plugins, CLIENT_REQUEST_HOOK, self._visit, before)).body

    async def answered(self, answer: UpstreamAnswer) -> UpstreamAnswer:
        """The client's answer as the plugins change it, the last one first. Raises GatewayError like ``received``."""
        backwards = tuple(reversed(self._plugins))
        return await through_answers(backwards, CLIENT_ANSWER_HOOK, self._visit, answer)

    def leave(self) -> None:
        """The exchange is over."""
        if self._visit.left is not None:
            self._visit.left()


async def through_requests(plugins: Sequence[Plugin], hook: str, visit: Visit, config: Changed) -> Changed:
    """What is so far, with what each of these hooks says; later headers replace earlier ones as a whole, as in CCR."""
    for plugin in plugins:
        if hook not in plugin.hooks:
            continue
        try:
            after = await plugin.request(hook, config.body, visit)
        except HookFailed as error:
            raise visit.failure(plugin.name, hook, error) from error
        if after.proxy and not is_proxy(after.proxy):
            raise visit.failure(plugin.name, hook, HookFailed(NO_PROXY))
        if after.ignored:
            log.warning("plugin %s: config.%s has no effect", plugin.name, ", config.".join(after.ignored))
        config = structs.replace(
            config,
            body=after.body,
            url=after.url or config.url,
            headers=config.headers if after.headers is None else after.headers,
            timeout=after.timeout or config.timeout,
            proxy=config.proxy if after.proxy is None else after.proxy,
        )
    return config


async def through_answers(
    plugins: Sequence[Plugin], hook: str, visit: Visit, answer: UpstreamAnswer
) -> UpstreamAnswer:
    """The answer as each of these hooks makes it. When one fails, ``answer`` itself is left open."""
    inner = answer
    for plugin in plugins:
        if hook not in plugin.hooks:
            continue
        try:
            answer = await plugin.answer(hook, answer, visit)
        except HookFailed as error:
            await _undo(answer, inner)
            raise visit.failure(plugin.name, hook, error) from error
        except BaseException:
            await _undo(answer, inner)
            raise
    return answer


async def _undo(answer: UpstreamAnswer, inner: UpstreamAnswer) -> None:
    """Close what earlier plugins made; the innermost is its owner's."""
    if answer is not inner:
        await answer.close(reuse=False)
