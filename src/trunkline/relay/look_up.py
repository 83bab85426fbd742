"""Requests about a kept answer: from our own store, or asked of the provider that keeps it."""

from typing import Final
from urllib.parse import parse_qsl

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import Finished, Started
from trunkline.core.http import HttpRequest
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.codec import Peek
from trunkline.protocols.openai_responses import state
from trunkline.relay.answer import Answer as UpstreamReply
from trunkline.relay.attempt import credentialed, read_error_body
from trunkline.relay.course import Course
from trunkline.relay.inbound import Operation, Subject
from trunkline.relay.kept import Answer, Kept
from trunkline.relay.prepare import unchanged
from trunkline.routing.plan import Target

BELOW: Final[dict[Operation, str]] = {"list_input": "/input_items", "cancel": "/cancel"}
METHODS: Final[dict[Operation, str]] = {"delete": "DELETE", "cancel": "POST"}


async def prepare_only(course: Course) -> None:
    """Keep the request under an id and answer with nothing: what follows continues it (``generate: false``)."""
    # Codex prepares with tools and settings alone; else what is wrong with the request is said now.
    context = course.context() if state.input_items(course.inbound.body) else course.bare_context()
    encoder = course.codec.stream_encoder(context)
    opening = encoder.feed(Started(context.id, context.model))
    await course.delivery.content(opening + encoder.feed(Finished(Stop("end"), Usage(input=0, output=0))))


async def look_up(course: Course, subject: Subject) -> None:
    """Answer a request about ``subject``. Raises GatewayError (404) for one that is not kept."""
    inbound = course.inbound
    kept = course.services.answers.find(inbound.client, subject.answer_id)
    if kept is None:
        raise state.no_answer(subject.answer_id)
    if kept.answer.provider is not None:
        await _ask(course, subject, kept.answer)
    else:
        await course.delivery.whole(_tell(course, subject, kept))


def _tell(course: Course, subject: Subject, kept: Kept) -> bytes:
    answer_id = subject.answer_id
    query = dict(parse_qsl(subject.query))
    match course.inbound.operation:
        case "delete":
            course.services.answers.forget(course.inbound.client, answer_id)
            return state.deleted(answer_id)
        case "list_input":
            return state.page(kept.asked(), answer_id, query)
        case "cancel":
            raise _not_in_background("cancelled")
        case _:
            if query.get("stream") == "true":
                raise _not_in_background("streamed again")
            return kept.answer.body


def _not_in_background(what: str) -> GatewayError:
    return GatewayError(
        Kind.INVALID_REQUEST,
        f"Only a response that was created with background: true can be {what}; this one is complete.",
        should_retry=False,
    )


async def _ask(course: Course, subject: Subject, answer: Answer) -> None:
    """The provider's own word, as it comes."""
    services, operation = course.services, course.inbound.operation
    surface, provider = answer.surface, services.providers.get(answer.provider or "")
    if provider is None or surface is None:
        raise state.no_answer(answer.id)
    course.journal.target = target = Target(provider.name, surface.deployment)
    url = below(surface.url, f"/{answer.id}{BELOW.get(operation, '')}", subject.query)
    headers = await credentialed(course, provider, surface)
    request = HttpRequest(METHODS.get(operation, "GET"), url, headers)
    began, started = services.clock.now(), course.time()
    status: int | None = None
    failure: GatewayError | None = None
    complete = False
    try:
        reply = await services.upstream.open(request, headers_timeout=services.timeouts.up_headers_whole)
        status = reply.head.status
        try:
            if status != 200:
                body, complete = await read_error_body(reply, headers)
                error = course.services.codecs[surface.protocol].decode_error(reply.head, body)
                raise provider.read_error(surface, error, reply.head)
            if reply.head.media_type == "text/event-stream":
                course.peek = Peek("", stream=True)
            prepared = unchanged(surface, services.codecs[surface.protocol])
            complete = await UpstreamReply(course, prepared, reply, started).pass_on()
        finally:
            await reply.close(reuse=complete)
        if operation == "delete":
            services.answers.forget(course.inbound.client, answer.id)
    except GatewayError as error:
        failure = error
        raise
    finally:
        course.journal.attempted(target, surface, began, status, failure)


def below(url: str, path: str, query: str = "") -> str:
    """An address under another one, whose own query stays."""
    base, _, fixed = url.partition("?")
    together = "&".join(part for part in (fixed, query) if part)
    return base.rstrip("/") + path + (f"?{together}" if together else "")
