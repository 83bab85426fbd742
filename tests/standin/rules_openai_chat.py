"""What OpenAI's own Chat Completions refuses, in its words."""

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from standin.ledger import Ledger
from standin.openai_words import missing, refuse, too_long, unknown, wrong_type, wrong_value
from standin.schema_openai import check_name, check_schema

Json = Mapping[str, object]

_FIELDS = frozenset({
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
    "max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model", "moderation", "n",
    "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier",
    "stop", "store", "stream", "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p",
    "user", "verbosity", "web_search_options",
})  # fmt: skip
_MESSAGE_KEYS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {
        "role",
        "content",
        "name",
        "refusal",
        "audio",
        "tool_calls",
        "function_call",
        "annotations",
    },
    "tool": {"role", "content", "tool_call_id", "name"},
}
_PARTS = {
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "tool": ("text",),
    "system": ("text",),
    "developer": ("text",),
}
Spelling = Literal["none", "shown", "required", "signed"]
_MARKS: dict[str, tuple[str, ...]] = {"none": (), "shown": (), "required": (), "signed": ("cache_control",)}
"""OpenRouter hands cache marks on to whoever takes them."""
_EXTRA: dict[str, set[str]] = {
    "none": set(),
    "shown": {"reasoning_content"},
    "required": {"reasoning_content"},
    "signed": {"reasoning", "reasoning_details", "reasoning_content"},
}


def check_openai_chat(
    body: Json, model: str, ledger: Ledger, *, reasons: bool, reasoning: Spelling
) -> None:
    """Refuses what the service would not take."""
    for name in body:
        if name not in _FIELDS and not (name == "thinking" and reasoning == "required"):
            refuse(f"Unrecognized request argument supplied: {name}")
    if reasons and reasoning == "none":
        _check_reasoning_knobs(body)
    names = _check_tools(body, _MARKS[reasoning])
    choice = body.get("tool_choice")
    if choice is not None and not names:
        refuse("Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        missing("messages")
    for index, message in enumerate(messages):
        _check_message(f"messages[{index}]", message, reasoning)
    _check_pairs(messages)
    for index, message in enumerate(messages):
        if reasoning == "required":
            _check_passed_back(message, ledger)
        elif reasoning == "signed":
            _check_details(f"messages[{index}]", message, model, ledger)


def _check_reasoning_knobs(body: Json) -> None:
    if "max_tokens" in body:
        refuse(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
            "instead.",
            "max_tokens",
            "unsupported_parameter",
        )
    if body.get("stop") is not None:
        text = "Unsupported parameter: 'stop' is not supported with this model."
        refuse(text, "stop", "unsupported_parameter")
    for name in ("temperature", "top_p"):
        if body.get(name) not in (None, 1):
            text = (
                f"Unsupported value: '{name}' does not support {body[name]} with this model. Only the default (1) "
                "value is supported."
            )
            refuse(text, name, "unsupported_value")


def _check_tools(body: Json, marks: tuple[str, ...]) -> set[str]:
    tools, names = body.get("tools"), set[str]()
    if tools == []:
        text = "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead."
        refuse(text, "tools", "empty_array")
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        path = f"tools[{index}]"
        if tool.get("type") not in ("function", "custom"):
            wrong_value(f"{path}.type", tool.get("type"), ("function", "custom"))
        inner = tool.get(tool["type"])
        for key in tool:
            if key not in ("type", tool["type"]):
                unknown(f"{path}.{key}")
        if not isinstance(inner, dict):
            missing(f"{path}.{tool['type']}")
        for key in inner:
            if key not in ("name", "description", "parameters", "strict", "format", *marks):
                unknown(f"{path}.function.{key}")
        check_name(f"{path}.function.name", inner.get("name"))
        parameters = inner.get("parameters")
        if isinstance(parameters, dict):
            what = f"function '{inner['name']}'"
            strict = inner.get("strict") is True
            check_schema(
                what,
                f"{path}.function.parameters",
                "invalid_function_parameters",
                parameters,
                strict=strict,
            )
        names.add(str(inner["name"]))
    return names


def _check_message(path: str, message: Json, reasoning: Spelling) -> None:
    role, content = str(message.get("role")), message.get("content")
    if role not in _MESSAGE_KEYS:
        wrong_value(f"{path}.role", role, tuple(_MESSAGE_KEYS))
    for key in message:
        if key not in _MESSAGE_KEYS[role] and not (role == "assistant" and key in _EXTRA[reasoning]):
            unknown(f"{path}.{key}")
    calls = message.get("tool_calls")
    if content is None and not (role == "assistant" and (calls or message.get("refusal"))):
        wrong_type(f"{path}.content", "one of a string or array of objects", None)
    for index, part in enumerate(content if isinstance(content, list) else ()):
        kind = str(part.get("type"))
        if kind not in _PARTS[role]:
            wrong_value(f"{path}.content[{index}].type", kind, _PARTS[role])
        for key in part:
            if key not in ("type", kind, "prompt_cache_breakpoint", *_MARKS[reasoning]):
                unknown(f"{path}.content[{index}].{key}")
    if calls == []:
        text = f"Invalid '{path}.tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead."
        refuse(text, f"{path}.tool_calls", "empty_array")
    for index, call in enumerate(calls if isinstance(calls, list) else ()):
        _check_call(f"{path}.tool_calls[{index}]", call, _MARKS[reasoning])
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        missing(f"{path}.tool_call_id")


def _check_call(path: str, call: Json, marks: tuple[str, ...]) -> None:
    kind = call.get("type")
    if kind not in ("function", "custom"):
        wrong_value(f"{path}.type", kind, ("function", "custom"))
    for key in call:
        if key not in ("id", "type", kind, *marks):
            unknown(f"{path}.{key}")
    ident, inner = call.get("id"), call.get(str(kind))
    if not isinstance(ident, str) or not ident:
        missing(f"{path}.id")
    if len(ident) > 64:
        too_long(f"{path}.id", ident, 64)
    if not isinstance(inner, dict):
        missing(f"{path}.{kind}")
    if kind != "function":
        return
    check_name(f"{path}.function.name", inner.get("name"))
    arguments = inner.get("arguments")
    if not isinstance(arguments, str):
        wrong_type(f"{path}.function.arguments", "a string", arguments)
    try:
        json.loads(arguments)
    except ValueError:
        refuse(
            f"Invalid '{path}.function.arguments': expected a JSON object in a string.",
            path,
            "invalid_value",
        )


def _check_pairs(messages: Sequence[Json]) -> None:
    """Tool messages follow their calls at once, one each."""
    waiting: list[str] = []
    for index, message in enumerate(messages):
        role = message.get("role")
        if role == "tool":
            if message["tool_call_id"] not in waiting:
                refuse(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'.",
                    f"messages.[{index}].role",
                )
            waiting.remove(str(message["tool_call_id"]))
            continue
        _check_answered(waiting, index)
        calls = message.get("tool_calls")
        waiting = [str(call["id"]) for call in calls] if isinstance(calls, list) else []
    _check_answered(waiting, len(messages))


def _check_answered(waiting: Sequence[str], index: int) -> None:
    if waiting:
        refuse(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            "'tool_call_id'. The following tool_call_ids did not have response messages: "
            + ", ".join(waiting),
            f"messages.[{index}].role",
        )


def _check_passed_back(message: Json, ledger: Ledger) -> None:
    """DeepSeek, Moonshot and others want the thinking of a turn with calls back, as it was or empty."""
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        signed = [ledger.maker(signature) for signature in ledger.bound(str(call["id"]))]
        texts = {made[1] for made in signed if made is not None}
        given = message.get("reasoning_content")
        if not isinstance(given, str) or (given and any(text not in given for text in texts)):
            refuse("The `reasoning_content` in the thinking mode must be passed back to the API.")


def _check_details(path: str, message: Json, model: str, ledger: Ledger) -> None:
    """Signed entries were signed here, for this model, over this text."""
    details = message.get("reasoning_details")
    for index, entry in enumerate(details if isinstance(details, list) else ()):
        proof = entry.get("signature") or entry.get("data")
        if proof is None:
            continue
        made = ledger.maker(str(proof))
        changed = made is not None and "signature" in entry and (entry.get("text") or "") != made[1]
        if made is None or made[0] != model or changed:
            refuse(f"{path}.reasoning_details[{index}]: Invalid `signature` in `thinking` block")
