"""A provider's transforms by what they do to a request before it is encoded, and to its answer.

What they do to facts and encoded bodies is in :mod:`trunkline.providers.transformed`.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from functools import lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from trunkline.config.schema import ProviderSettings
from trunkline.config.transforms import NO_PLUGINS, transforms_for
from trunkline.core.events import StreamEvent, fold, unfold
from trunkline.core.types import Reasoning, Request, Response
from trunkline.transforms.enhance_tool import EnhanceTool
from trunkline.transforms.force_reasoning import TAG, force_reasoning
from trunkline.transforms.parts import AnswerEdit
from trunkline.transforms.think_tags import DEFAULT_TAG, ThinkTags
from trunkline.transforms.tool_use import ExitTool, urge

Options = Mapping[str, object]
RequestEdit = Callable[[Request], Request]
MakeAnswerEdit = Callable[[str], AnswerEdit]
"""A new edit for one answer; it is given the tag of who made it."""


class Chain(Struct, frozen=True):
    """What a deployment's transforms do, in the order in which it is done."""

    requests: tuple[RequestEdit, ...] = ()
    answers: tuple[MakeAnswerEdit, ...] = ()

    def asked(self, request: Request) -> Request:
        """The request as it is encoded."""
        for edit in self.requests:
            request = edit(request)
        return request

    def answered(self, origin: str) -> tuple[AnswerEdit, ...]:
        """New edits for one answer of ``origin``."""
        return tuple(make(origin) for make in self.answers)


class Chains:
    """The chains of one provider, by deployment. ``plugins``: names that plugins have taken."""

    def __init__(self, settings: ProviderSettings, plugins: Set[str] = NO_PLUGINS) -> None:
        self._settings = settings
        self._plugins = plugins
        self.of = lru_cache(maxsize=512)(self._make)
        """The chain of a deployment; None when nothing is done."""

    def _make(self, deployment: str) -> Chain | None:
        transforms = transforms_for(self._settings, deployment, self._plugins)
        requests = [_REQUESTS[one.name](one.options) for one in transforms if one.name in _REQUESTS]
        answers = [_ANSWERS[one.name](one.options) for one in reversed(transforms) if one.name in _ANSWERS]
        known = tuple(edit for edit in requests if edit is not None)
        return Chain(known, tuple(answers)) if known or answers else None


class AnswerEdits:
    """Several edits as one, the undoing of what encoding did to tools last."""

    def __init__(self, edits: Sequence[AnswerEdit], restore: AnswerEdit | None) -> None:
        self._edits = edits
        self._restore = restore

    def feed(self, event: StreamEvent) -> Sequence[StreamEvent]:
        """The events to pass on in place of ``event``."""
        events: Sequence[StreamEvent] = (event,)
        for edit in self._edits:
            events = [out for one in events for out in edit.feed(one)]
        if self._restore is None:
            return events
        return [out for one in events for out in self._restore.feed(one)]


def edited(response: Response, edits: Sequence[AnswerEdit]) -> Response:
    """A whole answer, edited as its stream would be."""
    if not edits:
        return response
    both = AnswerEdits(edits, None)
    return fold(out for event in unfold(response) for out in both.feed(event))


def chains_of(
    settings: Mapping[str, ProviderSettings], plugins: Set[str] = NO_PLUGINS
) -> dict[str, Chains]:
    """By provider, for those that have transforms."""
    return {
        name: Chains(one, plugins)
        for name, one in settings.items()
        if one.transforms or one.model_transforms
    }


def _switch_off(options: Options) -> RequestEdit | None:
    if options.get("enable") is not False:
        return None
    off = Reasoning(mode="off")
    return lambda request: replace(request, reasoning=off)


def _read_tags(options: Options) -> MakeAnswerEdit:
    tag, opened = options.get("tag"), options.get("opened") is True
    name = tag if isinstance(tag, str) else DEFAULT_TAG
    return lambda origin: ThinkTags(origin, name, opened=opened)


_REQUESTS: Final[Mapping[str, Callable[[Options], RequestEdit | None]]] = {
    "reasoning": _switch_off,
    "forcereasoning": lambda options: force_reasoning,
    "tooluse": lambda options: urge,
}
_ANSWERS: Final[Mapping[str, Callable[[Options], MakeAnswerEdit]]] = {
    "enhancetool": lambda options: lambda origin: EnhanceTool(),
    "forcereasoning": lambda options: lambda origin: ThinkTags(origin, TAG),
    "tooluse": lambda options: lambda origin: ExitTool(),
    "extrathinktag": _read_tags,
}
