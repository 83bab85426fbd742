"""Anthropic Messages, read with the ``anthropic`` package."""

import json
from collections.abc import Iterable

import anthropic

from wire.meaning import Meaning, Wire, arguments

PICTURE = "[the model answered with image content, which cannot be shown here]"
"""What our answers say in place of a generated image: assistants have no block for one."""


class MessagesJudge:
    """Reads Anthropic Messages with the ``anthropic`` package."""

    protocol = "anthropic_messages"

    def __init__(self) -> None:
        self._wire = Wire()
        self._client = anthropic.Anthropic(
            api_key="none", base_url="http://127.0.0.1:9", max_retries=0, http_client=self._wire.client()
        )
        self._ask = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}

    def whole(self, body: bytes) -> Meaning:
        self._wire.put(body, "application/json")
        try:
            message = self._client.messages.create(**self._ask)
        except anthropic.APIError as error:
            return Meaning(failed=str(error))
        if message.type != "message":
            return Meaning(failed=f"type {message.type}")
        meaning = Meaning(usage=_messages_usage(message.usage))
        _take_message(meaning, message)
        return meaning

    def stream(self, body: bytes) -> Meaning:
        """The sum of the typed events, tolerant of what recorded servers do; what follows the end is not read."""
        self._wire.put(body + b"\n\n", "text/event-stream")
        try:
            return _messages_sum(self._client.messages.create(**self._ask, stream=True))
        except anthropic.APIError as error:
            return Meaning(failed=str(error))

    def readings(self, body: bytes) -> tuple[Meaning, Meaning]:
        """The tolerant sum, and the SDK's own accumulator's."""
        return self.stream(body), self._accumulated(body)

    def _accumulated(self, body: bytes) -> Meaning:
        """The final message of the SDK's own accumulator, which forgives nothing."""
        self._wire.put(body, "text/event-stream")
        seen: list[object] = []
        try:
            with self._client.messages.stream(**self._ask) as stream:
                seen.extend(stream)
                message = stream.get_final_message()
        except anthropic.APIError as error:
            return Meaning(failed=str(error))
        except (ValueError, RuntimeError, IndexError, AssertionError) as error:
            return Meaning(failed=f"accumulator: {error!r}")
        meaning = Meaning(usage=_messages_usage(message.usage))
        _take_message(meaning, message)
        if not any(getattr(event, "type", "") == "message_stop" for event in seen):
            meaning.failed = "no message_stop"
        return meaning

    def error(self, body: bytes, status: int, headers: dict[str, str]) -> anthropic.APIStatusError:
        self._wire.put(body, headers.get("content-type", "application/json"), status, headers)
        try:
            self._client.messages.create(**self._ask)
        except anthropic.APIStatusError as error:
            return error
        raise AssertionError("the SDK took the error for an answer")


def _take_message(meaning: Meaning, message: object) -> None:
    """What a whole message says."""
    for block in message.content or []:
        match block.type:
            case "text":
                meaning.text += block.text
            case "thinking":
                meaning.thinking += block.thinking
            case "tool_use":
                meaning.calls.append((block.name, arguments(json.dumps(block.input))))
    _pictures(meaning)
    meaning.stop = _messages_stop(message.stop_reason, meaning)


def _messages_sum(events: Iterable[object]) -> Meaning:
    total = _MessagesSum()
    for event in events:
        if event.type == "error":
            return Meaning(failed="error event")
        total.add(event)
        if event.type == "message_stop":
            return total.meaning()
    return Meaning(failed="no message_stop")


class _MessagesSum:
    def __init__(self) -> None:
        self._meaning, self._stop = Meaning(), None
        self._calls: dict[int, tuple[str, list[str]]] = {}
        self._counts: dict[str, int] = {}

    def add(self, event: object) -> None:
        match event.type:
            case "message_start":
                _keep_counts(self._counts, event.message.usage)
            case "content_block_start":
                self._open(event.index, event.content_block)
            case "content_block_delta":
                self._more(event.index, event.delta)
            case "message_delta":
                self._stop = event.delta.stop_reason or self._stop
                _keep_counts(self._counts, event.usage)

    def _open(self, index: int, block: object) -> None:
        match block.type:
            case "tool_use":
                self._calls[index] = block.name, [json.dumps(block.input) if block.input else ""]
            case "text":
                self._meaning.text += block.text
            case "thinking":
                self._meaning.thinking += block.thinking

    def _more(self, index: int, delta: object) -> None:
        match delta.type:
            case "text_delta":
                self._meaning.text += delta.text
            case "thinking_delta":
                self._meaning.thinking += delta.thinking
            case "input_json_delta" if index in self._calls:
                self._calls[index][1].append(delta.partial_json)

    def meaning(self) -> Meaning:
        meaning = self._meaning
        meaning.calls = [(name, arguments("".join(pieces))) for name, pieces in self._calls.values()]
        _pictures(meaning)
        meaning.stop = _messages_stop(self._stop, meaning)
        meaning.usage = _messages_counts(self._counts) if self._counts else None
        return meaning


_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")


def _keep_counts(counts: dict[str, int], usage: object) -> None:
    for name in _COUNTS:
        value = getattr(usage, name, None)
        if value is not None:
            counts[name] = value


def _messages_counts(counts: dict[str, int]) -> tuple[int, int, int]:
    new, written, read, out = (counts.get(name, 0) for name in _COUNTS)
    return new + written + read, read, out


def _messages_usage(usage: object) -> tuple[int, int, int] | None:
    counts: dict[str, int] = {}
    _keep_counts(counts, usage)
    return _messages_counts(counts) if counts else None


def _pictures(meaning: Meaning) -> None:
    """Counts the sentences that stand for a picture; they are no text of the model's."""
    meaning.pictures = meaning.text.count(PICTURE)
    meaning.text = meaning.text.replace(PICTURE, "")


def _messages_stop(reason: str | None, meaning: Meaning) -> str:
    match reason:
        case "max_tokens" | "model_context_window_exceeded":
            return "length"
        case "refusal":
            return "refusal"
    return "calls" if meaning.calls else "end"
