"""Requests, messages, parts and responses: the neutral form that every protocol is read into.

Turns are ordered parts. Tool results are parts of the user message that follows the calls. What a
client sent and we do not know is an ``Opaque`` part or an ``Extra`` field: kept for the protocol it
came from, a loss elsewhere. Raw JSON (schemas, arguments) is carried, never rewritten.
"""

from typing import Literal

from msgspec import Raw, Struct

from trunkline.core.search import Meaning, SearchTool
from trunkline.core.usage import Stop, Usage

Role = Literal["user", "assistant", "system", "developer"]


class CacheMark(Struct, frozen=True):
    """A prompt-cache breakpoint on a part or tool. ``ttl`` as the client wrote it, None for the default."""

    ttl: str | None = None


class Opaque(Struct, frozen=True):
    """A block of a kind we do not know, or of a kind only its own protocol has, as it came.

    ``text`` is a plain-language rendering where one exists, for targets that cannot take the block.
    """

    protocol: str
    kind: str
    raw: Raw
    text: str | None = None
    cache: CacheMark | None = None
    means: Meaning | None = None
    """What it says in neutral words, for the protocols that can say that too."""


class Text(Struct, frozen=True):
    """Plain text; ``citations`` are the vendor's own citation objects."""

    text: str
    citations: tuple[Opaque, ...] = ()
    cache: CacheMark | None = None
    phase: str | None = None
    """openai_responses: ``commentary`` or ``final_answer``."""


class Refusal(Struct, frozen=True):
    """Text in which the model declines, where the protocol marks it as such."""

    text: str


class Image(Struct, frozen=True, kw_only=True):
    """A picture: exactly one of ``data`` (base64), ``url`` or ``file_id``."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    detail: str | None = None
    cache: CacheMark | None = None


class Document(Struct, frozen=True, kw_only=True):
    """A file: exactly one of ``data`` (base64), ``url``, ``text``, ``parts`` or ``file_id``."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    text: str | None = None
    parts: tuple["Part", ...] | None = None
    file_id: str | None = None
    title: str | None = None
    context: str | None = None
    citations: bool | None = None
    cache: CacheMark | None = None


class Audio(Struct, frozen=True, kw_only=True):
    """Sound as base64 ``data`` in ``format`` (``wav``, ``mp3``...)."""

    data: str
    format: str


class Thinking(Struct, frozen=True, kw_only=True):
    """Reasoning: readable ``text`` and/or a proof that only its maker can check.

    ``signature`` vouches for ``text``; ``redacted`` is reasoning we cannot read at all. A part is
    real if any of the three is set. ``origin`` is the maker's tag (:mod:`trunkline.core.proofs`); None
    means that the maker is unknown.
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    origin: str | None = None


class ToolCall(Struct, frozen=True, kw_only=True):
    """A call the model wants run. ``arguments`` is the raw text received: usually a JSON object.

    ``kind`` "custom" marks a freeform tool whose ``arguments`` are the plain input text. ``proof`` is
    an opaque vendor proof bound to this call (Gemini's thoughtSignature), ``proof_origin`` its maker's tag
    as in :class:`Thinking`.
    """

    id: str
    name: str
    arguments: str
    kind: Literal["function", "custom"] = "function"
    proof: str | None = None
    cache: CacheMark | None = None
    namespace: str | None = None
    """The group the tool belongs to; ``name`` begins with it (see :class:`Tool`)."""
    vendor_type: str | None = None
    """The vendor's word for a typed client tool (``local_shell``), as on :class:`Tool`."""
    proof_origin: str | None = None


class ToolResult(Struct, frozen=True, kw_only=True):
    """The outcome of the call ``call_id``; ``content`` holds text, image, document or opaque parts."""

    call_id: str
    content: tuple["Part", ...] = ()
    is_error: bool = False
    cache: CacheMark | None = None


Part = Text | Refusal | Image | Document | Audio | Thinking | ToolCall | ToolResult | Opaque


class Message(Struct, frozen=True):
    """One turn. Role ``system`` or ``developer`` here is an instruction in the middle of a conversation."""

    role: Role
    content: tuple[Part, ...]
    name: str | None = None


class Tool(Struct, frozen=True, kw_only=True):
    """A tool the model may call.

    ``kind``: "function" has a JSON ``schema``; "custom" is freeform (``raw`` holds its format);
    "client" is a vendor's typed tool that the client runs (bash, text editor); "server" is run by
    the vendor (web search). For the last two ``vendor_type`` and ``raw`` are the vendor's own.
    """

    name: str
    kind: Literal["function", "custom", "client", "server"] = "function"
    description: str | None = None
    schema: Raw | None = None
    strict: bool | None = None
    deferred: bool = False
    vendor_type: str | None = None
    raw: Raw | None = None
    cache: CacheMark | None = None
    namespace: str | None = None
    """The group it was declared in, for protocols that have groups: ``name`` is ``namespace__own_name``."""
    namespace_description: str | None = None
    search: SearchTool | None = None
    """kind "server": the tool searches the web or reads pages, with these limits."""


class ToolChoice(Struct, frozen=True):
    """``any``: must call some tool; ``tool``: must call ``name``; ``allowed`` narrows to a subset."""

    mode: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    allowed: tuple[str, ...] = ()


class Reasoning(Struct, frozen=True, kw_only=True):
    """How much the model shall think, as the client put it; every field as far as it was said.

    ``mode`` None: nothing said about switching. ``effort``: none, minimal, low, medium, high, xhigh, max.
    """

    mode: Literal["off", "budget", "adaptive"] | None = None
    budget: int | None = None
    effort: str | None = None
    display: str | None = None


class OutputFormat(Struct, frozen=True, kw_only=True):
    """Structured output: ``json_schema`` with a schema, or any ``json_object``."""

    kind: Literal["json_schema", "json_object"]
    name: str | None = None
    schema: Raw | None = None
    strict: bool | None = None
    description: str | None = None


class Sampling(Struct, frozen=True, kw_only=True):
    """Knobs of the sampler; None means the client did not set it."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None


class Extra(Struct, frozen=True):
    """A request field outside the vocabulary, as it came; a loss in every other protocol."""

    name: str
    raw: Raw


class Request(Struct, frozen=True):
    """One generation request in the neutral form. ``protocol`` is what it was read from.

    The fields behind ``tools`` are given by name; with those before them too there may be more than 15 names, of which
    CPython makes a dict first.
    """

    protocol: str
    model: str
    messages: tuple[Message, ...]
    system: tuple[Text | Opaque, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    choices: int | None = None
    """How many answers were asked for. Answers have room for one: more stay with their protocol."""
    stream: bool = False
    stream_usage: bool = False
    """A Chat client asked for a usage chunk (``stream_options.include_usage``)."""
    reasoning: Reasoning | None = None
    output_format: OutputFormat | None = None
    sampling: Sampling = Sampling()
    user: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    cache: CacheMark | None = None
    """A top-level automatic cache mark."""
    extras: tuple[Extra, ...] = ()


class Response(Struct, frozen=True, kw_only=True):
    """One whole answer. ``created`` is a Unix time in seconds where the vendor gives one."""

    id: str
    model: str
    content: tuple[Part, ...]
    stop: Stop
    usage: Usage
    created: int | None = None
