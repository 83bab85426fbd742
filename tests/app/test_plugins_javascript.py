"""The public plugins' styles in JavaScript, unchanged from CCR, with the gateway whole (ccr.md 3.6)."""

import json
import time
from pathlib import Path

import pytest

from app.plugged import (
    WORDS,
    Answered,
    TokenService,
    ask,
    asking,
    header,
    installed,
    post,
    router_file,
    run,
)
from app.plugged import tokens as tokens
from app.whole import Asked, Reply

pytestmark = pytest.mark.server

CHAT = "/v1/chat/completions"
TOOL = {"name": "t", "input_schema": {"type": "object"}}
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def gemini_frame(words: str, finish: str | None) -> dict[str, object]:
    candidate: dict[str, object] = {"index": 0, "content": {"role": "model", "parts": [{"text": words}]}}
    if finish:
        candidate["finishReason"] = finish
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r"}


def wrapped_reply(asked: Asked) -> Reply:
    """Gemini's answers inside ``response``, as the service behind Gemini CLI gives them."""
    if "streamGenerateContent" not in asked.path:
        return json.dumps({"response": gemini_frame(WORDS, "STOP")}).encode()
    frames = [gemini_frame(word, None) for word in WORDS] + [gemini_frame("", "STOP")]
    return [f"data: {json.dumps({'response': frame})}\r\n\r\n".encode() for frame in frames]


@BOTH
def test_gemini_cli(tmp_path: Path, tokens: TokenService, stream: bool) -> None:
    """Credentials from a file, refreshed and written back; a wrapped body elsewhere; an unwrapped answer."""
    home = installed(tmp_path)
    (tmp_path / "oauth_creds.json").write_text(json.dumps({"refresh_token": "r", "expiry_date": 1}))
    options = {"project": "p1", "session": "s1", "token_url": tokens.url}
    answer, upstream, records = run(
        tmp_path,
        lambda url: router_file(
            f"{url}/base/",
            home,
            [("gemini-cli.js", options)],
            {"use": ["gemini-cli"]},
            GEMINI_HOME=str(tmp_path),
        ),
        lambda url: ask(url, stream=stream),
        wrapped_reply,
    )
    assert answer.text == WORDS
    (asked,) = upstream.asked
    action = "streamGenerateContent?alt=sse" if stream else "generateContent"
    assert asked.path == f"/base/v1internal:{action}"
    assert asked.body == {
        "request": {"contents": [{"role": "user", "parts": [{"text": "go"}]}], "session_id": "s1"},
        "model": "m",
        "project": "p1",
    }
    assert header(asked, "authorization") == "Bearer fresh-1"
    assert header(asked, "user-agent") == "GeminiCLI/v22.12.0 (darwin; arm64)"
    assert header(asked, "x-absent") is None
    assert tokens.asked == ["client_id=id&refresh_token=r&grant_type=refresh_token"]
    assert json.loads((tmp_path / "oauth_creds.json").read_text())["access_token"] == "fresh-1"
    assert records[0].usage is not None
    assert (records[0].usage.input, records[0].usage.output) == (3, 2)


@BOTH
def test_an_interceptor_behind_the_built_in_gemini(tmp_path: Path, stream: bool) -> None:
    """It sees Gemini's own body, and its answer is decoded as Gemini's."""
    home = installed(tmp_path)
    files = [("gemini-interceptor.js", {"project": "p2", "token": "oauth-2"})]
    answer, upstream, _ = run(
        tmp_path,
        lambda url: router_file(
            f"{url}/v1beta/models/", home, files, {"use": ["gemini", "gemini_interceptor"]}
        ),
        lambda url: ask(url, stream=stream, system="Be brief."),
        wrapped_reply,
    )
    assert answer.text == WORDS
    (asked,) = upstream.asked
    assert asked.path == f"/v1internal:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"
    assert (asked.body["project"], asked.body["requestId"]) == (
        "p2",
        "11111111-2222-4333-8444-555555555555",
    )
    inner = asked.body["request"]
    assert isinstance(inner, dict)
    assert inner["contents"] == [{"role": "user", "parts": [{"text": "go"}]}]
    assert header(asked, "authorization") == "Bearer oauth-2"
    assert header(asked, "x-goog-api-key") is None
    assert header(asked, "x-seen") == "1"


def test_qwen_cli(tmp_path: Path, tokens: TokenService) -> None:
    """Two accounts in turn, by a counter on disk; the one whose token is old gets a new one, once."""
    home = installed(tmp_path)
    late = (time.time() + 3600) * 1000
    accounts = [
        {"access_token": "old", "refresh_token": "r0", "expiry_date": 1},
        {"access_token": "good", "refresh_token": "r1", "expiry_date": late},
    ]
    (tmp_path / "accounts.json").write_text(json.dumps(accounts))
    options = {"home": str(tmp_path), "token_url": tokens.url}

    def thrice(url: str) -> Answered:
        answers = [ask(url, stream=stream) for stream in (True, False, True)]
        assert [answer.text for answer in answers] == [WORDS] * 3
        return answers[0]

    _, upstream, _ = run(
        tmp_path,
        lambda url: router_file(url + CHAT, home, [("qwen-cli.js", options)], {"use": ["qwen-cli"]}),
        thrice,
    )
    sent = [header(asked, "authorization") for asked in upstream.asked]
    assert sent == ["Bearer fresh-1", "Bearer good", "Bearer fresh-1"]
    assert [asked.body.get("stream_options") for asked in upstream.asked] == [
        {"include_usage": True},
        None,
        {"include_usage": True},
    ]
    assert header(upstream.asked[0], "user-agent") == "QwenCode/0.0.5 (darwin; arm64)"
    assert tokens.given == 1
    assert (tmp_path / "counter").read_text() == "3"


def zai_reply(asked: Asked) -> Reply:
    frames: list[dict[str, object]] = [{"delta_content": word} for word in WORDS]
    frames.append({"done": True, "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
    assert asked.body["stream"] is True
    return [f"data: {json.dumps({'data': frame})}\n\n".encode() for frame in frames]


@BOTH
def test_zai(tmp_path: Path, stream: bool) -> None:
    """The service always streams; the client's own flag decides what comes of it."""
    home = installed(tmp_path)
    answer, upstream, records = run(
        tmp_path,
        lambda url: router_file(f"{url}/x/y", home, [("zai.js", {})], {"use": ["zai"]}),
        lambda url: ask(url, stream=stream),
        zai_reply,
    )
    assert answer.text == WORDS
    (asked,) = upstream.asked
    assert asked.path == "/api/chat/completions"
    assert isinstance(asked.body["variables"], dict)
    assert header(asked, "x-trace") is not None
    assert records[0].usage is not None
    assert records[0].usage.output == 2


def test_output_config(tmp_path: Path) -> None:
    """The client's own body, its headers and its session are there."""
    home = installed(tmp_path)
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    answer, upstream, _ = run(
        tmp_path,
        lambda url: router_file(
            url + CHAT, home, [("output-config.js", {})], {"use": ["OpenAI", "outputConfig"]}
        ),
        lambda url: ask(url, output_format={"type": "json_schema", "schema": schema}),
    )
    assert answer.text == WORDS
    assert upstream.asked[0].body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "recovered", "schema": schema},
    }
    assert upstream.asked[0].body["user"] == "session-1/session-1/m"


@BOTH
def test_tiny_editors_print_what_they_like(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    """It is in the log, and nowhere else."""
    caplog.set_level("INFO")
    home = installed(tmp_path)
    answer, upstream, _ = run(
        tmp_path,
        lambda url: router_file(
            url + CHAT, home, [("strip-reasoning.js", {})], {"use": ["strip-reasoning"]}
        ),
        lambda url: ask(
            url, stream=stream, tools=[TOOL], thinking={"type": "enabled", "budget_tokens": 2000}
        ),
    )
    assert answer.text == WORDS
    assert not {"tools", "reasoning"} & upstream.asked[0].body.keys()
    assert header(upstream.asked[0], "authorization") == "Bearer key-of-up"
    printed = [record.getMessage() for record in caplog.records if "plugins" in record.name]
    assert printed == ["plugin: stripped here up ****", "plugin: and written"]


def test_levels_orders_and_options(tmp_path: Path) -> None:
    """At both levels it runs twice; answers pass the provider's list backwards, then the model's, as in CCR."""
    home = installed(tmp_path)
    use = {
        "use": ["twice", ["twice", {"mark": "second"}]],
        "m": {"use": [["twice", {"mark": "of-m"}], "strip-reasoning"]},
    }
    use["use"] = ["twice", "strip-reasoning"]
    answer, upstream, _ = run(
        tmp_path,
        lambda url: router_file(
            url + CHAT, home, [("twice.mjs", {"mark": "base"}), ("strip-reasoning.js", {})], use
        ),
        lambda url: post(url, CHAT, {"model": "up,m", "messages": [{"role": "user", "content": "go"}]}),
    )
    assert answer.status == 200
    assert upstream.asked[0].body["marks"] == ["base", "of-m"]
    assert answer.headers["request-id"] == "base,of-m"


def test_pass_through_goes_through_plugins_too(tmp_path: Path) -> None:
    """Where the client speaks the provider's protocol, a plugin has the client's own body, its model replaced."""
    home = installed(tmp_path)
    native = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": WORDS}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    answer, upstream, _ = run(
        tmp_path,
        lambda url: router_file(
            f"{url}/v1/messages", home, [("twice.mjs", {})], {"use": ["Anthropic", "twice"]}
        ),
        lambda url: ask(url, "go", metadata={"user_id": "u"}),
        lambda asked: json.dumps(native).encode(),
    )
    assert answer.json["content"] == native["content"]
    (asked,) = upstream.asked
    assert asked.path == "/v1/messages"
    assert asked.body == {**asking("go", metadata={"user_id": "u"}), "model": "m", "marks": ["twice"]}
    assert header(asked, "x-api-key") == "key-of-up"


def test_tokens_are_counted_here(tmp_path: Path) -> None:
    """Where a plugin would send the question, and as whom, only it knows."""
    home = installed(tmp_path)
    answer, upstream, _ = run(
        tmp_path,
        lambda url: router_file(
            f"{url}/v1/messages", home, [("twice.mjs", {})], {"use": ["Anthropic", "twice"]}
        ),
        lambda url: post(url, "/v1/messages/count_tokens", asking("go")),
    )
    assert answer.status == 200
    assert answer.json["input_tokens"]
    assert upstream.asked == []
