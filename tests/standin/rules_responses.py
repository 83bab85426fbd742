"""What OpenAI's Responses refuses: its fields, its tools, its knobs. The items are :mod:`standin.rules_items`'."""

import re
from collections.abc import Mapping

from standin.openai_words import missing, refuse, too_long, unknown, unsupported, wrong_type, wrong_value
from standin.schema_openai import check_name, check_schema

Json = Mapping[str, object]

FIELDS = frozenset({
    "background", "client_metadata", "context_management", "conversation", "include", "input", "instructions",
    "max_output_tokens", "max_tool_calls", "metadata", "model", "moderation", "parallel_tool_calls",
    "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "reasoning", "safety_identifier", "service_tier", "store", "stream", "stream_options", "temperature", "text",
    "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
})  # fmt: skip
"""OpenAI's Python SDK of 2026-08, and ``client_metadata``, which Codex sends."""

ENCRYPTED = "reasoning.encrypted_content"
_INCLUDES = (
    "code_interpreter_call.outputs", "computer_call_output.output.image_url", "file_search_call.results",
    "message.input_image.image_url", "message.output_text.logprobs", ENCRYPTED, "web_search_call.action.sources",
    "web_search_call.results",
)  # fmt: skip
_ALWAYS = re.compile(r"gpt-5(-|$)|o\d|codex")
"""Models that think unasked; newer ones only when an effort is named."""
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_TOOL_KEYS: dict[str, frozenset[str]] = {
    "function": frozenset({
        "type", "name", "description", "parameters", "strict", "defer_loading", "output_schema", "async",
        "allowed_callers",
    }),
    "custom": frozenset({
        "type", "name", "description", "format", "defer_loading", "async", "allowed_callers",
    }),
    "namespace": frozenset({"type", "name", "description", "tools"}),
    "local_shell": frozenset({"type"}),
    "shell": frozenset({"type", "environment", "allowed_callers"}),
    "apply_patch": frozenset({"type", "allowed_callers"}),
    "tool_search": frozenset({"type", "description", "execution", "parameters"}),
    "web_search": frozenset({
        "type", "filters", "user_location", "search_context_size", "external_web_access",
        "search_content_types",
    }),
    "mcp": frozenset({
        "type", "allowed_callers", "allowed_tools", "authorization", "connector_id", "defer_loading", "headers",
        "require_approval", "server_description", "server_label", "server_url", "tunnel_id",
    }),
}  # fmt: skip
_OTHER_TOOLS = (
    "file_search", "computer", "computer_use_preview", "code_interpreter", "image_generation",
    "web_search_preview", "web_search_2025_08_26", "programmatic_tool_calling",
)  # fmt: skip


def check_responses(body: Json, *, reasons: bool) -> None:
    """Refuses what the service would not take, but for the items. ``reasons``: a model that thinks."""
    for name in body:
        if name not in FIELDS:
            unknown(name)
    if body.get("input") is None and not body.get("previous_response_id") and not body.get("prompt"):
        missing("input")
    _check_types(body)
    _check_knobs(body, reasons)
    _check_include(body, reasons)
    names = _check_tools(body.get("tools"), "tools")
    _check_choice(body, names)
    text = body.get("text")
    if isinstance(text, dict):
        _check_text(text)


def _check_types(body: Json) -> None:
    for name, kind, said in (
        ("instructions", str, "a string"),
        ("stream", bool, "a boolean"),
        ("store", bool, "a boolean"),
        ("parallel_tool_calls", bool, "a boolean"),
        ("max_output_tokens", int, "an integer"),
        ("tools", list, "an array of objects"),
        ("reasoning", dict, "an object"),
        ("text", dict, "an object"),
        ("metadata", dict, "an object"),
    ):
        value = body.get(name)
        if value is not None and not isinstance(value, kind):
            wrong_type(name, said, value)
    for name in ("user", "safety_identifier", "prompt_cache_key"):
        value = body.get(name)
        if isinstance(value, str) and len(value) > 64:
            too_long(name, value, 64)


def _check_knobs(body: Json, reasons: bool) -> None:
    limit = body.get("max_output_tokens")
    if isinstance(limit, int) and limit < 16:
        refuse(
            f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got {limit} "
            "instead.",
            "max_output_tokens",
            "integer_below_min_value",
        )
    reasoning = body.get("reasoning")
    effort = reasoning.get("effort") if isinstance(reasoning, dict) else None
    thinks = reasons and (effort not in (None, "none") or _ALWAYS.match(str(body.get("model"))) is not None)
    for name in ("temperature", "top_p"):
        if thinks and body.get(name) not in (None, 1):
            unsupported(name)
    if isinstance(reasoning, dict):
        for name in reasoning:
            if name not in ("effort", "summary", "generate_summary", "context", "mode"):
                unknown(f"reasoning.{name}")
        if effort is not None and not reasons:
            unsupported("reasoning.effort")
        if effort is not None and effort not in _EFFORTS:
            wrong_value("reasoning.effort", effort, _EFFORTS)
        if reasoning.get("summary") not in (None, "auto", "concise", "detailed"):
            wrong_value("reasoning.summary", reasoning["summary"], ("auto", "concise", "detailed"))
    if body.get("truncation") not in (None, "auto", "disabled"):
        wrong_value("truncation", body["truncation"], ("auto", "disabled"))


def _check_include(body: Json, reasons: bool) -> None:
    include = body.get("include")
    for index, name in enumerate(include if isinstance(include, list) else ()):
        if name not in _INCLUDES:
            wrong_value(f"include[{index}]", name, _INCLUDES)
        if name == ENCRYPTED and not reasons:
            refuse("Encrypted content is not supported with this model.", "include")


def _check_tools(tools: object, path: str) -> set[tuple[str, str]]:
    names: set[tuple[str, str]] = set()
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        names |= _check_tool(tool, f"{path}[{index}]")
    return names


def _check_tool(tool: Json, path: str) -> set[tuple[str, str]]:
    kind = str(tool.get("type"))
    if kind not in _TOOL_KEYS:
        if kind not in _OTHER_TOOLS:
            wrong_value(f"{path}.type", kind, (*_TOOL_KEYS, *_OTHER_TOOLS))
        return {(kind, kind)}
    for key in tool:
        if key not in _TOOL_KEYS[kind]:
            unknown(f"{path}.{key}")
    if kind == "namespace":
        check_name(f"{path}.name", tool.get("name"))
        inner = _check_tools(tool.get("tools"), f"{path}.tools")
        return {*inner, ("namespace", str(tool["name"]))}
    if kind not in ("function", "custom"):
        return {(kind, kind)}
    if "name" not in tool:
        missing(f"{path}.name")
    check_name(f"{path}.name", tool["name"])
    parameters = tool.get("parameters")
    if kind == "function" and isinstance(parameters, dict):
        what, strict = f"function '{tool['name']}'", tool.get("strict") is True
        check_schema(what, f"{path}.parameters", "invalid_function_parameters", parameters, strict=strict)
    return {(kind, str(tool["name"]))}


def _check_choice(body: Json, names: set[tuple[str, str]]) -> None:
    choice = body.get("tool_choice")
    if isinstance(choice, str):
        if choice not in ("none", "auto", "required"):
            wrong_value("tool_choice", choice, ("none", "auto", "required"))
        if choice == "required" and not names:
            refuse("Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice")
    elif isinstance(choice, dict):
        kind = str(choice.get("type"))
        if kind == "allowed_tools":
            listed = choice.get("tools")
            for tool in listed if isinstance(listed, list) else ():
                _find(str(tool.get("type")), tool.get("name"), names)
        else:
            _find(kind, choice.get("name"), names)


def _find(kind: str, name: object, names: set[tuple[str, str]]) -> None:
    if (kind, str(kind if name is None else name)) not in names:
        refuse(f"Tool choice '{kind}' not found in 'tools' parameter.", "tool_choice")


def _check_text(text: Json) -> None:
    for name in text:
        if name not in ("format", "verbosity"):
            unknown(f"text.{name}")
    form = text.get("format")
    if not isinstance(form, dict):
        return
    if form.get("type") not in ("text", "json_object", "json_schema"):
        wrong_value("text.format.type", form.get("type"), ("text", "json_object", "json_schema"))
    if form["type"] != "json_schema":
        return
    for name in ("name", "schema"):
        if name not in form:
            missing(f"text.format.{name}")
    check_name("text.format.name", form["name"])
    schema = form["schema"]
    if isinstance(schema, dict) and form.get("strict"):
        what = f"response_format '{form['name']}'"
        check_schema(what, "text.format.schema", "invalid_json_schema", schema, strict=True)
