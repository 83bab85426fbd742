"""What an upstream's refusal teaches, where its wording leaves no doubt (databricks.md 3.9 and its kin elsewhere)."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from trunkline.catalog.merge import Layer, merge_facts
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.facts import Facts
from trunkline.providers.headers import fields_of_beta, split_betas
from trunkline.providers.provider import Again, Lesson, Relearned

_TEXT_LIMIT: Final = 16_384

_TEACHING: Final = frozenset({
    Kind.INVALID_REQUEST, Kind.UNSUPPORTED, Kind.UPSTREAM_FAILED, Kind.NOT_FOUND, Kind.PERMISSION, Kind.INTERNAL,
})  # fmt: skip
"""Limits, overload, bad credentials, long prompts and timeouts say nothing about the form of a request."""

_NAME: Final = r"[\"'`]?(?P<name>[A-Za-z_][\w.\[\]]*)[\"'`]?"
_UNKNOWN_FIELD: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"unknown field [\\\"'`]+(?P<name>[\w.]+)",
        r"(?P<name>[\w.]+): Extra inputs are not permitted",
        r"(?i:un(?:known|supported|recognized) parameter(?:\(s\)|s)?): " + _NAME,
        r"extra_forbidden.{0,4}, ?.{0,2}loc.{1,3}: ?[\[(][\\\"']+body[\\\"']+, ?[\\\"']+(?P<name>\w+)[\\\"']+[\])]",
        r"Unrecognized request arguments? supplied: " + _NAME,
        r"property " + _NAME + r" is unsupported",
        r"Unknown name [\\\"'`]+(?P<name>[\w.]+)[\\\"'`]+(?: at [^:]*)?: Cannot find field",
    )
)
_UNSIGNED: Final = re.compile(r"missing an? [`'\"]?thought_?signature", re.IGNORECASE)
"""The wording varies around it (databricks.md 4.6)."""
_RESPONSES: Final = re.compile(
    r"only supported in v1/responses|use (?:the )?(?:/?v1/responses|responses api) instead", re.IGNORECASE
)
_SEARCHES: Final = r"web[ _](?:search|fetch)(?:_\d{8})?"
_NO_SERVER_TOOLS: Final = re.compile(
    r"Input tag [\\\"'`]*(?:(?:web_search|web_fetch|code_execution|tool_search_tool|advisor)_\w+|server_tool_use)[\\\"'`]* found using"
    r"(?![^\n]*expected tags:[^\n]*(?:web_search_|web_fetch_|code_execution_|server_tool_use))"
    rf"|{_SEARCHES}[\\\"'`]*(?: tools?)? (?:is|are) (?:not (?:supported|available|allowed|enabled)|unsupported)"
    rf"|(?:unknown|unsupported|invalid)(?: server| hosted)? (?:tool(?: type)?|variant)[\s:\\\"'`]+{_SEARCHES}"
    r"|server(?:-side)? tools are (?:not supported|unsupported)"
    r"|tools(?:\.\d+\.|\[\d+\]\.|[\\\"']+, ?\d+, ?[\\\"']+)input_schema\b[^\n]{0,40}Field required",
    re.IGNORECASE,
)
"""Anthropic's validator, which lists what it expects: one that runs other server tools refuses a version or
wants a beta, and teaches nothing. Servers that know functions alone miss the schema of one."""
_INDEX: Final = re.compile(r"\[\d+\]|\.\d+(?=\.|$)|^(?:body|request)\.")
_TAGS: Final = re.compile(
    r"(?<=content\.)(?:text|image|document|tool_use|tool_result|thinking|redacted_thinking|search_result)\.(?=\w)"
)
_ESSENTIAL: Final = frozenset({
    "model", "messages", "tools", "stream", "system", "messages.role", "messages.content", "messages.tool_calls",
    "messages.tool_call_id", "tools.function", "tools.name", "tools.input_schema", "tools.type",
    "tools.function.name", "tools.function.parameters", "messages.content.type", "messages.content.text",
    "input", "input.type", "input.role", "input.content", "input.call_id", "input.name", "input.arguments",
    "input.output", "instructions", "tools.parameters", "contents", "contents.role", "contents.parts",
    "systemInstruction",
})  # fmt: skip
"""Never given up: without them it is another request."""

_SWITCHES: Final[dict[str, Layer]] = {
    "temperature": {"sampling": False},
    "parallel_tool_calls": {"parallel_switch": False},
    "stream_options": {"stream_options": False},
    "reasoning_effort": {"reasoning": "none", "effort_levels": ()},
    "thinking": {"reasoning": "none", "effort_levels": (), "reasoning_switch": "none"},
    "enable_thinking": {"reasoning_switch": "none"},
    "reasoning": {"reasoning_switch": "none"},
    "chat_template_kwargs": {"reasoning_switch": "none"},
    "tools.function.strict": {"strict_tools": False},
    "tools.strict": {"strict_tools": False},
    "tools.defer_loading": {"deferred_tools": False},
    "max_tokens": {"max_tokens_field": "max_completion_tokens"},
    "max_completion_tokens": {"max_tokens_field": "max_tokens"},
}
"""Refused fields that an ability stands for."""


def text_of(error: GatewayError) -> str:
    """All that the upstream said: the message and, beside it, the raw body."""
    raw = b"" if error.raw is None else error.raw[:_TEXT_LIMIT]
    return f"{error.message}\n{raw.decode('utf-8', 'replace')}"


def teaches(error: GatewayError) -> bool:
    """Whether this kind of error can be about the form of the request at all."""
    return not error.local and error.kind in _TEACHING


def learn_from(protocol: str, facts: Facts, error: GatewayError) -> Lesson | None:
    """The lesson of a refusal over ``protocol``, asked with ``facts``; None when there is none or it was known."""
    if not teaches(error):
        return None
    text = text_of(error)
    for row in _TABLE:
        match = row.pattern.search(text)
        if match:
            layer = row.lesson(match, facts)
            return Again(row.why) if layer is None else _relearned(facts, layer, row.why)
    if protocol == "gemini" and _UNSIGNED.search(text):
        return _relearned(facts, {"skip_proofs": True}, "calls want a signature or the word for none")
    if protocol == "anthropic_messages" and _NO_SERVER_TOOLS.search(text):
        return _relearned(facts, {"server_tools": False}, "the upstream runs no server tools")
    return _refused_field(protocol, facts, text)


def wants_responses(error: GatewayError) -> bool:
    """Whether OpenAI refuses a model, or what was asked of it, over Chat and sends to Responses instead."""
    return teaches(error) and _RESPONSES.search(text_of(error)) is not None


def _relearned(facts: Facts, layer: Layer, why: str) -> Relearned | None:
    learned = merge_facts(facts, layer)
    return None if learned == facts else Relearned(learned, why)


def _refused_field(protocol: str, facts: Facts, text: str) -> Relearned | None:
    for pattern in _UNKNOWN_FIELD:
        match = pattern.search(text)
        if match:
            name = _field_path(match["name"], protocol)
            if name in _ESSENTIAL:
                return None
            layer = {**_SWITCHES.get(name, {}), "drop": frozenset({name})}
            return _relearned(facts, layer, f"the upstream refuses {name}")
    return None


def _field_path(name: str, protocol: str) -> str:
    """A vendor's path to a field as we spell it: no indexes, no tags of unions."""
    path = _TAGS.sub("", _INDEX.sub("", name)).strip(".")
    inner = "tools.function." if protocol == "openai_chat" else "tools."
    return re.sub(r"^tools\.(?:custom|function)\.", inner, path)


class _Row(NamedTuple):
    pattern: re.Pattern[str]
    lesson: Callable[[re.Match[str], Facts], Layer | None]
    """What to change; None: nothing, ask again."""
    why: str


def _always(layer: Layer) -> Callable[[re.Match[str], Facts], Layer]:
    return lambda match, facts: layer


def _cap_of(match: re.Match[str], facts: Facts) -> Layer:
    limit = next(int(text) for text in match.groups() if text is not None)
    known = facts.max_output_tokens
    return {"max_output_tokens": limit if known is None else min(known, limit)}


def _levels(match: re.Match[str], facts: Facts) -> Layer:
    return {"effort_levels": tuple(re.findall(r"[\"'`](\w+)[\\\"'`]", match["levels"]))}


def _betas(match: re.Match[str], facts: Facts) -> Layer:
    """The named betas and the fields that need them; all betas when none is named."""
    named = [
        beta for quoted in re.findall(r"`([^`]+)`", match["named"] or "") for beta in split_betas(quoted)
    ]
    refused = frozenset(beta for beta in named if beta != "anthropic-beta")
    if not refused:
        return {"betas": frozenset[str]()}
    fields = frozenset[str]().union(*(fields_of_beta(beta) for beta in refused))
    return {"drop_betas": refused, "drop": fields}


def _row(pattern: str, lesson: Callable[[re.Match[str], Facts], Layer | None], why: str) -> _Row:
    return _Row(re.compile(pattern, re.IGNORECASE), lesson, why)


_Q: Final = r"[\\\"'`]*"

_TABLE: Final = (
    _row(
        rf"max_tokens{_Q} is not supported with this model|use {_Q}max_completion_tokens{_Q} instead",
        _always({"max_tokens_field": "max_completion_tokens"}),
        "the output limit is called max_completion_tokens",
    ),
    _row(
        r"(?:max_tokens|max_completion_tokens)\W+(?:\d+\W+)?cannot exceed (\d+)"
        r"|max_tokens: \d+ > (\d+)|supports at most (\d+) completion tokens"
        rf"|max_tokens{_Q} must be less than or equal to {_Q}(\d+)"
        r"|valid range of max_tokens is \[\d+, ?(\d+)\]",
        _cap_of,
        "the output limit is lower",
    ),
    _row(
        rf"temperature{_Q} and {_Q}top_p{_Q} cannot both",
        _always({"temperature_with_top_p": False}),
        "temperature and top_p exclude each other",
    ),
    _row(
        rf"does not support the temperature parameter|{_Q}temperature{_Q} (?:does not support|is deprecated for this model)",
        _always({"sampling": False}),
        "no sampling parameters",
    ),
    _row(
        rf"thinking\.type\.enabled{_Q} is not supported",
        _always({"reasoning": "adaptive"}),
        "thinking is asked for as adaptive",
    ),
    _row(
        r"adaptive thinking is not supported",
        _always({"reasoning": "budget"}),
        "thinking is asked for with a budget",
    ),
    _row(
        r"thinking\.type\.disabled" + _Q + r" is not supported|thinking cannot be disabled",
        _always({"reasoning_always": True}),
        "thinking cannot be switched off",
    ),
    _row(
        r"Structured output is not currently supported with streaming",
        _always({"structured_stream": False}),
        "structured output comes whole only",
    ),
    _row(
        r"Multiple tool calls are not supported",
        _always({"single_calls": True}),
        "one call a turn in the history",
    ),
    _row(
        r"did not respect the required format",
        lambda match, facts: None,
        "the model's output was malformed by chance",
    ),
    _row(r"assistant message prefill|prefill", _always({"prefill": False}), "no assistant turn at the end"),
    _row(
        r"Unexpected value\(s\) (?P<named>.*?) for the `?anthropic-beta|invalid beta flag",
        _betas,
        "a beta is not taken here",
    ),
    _row(
        r"reasoning_effort" + _Q + r".{0,80}Supported values are: (?P<levels>[^.]*)",
        _levels,
        "other effort levels",
    ),
    _row(
        r"reasoning_content" + _Q + r" (?:is missing|field in the assistant|.{0,40}must be passed back)",
        _always({"reasoning_history": "reasoning_content", "reasoning_required": True}),
        "turns with calls must bring their reasoning back",
    ),
    _row(r"roles must alternate", _always({"alternate": True}), "neighbours of one role become one turn"),
    _row(
        r"maximum of (\d+) blocks with cache_control",
        lambda match, facts: {"mark_limit": int(match[1])},
        "so many cache marks are taken",
    ),
    _row(
        r"(?:unexpected role|role)\W+system\W+(?:is )?(?:not |un)(?:supported|allowed|permitted)|unexpected role \W*system",
        _always({"late_system": False}),
        "instructions only at the start",
    ),
    _row(
        r"tool_choice.{0,60}(?:forces tool use|required).{0,60}not (?:supported|compatible|allowed)",
        _always({"forced_tools": False}),
        "no tool can be forced",
    ),
)
"""First match wins; what is not here may still be a refused field."""
