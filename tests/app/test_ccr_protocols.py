"""Configurations of claude-code-router whose providers speak Gemini or Responses, asked as Claude Code asks."""

import json
from pathlib import Path

import pytest

from app.test_protocols import CALL, CLIENTS, PATHS, WORDS, Got, reply
from app.whole import through

pytestmark = pytest.mark.server


def router(url: str, transformer: str) -> str:
    return json.dumps(
        {
            "Providers": [
                {
                    "name": "up",
                    "api_base_url": url,
                    "api_key": "k",
                    "models": ["m"],
                    "transformer": {"use": [transformer]},
                }
            ],
            "Router": {"default": "up,m"},
        }
    )


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", ["up,m", "claude-sonnet-5"])
@pytest.mark.parametrize(
    ("protocol", "path", "transformer", "key"),
    [
        ("gemini", "/v1beta/models/", "gemini", b"x-goog-api-key: k"),
        ("openai_responses", "/v1/responses", "openai-responses", b"authorization: Bearer k"),
    ],
)
def test_claude_code_over_a_provider_of_another_protocol(
    tmp_path: Path, protocol: str, path: str, transformer: str, key: bytes, model: str, stream: bool
) -> None:
    got, upstream, records = through(
        reply,
        lambda url: router(url + path, transformer),
        tmp_path,
        lambda url: CLIENTS["anthropic_messages"](url, model, stream=stream),
    )
    assert got == Got(WORDS, "run", CALL, 11, 7)
    (asked,) = upstream.asked
    assert asked.path == PATHS[protocol][stream]
    assert key in asked.head
    assert (records[0].provider, records[0].outcome) == ("up", "ok")


@pytest.mark.parametrize("client", ["gemini", "openai_responses", "openai_chat"])
def test_other_agents_are_routed_by_the_same_file(tmp_path: Path, client: str) -> None:
    """CCR's router has a place for every request, whatever model it names."""
    got, upstream, records = through(
        reply,
        lambda url: router(url + "/v1beta/models/", "gemini"),
        tmp_path,
        lambda url: CLIENTS[client](url, "some-model-of-the-agent", stream=True),
    )
    assert got.text == WORDS
    assert upstream.asked[0].path == PATHS["gemini"][1]
    assert records[0].route == "route default"
