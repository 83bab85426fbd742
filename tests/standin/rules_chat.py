"""The chat surface's front end: what it takes field by field, and how Claude's part is handed on."""

import json
from collections.abc import Mapping

from standin.failures import coded, no_credential, plain
from standin.ledger import Ledger
from standin.models import Model
from standin.refusal import Refused, refuse, refuse_extra, refuse_unknown, refuse_with

Json = Mapping[str, object]

_COMMON = frozenset(
    [
        "messages",
        "model",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "n",
        "stop",
        "stream",
        "tools",
        "tool_choice",
        "response_format",
        "client_request_id",
        "usage_context",
        "databricks_options",
    ]
)
_FIELDS: dict[str, frozenset[str]] = {
    "claude": _COMMON | {"top_k", "thinking", "output_config", "anthropic_beta"},
    "gpt": _COMMON | {"reasoning_effort", "stream_options", "service_tier"},
    "gemini": _COMMON | {"top_k", "reasoning_effort", "thinking"},
    "gpt_oss": _COMMON | {"top_k", "reasoning_effort", "logprobs"},
    "llama": _COMMON | {"top_k", "logprobs"},
    "qwen": _COMMON | {"top_k", "reasoning_effort", "logprobs"},
}
_VALIDATOR_WORDS = frozenset(
    [
        "parallel_tool_calls",
        "reasoning_effort",
        "thinking",
        "output_config",
        "context_management",
        "cache_control",
        "speed",
        "inference_geo",
        "task_budget",
        "container",
        "mcp_servers",
        "betas",
        "metadata",
    ]
)
"""Refused by the validator behind, in its words; all others by the parser in front."""

_MESSAGE_KEYS = frozenset({"role", "content", "tool_calls", "tool_call_id"})
_CALL_KEYS = frozenset({"id", "type", "function", "cache_control", "index"})
_ROLES = ("system", "user", "assistant", "tool")
SKIP = "skip_thought_signature_validator"
"""What Google takes in place of a signature that is lost."""
_STRUCTURED_TEXT = "INVALID_PARAMETER_VALUE: Structured output is not currently supported with streaming."


def check_chat(body: Json, model: Model, ledger: Ledger) -> None:
    """Refuses what the front end of a family would not take."""
    for name in body:
        if name not in _FIELDS[model.family]:
            refuse_extra(name) if name in _VALIDATOR_WORDS else refuse_unknown(name)
    _check_limits(body, model)
    _check_format(body, model)
    _check_tools(body, model)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        refuse("messages: at least one message is required")
    for index, message in enumerate(messages):
        _check_message(index, message, model, ledger)


def _check_limits(body: Json, model: Model) -> None:
    limit = body.get("max_tokens", body.get("max_completion_tokens"))
    if isinstance(limit, int) and limit > model.max_output:
        text = (
            f"Bad request: rpc error: code = InvalidArgument desc = max_tokens ({limit}) cannot exceed "
            f"{model.max_output}. Please reduce the length of max output tokens generated."
        )
        raise Refused(plain(400, text), text)
    if not model.sampling and model.family != "claude" and body.get("temperature", 1) != 1:
        refuse("This model does not support the temperature parameter.")


def _check_format(body: Json, model: Model) -> None:
    if body.get("response_format") is None:
        return
    if body.get("stream") and model.family != "gpt":
        raise Refused(coded(400, "INVALID_PARAMETER_VALUE", _STRUCTURED_TEXT), _STRUCTURED_TEXT)
    if model.family == "claude" and body.get("tools"):
        refuse("response_format: structured output is not supported together with tools")


def _check_tools(body: Json, model: Model) -> None:
    tools = body.get("tools")
    if not isinstance(tools, list):
        return
    if model.tool_limit is not None and len(tools) > model.tool_limit:
        text = f"Bad request: at most {model.tool_limit} functions are supported, found {len(tools)}."
        raise Refused(coded(400, "BAD_REQUEST", text), text)
    for index, tool in enumerate(tools):
        if tool.get("type") != "function":
            refuse_unknown(str(tool.get("type")))
        for key in tool:
            if key not in ("type", "function"):
                refuse_extra(f"tools.{index}.{key}")
        function = tool.get("function")
        if not isinstance(function, dict):
            refuse(f"tools.{index}.function: Field required")
        _check_function(index, function, model)


def _check_function(index: int, function: Json, model: Model) -> None:
    allowed = {"name", "description", "parameters"}
    allowed |= {"cache_control"} if model.family == "claude" else set()
    allowed |= {"strict"} if model.family == "gpt" else set()
    for key in function:
        if key == "cache_control" and model.family == "gemini":
            refuse_with(no_credential())
        if key not in allowed:
            refuse_extra(f"tools.{index}.custom.{key}")
    parameters = function.get("parameters")
    if parameters is not None and (not isinstance(parameters, dict) or parameters.get("type") != "object"):
        refuse(f"tools.{index}.custom.input_schema.type: Field required")


def _check_message(index: int, message: Json, model: Model, ledger: Ledger) -> None:
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        refuse(f"messages.{index}.role: Input should be 'system', 'user', 'assistant' or 'tool'")
    for key in message:
        if key not in _MESSAGE_KEYS:
            refuse_extra(f"messages.{index}.{key}")
    if isinstance(content, list):
        for position, part in enumerate(content):
            _check_part(f"messages.{index}.content.{position}", part, model)
    calls = message.get("tool_calls")
    if calls is None:
        return
    if model.single_calls and isinstance(calls, list) and len(calls) > 1:
        text = "Multiple tool calls are not supported.\n"
        raise Refused(coded(400, "BAD_REQUEST", text), text)
    for position, call in enumerate(calls if isinstance(calls, list) else []):
        _check_call(f"messages.{index}.tool_calls.{position}", call, model)
    if model.family == "gemini" and isinstance(calls, list) and calls:
        _check_thought(calls, ledger)


def _check_part(path: str, part: Json, model: Model) -> None:
    if "cache_control" in part and model.family != "claude":
        refuse_with(no_credential()) if model.family == "gemini" else refuse_unknown("cache_control")
    if part.get("type") == "image_url":
        image = part.get("image_url")
        url = str(image.get("url")) if isinstance(image, dict) else ""
        if url.startswith("data:") and ";base64," not in url:
            refuse(f"{path}.image.source.base64: invalid base64 data")


def _check_call(path: str, call: Json, model: Model) -> None:
    allowed = _CALL_KEYS | ({"thoughtSignature"} if model.family == "gemini" else set())
    for key in call:
        if key not in allowed:
            refuse_extra(f"{path}.{key}")
    function = call.get("function")
    arguments = function.get("arguments") if isinstance(function, dict) else None
    if not isinstance(arguments, str) or not _is_object(arguments):
        refuse(f"{path}.function.arguments: Input should be a JSON object in a string")


def _check_thought(calls: list[Json], ledger: Ledger) -> None:
    """Gemini wants its own signature on the first call of each turn; none is as wrong as another's."""
    first = calls[0]
    if first.get("thoughtSignature") in (SKIP, ledger.thought(str(first.get("id"))) or SKIP):
        return
    function = first.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    text = f"INVALID_ARGUMENT: function call {name} is missing a thought_signature"
    raise Refused(coded(400, "INVALID_ARGUMENT", text), text)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def as_anthropic(body: Json) -> dict[str, object]:
    """The body that the front end makes of a chat request for Claude."""
    system: list[object] = []
    messages: list[dict[str, object]] = []
    listed = body["messages"]
    for message in listed if isinstance(listed, list) else []:
        if message["role"] == "system" and not messages:
            system.extend(_parts(message.get("content")))
        elif message["role"] == "tool":
            result = {"type": "tool_result", "tool_use_id": message.get("tool_call_id")}
            result["content"] = _parts(message.get("content"))
            if not (messages and _holds_results(messages[-1])):
                messages.append({"role": "user", "content": []})
            held = messages[-1]["content"]
            assert isinstance(held, list)
            held.append(result)
        else:
            calls = [_tool_use(call) for call in message.get("tool_calls") or []]
            parts = [_picture(part) for part in _parts(message.get("content"))]
            messages.append({"role": message["role"], "content": [*parts, *calls]})
    renamed: dict[str, object] = {"messages": messages, "system": system}
    for name in ("thinking", "output_config", "temperature", "top_p", "top_k"):
        if name in body:
            renamed[name] = body[name]
    renamed["max_tokens"] = body.get("max_tokens", body.get("max_completion_tokens"))
    tools = body.get("tools")
    if isinstance(tools, list):
        renamed["tools"] = [_tool(tool["function"]) for tool in tools]
    if (choice := _choice(body.get("tool_choice"))) is not None:
        renamed["tool_choice"] = choice
    return renamed


def _holds_results(message: Json) -> bool:
    content = message.get("content")
    return isinstance(content, list) and bool(content) and content[0].get("type") == "tool_result"


def _parts(content: object) -> list[dict[str, object]]:
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    made: list[dict[str, object]] = []
    for part in content if isinstance(content, list) else []:
        if part.get("type") == "reasoning":
            made.extend(_thinking(part))
        else:
            made.append(dict(part))
    return made


def _picture(part: dict[str, object]) -> dict[str, object]:
    """A picture in a user's turn; in a tool's result it stays as it is, and is refused for that."""
    image = part.get("image_url")
    if not isinstance(image, dict):
        return part
    url = str(image.get("url"))
    if url.startswith("data:"):
        kind, _, data = url.removeprefix("data:").partition(";base64,")
        source = {"type": "base64", "media_type": kind, "data": data}
    else:
        source = {"type": "url", "url": url}
    return {"type": "image", "source": source} | (
        {"cache_control": part["cache_control"]} if "cache_control" in part else {}
    )


def _thinking(part: Json) -> list[dict[str, object]]:
    summary = part.get("summary")
    made: list[dict[str, object]] = []
    for item in summary if isinstance(summary, list) else []:
        if item.get("type") == "summary_encrypted_text":
            made.append({"type": "redacted_thinking", "data": item.get("data")})
        else:
            made.append(
                {"type": "thinking", "thinking": item.get("text"), "signature": item.get("signature")}
            )
    return made


def _tool_use(call: Json) -> dict[str, object]:
    function = call.get("function")
    assert isinstance(function, dict)
    block = {"type": "tool_use", "id": call.get("id"), "name": function.get("name")}
    block["input"] = json.loads(function["arguments"])
    if "cache_control" in call:
        block["cache_control"] = call["cache_control"]
    return block


def _tool(function: Json) -> dict[str, object]:
    tool = {key: value for key, value in function.items() if key != "parameters"}
    tool["input_schema"] = function.get("parameters", {"type": "object"})
    return tool


def _choice(choice: object) -> dict[str, object] | None:
    if choice == "required":
        return {"type": "any"}
    if isinstance(choice, dict):
        function = choice.get("function")
        return {"type": "tool", "name": function.get("name") if isinstance(function, dict) else None}
    return {"type": choice} if isinstance(choice, str) else None
