"""Token counting: the upstream's own count where it has one, else our estimate (protocols.md E112)."""

import asyncio

import msgspec
from msgspec.structs import replace

from trunkline.accounting.estimate import estimate_tokens
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpRequest
from trunkline.core.splice import splice
from trunkline.core.usage import Usage
from trunkline.protocols.codec import CountCodec
from trunkline.providers.provider import Surface
from trunkline.relay.attempt import credentialed, read_error_body
from trunkline.relay.course import Course
from trunkline.routing.plan import Target

COUNT_SECONDS = 10.0
"""A client waits for the count before it sends the real request: an estimate now is better than a count later."""

NAMED_FOR = "anthropic_messages"
"""The protocol whose clients are told the tokenizer too, as by claude-code-router."""


async def count_tokens(course: Course, target: Target) -> None:
    """Answer a count_tokens request. An upstream that fails costs precision, never the answer."""
    counter = course.services.counters.get(course.inbound.codec.name)
    if counter is None:
        raise GatewayError(
            Kind.UNSUPPORTED, f"{course.inbound.codec.name} has no operation that counts tokens"
        )
    body = await _by_tokenizer(course, target, counter)
    if body is None and (surface := _counting_surface(course, target)) is not None:
        body = await _ask(course, target, surface)
    if body is None:
        tokens = estimate_tokens(course.inbound.body)
        course.journal.usage = Usage(input=tokens, estimated=True)
        body = counter.encode_count(tokens)
    await course.delivery.whole(body)


async def _by_tokenizer(course: Course, target: Target, counter: CountCodec) -> bytes | None:
    """The count of the model's own tokenizer, None where it has none or that cannot tell."""
    tokenizers = course.services.tokenizers
    own = None if tokenizers is None else tokenizers.named(target)
    if own is None:
        return None
    try:
        tokens = await own.of(course.inbound.body)
    except GatewayError as error:
        course.journal.explain(error.message)
        return None
    course.journal.usage = Usage(input=tokens)
    course.journal.explain(f"counted with {own.name}")
    body = counter.encode_count(tokens)
    if course.inbound.codec.name != NAMED_FOR:
        return body
    return splice(body, {"tokenizer": msgspec.json.encode(own.name)})


def _counting_surface(course: Course, target: Target) -> Surface | None:
    plugins = course.services.plugins
    if plugins is not None and plugins.concern(target.provider, target.deployment):
        return None  # where they would send it, and as whom, only they know
    for surface in course.services.surfaces_of(target):
        if surface.protocol == course.inbound.codec.name and surface.count_url is not None:
            return surface
    return None


async def _ask(course: Course, target: Target, surface: Surface) -> bytes | None:
    """The upstream's answer as it came, None when it has none."""
    began = course.services.clock.now()
    status: int | None = None
    failure: GatewayError | None = None
    try:
        async with asyncio.timeout(COUNT_SECONDS):
            status, body = await _exchange(course, target, surface)
        counter = course.services.counters[surface.protocol]
        course.journal.usage = Usage(input=counter.decode_count(body))
    except GatewayError as error:
        failure = error
        return None
    except TimeoutError:
        failure = GatewayError(
            Kind.TIMEOUT, f"{target} did not count within {COUNT_SECONDS:g} s", timeout="up.headers"
        )
        return None
    else:
        return body
    finally:
        course.journal.attempted(target, surface, began, status, failure)


async def _exchange(course: Course, target: Target, surface: Surface) -> tuple[int, bytes]:
    provider = course.services.providers[target.provider]
    codec = course.inbound.codec
    asked = replace(surface, url=surface.count_url or surface.url)
    body, _ = course.drop_foreign_proofs(surface.facts.origin)
    body = course.rename(body, surface.deployment)
    body, _ = provider.edit(asked, body, course.inbound.headers)
    headers = await credentialed(course, provider, surface)
    request = HttpRequest("POST", asked.url, headers, body)
    if surface.signed:
        request = await course.services.credentials.sign(provider.name, request)
    answer = await course.services.upstream.open(request, headers_timeout=COUNT_SECONDS)
    complete = False
    try:
        body, complete = await read_error_body(answer, headers)
        if answer.head.status != 200 or not complete:
            raise provider.read_error(surface, codec.decode_error(answer.head, body), answer.head)
        return 200, body
    finally:
        await answer.close(reuse=complete)
