"""Whole answers for a client of this protocol."""

from trunkline.core.types import Refusal, Response
from trunkline.protocols.codec import ReplyContext
from trunkline.protocols.openai_responses.output_encode import Declared, output_items
from trunkline.protocols.openai_responses.reply import echo, head, outcome
from trunkline.protocols.openai_responses.usage import encode_usage, incomplete_reason
from trunkline.protocols.openai_responses.wire import encode


def encode_response(response: Response, context: ReplyContext) -> bytes:
    """See :meth:`Codec.encode_response`."""
    refused = any(isinstance(part, Refusal) for part in response.content)
    reason = incomplete_reason(response.stop, refused=refused)
    output = output_items(
        response.content, context.id, Declared(context.request), reason == "max_output_tokens"
    )
    status = "completed" if reason is None else "incomplete"
    result = outcome(status, output, encode_usage(response.usage), reason=reason)
    return encode({**head(context), **result, **echo(context)})
