"""Records of exchanges that never were."""

from msgspec.structs import replace

from trunkline.core.losses import Loss
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.codec import Peek
from trunkline.protocols.registry import CODECS
from trunkline.relay.inbound import Inbound
from trunkline.relay.journal import Journal
from trunkline.relay.ports import AttemptRecord, ExchangeRecord
from trunkline.routing.plan import Target

RECORD = ExchangeRecord(
    request_id="id-0",
    protocol="anthropic_messages",
    operation="generate",
    asked_model="sonnet",
    provider="dbx",
    model="databricks-claude-sonnet-4-5",
    route="alias sonnet",
    stream=True,
    status=200,
    outcome="ok",
    attempts=(
        AttemptRecord(
            target="dbx/databricks-claude-sonnet-4-5",
            surface="messages",
            protocol="anthropic_messages",
            status=200,
            error=None,
            seconds=1.5,
        ),
    ),
    losses=(Loss("top_k", "not in openai_chat"),),
    usage=Usage(input=10, cache_read=5, cache_write=1, output=7, reasoning=3),
    stop=Stop("end", "end_turn"),
    error=None,
    seconds=2.0,
    first_byte_seconds=0.5,
    client="-",
    agent="claude-cli/2.0.30 (external, cli)",
    session="s-1",
)


def record(number: int = 0, **changes: object) -> ExchangeRecord:
    """The record number so-and-so, with some fields changed."""
    return replace(RECORD, request_id=f"id-{number}", **changes)


class Time:
    """A clock that stands until it is moved; Unix time and monotonic seconds alike."""

    def __init__(self, time: float = 1_800_000_000.0) -> None:
        self.time = time

    def __call__(self) -> float:
        return self.time

    now = __call__


class JournalClock(Time):
    """What a journal wants of a clock."""

    def unix(self) -> int:
        return int(self.time)

    async def sleep(self, seconds: float) -> None:
        self.time += seconds

    def jitter(self) -> float:
        return 0.5

    def unique(self) -> str:
        return "u" * 24


def journal(request_id: str, clock: JournalClock, *, target: Target | None = None) -> Journal:
    """An exchange under way."""
    inbound = Inbound(
        codec=CODECS["anthropic_messages"],
        operation="generate",
        body=b"{}",
        headers=(("user-agent", "opencode/1.0"),),
        request_id=request_id,
        client="-",
    )
    made = Journal(inbound, clock)
    made.peek = Peek("sonnet", True)
    made.target = target
    return made
