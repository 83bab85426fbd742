"""One conversation of ten turns, and what is asked of it on the way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

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


@dataclass(frozen=True, slots=True)
class Plot:
    """A conversation: what the model says, and what it is asked, by the turn that answers."""

    script: tuple[Turn, ...]
    asked: Mapping[int, str]
    """What the user says."""
    pictured: tuple[int, ...] = ()
    """Where the user shows a picture."""
    instructed: Mapping[int, str] = field(default_factory=dict)
    """What the agent says beside results, in the way its kind does."""


TEN = Plot(
    SCRIPT, {0: "Please begin.", 5: "Now write it down."}, (0,), {7: "The user's editor is open at d."}
)


def _session() -> Plot:
    """Thirty turns: three times ten, each with words of its own."""
    script: list[Turn] = []
    for part in range(3):
        for played in SCRIPT:
            script.append(replace(played, parts=tuple(_again(said, part) for said in played.parts)))
    asked = {
        part * 10 + place: f"{text} ({part})" for part in range(3) for place, text in TEN.asked.items()
    }
    told = {
        7: "The editor is open at d.",
        12: "You are in plan mode now.",
        13: "Two files changed.",
        21: "Act now.",
    }
    return Plot(tuple(script), asked, (0, 15, 20), told)


def _again(said: Text | Think | Call, part: int) -> Text | Think | Call:
    if isinstance(said, Call):
        return said
    return replace(said, text=f"{said.text} {part}.")


SESSION = _session()


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


def line_of(client: type[Client], *makers: Maker, plot: Plot = TEN) -> Line:
    """A gateway before the makers' services. They play one script together, whoever's turn it is."""
    player = Player(_Turns(plot.script))
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
    *,
    plot: Plot = TEN,
    images: bool = True,
) -> None:
    """The whole conversation; each turn's words and calls must arrive as they were said.

    ``model`` names the model of each turn; ``before`` is called before each request.
    """
    waiting: list[Called] = []
    for number, expected in enumerate(plot.script):
        if waiting:
            client.results(waiting, [result_of(call, images=images) for call in waiting])
        if number in plot.instructed:
            client.instruct(plot.instructed[number])
        if number in plot.asked:
            client.say(plot.asked[number], image=images and number in plot.pictured)
        before(number)
        client.model = model(number)
        reply = line.ask(client.protocol, client.request(), model=client.model, stream=client.stream)
        assert reply.status == 200, (number, reply.body.decode(), line.upstream.refusals)
        waiting = client.hear(reply.body)
        assert client.texts[-1].strip() == texts(expected), number
        assert [(call.name, call.arguments) for call in waiting] == calls(expected), number
    assert not waiting
