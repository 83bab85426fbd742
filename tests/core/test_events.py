"""A response and its stream say the same thing."""

import pytest
from msgspec import Raw

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import Failed, Finished, PartDelta, PartEnded, PartStarted, Started, fold, unfold
from trunkline.core.types import Opaque, Refusal, Response, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, Usage

CITATION = Opaque("anthropic_messages", "char_location", Raw(b'{"type":"char_location"}'))
RESPONSE = Response(
    id="msg_1",
    model="m",
    content=(
        Thinking(text="because", signature="sig", origin="o"),
        Thinking(redacted="opaque", origin="o"),
        Thinking(signature="only-a-signature", origin="o"),
        Text("hello", (CITATION,)),
        Refusal("no"),
        ToolCall(id="c1", name="Write", arguments='{"a": 1.0}'),
        ToolCall(id="c2", name="apply_patch", arguments="", kind="custom", proof="p"),
        Opaque("anthropic_messages", "server_tool_use", Raw(b"{}")),
    ),
    stop=Stop("tool_use", "tool_use"),
    usage=Usage(input=3, output=5, cache_read=2),
    created=7,
)


def test_fold_undoes_unfold() -> None:
    assert fold(unfold(RESPONSE)) == RESPONSE


def test_E6_signature_pieces_concatenate_and_usage_is_cumulative() -> None:
    from trunkline.core.events import SignatureDelta

    folded = fold(
        [
            Started("i", "m", Usage(input=10, output=1)),
            PartStarted(0, Thinking()),
            SignatureDelta(0, "ab"),
            SignatureDelta(0, "cd"),
            PartEnded(0),
            Finished(Stop("end"), Usage(output=9)),
        ]
    )
    assert folded.content == (Thinking(signature="abcd"),)
    assert folded.usage == Usage(input=10, output=9)


def test_E3_a_stream_without_end_is_truncated() -> None:
    with pytest.raises(GatewayError) as caught:
        fold([Started("i", "m"), PartStarted(0, Text("")), PartDelta(0, "hal")])
    assert caught.value.kind is Kind.TRUNCATED


def test_E4_the_streams_own_error_is_raised() -> None:
    error = GatewayError(Kind.OVERLOADED, "busy")
    with pytest.raises(GatewayError) as caught:
        fold([Started("i", "m"), Failed(error)])
    assert caught.value is error
