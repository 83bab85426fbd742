"""Databricks Devbox' guide to Claude Code with models that Databricks hosts, through claude-code-router.

The configuration is the one that the devbox generates, with the workspace and the token replaced, and ``PORT`` 0 so that
a free port is found. Its transformer's file is not there: what it does is done without it.
"""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest

from seeds.serving import PATIENCE, Answer, ask, eventually
from seeds.user import User, router_user, running, started
from standin import Asked, Call, Flags, Scripted, StandIn, Think, Tokens, say, turn

pytestmark = pytest.mark.server

MODEL = "databricks-claude-sonnet-4"
TOKEN = "dapi-stand-in"


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    with router_user(tmp_path) as user:
        yield user


@pytest.fixture
def workspace() -> Iterator[StandIn]:
    with StandIn(lambda asked: say("Hello from Sonnet 4.")) as standin:
        yield standin


def generated(user: User, workspace: StandIn, **more: object) -> Path:
    """What ``vibe_code.py`` writes at the devbox' start."""
    folder = user.home / ".claude-code-router"
    use = {"use": ["OpenAI", "databricks-custom"]}
    transformer = folder / "plugins" / "databricks-claude-transformers.js"
    config: dict[str, object] = {
        "LOG": False,
        "LOG_LEVEL": "debug",
        "CLAUDE_PATH": "",
        "HOST": "127.0.0.1",
        "PORT": 0,
        "APIKEY": "",
        "API_TIMEOUT_MS": "600000",
        "PROXY_URL": "",
        "transformers": [{"path": str(transformer), "options": {"debug": False}}],
        "Providers": [
            {
                "name": "databricks",
                "api_base_url": f"{workspace.url}/serving-endpoints/{MODEL}/invocations",
                "api_key": TOKEN,
                "models": [MODEL],
                "transformer": {**use, MODEL: use},
            }
        ],
        "StatusLine": {
            "enabled": False,
            "currentStyle": "default",
            "default": {"modules": []},
            "powerline": {"modules": []},
        },
        "Router": {"default": f"databricks,{MODEL}"},
    }
    file = folder / "config.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(config | more, indent=2))
    file.chmod(0o600)
    return file


def completion(url: str, **more: object) -> Answer:
    body = {"model": "gpt-4", "messages": [{"role": "user", "content": "Hello"}], **more}
    return ask(url, "POST", "/v1/chat/completions", body)


def sent(workspace: StandIn) -> dict[str, object]:
    body = json.loads(workspace.requests[-1].body)
    assert isinstance(body, dict)
    return body


def test_what_you_get_and_usage(user: User, workspace: StandIn) -> None:
    """Claude Code asks localhost, and the workspace's Sonnet 4 answers, with the workspace's token."""
    generated(user, workspace)
    assert user.types("ccr config check").code == 0
    url = started(user)
    assert url.startswith("http://127.0.0.1:")
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    answered = ask(url, "POST", "/v1/messages", body, {"x-api-key": "none"})
    assert answered.status == 200, answered.body
    assert answered.json["content"] == [{"type": "text", "text": "Hello from Sonnet 4."}]
    received = workspace.requests[-1]
    assert received.path == f"/serving-endpoints/{MODEL}/invocations"
    assert received.header("authorization") == f"Bearer {TOKEN}"


def test_the_transformation_example(user: User, workspace: StandIn) -> None:
    generated(user, workspace)
    url = started(user)
    marked = {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}
    answered = completion(
        url, messages=[{"role": "user", "content": [marked]}], parallel_tool_calls=True, max_tokens=50
    )
    assert answered.status == 200, answered.body
    body = sent(workspace)
    # As the guide has it, but for the mark: Databricks takes it by now, and prompt caching needs it.
    assert body == {
        "model": MODEL,
        "messages": [{"role": "user", "content": [marked]}],
        "max_tokens": 50,
    }


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def test_its_other_key_transformations(user: User, workspace: StandIn) -> None:
    generated(user, workspace)
    url = started(user)
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    history = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Nothing."},
    ]
    answered = completion(url, messages=history, tools=tools, parallel_tool_calls=False)
    assert answered.status == 200, answered.body
    body = sent(workspace)
    assert "parallel_tool_calls" not in body
    messages = body["messages"]
    assert isinstance(messages, list)
    assert not messages[1].get("content"), "empty content is no text"
    assert messages[1]["tool_calls"][0]["function"]["name"] == "look"

    for address in (f"data:image/png,{PIXEL}", f"data:image/png;base64,{PIXEL}"):
        picture = {"type": "image_url", "image_url": {"url": address}}
        answered = completion(url, messages=[{"role": "user", "content": [picture]}])
        assert answered.status == 200, answered.body
        assert f"data:image/png;base64,{PIXEL}" in workspace.requests[-1].body.decode()


def test_commands_and_common_issues(user: User, workspace: StandIn) -> None:
    file = generated(user, workspace)
    assert user.types("ccr status").code == 6  # CCR not running
    url = started(user)
    assert completion(url).status == 200
    assert url in user.types("ccr status").out
    assert user.types("ccr restart").code == 0
    assert completion(running(user)).status == 200
    view = f"grep -h '{MODEL}' ~/.claude-code-router/logs/ccr-*.log"
    eventually(lambda: user.types(view).code == 0)
    # Token issues
    shown = user.types(
        f"python3 -c \"import json; print(json.load(open('{file}'))['Providers'][0]['api_key'])\""
    )
    assert shown.out == f"{TOKEN}\n"
    assert user.types("ccr stop").code == 0
    assert user.types("ccr status").code == 6
    # Port already in use
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        generated(user, workspace, PORT=port)
        taken = user.types("ccr start")
    assert taken.code == 6
    assert f"Port {port} on 127.0.0.1 is taken" in taken.err
    # A token that is not valid: the message says so, and what to look at.
    generated(user, workspace, Providers=[{"name": "databricks", "api_base_url": f"{workspace.url}/serving-endpoints/{MODEL}/invocations", "api_key": "dapi-old", "models": [MODEL]}])  # fmt: skip
    refused = completion(started(user))
    assert refused.status == 401
    assert b"token" in refused.body.lower()
    assert b"dapi-old" not in refused.body


def test_debug_logging(user: User, workspace: StandIn) -> None:
    options = {
        "path": "~/.claude-code-router/plugins/databricks-claude-transformers.js",
        "options": {"debug": True},
    }
    generated(user, workspace, LOG=True, LOG_LEVEL="debug", transformers=[options])
    url = started(user)
    assert user.types("ccr restart").code == 0
    assert completion(url).status == 200
    log = "".join(
        path.read_text() for path in (user.home / ".claude-code-router" / "logs").glob("ccr-*.log")
    )
    assert TOKEN not in log


PLUGIN = """// ~/.claude-code-router/plugins/custom-transformer.js
class CustomTransformer {
  constructor(options = {}) {
    this.name = 'custom-transformer';
  }
  async transformRequestIn(request, provider) {
    // Transform request
    request.user = 'transformed';
    return request;
  }
  async transformResponseOut(response, provider) {
    // Transform response
    return response;
  }
}
module.exports = CustomTransformer;
"""


def test_advanced_configuration(user: User, workspace: StandIn) -> None:
    """Several providers, and a custom transformer."""
    file = generated(user, workspace)
    (file.parent / "plugins").mkdir()
    (file.parent / "plugins" / "custom-transformer.js").write_text(PLUGIN)
    with StandIn(lambda asked: say("Hello from OpenAI."), Flags(plain=True)) as openai:
        config = json.loads(file.read_text())
        config["transformers"].append({"path": str(file.parent / "plugins" / "custom-transformer.js")})
        config["Providers"].append(
            {
                "name": "openai",
                "api_base_url": f"{openai.url}/v1/chat/completions",
                "api_key": "<openai-key>",
                "models": ["gpt-4", "gpt-3.5-turbo"],
                "transformer": {"use": ["custom-transformer"]},
            }
        )
        file.write_text(json.dumps(config))
        url = started(user)
        assert b"Hello from Sonnet 4." in completion(url, model="claude-sonnet-4-5").body
        for model in ("gpt-4", "openai,gpt-3.5-turbo"):
            assert b"Hello from OpenAI." in completion(url, model=model).body
            assert sent(openai)["model"] == model.removeprefix("openai,")
            assert sent(openai)["user"] == "transformed"
            assert openai.requests[-1].header("authorization") == "Bearer <openai-key>"
        assert user.types("ccr stop").code == 0


# What the guide calls impossible.

SURFACES = {
    "chat": f"/serving-endpoints/{MODEL}/invocations",
    "messages": "/serving-endpoints/anthropic",
    "any": "",
}
MARK = {"type": "ephemeral"}
TOOL = {"name": "look", "description": "Look.", "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}}}  # fmt: skip
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}


def looking(asked: Asked) -> Scripted:
    """Three turns, whatever was asked before."""
    steps = [
        turn(
            Think("Two places to look at."),
            "I look.",
            Call("look", {"at": "here"}),
            Call("look", {"at": "there"}),
            tokens=Tokens(cache_write=1200),
        ),
        turn(Think("Nothing here, a pixel there."), "Done.", tokens=Tokens(cache_read=1200)),
        say("You are welcome."),
    ]
    return steps[asked.turns]


def test_thinking_pictures_parallel_calls_and_caching_work(user: User) -> None:
    """Over both surfaces, whole and streamed. The workspace refuses thinking that is not as it signed it."""
    with StandIn(looking) as workspace:
        providers = [
            {
                "name": surface,
                "api_base_url": workspace.url + path,
                "api_key": TOKEN,
                "models": [MODEL],
                "transformer": {"use": ["OpenAI", "databricks-custom"]},
            }
            for surface, path in SURFACES.items()
        ]
        generated(user, workspace, Providers=providers, Router={"default": f"any,{MODEL}"})
        url = started(user)
        for surface in SURFACES:
            for stream in (False, True):
                before = len(workspace.asked)
                look_around(url, f"{surface},{MODEL}", stream)
                assert workspace.refusals == workspace.surprises == []
                asked = [question.surface for question in workspace.asked[before:]]
                assert asked == ["chat" if surface == "chat" else "messages"] * 3
        bodies = [received.body for received in workspace.requests if received.method == "POST"]
        assert all(b'"cache_control"' in body for body in bodies)
        assert sum(PIXEL.encode() in body for body in bodies) == 2 * len(bodies) / 3


def look_around(url: str, model: str, stream: bool) -> None:
    """One conversation of three turns with thinking, two calls at once, pictures and marks for the cache."""
    text = {"type": "text", "text": "ultrathink: what is there?", "cache_control": MARK}
    messages: list[Any] = [{"role": "user", "content": [text]}]
    first = said(url, model, messages, stream)
    assert [block["type"] for block in first["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    assert first["content"][0]["thinking"] == "Two places to look at."
    assert first["usage"]["cache_creation_input_tokens"] == 1200
    calls = [block["id"] for block in first["content"] if block["type"] == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": calls[0], "content": "Nothing."},
        {"type": "tool_result", "tool_use_id": calls[1], "content": [IMAGE], "cache_control": MARK},
    ]
    messages += [{"role": "assistant", "content": first["content"]}, {"role": "user", "content": results}]
    second = said(url, model, messages, stream)
    assert [block["type"] for block in second["content"]] == ["thinking", "text"]
    assert second["usage"]["cache_read_input_tokens"] == 1200
    signatures = {answer["content"][0]["signature"] for answer in (first, second)}
    assert len(signatures) == 2
    assert all(signatures)
    messages += [
        {"role": "assistant", "content": second["content"]},
        {"role": "user", "content": [IMAGE, {"type": "text", "text": "Thanks."}]},
    ]
    assert said(url, model, messages, stream)["content"][-1]["text"] == "You are welcome."


def said(url: str, model: str, messages: list[Any], stream: bool) -> dict[str, Any]:
    """One turn of a client that speaks Messages, by Anthropic's own SDK."""
    asked: dict[str, Any] = {
        "model": model,
        "max_tokens": 4000,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "tools": [TOOL],
        "messages": messages,
    }
    with anthropic.Anthropic(base_url=url, api_key="any", max_retries=0, timeout=PATIENCE) as client:
        if not stream:
            return client.messages.create(**asked).model_dump(exclude_none=True)
        with client.messages.stream(**asked) as stream_of:
            return stream_of.get_final_message().model_dump(exclude_none=True)
