"""What an answer means, as the vendors' own SDKs read it.

The source side is read leniently: the SDK frames and types each event and this module adds them up, because
recorded servers deviate. The target side, which we wrote, is read by the SDK's own accumulator as well, and
both readings must agree.
"""

import json
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

import anthropic
import httpx2
import openai

Call = tuple[str, str]


@dataclass
class Meaning:
    """An answer without its spelling. ``usage`` is (prompt, cache read, output); None: not said."""

    text: str = ""
    thinking: str = ""
    calls: list[Call] = field(default_factory=list)
    stop: str = ""
    usage: tuple[int, int, int] | None = None
    failed: str = ""

    def differences(self, other: "Meaning") -> list[str]:
        """Names of what differs; usage only where both say it, nothing else where either failed."""
        if self.failed or other.failed:
            return (
                []
                if bool(self.failed) == bool(other.failed)
                else [f"failed: {self.failed!r} / {other.failed!r}"]
            )
        found = []
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            if mine != theirs and not (one.name == "usage" and None in (mine, theirs)):
                found.append(f"{one.name}: {_brief(mine)} / {_brief(theirs)}")
        return found


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) < 160 else f"{text[:100]} … {text[-50:]}"


def arguments(raw: str) -> str:
    """Arguments without their spelling: canonical JSON, ``{}`` for nothing, the raw text if they do not parse."""
    if not raw.strip() or raw.strip() == "null":
        return "{}"
    try:
        return json.dumps(json.loads(raw), sort_keys=True)
    except ValueError:
        return raw


class _Wire:
    """A transport that answers every request with the bytes put on it."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 200
        self.headers: dict[str, str] = {}

    def client(self) -> httpx2.Client:
        return httpx2.Client(transport=httpx2.MockTransport(self._answer))

    def put(
        self, body: bytes, media_type: str, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        self.body, self.status = body, status
        self.headers = {"content-type": media_type, **(headers or {})}

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(self.status, headers=self.headers, content=self.body, request=request)


class MessagesJudge:
    """Reads Anthropic Messages with the ``anthropic`` package."""

    protocol = "anthropic_messages"

    def __init__(self) -> None:
        self._wire = _Wire()
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
        for block in message.content or []:
            match block.type:
                case "text":
                    meaning.text += block.text
                case "thinking":
                    meaning.thinking += block.thinking
                case "tool_use":
                    meaning.calls.append((block.name, arguments(json.dumps(block.input))))
        meaning.stop = _messages_stop(message.stop_reason, meaning)
        return meaning

    def stream(self, body: bytes) -> Meaning:
        """The sum of the typed events, tolerant of what recorded servers do; what follows the end is not read."""
        self._wire.put(body + b"\n\n", "text/event-stream")
        try:
            return _messages_sum(self._client.messages.create(**self._ask, stream=True))
        except anthropic.APIError as error:
            return Meaning(failed=str(error))

    def accumulated(self, body: bytes) -> Meaning:
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
        for block in message.content:
            match block.type:
                case "text":
                    meaning.text += block.text
                case "thinking":
                    meaning.thinking += block.thinking
                case "tool_use":
                    meaning.calls.append((block.name, arguments(json.dumps(block.input))))
        meaning.stop = _messages_stop(message.stop_reason, meaning)
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


def _messages_stop(reason: str | None, meaning: Meaning) -> str:
    match reason:
        case "max_tokens" | "model_context_window_exceeded":
            return "length"
        case "refusal":
            return "refusal"
    return "calls" if meaning.calls else "end"


class ChatJudge:
    """Reads Chat Completions with the ``openai`` package; several choices: the first."""

    protocol = "openai_chat"

    def __init__(self) -> None:
        self._wire = _Wire()
        self._client = openai.OpenAI(
            api_key="none", base_url="http://127.0.0.1:9", max_retries=0, http_client=self._wire.client()
        )
        self._ask = {"model": "m", "messages": [{"role": "user", "content": "x"}]}

    def whole(self, body: bytes) -> Meaning:
        self._wire.put(body, "application/json")
        try:
            completion = self._client.chat.completions.create(**self._ask)
        except openai.APIError as error:
            return Meaning(failed=str(error))
        if getattr(completion, "error", None) or not completion.choices:
            return Meaning(failed=str(getattr(completion, "error", None) or "no choices"))
        choice = min(completion.choices, key=lambda one: one.index or 0)
        message = choice.message or getattr(choice, "delta", None)  # some servers answer with one chunk
        return _chat_whole(message, _finish_of(_plain(choice)), completion.usage)

    def stream(self, body: bytes) -> Meaning:
        """The sum of the typed chunks, tolerant of what recorded servers do."""
        self._wire.put(body + b"\n\n", "text/event-stream")
        try:
            chunks = list(self._client.chat.completions.create(**self._ask, stream=True))
        except openai.APIError as error:
            return Meaning(failed=str(error))
        return _chat_sum(chunks, done=b"data: [DONE]" in body or b"data:[DONE]" in body)

    def accumulated(self, body: bytes) -> Meaning:
        """The final completion of the SDK's own accumulator, which forgives nothing."""
        self._wire.put(body, "text/event-stream")
        try:
            with self._client.chat.completions.stream(**self._ask) as stream:
                usage = None
                for event in stream:
                    if event.type == "chunk":
                        usage = event.chunk.usage or usage
                completion = stream.current_completion_snapshot
        except openai.APIError as error:
            return Meaning(failed=str(error))
        except (ValueError, RuntimeError, IndexError, AssertionError, TypeError, AttributeError) as error:
            return Meaning(failed=f"accumulator: {error!r}")
        choice = completion.choices[0]
        return _chat_whole(choice.message, choice.finish_reason, usage)

    def error(self, body: bytes, status: int, headers: dict[str, str]) -> openai.APIStatusError:
        self._wire.put(body, headers.get("content-type", "application/json"), status, headers)
        try:
            self._client.chat.completions.create(**self._ask)
        except openai.APIStatusError as error:
            return error
        raise AssertionError("the SDK took the error for an answer")


def _plain(value: object) -> object:
    """An SDK object, or what it holds of unknown shape, as plain JSON values."""
    if hasattr(value, "to_dict"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return value.to_dict()
    return value


def _said(message: dict) -> tuple[str, str]:
    """Text and thinking of a message or a delta, wherever this server puts them."""
    text, thinking = "", ""
    content = message.get("content")
    if isinstance(content, str):
        text = content
    elif isinstance(content, dict):  # Cloudflare puts structured output here as an object
        text = json.dumps(content, separators=(",", ":"))
    for part in content if isinstance(content, list) else []:
        match part.get("type"):
            case "text":
                text += part.get("text") or ""
            case "reasoning":
                thinking += "".join(one.get("text") or "" for one in part.get("summary") or [])
            case "thinking":
                inner = part.get("thinking")
                thinking += (
                    inner
                    if isinstance(inner, str)
                    else "".join(one.get("text") or "" for one in inner or [])
                )
    for name in ("reasoning_content", "reasoning"):
        value = message.get(name)
        if isinstance(value, str) and value:
            thinking += value
            break
    else:
        for detail in message.get("reasoning_details") or []:
            thinking += detail.get("text") or detail.get("summary") or ""
    return text + (message.get("refusal") or ""), thinking


def _call(name: str | None, raw: object) -> Call:
    return name or "", arguments(raw if isinstance(raw, str) else json.dumps(raw))


def _chat_whole(message: object, finish: str | None, usage: object) -> Meaning:
    plain = _plain(message) or {}
    assert isinstance(plain, dict)
    meaning = Meaning(*_said(plain), usage=_chat_usage(_plain(usage)))
    for call in plain.get("tool_calls") or []:
        inner = call.get("function") or call.get("custom") or {}
        meaning.calls.append(_call(inner.get("name"), inner.get("arguments", inner.get("input", ""))))
    legacy = plain.get("function_call")
    if legacy and legacy.get("name") and not meaning.calls:
        meaning.calls.append(_call(legacy.get("name"), legacy.get("arguments")))
    meaning.stop = _chat_stop(finish, meaning, refused=bool(plain.get("refusal")))
    return meaning


def _chat_sum(chunks: list, *, done: bool) -> Meaning:
    meaning, finish, usage, refused = Meaning(), None, None, False
    calls: list[dict] = []
    for chunk in chunks:
        plain = _plain(chunk)
        if plain.get("error"):
            return Meaning(failed=str(plain["error"]))
        usage = _latest_usage(usage, plain.get("usage") or (plain.get("x_groq") or {}).get("usage"))
        for choice in plain.get("choices") or []:
            if choice.get("index"):
                continue
            delta = choice.get("delta") or {}
            text, thinking = _said(delta)
            meaning.text += text
            meaning.thinking += thinking
            refused = refused or bool(delta.get("refusal"))
            pieces = list(delta.get("tool_calls") or [])
            if delta.get("function_call"):
                pieces.append({"index": 0, "function": delta["function_call"]})
            for piece in pieces:
                _add_piece(calls, piece)
            finish = finish or _finish_of(choice)
    meaning.calls = [_call(call["name"], call["raw"]) for call in calls]
    meaning.stop = _chat_stop(finish, meaning, refused=refused)
    meaning.usage = _chat_usage(usage)
    if finish == "error":
        meaning.failed = "finish_reason error"
    if finish is None and not (done and all(complete(raw) for _, raw in meaning.calls)):
        meaning.failed = "no finish_reason"
    return meaning


def complete(raw: str) -> bool:
    """True when arguments are a whole JSON value."""
    try:
        json.loads(raw)
    except ValueError:
        return False
    return True


def _latest_usage(old: dict | None, new: dict | None) -> dict | None:
    """Stream usage is cumulative; counts a later report leaves out stay."""
    if not new:
        return old
    return {**(old or {}), **{name: value for name, value in new.items() if value is not None}}


def _add_piece(calls: list[dict], piece: dict) -> None:
    inner = piece.get("function") or piece.get("custom") or {}
    raw = inner.get("arguments", inner.get("input")) or ""
    raw = raw if isinstance(raw, str) else json.dumps(raw)
    index, ident, name = piece.get("index"), piece.get("id") or "", inner.get("name") or ""
    current = next((call for call in reversed(calls) if call["index"] == index), None)
    if index is None:
        current = next((call for call in calls if ident and call["id"] == ident), None) or (
            calls[-1] if calls and not ident else None
        )
    if current is not None and ident and current["id"] and ident != current["id"]:
        current = None
    if current is None:
        calls.append({"index": index, "id": ident, "name": name, "raw": raw})
        return
    current["id"] = current["id"] or ident
    current["name"] = current["name"] or name
    current["raw"] += raw


def _finish_of(choice: dict) -> str | None:
    """OpenRouter keeps the word of the server behind it; of a call that was cut off only that one is true."""
    if str(choice.get("native_finish_reason")).lower() in {"max_output_tokens", "max_tokens", "length"}:
        return "length"
    return choice.get("finish_reason")


def _chat_stop(finish: str | None, meaning: Meaning, *, refused: bool) -> str:
    if finish == "length":
        return "length"
    if finish == "content_filter" or (refused and not meaning.calls):
        return "refusal"
    return "calls" if meaning.calls else "end"


def _chat_usage(usage: object) -> tuple[int, int, int] | None:
    """Counts as OpenAI means them: cached tokens inside the prompt, reasoning inside the completion.

    Where the vendor's own sums say otherwise, its sums decide: xAI keeps reasoning beside the completion,
    and on Azure its cached tokens beside the prompt.
    """
    if not isinstance(usage, dict) or usage.get("prompt_tokens") is None:
        return None
    prompt, out = usage["prompt_tokens"], usage.get("completion_tokens") or 0
    read = (
        (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        or usage.get("prompt_cache_hit_tokens")
        or 0
    )
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    if reasoning and usage.get("total_tokens") == prompt + out + reasoning:
        out += reasoning
    return prompt + (read if read > prompt else 0), read, out


JUDGES = {judge.protocol: judge for judge in (MessagesJudge(), ChatJudge())}
