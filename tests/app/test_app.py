"""The parts of the composition root that decide something: the log's queue, proxies, plans, lists of models."""

import asyncio
import os
import threading
import time
from collections.abc import Callable

import pytest

from trunkline.app.discovery import Listing, discover, listed_models, served, to_discover
from trunkline.app.providers import make_providers
from trunkline.app.recorder import MAX_WAITING, LineRecorder, write_stderr
from trunkline.app.router import Router
from trunkline.app.upstreams import Upstreams
from trunkline.catalog.providers import provider_entries
from trunkline.config.environment import KEY_VARIABLES, from_environment
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, ProviderSettings, RouteRule, Timeouts
from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead, HttpRequest
from trunkline.protocols.codec import Peek
from trunkline.protocols.registry import CODECS
from trunkline.providers.provider import ListedModel
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import ExchangeRecord
from trunkline.routing.plan import Plan
from trunkline.routing.plans import MAX_NAMES
from trunkline.routing.table import build_table
from trunkline.upstream.credentials import StaticCredentials


def record(number: int) -> ExchangeRecord:
    return ExchangeRecord(
        request_id=str(number), protocol="p", operation="generate", asked_model="m", provider=None, model=None,
        route="", stream=False, status=200, outcome="ok", attempts=(), losses=(), usage=None, stop=None,
        error=None, seconds=0.0, first_byte_seconds=None, client="-", agent="", session=None,
    )  # fmt: skip


def line(entry: ExchangeRecord) -> str:
    return entry.request_id


def test_records_become_lines_in_their_order_written_together() -> None:
    written: list[bytes] = []

    async def scenario() -> None:
        recorder = LineRecorder(line, written.append)
        task = asyncio.ensure_future(recorder.run())
        for number in range(3):
            recorder.record(record(number))
        await asyncio.sleep(0.15)
        recorder.record(record(3))
        await asyncio.sleep(0.15)
        task.cancel()

    asyncio.run(scenario())
    assert written == [b"0\n1\n2\n", b"3\n"]


def test_T31_more_than_the_queue_holds_is_counted_not_kept() -> None:
    written: list[bytes] = []
    recorder = LineRecorder(line, written.append)
    for number in range(MAX_WAITING + 7):
        recorder.record(record(number))
    asyncio.run(recorder.close())
    lines = b"".join(written).decode().splitlines()
    assert lines[:2] == ["0", "1"]
    assert lines[-1] == "7 exchanges are not in this log: it was written too slowly"
    assert len(lines) == MAX_WAITING + 1


def test_T31_a_log_that_nobody_reads_keeps_nothing_waiting() -> None:
    stuck = threading.Event()

    async def scenario() -> float:
        recorder = LineRecorder(line, lambda _data: stuck.wait(20) and None)
        task = asyncio.ensure_future(recorder.run())
        recorder.record(record(1))
        await asyncio.sleep(0.1)
        for number in range(MAX_WAITING + 5):
            recorder.record(record(number))
        task.cancel()
        began = time.monotonic()
        await recorder.close()
        return time.monotonic() - began

    try:
        assert asyncio.run(scenario()) < 2.0
    finally:
        stuck.set()


def test_a_closed_stderr_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_descriptor: int, _data: bytes) -> int:
        raise OSError("closed")

    monkeypatch.setattr(os, "write", closed)
    write_stderr(b"line\n")


PROXY = {
    "HTTPS_PROXY": "http://proxy:8080",
    "NO_PROXY": "internal.example.com,.corp, 10.0.0.9:8443 *.wild.net",
}
ROUTES = [
    ("https://api.example.com", PROXY, "http://proxy:8080"),
    ("https://internal.example.com", PROXY, None),
    ("https://a.internal.example.com", PROXY, None),
    ("https://xinternal.example.com", PROXY, "http://proxy:8080"),
    ("https://host.corp", PROXY, None),
    ("https://x.wild.net", PROXY, None),
    ("https://10.0.0.9:8443", PROXY, None),
    ("https://10.0.0.9:9443", PROXY, "http://proxy:8080"),
    ("https://localhost:1", PROXY, None),
    ("https://127.0.0.1:1", PROXY, None),
    ("http://ollama:11434", PROXY, None),
    ("http://ollama:11434", {"http_proxy": "http://p:1"}, "http://p:1"),
    ("http://ollama:11434", {"HTTP_PROXY": "http://p:1"}, None),
    ("https://api.example.com", {"ALL_PROXY": "http://p:1"}, "http://p:1"),
    ("https://api.example.com", {"https_proxy": "http://p:1", "no_proxy": "*"}, None),
    ("https://api.example.com", {}, None),
]


@pytest.mark.parametrize(("origin", "environ", "proxy"), ROUTES)
def test_which_requests_go_through_a_proxy(origin: str, environ: dict[str, str], proxy: str | None) -> None:
    assert Upstreams(Timeouts(), environ).proxy(origin) == proxy


class Answer:
    """An upstream's answer in pieces."""

    def __init__(self, status: int, pieces: list[bytes]) -> None:
        self.head = HttpHead(status)
        self._pieces = pieces
        self.closed: bool | None = None

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def arrived(self) -> None:
        return None

    async def push(self, take: Callable[[bytes], bool]) -> None:
        while (data := await self.read()) and take(data):
            pass

    async def close(self, *, reuse: bool) -> None:
        self.closed = reuse


class Scripted:
    """An upstream with one answer, or an error."""

    def __init__(self, result: Answer | GatewayError) -> None:
        self.result = result
        self.requests: list[HttpRequest] = []

    async def open(self, request: HttpRequest, *, headers_timeout: float) -> Answer:
        self.requests.append(request)
        if isinstance(self.result, GatewayError):
            raise self.result
        return self.result


OPENAI = Configuration(
    source="test", providers=(("openai", ProviderSettings(kind="openai", credential=Secret("sk-canary"))),)
)


def listing(result: Answer | GatewayError) -> tuple[Listing, Scripted]:
    provider = make_providers(OPENAI)["openai"]
    upstream = Scripted(result)
    credentials = StaticCredentials({"openai": Secret("sk-canary")})
    return asyncio.run(discover(provider, upstream, credentials)), upstream


def test_a_list_of_models_is_read_and_the_connection_kept() -> None:
    answer = Answer(200, [b'{"data": [{"id": "gpt-5"},', b' {"id": "o3"}]}'])
    found, upstream = listing(answer)
    assert [model.id for model in found.models] == ["gpt-5", "o3"]
    assert found.error is None
    assert answer.closed is True
    assert upstream.requests[0].url == "https://api.openai.com/v1/models"


FAILURES: list[tuple[Answer | GatewayError, Kind]] = [
    (Answer(401, [b"{}"]), Kind.AUTHENTICATION),
    (Answer(403, [b"{}"]), Kind.PERMISSION),
    (Answer(500, [b"{}"]), Kind.UPSTREAM_FAILED),
    (Answer(302, []), Kind.UPSTREAM_FAILED),
    (Answer(200, [b"<html>"]), Kind.UPSTREAM_FAILED),
    (Answer(200, [b"x" * 9_000_000, b"x" * 9_000_000]), Kind.UPSTREAM_FAILED),
    (GatewayError(Kind.UNREACHABLE, "no"), Kind.UNREACHABLE),
]


@pytest.mark.parametrize(("result", "kind"), FAILURES, ids=range(len(FAILURES)))
def test_a_list_that_fails_is_an_error_in_hand(result: Answer | GatewayError, kind: Kind) -> None:
    found, _ = listing(result)
    assert found.error is not None
    assert found.error.kind is kind
    assert "canary" not in found.error.message
    assert isinstance(result, GatewayError) or result.closed is not None


def databricks(**settings: object) -> Configuration:
    configured = ProviderSettings(kind="databricks", host="adb-1.2.azuredatabricks.net", **settings)
    return Configuration(source="test", providers=(("dbx", configured),))


def test_what_is_served_by_list_by_configuration_and_by_custom() -> None:
    configuration = databricks()
    providers = make_providers(configuration)
    assert [provider.name for provider in to_discover(configuration, providers)] == ["dbx"]
    unlisted = served(configuration, providers, ())[0]
    assert unlisted.models == provider_entries()["databricks"].usual
    assert unlisted.families["sonnet"] == "databricks-claude-sonnet-5-5"
    assert unlisted.open_prefixes == ("databricks-", "system.ai.")
    models = (ListedModel("databricks-claude-sonnet-4-5"), ListedModel("my-own"))
    listed = served(configuration, providers, [Listing("dbx", models)])[0]
    assert listed.models == ("databricks-claude-sonnet-4-5", "my-own")
    assert listed.families == {"sonnet": "databricks-claude-sonnet-4-5"}
    configured = databricks(models=("only",))
    providers = make_providers(configured)
    assert to_discover(configuration, providers) == ()
    entry = served(configured, providers, ())[0]
    assert (entry.models, entry.open_prefixes, entry.discovered) == (("only",), (), False)


def test_in_the_environment_claude_names_belong_to_the_first_provider() -> None:
    environ = {"DATABRICKS_HOST": "adb-1.2", "DATABRICKS_TOKEN": "t", "ANTHROPIC_API_KEY": "a"}
    configuration = from_environment(environ)
    assert configuration is not None
    providers = make_providers(configuration)
    found = served(
        configuration, providers, [Listing("anthropic", (ListedModel("claude-sonnet-4-5-20250929"),))]
    )
    assert [(entry.provider, entry.only_explicit) for entry in found] == [
        ("databricks", False),
        ("anthropic", True),
    ]
    table = build_table(configuration, found)
    assert str(table.claude["claude-sonnet-4-5"]) == "databricks/databricks-claude-sonnet-4-5"


def test_every_provider_that_cannot_work_is_told() -> None:
    configuration = Configuration(
        source="x.yaml",
        providers=(("a", ProviderSettings(kind="databrics")), ("b", ProviderSettings(kind="databricks"))),
    )
    with pytest.raises(ConfigurationError) as caught:
        make_providers(configuration)
    assert [problem.key for problem in caught.value.problems] == ["providers.a.kind", "providers.b.host"]


def inbound(body: bytes = b"{}") -> Inbound:
    return Inbound(
        codec=CODECS["anthropic_messages"],
        operation="generate",
        body=body,
        headers=(),
        request_id="r",
        client="-",
    )


def router(**routes: RouteRule) -> Router:
    configuration = Configuration(
        source="test",
        providers=(("dbx", ProviderSettings(kind="databricks")),),
        routes=tuple(routes.items()),
    )
    return Router(build_table(configuration, ()))


def planned(planner: Router, asked: Inbound, peek: Peek) -> Plan:
    return asyncio.run(planner.plan(asked, peek))


def test_plans_are_kept_until_the_table_changes_and_not_without_end() -> None:
    planner = router(default=RouteRule(to=("dbx/one",)))
    first = planned(planner, inbound(), Peek("claude-opus-5"))
    assert planned(planner, inbound(), Peek("claude-opus-5")) is first

    async def more() -> None:
        for number in range(MAX_NAMES + 10):
            await planner.plan(inbound(), Peek(f"dbx/{number}"))

    asyncio.run(more())
    assert planned(planner, inbound(), Peek("dbx/last")).targets[0].deployment == "last"
    assert 1 <= len(planner._plans._known) <= MAX_NAMES
    planner.replace(router(default=RouteRule(to=("dbx/two",))).table)
    assert str(planned(planner, inbound(), Peek("claude-opus-5")).targets[0]) == "dbx/two"


def test_a_request_is_looked_at_where_routes_depend_on_it() -> None:
    planner = router(default=RouteRule(to=("dbx/one",)), think=RouteRule(to=("dbx/deep",)))
    thinking = b'{"thinking": {"type": "enabled", "budget_tokens": 2000}}'
    assert planned(planner, inbound(thinking), Peek("claude-opus-5")).route == "route think"
    assert planned(planner, inbound(), Peek("claude-opus-5")).route == "route default"


def test_only_names_that_lists_decide_wait_for_them() -> None:
    planner = router(default=RouteRule(to=("dbx/one",)))

    def waits(model: str) -> bool:
        return planner.depends_on_lists(inbound(b'{"model": "%s"}' % model.encode()))

    assert [waits(name) for name in ("dbx/x", "dbx,x", "claude-opus-5", "qwen3", "gpt-5")] == [
        False, False, False, True, True,
    ]  # fmt: skip
    assert planner.depends_on_lists(inbound(b"nonsense")) is True


def test_the_list_for_clients_names_each_model_once() -> None:
    configuration = Configuration(
        source="test",
        providers=(
            (
                "x",
                ProviderSettings(
                    kind="custom", speaks=(("openai_chat", "http://localhost:1"),), models=("a", "both")
                ),
            ),
            (
                "y",
                ProviderSettings(
                    kind="custom", speaks=(("openai_chat", "http://localhost:2"),), models=("both",)
                ),
            ),
        ),
    )
    table = build_table(configuration, served(configuration, make_providers(configuration), ()))
    names = [model.id for model in listed_models(table, {})]
    assert names == ["a", "x/both", "y/both"]


def test_a_key_alone_starts_the_provider_that_the_catalog_has_for_it() -> None:
    for_other_reasons = {"GITHUB_TOKEN", "HF_TOKEN"}
    wanted = {
        entry.kind: tuple(name for name in entry.env if name not in for_other_reasons)
        for entry in provider_entries().values()
        if entry.key_required and entry.needs == "nothing"
    }
    assert {one.kind: one.variables for one in KEY_VARIABLES} == wanted
    for kind, variables in wanted.items():
        for variable in variables:
            configuration = from_environment({variable: "k"})
            assert configuration is not None
            assert [(name, settings.kind) for name, settings in configuration.providers] == [(kind, kind)]
            assert list(make_providers(configuration)) == [kind]
    assert from_environment(dict.fromkeys(for_other_reasons, "k")) is None


def test_a_kind_may_be_called_by_another_name() -> None:
    names = {alias: entry.kind for entry in provider_entries().values() for alias in entry.aliases}
    assert not set(names) & set(provider_entries())
    found = make_providers(
        Configuration(
            source="t",
            providers=(("zai", ProviderSettings(kind="zai")), ("K", ProviderSettings(kind="Kimi"))),
        )
    )
    assert {name: provider.kind for name, provider in found.items()} == {"zai": "zhipu", "K": "moonshot"}
