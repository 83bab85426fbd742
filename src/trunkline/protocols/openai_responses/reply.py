"""The response object around an answer: its head, and the request's own settings echoed back (E75)."""

from typing import Final

from msgspec import UNSET, Raw, Struct, UnsetType, field

from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.types import Request
from trunkline.protocols.codec import ReplyContext
from trunkline.protocols.openai_responses.effort import encode_reasoning
from trunkline.protocols.openai_responses.errors import failure
from trunkline.protocols.openai_responses.ledger import Ledger
from trunkline.protocols.openai_responses.request_encode import encode_text
from trunkline.protocols.openai_responses.tool_encode import encode_choice, encode_tools
from trunkline.protocols.openai_responses.usage import UsageOut
from trunkline.protocols.openai_responses.wire import encode

Fields = dict[str, object]
_OPEN: Final = Facts(reasoning="effort")
"""A client's request is echoed as it was, whatever the model behind takes."""
_PLAIN_TEXT: Final[Fields] = {"format": {"type": "text"}}


class _Changing(Struct, kw_only=True, gc=False):
    """Who answers and when, and what changes while an answer is made."""

    id: str
    type: str = field(default="response", name="object")
    created_at: int
    model: str
    status: str
    error: Fields | None
    incomplete_details: Fields | None
    output: list[object]
    usage: UsageOut | None


class _Settings(Struct, gc=False):
    """The request's settings, as the schema wants them in an answer; these values stand where nothing was said."""

    instructions: None = None
    max_output_tokens: int | None = None
    parallel_tool_calls: bool = True
    previous_response_id: str | None = None
    reasoning: object = Raw(b'{"effort":null,"summary":null}')
    store: bool = False
    temperature: float | None = None
    text: object = Raw(encode(_PLAIN_TEXT))
    tool_choice: object = "auto"
    tools: object = Raw(b"[]")
    top_p: float | None = None
    truncation: object = "disabled"
    user: str | None = None
    metadata: object = Raw(b"{}")
    service_tier: str | UnsetType = UNSET
    prompt_cache_key: str | UnsetType = UNSET


_ADDED: Final = frozenset({"background", "top_logprobs", "max_tool_calls"})
"""Settings that stand in an answer only where the request has them."""


def response_id(reply_id: str) -> str:
    """The answer's id, equal over a stream."""
    return f"resp_{reply_id}"


def answer(
    context: ReplyContext,
    settings: bytes,
    status: str,
    output: list[object],
    usage: UsageOut | None,
    *,
    reason: str | None = None,
    error: GatewayError | None = None,
) -> bytes:
    """The whole object. ``settings``: what :func:`echo` makes of the same context, once for a whole stream."""
    changing = _Changing(
        id=response_id(context.id),
        created_at=context.created,
        model=context.model,
        status=status,
        error=None if error is None else failure(error),
        incomplete_details=None if reason is None else {"reason": reason},
        output=output,
        usage=usage,
    )
    return encode(changing)[:-1] + settings


def echo(context: ReplyContext) -> bytes:
    """The request's settings as the tail of the JSON object, from the comma on."""
    found = _Settings(previous_response_id=context.previous, store=context.kept)
    request = context.request
    if request is None:
        return b"," + encode(found)[1:]
    found.max_output_tokens = request.max_tokens
    found.temperature, found.top_p = request.sampling.temperature, request.sampling.top_p
    found.user = request.user
    if request.parallel_tool_calls is not None:
        found.parallel_tool_calls = request.parallel_tool_calls
    if request.service_tier is not None:
        found.service_tier = request.service_tier
    if request.prompt_cache_key is not None:
        found.prompt_cache_key = request.prompt_cache_key
    shaped = request.reasoning or request.output_format or request.tool_choice
    if not (shaped or request.tools or request.extras):
        return b"," + encode(found)[1:]
    added = _shape(found, request, context.tools)
    return b"," + encode(found)[1:] if not added else b",%b,%b" % (encode(found)[1:-1], encode(added)[1:])


def _shape(found: _Settings, request: Request, tools: Raw | None) -> dict[str, Raw]:
    """Settings that are objects; what comes after all others is returned."""
    ledger = Ledger(request, _OPEN)
    if (reasoning := encode_reasoning(request, ledger)) is not None:
        found.reasoning = reasoning
    if (text := encode_text(request, ledger)) is not None:
        found.text = {**_PLAIN_TEXT, **text}
    if (choice := encode_choice(request.tool_choice, request.tools, ledger)) is not None:
        found.tool_choice = choice
    found.tools = encode_tools(request, ledger) if tools is None else tools
    for extra in request.extras:
        if extra.name == "truncation":
            found.truncation = extra.raw
        elif extra.name == "metadata":
            found.metadata = extra.raw
    return {extra.name: extra.raw for extra in request.extras if extra.name in _ADDED}


def repeat_tools(request: Request) -> Raw:
    """The tools as :func:`echo` has them."""
    return Raw(encode(encode_tools(request, Ledger(request, _OPEN))))
