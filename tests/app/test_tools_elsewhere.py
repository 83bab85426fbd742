"""Requests with tools that a workspace refuses, answered by OpenRouter (the PROXY_BACKEND proxy's guide, tools)."""

import asyncio
import http.client
import json
from urllib.parse import urlsplit

import pytest
from msgspec import structs

from app.whole import Whole, at_work
from standin import Flags, Received, Reply, StandIn, failures, say, use
from trunkline.config.proxy_backend.reader import read_proxy
from trunkline.config.schema import Configuration

pytestmark = pytest.mark.server

TOOL = {
    "name": "get_weather",
    "description": "Weather",
    "input_schema": {"type": "object", "properties": {}},
}
ASK = {"model": "big", "max_tokens": 50, "messages": [{"role": "user", "content": "Weather?"}]}
REFUSAL = failures.coded(400, "BAD_REQUEST", "tools are not supported by this endpoint")


def configuration(workspace: str, elsewhere: str) -> Configuration:
    """The proxy's, with OpenRouter where the stand-in for it is."""
    read = read_proxy(
        "environment",
        {},
        {
            "PROXY_BACKEND": "AZURE_DATABRICKS",
            "DATABRICKS_HOST": workspace,
            "DATABRICKS_TOKEN": "dapi-stand-in",
            "OPENROUTER_API_KEY": "sk-or",
        },
    ).configuration
    (databricks, openrouter) = read.providers
    moved = structs.replace(openrouter[1], speaks=(("anthropic_messages", elsewhere),))
    return structs.replace(read, providers=(databricks, (openrouter[0], moved)))


def post(url: str, body: object) -> tuple[dict[str, str], str]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        connection.request("POST", "/v1/messages", json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        return {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


def refuse_tools(received: Received) -> Reply | None:
    return REFUSAL if received.method == "POST" and b'"tools"' in received.body else None


@pytest.mark.parametrize("stream", [False, True])
def test_openrouter_answers_and_only_those(stream: bool) -> None:
    async def main() -> Whole:
        workspace = StandIn(lambda asked: say("from the workspace"), Flags(), handler=refuse_tools)
        # OpenRouter speaks Messages too; any server that does is its stand-in.
        router = StandIn([use("get_weather")], Flags(plain=True))
        async with workspace, router, at_work(configuration(workspace.url, router.url)) as running:
            headers, text = await asyncio.to_thread(post, running.url, {**ASK, "stream": stream})
            assert (headers["x-trunkline-provider"], router.requests) == ("databricks", [])
            assert ("text_delta" if stream else "from the workspace") in text
            headers, text = await asyncio.to_thread(
                post, running.url, {**ASK, "stream": stream, "tools": [TOOL]}
            )
            assert headers["x-trunkline-provider"] == "openrouter"
            assert '"name":"get_weather"' in text
            assert router.asked[0].model == "anthropic/claude-sonnet-4.5"
            assert router.requests[0].header("authorization") == "Bearer sk-or"
            return running

    records = asyncio.run(main()).records
    assert [(record.provider, record.outcome) for record in records] == [
        ("databricks", "ok"),
        ("databricks", "error"),
        ("openrouter", "ok"),
    ]
