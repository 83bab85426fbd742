"""A neutral request to a Responses body, by the target's facts and nothing else."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.facts import Facts
from trunkline.core.splice import splice
from trunkline.core.types import OutputFormat, Request, Text
from trunkline.protocols.choices import refuse_choices
from trunkline.protocols.codec import Encoded
from trunkline.protocols.openai_fields import CHAT, IN_RESPONSES
from trunkline.protocols.openai_responses.effort import encode_reasoning
from trunkline.protocols.openai_responses.input_encode import (
    Item,
    encode_input,
    extend_input,
    is_stateful,
    message_item,
)
from trunkline.protocols.openai_responses.ledger import MAX_ID, Ledger, digest
from trunkline.protocols.openai_responses.part_encode import input_text
from trunkline.protocols.openai_responses.tool_encode import (
    ToolOut,
    carries_search,
    encode_choice,
    encode_tools,
    extend_tools,
)
from trunkline.protocols.openai_responses.wire import LIST, NAME, OBJECT, encode
from trunkline.protocols.writing import Written

ENCRYPTED: Final = "reasoning.encrypted_content"
SOURCES: Final = "web_search_call.action.sources"
"""Asks for the pages that a search found: other protocols show them."""
ATTRIBUTION: Final = "x-anthropic-billing-header:"
OURS: Final = frozenset({"store", "include"})
"""Fields nobody asked for: leaving them out is no loss."""
_TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority"})
"""OpenAI's words; providers that speak Chat Completions have others."""
Fields = dict[str, object]


class _Parts(Struct):
    """The large fields, and what is to be remembered of them."""

    items: list[Item]
    tools: list[ToolOut]
    written: Written | None = None


def _write(request: Request, ledger: Ledger, earlier: Written | None) -> _Parts:
    # A format may be lost before the items are written, and what a provider remembers is written as such.
    if earlier is None or request.output_format is not None or is_stateful(request, ledger):
        return _Parts(encode_input(request, ledger), encode_tools(request, ledger))
    items, turns = extend_input(request, ledger, earlier)
    tools, written = extend_tools(request, ledger, earlier)
    return _Parts(items, tools, Written(request, ledger.facts, turns, written))


def encode_request(request: Request, facts: Facts, earlier: Written | None = None) -> Encoded:
    """See :meth:`Codec.encode_request`."""
    refuse_choices(request, NAME)
    ledger = Ledger(request, facts)
    fields: Fields = {"model": request.model, "store": False}
    instructions = _instructions(request.system, ledger)
    wanted = encode_text(request, ledger)
    if wanted is not None and "words" in wanted:
        instructions = "\n\n".join(text for text in (instructions, str(wanted.pop("words"))) if text)
    parts = _write(request, ledger, earlier)
    items, tools = parts.items, parts.tools
    if instructions and not items and not ledger.own:  # something must be asked
        items.append(message_item("developer", [input_text(instructions)]))
    elif instructions:
        fields["instructions"] = instructions
    fields["input"] = items
    if tools:
        fields["tools"] = tools
        choice = encode_choice(request.tool_choice, request.tools, ledger)
        if choice is not None:
            fields["tool_choice"] = choice
        if request.parallel_tool_calls is not None and facts.parallel_switch:
            fields["parallel_tool_calls"] = request.parallel_tool_calls
        elif request.parallel_tool_calls is False:
            ledger.lose("parallel_tool_calls", "the upstream has no switch against parallel calls")
    reasoning = encode_reasoning(request, ledger)
    if reasoning is not None:
        fields["reasoning"] = reasoning
    if wanted:
        fields["text"] = wanted
    _limit(request, fields, ledger)
    _sampling(request, fields, ledger)
    _rest(request, fields, ledger)
    if "include" not in fields and (include := _included(request, ledger)):
        fields["include"] = include
    if request.stream:
        fields["stream"] = True
    return Encoded(
        body=_finish(fields, facts, ledger),
        losses=ledger.losses,
        tool_names=ledger.renamed,
        custom_tools=frozenset(ledger.custom),
        written=parts.written,
    )


def _included(request: Request, ledger: Ledger) -> list[str]:
    """What the answer shall hold beside its texts, for those who can use it."""
    include = [ENCRYPTED] if ledger.facts.reasoning != "none" else []
    searches = any(carries_search(tool, ledger) for tool in request.tools)
    return [*include, SOURCES] if searches else include


def _instructions(system: Sequence[object], ledger: Ledger) -> str:
    """The system prompt as one text, without Claude Code's attribution line: it changes by session (E58)."""
    texts: list[str] = []
    for part in system:
        if not isinstance(part, Text):
            ledger.lose("system.block", "instructions are plain text here")
            continue
        if part.cache is not None:
            ledger.lose("cache_control", "prompts are cached by themselves here")
        text = part.text
        if text.startswith(ATTRIBUTION):
            ledger.lose("system.attribution", "it says who called and breaks prompt caches")
            text = text.partition("\n")[2]
        if text.strip():
            texts.append(text)
    return "\n\n".join(texts)


def encode_text(request: Request, ledger: Ledger) -> Fields | None:
    """``text``: the format of the answer, and what else the client said of it in this protocol."""
    found: Fields = {}
    wanted = request.output_format
    if wanted is not None:
        if ledger.facts.structured == "native":
            found["format"] = _format(wanted)
        else:
            ledger.lose("text.format", "the upstream enforces no format: the instructions ask for it")
            found["words"] = _asked(wanted)
    if ledger.own:
        found.update(_nested(request, "text."))
    return found or None


def _nested(request: Request, prefix: str) -> dict[str, Raw]:
    return {
        extra.name.removeprefix(prefix): extra.raw
        for extra in request.extras
        if extra.name.startswith(prefix)
    }


def _format(wanted: OutputFormat) -> Fields:
    if wanted.kind == "json_object":
        return {"type": "json_object"}
    found: Fields = {"type": "json_schema", "name": wanted.name or "answer"}
    if wanted.description is not None:
        found["description"] = wanted.description
    found["schema"] = wanted.schema
    found["strict"] = bool(wanted.strict)
    return found


def _asked(wanted: OutputFormat) -> str:
    text = "Answer with one JSON object and nothing else: no prose, no code fence."
    if wanted.schema is None or wanted.kind == "json_object":
        return text
    return f"{text} It must match this JSON schema: {bytes(wanted.schema).decode()}"


def _limit(request: Request, fields: Fields, ledger: Ledger) -> None:
    limit, least, most = request.max_tokens, ledger.facts.min_output_tokens, ledger.facts.max_output_tokens
    if limit is None:
        return
    if most is not None and limit > most:
        ledger.lose("max_output_tokens", f"cut from {limit} to the model's limit of {most}")
        limit = most
    if least is not None and limit < least:
        ledger.lose("max_output_tokens", f"raised from {limit} to the smallest the upstream takes, {least}")
        limit = least
    fields["max_output_tokens"] = limit


def _sampling(request: Request, fields: Fields, ledger: Ledger) -> None:
    facts, sampling = ledger.facts, request.sampling
    top_p = sampling.top_p
    if top_p is not None and sampling.temperature is not None and not facts.temperature_with_top_p:
        ledger.lose("top_p", "the upstream refuses it together with temperature")
        top_p = None
    for name, value in (("temperature", sampling.temperature), ("top_p", top_p)):
        if value is not None and facts.sampling:
            fields[name] = value
        elif value is not None:
            ledger.lose(name, "the model takes no sampling settings")
    others = {
        "top_k": sampling.top_k,
        "stop": sampling.stop or None,
        "seed": sampling.seed,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
    }
    for name, setting in others.items():
        if setting is not None:
            ledger.lose(name, "OpenAI Responses has no such field")


def _rest(request: Request, fields: Fields, ledger: Ledger) -> None:
    if request.user is not None:
        plain = len(request.user) <= MAX_ID and not request.user.startswith("{")
        fields["user"] = request.user if plain else digest(request.user, MAX_ID)
    if request.prompt_cache_key is not None:
        fields["prompt_cache_key"] = request.prompt_cache_key
    if request.service_tier is not None:
        if ledger.own or (request.protocol == "openai_chat" and request.service_tier in _TIERS):
            fields["service_tier"] = request.service_tier
        else:
            ledger.lose("service_tier", f"{request.service_tier!r} has no counterpart")
    if request.cache is not None:
        ledger.lose("cache_control", "prompts are cached by themselves here")
    for extra in request.extras:
        if request.protocol == CHAT and extra.name in IN_RESPONSES:
            _put(fields, IN_RESPONSES[extra.name], extra.raw)
        elif not ledger.own:
            ledger.lose(extra.name, "OpenAI Responses has no such field")
        elif "." not in extra.name:
            fields[extra.name] = extra.raw


def _put(fields: Fields, path: str, raw: Raw) -> None:
    """A field in its place, top-level or one level down."""
    head, _, name = path.rpartition(".")
    if not head:
        fields[name] = raw
        return
    inner = fields.setdefault(head, {})
    if isinstance(inner, dict):
        inner[name] = raw


def _finish(fields: Fields, facts: Facts, ledger: Ledger) -> bytes:
    """The body without what the target refuses by name: whole fields first, then paths inside them."""
    for key in list(fields):
        if key in facts.drop or (facts.allow is not None and key not in facts.allow):
            del fields[key]
            if key not in OURS:
                ledger.lose(key, "the upstream does not take it")
    body = encode(fields)
    edits: dict[str, bytes | None] = {}
    for path in sorted(facts.drop):
        field, *rest = path.split(".")
        if rest and field in fields:
            old = edits.get(field) or encode(fields[field])
            new = without(old, rest)
            if new != old:
                edits[field] = new
                ledger.lose(path, "the upstream does not take it")
    return splice(body, edits) if edits else body


def without(raw: bytes, path: list[str]) -> bytes:
    """JSON without the field at ``path``; lists on the way are walked through. The same when it has none."""
    if b'"%s"' % path[-1].encode() not in raw:
        return raw
    if raw[:1] == b"[":
        return encode([Raw(without(bytes(inner), path)) for inner in LIST.decode(raw)])
    try:
        fields = OBJECT.decode(raw)
    except msgspec.ValidationError:
        return raw
    inner = fields.get(path[0])
    if inner is None:
        return raw
    if len(path) == 1:
        del fields[path[0]]
    else:
        fields[path[0]] = Raw(without(bytes(inner), path[1:]))
    return encode(fields)
