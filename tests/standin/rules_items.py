"""The item graph of Responses: every output has its call, every call its output, every proof its item."""

from collections.abc import Mapping, Sequence
from typing import NoReturn

from standin.ledger import Ledger
from standin.openai_words import missing, refuse, too_long, unknown, wrong_type, wrong_value

Json = Mapping[str, object]

_COMMON = {"type", "id", "status", "internal_chat_message_metadata_passthrough"}
_KEYS: dict[str, frozenset[str]] = {
    "message": frozenset({*_COMMON, "role", "content", "phase"}),
    "reasoning": frozenset({*_COMMON, "summary", "content", "encrypted_content"}),
    "function_call": frozenset({*_COMMON, "call_id", "name", "arguments", "namespace", "async", "caller"}),
    "function_call_output": frozenset({*_COMMON, "call_id", "output", "name", "namespace", "caller"}),
    "custom_tool_call": frozenset({*_COMMON, "call_id", "name", "input", "namespace", "async", "caller"}),
    "custom_tool_call_output": frozenset({*_COMMON, "call_id", "output", "caller"}),
    "local_shell_call": frozenset({*_COMMON, "call_id", "action"}),
    "local_shell_call_output": frozenset({*_COMMON, "output"}),
    "shell_call": frozenset({*_COMMON, "call_id", "action", "environment", "caller"}),
    "shell_call_output": frozenset({*_COMMON, "call_id", "output", "max_output_length", "caller"}),
    "apply_patch_call": frozenset({*_COMMON, "call_id", "operation", "caller"}),
    "apply_patch_call_output": frozenset({*_COMMON, "call_id", "output", "caller"}),
    "tool_search_call": frozenset({*_COMMON, "call_id", "arguments", "execution"}),
    "tool_search_output": frozenset({*_COMMON, "call_id", "execution", "tools"}),
}
_OTHERS = (
    "web_search_call", "file_search_call", "computer_call", "computer_call_output", "image_generation_call",
    "code_interpreter_call", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "mcp_call",
    "compaction", "compaction_trigger", "item_reference", "additional_tools", "configuration_update", "program",
    "program_output", "agent_message",
)  # fmt: skip
_PREFIX = {
    "message": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc",
}  # fmt: skip
_OUTPUT = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "local_shell_call": "local_shell_call_output",
    "shell_call": "shell_call_output",
    "apply_patch_call": "apply_patch_call_output",
}
_CALL = {output: call for call, output in _OUTPUT.items()}
_SAID = {
    "function_call": "function call",
    "custom_tool_call": "custom tool call",
    "local_shell_call": "local shell call",
    "shell_call": "shell call",
    "apply_patch_call": "apply patch call",
}
_USER_PARTS = ("input_text", "input_image", "input_file", "input_audio")
_MODEL_PARTS = ("output_text", "refusal")
_RESULT_PARTS = ("input_text", "input_image", "input_file")
_PART_KEYS: dict[str, frozenset[str]] = {
    "input_text": frozenset({"type", "text", "prompt_cache_breakpoint"}),
    "input_image": frozenset({"type", "image_url", "file_id", "detail", "prompt_cache_breakpoint"}),
    "input_file": frozenset(
        {"type", "file_data", "file_id", "file_url", "filename", "detail", "prompt_cache_breakpoint"}
    ),
    "input_audio": frozenset({"type", "input_audio"}),
    "output_text": frozenset({"type", "text", "annotations", "logprobs"}),
    "refusal": frozenset({"type", "refusal"}),
}
LIMIT = 64


def check_items(items: Sequence[Json], model: str, ledger: Ledger, stored: Mapping[str, Json]) -> None:
    """Refuses a conversation that the service would not take. ``stored``: items it remembers, by id."""
    seen: set[str] = set()
    for index, item in enumerate(items):
        path = f"input[{index}]"
        if not isinstance(item, dict):
            wrong_type(path, "an object", item)
        _check_item(path, item)
        ident = item.get("id")
        if isinstance(ident, str) and item.get("type") != "item_reference":
            if ident in seen:
                refuse(
                    f"Duplicate item found with id {ident}. Remove duplicate items from your input and try again.",
                    "input",
                )
            seen.add(ident)
    _check_pairs(items)
    for index, item in enumerate(items):
        _check_led(items[:index], item, ledger, stored)
        if item.get("type") == "reasoning":
            _check_reasoning(items, index, model, ledger, stored)
        elif item.get("type") == "item_reference" and item.get("id") not in stored:
            _not_found(str(item.get("id")))


def _check_item(path: str, item: Json) -> None:
    kind = str(item.get("type", "message"))
    if kind not in _KEYS:
        if kind not in _OTHERS:
            wrong_value(path, kind, (*_KEYS, *_OTHERS))
        return
    for key in item:
        if key not in _KEYS[kind]:
            unknown(f"{path}.{key}")
    for name in ("status", "namespace", "phase"):
        if name in item and item[name] is None:
            wrong_type(f"{path}.{name}", "a string", None)
    _check_ids(path, item, kind)
    if kind == "message":
        _check_message(path, item)
    elif kind in _OUTPUT:
        _check_call(path, item, kind)
    elif kind in _CALL:
        _check_output(path, item, kind)


def _check_ids(path: str, item: Json, kind: str) -> None:
    for name in ("id", "call_id"):
        value = item.get(name)
        if isinstance(value, str) and len(value) > LIMIT:
            too_long(f"{path}.{name}", value, LIMIT)
    ident, prefix = item.get("id"), _PREFIX.get(kind)
    if isinstance(ident, str) and prefix is not None and not ident.startswith(prefix):
        text = f"Invalid '{path}.id': '{ident}'. Expected an ID that begins with '{prefix}'."
        refuse(text, f"{path}.id", "invalid_value")


def _check_message(path: str, item: Json) -> None:
    role, content = item.get("role"), item.get("content")
    if role not in ("assistant", "system", "developer", "user"):
        wrong_value(f"{path}.role", role, ("assistant", "system", "developer", "user"))
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        wrong_type(f"{path}.content", "one of an array of objects or string", content)
    allowed = _MODEL_PARTS if role == "assistant" else _USER_PARTS
    for index, part in enumerate(content):
        _check_part(f"{path}.content[{index}]", part, allowed)


def _check_part(path: str, part: Json, allowed: tuple[str, ...]) -> None:
    kind = str(part.get("type"))
    if kind not in allowed:
        wrong_value(path, kind, allowed)
    for key in part:
        if key not in _PART_KEYS[kind]:
            unknown(f"{path}.{key}")
    if kind in ("input_text", "output_text") and not isinstance(part.get("text"), str):
        missing(f"{path}.text")
    url = part.get("image_url")
    if kind == "input_image" and part.get("file_id") is None:
        if not isinstance(url, str):
            missing(f"{path}.image_url")
        if not url.startswith(("http://", "https://", "data:image/")):
            text = (
                f"Invalid '{path}.image_url'. Expected a valid URL, but got a value with an invalid format."
            )
            refuse(text, f"{path}.image_url", "invalid_value")


def _check_call(path: str, item: Json, kind: str) -> None:
    needed = {
        "function_call": ("call_id", "name", "arguments"),
        "custom_tool_call": ("call_id", "name", "input"),
    }
    for name in needed.get(kind, ("call_id",)):
        if name not in item:
            missing(f"{path}.{name}")
        if not isinstance(item[name], str):
            wrong_type(f"{path}.{name}", "a string", item[name])
        if not item[name] and name in ("call_id", "name"):
            text = (
                f"Invalid '{path}.{name}': empty string. Expected a string with minimum length 1, but got an "
                "empty string instead."
            )
            refuse(text, f"{path}.{name}", "empty_string")


def _check_output(path: str, item: Json, kind: str) -> None:
    output = item.get("output")
    if "output" not in item:
        missing(f"{path}.output")
    if kind not in ("function_call_output", "custom_tool_call_output"):
        return
    if not isinstance(output, str | list):
        wrong_type(f"{path}.output", "one of an array of objects or string", output)
    for index, part in enumerate(output if isinstance(output, list) else ()):
        _check_part(f"{path}.output[{index}]", part, _RESULT_PARTS)


def _call_id(item: Json) -> str:
    return str(item.get("id") if item.get("type") == "local_shell_call_output" else item.get("call_id"))


def _check_pairs(items: Sequence[Json]) -> None:
    """Outputs come after their calls, each call has one; ``item`` types match."""
    open_calls: dict[tuple[str, str], None] = {}
    searches: set[str] = set()
    for item in items:
        kind = str(item.get("type"))
        if kind == "tool_search_call":
            searches.add(_call_id(item))
        if kind in _OUTPUT:
            open_calls[kind, _call_id(item)] = None
        elif kind in _CALL:
            call = (_CALL[kind], _call_id(item))
            if call[1] in searches:
                continue
            if call not in open_calls:
                refuse(f"No tool call found for {_SAID[call[0]]} output with call_id {call[1]}.", "input")
            del open_calls[call]
    for kind, call_id in open_calls:
        refuse(f"No tool output found for {_SAID[kind]} {call_id}.", "input")


def _not_found(ident: str) -> NoReturn:
    refuse(
        f"Item with id '{ident}' not found. Items are not persisted when `store` is set to false. Try again with "
        "`store` set to true, or remove this item from your input.",
        "input",
        status=404,
    )


def _check_led(before: Sequence[Json], item: Json, ledger: Ledger, stored: Mapping[str, Json]) -> None:
    """What the service keeps, it knows the reasoning of."""
    known = stored.get(str(item.get("id")))
    reasoning = None if known is None else ledger.led_by(str(item["id"]))
    if reasoning is not None and all(other.get("id") != reasoning for other in before):
        refuse(
            f"Item '{item['id']}' of type '{item.get('type')}' was provided without its required 'reasoning' "
            f"item: '{reasoning}'.",
            "input",
        )


def _check_reasoning(
    items: Sequence[Json], index: int, model: str, ledger: Ledger, stored: Mapping[str, Json]
) -> None:
    """A proof this service made for this model, with the item it led to right behind it."""
    item = items[index]
    sealed, ident = item.get("encrypted_content"), item.get("id")
    if not isinstance(item.get("summary"), list):
        missing(f"input[{index}].summary")
    if not isinstance(sealed, str) and item.get("content"):
        text = f"Invalid 'input[{index}].content': array too long. Expected an array with maximum length 0."
        refuse(text, f"input[{index}].content", "array_above_max_length")
    if not isinstance(sealed, str):
        if ident not in stored:
            _not_found(str(ident))
        return
    made = ledger.maker(sealed)
    if made is None or made[0] != model:
        named = f"{sealed[:4]}...{sealed[-4:]}" if ident is None else f"for item {ident}"
        text = f"The encrypted content {named} could not be verified."
        refuse(text, None, "invalid_encrypted_content")
    following = next((other for other in items[index + 1 :] if other.get("type") != "reasoning"), None)
    if following is None or key_of(following) != ledger.after(sealed):
        refuse(
            f"Item '{ident or 'rs'}' of type 'reasoning' was provided without its required following item.",
            "input",
        )


def key_of(item: Json) -> str | None:
    """What tells an item of the model from all others; None for a user's."""
    kind = str(item.get("type", "message"))
    if kind in _OUTPUT:
        return f"call {item.get('call_id')}"
    if kind != "message":
        return kind
    if item.get("role") != "assistant":
        return None
    content = item.get("content")
    parts = content if isinstance(content, list) else [{"text": content}]
    return "text " + "".join(str(part.get("text", part.get("refusal", ""))) for part in parts)
