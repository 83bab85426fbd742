"""The body for one surface: the client's own bytes where the protocols match, an encoding elsewhere."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.losses import Loss
from trunkline.core.types import OutputFormat
from trunkline.protocols.codec import Carrier, Encoded, ProviderCodec
from trunkline.protocols.openai_responses.compaction import MARK
from trunkline.providers.provider import Provider, Surface
from trunkline.relay.course import Course
from trunkline.relay.looking import looking_for
from trunkline.relay.ports import Loop
from trunkline.relay.rounds import Rounds
from trunkline.relay.searching import FOUND_BY_US, searching_for
from trunkline.transforms.chain import Chain

_PASSED: Final = Encoded(body=b"")
_VENDORS_USE: Final = b'"server_tool_use"'
_WANTED: Final = frozenset({"system.attribution"})
"""Left behind on purpose, and nothing that a user could miss: no reason to refuse in strict mode."""


class Prepared(Struct, frozen=True, kw_only=True):
    """A request ready to be sent to ``surface``."""

    surface: Surface
    codec: Carrier | ProviderCodec
    """Of the surface's protocol; with ``passthrough`` the client's own."""
    body: bytes
    losses: tuple[Loss, ...]
    encoded: Encoded
    """How to undo renamings in the answer."""
    rounds: Loop | None = None
    """Set where the model was offered tools that are run here."""
    stream: bool
    """Asked for as a stream. Not as the client did: a whole answer is streamed by us, or a stream put together."""
    passthrough: bool
    """The answer goes to the client as it comes."""
    chain: Chain | None = None
    """What the provider's transforms do to the answer."""


def prepare(course: Course, provider: Provider, surface: Surface, *, reencode: bool) -> Prepared:
    """The request for ``surface``. ``reencode``: a pass-through was refused and its lesson needs more than an edit.

    Raises GatewayError: INVALID_REQUEST for what cannot be carried, or for any loss in strict mode.
    """
    same = surface.protocol == course.inbound.codec.name
    stream = course.peek.stream
    if stream and not surface.facts.structured_stream:
        stream = not _waits_for(course.request.output_format, surface)
    stream = stream or surface.facts.stream_only
    rounds = rounds_for(course, surface)
    chain = None if course.carried is not None else course.services.chain(surface.facts)
    if same and not (
        reencode
        or stream is not course.peek.stream
        or rounds is not None
        or (chain is not None and chain.requests)
        or _summarises(course, surface)
        or _shows_searches(course, surface)
        or _restores(course, surface)
    ):
        prepared = _pass(course, course.inbound.codec, provider, surface, chain)
    else:
        codec = course.services.targets[surface.protocol]
        prepared = _encode(course, codec, provider, surface, rounds, chain, stream=stream)
    if course.services.strict and (losses := [one for one in prepared.losses if one.field not in _WANTED]):
        raise _refused(surface, losses)
    return prepared


def _waits_for(wanted: OutputFormat | None, surface: Surface) -> bool:
    """Whether a form of the answer is worth its stream."""
    return wanted is not None and not (surface.facts.live_json and wanted.kind == "json_object")


def rounds_for(course: Course, surface: Surface) -> Loop | None:
    """The tools that we run for this exchange at ``surface``; None when nobody needs any."""
    if course.carried is not None:
        return None
    if course.rounds is not None and course.rounds.begun:
        return course.rounds
    course.rounds = None
    if course.eyes or course.services.finder is not None:
        helpers = [one for one in (looking_for(course), searching_for(course, surface)) if one is not None]
        course.rounds = Rounds(course, helpers) if helpers else None
    return course.rounds


def unchanged(surface: Surface, codec: Carrier) -> Prepared:
    """What says of an answer that it goes to the client as it comes."""
    return Prepared(
        surface=surface, codec=codec, body=b"", losses=(), encoded=_PASSED, stream=True, passthrough=True
    )


def _shows_searches(course: Course, surface: Surface) -> bool:
    """Whether the history has a search whose blocks are not taken: one that was done here, which no vendor takes
    for its own, or a vendor's own where none is run."""
    body = course.inbound.body
    if surface.protocol == "anthropic_messages" and not surface.facts.server_tools and _VENDORS_USE in body:
        return True
    return course.services.finder is not None and FOUND_BY_US in body


def _restores(course: Course, surface: Surface) -> bool:
    """Whether proofs have to be put back that the client's own bytes lack: it speaks the protocol, not the dialect."""
    if not surface.facts.dialect or not len(course.services.proofs):
        return False
    return course.request_for(surface.facts) is not course.request


def _summarises(course: Course, surface: Surface) -> bool:
    """Whether the conversation is to be made short (openai_responses), which the provider cannot do by itself."""
    if surface.protocol != "openai_responses" or surface.facts.compacts:
        return False
    return MARK in course.inbound.body


def _pass(
    course: Course, codec: Carrier, provider: Provider, surface: Surface, chain: Chain | None
) -> Prepared:
    body, dropped = course.drop_foreign_proofs(surface.facts.origin)
    if course.keeper is not None:
        body = course.keeper.passed(provider.name, surface, body)
    body = course.rename(body, surface.deployment)
    body, edited = provider.edit(surface, body, course.inbound.headers)
    return Prepared(
        surface=surface,
        codec=codec,
        body=body,
        losses=(*dropped, *edited),
        encoded=_PASSED,
        stream=course.peek.stream,
        passthrough=not surface.facts.dialect,
        chain=chain,
    )


def _encode(
    course: Course,
    codec: ProviderCodec,
    provider: Provider,
    surface: Surface,
    rounds: Loop | None,
    chain: Chain | None,
    *,
    stream: bool,
) -> Prepared:
    request = course.request_for(surface.facts)
    request = replace(request, model=surface.deployment, stream=stream)
    if rounds is not None:
        request = rounds.offered(request)
    if chain is not None:
        request = chain.asked(request)
    if course.keeper is not None:
        course.keeper.encoded()
    encoded = course.encode(codec, request, surface.facts)
    body, edited = provider.edit(surface, encoded.body, course.inbound.headers)
    return Prepared(
        surface=surface,
        codec=codec,
        body=body,
        losses=(*encoded.losses, *edited),
        encoded=encoded,
        rounds=rounds,
        stream=stream,
        passthrough=False,
        chain=chain,
    )


def _refused(surface: Surface, losses: Sequence[Loss]) -> GatewayError:
    fields = ", ".join(dict.fromkeys(loss.field for loss in losses))
    first = losses[0]
    return GatewayError(
        Kind.INVALID_REQUEST,
        f"strict mode: {surface.facts.provider or 'the provider'} cannot express {fields}"
        f" ({first.field}: {first.why})",
        field=first.field,
        code="strict_loss",
        should_retry=False,
    )
