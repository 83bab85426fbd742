"""A workspace's native routes: what is checked of Messages, and Responses and Gemini with what is Databricks' own
about them (databricks.md 3.6, 3.7, 4.5, 4.6)."""

import json
from collections.abc import Iterator, Mapping
from typing import NoReturn

from standin.answer import Answer
from standin.ledger import Ledger
from standin.models import Model
from standin.refusal import Refused, refuse, refuse_extra
from standin.rules_gemini import Gemini, check_gemini
from standin.rules_items import check_items
from standin.rules_responses import ENCRYPTED, check_responses
from standin.say_gemini import EVENTS, parts_of, stream_gemini, whole_gemini
from standin.say_messages import STREAM_HEADERS
from standin.say_responses import ended, speak, stream_responses
from standin.service import whole
from standin.wire import Delivery, Reply, deliver

Json = Mapping[str, object]
NATIVE_FIELDS = frozenset(
    [
        "model",
        "messages",
        "max_tokens",
        "system",
        "stop_sequences",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "tools",
        "tool_choice",
        "thinking",
        "metadata",
        "output_config",
        "anthropic_version",
        "anthropic_beta",
    ]
)
MAX_ID = 64
LONG_ID = 180


def check_native_responses(body: Json, model: Model, ledger: Ledger) -> list[Json]:
    """The items of a request. Raises Refused, in the workspace's words."""
    for name in ("background", "previous_response_id", "conversation"):
        if body.get(name):
            refuse(f"Unsupported parameter: '{name}'")
    if body.get("store") is True:
        refuse("Unsupported value: 'store' must be false.")
    given = body.get("input", [])
    items = [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else given
    assert isinstance(items, list)
    for index, item in enumerate(items):
        for key, value in item.items():
            if value is None:
                refuse(f"Invalid type for 'input[{index}].{key}': expected a string, but got null instead.")
        ident = item.get("id")
        if isinstance(ident, str) and len(ident) > MAX_ID:
            refuse(
                f"Invalid 'input[{index}].id': string too long. Expected a string with maximum length {MAX_ID}, but "
                f"got a string with length {len(ident)} instead."
            )
    try:
        check_responses(body, reasons=model.family in ("gpt", "gpt_oss", "qwen"))
        check_items(items, model.name, ledger, {})
    except Refused as refused:
        _reworded(refused)
    return items


def _reworded(refused: Refused) -> NoReturn:
    """The maker's refusal as the workspace passes it on."""
    refuse(refused.text)


def say_responses(made: Answer, body: Json, ledger: Ledger, delivery: Delivery, *, stream: bool) -> Reply:
    """Ids of items are far too long and differ from event to event; usage of other makers' models has gaps."""
    include = body.get("include")
    spoken = speak(made, body, ledger, sealed=isinstance(include, list) and ENCRYPTED in include)
    if stream:
        events = list(_renamed(stream_responses(spoken, made), made))
        return deliver(events, delivery, STREAM_HEADERS)
    return whole(_gaps(ended(spoken, made), made), delivery)


def _renamed(events: Iterator[bytes], made: Answer) -> Iterator[bytes]:
    for number, raw in enumerate(events):
        name, _, data = raw.partition(b"\ndata: ")
        event = json.loads(data)
        ident = f"it_{number:04}" + "x" * LONG_ID
        if "item_id" in event:
            event["item_id"] = ident
        if "item" in event:
            event["item"] = {**event["item"], "id": ident}
        response = event.get("response")
        if isinstance(response, dict):
            output = [{**item, "id": f"{ident}{at}"} for at, item in enumerate(response["output"])]
            event["response"] = _gaps({**response, "output": output}, made)
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        yield name + b"\ndata: " + text.encode() + b"\n\n"


def _gaps(response: dict[str, object], made: Answer) -> dict[str, object]:
    usage = response.get("usage")
    if made.model.family == "gpt" or not isinstance(usage, dict):
        return response
    return {
        **response,
        "usage": {key: value for key, value in usage.items() if not key.endswith("_details")},
    }


def check_native_gemini(body: Json, model: Model, ledger: Ledger) -> None:
    """Raises Refused, in Google's words: among others when a signature is missing on its return."""
    check_gemini(body, Gemini(model.name, ledger, True, True, False, False))


def say_gemini(made: Answer, ledger: Ledger, delivery: Delivery, *, stream: bool) -> Reply:
    """As Gemini says it, in events."""
    parts = parts_of(made, ledger, signed=True, ids=True)
    if not stream:
        return whole(whole_gemini(made, parts), delivery)
    return deliver(list(stream_gemini(made, parts, "events")), delivery, EVENTS)


def check_native_fields(body: Json) -> None:
    """The fields that native Messages knows."""
    for name in body:
        if name not in NATIVE_FIELDS:
            refuse_extra(name)
    metadata = body.get("metadata")
    if isinstance(metadata, dict):
        for name in metadata:
            if name != "user_id":
                refuse_extra(f"metadata.{name}")


def check_native_cap(body: Json, model: Model) -> None:
    """How much a model may write at the most."""
    limit = body.get("max_tokens")
    if isinstance(limit, int) and limit > model.max_output:
        refuse(
            f"max_tokens: {limit} > {model.max_output}, which is the maximum allowed number of output tokens "
            f"for {model.name}"
        )


def without_extras(body: Json) -> Json:
    """The body as a backing that knows tool extras sees it."""
    tools = body.get("tools")
    known = ("type", "name", "description", "input_schema", "cache_control")
    if not isinstance(tools, list):
        return body
    return {**body, "tools": [{key: tool[key] for key in known if key in tool} for tool in tools]}
