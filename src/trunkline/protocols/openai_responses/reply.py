"""The response object around an answer: its head, and the request's own settings echoed back (E75)."""

from typing import Final

from msgspec import Raw

from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.types import Request
from trunkline.protocols.codec import ReplyContext
from trunkline.protocols.openai_responses.effort import encode_reasoning
from trunkline.protocols.openai_responses.errors import failure
from trunkline.protocols.openai_responses.ledger import Ledger
from trunkline.protocols.openai_responses.request_encode import encode_text
from trunkline.protocols.openai_responses.tool_encode import encode_choice, encode_tools
from trunkline.protocols.openai_responses.wire import encode

Fields = dict[str, object]
_OPEN: Final = Facts(reasoning="effort")
"""A client's request is echoed as it was, whatever the model behind takes."""
_ECHOED: Final = frozenset(
    {
        "metadata",
        "truncation",
        "background",
        "top_logprobs",
        "max_tool_calls",
    }
)


def response_id(reply_id: str) -> str:
    """The answer's id, equal over a stream."""
    return f"resp_{reply_id}"


def head(context: ReplyContext) -> Fields:
    """The fields that stand before the status: who answers, and when."""
    return {
        "id": response_id(context.id),
        "object": "response",
        "created_at": context.created,
        "model": context.model,
    }


def outcome(
    status: str,
    output: list[object],
    usage: object | None,
    *,
    reason: str | None = None,
    error: GatewayError | None = None,
) -> Fields:
    """The fields that change while an answer is made."""
    return {
        "status": status,
        "error": None if error is None else failure(error),
        "incomplete_details": None if reason is None else {"reason": reason},
        "output": output,
        "usage": usage,
    }


def echo(context: ReplyContext) -> Fields:
    """The request's settings, as the schema wants them in an answer; defaults where nothing was said."""
    request = context.request
    found: Fields = {
        "instructions": None,
        "max_output_tokens": None,
        "parallel_tool_calls": True,
        "previous_response_id": context.previous,
        "reasoning": {"effort": None, "summary": None},
        "store": context.kept,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "user": None,
        "metadata": {},
    }
    if request is None:
        return found
    ledger = Ledger(request, _OPEN)
    said: Fields = {
        "max_output_tokens": request.max_tokens,
        "parallel_tool_calls": request.parallel_tool_calls,
        "reasoning": encode_reasoning(request, ledger),
        "temperature": request.sampling.temperature,
        "text": _text(request, ledger),
        "tool_choice": encode_choice(request.tool_choice, request.tools, ledger),
        "tools": encode_tools(request, ledger) if context.tools is None else context.tools,
        "top_p": request.sampling.top_p,
        "user": request.user,
        "service_tier": request.service_tier,
        "prompt_cache_key": request.prompt_cache_key,
    }
    said |= {extra.name: extra.raw for extra in request.extras if extra.name in _ECHOED}
    found.update((name, value) for name, value in said.items() if value is not None)
    return found


def repeat_tools(request: Request) -> Raw:
    """The tools as :func:`echo` has them."""
    return Raw(encode(encode_tools(request, Ledger(request, _OPEN))))


def _text(request: Request, ledger: Ledger) -> Fields:
    return {"format": {"type": "text"}, **(encode_text(request, ledger) or {})}


def echo_bytes(context: ReplyContext) -> bytes:
    """The echo as the tail of a JSON object, made once for the three events that hold it."""
    return encode(echo(context))[1:]
