"""A turn as OpenAI's Responses says it: items whole, or event by event."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from standin.answer import Answer, SaidCall, SaidText, SaidThinking, pieces
from standin.ledger import Ledger
from standin.rules_items import key_of

Item = dict[str, object]
CREATED = 1_782_321_745


@dataclass(frozen=True, slots=True)
class Spoken:
    """An answer as items, with all that the response object around them says."""

    response: dict[str, object]
    items: tuple[Item, ...]


def speak(answer: Answer, body: Mapping[str, object], ledger: Ledger, *, sealed: bool) -> Spoken:
    """The items of an answer; the ledger learns what belongs together. ``sealed``: proofs go out with them."""
    declared = _declared(body.get("tools"))
    items: list[Item] = []
    waiting: list[tuple[str, str]] = []
    for part in answer.parts:
        if isinstance(part, SaidThinking):
            item: Item = {"id": ledger.token("rs_", 48), "type": "reasoning", "summary": []}
            if part.text:
                item["summary"] = [{"type": "summary_text", "text": part.text}]
            if sealed:
                item["encrypted_content"] = part.signature
            waiting.append((str(item["id"]), part.signature))
        else:
            item = _message(part, ledger) if isinstance(part, SaidText) else _call(part, declared, ledger)
            for reasoning_id, signature in waiting:
                ledger.precede(signature, str(key_of(item)))
                ledger.lead(str(item["id"]), reasoning_id)
            waiting = []
        items.append(item)
    return Spoken(_response(answer, body, ledger), tuple(items))


def _declared(tools: object, group: str | None = None) -> dict[str, tuple[str, str | None]]:
    """Kind and namespace of each tool by its name."""
    found: dict[str, tuple[str, str | None]] = {}
    for tool in tools if isinstance(tools, list) else ():
        if tool.get("type") == "namespace":
            found.update(_declared(tool.get("tools"), str(tool.get("name"))))
        else:
            found[str(tool.get("name", tool.get("type")))] = (str(tool.get("type")), group)
    return found


def _message(part: SaidText, ledger: Ledger) -> Item:
    content = {"type": "output_text", "annotations": [], "logprobs": [], "text": part.text}
    return {
        "id": ledger.token("msg_", 48),
        "type": "message",
        "status": "completed",
        "content": [content],
        "role": "assistant",
    }


def _call(part: SaidCall, declared: Mapping[str, tuple[str, str | None]], ledger: Ledger) -> Item:
    kind, group = declared.get(part.name, ("function", None))
    if kind == "local_shell":
        action = {"type": "exec", "env": {}, **json.loads(part.arguments)}
        return {
            "id": ledger.token("lsh_", 48),
            "type": "local_shell_call",
            "status": "completed",
            "call_id": part.id,
            "action": action,
        }
    custom = kind == "custom"
    item: Item = {
        "id": ledger.token("ctc_" if custom else "fc_", 48),
        "type": "custom_tool_call" if custom else "function_call",
        "status": "completed",
        "input" if custom else "arguments": _freeform(part.arguments) if custom else part.arguments,
        "call_id": part.id,
        "name": part.name,
    }
    return item | ({"namespace": group} if group is not None else {})


def _freeform(arguments: str) -> str:
    """The input of a freeform tool: the script's ``input`` argument, or its raw text."""
    try:
        value = json.loads(arguments)
    except ValueError:
        return arguments
    return str(value["input"]) if isinstance(value, dict) and "input" in value else arguments


def _response(answer: Answer, body: Mapping[str, object], ledger: Ledger) -> dict[str, object]:
    """The response object before anything was said, with the request's fields as the service fills them in."""
    given = {name: value for name, value in body.items() if value is not None}
    text = {"format": {"type": "text"}, "verbosity": "medium"}
    return {
        "id": ledger.token("resp_", 48),
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": given.get("instructions"),
        "max_output_tokens": given.get("max_output_tokens"),
        "max_tool_calls": None,
        "model": answer.model.provider_name,
        "output": [],
        "parallel_tool_calls": given.get("parallel_tool_calls", True),
        "previous_response_id": given.get("previous_response_id"),
        "prompt_cache_key": given.get("prompt_cache_key"),
        "prompt_cache_retention": None,
        "reasoning": {"effort": "medium", "summary": None} | dict(given.get("reasoning", {})),  # type: ignore[call-overload]
        "safety_identifier": None,
        "service_tier": "auto",
        "store": given.get("store", True),
        "temperature": 1.0,
        "text": text | dict(given.get("text", {})),  # type: ignore[call-overload]
        "tool_choice": given.get("tool_choice", "auto"),
        "tools": given.get("tools", []),
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": given.get("metadata", {}),
    }


def _usage(answer: Answer) -> dict[str, object]:
    given = answer.input + answer.cache_read + answer.cache_write
    thought = sum(len(part.text or "x") // 4 + 1 for part in answer.parts if isinstance(part, SaidThinking))
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": answer.cache_read},
        "output_tokens": answer.output,
        "output_tokens_details": {"reasoning_tokens": min(thought, answer.output)},
        "total_tokens": given + answer.output,
    }


_INCOMPLETE = {"max_tokens": "max_output_tokens", "refusal": "content_filter"}


def ended(spoken: Spoken, answer: Answer) -> dict[str, object]:
    """The response object at the end."""
    reason = _INCOMPLETE.get(answer.stop)
    return spoken.response | {
        "status": "completed" if reason is None else "incomplete",
        "completed_at": CREATED + 5,
        "incomplete_details": None if reason is None else {"reason": reason},
        "output": list(spoken.items),
        "service_tier": "default",
        "usage": _usage(answer),
    }


def stream_responses(spoken: Spoken, answer: Answer) -> Iterator[bytes]:
    """The events of an answer, each with its blank line."""
    events = [
        {"type": "response.created", "response": spoken.response},
        {"type": "response.in_progress", "response": spoken.response},
    ]
    for index, item in enumerate(spoken.items):
        events += _item_events(index, item)
    last = ended(spoken, answer)
    events.append({"type": f"response.{last['status']}", "response": last})
    for number, event in enumerate(events):
        data = json.dumps(event | {"sequence_number": number}, ensure_ascii=False, separators=(",", ":"))
        yield f"event: {event['type']}\ndata: {data}\n\n".encode()


def _item_events(index: int, item: Item) -> list[dict[str, object]]:
    opened: Item = {**item, **({"status": "in_progress"} if "status" in item else {})}
    inner: list[dict[str, object]]
    match item["type"]:
        case "message":
            opened["content"] = []
            inner = _text_events(item)
        case "reasoning":
            opened["summary"] = []
            if (
                "encrypted_content" in item
            ):  # what opens the item is another, shorter one: only the last counts
                opened["encrypted_content"] = str(item["encrypted_content"])[:40] + "=="
            inner = _summary_events(item)
        case "function_call" | "custom_tool_call" as kind:
            inner = _argument_events(item, kind)
            opened["input" if kind == "custom_tool_call" else "arguments"] = ""
        case _:
            inner = []
    at = {"output_index": index}
    return [
        {"type": "response.output_item.added", "item": opened, **at},
        *({**event, "item_id": item["id"], **at} for event in inner),
        {"type": "response.output_item.done", "item": item, **at},
    ]


def _text_events(item: Item) -> list[dict[str, object]]:
    content = item["content"]
    assert isinstance(content, list)
    part: dict[str, object] = content[0]
    at = {"content_index": 0}
    deltas = [
        {"type": "response.output_text.delta", "delta": piece, "logprobs": [], "obfuscation": "x" * 5, **at}
        for piece in pieces(str(part["text"]))
    ]
    return [
        {"type": "response.content_part.added", "part": {**part, "text": ""}, **at},
        *deltas,
        {"type": "response.output_text.done", "text": part["text"], "logprobs": [], **at},
        {"type": "response.content_part.done", "part": part, **at},
    ]


def _summary_events(item: Item) -> list[dict[str, object]]:
    summary = item["summary"]
    assert isinstance(summary, list)
    events: list[dict[str, object]] = []
    for number, part in enumerate(summary):
        at = {"summary_index": number}
        opened = {**part, "text": ""}
        events.append({"type": "response.reasoning_summary_part.added", "part": opened, **at})
        for piece in pieces(part["text"]):
            delta = {"delta": piece, "obfuscation": "x" * 7}
            events.append({"type": "response.reasoning_summary_text.delta", **delta, **at})
        events.append({"type": "response.reasoning_summary_text.done", "text": part["text"], **at})
        events.append({"type": "response.reasoning_summary_part.done", "part": part, **at})
    return events


def _argument_events(item: Item, kind: str) -> list[dict[str, object]]:
    custom = kind == "custom_tool_call"
    name = "response.custom_tool_call_input" if custom else "response.function_call_arguments"
    field = "input" if custom else "arguments"
    text = str(item[field])
    deltas = [{"type": f"{name}.delta", "delta": piece, "obfuscation": "x"} for piece in pieces(text)]
    return [*deltas, {"type": f"{name}.done", field: text}]
