"""What one model at one provider takes over one protocol: limits, abilities and spellings, as data.

Encoders ask facts, never a provider's name. What an upstream teaches us with a refusal is a new
``Facts`` value, and the same request is encoded again.
"""

from typing import Literal

from msgspec import Struct

from trunkline.core.proofs import origin_tag


class Facts(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The merge *protocol default <- model facts <- provider quirks <- what was learned*.

    The defaults here describe a permissive server of the target protocol. ``provider`` and ``model``
    name the maker of proofs: the configured provider and the deployment as the plan named it.
    """

    provider: str = ""
    model: str = ""

    # Limits, in tokens.
    context_tokens: int | None = None
    min_output_tokens: int | None = None
    """The smallest output limit it accepts (OpenAI's Responses: 16)."""
    max_output_tokens: int | None = None
    """Cap of the output limit, and the value to send where the protocol demands one."""

    # Reasoning.
    reasoning: Literal["none", "effort", "budget", "adaptive", "budget_or_adaptive"] = "none"
    """How thinking is asked for: not at all, ``reasoning_effort``, ``thinking.budget_tokens``, or
    ``thinking: adaptive`` with ``output_config.effort``. In gemini "effort" is ``thinkingLevel``, "budget"
    is ``thinkingBudget``, and the adaptive ones are a budget that may be left to the model (-1)."""
    reasoning_switch: Literal[
        "none", "thinking", "enable_thinking", "both", "reasoning", "chat_template_kwargs"
    ] = "none"
    """openai_chat: the field that switches thinking on and off, beside an effort or in place of it; see
    :mod:`trunkline.core.thinking_switch`."""
    forced_thinking: bool = True
    """openai_chat: may think although a tool is forced; False: the switch goes off."""
    reasoning_always: bool = False
    """The model cannot be told not to think: "off" is not sent."""
    min_reasoning_tokens: int | None = None
    """gemini: the smallest thinking budget the model takes."""
    max_reasoning_tokens: int | None = None
    """gemini: the largest one."""
    effort_levels: tuple[str, ...] = ()
    """The levels it knows, weakest first; empty: any. Others are moved to the nearest."""
    reasoning_history: Literal[
        "none", "reasoning_content", "reasoning", "reasoning_details", "content_list"
    ] = "none"
    """openai_chat: where earlier thinking is sent back; ``content_list`` is Databricks' spelling."""
    reasoning_required: bool = False
    """openai_chat: every assistant turn with calls must carry the field above, ``""`` if it had none."""

    # Abilities.
    sampling: bool = True
    """Takes temperature, top_p and top_k."""
    temperature_with_top_p: bool = True
    top_k: bool = False
    """openai_chat: takes top_k although the protocol has no such field."""
    tools: bool = True
    """Takes tools at all."""
    forced_tools: bool = True
    """Takes a tool choice of ``any`` or a named tool."""
    prefill: bool = True
    """A conversation may end with an assistant message."""
    late_system: bool = True
    """Takes instructions in the middle of a conversation."""
    images: bool = True
    image_urls: bool = True
    """Fetches http(s) image URLs by itself."""
    documents: bool = True
    audio: bool = True
    parallel_switch: bool = True
    """Takes the switch that forbids parallel calls."""
    single_calls: bool = False
    """Only one call per assistant turn in history: several are split into pairs."""
    strict_tools: bool = True
    custom_tools: bool = True
    """openai_responses: takes freeform tools; False: they go as functions with one string ``input``."""
    tool_groups: bool = True
    """openai_responses: takes tools grouped in namespaces; False: their names are flattened."""
    stores: bool = False
    """openai_responses: keeps answers, which can be retrieved and continued by their ids."""
    compacts: bool = False
    """openai_responses: has ``/responses/compact``."""
    structured: Literal["native", "tool", "none"] = "native"
    """How a JSON schema for the answer is enforced: its field, a forced tool, or not at all."""
    structured_stream: bool = True
    """Structured output works in streams; False: ask whole and stream the answer ourselves."""
    live_json: bool = False
    """A wish for just any JSON is left out of streams, rather than the whole answer waited for."""
    cache_marks: bool = False
    """openai_chat: takes ``cache_control`` on parts and tools."""
    mark_limit: int | None = None
    """So many cache marks are taken at the most; None: any number, as far as we know."""
    cache_ttl: bool = True
    """Cache marks may name a lifetime."""
    server_tools: bool = True
    """Not openai_chat: runs the vendor's own server tools."""
    search_options: bool = False
    """openai_chat: a search model, which takes ``web_search_options``."""
    deferred_tools: bool = True
    """anthropic_messages: takes ``defer_loading`` and ``tool_reference`` blocks."""
    tool_name_limit: int = 64
    stream_only: bool = False
    """Answers in streams only: a whole answer is put together by us."""

    # gemini only.
    schema_dialect: Literal["json_schema", "openapi_subset"] = "json_schema"
    """How schemas are written: JSON Schema in ``parametersJsonSchema`` and ``responseJsonSchema``, or the
    older subset in ``parameters`` and ``responseSchema``."""
    call_ids: bool = True
    """Takes ``id`` on function calls and responses."""
    result_parts: bool = True
    """Takes pictures and files inside a function response; False: they follow it as user parts."""
    skip_proofs: bool = False
    """Wants the documented skip value on calls without a signature of its own (Gemini 3)."""
    mixed_tools: bool = True
    """Takes server tools such as ``googleSearch`` beside functions."""
    structured_with_tools: bool = True
    """Enforces a format for the answer although functions are declared."""

    # Spellings of openai_chat.
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    developer_role: bool = False
    stream_options: bool = True
    null_content: bool = True
    """An assistant turn with calls and no text says ``content: null``; False: ``""``."""
    call_id_length: int | None = None
    """Ids of calls are exactly so many letters and digits (Mistral: 9); None: any."""
    alternate: bool = False
    """After the instructions, user and assistant turns alternate: neighbours of one role become one."""

    # What must stay behind.
    allow: frozenset[str] | None = None
    """The only top-level fields the upstream accepts; None: all."""
    drop: frozenset[str] = frozenset()
    """Fields it refuses, top-level or dotted (``tools.function.strict``); lists are walked through."""
    betas: frozenset[str] | None = None
    """anthropic_messages: the only ``anthropic-beta`` values it accepts; None: all."""
    drop_betas: frozenset[str] = frozenset()

    # Answers.
    dialect: bool = False
    """Answers deviate from the protocol and are mended even for a client of the same protocol."""

    @property
    def origin(self) -> str:
        """The tag that proofs made by this model carry; see :mod:`trunkline.core.proofs`."""
        return origin_tag(self.provider, self.model)
