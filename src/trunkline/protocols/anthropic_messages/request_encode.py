"""A neutral request to a body of this protocol: what the target takes, spelled as it wants it."""

import hashlib
from collections.abc import Mapping
from typing import Final

from msgspec import Raw, Struct

from trunkline.core.facts import Facts
from trunkline.core.types import Extra, Opaque, OutputFormat, Request, Sampling
from trunkline.protocols.anthropic_messages.block_encode import BlockEncoder, Blocks, Item
from trunkline.protocols.anthropic_messages.cache_marks import limit_marks
from trunkline.protocols.anthropic_messages.history import HistoryEncoder, OutMessage
from trunkline.protocols.anthropic_messages.marks import encode_mark
from trunkline.protocols.anthropic_messages.tool_encode import Tools, encode_tools, unforced
from trunkline.protocols.anthropic_messages.wire import (
    PROTOCOL,
    RedactedBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    encode,
)
from trunkline.protocols.choices import refuse_choices
from trunkline.protocols.claude_thinking import Thought, decide_thought, without_thinking
from trunkline.protocols.codec import Encoded
from trunkline.protocols.losses import Losses
from trunkline.protocols.portable_names import ToolNames

Body = dict[str, object]

USER_LIMIT: Final = 256
"""Characters of ``metadata.user_id``."""

_TIERS: Final = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_ABSENT: Final = (b"null", b"false", b"[]", b"{}")


class _Parts(Struct):
    system: list[Item]
    messages: list[OutMessage]


def encode_request(request: Request, facts: Facts) -> Encoded:
    """As :meth:`trunkline.protocols.codec.Codec.encode_request` promises."""
    refuse_choices(request, PROTOCOL)
    losses = Losses()
    names = ToolNames(facts.tool_name_limit)
    own = request.protocol == PROTOCOL
    tools = encode_tools(request, facts, names, losses)
    thought = decide_thought(request.reasoning, request.max_tokens, facts, losses, own=own)
    parts = _encode_parts(request, facts, names, losses, own=own)
    thought = _reconcile(thought, tools, parts.messages, facts, losses)
    _ask_for_form(request.output_format, parts.system, facts, losses)
    limit_marks(tools.tools, parts.system, parts.messages, request.cache is not None, facts, losses)

    body: Body = {"model": request.model, "max_tokens": thought.max_tokens}
    if request.stream:
        body["stream"] = True
    if parts.system:
        body["system"] = parts.system
    if tools.tools:
        body["tools"] = tools.tools
    if tools.choice is not None:
        body["tool_choice"] = tools.choice
    _put_thought(body, thought, request.output_format, facts, _within("output_config", request, own=own))
    _put_sampling(body, request.sampling, thought, facts, losses)
    _put_rest(body, request, losses, own=own)
    body["messages"] = parts.messages
    return Encoded(
        body=encode(body),
        losses=losses.all(),
        tool_names=names.changed,
        custom_tools=tools.custom,
        structured_tool=tools.structured,
    )


def _encode_parts(request: Request, facts: Facts, names: ToolNames, losses: Losses, *, own: bool) -> _Parts:
    encoder = BlockEncoder(facts, own, names, losses)
    system = Blocks()
    for part in request.system:
        if isinstance(part, Opaque) and part.protocol != PROTOCOL and part.text is None:
            losses.add("system", "a block that only its own protocol has")
            continue
        encoder.put(system, part)
    leading, messages = HistoryEncoder(encoder, facts, losses, own=own).encode(request.messages)
    return _Parts(system.items + leading, messages)


def _reconcile(
    thought: Thought, tools: Tools, messages: list[OutMessage], facts: Facts, losses: Losses
) -> Thought:
    """Budgeted thinking excludes a forced call, and wants a running tool turn to have begun with thinking."""
    if thought.mode == "enabled" and tools.forced:
        # Budgeted thinking and a forced call exclude each other (E47); adaptive thinking takes both
        # (recorded 2026: claude-opus-4-6 with "any").
        if facts.reasoning_always:
            losses.add("tool_choice", "left to the model: it always thinks, and then takes no forced call")
            unforced(tools)
            return thought
        losses.add(
            "thinking", "off: the request demands a tool call, and the target takes only one of the two"
        )
        return without_thinking(thought, facts)
    if thought.mode == "enabled" and _loop_without_thinking(messages):
        losses.add("thinking", "off for this tool turn, which began without it")
        return without_thinking(thought, facts)
    return thought


def _loop_without_thinking(messages: list[OutMessage]) -> bool:
    """Whether the conversation stands in a tool turn whose opening holds no thinking block."""
    turns = [message for message in messages if message.role != "system"]
    if len(turns) < 2 or turns[-1].role != "user" or turns[-2].role != "assistant":
        return False
    opening = turns[-2].content
    return (
        isinstance(turns[-1].content[0], ToolResultBlock)
        and any(isinstance(item, ToolUseBlock) for item in opening)
        and not isinstance(opening[0], ThinkingBlock | RedactedBlock)
    )


def _ask_for_form(form: OutputFormat | None, system: list[Item], facts: Facts, losses: Losses) -> None:
    """A form that no field enforces is asked for in words, after the client's own instructions."""
    if form is None or (form.kind == "json_schema" and facts.structured != "none"):
        return
    losses.add("output_format", "the target cannot enforce it: it is asked for in words")
    words = "Answer with one JSON object and nothing else."
    if form.kind == "json_schema" and form.schema is not None:
        words += f" It must fit this JSON schema:\n{bytes(form.schema).decode()}"
    system.append(TextBlock(words))


def _put_thought(
    body: Body, thought: Thought, form: OutputFormat | None, facts: Facts, own: Mapping[str, Raw]
) -> None:
    if thought.mode is not None:
        thinking: Body = {"type": thought.mode}
        if thought.budget is not None:
            thinking["budget_tokens"] = thought.budget
        if thought.display is not None:
            thinking["display"] = thought.display
        body["thinking"] = thinking
    output: Body = {}
    if thought.effort is not None:
        output["effort"] = thought.effort
    if form is not None and form.kind == "json_schema" and facts.structured == "native":
        output["format"] = {"type": "json_schema", "schema": form.schema or Raw(b"{}")}
    output.update(own)
    if output:
        body["output_config"] = output


def _put_sampling(body: Body, sampling: Sampling, thought: Thought, facts: Facts, losses: Losses) -> None:
    blocked = None if facts.sampling else "the model takes no sampling settings"
    if facts.sampling and thought.on:
        blocked = "not together with thinking"
    temperature = sampling.temperature
    if blocked is None and temperature is not None and temperature > 1:
        losses.add("temperature", "1 is the most this protocol takes")
        temperature = 1.0
    for name, value in (("temperature", temperature), ("top_p", sampling.top_p), ("top_k", sampling.top_k)):
        if value is None:
            continue
        if blocked is not None:
            if (name, value) != ("temperature", 1):  # the only value that thinking works with
                losses.add(name, blocked)
        elif name == "top_p" and temperature is not None and not facts.temperature_with_top_p:
            losses.add(name, "not together with temperature")
        else:
            body[name] = value
    _put_stop(body, sampling.stop, losses)
    for name in ("seed", "frequency_penalty", "presence_penalty"):
        if getattr(sampling, name) is not None:
            losses.add(name, "no such setting in this protocol")


def _put_stop(body: Body, wanted: tuple[str, ...], losses: Losses) -> None:
    stop = [text for text in wanted if text.strip()]
    if len(stop) < len(wanted):
        losses.add("stop_sequences", "the server refuses those of white space only")
    if stop:
        body["stop_sequences"] = stop


def _put_rest(body: Body, request: Request, losses: Losses, *, own: bool) -> None:
    metadata: Body = dict(_within("metadata", request, own=own))
    if request.user is not None:
        metadata["user_id"] = request.user if own else _user(request.user)
    if metadata:
        body["metadata"] = metadata
    if request.service_tier is not None:
        tier = request.service_tier if own else _TIERS.get(request.service_tier)
        if tier is not None:
            body["service_tier"] = tier
        else:
            losses.add("service_tier", f"{request.service_tier!r} has no counterpart")
    if request.prompt_cache_key is not None:
        losses.add("prompt_cache_key", "this protocol marks what to cache instead")
    if request.cache is not None:
        body["cache_control"] = encode_mark(request.cache)
    for message in request.messages:
        if message.name is not None:
            losses.add("messages.name", "participants have no names in this protocol")
    for extra in request.extras:
        _put_extra(body, extra, losses, own=own)


def _within(head: str, request: Request, *, own: bool) -> dict[str, Raw]:
    """The extras of one object of the body, by their names in it."""
    if not own:
        return {}
    return {
        extra.name.removeprefix(f"{head}."): extra.raw
        for extra in request.extras
        if extra.name.startswith(f"{head}.")
    }


def _put_extra(body: Body, extra: Extra, losses: Losses, *, own: bool) -> None:
    raw = bytes(extra.raw)
    if own:
        # Dotted ones stand in their objects already: tools, output_config, metadata.
        if "." not in extra.name:
            body[extra.name] = extra.raw
        return
    if raw not in _ABSENT:
        losses.add(extra.name, "no such field in this protocol")


def _user(user: str) -> str:
    """An id the server takes; one that is too long goes as its hash."""
    return user if len(user) <= USER_LIMIT else hashlib.sha256(user.encode("utf-8", "replace")).hexdigest()
