"""OpenAI Responses, read with the ``openai`` package.

Clients differ in what they build an answer from: the pieces (deltas), the items that end (Codex), or the last
event (SDKs). ``stream`` reads the items, ``readings`` the last event too, and holds all three against each other.
"""

import json
import warnings
from collections.abc import Iterator

import openai
from openai.types.responses import Response, ResponseStreamEvent

from wire.meaning import Call, Meaning, Wire, arguments

PATH, EVENTS = "/responses", openai.Stream[ResponseStreamEvent]
"""Asked as the SDK's ``create`` asks, but for going through the request each time: only the answer is judged."""
CLIENT_TOOLS = {
    "local_shell_call": ("local_shell", "action"),
    "shell_call": ("shell", "action"),
    "apply_patch_call": ("apply_patch", "operation"),
    "tool_search_call": ("tool_search", "arguments"),
}
"""Items that ask the client to run one of OpenAI's own tools: the tool's name and where its input stands."""
TERMINALS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")


class ResponsesJudge:
    """See the module; several readings of one stream must agree."""

    protocol = "openai_responses"

    def __init__(self) -> None:
        self._wire = Wire()
        self._client = openai.OpenAI(
            api_key="none", base_url="http://127.0.0.1:9", max_retries=0, http_client=self._wire.client()
        )
        self._ask = {"model": "m", "input": "x"}

    def whole(self, body: bytes) -> Meaning:
        self._wire.put(body, "application/json")
        try:
            response = self._client.post(PATH, body=self._ask, cast_to=Response)
        except openai.APIError as error:
            return Meaning(failed=str(error))
        return _of_response(_plain(response))

    def stream(self, body: bytes) -> Meaning:
        """The items as they ended, tolerant of what recorded servers do."""
        self._wire.put(body + b"\n\n", "text/event-stream")
        total = _Sum()
        try:
            for event in self._client.post(
                PATH, body=self._ask, cast_to=Response, stream=True, stream_cls=EVENTS
            ):
                total.add(_plain(event))
                if total.terminal is not None:
                    break
        except openai.APIError as error:
            return Meaning(failed=str(error))
        return total.meaning()

    def readings(self, body: bytes) -> tuple[Meaning, Meaning]:
        """The items as they ended, and the final response of the SDK's state machine, which forgives nothing."""
        self._wire.put(body, "text/event-stream")
        total = _Sum()
        try:
            with self._client.responses.stream(**self._ask) as stream:
                for event in stream:
                    total.add(_plain(event))
                final = told = total.terminal
                if told is not None and told["status"] == "completed":
                    final = _plain(stream.get_final_response())
        except openai.APIError as error:
            return self.stream(body), Meaning(failed=str(error))
        except (ValueError, RuntimeError, IndexError, AssertionError, TypeError, AttributeError) as error:
            return self.stream(body), Meaning(failed=f"accumulator: {error!r}")
        if final is None or told is None:
            return total.meaning(), Meaning(failed="no terminal")
        meaning = _of_response(final)
        if not meaning.failed and (odd := total.disagreement(told)):
            meaning.failed = f"accumulator: {odd}"
        return total.meaning(), meaning

    def error(self, body: bytes, status: int, headers: dict[str, str]) -> openai.APIStatusError:
        self._wire.put(body, headers.get("content-type", "application/json"), status, headers)
        try:
            self._client.responses.create(**self._ask)
        except openai.APIStatusError as error:
            return error
        raise AssertionError("the SDK took the error for an answer")


def _plain(value: object) -> dict:
    """An SDK object, or what it holds of unknown shape, as plain JSON values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return value.to_dict()


class _Sum:
    """What the events of one stream bring: items that ended, and pieces for those that did not."""

    def __init__(self) -> None:
        self.terminal: dict | None = None
        self._items: dict[int, dict] = {}
        self._ended: dict[int, dict] = {}
        self._pieces: dict[int, list[str]] = {}
        self._thoughts: dict[int, dict[int, str]] = {}
        self._last = 0
        self._error: object = None

    def add(self, event: dict) -> None:
        kind = event.get("type") or ""
        at = self._last = event.get("output_index", self._last)
        if kind in TERMINALS:
            self.terminal = event.get("response") or {}
        elif kind == "error":
            self._error = event
        elif kind == "response.output_item.added" and event.get("item"):
            self._items[at] = event["item"]
        elif kind == "response.output_item.done" and event.get("item"):
            self._ended[at] = event["item"]
        elif kind.startswith("response.reasoning") and kind.endswith("_text.delta"):
            place = event.get("summary_index", event.get("content_index")) or 0
            told = self._thoughts.setdefault(at, {})
            told[place] = told.get(place, "") + event["delta"]
        elif kind.endswith(PIECES):
            self._pieces.setdefault(at, []).append(event["delta"])

    def meaning(self) -> Meaning:
        if self._error is not None:
            return Meaning(failed=str(self._error))
        if self.terminal is None:
            return Meaning(failed="no terminal")
        outputs = [self._ended.get(at) or self._open(at) for at in sorted({*self._items, *self._ended})]
        return _of_response({**self.terminal, "output": outputs or self.terminal.get("output")})

    def _open(self, at: int) -> dict:
        """An item that never ended, as its pieces tell it."""
        item, text = self._items[at], "".join(self._pieces.get(at, ()))
        match item["type"]:
            case "message":
                return {**item, "content": [{"type": "output_text", "text": text}]}
            case "custom_tool_call":
                return {**item, "input": text}
            case "function_call":
                return {**item, "arguments": text}
        return item

    def disagreement(self, final: dict) -> str:
        """Where pieces, ended items and the last event tell different things; ``""`` if nowhere."""
        for at, item in enumerate(final.get("output") or []):
            item = _unparsed(item)
            if self._ended.get(at) != item:
                return f"item {at} ended as {self._ended.get(at)} and is {item} in the end"
            whole = _whole_text(item)
            if whole is not None and whole != "".join(self._pieces.get(at, ())):
                return f"the pieces of item {at} are {self._pieces.get(at)}, the whole is {whole!r}"
            if item["type"] == "reasoning" and list(self._thoughts.get(at, {}).values()) != [
                one["text"] for one in item.get("summary") or item.get("content") or []
            ]:
                return f"the pieces of item {at} are {self._thoughts.get(at)}, the whole is {item}"
        return ""


def _unparsed(value: object) -> object:
    """Without what the SDK adds to the last event."""
    if isinstance(value, list):
        return [_unparsed(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: _unparsed(one) for name, one in value.items() if not name.startswith("parsed")}


PIECES = (
    "output_text.delta",
    "refusal.delta",
    "function_call_arguments.delta",
    "custom_tool_call_input.delta",
)


def _whole_text(item: dict) -> str | None:
    match item["type"]:
        case "message":
            return "".join(_said(item))
        case "function_call":
            return item["arguments"]
        case "custom_tool_call":
            return item["input"]
    return None


def _said(item: dict) -> Iterator[str]:
    for part in item.get("content") or []:
        yield part.get("text") or part.get("refusal") or ""


def _of_response(response: dict) -> Meaning:
    """The meaning of a response object."""
    if response.get("status") in {"failed", "cancelled"} or response.get("error"):
        return Meaning(failed=str(response.get("error") or response.get("status")))
    if response.get("output") is None:
        return Meaning(failed="no output")
    meaning, refused = Meaning(usage=_usage(response.get("usage"))), False
    for item in response["output"]:
        match item.get("type"):
            case "message":
                meaning.text += "".join(_said(item))
                refused = refused or any(part["type"] == "refusal" for part in item.get("content") or [])
            case "reasoning":
                meaning.thinking += _thought(item)
            case "image_generation_call":
                meaning.pictures += bool(item.get("result"))
            case _:
                meaning.calls += _calls(item)
    meaning.stop = _stop(response, meaning, refused=refused)
    return meaning


def _thought(item: dict) -> str:
    """The summary, or the full text where there is none; its pieces are paragraphs."""
    for name in ("summary", "content"):
        texts = [one.get("text") or "" for one in item.get(name) or []]
        if any(texts):
            return "\n\n".join(text for text in texts if text)
    return ""


def _calls(item: dict) -> list[Call]:
    kind = item.get("type")
    group = f"{item['namespace']}__" if item.get("namespace") else ""
    if kind == "function_call":
        raw = item.get("arguments")
        return [(group + item["name"], arguments(raw if isinstance(raw, str) else json.dumps(raw)))]
    if kind == "custom_tool_call":
        return [(group + item["name"], arguments(json.dumps({"input": item.get("input") or ""})))]
    if kind not in CLIENT_TOOLS or _hosted(item):
        return []
    name, place = CLIENT_TOOLS[kind]
    asked = item.get(place) or {}
    if isinstance(asked, str):
        return [(name, arguments(asked))]
    kept = {key: value for key, value in asked.items() if value is not None}
    if place == "action":
        kept.pop("type", None)
    return [(name, arguments(json.dumps(kept)))]


def _hosted(item: dict) -> bool:
    """OpenAI ran it itself."""
    place = (item.get("environment") or {}).get("type") or ""
    return item.get("execution") == "server" or place.startswith("container")


def _stop(response: dict, meaning: Meaning, *, refused: bool) -> str:
    if response.get("status") == "incomplete":
        reason = (response.get("incomplete_details") or {}).get("reason")
        if reason in {"max_output_tokens", "max_tokens"}:
            return "length"
        if reason == "content_filter":
            return "refusal"
    if refused and not meaning.calls:
        return "refusal"
    return "calls" if meaning.calls else "end"


def _usage(usage: dict | None) -> tuple[int, int, int] | None:
    if not usage or usage.get("input_tokens") is None:
        return None
    read = (usage.get("input_tokens_details") or {}).get("cached_tokens") or 0
    return usage["input_tokens"], read, usage.get("output_tokens") or 0
