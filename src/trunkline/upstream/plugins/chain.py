"""The plugins of one model in their order, around one attempt."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import structs

from trunkline.core.asking import Asking, UpstreamAnswer
from trunkline.core.http import HttpRequest
from trunkline.upstream.plugins.link import HookFailed
from trunkline.upstream.plugins.plugin import (
    ANSWER_HOOK,
    AUTH_HOOK,
    REQUEST_HOOK,
    Changed,
    Plugin,
    Seen,
    Visit,
    applied,
)

log: Final = logging.getLogger(__name__)

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
        config = Changed(body=request.body)
        for plugin in self._requests:
            if REQUEST_HOOK in plugin.hooks:
                config = await self._run(plugin, REQUEST_HOOK, visit, config)
        for plugin in self._requests if self._asking.passes else ():
            if AUTH_HOOK in plugin.hooks:
                config = await self._run(plugin, AUTH_HOOK, visit, config)
        self.timeout = config.timeout
        return applied(request, config)

    async def _run(self, plugin: Plugin, hook: str, visit: Visit, before: Changed) -> Changed:
        """What is so far, with what this hook says; later headers replace earlier ones as a whole, as in CCR."""
        try:
            after = await plugin.request(hook, before.body, visit)
        except HookFailed as error:
            raise visit.failure(plugin.name, hook, error) from error
        if after.ignored:
            log.warning(
                "plugin %s: config.%s has no effect here", plugin.name, ", config.".join(after.ignored)
            )
        return structs.replace(
            before,
            body=after.body,
            url=after.url or before.url,
            headers=before.headers if after.headers is None else after.headers,
            timeout=after.timeout or before.timeout,
        )

    async def answered(self, answer: UpstreamAnswer) -> UpstreamAnswer:
        """See the port."""
        visit = self._visit
        assert visit is not None, "the request has been sent"
        inner = answer
        for plugin in self._answers:
            if ANSWER_HOOK not in plugin.hooks:
                continue
            try:
                answer = await plugin.answer(answer, visit)
            except HookFailed as error:
                await _undo(answer, inner)
                raise visit.failure(plugin.name, ANSWER_HOOK, error) from error
            except BaseException:
                await _undo(answer, inner)
                raise
        return answer

    def leave(self) -> None:
        """See the port."""
        if self._visit is not None and self._visit.left is not None:
            self._visit.left()


async def _undo(answer: UpstreamAnswer, inner: UpstreamAnswer) -> None:
    """Close what earlier plugins made; the innermost is its owner's."""
    if answer is not inner:
        await answer.close(reuse=False)
