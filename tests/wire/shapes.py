"""Requests checked against the request types that the vendors' SDKs publish."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import anthropic.types.message_create_params as messages_params
import openai.types.chat.completion_create_params as chat_params
from pydantic import TypeAdapter, ValidationError

_TYPES = {
    "anthropic_messages": messages_params.MessageCreateParamsBase,
    "openai_chat": chat_params.CompletionCreateParamsBase,
}


@lru_cache(maxsize=2)
def _adapter(protocol: str) -> TypeAdapter:
    return TypeAdapter(_TYPES[protocol])


def misfits(protocol: str, body: dict) -> list[str]:
    """What the SDK's own types say against ``body``; empty when it fits."""
    try:
        for _ in _walk(_adapter(protocol).validate_python(body)):
            pass
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5]]
    return []


def _walk(value: object) -> Iterator[object]:
    """Visits everything: the SDK's types hold lazy iterables, checked only as they are read."""
    yield value
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _walk(inner)
    elif not isinstance(value, str | bytes | int | float | bool | None) and hasattr(value, "__iter__"):
        for inner in value:
            yield from _walk(inner)
