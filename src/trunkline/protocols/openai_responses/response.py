"""Whole answers for a client of this protocol."""

from trunkline.core.types import Refusal, Response
from trunkline.protocols.codec import ReplyContext
from trunkline.protocols.openai_responses.output_encode import Declared, output_items
from trunkline.protocols.openai_responses.reply import answer, echo
from trunkline.protocols.openai_responses.usage import encode_usage, incomplete_reason


def encode_response(response: Response, context: ReplyContext) -> bytes:
    """See :meth:`Codec.encode_response`."""
    stop = response.stop
    refused = stop.reason == "refusal" and any(isinstance(part, Refusal) for part in response.content)
    reason = incomplete_reason(stop, refused=refused)
    output = output_items(
        response.content, context.id, Declared(context.request), reason == "max_output_tokens"
    )
    status = "completed" if reason is None else "incomplete"
    usage = encode_usage(response.usage)
    return answer(context, echo(context), status, output, usage, reason=reason)
