"""A neutral request to a Converse body, by the target's facts and nothing else (protocols.md, Converse pairs)."""

import hashlib
import re
from typing import Final

from trunkline.core.facts import Facts
from trunkline.core.types import OutputFormat, Request, Sampling
from trunkline.protocols.bedrock_converse.ledger import Ledger
from trunkline.protocols.bedrock_converse.part_encode import encode_part
from trunkline.protocols.bedrock_converse.tool_encode import Tools, declare_called, encode_tools
from trunkline.protocols.bedrock_converse.turns_encode import encode_turns, limit_marks
from trunkline.protocols.bedrock_converse.wire import ENCODER, NAME, Block
from trunkline.protocols.choices import refuse_choices
from trunkline.protocols.claude_thinking import Thought, decide_thought, without_thinking
from trunkline.protocols.codec import Encoded

TIERS: Final = frozenset({"priority", "default", "flex", "reserved"})
METADATA_LIMIT: Final = 256
_METADATA: Final = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]*")
_ABSENT: Final = (b"null", b"false", b"[]", b"{}", b"1")


def encode_request(request: Request, facts: Facts) -> Encoded:
    """As :meth:`trunkline.protocols.codec.ProviderCodec.encode_request` promises. The model stands in the URL."""
    refuse_choices(request, NAME)
    ledger = Ledger(facts)
    tools = encode_tools(request, ledger)
    system = [block for part in request.system for block in encode_part(part, ledger)]
    turns = encode_turns(request.messages, ledger)
    declare_called(tools, ledger)
    system += _told(request.output_format, tools, ledger)
    limit_marks(tools.tools, system, turns, ledger)
    thought = _thought(request, tools, ledger)

    body: Block = {"messages": [turn.wire() for turn in turns]}
    if system:
        body["system"] = system
    settings = _settings(request, thought, ledger)
    if settings:
        body["inferenceConfig"] = settings
    if tools.tools:
        config: Block = {"tools": tools.tools}
        body["toolConfig"] = config if tools.choice is None else {**config, "toolChoice": tools.choice}
    more = _model_fields(request.sampling, thought, ledger)
    if more:
        body["additionalModelRequestFields"] = more
    _rest(body, request, ledger)
    return Encoded(
        body=ENCODER.encode(body),
        losses=ledger.losses.all(),
        tool_names=ledger.names.changed,
        custom_tools=tools.custom,
        structured_tool=tools.structured,
    )


def _told(form: OutputFormat | None, tools: Tools, ledger: Ledger) -> list[Block]:
    """What is asked for in words, after the client's own instructions."""
    words: list[Block] = [] if tools.told is None else [{"text": tools.told}]
    facts = ledger.facts
    if form is None or tools.structured is not None:
        return words
    if form.kind == "json_schema" and facts.structured == "native":
        return words
    ledger.losses.add("output_format", "the target cannot enforce it: it is asked for in words")
    text = "Answer with one JSON object and nothing else."
    if form.kind == "json_schema" and form.schema is not None:
        text += f" It must fit this JSON schema:\n{bytes(form.schema).decode()}"
    return [*words, {"text": text}]


def _thought(request: Request, tools: Tools, ledger: Ledger) -> Thought:
    """How much to think; a budget and a forced call exclude each other (E47)."""
    facts, losses = ledger.facts, ledger.losses
    own = request.protocol in ("anthropic_messages", NAME)
    thought = decide_thought(request.reasoning, request.max_tokens, facts, losses, own=own)
    if thought.mode != "enabled" or not tools.forced:
        return thought
    if facts.reasoning_always:
        losses.add("tool_choice", "left to the model: it always thinks, and then takes no forced call")
        tools.choice = {"auto": {}}
        return thought
    losses.add("thinking", "off: the request demands a tool call, and the target takes only one of the two")
    return without_thinking(thought, facts)


def _settings(request: Request, thought: Thought, ledger: Ledger) -> Block:
    settings: Block = {}
    if request.max_tokens is not None or thought.budget is not None:
        settings["maxTokens"] = thought.max_tokens
    facts, sampling, losses = ledger.facts, request.sampling, ledger.losses
    blocked = None if facts.sampling else "the model takes no sampling settings"
    blocked = "not together with thinking" if facts.sampling and thought.on else blocked
    temperature = sampling.temperature
    if temperature is not None and temperature > 1:
        losses.add("temperature", "1 is the most this protocol takes")
        temperature = 1.0
    for name, wire, value in (
        ("temperature", "temperature", temperature),
        ("top_p", "topP", sampling.top_p),
    ):
        if value is None:
            continue
        if blocked is not None:
            if (name, value) != ("temperature", 1):
                losses.add(name, blocked)
        elif name == "top_p" and temperature is not None and not facts.temperature_with_top_p:
            losses.add(name, "not together with temperature")
        else:
            settings[wire] = value
    stop = [text for text in sampling.stop if text.strip()]
    if len(stop) < len(sampling.stop):
        losses.add("stop_sequences", "the server refuses those of white space only")
    if stop:
        settings["stopSequences"] = stop
    for name in ("seed", "frequency_penalty", "presence_penalty"):
        if getattr(sampling, name) is not None:
            losses.add(name, "no such setting in this protocol")
    return settings


def _model_fields(sampling: Sampling, thought: Thought, ledger: Ledger) -> Block:
    """What only the model's own vendor has a word for: thinking as Claude spells it, an effort, ``top_k``."""
    facts = ledger.facts
    more: Block = {}
    if thought.mode is not None:
        thinking: Block = {"type": thought.mode}
        if thought.budget is not None:
            thinking["budget_tokens"] = thought.budget
        if thought.display is not None:
            thinking["display"] = thought.display
        more["thinking"] = thinking
    if thought.effort is not None:
        more |= (
            {"reasoning_effort": thought.effort}
            if facts.reasoning == "effort"
            else {"output_config": {"effort": thought.effort}}
        )
    if sampling.top_k is not None:
        if facts.top_k and not thought.on:
            more["top_k"] = sampling.top_k
        else:
            ledger.losses.add("top_k", "the model takes no such setting here")
    return more


def _rest(body: Block, request: Request, ledger: Ledger) -> None:
    losses, form = ledger.losses, request.output_format
    if form is not None and form.kind == "json_schema" and ledger.facts.structured == "native":
        schema: Block = {"name": form.name or "answer", "schema": bytes(form.schema or b"{}").decode()}
        if form.description is not None:
            schema["description"] = form.description
        body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
    if request.user is not None:
        body["requestMetadata"] = {"user_id": _user(request.user)}
    if request.service_tier in TIERS:
        body["serviceTier"] = {"type": request.service_tier}
    elif request.service_tier not in (None, "auto"):
        losses.add("service_tier", f"{request.service_tier!r} has no counterpart")
    if request.prompt_cache_key is not None:
        losses.add("prompt_cache_key", "this protocol marks what to cache instead")
    if request.cache is not None:
        losses.add("cache_control", "automatic cache marks have no counterpart")
    if any(message.name is not None for message in request.messages):
        losses.add("messages.name", "participants have no names in this protocol")
    for extra in request.extras:
        if bytes(extra.raw) not in _ABSENT:
            losses.add(extra.name, "no such field in this protocol")


def _user(user: str) -> str:
    """An id in the letters metadata may have; any other goes as its hash."""
    if len(user) <= METADATA_LIMIT and _METADATA.fullmatch(user):
        return user
    return hashlib.sha256(user.encode("utf-8", "replace")).hexdigest()
