"""T27: the vendors' own SDKs through the whole gateway, with an account that never works."""

import asyncio
from collections.abc import Callable

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types

from relay.kit import Records
from relay.test_disconnects import gateway
from upstream.raw_server import Peer, serving

KEY = "not-a-key"


def ask_anthropic(port: int) -> None:
    with anthropic.Anthropic(api_key=KEY, base_url=f"http://127.0.0.1:{port}", max_retries=1) as client:
        client.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "hi"}])


def ask_openai(port: int) -> None:
    with openai.OpenAI(api_key=KEY, base_url=f"http://127.0.0.1:{port}/v1", max_retries=1) as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])


def ask_responses(port: int) -> None:
    with openai.OpenAI(api_key=KEY, base_url=f"http://127.0.0.1:{port}/v1", max_retries=1) as client:
        client.responses.create(model="m", input="hi", store=False)


def ask_gemini(port: int) -> None:
    again = types.HttpRetryOptions(attempts=2, initial_delay=0.01, max_delay=0.02)
    options = types.HttpOptions(base_url=f"http://127.0.0.1:{port}", retry_options=again)
    with genai.Client(api_key=KEY, http_options=options) as client:
        client.models.generate_content(model="m", contents="hi")


REFUSALS = (anthropic.APIStatusError, openai.APIStatusError, errors.APIError)


@pytest.mark.server
@pytest.mark.parametrize("ask", [ask_anthropic, ask_openai, ask_responses, ask_gemini])
@pytest.mark.parametrize(
    ("status", "attempts", "calls"),
    [(401, 1, 1), (404, 1, 1), (400, 1, 1), (503, 2, 4)],
)
def test_T27_the_clients_retries_and_ours(
    ask: Callable[[int], None], status: int, attempts: int, calls: int
) -> None:
    """Upstream calls are at most the SDK's attempts times ours, and one where no retry can help."""
    records = Records()

    async def refuse(peer: Peer) -> None:
        body = b'{"error":{"message":"the account is closed","type":"some_error"}}'
        await peer.send(
            b"HTTP/1.1 %d No\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
            % (status, len(body), body)
        )

    async def main() -> int:
        async with serving(refuse) as server, gateway(server.port, records) as (port, _):
            with pytest.raises(REFUSALS) as raised:
                await asyncio.to_thread(ask, port)
            assert "the account is closed" in str(raised.value)
            if calls == 1 and not isinstance(raised.value, errors.APIError):
                assert raised.value.response.headers["x-should-retry"] == "false"
            return len(server.requests)

    assert asyncio.run(main()) == calls
    assert len(records) == attempts
