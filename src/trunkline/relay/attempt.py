"""One target's turn: choose a surface, send, and learn from a refusal, at most twice per exchange."""

import asyncio
from typing import Final, assert_never

from msgspec import structs

from trunkline.accounting.estimate import estimate_tokens
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import Headers, HttpHead, HttpRequest
from trunkline.providers.cloud_names import without_cloud_names
from trunkline.providers.echoes import without_echoes
from trunkline.providers.provider import Again, Lesson, Provider, Relearned, Surface, Switched
from trunkline.relay.answer import Answer
from trunkline.relay.carried import carried_surface
from trunkline.relay.course import MAX_SURFACES, Course
from trunkline.relay.learned import NOTHING, Lessons
from trunkline.relay.ports import Asking, Passage, Plugins, UpstreamAnswer
from trunkline.relay.prepare import Prepared, prepare
from trunkline.relay.unframed import unframed
from trunkline.routing.plan import Target
from trunkline.routing.session import session_of

MAX_ERROR: Final = 256 * 1024
ERROR_SECONDS: Final = 10.0
"""How long the body of an error may take; what has come by then is read."""

NEARLY_FULL: Final = 0.9
"""Of a model's context, by our estimate: from here on a refusal without a word is about the length."""
_WORDLESS: Final = frozenset({400, 401, 413})
"""Statuses that such refusals came with (aaif-goose/goose PR 3535)."""
_ABOUT_KEYS: Final = frozenset({Kind.AUTHENTICATION, Kind.RATE_LIMITED, Kind.QUOTA})
"""Refusals that another key may not get."""
_TAKEN: Final = frozenset({
    Kind.RATE_LIMITED, Kind.QUOTA, Kind.OVERLOADED, Kind.UPSTREAM_FAILED, Kind.TIMEOUT, Kind.TRUNCATED,
    Kind.CONTEXT_TOO_LONG,
})  # fmt: skip
"""Failures of a request whose form the upstream had no quarrel with."""


class Attempt:
    """Serves the exchange from one target. Raises GatewayError when that fails for good.

    ``surface``: the one to ask, where the operation leaves no choice.
    """

    def __init__(self, course: Course, target: Target, surface: Surface | None = None) -> None:
        self._fixed = surface
        self._course = course
        self._target = target
        self._provider: Provider = course.services.providers[target.provider]
        self._lessons: Lessons = course.services.learned.about(target)
        self._learned = False
        self._renewed = False

    async def run(self) -> None:
        """Until the client has its answer. What a changed request taught us is kept once it was taken:
        by an answer, or by a failure that has nothing to do with its form."""
        surface = self._fixed or self._surface()
        while True:
            try:
                await self._once(surface)
            except GatewayError as error:
                changed = await self._change(surface, error)
                if changed is None:
                    if error.kind in _TAKEN and not error.local:
                        self._keep()
                    raise
                surface = changed
            else:
                self._keep()
                rounds = self._course.rounds
                if rounds is None or not await rounds.go_on():
                    return

    def _keep(self) -> None:
        if self._learned:
            self._course.services.learned.keep(self._target, self._lessons)

    def _surface(self) -> Surface:
        """The one to ask: the same for each request, while no refusal teaches anything else."""
        course, usual = self._course, self._course.services.usual
        if course.carried is not None:
            return carried_surface(course.services, course.carried, self._target)
        if self._lessons is not NOTHING:
            return self._choose()
        asked = (self._target, course.inbound.codec.name)
        surface = usual.get(asked)
        if surface is None:
            surface = self._choose()
            if len(usual) >= MAX_SURFACES:
                usual.clear()
            usual[asked] = surface
        return surface

    def _choose(self) -> Surface:
        """What we learned to ask, else the client's own protocol, else the provider's first choice."""
        surfaces = self._course.services.surfaces_of(self._target)
        own = self._course.inbound.codec.name
        if self._lessons is not NOTHING and (learned := self._lessons.surfaces.get(own)) is not None:
            for surface in surfaces:
                if surface.name == learned:
                    return self._with_facts(surface)
        codecs = self._course.services.targets
        for surface in surfaces:
            if surface.protocol == own and not surface.reserve:
                return self._with_facts(surface)
        for surface in surfaces:
            if surface.protocol in codecs and not surface.reserve:
                return self._with_facts(surface)
        if not surfaces:
            raise GatewayError(Kind.INVALID_REQUEST, f"{self._target} has no chat", field="model")
        raise GatewayError(
            Kind.UNSUPPORTED, f"{self._target} only speaks {surfaces[0].protocol}, which is not supported"
        )

    def _with_facts(self, surface: Surface) -> Surface:
        facts = self._lessons.facts.get(surface.name)
        return surface if facts is None else structs.replace(surface, facts=facts)

    async def _once(self, surface: Surface) -> None:
        """One request, one entry in the journal."""
        course, services = self._course, self._course.services
        began = services.clock.now()
        status: int | None = None
        failure: GatewayError | None = None
        passage: Passage | None = None
        try:
            prepared = prepare(
                course, self._provider, surface, reencode=surface.name in self._lessons.reencode
            )
            course.journal.losses = prepared.losses
            if services.plugins is not None:
                passage = self._enter(prepared, services.plugins)
            headers = at_hand(course, self._provider, surface)
            if headers is None:
                headers = await credentialed(course, self._provider, surface, needed=passage is None)
            started = course.time()
            url = surface.asked_at(stream=prepared.stream)
            request = HttpRequest("POST", url, headers, prepared.body)
            if passage is not None:
                request = await passage.sent(request)
            if surface.signed:
                request = await services.credentials.sign(self._provider.name, request)
            patience = None if passage is None else passage.timeout
            if patience is None:
                patience = services.timeouts.up_headers_stream if prepared.stream else services.head_whole
            answer = await services.upstream.open(request, headers_timeout=patience)
            status = answer.head.status
            await self._receive(prepared, answer, started, passage, request.headers)
        except GatewayError as error:
            failure = error
            if course.peek.stream:
                course.signs.resume()
            raise
        except asyncio.CancelledError:
            failure = GatewayError(Kind.INTERNAL, "cancelled: the client is gone or the gateway stops")
            raise
        finally:
            if passage is not None:
                passage.leave()
            course.journal.attempted(self._target, surface, began, status, failure)

    def _enter(self, prepared: Prepared, plugins: Plugins) -> Passage | None:
        """The way through the provider's plugins, where it has any."""
        target = self._target
        if not plugins.concern(target.provider, target.deployment):
            return None
        inbound, surface = self._course.inbound, prepared.surface
        return plugins.enter(
            Asking(
                provider=target.provider,
                model=surface.deployment,
                url=surface.url,
                protocol=surface.protocol,
                request_id=inbound.request_id,
                headers=inbound.headers,
                body=inbound.codec.rename(inbound.body, surface.deployment),
                client=inbound.codec.name,
                session=self._course.journal.session or session_of(inbound.headers, inbound.body),
                passes=surface.protocol == inbound.codec.name,
            )
        )

    async def _receive(
        self,
        prepared: Prepared,
        answer: UpstreamAnswer,
        started: float,
        passage: Passage | None,
        sent: Headers,
    ) -> None:
        """Answer or error; the connection is given back after a complete body and closed at once otherwise."""
        complete = False
        try:
            if passage is not None and 200 <= answer.head.status < 300:
                answer = await passage.answered(answer)
            if answer.head.status == 200:
                course = self._course
                if course.services.turns.busy:
                    course.place.accepted(self._target)
                if course.peek.stream:
                    await course.signs.pause()
                framing = prepared.surface.framing
                shown = answer if framing is None else unframed(answer, framing)
                complete = await Answer(course, prepared, shown, started).deliver()
            else:
                body, complete = await read_error_body(answer, sent)
                raise self._refusal(prepared, answer.head, body)
        finally:
            await answer.close(reuse=complete)

    def _refusal(self, prepared: Prepared, head: HttpHead, body: bytes) -> GatewayError:
        if head.status < 400:
            return GatewayError(
                Kind.UPSTREAM_FAILED,
                f"{self._target} answered with status {head.status}, which is neither an answer nor an error;"
                " check its URL",
                local=False,
            )
        error = self._provider.read_error(prepared.surface, prepared.codec.decode_error(head, body), head)
        error = error if body.strip() else self._too_long(prepared, head.status) or error
        return without_cloud_names(error)

    def _too_long(self, prepared: Prepared, status: int) -> GatewayError | None:
        """A prompt that fills the model's context and is refused without a word is too long (databricks.md 5.7)."""
        limit = prepared.surface.facts.context_tokens
        if limit is None or status not in _WORDLESS:
            return None
        estimate = estimate_tokens(prepared.body)
        if estimate < NEARLY_FULL * limit:
            return None
        message = (
            f"prompt is too long: about {estimate} tokens > {limit} maximum ({self._target} gave no reason)"
        )
        return GatewayError(Kind.CONTEXT_TOO_LONG, message, local=False)

    async def _change(self, surface: Surface, error: GatewayError) -> Surface | None:
        """The surface to ask after a refusal, None when the error stands."""
        course = self._course
        if course.delivery.committed or error.local:
            return None
        if error.kind in _ABOUT_KEYS:
            again, self._renewed = self._renewed, True
            if await course.services.credentials.refused(self._target.provider, error, again=again):
                return surface
        if course.lessons_left == 0 or course.carried is not None:
            return None
        if _refuses_signature(error) and course.trusted != "none":
            # A translated request holds no proof whose maker is unknown.
            passed = surface.protocol == course.inbound.codec.name and course.trusted == "all"
            course.trusted = "known" if passed else "none"
            course.lessons_left -= 1
            return surface
        lesson = self._provider.learn(surface, error)
        if lesson is None:
            return None
        course.lessons_left -= 1
        return self._apply(surface, lesson)

    def _apply(self, surface: Surface, lesson: Lesson) -> Surface | None:
        lessons = self._lessons
        match lesson:
            case Again():
                return surface
            case Relearned(facts):
                changed = structs.replace(surface, facts=facts)
                self._lessons = Lessons(
                    lessons.surfaces,
                    {**lessons.facts, surface.name: facts},
                    lessons.reencode
                    if self._edits(surface, changed)
                    else lessons.reencode | {surface.name},
                )
            case Switched(name):
                named = (one for one in self._course.services.surfaces_of(self._target) if one.name == name)
                other = next(named, None)
                if other is None or other.name == surface.name:
                    return None
                own = self._course.inbound.codec.name
                self._lessons = structs.replace(lessons, surfaces={**lessons.surfaces, own: name})
                changed = self._with_facts(other)
            case _:
                assert_never(lesson)
        self._learned = True
        return changed

    def _edits(self, surface: Surface, changed: Surface) -> bool:
        """Whether the facts of ``changed`` change the body without encoding it anew."""
        if surface.protocol != self._course.inbound.codec.name:
            return True
        body = self._course.inbound.body
        client = self._course.inbound.headers
        before = self._provider.edit(surface, body, client)
        return self._provider.edit(changed, body, client)[0] != before[0]


def _refuses_signature(error: GatewayError) -> bool:
    """A proof of another maker (protocols.md E8): thinking blocks, thought signatures, encrypted reasoning."""
    if error.kind is not Kind.INVALID_REQUEST:
        return False
    # A list of the blocks that are known has the names of thinking in it and is about something else.
    message = error.message.lower().partition("expected tags")[0]
    if "signature" in message or "redacted_thinking" in message:
        return "thinking" in message or "thought" in message
    return error.code == "invalid_encrypted_content" or "encrypted content" in message


def at_hand(course: Course, provider: Provider, surface: Surface) -> Headers | None:
    """As :func:`credentialed`, where nobody has to be asked for the credential; None elsewhere."""
    services = course.services
    if services.client_tokens and provider.name in services.client_tokens:
        return None
    credential = services.credentials.at_hand(provider.name)
    return (
        None
        if credential is None
        else _typed(provider.headers(surface, credential, course.inbound.headers))
    )


async def credentialed(
    course: Course, provider: Provider, surface: Surface, *, needed: bool = True
) -> Headers:
    """The headers of a request, with the provider's credential. Raises GatewayError (AUTHENTICATION).

    ``needed``: without a credential nothing is asked; plugins may have their own.
    """
    credential: str | None
    if provider.name in course.services.client_tokens:
        credential = _own_token(course, provider)
    else:
        credential = await course.services.credentials.credential(provider.name)
    if credential is None and provider.needs_credential and needed:
        raise GatewayError(
            Kind.AUTHENTICATION,
            f"no credential is configured for the provider {provider.name!r}",
            should_retry=False,
        )
    return _typed(provider.headers(surface, credential, course.inbound.headers))


def _typed(headers: Headers) -> Headers:
    for name, _ in headers:
        if name == "content-type":
            return headers
    return (*headers, ("content-type", "application/json"))


def _own_token(course: Course, provider: Provider) -> str:
    """The client's token. Raises GatewayError (AUTHENTICATION)."""
    token = course.inbound.token
    if token is None:
        raise GatewayError(
            Kind.AUTHENTICATION,
            f"the provider {provider.name!r} is asked with your own token: send it as Authorization: Bearer"
            " or x-api-key",
            should_retry=False,
        )
    return token.reveal()


async def read_error_body(answer: UpstreamAnswer, sent: Headers = ()) -> tuple[bytes, bool]:
    """What there is of an error's body, and whether that is all. Never raises for a broken one.

    ``sent``: the request's headers; secrets in them are hidden where the body quotes them.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(ERROR_SECONDS):
            while size < MAX_ERROR:
                chunk = await answer.read()
                if not chunk:
                    return without_echoes(b"".join(chunks), sent), True
                chunks.append(chunk)
                size += len(chunk)
    except (TimeoutError, GatewayError):
        pass  # the status alone says enough
    return without_echoes(b"".join(chunks)[:MAX_ERROR], sent), False
