"""``provider/model`` and ``provider,model``: how a target is written."""

import re
from collections.abc import Collection
from typing import Final

from trunkline.config.nearest import did_you_mean

PROVIDER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What a provider may be called: nothing that a target or a header could misread."""


def split_target(text: str) -> tuple[str, str] | None:
    """Provider and model, split at the first comma or slash; the model may hold both. None: it is neither."""
    found = re.fullmatch(r"([^,/]*)[,/](.*)", text, re.DOTALL)
    if found is None:
        return None
    provider, model = found[1].strip(), found[2].strip()
    return (provider, model) if provider and model else None


def check_target(text: str, providers: Collection[str]) -> tuple[str | None, str]:
    """The target as ``provider/model``, or None and what is wrong with it."""
    parts = split_target(text)
    if parts is None:
        return None, 'a target is written "provider/model"'
    provider, model = parts
    if any(character.isspace() for character in model):
        return None, "a model id holds no blanks"
    by_folded = {name.casefold(): name for name in providers}
    known = by_folded.get(provider.casefold())
    if known is None:
        return None, f'there is no provider "{provider}".{did_you_mean(provider, providers)}'
    return f"{known}/{model}", ""
