"""The edits that facts alone call for, whatever the provider."""

from collections.abc import Callable, Mapping
from typing import Final

from trunkline.core.facts import Facts
from trunkline.core.losses import Loss
from trunkline.providers.draft import Draft
from trunkline.providers.edit_chat import chat_edits_due, edit_chat
from trunkline.providers.edit_gemini import edit_gemini, gemini_edits_due
from trunkline.providers.edit_messages import edit_messages, messages_edits_due
from trunkline.providers.edit_responses import edit_responses, responses_edits_due
from trunkline.providers.provider import Surface

_Edits = tuple[Callable[[Facts], bool], Callable[[Draft, Facts], None]]
"""Whether any edit can apply, and the edits."""

_EDITS: Final[Mapping[str, _Edits]] = {
    "openai_chat": (chat_edits_due, edit_chat),
    "anthropic_messages": (messages_edits_due, edit_messages),
    "openai_responses": (responses_edits_due, edit_responses),
    "gemini": (gemini_edits_due, edit_gemini),
}
_NO_EDITS: Final[_Edits] = (lambda facts: False, lambda draft, facts: None)


def edit_by_facts(surface: Surface, body: bytes) -> tuple[bytes, tuple[Loss, ...]]:
    """``body`` as the surface's facts want it, the very same object when nothing is due."""
    due, edit = _EDITS.get(surface.protocol, _NO_EDITS)
    if not due(surface.facts):
        return body, ()
    draft = Draft(body)
    edit(draft, surface.facts)
    return draft.finish()
