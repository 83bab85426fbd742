"""A client's request to the neutral form. Strict about types, indifferent to what it does not know."""

from typing import Final, Literal

import msgspec
from msgspec import Raw

from trunkline.core.errors import GatewayError
from trunkline.core.surrogates import decode_lenient, read_lenient
from trunkline.core.types import (
    CacheMark,
    Extra,
    OutputFormat,
    Reasoning,
    Request,
    Sampling,
    Tool,
    ToolChoice,
)
from trunkline.protocols.codec import Peek
from trunkline.protocols.openai_chat.message_decode import Conversation, mark_of
from trunkline.protocols.openai_chat.refusals import invalid, refusal_of
from trunkline.protocols.openai_chat.search import OPTION, search_tool
from trunkline.protocols.openai_chat.wire import (
    KNOWN_FIELDS,
    NAME,
    OBJECT,
    OPEN_REQUEST,
    REQUEST,
    WireChoice,
    WireFunctionTool,
    WireNamed,
    WireReasoning,
    WireRequest,
    WireTool,
    checked,
    present,
)
from trunkline.protocols.reading import Earlier, Reading

_SHARED: Final = frozenset({"tools"})
_CHOICES: Final[dict[str, Literal["auto", "any", "none"]]] = {
    "auto": "auto",
    "none": "none",
    "required": "any",
    "any": "any",
}


class WirePeek(msgspec.Struct):
    """What routing needs."""

    model: str
    stream: bool | None = None


_PEEK: Final = msgspec.json.Decoder(WirePeek)


def peek(body: bytes) -> Peek:
    """Model and stream flag. Raises GatewayError (INVALID_REQUEST)."""
    try:
        wire = decode_lenient(_PEEK, body)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise refusal_of(cause) from cause
    if not wire.model:
        raise invalid("you must provide a model parameter", "model", "missing_required_parameter")
    return Peek(wire.model, bool(wire.stream))


def decode_request(body: bytes) -> Request:
    """See :meth:`Codec.decode_request`."""
    return read_request(body).request


def read_request(body: bytes, earlier: Earlier | None = None) -> Reading:
    """See :meth:`Codec.read_request`."""
    try:
        return read_lenient(lambda text: _reading(*_read(text), earlier), body)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise refusal_of(cause) from cause


def _reading(wire: WireRequest, extras: tuple[Extra, ...], earlier: Earlier | None) -> Reading:
    if not wire.messages:
        raise invalid(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead.",
            "messages",
            "empty_array",
        )
    said = Conversation(earlier)
    said.read(wire.messages)
    tools = earlier.request.tools if earlier is not None and "tools" in earlier.fields else _tools(wire)
    more = [_function(function, None) for function in wire.functions or ()]
    more += [search_tool(extra) for extra in extras if extra.name == OPTION]
    request = _request(wire, extras, said, (*tools, *more))
    return Reading(request, tuple(said.seams), frozenset() if more else _SHARED)


def _request(
    wire: WireRequest, extras: tuple[Extra, ...], said: Conversation, tools: tuple[Tool, ...]
) -> Request:
    stop = (wire.stop,) if isinstance(wire.stop, str) else tuple(wire.stop or ())
    options = wire.stream_options
    return Request(
        protocol=NAME,
        model=wire.model,
        messages=tuple(said.messages),
        system=tuple(said.system),
        tools=tools,
        tool_choice=_choice(wire),
        parallel_tool_calls=wire.parallel_tool_calls,
        max_tokens=wire.max_tokens if wire.max_completion_tokens is None else wire.max_completion_tokens,
        choices=wire.n,
        stream=bool(wire.stream),
        stream_usage=options is not None and bool(options.include_usage),
        reasoning=_reasoning(wire),
        output_format=_output_format(wire),
        sampling=Sampling(
            temperature=wire.temperature,
            top_p=wire.top_p,
            top_k=wire.top_k,
            stop=stop,
            seed=wire.seed,
            frequency_penalty=wire.frequency_penalty,
            presence_penalty=wire.presence_penalty,
        ),
        user=wire.safety_identifier if wire.user is None else wire.user,
        service_tier=wire.service_tier,
        prompt_cache_key=wire.prompt_cache_key,
        cache=mark_of(wire.cache_control),
        extras=tuple(extra for extra in extras if extra.name != OPTION),
    )


def _read(body: bytes) -> tuple[WireRequest, tuple[Extra, ...]]:
    """One typed pass; a second, slower one only for a body with fields we do not know."""
    try:
        return REQUEST.decode(body), ()
    except msgspec.ValidationError as cause:
        if "unknown field" not in str(cause):
            raise
    fields = OBJECT.decode(body)
    extras = tuple(
        Extra(key, checked(raw)) for key, raw in fields.items() if key not in KNOWN_FIELDS and present(raw)
    )
    return OPEN_REQUEST.decode(body), extras


def _tools(wire: WireRequest) -> tuple[Tool, ...]:
    return tuple([_tool(tool, f"tools[{position}]") for position, tool in enumerate(wire.tools or ())])


def _tool(wire: WireTool, at: str) -> Tool:
    mark = mark_of(wire.cache_control)
    if wire.function is not None:
        return _function(wire.function, mark)
    if wire.custom is not None:
        return Tool(
            name=wire.custom.name,
            kind="custom",
            description=wire.custom.description,
            raw=checked(wire.custom.format) if present(wire.custom.format) else None,
            cache=mark,
        )
    if wire.type in ("function", "custom"):
        raise _missing(f"{at}.{wire.type}")
    return Tool(name=wire.name or wire.type, kind="server", vendor_type=wire.type, cache=mark)


def _function(wire: WireFunctionTool, mark: CacheMark | None) -> Tool:
    return Tool(
        name=wire.name,
        description=wire.description,
        schema=checked(wire.parameters) if present(wire.parameters) else None,
        strict=wire.strict,
        cache=mark_of(wire.cache_control) if mark is None else mark,
    )


def _missing(path: str) -> GatewayError:
    return invalid(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")


def _choice(wire: WireRequest) -> ToolChoice | None:
    choice = wire.tool_choice if wire.tool_choice is not None else wire.function_call
    match choice:
        case None:
            return None
        case str():
            if choice not in _CHOICES:
                raise invalid(
                    f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'.",
                    "tool_choice",
                )
            return ToolChoice(_CHOICES[choice])
        case WireNamed(name):
            return ToolChoice("tool", name)
        case WireChoice(allowed_tools=allowed) if allowed is not None:
            names = [
                tool.name
                or (tool.function.name if tool.function else tool.custom.name if tool.custom else "")
                for tool in allowed.tools
            ]
            mode: Literal["any", "auto"] = "any" if allowed.mode == "required" else "auto"
            return ToolChoice(mode, None, tuple(name for name in names if name))
        case WireChoice(function=function, custom=custom):
            named = function or custom
            if named is None:
                if choice.type in _CHOICES:  # Anthropic's spelling, sent by some clients
                    return ToolChoice(_CHOICES[choice.type])
                raise _missing("tool_choice.function")
            return ToolChoice("tool", named.name)


def _reasoning(wire: WireRequest) -> Reasoning | None:
    """``thinking``, ``reasoning`` and ``reasoning_effort`` in one; the more explicit one wins."""
    nested = wire.reasoning or WireReasoning()
    output = wire.output_config
    effort = wire.reasoning_effort or nested.effort or (None if output is None else output.effort)
    budget, display = nested.max_tokens, None
    thinking = wire.thinking
    if thinking is not None:
        display = thinking.display
        budget = thinking.budget_tokens if thinking.budget_tokens is not None else budget
        if thinking.type == "disabled":
            return Reasoning(mode="off")
        if thinking.type in ("enabled", "adaptive") and budget is None:
            return Reasoning(mode="adaptive", effort=effort, display=display)
    if effort == "none" or nested.enabled is False:
        return Reasoning(mode="off")
    if budget is not None:
        return Reasoning(mode="budget", budget=budget, effort=effort, display=display)
    if effort is not None:
        return Reasoning(effort=effort, display=display)
    return Reasoning(mode="adaptive") if nested.enabled else None


def _output_format(wire: WireRequest) -> OutputFormat | None:
    wanted = wire.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return OutputFormat(kind="json_object")
    if wanted.type != "json_schema":
        raise invalid(
            f"Invalid value: '{wanted.type}'. Supported values are: 'json_object', 'json_schema', and 'text'.",
            "response_format.type",
        )
    if wanted.json_schema is None:
        raise _missing("response_format.json_schema")
    schema = wanted.json_schema
    return OutputFormat(
        kind="json_schema",
        name=schema.name,
        schema=checked(schema.schema) if present(schema.schema) else Raw(b"{}"),
        strict=schema.strict,
        description=schema.description,
    )
