"""A Messages provider that turns out to run no server tools: refused once, asked without, and remembered."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import msgspec
import openai
import pytest

from app.sdks import message_of
from app.searx import Searx
from app.whole import Upstream, Whole, whole
from standin import AnthropicFlags, AnthropicStandIn, Asked, Scripted, Server, StandIn, say, use
from upstream.raw_server import serving

pytestmark = pytest.mark.server

TOOL = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
LOOK = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}
ANSWER = "Trains run on [rails](https://rails.example/how)."
REFUSAL = "Input tag 'web_search_20250305' found using 'type'"


def compatible(script: Callable[[Asked], Scripted]) -> Server:
    return AnthropicStandIn(script, AnthropicFlags(server_tools=False))


STANDINS = {
    "compatible": (compatible, "", "claude-sonnet-4-5"),
    "workspace": (StandIn, "/serving-endpoints/anthropic", "databricks-claude-sonnet-4-5"),
}
standins = pytest.mark.parametrize("kind", list(STANDINS))


@asynccontextmanager
async def gateway(
    kind: str, script: Callable[[Asked], Scripted], folder: Path, search: str = ""
) -> AsyncIterator[tuple[Whole, Server]]:
    make, base, model = STANDINS[kind]
    with make(script) as standin:
        config = f"""
providers:
  c: {{kind: custom, speaks: {{anthropic_messages: "{standin.url}{base}"}}, key: {standin.token}, models: [{model}]}}
models: {{m: c/{model}}}
retry: {{per_target: 0}}
{search}"""
        async with whole(config, folder) as running:
            yield running, standin


QUESTION: dict[str, object] = {"role": "user", "content": "what do trains run on?"}
SEARCHED: list[dict[str, object]] = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "trains"}},
    {
        "type": "web_search_tool_result", "tool_use_id": "srvtoolu_1",
        "content": [{"type": "web_search_result", "url": "https://rails.example/", "title": "Rails",
                     "encrypted_content": "c2VhbGVk", "page_age": None}],
    },
    {"type": "text", "text": "On rails."},
]  # fmt: skip


def ask_messages(
    url: str, *tools: dict[str, object], stream: bool = False, earlier: tuple[dict[str, object], ...] = ()
) -> anthropic.types.Message:
    fields = {"model": "m", "max_tokens": 100, "tools": list(tools), "messages": [*earlier, QUESTION]}
    return message_of(url, fields, stream=stream)


def words(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@standins
def test_the_request_is_sent_again_without_the_tool_and_that_is_remembered(
    tmp_path: Path, kind: str, stream: bool
) -> None:
    async def main() -> None:
        async with gateway(kind, lambda asked: say("From memory."), tmp_path) as (running, standin):
            for tools in ((TOOL, LOOK), (TOOL,)):
                message = await asyncio.to_thread(ask_messages, running.url, *tools, stream=stream)
                assert words(message) == "From memory."
            assert [one.tools for one in standin.asked] == [("look",), ()]
            assert len(standin.refusals) == 1, "remembered"
            assert REFUSAL in standin.refusals[0]
            assert [[loss.field for loss in one.losses] for one in running.records] == [
                ["tools.web_search"]
            ] * 2

    asyncio.run(main())


READ = [
    '[used the server tool web_search with {"query":"trains"}]',
    "[result of the server tool web_search]\nRails\nhttps://rails.example/",
    "On rails.",
]


def read(asked: Asked) -> list[str]:
    """The earlier answer as the model reads it."""
    turns = msgspec.convert(asked.body["messages"], list[dict[str, Any]])
    return [block["text"] for block in turns[1]["content"]]


@pytest.mark.parametrize("tools", [(), (TOOL,)], ids=["none", "searching"])
@standins
def test_earlier_searches_of_a_vendors_are_text_to_a_provider_without(
    tmp_path: Path, kind: str, tools: tuple[dict[str, object], ...]
) -> None:
    """A conversation that began at Anthropic goes on where there is no search."""
    earlier = (QUESTION, {"role": "assistant", "content": SEARCHED})

    async def main() -> None:
        async with gateway(kind, lambda asked: say("Steel ones."), tmp_path) as (running, standin):
            for _ in range(2):
                message = await asyncio.to_thread(ask_messages, running.url, *tools, earlier=earlier)
                assert words(message) == "Steel ones."
            assert len(standin.refusals) == 1, "remembered"
            assert [read(asked) for asked in standin.asked] == [READ, READ]

    asyncio.run(main())


@standins
def test_a_responses_client_loses_its_search_but_not_its_answer(tmp_path: Path, kind: str) -> None:
    def ask(url: str) -> str:
        with openai.OpenAI(api_key="x", base_url=f"{url}/v1", max_retries=0) as client:
            return client.responses.create(
                model="m", input="what do trains run on?", tools=[{"type": "web_search"}], store=False
            ).output_text

    async def main() -> None:
        async with gateway(kind, lambda asked: say("From memory."), tmp_path) as (running, standin):
            for _ in range(2):
                assert await asyncio.to_thread(ask, running.url) == "From memory."
            assert [one.tools for one in standin.asked] == [(), ()]
            assert len(standin.refusals) == 1, "remembered"
            for record in running.records:
                assert "tools.web_search" in [loss.field for loss in record.losses]

    asyncio.run(main())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@standins
def test_the_gateway_searches_in_its_place_where_it_can(tmp_path: Path, kind: str, stream: bool) -> None:
    searx = Searx()

    def script(asked: Asked) -> Scripted:
        return say(ANSWER) if asked.last_results else use("web_search", query="what trains run on")

    async def main() -> None:
        async with serving(Upstream(searx.answer).play) as server:
            search = f'search: {{backend: searxng, url: "http://127.0.0.1:{server.port}/searx"}}'
            async with gateway(kind, script, tmp_path, search) as (running, standin):
                for _ in range(2):
                    message = await asyncio.to_thread(ask_messages, running.url, TOOL, stream=stream)
                    kinds = [block.type for block in message.content]
                    assert kinds == ["server_tool_use", "web_search_tool_result", "text"]
                    assert words(message) == ANSWER
                assert len(standin.refusals) == 1, "remembered"
                assert [one.tools for one in standin.asked] == [("web_search",)] * 4
                assert [one.losses for one in running.records] == [(), ()]
        assert searx.queries == ["what trains run on"] * 2

    asyncio.run(main())


def test_a_workspace_is_known_to_take_no_searches_of_a_vendors(tmp_path: Path) -> None:
    async def main() -> None:
        with StandIn([say("Steel ones.")]) as standin:
            config = f"""
providers: {{c: {{kind: databricks, host: "{standin.url}", token: {standin.token}}}}}
models: {{m: c/databricks-claude-sonnet-4-5}}
"""
            earlier = (QUESTION, {"role": "assistant", "content": SEARCHED})
            async with whole(config, tmp_path) as running:
                message = await asyncio.to_thread(ask_messages, running.url, TOOL, earlier=earlier)
            assert words(message) == "Steel ones."
            assert standin.refusals == []
            assert read(standin.asked[0]) == READ
            assert standin.requests[-1].path.endswith("/messages")

    asyncio.run(main())


def test_a_service_that_runs_them_is_asked_as_ever(tmp_path: Path) -> None:
    async def main() -> None:
        with AnthropicStandIn([say("Fine.")]) as standin:
            config = f"""
providers: {{c: {{kind: custom, speaks: {{anthropic_messages: "{standin.url}"}}, key: {standin.token}}}}}
models: {{m: c/claude-sonnet-4-5}}
"""
            async with whole(config, tmp_path) as running:
                await asyncio.to_thread(ask_messages, running.url, TOOL)
            assert standin.asked[0].tools == ("web_search",)

    asyncio.run(main())
