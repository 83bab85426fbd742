"""The wire as we read it: only the fields that mean something to us, every one optional.

Requests are strict about types (a client hears what is wrong), answers are as loose as vendors are.
"""

import msgspec
from msgspec import Raw, Struct

NAME = "openai_chat"
ERROR_PREFIX = "Error: "
"""Stands before a tool result that is an error; the protocol has no flag for it (E37)."""

Number = int | float


class WireCache(Struct):
    """``cache_control`` of OpenRouter and Databricks."""

    ttl: str | None = None


class WireFunction(Struct):
    """Name and arguments of a call. Arguments are text, or an object on Ollama and friends (E26)."""

    name: str | None = None
    arguments: str | dict[str, Raw] | None = None


class WireCustom(Struct):
    """A freeform call."""

    name: str | None = None
    input: str | None = None


class WireSignature(Struct):
    """``google`` of ``extra_content``."""

    thought_signature: str | None = None


class WireExtraContent(Struct):
    """``extra_content`` of Google's compatible route."""

    google: WireSignature | None = None


class WireCall(Struct):
    """A tool call: whole in messages, in pieces in chunks."""

    index: int | None = None
    id: str | int | None = None
    type: str | None = None
    function: WireFunction | None = None
    custom: WireCustom | None = None
    thought_signature: str | None = msgspec.field(name="thoughtSignature", default=None)
    extra_content: WireExtraContent | None = None
    cache_control: WireCache | None = None

    @property
    def key(self) -> str:
        """What the call is called, empty for nothing; some servers number their calls."""
        return "" if self.id is None else str(self.id)

    @property
    def proof(self) -> str | None:
        """The vendor's proof bound to the call, under either of its names."""
        if self.thought_signature is not None or self.extra_content is None:
            return self.thought_signature
        google = self.extra_content.google
        return None if google is None else google.thought_signature


class WireDetail(Struct):
    """An entry of ``reasoning_details`` or of a Databricks ``summary`` list."""

    type: str | None = None
    text: str | None = None
    summary: str | None = None
    signature: str | None = None
    data: str | None = None
    index: int | None = None
    format: str | None = None


class WireUrl(Struct):
    """``image_url``."""

    url: str
    detail: str | None = None


class WireFile(Struct):
    """``file``: data URL or id."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class WireAudio(Struct):
    """``input_audio``."""

    data: str
    format: str = "wav"


class WirePart(Struct):
    """One element of a content list: OpenAI's parts, Databricks' reasoning, Mistral's thinking."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    image_url: WireUrl | str | None = None
    file: WireFile | None = None
    input_audio: WireAudio | None = None
    summary: list[WireDetail] | None = None
    thinking: str | list[WireDetail] | None = None
    citations: list[Raw] | None = None
    document_url: str | None = None
    document_name: str | None = None
    cache_control: WireCache | None = None


class WireMessage(Struct):
    """One message of a request."""

    role: str
    content: str | list[Raw] | None = None
    name: str | None = None
    tool_calls: list[WireCall] | None = None
    tool_call_id: str | None = None
    function_call: WireFunction | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Raw] | None = None
    cache_control: WireCache | None = None


class WireFunctionTool(Struct):
    """``function`` of a tool, and an element of the legacy ``functions``."""

    name: str
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None
    cache_control: WireCache | None = None


class WireNamed(Struct):
    """Anything of which only the name matters."""

    name: str


class WireCustomTool(Struct):
    """``custom`` of a tool."""

    name: str
    description: str | None = None
    format: Raw = Raw()


class WireTool(Struct):
    """One element of ``tools``."""

    type: str = "function"
    function: WireFunctionTool | None = None
    custom: WireCustomTool | None = None
    name: str | None = None
    cache_control: WireCache | None = None


class WireAllowedTool(Struct):
    """An element of ``allowed_tools.tools``."""

    type: str = "function"
    function: WireNamed | None = None
    custom: WireNamed | None = None
    name: str | None = None


class WireAllowed(Struct):
    """``allowed_tools`` of a tool choice."""

    mode: str = "auto"
    tools: list[WireAllowedTool] = []


class WireChoice(Struct):
    """``tool_choice`` in its object form."""

    type: str = "function"
    function: WireNamed | None = None
    custom: WireNamed | None = None
    allowed_tools: WireAllowed | None = None


class WireReasoning(Struct):
    """``reasoning`` (OpenRouter)."""

    effort: str | None = None
    max_tokens: int | None = None
    enabled: bool | None = None


class WireThinking(Struct):
    """``thinking`` (DeepSeek, Z.ai, Claude behind Databricks)."""

    type: str | None = None
    budget_tokens: int | None = None
    display: str | None = None


class WireSchema(Struct):
    """``json_schema`` of a response format."""

    name: str | None = None
    schema: Raw = Raw()
    strict: bool | None = None
    description: str | None = None


class WireFormat(Struct):
    """``response_format``."""

    type: str
    json_schema: WireSchema | None = None


class WireStreamOptions(Struct):
    """``stream_options``."""

    include_usage: bool | None = None


class WireEffort(Struct):
    """``output_config`` as Claude behind Chat takes it."""

    effort: str | None = None


class WireRequest(Struct, forbid_unknown_fields=True):
    """The request. The Raw fields at the end are known, but mean something to their protocol only."""

    model: str
    messages: list[WireMessage]
    tools: list[WireTool] | None = None
    functions: list[WireFunctionTool] | None = None
    tool_choice: str | WireChoice | None = None
    function_call: str | WireNamed | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    reasoning_effort: str | None = None
    reasoning: WireReasoning | None = None
    thinking: WireThinking | None = None
    output_config: WireEffort | None = None
    response_format: WireFormat | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: WireStreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    user: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    cache_control: WireCache | None = None
    n: int | None = None


class WireOpenRequest(WireRequest, forbid_unknown_fields=False):
    """The same, for requests with fields outside our vocabulary."""


class WirePromptDetails(Struct, gc=False):
    """``prompt_tokens_details``."""

    cached_tokens: Number | None = None
    cache_write_tokens: Number | None = None


class WireCompletionDetails(Struct, gc=False):
    """``completion_tokens_details``."""

    reasoning_tokens: Number | None = None


class WireCacheCreation(Struct, gc=False):
    """``cache_creation`` of Claude behind Chat."""

    ephemeral_1h_input_tokens: Number | None = None


class WireUsage(Struct):
    """``usage``, with every place where vendors put cache and reasoning counts."""

    prompt_tokens: Number | None = None
    completion_tokens: Number | None = None
    total_tokens: Number | None = None
    prompt_tokens_details: WirePromptDetails | None = None
    completion_tokens_details: WireCompletionDetails | None = None
    reasoning_tokens: Number | None = None
    cache_read_input_tokens: Number | None = None
    cache_creation_input_tokens: Number | None = None
    cache_creation: WireCacheCreation | None = None
    prompt_cache_hit_tokens: Number | None = None


class WireGroq(Struct):
    """``x_groq``."""

    usage: WireUsage | None = None


class WireDelta(Struct):
    """The message of an answer, or a piece of it."""

    content: str | list[Raw] | dict[str, Raw] | None = None
    """An object is Cloudflare's structured output."""
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Raw] | None = None
    refusal: str | None = None
    tool_calls: list[WireCall] | None = None
    function_call: WireFunction | None = None
    annotations: list[Raw] | None = None
    images: list[Raw] | None = None  # generated ones, as OpenRouter sends them


class WireAnswerChoice(Struct):
    """One choice of an answer or of a chunk."""

    index: int | None = None
    delta: WireDelta | None = None
    message: WireDelta | None = None
    finish_reason: str | None = None
    native_finish_reason: str | int | None = None
    """OpenRouter: the word of the server behind it."""
    stop_reason: str | int | None = None
    """vLLM: the stop string that matched."""
    error: Raw = Raw()


class WireAnswer(Struct):
    """A whole answer or one chunk; an error body under status 200 fits too."""

    id: str | None = None
    model: str | None = None
    created: Number | None = None
    choices: list[WireAnswerChoice] | None = None
    delta: WireDelta | None = None
    """Older Databricks agents put it here, with ``choices`` empty."""
    usage: WireUsage | None = None
    x_groq: WireGroq | None = None
    error: Raw = Raw()
    error_code: str | int | None = None
    message: str | None = None


REQUEST = msgspec.json.Decoder(WireRequest)
OPEN_REQUEST = msgspec.json.Decoder(WireOpenRequest)
KNOWN_FIELDS = frozenset(WireRequest.__struct_encode_fields__)
PART = msgspec.json.Decoder(WirePart)
CALL = msgspec.json.Decoder(WireCall)
DETAIL = msgspec.json.Decoder(WireDetail)
ANSWER = msgspec.json.Decoder(WireAnswer)
TEXT = msgspec.json.Decoder(str)
OBJECT = msgspec.json.Decoder(dict[str, Raw])
ENCODER = msgspec.json.Encoder()


def arguments_text(arguments: str | dict[str, Raw] | None) -> str:
    """Arguments of a call as text: a string as it is, an object compactly, null as nothing (E26)."""
    if isinstance(arguments, str):
        return arguments
    if arguments is None:
        return ""
    return msgspec.json.format(ENCODER.encode(arguments), indent=-1).decode()


def checked(raw: Raw) -> Raw:
    """``raw`` itself. Raises UnicodeDecodeError: what is carried undecoded must be text too."""
    data = bytes(raw)
    if not data.isascii():
        data.decode()
    return raw


def present(raw: Raw) -> bool:
    """Whether a field was there and was not null."""
    return bool(raw) and bytes(raw) != b"null"


def escape_separators(data: bytes) -> bytes:
    """JSON with U+2028 and U+2029 escaped: some clients take them for line ends."""
    if b"\xe2\x80" not in data:
        return data
    return data.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
