"""One conversation of ten turns, and what is asked of it on the way."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from roundtrip.chat_client import ChatClient
from roundtrip.client import Called, Client, Result
from roundtrip.gemini_client import GeminiClient
from roundtrip.line import Line
from roundtrip.makers import Maker
from roundtrip.messages_client import MessagesClient
from roundtrip.responses_client import ResponsesClient
from standin import Asked, Call, Service, Text, Think, Turn, say, turn
from standin.script import Player

CLIENTS: tuple[tuple[type[Client], str], ...] = (
    (MessagesClient, "verbatim"),
    (MessagesClient, "plain"),
    (ChatClient, "plain"),
    (ChatClient, "content"),
    (ChatClient, "details"),
    (ResponsesClient, "codex"),
    (ResponsesClient, "no_ids"),
    (ResponsesClient, "bare"),
    (ResponsesClient, "stored"),
    (GeminiClient, "cli"),
    (GeminiClient, "sdk"),
    (GeminiClient, "unsigned"),
)
"""Every client and what it sends back."""

SCRIPT: tuple[Turn, ...] = (
    turn(Think("Where to begin? — 思考"), "I look around.", Call("look", {"path": "/", "depth": 2})),
    turn(Think("Two at once."), Call("look", {"path": "a"}), Call("look", {"path": "b", "kind": "file"})),
    turn(Call("now")),
    turn(Think("It is hidden.", redacted=True), Call("look", {"path": "c"})),
    turn(Think("Enough."), "So far: \U0001f600 two files."),
    turn("On we go.", Call("write", {"path": "d", "text": 'quoted "text"\nand\tmore 日本'})),
    turn(Think("First this."), "This", Call("look", {"path": "e"}), Call("now")),
    turn(Think("A picture?"), Call("look", {"path": "picture.png"})),
    turn(Think("A failure?"), Call("look", {"path": "missing"})),
    say("All is done."),
)
ASKED = {0: "Please begin.", 5: "Now write it down."}
"""What the user says, by the turn that answers."""
PICTURED = (0,)
INSTRUCTED = {7: "The user's editor is open at d."}
"""What the agent says beside results, by the turn that answers."""


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one turn."""

    said: str
    calls: tuple[Called, ...]


def texts(turn_: Turn) -> str:
    """What a turn says to the user."""
    return "".join(part.text for part in turn_.parts if isinstance(part, Text))


def calls(turn_: Turn) -> list[tuple[str, object]]:
    """The calls a turn makes."""
    return [(part.name, part.arguments) for part in turn_.parts if isinstance(part, Call)]


def result_of(call: Called, *, images: bool = True) -> Result:
    """What the tools of these tests give back."""
    path = call.arguments.get("path")
    if path == "missing":
        return Result("no such file", failed=True)
    return Result(f"{call.name} {path}: ok", image=images and path == "picture.png")


def line_of(client: type[Client], *makers: Maker, script: tuple[Turn, ...] = SCRIPT) -> Line:
    """A gateway before the makers' services. They play one script together, whoever's turn it is."""
    player = Player(_Turns(script))
    services: dict[str, Service] = {}
    for maker in makers:
        if maker.host not in services:
            services[maker.host] = maker.service(player, maker.protocol == client.protocol)
            services[maker.host].ledger.salt = maker.host
    return Line([maker.provider() for maker in makers], services)


class _Turns:
    """The script as models play it: a Claude that is not asked to think does not."""

    def __init__(self, script: tuple[Turn, ...]) -> None:
        self._turns = iter(script)

    def __call__(self, asked: Asked) -> Turn:
        played = next(self._turns)
        if "claude" not in asked.model or asked.thinking in ("enabled", "adaptive"):
            return played
        return replace(played, parts=tuple(part for part in played.parts if not isinstance(part, Think)))


def play(
    line: Line,
    client: Client,
    model: Callable[[int], str],
    before: Callable[[int], None] = lambda _: None,
    script: tuple[Turn, ...] = SCRIPT,
    *,
    images: bool = True,
) -> None:
    """The whole conversation; each turn's words and calls must arrive as they were said.

    ``model`` names the model of each turn; ``before`` is called before each request.
    """
    waiting: list[Called] = []
    for number, expected in enumerate(script):
        if waiting:
            client.results(waiting, [result_of(call, images=images) for call in waiting])
        if number in INSTRUCTED:
            client.instruct(INSTRUCTED[number])
        if number in ASKED:
            client.say(ASKED[number], image=images and number in PICTURED)
        before(number)
        client.model = model(number)
        reply = line.ask(client.protocol, client.request(), model=client.model, stream=client.stream)
        assert reply.status == 200, (number, reply.body.decode(), line.upstream.refusals)
        waiting = client.hear(reply.body)
        assert client.texts[-1].strip() == texts(expected), number
        assert [(call.name, call.arguments) for call in waiting] == calls(expected), number
    assert not waiting
