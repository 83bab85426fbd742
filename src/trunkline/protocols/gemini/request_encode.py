"""A neutral request to a body, by the target's facts and nothing else. The model goes into the path."""

from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.facts import Facts
from trunkline.core.types import Extra, Request
from trunkline.protocols.choices import refuse_choices
from trunkline.protocols.codec import Encoded
from trunkline.protocols.gemini.history_encode import History, encode_instructions
from trunkline.protocols.gemini.knobs_encode import STRUCTURED_TOOL, Fields, encode_config, encode_form
from trunkline.protocols.gemini.ledger import Ledger
from trunkline.protocols.gemini.refusals import refusal
from trunkline.protocols.gemini.tool_encode import encode_choice, encode_tools
from trunkline.protocols.gemini.untyped import as_object
from trunkline.protocols.gemini.wire import PROTOCOL, encode

_ON_THE_TOOL: Final = ("tools.", "contents.")
"""Extras that stand in the tools or parts themselves; noted as extras only for their loss elsewhere."""


def encode_request(request: Request, facts: Facts) -> Encoded:
    """As :meth:`trunkline.protocols.codec.Codec.encode_request` promises."""
    refuse_choices(request, PROTOCOL)
    ledger = Ledger(facts, own=request.protocol == PROTOCOL)
    try:
        return _encode(request, ledger)
    except msgspec.DecodeError as cause:  # a schema that is no JSON
        raise refusal("tools", cause) from cause


def _encode(request: Request, ledger: Ledger) -> Encoded:
    fields: Fields = {"contents": History(ledger).write(request.messages)}
    system = encode_instructions(request.system, ledger)
    tools, names = encode_tools(request, ledger)
    choice = encode_choice(request, names, ledger)
    form = encode_form(request.output_format, ledger, functions=bool(names))
    if form.words is not None:
        system.append({"text": form.words})
    if form.tool is not None:
        tools.insert(0, {"functionDeclarations": [form.tool]})
        choice = {"mode": "ANY", "allowedFunctionNames": [STRUCTURED_TOOL]}
    if system:
        fields["systemInstruction"] = {"parts": system}
    if tools:
        fields["tools"] = tools
    if choice is not None:
        fields["toolConfig"] = {"functionCallingConfig": choice}
    config = {**encode_config(request, ledger), **form.fields}
    if config:
        fields["generationConfig"] = config
    _rest(request, fields, ledger)
    _drop(fields, ledger)
    return Encoded(
        body=encode(fields),
        losses=ledger.losses,
        tool_names=ledger.changed,
        custom_tools=frozenset(ledger.custom),
        structured_tool=None if form.tool is None else STRUCTURED_TOOL,
    )


def _rest(request: Request, fields: Fields, ledger: Ledger) -> None:
    """What the vocabulary has and this protocol lacks, then what only this protocol has."""
    if request.parallel_tool_calls is False:
        ledger.lose("parallel_tool_calls", "the upstream has no switch against parallel calls")
    for name, value in (
        ("user", request.user),
        ("prompt_cache_key", request.prompt_cache_key),
        ("cache_control", request.cache),
    ):
        if value is not None:
            ledger.lose(name, "Gemini has no such field")
    if request.service_tier is not None:
        if ledger.own:
            fields["serviceTier"] = request.service_tier
        else:
            ledger.lose("service_tier", "tiers of another vendor have no counterpart")
    for extra in request.extras:
        if not ledger.own:
            ledger.lose(extra.name, "Gemini has no such field")
        elif not extra.name.startswith(_ON_THE_TOOL):
            _put(fields, extra)


def _put(fields: Fields, extra: Extra) -> None:
    """An extra back in its place; its name is its path."""
    *way, name = extra.name.split(".")
    inner = fields
    for step in way:
        found = as_object(inner.get(step))
        if found is None:
            found = inner[step] = {}
        inner = found
    inner[name] = Raw(bytes(extra.raw))


def _drop(fields: Fields, ledger: Ledger) -> None:
    """Leaves out what the target refuses by name, top-level or dotted."""
    for name in list(fields):
        if ledger.facts.allow is not None and name not in ledger.facts.allow:
            del fields[name]
            ledger.lose(name, "the upstream does not take it")
    for path in sorted(ledger.facts.drop):
        *way, name = path.split(".")
        inner: dict[str, object] | None = fields
        for step in way:
            inner = as_object((inner or {}).get(step))
        if inner is not None and name in inner:
            del inner[name]
            ledger.lose(path, "the upstream does not take it")
