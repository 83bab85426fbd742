"""Chat Completions, read with the ``openai`` package."""

import json
import warnings

import openai
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from wire.meaning import Call, Meaning, Wire, arguments, complete

PATH, CHUNKS = "/chat/completions", openai.Stream[ChatCompletionChunk]
"""Asked as the SDK's ``create`` asks, but for going through the request each time: only the answer is judged."""
DONE, DONE_TIGHT = b"data: [DONE]", b"data:[DONE]"


class ChatJudge:
    """Reads Chat Completions with the ``openai`` package; several choices: the first."""

    protocol = "openai_chat"

    def __init__(self) -> None:
        self._wire = Wire()
        self._client = openai.OpenAI(
            api_key="none", base_url="http://127.0.0.1:9", max_retries=0, http_client=self._wire.client()
        )
        self._ask = {"model": "m", "messages": [{"role": "user", "content": "x"}]}

    def whole(self, body: bytes) -> Meaning:
        self._wire.put(body, "application/json")
        try:
            completion = self._client.post(PATH, body=self._ask, cast_to=ChatCompletion)
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
            chunks = list(
                self._client.post(
                    PATH, body=self._ask, cast_to=ChatCompletionChunk, stream=True, stream_cls=CHUNKS
                )
            )
        except openai.APIError as error:
            return Meaning(failed=str(error))
        return _chat_sum(chunks, done=DONE in body or DONE_TIGHT in body)

    def readings(self, body: bytes) -> tuple[Meaning, Meaning]:
        """The tolerant sum, and the final completion of the SDK's own accumulator, which forgives nothing."""
        self._wire.put(body, "text/event-stream")
        chunks = []
        try:
            with self._client.chat.completions.stream(**self._ask) as stream:
                chunks = [event.chunk for event in stream if event.type == "chunk"]
                completion = stream.current_completion_snapshot
        except openai.APIError as error:
            return self.stream(body), Meaning(failed=str(error))
        except (ValueError, RuntimeError, IndexError, AssertionError, TypeError, AttributeError) as error:
            return self.stream(body), Meaning(failed=f"accumulator: {error!r}")
        choice, usage = completion.choices[0], next((one.usage for one in chunks[::-1] if one.usage), None)
        strict = _chat_whole(choice.message, choice.finish_reason, usage)
        return _chat_sum(chunks, done=DONE in body or DONE_TIGHT in body), strict

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


def _called(call: dict) -> Call:
    """A function's call, or a freeform tool's: its text counts as the only field, as elsewhere."""
    inner, custom = call.get("function"), call.get("custom") or {}
    if inner is None:
        return _call(custom.get("name"), {"input": custom.get("input") or ""})
    return _call(inner.get("name"), inner.get("arguments", ""))


def _call(name: str | None, raw: object) -> Call:
    return name or "", arguments(raw if isinstance(raw, str) else json.dumps(raw))


def _chat_whole(message: object, finish: str | None, usage: object) -> Meaning:
    plain = _plain(message) or {}
    assert isinstance(plain, dict)
    meaning = Meaning(*_said(plain), usage=_chat_usage(_plain(usage)))
    meaning.pictures = len(plain.get("images") or [])
    for call in plain.get("tool_calls") or []:
        meaning.calls.append(_called(call))
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
            meaning.pictures += len(delta.get("images") or [])
            refused = refused or bool(delta.get("refusal"))
            pieces = list(delta.get("tool_calls") or [])
            if delta.get("function_call"):
                pieces.append({"index": 0, "function": delta["function_call"]})
            for piece in pieces:
                _add_piece(calls, piece)
            finish = finish or _finish_of(choice)
    meaning.calls = [
        _call(call["name"], {"input": call["raw"]} if call["custom"] else call["raw"]) for call in calls
    ]
    meaning.stop = _chat_stop(finish, meaning, refused=refused)
    meaning.usage = _chat_usage(usage)
    if finish == "error":
        meaning.failed = "finish_reason error"
    if finish is None and not (done and all(complete(raw) for _, raw in meaning.calls)):
        meaning.failed = "no finish_reason"
    return meaning


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
        calls.append(
            {"index": index, "id": ident, "name": name, "raw": raw, "custom": not piece.get("function")}
        )
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
