"""A neutral request to a Chat Completions body, by the target's facts and nothing else."""

import hashlib
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from msgspec import Raw, Struct

from trunkline.core.facts import Facts
from trunkline.core.splice import splice
from trunkline.core.types import OutputFormat, Request, Sampling
from trunkline.protocols.choices import refuse_choices
from trunkline.protocols.codec import Encoded
from trunkline.protocols.openai_chat.drops import drop_path
from trunkline.protocols.openai_chat.ledger import Ledger
from trunkline.protocols.openai_chat.message_encode import encode_messages, extend_messages
from trunkline.protocols.openai_chat.search import OPTION, encode_option
from trunkline.protocols.openai_chat.shapes import (
    FunctionToolData,
    FunctionToolOut,
    MessageOut,
    SystemOut,
    TextOut,
)
from trunkline.protocols.openai_chat.thinking_encode import NOTHING, Asked, encode_thinking, switched_off
from trunkline.protocols.openai_chat.tool_encode import (
    encode_choice,
    encode_tools,
    extend_tools,
    names_of,
    whole_schema,
)
from trunkline.protocols.openai_chat.wire import ENCODER, NAME
from trunkline.protocols.openai_fields import IN_CHAT, RESPONSES
from trunkline.protocols.writing import Written

STRUCTURED_TOOL: Final = "structured_output"
MAX_STOPS: Final = 4
MAX_USER: Final = 64
UNSET_SAMPLING: Final = Sampling()
_rest_of: Final = attrgetter("user", "prompt_cache_key", "choices", "service_tier", "cache")
_NO_REST: Final = (None,) * 5
OURS: Final = frozenset({"stream_options"})
"""Fields nobody asked for: leaving them out is no loss."""
Fields = dict[str, object]


class _Parts(Struct):
    """The large fields, and what is to be remembered of them."""

    messages: list[MessageOut | Raw]
    tools: list[FunctionToolOut | Raw]
    names: Sequence[str]
    written: Written | None = None


def _write(request: Request, ledger: Ledger, earlier: Written | None) -> _Parts:
    # A format that is asked for in words may change the first message.
    if earlier is None or request.output_format is not None:
        messages = encode_messages(request, ledger)
        if not request.tools:
            return _Parts(messages, [], ())
        tools = encode_tools(request, ledger)
        return _Parts(messages, [*tools], names_of(tools))
    messages, turns = extend_messages(request, ledger, earlier)
    declared, written = extend_tools(request, ledger, earlier)
    return _Parts(messages, declared, written.sent, Written(request, ledger.facts, turns, written))


def encode_request(request: Request, facts: Facts, earlier: Written | None = None) -> Encoded:
    """See :meth:`Codec.encode_request`."""
    if request.choices is not None:
        refuse_choices(request, NAME)
    ledger = Ledger(facts, request.protocol)
    parts = _write(request, ledger, earlier)
    messages, tools = parts.messages, parts.tools
    fields: Fields = {"model": request.model, "messages": messages}
    choice = None if request.tool_choice is None else encode_choice(request, parts.names, ledger)
    structured = None
    if request.output_format is not None:
        structured = _structured(request.output_format, fields, messages, tools, ledger)
    if structured is not None:
        choice = {"type": "function", "function": {"name": structured}}
    if tools:
        fields["tools"] = tools
        if choice is not None:
            fields["tool_choice"] = choice
        _parallel(request, fields, ledger)
    asked = NOTHING
    if request.reasoning is not None or choice is not None:
        asked = _thinking(request, fields, choice, ledger)
    _limit(request, asked, fields, ledger)
    if request.sampling != UNSET_SAMPLING:
        _sampling(request, asked, fields, ledger)
    if request.tools or request.extras or _rest_of(request) != _NO_REST:
        _rest(request, fields, ledger)
    if request.stream:
        fields["stream"] = True
        if facts.stream_options:
            fields["stream_options"] = {"include_usage": True}
    body = _finish(fields, facts, ledger)
    return Encoded(
        body=body,
        losses=ledger.losses,
        tool_names=ledger.renamed,
        custom_tools=frozenset(ledger.custom),
        structured_tool=structured,
        written=parts.written,
    )


def _finish(fields: Fields, facts: Facts, ledger: Ledger) -> bytes:
    """The body without what the target refuses by name: whole fields first, then paths inside them."""
    if not facts.drop and facts.allow is None:
        return ENCODER.encode(fields)
    for key in list(fields):
        if key in facts.drop or (facts.allow is not None and key not in facts.allow):
            del fields[key]
            if key not in OURS:
                ledger.lose(key, "the upstream does not take it")
    body = ENCODER.encode(fields)
    edits: dict[str, bytes | None] = {}
    for path in sorted(facts.drop):
        field, _, rest = path.partition(".")
        name = path.rpartition(".")[2].encode()
        if rest and field in fields and b'"%s"' % name in body:
            old = edits.get(field) or ENCODER.encode(fields[field])
            new = drop_path(old, rest.split("."))
            if new != old:
                edits[field] = new
                ledger.lose(path, "the upstream does not take it")
    return splice(body, edits) if edits else body


def _structured(
    wanted: OutputFormat,
    fields: Fields,
    messages: list[MessageOut | Raw],
    tools: list[FunctionToolOut | Raw],
    ledger: Ledger,
) -> str | None:
    """Structured output as the target can: its field, a forced tool (whose name is returned), or words."""
    facts = ledger.facts
    if facts.structured == "native":
        fields["response_format"] = _response_format(wanted)
        return None
    if facts.structured == "tool" and wanted.kind == "json_schema" and not tools and facts.forced_tools:
        data = FunctionToolData(
            STRUCTURED_TOOL, wanted.description or "Give the answer.", whole_schema(wanted.schema)
        )
        tools.append(FunctionToolOut(data))
        return STRUCTURED_TOOL
    ledger.lose("response_format", "the upstream enforces no format: the instructions ask for it")
    _instruct(wanted, messages, ledger)
    return None


def _instruct(wanted: OutputFormat, messages: list[MessageOut | Raw], ledger: Ledger) -> None:
    text = "Answer with one JSON object and nothing else: no prose, no code fence."
    if wanted.kind == "json_schema" and wanted.schema is not None:
        text += f" It must match this JSON schema: {bytes(wanted.schema).decode()}"
    first = messages[0] if messages else None
    if isinstance(first, SystemOut):
        if isinstance(first.content, str):
            first.content = f"{first.content}\n\n{text}"
        else:
            first.content.append(TextOut(text))
        return
    messages.insert(0, SystemOut([TextOut(text)] if ledger.facts.cache_marks else text))


def _response_format(wanted: OutputFormat) -> Fields:
    if wanted.kind == "json_object":
        return {"type": "json_object"}
    schema: Fields = {"name": wanted.name or "answer", "schema": wanted.schema}
    if wanted.description is not None:
        schema["description"] = wanted.description
    if wanted.strict is not None:
        schema["strict"] = wanted.strict
    return {"type": "json_schema", "json_schema": schema}


def _parallel(request: Request, fields: Fields, ledger: Ledger) -> None:
    if request.parallel_tool_calls is None:
        return
    if ledger.facts.parallel_switch:
        fields["parallel_tool_calls"] = request.parallel_tool_calls
    elif not request.parallel_tool_calls:
        ledger.lose("parallel_tool_calls", "the upstream has no switch against parallel calls")


def _thinking(request: Request, fields: Fields, choice: object, ledger: Ledger) -> Asked:
    """Adds the fields that ask for thinking. Claude refuses it together with a forced tool (E47), and so
    do others, where it may be on by itself."""
    asked = encode_thinking(
        request.reasoning, request.max_tokens, ledger, effort_only=request.protocol != NAME
    )
    thinks = asked.thinking is not None and asked.thinking["type"] != "disabled"
    forced = choice is not None and choice not in ("auto", "none")
    if thinks and forced:
        ledger.lose("thinking", "the upstream cannot think when a tool is forced")
        return NOTHING
    if forced and not ledger.facts.forced_thinking:
        if asked.switch or asked.effort:
            ledger.lose("thinking", "the upstream cannot think when a tool is forced")
        asked = switched_off(ledger)
    fields.update(asked.switch)
    if asked.effort is not None:
        fields["reasoning_effort"] = asked.effort
    if asked.thinking is not None:
        fields["thinking"] = asked.thinking
    if asked.output_effort is not None:
        fields["output_config"] = {"effort": asked.output_effort}
    return asked


def _limit(request: Request, asked: Asked, fields: Fields, ledger: Ledger) -> None:
    limit, cap = request.max_tokens, ledger.facts.max_output_tokens
    if asked.max_tokens is not None:
        limit = asked.max_tokens
    if limit is None:
        return
    if cap is not None and limit > cap:
        ledger.lose("max_tokens", f"cut from {limit} to the model's limit of {cap}")
        limit = cap
    fields[ledger.facts.max_tokens_field] = limit


def _sampling(request: Request, asked: Asked, fields: Fields, ledger: Ledger) -> None:
    facts, sampling = ledger.facts, request.sampling
    thinks = asked.thinking is not None and asked.thinking["type"] != "disabled"
    top_p = sampling.top_p
    if sampling.temperature is not None and top_p is not None and not facts.temperature_with_top_p:
        ledger.lose("top_p", "the upstream refuses it together with temperature")
        top_p = None
    knobs = (("temperature", sampling.temperature), ("top_p", top_p), ("top_k", sampling.top_k))
    for name, value in knobs:
        if value is None:
            continue
        if not facts.sampling:
            ledger.lose(name, "the model takes no sampling settings")
        elif thinks:
            ledger.lose(name, "the upstream refuses it while the model thinks")
        elif name == "top_k" and not facts.top_k:
            ledger.lose(name, "Chat Completions has no such field")
        else:
            fields[name] = value
    if sampling.stop:
        if len(sampling.stop) > MAX_STOPS:
            ledger.lose("stop", f"only the first {MAX_STOPS} of {len(sampling.stop)} stop strings are sent")
        fields["stop"] = list(sampling.stop[:MAX_STOPS])
    others = (
        ("seed", sampling.seed),
        ("frequency_penalty", sampling.frequency_penalty),
        ("presence_penalty", sampling.presence_penalty),
    )
    fields.update((name, value) for name, value in others if value is not None)


def _rest(request: Request, fields: Fields, ledger: Ledger) -> None:
    if request.user is not None:
        fields["user"] = user_name(request.user)
    if request.prompt_cache_key is not None:
        fields["prompt_cache_key"] = request.prompt_cache_key
    same = request.protocol == NAME
    if request.choices is not None and same:
        fields["n"] = request.choices
    for tool in request.tools:
        if tool.search is not None and (ledger.facts.search_options or tool.vendor_type == OPTION):
            fields[OPTION] = encode_option(tool, tool.search, ledger)
    if request.service_tier is not None:
        if ledger.openai_words:
            fields["service_tier"] = request.service_tier
        else:
            ledger.lose("service_tier", "tiers of another vendor have no counterpart")
    if request.cache is not None:
        ledger.lose("cache_control", "automatic cache marks have no counterpart")
    for extra in request.extras:
        shared = IN_CHAT.get(extra.name) if request.protocol == RESPONSES else None
        if same or shared is not None:
            fields[shared or extra.name] = extra.raw
        else:
            ledger.lose(extra.name, "Chat Completions has no such field")


def user_name(user: str) -> str:
    """``user`` as it is when short and plain, else its digest: Claude Code puts JSON there (E63)."""
    if len(user) <= MAX_USER and not user.startswith("{"):
        return user
    return hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
