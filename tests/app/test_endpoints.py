"""Plugins at an endpoint: the hooks for what clients say and hear, whoever the provider is."""

from pathlib import Path

import pytest

from app.plugged import Ran, ask, chat_answer, chat_stream, installed, post, run
from app.whole import Asked, Reply

pytestmark = pytest.mark.server

CONFIG = """
plugins: [{{path: "plugins/{script}", options: {{how: {how}}}}}]
endpoints: {{anthropic_messages: [at_endpoint]}}
any_name: true
routes: {{default: up/m}}
providers:
  up: {{kind: custom, speaks: {{openai_chat: "URL/v1"}}, key: k, models: [m]}}
"""
SCRIPTS = {"at_endpoint.py": "python", "at-endpoint.js": "javascript"}
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
EITHER = pytest.mark.parametrize("script", SCRIPTS)


def reply(asked: Asked) -> Reply:
    if "refused" in str(asked.body["messages"]):
        return 429
    return (
        chat_stream(["a ", "quiet", " answer"])
        if asked.body.get("stream")
        else chat_answer("a quiet answer")
    )


def asked_at_the_door(
    folder: Path, script: str, *, how: str = "well", text: str = "go", stream: bool = False
) -> Ran:
    installed(folder)
    config = CONFIG.format(script=script, how=how)
    return run(
        folder, lambda url: config.replace("URL", url), lambda url: ask(url, text, stream=stream), reply
    )


@BOTH
@EITHER
def test_what_is_said_and_heard(tmp_path: Path, script: str, stream: bool) -> None:
    """The client's own words go in, in its protocol; its own answer goes out."""
    answer, upstream, records = asked_at_the_door(tmp_path, script, stream=stream)
    assert answer.text == "a QUIET answer"
    assert answer.headers["x-door"] == SCRIPTS[script]
    assert answer.headers["x-trunkline-provider"] == "up"
    assert upstream.asked[0].body["messages"] == [{"role": "user", "content": "go (said at the door)"}]
    assert records[0].outcome == "ok"


@EITHER
def test_other_endpoints_have_none(tmp_path: Path, script: str) -> None:
    installed(tmp_path)
    config = CONFIG.format(script=script, how="well")
    body = {"model": "up/m", "messages": [{"role": "user", "content": "go"}]}
    answer, upstream, _ = run(
        tmp_path,
        lambda url: config.replace("URL", url),
        lambda url: post(url, "/v1/chat/completions", body),
        reply,
    )
    assert b"a quiet answer" in answer.body
    assert upstream.asked[0].body["messages"] == body["messages"]


@EITHER
def test_an_error_goes_past_them(tmp_path: Path, script: str) -> None:
    answer, _, _ = asked_at_the_door(tmp_path, script, text="refused")
    assert answer.status == 429
    assert "x-door" not in answer.headers


@BOTH
@EITHER
@pytest.mark.parametrize(
    ("how", "hook"), [("refuse", "transformRequestOut"), ("fail", "transformResponseIn")]
)
def test_one_that_fails(tmp_path: Path, script: str, stream: bool, how: str, hook: str) -> None:
    answer, upstream, _ = asked_at_the_door(tmp_path, script, how=how, stream=stream)
    assert answer.status == 500
    assert answer.json["type"] == "error"
    error = answer.json["error"]
    assert isinstance(error, dict)
    assert error["message"].startswith(f'The plugin "at_endpoint" failed in {hook}:')
    assert error["message"].endswith("not today.")
    assert len(upstream.asked) == (0 if how == "refuse" else 1)


@EITHER
def test_one_that_breaks_off(tmp_path: Path, script: str) -> None:
    """The client's stream ends with an error in its protocol, and with no end of an answer."""
    answer, _, _ = asked_at_the_door(tmp_path, script, how="break", stream=True)
    last = answer.body.decode().strip().split("\n\n")[-1]
    if answer.status == 200:
        assert last.startswith("event: error\n")
    assert "at_endpoint" in last
    assert "broke in the middle" in last
