"""A configuration swapped under a running gateway (reliability_ux.md T33, T34, T39, design decision 8)."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from app.chat import says, text
from app.plugged import state_of, wait_for_the_end_of
from app.whole import Whole, whole
from trunkline.app.composition import Gateway
from trunkline.config.problems import ConfigurationError
from trunkline.routing.plan import Target
from trunkline.server.succession import Outcome, Reloaded
from upstream.raw_server import OK, Peer, RawServer, chunk, serving

pytestmark = pytest.mark.server

STREAMS = 12


class Provider:
    """Says its name in two pieces; between them streams wait until they are ``let``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.let = asyncio.Event()
        self.begun = 0
        self.heads: list[bytes] = []

    async def play(self, peer: Peer) -> None:
        self.heads.append(peer.head)
        if peer.head.startswith(b"GET"):
            await peer.send(whole_answer(b'{"data":[{"id":"listed-by-%s"}]}' % self.name.encode()))
        elif b'"stream":true' in peer.body:
            frames = says(text(f"{self.name:7}and the rest"), stream=True)
            assert isinstance(frames, list)
            await peer.send(OK + chunk(frames[0]))
            self.begun += 1
            await self.let.wait()
            await peer.send(b"".join(map(chunk, frames[1:])) + chunk(b""))
        else:
            answer = says(text(self.name), stream=False)
            assert isinstance(answer, bytes)
            await peer.send(whole_answer(answer))


def whole_answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )


def config(server: RawServer, more: str = "", models: str = ", models: [m]") -> str:
    url = f'"http://127.0.0.1:{server.port}/v1"'
    return f"models: {{m: up/m}}\nproviders:\n  up: {{kind: custom, key: x, speaks: {{openai_chat: {url}}}{models}}}\n{more}"


def write(folder: Path, words: str) -> None:
    (folder / "trunkline.yaml").write_text(words)


async def reload(gateway: Whole) -> Outcome:
    return await gateway.succession.reload()


async def ask(gateway: Whole, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """The status and the body, on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    answer = await reader.read(-1)
    writer.close()
    await writer.wait_closed()
    head_of_it, _, rest = answer.partition(b"\r\n\r\n")
    return int(head_of_it.split()[1]), rest


async def chat(gateway: Whole, *, stream: bool = False) -> tuple[int, bytes]:
    asked = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    return await ask(gateway, "POST", "/v1/chat/completions", msgspec.json.encode(asked))


def gateways() -> list[Gateway]:
    gc.collect()
    return [one for one in gc.get_objects() if type(one) is Gateway]


async def until(met: Callable[[], bool]) -> None:
    while not met():  # noqa: ASYNC110 - the other side has no event for it
        await asyncio.sleep(0.005)


def scenario(
    folder: Path, main: Callable[[Whole, Provider, Provider, RawServer, RawServer], Awaitable[None]]
) -> None:
    """Two providers, and a gateway that begins with the first of them."""

    async def run() -> None:
        old, new = Provider("old"), Provider("new")
        async with (
            asyncio.timeout(120),
            serving(old.play) as before,
            serving(new.play) as after,
            whole(config(before), folder) as gateway,
        ):
            await main(gateway, old, new, before, after)

    asyncio.run(run())


def test_T33_streams_end_where_they_began_and_new_requests_go_by_the_new_file(tmp_path: Path) -> None:
    async def main(
        gateway: Whole, old: Provider, new: Provider, before: RawServer, after: RawServer
    ) -> None:
        streams = [asyncio.ensure_future(chat(gateway, stream=True)) for _ in range(STREAMS)]
        await until(lambda: old.begun == STREAMS)
        write(tmp_path, config(after))
        told = await reload(gateway)
        assert isinstance(told, Reloaded)
        assert (told.snapshot, told.restart) == (2, ())
        status, body = await chat(gateway)
        assert (status, b'"content":"new"' in body) == (200, True)
        assert before.open == STREAMS, "the old snapshot's connections live as long as its streams"
        old.let.set()
        for status, body in await asyncio.gather(*streams):
            assert (status, body.count(b"[DONE]")) == (200, 1)
            assert b'"content":"old    "' in body
            assert b"error" not in body
        await until(lambda: before.open == 0)
        assert after.open == 1, "its connection is kept for the next request"
        assert [record.outcome for record in gateway.records] == ["ok"] * (STREAMS + 1)

    scenario(tmp_path, main)


def test_T12_T33_nothing_is_dropped_or_doubled_over_many_reloads_under_load(tmp_path: Path) -> None:
    async def main(
        gateway: Whole, old: Provider, new: Provider, before: RawServer, after: RawServer
    ) -> None:
        old.let.set()
        new.let.set()
        over = asyncio.Event()
        seen: list[tuple[bool, int, bytes]] = []

        async def client(number: int) -> None:
            while not over.is_set():
                stream = number % 2 == 0
                seen.append((stream, *await chat(gateway, stream=stream)))

        clients = [asyncio.ensure_future(client(number)) for number in range(6)]
        for turn in range(20):
            write(tmp_path, config(after if turn % 2 == 0 else before))
            assert isinstance(await reload(gateway), Reloaded)
            answered = len(seen)
            await until(lambda answered=answered: len(seen) > answered + 6)  # type: ignore[misc]
        over.set()
        await asyncio.gather(*clients)
        for stream, status, body in seen:
            assert (status, body.count(b"[DONE]")) == (200, 1 if stream else 0)
            assert (b'"old' in body) != (b'"new' in body)
        await until(lambda: len(gateway.succession._running) == 1)
        assert len(gateways()) <= 2, "the test has the first, and nothing keeps those that have ended"
        await until(lambda: after.open == 0)

    scenario(tmp_path, main)


BROKEN = [
    ("server: {prot: 1}\n", "server.prot"),
    ("providers: {up: {kind: nonsense}}\n", "providers.up.kind"),
    ("providers: {up: {kind: custom, key: '${NOT_SET}'}}\n", "providers.up.key"),
    ("plugins: [{path: ./not-there.py}]\nproviders: {up: {kind: ollama}}\n", "plugins[0]"),
]


@pytest.mark.parametrize(("words", "key"), BROKEN)
def test_T34_a_file_with_a_mistake_changes_nothing_and_says_where(
    tmp_path: Path, words: str, key: str
) -> None:
    async def main(
        gateway: Whole, old: Provider, new: Provider, before: RawServer, after: RawServer
    ) -> None:
        good = (tmp_path / "trunkline.yaml").read_text()
        write(tmp_path, words)
        outcome = await reload(gateway)
        assert isinstance(outcome, ConfigurationError)
        assert outcome.problems[0].key == key
        assert outcome.problems[0].file == str(tmp_path / "trunkline.yaml")
        assert outcome.problems[0].line is not None
        assert (await chat(gateway))[0] == 200
        _, metrics = await ask(gateway, "GET", "/metrics")
        assert b"trunkline_config_last_reload_ok 0.0" in metrics
        write(tmp_path, good)
        assert isinstance(await reload(gateway), Reloaded)
        _, metrics = await ask(gateway, "GET", "/metrics")
        assert b"trunkline_config_last_reload_ok 1.0" in metrics

    scenario(tmp_path, main)


def test_T39_every_reading_is_of_one_configuration(tmp_path: Path) -> None:
    def numbered(number: int) -> str:
        return (
            f"models: {{alias-{number}: p{number}/model-{number}}}\nproviders:\n"
            f"  p{number}: {{kind: custom, key: x, speaks: {{openai_chat: 'http://127.0.0.1:9/v1'}}, models: [model-{number}]}}\n"
        )

    async def main(
        gateway: Whole, old: Provider, new: Provider, before: RawServer, after: RawServer
    ) -> None:
        write(tmp_path, numbered(0))
        assert isinstance(await reload(gateway), Reloaded)
        over = asyncio.Event()
        seen: set[str] = set()
        wholes = {" ".join(sorted((f"alias-{n}", f"model-{n}"))): n for n in range(31)}

        async def reader() -> None:
            while not over.is_set():
                _, body = await ask(gateway, "GET", "/v1/models")
                models = msgspec.json.decode(body)["data"]
                seen.add(" ".join(sorted(model["id"] for model in models)))

        readers = [asyncio.ensure_future(reader()) for _ in range(4)]
        for number in range(1, 31):
            write(tmp_path, numbered(number))
            assert isinstance(await reload(gateway), Reloaded)
            _, detail = await ask(gateway, "GET", "/health/detailed?known")
            assert list(msgspec.json.decode(detail)["providers"]) == [f"p{number}"], "in force at once"
        over.set()
        await asyncio.gather(*readers)
        assert seen <= set(wholes)

    scenario(tmp_path, main)


def test_what_is_known_of_a_target_stays_while_it_is_in_the_same_place(tmp_path: Path) -> None:
    async def main(
        gateway: Whole, old: Provider, new: Provider, before: RawServer, after: RawServer
    ) -> None:
        from trunkline.core.errors import GatewayError, Kind
        from trunkline.relay.learned import NOTHING, Lessons

        lasting = gateway.lasting
        target, other = Target("up", "m"), Target("gone", "m")
        lesson = Lessons(surfaces={"openai_chat": "openai_chat"})
        down = GatewayError(Kind.OVERLOADED, "down", local=False)
        for one in (target, other):
            lasting.learned.keep(one, lesson)
            for _ in range(5):
                lasting.health.failed(one, down, lasting.clock.now())
        lasting.budget.begin("up", down)
        lasting.budget.end()
        limited = GatewayError(Kind.RATE_LIMITED, "slow", retry_after=200.0, local=False)
        lasting.health.failed(target, limited, lasting.clock.now())

        write(tmp_path, config(before).replace("key: x", "key: y").replace("[m]", "[m, another]"))
        assert isinstance(await reload(gateway), Reloaded)
        assert lasting.health.breaker(target).opened == 1
        assert lasting.learned.about(target) is lesson
        assert lasting.budget.spent == {"up": 5}
        assert lasting.health.cooling_until("up") == 0.0, "the new key has not been limited"
        write(tmp_path, config(after, "breaker: {failures: 2}\n"))
        assert isinstance(await reload(gateway), Reloaded)
        assert lasting.health.breaker(target).opened == 0, "it is elsewhere now"
        assert lasting.learned.about(target) is NOTHING
        assert lasting.budget.spent == {}
        assert lasting.health.policy.failures == 2

    scenario(tmp_path, main)


def test_the_lists_of_models_are_there_at_once_and_asked_for_again(tmp_path: Path) -> None:
    async def main(
        gateway: Whole, old: Provider, new: Provider, before: RawServer, after: RawServer
    ) -> None:
        async def listed() -> list[str]:
            _, body = await ask(gateway, "GET", "/v1/models")
            return [model["id"] for model in msgspec.json.decode(body)["data"]]

        async def shown(name: str) -> None:
            while name not in await listed():
                pass

        write(tmp_path, config(before, models=""))
        assert isinstance(await reload(gateway), Reloaded)
        await shown("listed-by-old")
        asked = len(old.heads)
        write(tmp_path, config(before, "retry: {per_target: 0}\n", models=""))
        assert isinstance(await reload(gateway), Reloaded)
        assert "listed-by-old" in await listed()
        await until(lambda: len(old.heads) > asked)
        write(tmp_path, config(after, models=""))
        assert isinstance(await reload(gateway), Reloaded)
        await shown("listed-by-new")
        assert "listed-by-old" not in await listed()

    scenario(tmp_path, main)


PLUGIN = """
class Named:
    name = "named"

    def transformRequestIn(self, body, provider, context):
        return {**body, "user": "VERSION"}
"""


def test_plugins_are_made_anew_only_when_they_or_their_settings_change(tmp_path: Path) -> None:
    async def main(
        gateway: Whole, old: Provider, new: Provider, before: RawServer, after: RawServer
    ) -> None:
        file = tmp_path / "named.py"
        file.write_text(PLUGIN)
        plugged = config(before, "plugins: [{path: ./named.py}]\n").replace(
            "models: [m]}", "models: [m], transforms: [named]}"
        )
        write(tmp_path, plugged)
        assert isinstance(await reload(gateway), Reloaded)
        first = gateway.lasting.user_code
        stream = asyncio.ensure_future(chat(gateway, stream=True))
        await until(lambda: old.begun == 1)
        write(tmp_path, plugged + "retry: {per_target: 0}\n")
        assert isinstance(await reload(gateway), Reloaded)
        assert gateway.lasting.user_code is first
        file.write_text(PLUGIN.replace("VERSION", "second version"))
        assert isinstance(await reload(gateway), Reloaded)
        assert gateway.lasting.user_code is not first
        old.let.set()
        assert b"[DONE]" in (await stream)[1]
        await chat(gateway)
        bodies = [msgspec.json.decode(body) for _, body in before.requests if body]
        assert [body["user"] for body in bodies] == ["VERSION", "second version"]
        write(tmp_path, config(before))
        assert isinstance(await reload(gateway), Reloaded)
        assert gateway.lasting.user_code is None

    scenario(tmp_path, main)


SCRIPT = """
module.exports = class {
  constructor() { this.name = "named"; }
  async transformRequestIn(body) { return {...body, user: `VERSION ${process.pid}`}; }
  async transformResponseOut(answer) { return new Response(answer.body, answer); }
};
"""


def test_the_helper_of_scripts_goes_along_until_they_change_and_ends_with_its_last_stream(
    tmp_path: Path,
) -> None:
    async def main(
        gateway: Whole, old: Provider, new: Provider, before: RawServer, after: RawServer
    ) -> None:
        async def helper(version: str) -> int:
            """The process that the plugin of this version runs in, as the provider is told."""
            assert (await chat(gateway))[0] == 200
            user = str(msgspec.json.decode(before.requests[-1][1])["user"])
            assert user.startswith(version)
            return int(user.removeprefix(version))

        file = tmp_path / "named.js"
        file.write_text(SCRIPT.replace("VERSION", "first"))
        plugged = config(before, "plugins: [{path: ./named.js}]\n").replace(
            "models: [m]}", "models: [m], transforms: [named]}"
        )
        write(tmp_path, plugged)
        assert isinstance(await reload(gateway), Reloaded)
        first = await helper("first")
        stream = asyncio.ensure_future(chat(gateway, stream=True))
        await until(lambda: old.begun == 1)
        write(tmp_path, plugged + "retry: {per_target: 0}\n")
        assert isinstance(await reload(gateway), Reloaded)
        assert await helper("first") == first, "it has nothing to do with the change"
        file.write_text(SCRIPT.replace("VERSION", "second"))
        assert isinstance(await reload(gateway), Reloaded)
        second = await helper("second")
        assert second != first
        file.write_text("throw new Error('not now');")
        assert isinstance(await reload(gateway), ConfigurationError)
        assert await helper("second") == second
        assert state_of(first)[0] not in ("X", "Z"), "the stream goes through it"
        old.let.set()
        assert b"[DONE]" in (await stream)[1]
        await asyncio.to_thread(wait_for_the_end_of, first)
        write(tmp_path, config(before))
        assert isinstance(await reload(gateway), Reloaded)
        await asyncio.to_thread(wait_for_the_end_of, second)

    scenario(tmp_path, main)


def test_what_only_a_restart_can_change_is_said_and_stays(tmp_path: Path) -> None:
    async def main(
        gateway: Whole, old: Provider, new: Provider, before: RawServer, after: RawServer
    ) -> None:
        write(tmp_path, config(before, "server: {port: 4711}\ntimeouts: {drain: 7, up_idle: 9}\n"))
        told = await reload(gateway)
        assert isinstance(told, Reloaded)
        assert told.restart == (
            "server.port is 4711 and stays 3456",
            "timeouts.drain is 7.0 and stays 300.0",
        )
        assert (await chat(gateway))[0] == 200

    scenario(tmp_path, main)


def test_nobody_is_let_in_from_elsewhere_without_a_key_by_a_reload(tmp_path: Path) -> None:
    from msgspec import structs

    from trunkline.app.reloading import _check_exposure
    from trunkline.config.schema import Configuration, Server

    bound = Configuration(source="file", server=Server(host="0.0.0.0"))
    with pytest.raises(ConfigurationError, match="which other machines can reach"):
        _check_exposure(bound)
    _check_exposure(structs.replace(bound, server=Server()))


def test_keys_are_in_force_from_the_next_request_on(tmp_path: Path) -> None:
    async def main(
        gateway: Whole, old: Provider, new: Provider, before: RawServer, after: RawServer
    ) -> None:
        assert (await chat(gateway))[0] == 200
        write(tmp_path, config(before, "server: {keys: [of-the-client]}\n"))
        assert isinstance(await reload(gateway), Reloaded)
        assert (await chat(gateway))[0] == 401

    scenario(tmp_path, main)


def test_the_route_reloads_and_names_every_finding(tmp_path: Path) -> None:
    async def main(
        gateway: Whole, old: Provider, new: Provider, before: RawServer, after: RawServer
    ) -> None:
        write(tmp_path, config(after))
        status, body = await ask(gateway, "POST", "/api/reload")
        answer = msgspec.json.decode(body)
        assert (status, answer["success"], answer["snapshot"]) == (200, True, 2)
        assert b'"content":"new"' in (await chat(gateway))[1]
        write(tmp_path, "server: {prot: 1, hots: 2}\nproviders: {up: {kind: ollama}}\n")
        status, body = await ask(gateway, "POST", "/api/reload")
        answer = msgspec.json.decode(body)
        assert (status, answer["success"]) == (400, False)
        found = [(one["line"], one["key"], one["problem"]) for one in answer["findings"]]
        assert found == [
            (1, "server.prot", 'unknown key. Did you mean "port"?'),
            (1, "server.hots", 'unknown key. Did you mean "host"?'),
        ]

    scenario(tmp_path, main)
