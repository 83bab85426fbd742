"""The vendors' services behind sockets: the same servers that real agents talk to."""

import json
import urllib.error
import urllib.request

import pytest

from standin import AnthropicStandIn, Call, GeminiStandIn, OpenAIStandIn, Server, Think, say, turn

pytestmark = pytest.mark.server
SCRIPT = [turn(Think("Hm."), "I look.", Call("look", {"at": "it"}))]


def post(server: Server, path: str, body: object) -> tuple[int, str]:
    headers = {"authorization": f"Bearer {server.token}", "content-type": "application/json"}
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        (OpenAIStandIn, "/v1/responses", {"model": "gpt-5.5", "input": "Go", "stream": True}),
        (
            GeminiStandIn,
            "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
            {"contents": [{"role": "user", "parts": [{"text": "Go"}]}]},
        ),
        (
            AnthropicStandIn,
            "/v1/messages",
            {
                "model": "claude-sonnet-4-5",
                "max_tokens": 10,
                "stream": True,
                "messages": [{"role": "user", "content": "Go"}],
            },
        ),
    ],
)
def test_answers_refuses_and_records(kind: type[Server], path: str, body: dict[str, object]) -> None:
    with kind(SCRIPT) as server:
        status, text = post(server, path, body)
        assert status == 200
        assert "I look." in text
        assert "look" in text
        status, text = post(server, path, {**body, "nonsense": 1})
        assert status == 400
        assert "nonsense" in text
        assert len(server.requests) == 2
        assert len(server.refusals) == 1
        assert [asked.first_user_text for asked in server.asked] == ["Go"]
        assert server.remaining == 0
        status, _ = post(server, path, body)
        assert status == 500
        assert len(server.surprises) == 1
        server.play([say("Again.")])
        assert post(server, path, body)[0] == 200


@pytest.mark.parametrize(
    ("thinking", "words"),
    [
        ({"type": "enabled", "budget_tokens": 100}, "`max_tokens` must be greater"),
        ({"type": "enabled", "budget_tokens": 2000}, "`max_tokens` must be greater"),
    ],
)
def test_anthropic_speaks_in_its_own_shape(thinking: dict[str, object], words: str) -> None:
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 2000,
        "thinking": thinking,
        "messages": [{"role": "user", "content": "Go"}],
    }
    with AnthropicStandIn(SCRIPT) as server:
        status, text = post(server, "/v1/messages", body)
        assert status == 400
        error = json.loads(text)
        assert error["type"] == "error"
        if thinking["budget_tokens"] == 2000:
            assert words in error["error"]["message"]
