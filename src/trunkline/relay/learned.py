"""What refusals taught us about a deployment, kept for a while (databricks.md 3.9)."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Final

from msgspec import Struct

from trunkline.core.facts import Facts
from trunkline.routing.plan import Target

LIFETIME: Final = 12 * 3600.0
MAX_TARGETS: Final = 1024


class Lessons(Struct, frozen=True):
    """What is known beyond the catalog. ``reencode``: surfaces where a pass-through alone cannot obey it."""

    surfaces: Mapping[str, str] = {}
    """By the client's protocol: the surface to ask, since another one refused the model. What one protocol
    learned says little about the others, which may have a surface of their own."""
    facts: Mapping[str, Facts] = {}
    """By surface name."""
    reencode: frozenset[str] = frozenset()


NOTHING: Final = Lessons()


class Learned:
    """Lessons by target, bounded, each forgotten after ``lifetime`` seconds: upstreams change their minds."""

    def __init__(
        self,
        now: Callable[[], float],
        *,
        lifetime: float = LIFETIME,
        max_targets: int = MAX_TARGETS,
    ) -> None:
        self._now = now
        self._lifetime = lifetime
        self._max_targets = max_targets
        self._lessons: OrderedDict[Target, tuple[float, Lessons]] = OrderedDict()

    def about(self, target: Target) -> Lessons:
        """What we know about ``target``; :data:`NOTHING` as a rule."""
        if not self._lessons:
            return NOTHING
        found = self._lessons.get(target)
        if found is None:
            return NOTHING
        expires, lessons = found
        if self._now() >= expires:
            del self._lessons[target]
            return NOTHING
        return lessons

    def keep(self, target: Target, lessons: Lessons) -> None:
        """Remember what just worked."""
        self._lessons.pop(target, None)
        self._lessons[target] = (self._now() + self._lifetime, lessons)
        while len(self._lessons) > self._max_targets:
            self._lessons.popitem(last=False)

    def forget(self, providers: Collection[str]) -> None:
        """Know nothing any more of what is at ``providers``."""
        for target in [target for target in self._lessons if target.provider in providers]:
            del self._lessons[target]
