"""Gemini's generateContent, read with the ``google-genai`` package; several candidates: the first.

The SDK has no accumulator: a client adds up the chunks, and so does the judge. ``readings`` reads our own
streams with what clients may rely on besides: one finish, in the last chunk, with the usage.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from google import genai
from google.genai import errors, types
from pydantic import ValidationError

from wire.meaning import Meaning, Wire, arguments

REFUSALS = {
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR",
    "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION",
}  # fmt: skip
FAILURES = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"}
NUMBERS = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY"}
"""Some recorded clients asked Vertex for numbers instead of names; the SDK knows only names."""
STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


class GeminiJudge:
    """See the module."""

    protocol = "gemini"

    def __init__(self) -> None:
        self._wire = Wire()
        self._client = genai.Client(
            api_key="none",
            http_options=types.HttpOptions(base_url="http://127.0.0.1:9", httpx_client=self._wire.client()),
        )
        self._ask = {"model": "m", "contents": "x"}

    def whole(self, body: bytes) -> Meaning:
        self._wire.put(_named(body), "application/json")
        try:
            answer = self._client.models.generate_content(**self._ask)
        except errors.APIError as error:
            return Meaning(failed=str(error))
        except ValidationError as error:
            return Meaning(failed=f"the SDK's types: {error}")
        if not answer.candidates and not (answer.prompt_feedback and answer.prompt_feedback.block_reason):
            return Meaning(failed="no candidates")
        return _sum([answer], whole=True)

    def stream(self, body: bytes) -> Meaning:
        """The sum of the chunks, tolerant of what recorded servers do."""
        return self._read(body)[0]

    def readings(self, body: bytes) -> tuple[Meaning, Meaning]:
        """The sum, and the sum again with complaints about an order that clients do not expect."""
        meaning, chunks = self._read(body)
        return meaning, meaning if meaning.failed else _strict(chunks, replace(meaning))

    def _read(self, body: bytes) -> tuple[Meaning, list[types.GenerateContentResponse]]:
        try:
            chunks = self._chunks(body)
        except errors.APIError as error:
            return Meaning(failed=str(error)), []
        except (ValidationError, errors.UnknownApiResponseError) as error:
            return Meaning(failed=f"the SDK's types: {error}"), []
        return _sum(chunks, whole=False), chunks

    def _chunks(self, body: bytes) -> list[types.GenerateContentResponse]:
        if body.lstrip()[:1] == b"[":  # asked without alt=sse: the SDK always asks with it
            chunks = json.loads(body)
            body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks)
        self._wire.put(body + b"\n\n", "text/event-stream")
        return list(self._client.models.generate_content_stream(**self._ask))

    def error(self, body: bytes, status: int, headers: dict[str, str]) -> errors.APIError:
        self._wire.put(body, headers.get("content-type", "application/json"), status, headers)
        try:
            self._client.models.generate_content(**self._ask)
        except errors.APIError as error:
            return error
        raise AssertionError("the SDK took the error for an answer")


def _named(body: bytes) -> bytes:
    """Finish reasons by name; without the other numbers of such an answer, which mean nothing here."""
    try:
        answer = json.loads(body)
    except ValueError:
        return body
    candidates = (answer.get("candidates") or []) if isinstance(answer, dict) else []
    if not any(isinstance(one.get("finishReason"), int) for one in candidates):
        return body
    for candidate in candidates:
        candidate["finishReason"] = NUMBERS[candidate["finishReason"]]
        candidate.pop("safetyRatings", None)
    counts = answer.get("usageMetadata") or {}
    answer["usageMetadata"] = {name: count for name, count in counts.items() if name.endswith("Count")}
    return json.dumps(answer).encode()


def _strict(chunks: list[types.GenerateContentResponse], meaning: Meaning) -> Meaning:
    finished = [bool(one.candidates and one.candidates[0].finish_reason) for one in chunks]
    if finished != [False] * (len(chunks) - 1) + [True]:
        meaning.failed = f"accumulator: finish reasons at {finished}"
    elif chunks[-1].usage_metadata is None and any(one.usage_metadata for one in chunks):
        meaning.failed = "accumulator: the usage is not in the last chunk"
    elif len({(one.response_id, one.model_version) for one in chunks}) != 1:
        meaning.failed = "accumulator: chunks of several answers"
    return meaning


def _sum(chunks: Iterable[types.GenerateContentResponse], *, whole: bool) -> Meaning:
    total = _Sum()
    for chunk in chunks:
        total.add(chunk)
    return total.meaning(whole=whole)


class _Sum:
    def __init__(self) -> None:
        self._meaning = Meaning()
        self._finish: str | None = None
        self._calls: list[tuple[str, dict]] = []
        self._growing = False
        self._usage: dict[str, int] = {}

    def add(self, chunk: types.GenerateContentResponse) -> None:
        for name, count in chunk.usage_metadata or []:
            if isinstance(count, int):
                self._usage[name] = count
        candidate = next((one for one in chunk.candidates or [] if not one.index), None)
        if candidate is None:
            feedback = chunk.prompt_feedback
            self._finish = "SAFETY" if feedback and feedback.block_reason else self._finish
            return
        for part in (candidate.content and candidate.content.parts) or []:
            self._part(part)
        self._finish = candidate.finish_reason.value if candidate.finish_reason else self._finish

    def _part(self, part: types.Part) -> None:
        if part.function_call is not None:
            self._call(part.function_call)
        elif part.text and part.thought:
            self._meaning.thinking += part.text
        elif part.inline_data and (part.inline_data.mime_type or "").startswith("image/"):
            self._meaning.pictures += 1
        elif part.text:
            self._meaning.text += part.text

    def _call(self, call: types.FunctionCall) -> None:
        if call.name:
            self._calls.append((call.name, dict(call.args or {})))
        for piece in call.partial_args or []:
            _put(self._calls[-1][1], piece)

    def meaning(self, *, whole: bool) -> Meaning:
        meaning = self._meaning
        meaning.calls = [(name, arguments(json.dumps(args))) for name, args in self._calls]
        meaning.usage = _usage(self._usage)
        if self._finish in FAILURES or (self._finish is None and not whole):
            meaning.failed = self._finish or "no finish reason"
        if self._finish == "MAX_TOKENS":
            meaning.stop = "length"
        elif self._finish in REFUSALS:
            meaning.stop = "refusal"
        else:
            meaning.stop = "calls" if meaning.calls else "end"
        return meaning


def _put(args: dict, piece: types.PartialArg) -> None:
    """One piece of arguments at its path; strings grow."""
    steps = [key or int(index) for key, index in STEP.findall(piece.json_path or "")]
    place: object = args
    for step, after in pairwise(steps):
        place = _entered(place, step, [] if isinstance(after, int) else {})
    if piece.string_value is not None:
        value = (_entered(place, steps[-1], "") or "") + piece.string_value
    else:
        value = piece.number_value if piece.number_value is not None else piece.bool_value
    _entered(place, steps[-1], None)
    place[steps[-1]] = value


def _entered(place: object, step: object, fresh: object) -> object:
    if isinstance(place, dict):
        return place.setdefault(step, fresh)
    while len(place) <= step:
        place.append(None)
    if place[step] is None:
        place[step] = fresh
    return place[step]


def _usage(counts: dict[str, int]) -> tuple[int, int, int] | None:
    if "prompt_token_count" not in counts:
        return None
    prompt = counts["prompt_token_count"] + counts.get("tool_use_prompt_token_count", 0)
    out = counts.get("candidates_token_count", 0) + counts.get("thoughts_token_count", 0)
    return prompt, counts.get("cached_content_token_count", 0), out
