"""One client request from start to end: plan, ask, fall back, answer, record."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from trunkline.config.schema import Retry as RetryPolicy
from trunkline.config.schema import Timeouts
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.types import Request, Response
from trunkline.protocols.codec import CarriedCodec, Codec, CountCodec, Keeping, ProviderCodec
from trunkline.providers.provider import Provider
from trunkline.relay.admission import Admission
from trunkline.relay.attempt import Attempt
from trunkline.relay.carried import carrying
from trunkline.relay.compact import Compaction, unkept
from trunkline.relay.count import count_tokens
from trunkline.relay.course import Course, Planner, Services
from trunkline.relay.inbound import Inbound
from trunkline.relay.inquiry import Gathered, inquiry
from trunkline.relay.journal import Journal
from trunkline.relay.kept import AnswerStore
from trunkline.relay.learned import Learned
from trunkline.relay.look_up import look_up, prepare_only
from trunkline.relay.ports import (
    CALLED_OFF,
    ClientGone,
    Clock,
    Credentials,
    Finder,
    Plugins,
    Recorder,
    Sink,
    Tokenizers,
    Upstream,
)
from trunkline.relay.proofs import ProofStore
from trunkline.relay.recent import RecentBodies
from trunkline.relay.turns import Turns
from trunkline.routing.decide import Decision, Fallback, GiveUp, Queue, Retry, advise, decide, foremost
from trunkline.routing.health import Health
from trunkline.routing.plan import Plan, Target
from trunkline.routing.retry_budget import RetryBudget
from trunkline.transforms.chain import Chains

_GONE: Final = frozenset({"client_closed", "client_stalled"})
"""What a cancellation says when the client is the cause."""
NO_TRANSFORMS: Final[Mapping[str, Chains]] = {}


class Exchange:
    """Runs exchanges; holds what they share and nothing of any one of them."""

    def __init__(
        self,
        *,
        planner: Planner,
        providers: Mapping[str, Provider],
        codecs: Mapping[str, Codec],
        upstream: Upstream,
        credentials: Credentials,
        clock: Clock,
        recorder: Recorder,
        timeouts: Timeouts,
        retry: RetryPolicy,
        proofs: ProofStore,
        learned: Learned,
        health: Health | None = None,
        budget: RetryBudget | None = None,
        targets: Mapping[str, ProviderCodec] | None = None,
        counters: Mapping[str, CountCodec] | None = None,
        carried: Mapping[str, CarriedCodec] | None = None,
        finder: Finder | None = None,
        transforms: Mapping[str, Chains] = NO_TRANSFORMS,
        plugins: Plugins | None = None,
        tokenizers: Tokenizers | None = None,
        strict: bool = False,
        ping: float = 15.0,
        admission: Admission | None = None,
        answers: AnswerStore | None = None,
        turns: Turns | None = None,
        live: dict[str, Journal] | None = None,
        client_tokens: frozenset[str] = frozenset(),
    ) -> None:
        self._admission = Admission(sys.maxsize, 0.0) if admission is None else admission
        self._live = {} if live is None else live
        self._services = Services(
            planner=planner,
            providers=providers,
            codecs=codecs,
            targets=codecs if targets is None else targets,
            counters={} if counters is None else counters,
            carried={} if carried is None else carried,
            upstream=upstream,
            credentials=credentials,
            clock=clock,
            recorder=recorder,
            timeouts=timeouts,
            retry=retry,
            finder=finder,
            transforms=transforms,
            plugins=plugins,
            tokenizers=tokenizers,
            strict=strict,
            ping=ping,
            proofs=proofs,
            learned=learned,
            health=Health() if health is None else health,
            budget=RetryBudget(retry) if budget is None else budget,
            answers=AnswerStore(clock.now) if answers is None else answers,
            recent=RecentBodies(),
            turns=Turns(clock) if turns is None else turns,
            client_tokens=client_tokens,
            inquire=_inquire,
            head_whole=min(timeouts.up_headers_whole, timeouts.up_total_whole),
            surfaces={},
            usual={},
        )

    async def run(self, inbound: Inbound, sink: Sink) -> None:
        """Answer ``inbound`` on ``sink``; exactly one record follows, whatever happens.

        Raises GatewayError only before ``sink.start``; later errors end the stream in the client's protocol.
        """
        course = Course(self._services, inbound, sink)
        journal, budget = course.journal, self._services.budget
        budget.live += 1
        journal.task = asyncio.current_task()
        self._live[inbound.request_id] = journal
        try:
            if not self._admission.enter():
                await self._admission.queue()
            try:
                await _serve(course)
            finally:
                self._admission.leave()
            journal.outcome = "ok"
        except GatewayError as error:
            advise(error)
            journal.failed(error, 200 if course.delivery.started else error.status)
            if not course.delivery.started:
                if journal.route:
                    error.headers = course.delivery.headers(len(journal.attempts))
                raise
            await course.delivery.break_off(error)
        except asyncio.CancelledError as cause:
            _cancelled(course, cause)
            raise
        except ClientGone as gone:
            journal.outcome = _left(course, "client_stalled" if gone.stalled else "client_closed")
        except RecursionError:
            journal.failed(GatewayError(Kind.INVALID_REQUEST, "the request is nested too deeply"), 400)
            raise
        except Exception as cause:
            journal.failed(GatewayError(Kind.INTERNAL, f"{type(cause).__name__}: {cause}"), 500)
            raise
        finally:
            budget.live -= 1
            budget.retrying -= course.retrying
            self._live.pop(inbound.request_id, None)
            if course.keeper is not None:
                course.keeper.close()
            if journal.outcome != "ok":
                course.estimate_usage()
            self._services.recorder.record(journal.record())


def _cancelled(course: Course, cause: asyncio.CancelledError) -> None:
    """Note how an exchange ended that was cancelled: by its client, or by us."""
    why = str(cause.args[0]) if cause.args else ""
    course.journal.outcome = _left(course, why) if why in _GONE else "stopped"
    if why == CALLED_OFF:
        course.journal.error = CALLED_OFF


def _left(course: Course, outcome: str) -> str:
    """How an exchange ended whose client went away: well, if that was after the last event."""
    return "ok" if course.delivery.complete else outcome


async def _serve(course: Course) -> None:
    services, inbound, journal = course.services, course.inbound, course.journal
    course.peek = journal.peek = course.look()
    if inbound.operation == "compact":
        course.peek = journal.peek = unkept(course.peek)
    if inbound.subject is not None:
        await look_up(course, inbound.subject)
        return
    if course.peek.keeping is not None or inbound.memory is not None:
        course.remember(course.peek.keeping or Keeping(keep=False))
    plan = services.planner(course.inbound, course.peek)
    if not isinstance(plan, Plan):
        plan = await plan
    journal.route, journal.session = plan.route, plan.session
    course.eyes = plan.eyes
    if plan.body is not None:
        course.ask(replace(course.inbound, body=plan.body))
    able = plan.targets if course.carried is None else carrying(services, course.carried, plan.targets)
    if course.keeper is not None:
        able = course.keeper.able(able, services.surfaces_of)
    targets = _rested(course, able)[: max(1, services.retry.targets)]
    if inbound.operation == "count_tokens":
        journal.target = targets[0]
        await count_tokens(course, targets[0])
    elif inbound.operation == "compact":
        await _try_all(course, targets, Compaction)
    elif inbound.operation == "prepare":
        await prepare_only(course)
    elif course.peek.stream:
        async with course.signs:
            await _try_all(course, targets)
    else:
        await _try_all(course, targets)


def _rested(course: Course, able: Sequence[Target]) -> Sequence[Target]:
    """The targets worth asking now, in the plan's order; all of them when none is."""
    health, turns, now = course.services.health, course.services.turns, course.services.clock.now()
    if not (health.troubled or turns.busy):
        return able
    fit = health.order(able, now)
    ready = [target for target in fit if turns.rests_until(target) <= now] or fit
    if len(ready) < len(able):
        for target in able:
            if target not in ready:
                course.journal.explain(_passed_over(health, target, now))
    return ready


async def _inquire(course: Course, request: Request, targets: Sequence[Target]) -> Response:
    """The answer of the first of ``targets`` that gives one; its attempts are the exchange's too."""
    services, sink = course.services, Gathered()
    inner = inquiry(course, request, sink)
    order = _rested(inner, targets)[: max(1, services.retry.targets)]
    try:
        await _try_all(inner, order)
    finally:
        if inner.retrying:
            inner.end_retry()
        course.journal.attempts += inner.journal.attempts
    return inner.codec.decode_response(sink.body, "")


async def _try_all(
    course: Course, targets: Sequence[Target], attempt: type[Attempt] | type[Compaction] = Attempt
) -> None:
    """The targets in turn until one answers. Raises the foremost of their errors when none does."""
    health, clock, budget = course.services.health, course.services.clock, course.services.budget
    queue = list(targets)
    errors: list[GatewayError] = []
    tried = 0
    while True:
        target = queue[0]
        more = len(queue) > 1
        if not health.begin(target, clock.now()) and more:
            course.journal.explain(_passed_over(health, target, clock.now()))
            queue.pop(0)
            continue
        course.journal.target = target
        tried += 1
        try:
            if not more and course.services.turns.busy:
                await course.place.wait(target)
            await attempt(course, target).run()
        except GatewayError as error:
            match _decide(course, target, error, tried, more):
                case Retry(delay):
                    await clock.sleep(delay)
                case Queue():
                    pass
                case Fallback():
                    errors.append(error)
                    queue.pop(0)
                    tried = 0
                case GiveUp():
                    raise (error if course.delivery.committed else foremost([*errors, error])) from None
        except BaseException:
            course.place.left(target)
            health.abandoned(target)
            raise
        else:
            if health.troubled or budget.spent:
                health.succeeded(target, clock.now())
                budget.earned(target.provider)
            return


def _decide(course: Course, target: Target, error: GatewayError, tried: int, more: bool) -> Decision:
    """What follows on ``error``, noted where it concerns others: health, lines, the budget of retries."""
    services, budget = course.services, course.services.budget
    course.place.failed(target, error)
    services.health.failed(target, error, services.clock.now())
    if course.retrying:
        course.end_retry()
    decision = decide(
        error,
        tried=tried,
        more=more,
        committed=course.delivery.committed,
        policy=services.retry,
        jitter=services.clock.jitter(),
        limit=budget.limit(target.provider, error),
    )
    if isinstance(decision, Retry):
        course.begin_retry(target, error)
    elif isinstance(decision, Fallback | GiveUp) and decision.limit is not None:
        course.journal.explain(budget.refuse(target.provider, decision.limit))
    return decision


def _passed_over(health: Health, target: Target, now: float) -> str:
    return f"{target} is passed over: {health.why_not(target, now) or 'it takes nobody for now'}"
