"""Requests checked against the request types that the vendors' SDKs publish."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import anthropic.types.message_create_params as messages_params
import openai.types.chat.completion_create_params as chat_params
import openai.types.responses.response_create_params as responses_params
from google.genai import types as genai
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict


class _GeminiParams(TypedDict, total=False):
    """The body of a generateContent call; the SDK's own types name only its fields' values."""

    contents: list[genai.Content]
    systemInstruction: genai.Content
    tools: list[genai.Tool]
    toolConfig: genai.ToolConfig
    generationConfig: genai.GenerationConfig
    safetySettings: list[genai.SafetySetting]
    cachedContent: str
    labels: dict[str, str]
    serviceTier: str


_TYPES = {
    "anthropic_messages": messages_params.MessageCreateParamsBase,
    "openai_chat": chat_params.CompletionCreateParamsBase,
    "openai_responses": responses_params.ResponseCreateParamsBase,
    "gemini": with_config(ConfigDict(extra="forbid"))(_GeminiParams),
}


@lru_cache(maxsize=len(_TYPES))
def _adapter(protocol: str) -> TypeAdapter:
    return TypeAdapter(_TYPES[protocol])


def misfits(protocol: str, body: dict) -> list[str]:
    """What the SDK's own types say against ``body``; empty when it fits."""
    if protocol == "openai_responses":
        body = {**body, "input": [_filled(item) for item in body["input"]]}
    try:
        for _ in _walk(_adapter(protocol).validate_python(body)):
            pass
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5]]
    return []


def _filled(item: dict) -> dict:
    """An item with the keys that the SDK's types demand and OpenAI does not: recorded clients leave them out."""
    parts = item.get("content") if item.get("type") == "message" else item.get("output")
    if isinstance(parts, list):  # sound is for some servers; the SDK knows it only in its graders
        parts = [part for part in parts if part["type"] != "input_audio"]
        parts = [{"detail": "auto", **part} if part["type"] == "input_image" else part for part in parts]
        item = {**item, "content" if item["type"] == "message" else "output": parts}
    if item.get("type") == "message" and item["role"] == "assistant":
        item = {"id": "msg_1", "status": "completed", **item}
    return item


def _walk(value: object) -> Iterator[object]:
    """Visits everything: the SDK's types hold lazy iterables, checked only as they are read."""
    yield value
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _walk(inner)
    elif not isinstance(value, str | bytes | int | float | bool | None) and hasattr(value, "__iter__"):
        for inner in value:
            yield from _walk(inner)
