"""``generationConfig`` and ``toolConfig`` to the neutral form; what the vocabulary lacks becomes extras."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.types import Extra, OutputFormat, Reasoning, Sampling, ToolChoice
from trunkline.protocols.gemini.refusals import checked, invalid, refusal
from trunkline.protocols.gemini.schema_decode import decode_schema
from trunkline.protocols.gemini.spelling import camel, camelised
from trunkline.protocols.gemini.wire import ABSENT, OBJECT, Number, given

CONFIG: Final = "generationConfig"
CHOICE: Final = "toolConfig.functionCallingConfig"
_JSON: Final = "application/json"
_MODES: Final = ("AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED")


class _Config(Struct, rename="camel", gc=False):
    temperature: float | None = None
    top_p: float | None = None
    top_k: Number | None = None
    max_output_tokens: Number | None = None
    candidate_count: Number | None = None
    stop_sequences: list[str] | None = None
    seed: Number | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_mime_type: str | None = None
    response_schema: Raw = ABSENT
    response_json_schema: Raw = ABSENT
    thinking_config: Raw = ABSENT


class _UsualConfig(_Config, forbid_unknown_fields=True):
    """The same with nothing in it that we do not know."""


class _Thinking(Struct, rename="camel", gc=False):
    include_thoughts: bool | None = None
    thinking_budget: Number | None = None
    thinking_level: str | None = None


class _Calling(Struct, rename="camel", gc=False):
    mode: str | None = None
    allowed_function_names: list[str] | None = None


_config: Final = msgspec.json.Decoder(_Config)
_usual: Final = msgspec.json.Decoder(_UsualConfig).decode
_KNOWN: Final = frozenset(_Config.__struct_encode_fields__)
_thinking: Final = msgspec.json.Decoder(_Thinking)
_calling: Final = msgspec.json.Decoder(_Calling)
_texts: Final = msgspec.json.Decoder(list[str])


class Knobs(Struct, frozen=True, kw_only=True):
    """What ``generationConfig`` says."""

    max_tokens: int | None = None
    choices: int | None = None
    sampling: Sampling = Sampling()
    reasoning: Reasoning | None = None
    output_format: OutputFormat | None = None


def whole(value: Number | None) -> int | None:
    """A count; some clients write it as a decimal."""
    return None if value is None else int(value)


def decode_config(raw: Raw, extras: list[Extra]) -> Knobs:
    """All of ``generationConfig``. Raises GatewayError (INVALID_REQUEST) with the path of what is wrong."""
    if not given(raw):
        return Knobs()
    wire = _read(raw, extras)
    thinks = wire.thinking_config is not ABSENT
    formed = wire.response_mime_type is not None
    formed = formed or wire.response_json_schema is not ABSENT or wire.response_schema is not ABSENT
    return Knobs(
        max_tokens=whole(wire.max_output_tokens),
        choices=whole(wire.candidate_count),
        sampling=Sampling(
            temperature=wire.temperature,
            top_p=wire.top_p,
            top_k=whole(wire.top_k),
            stop=tuple(wire.stop_sequences or ()),
            seed=whole(wire.seed),
            frequency_penalty=wire.frequency_penalty,
            presence_penalty=wire.presence_penalty,
        ),
        reasoning=_reasoning(wire.thinking_config, extras) if thinks else None,
        output_format=_format(wire, extras) if formed else None,
    )


def _read(raw: Raw, extras: list[Extra]) -> _Config:
    """In one pass where every field is known and spelled as the vendor does."""
    wire: _Config
    try:
        wire = _usual(raw)
        if wire.thinking_config is ABSENT or b"_" not in bytes(wire.thinking_config):
            return wire
    except msgspec.DecodeError:
        pass
    fields = checked(OBJECT, raw, CONFIG)
    if any("_" in key for key in fields) or b"_" in bytes(fields.get("thinkingConfig", ABSENT)):
        raw = Raw(camelised(bytes(raw)))
        fields = OBJECT.decode(raw)
    wire = checked(_config, raw, CONFIG)
    for name, value in fields.items():
        if name not in _KNOWN and given(value) and not _says_nothing(name, value):
            extras.append(Extra(f"{CONFIG}.{name}", Raw(bytes(value))))
    return wire


def _says_nothing(name: str, value: Raw) -> bool:
    """Fields that only spell out the default: they are no loss elsewhere."""
    data = bytes(value)
    if name == "responseModalities":
        try:
            return [one.upper() for one in _texts.decode(data)] in ([], ["TEXT"])
        except msgspec.DecodeError:
            return False
    return name in ("responseLogprobs",) and data == b"false"


def _reasoning(raw: Raw, extras: list[Extra]) -> Reasoning | None:
    """A budget of 0 is off, -1 leaves it to the model; a level is an effort (protocols.md 4.4)."""
    if not given(raw):
        return None
    wire = checked(_thinking, raw, f"{CONFIG}.thinkingConfig")
    for name, value in OBJECT.decode(raw).items():
        if name not in ("includeThoughts", "thinkingBudget", "thinkingLevel"):
            extras.append(Extra(f"{CONFIG}.thinkingConfig.{name}", Raw(bytes(value))))
    display = {True: "summarized", False: "omitted"}.get(wire.include_thoughts or False)
    display = None if wire.include_thoughts is None else display
    level = (wire.thinking_level or "").lower().removeprefix("thinking_level_")
    effort = level if level and level != "unspecified" else None
    budget = whole(wire.thinking_budget)
    if budget == 0:
        return Reasoning(mode="off", effort=effort, display=display)
    if budget is not None and budget > 0:
        return Reasoning(mode="budget", budget=budget, effort=effort, display=display)
    if budget is not None or wire.include_thoughts:  # thoughts asked for: the model decides how many
        return Reasoning(mode="adaptive", effort=effort, display=display)
    return None if effort is None and display is None else Reasoning(effort=effort, display=display)


def _format(wire: _Config, extras: list[Extra]) -> OutputFormat | None:
    kind = (wire.response_mime_type or "").lower()
    schema = wire.response_json_schema if given(wire.response_json_schema) else wire.response_schema
    if kind not in ("", "text/plain", _JSON):
        extras.append(
            Extra(f"{CONFIG}.responseMimeType", Raw(msgspec.json.encode(wire.response_mime_type)))
        )
        if given(schema):
            name = "responseJsonSchema" if schema is wire.response_json_schema else "responseSchema"
            extras.append(Extra(f"{CONFIG}.{name}", Raw(bytes(schema))))
        return None
    if given(schema) and kind != "text/plain":
        return OutputFormat(kind="json_schema", schema=json_schema(schema, f"{CONFIG}.responseSchema"))
    return OutputFormat(kind="json_object") if kind == _JSON else None


def json_schema(raw: Raw, path: str) -> Raw:
    """A client's schema as JSON Schema. Raises GatewayError (INVALID_REQUEST)."""
    try:
        return Raw(bytes(decode_schema(raw)))
    except msgspec.DecodeError as cause:
        raise refusal(path, cause) from cause


def decode_tool_config(raw: Raw, extras: list[Extra]) -> ToolChoice | None:
    """The tool choice; everything else in ``toolConfig`` becomes extras."""
    if not given(raw):
        return None
    fields = {camel(key): value for key, value in checked(OBJECT, raw, "toolConfig").items()}
    for name, value in fields.items():
        if name != "functionCallingConfig" and given(value):
            extras.append(Extra(f"toolConfig.{name}", Raw(bytes(value))))
    calling = fields.get("functionCallingConfig", ABSENT)
    if not given(calling):
        return None
    calling = Raw(camelised(bytes(calling)))
    wire = checked(_calling, calling, CHOICE)
    for name, value in OBJECT.decode(calling).items():
        if name not in ("mode", "allowedFunctionNames") and given(value):
            extras.append(Extra(f"{CHOICE}.{name}", Raw(bytes(value))))
    return _choice(wire, extras)


def _choice(wire: _Calling, extras: list[Extra]) -> ToolChoice | None:
    mode = (wire.mode or "AUTO").upper()
    allowed = tuple(wire.allowed_function_names or ())
    match mode:
        case "AUTO":
            return ToolChoice("auto", None, allowed)
        case "NONE":
            return ToolChoice("none")
        case "ANY":
            return ToolChoice("tool", allowed[0]) if len(allowed) == 1 else ToolChoice("any", None, allowed)
        case "VALIDATED":
            extras.append(Extra(f"{CHOICE}.mode", Raw(b'"VALIDATED"')))
            return ToolChoice("auto", None, allowed)
        case "MODE_UNSPECIFIED":
            return None
        case _:
            raise invalid(
                f"Invalid value at '{CHOICE}.mode': {wire.mode!r}, known are {', '.join(_MODES[:4])}.",
                f"{CHOICE}.mode",
            )
