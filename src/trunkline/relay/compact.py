"""``/responses/compact``: the provider's own operation where it has one, else a summary by the model."""

from functools import partial
from typing import Final

from msgspec.structs import replace

from trunkline.core.errors import GatewayError
from trunkline.protocols.codec import Keeping, Peek
from trunkline.protocols.openai_responses import compaction
from trunkline.providers.provider import Surface
from trunkline.relay.attempt import Attempt
from trunkline.relay.course import Course
from trunkline.relay.look_up import below
from trunkline.routing.plan import Target

_LACKING: Final = frozenset({404, 405, 501})
"""How a provider says that it has no such operation after all."""


def unkept(peek: Peek) -> Peek:
    """The request is one whole answer, and nothing of it is kept; it may continue an answer that is."""
    keeping = peek.keeping
    if keeping is not None:
        keeping = None if keeping.previous is None else Keeping(keep=False, previous=keeping.previous)
    return Peek(peek.model, keeping=keeping)


class Compaction:
    """Makes a conversation short at one target. Raises GatewayError like :class:`Attempt`."""

    def __init__(self, course: Course, target: Target) -> None:
        self._course = course
        self._target = target

    async def run(self) -> None:
        """Until the client has its answer."""
        native = self._native()
        if native is not None:
            try:
                await Attempt(self._course, self._target, native).run()
            except GatewayError as error:
                if error.local or error.status not in _LACKING:
                    raise
            else:
                return
        await self._summarise()

    def _native(self) -> Surface | None:
        own = self._course.inbound.codec.name
        for surface in self._course.services.surfaces_of(self._target):
            if surface.protocol == own and surface.facts.compacts:
                return replace(surface, url=below(surface.url, "/compact"))
        return None

    async def _summarise(self) -> None:
        course, asked = self._course, self._course.inbound
        course.ask(replace(asked, body=compaction.triggered(asked.body)))
        course.delivery.rewrite = partial(compaction.encode_compacted, asked.body)
        try:
            await Attempt(course, self._target).run()
        finally:
            course.ask(asked)
            course.delivery.rewrite = None
