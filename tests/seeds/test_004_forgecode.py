"""The ForgeCode bridge's README, from its problem to its chat.

The stand-in workspace is the gateway: a host of its own has the same routes without ``/ai-gateway``, so they are
taken for those. ForgeCode itself cannot be installed from a registry: its requests are sent as it writes them, and
answers are read as strictly as it reads them (``agents.replay``).
"""

import json
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.replay import FORGE
from seeds.serving import ROOT, Answer, ask
from seeds.user import User, make_user
from standin import Asked, Call, Scripted, StandIn, say, turn
from standin.wire import Received, Reply

pytestmark = pytest.mark.server

TOKEN = "dapi-stand-in"
KEY = {"authorization": f"Bearer {TOKEN}"}
LISTENS = r"Listening on : (http://\S+)"
MODELS = """{
  "endpoints": {
    "mlflow": "/mlflow/v1/chat/completions",
    "cursor": "/cursor/v1/chat/completions",
    "openai": "/openai/v1/responses"
  },
  "models": [
    {"id": "databricks-claude-haiku-4-5", "endpoint": "mlflow"},
    {"id": "databricks-gpt-5-3-codex", "endpoint": "cursor"}
  ]
}
"""
MINIMAL = (
    b'data: {"choices":[{"delta":{"content":"Hel"}}]}\r\n\r\n',
    b'data: {"choices":[{"delta":{"content":"lo"}}]}\n',
    b'\ndata: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}',
    b"\n\n",
)
"""A gateway's stream at its shortest: no id, object, created, model or index, mixed line ends, no [DONE]."""


def gateway(received: Received) -> Reply | None:
    """A gateway's own host: the routes at its root; the cursor route answers with the minimal stream."""
    if received.path == "/cursor/v1/chat/completions":
        return Reply(200, (("content-type", "text/event-stream"),), MINIMAL, framing="chunked")
    if received.path.startswith(("/mlflow/", "/anthropic/", "/openai/")):
        received.target = f"/ai-gateway{received.target}"
    return None


def hello(asked: Asked) -> Scripted:
    return say("Hello")


@pytest.fixture
def workspace() -> Iterator[StandIn]:
    with StandIn(hello, handler=gateway) as standin:
        yield standin


@pytest.fixture
def user(tmp_path: Path) -> User:
    """Somebody with the script in a folder, as after ``git clone``."""
    user = make_user(tmp_path)
    shutil.copy(ROOT / "databricks_proxy.py", user.folder)
    return user


def export(workspace: StandIn, path: str = "") -> str:
    return f'export DATABRICKS_AI_GATEWAY_URL="{workspace.url}{path}"'


def chat(url: str, path: str = "/chat/completions", **more: object) -> Answer:
    body = {
        "model": "databricks-claude-haiku-4-5",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        **more,
    }
    return ask(url, "POST", path, body, KEY)


def sent(workspace: StandIn) -> dict[str, object]:
    """The body of the last request that reached the gateway."""
    body = json.loads(workspace.requests[-1].body)
    assert isinstance(body, dict)
    return body


def test_the_problem_and_the_solution(user: User, workspace: StandIn) -> None:
    (user.folder / "models.json").write_text(MODELS)
    with user.starts(f"{export(workspace)}\npython3 databricks_proxy.py --port 0", LISTENS) as bridge:
        # 1. The /models endpoint is missing: a list of the available models.
        for path in ("/models", "/v1/models"):
            listed = ask(bridge.url, "GET", path, headers=KEY)
            assert listed.status == 200
            assert listed.json["object"] == "list"
            models = listed.json["data"]
            assert isinstance(models, list)
            assert [model["id"] for model in models] == [
                "databricks-claude-haiku-4-5",
                "databricks-gpt-5-3-codex",
            ]
        assert workspace.requests == [], "nobody had to be asked"

        # 2. Strict payload validation: what Databricks refuses is stripped, and nothing else.
        strict = {
            "parallel_tool_calls": False,
            "response_format": {"type": "json_object"},
            "stream_options": {"include_usage": True},
        }
        for path in ("/chat/completions", "/v1/chat/completions"):
            answer = chat(bridge.url, path, **strict, temperature=0.2, max_completion_tokens=64)
            assert answer.status == 200, answer.body
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert workspace.requests[-1].path == "/ai-gateway/mlflow/v1/chat/completions"
            assert sent(workspace) == {
                "model": "databricks-claude-haiku-4-5",
                "messages": [{"role": "user", "content": "hi"}],
                "stream": True,
                "temperature": 0.2,
                "max_tokens": 64,
            }
            losses = answer.headers["x-trunkline-losses"]
            assert all(name in losses for name in ("parallel_tool_calls", "response_format"))
        whole = chat(bridge.url, stream=False)
        assert (whole.status, whole.headers["content-type"]) == (200, "application/json")

        # 3. Incomplete streams: every chunk has what ForgeCode's deserialiser wants.
        check_chunks(
            chat(bridge.url, stream_options={"include_usage": True}), "databricks-claude-haiku-4-5"
        )
        enriched = chat(bridge.url, model="databricks-gpt-5-3-codex")
        check_chunks(enriched, "databricks-gpt-5-3-codex")

        # Routes per model family: GPT over cursor, in the form that it takes there.
        assert workspace.requests[-1].path == "/cursor/v1/chat/completions"
        asked = sent(workspace)
        assert asked["model"] == "databricks-gpt-5-3-codex"
        assert "messages" not in asked
        assert asked["input"] == [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
        ]

        # The client's own token went along, and nobody else's; it is in no line of the log.
        assert {received.header("authorization") for received in workspace.requests} == {f"Bearer {TOKEN}"}
        refused = ask(bridge.url, "POST", "/chat/completions", {"model": "databricks-claude-haiku-4-5", "messages": [{"role": "user", "content": "hi"}]}, {"authorization": "Bearer dapi-wrong"})  # fmt: skip
        assert refused.status == 401
        assert "error" in refused.json
        assert bridge.stop() == 0
    assert TOKEN not in bridge.log
    assert "dapi-wrong" not in bridge.log


def check_chunks(answer: Answer, model: str) -> None:
    """Field by field, over the raw bytes."""
    assert answer.status == 200, answer.body
    assert b"\r" not in answer.body
    *chunks, done = answer.events
    assert done == b"data: [DONE]"
    decoded = []
    for event in chunks:
        assert event.startswith(b"data: "), event
        assert b"\n" not in event
        decoded.append(json.loads(event.removeprefix(b"data: ")))
    assert len({chunk["id"] for chunk in decoded}) == len({chunk["created"] for chunk in decoded}) == 1
    text, finishes = "", []
    for chunk in decoded:
        assert re.fullmatch(r"chatcmpl-\S+", chunk["id"])
        assert chunk["object"] == "chat.completion.chunk"
        assert type(chunk["created"]) is int
        assert chunk["model"] == model
        for choice in chunk["choices"]:
            assert choice["index"] == 0
            assert isinstance(choice["delta"], dict)
            assert isinstance(choice["delta"].get("content", ""), str)
            text += choice["delta"].get("content", "")
            finishes += [choice["finish_reason"]] if choice["finish_reason"] else []
    assert (text, finishes) == ("Hello", ["stop"])
    assert decoded[0]["choices"][0]["delta"]["role"] == "assistant"
    assert sum("role" in choice["delta"] for chunk in decoded for choice in chunk["choices"]) == 1


def test_step_1_the_address_in_the_shell_in_the_profile_and_in_a_file(
    user: User, workspace: StandIn
) -> None:
    run = "python3 databricks_proxy.py --port 0"
    (user.home / ".bash_profile").write_text(export(workspace) + "\n")
    (user.folder / ".env.example").write_text(
        '# Your gateway\nexport DATABRICKS_AI_GATEWAY_URL="https://<workspace-id>.ai-gateway.azuredatabricks.net"\n'
    )
    option_c = f"cp .env.example .env\nsed -i 's#https://<workspace-id>.*net#{workspace.url}#' .env\nsource .env\n{run}"
    ways = [
        f"{export(workspace)}\n{run}",
        f"source ~/.bash_profile\n{run}",
        option_c,
        run,  # the .env is there now: it need not be sourced
        f"{export(workspace, '/mlflow/v1/chat/completions')}\n{run}",
    ]
    for way in ways:
        with user.starts(way, LISTENS) as bridge:
            assert f"Gateway base : {workspace.url}\n" in bridge.log
            assert chat(bridge.url).status == 200, way


def test_step_1_forgotten(user: User) -> None:
    ran = user.types("python3 databricks_proxy.py")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines() == [
        "Error: DATABRICKS_AI_GATEWAY_URL is not set.",
        '  export DATABRICKS_AI_GATEWAY_URL="https://<workspace-id>.ai-gateway.azuredatabricks.net"',
        "  or: cp .env.example .env && source .env",
    ]
    ran = user.types("python3 databricks_proxy.py", DATABRICKS_AI_GATEWAY_URL="https://")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "Error: DATABRICKS_AI_GATEWAY_URL must include scheme and host.\n"


def test_step_2_without_a_file_and_with_a_broken_one(user: User, workspace: StandIn) -> None:
    run = f"{export(workspace)}\npython3 databricks_proxy.py --port 0"
    with user.starts(run, LISTENS) as bridge:
        assert "available (from built-in list)" in bridge.log
        listed = ask(bridge.url, "GET", "/models").json["data"]
        assert isinstance(listed, list)
        assert len(listed) > 5
        assert chat(bridge.url, model="databricks-claude-sonnet-4-5").status == 200
        assert workspace.requests[-1].path == "/ai-gateway/mlflow/v1/chat/completions"
        assert chat(bridge.url, model="databricks-gpt-5-4").status == 200
        assert workspace.requests[-1].path == "/cursor/v1/chat/completions"
        # No model at all is the bridge's own.
        bare = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
        assert ask(bridge.url, "POST", "/chat/completions", bare, KEY).status == 200
        assert "claude-sonnet-4-6" in str(sent(workspace)["model"])
        # An id that is in no list is the gateway's to judge.
        assert chat(bridge.url, model="main.ai.mine").status == 404
        assert sent(workspace)["model"] == "main.ai.mine"
    (user.folder / "models.json").write_text('{"models": []}')
    with user.starts(run, LISTENS) as bridge:
        assert "No valid models found in configuration.; using built-in model list." in bridge.log
        assert chat(bridge.url, model="databricks-claude-sonnet-4-5").status == 200


def test_step_3_its_options(user: User, workspace: StandIn) -> None:
    shown = user.types("python3 databricks_proxy.py --help").out
    assert re.search(r"--port .*default: 8080", shown)
    assert re.search(r"--host .*default: 127\.0\.0\.1", shown)
    run = f"{export(workspace)}\npython3 databricks_proxy.py --host 0.0.0.0 --port 0"
    with user.starts(run, LISTENS) as bridge:
        assert chat(bridge.url).status == 200
        bridge.stop(signal.SIGINT)
    assert bridge.lines[-1] == "  Bridge stopped. Goodbye!\n"


def test_T103_steps_4_and_5_forgecode(user: User, workspace: StandIn, tmp_path: Path) -> None:
    (user.folder / "models.json").write_text(MODELS)
    with user.starts(f"{export(workspace)}\npython3 databricks_proxy.py --port 0", LISTENS) as bridge:
        told = bridge.log[bridge.log.index("  Configure ForgeCode") :].splitlines()[:8]
        assert told == [
            "  Configure ForgeCode (first time only):",
            "    forge provider login openai_compatible",
            f"      URL     → {bridge.url}",
            "      API Key → <Your Databricks Personal Access Token>",
            "",
            "  Set active model:",
            "    forge config set model databricks-claude-haiku-4-5",
            "",
        ]
        # forge provider login: it asks for the models with the key that it was given.
        models = ask(bridge.url, "GET", "/models", headers=KEY).json["data"]
        assert isinstance(models, list)
        assert {"id", "object", "created", "owned_by"} <= models[0].keys()

    steps = [
        turn("I write.", Call("write", {"path": "notes.txt", "content": "made\n"})),
        turn(
            "Both.", Call("shell", {"command": "cat notes.txt"}), Call("shell", {"command": "echo th''ree"})
        ),
        say("All done ✓."),
    ]

    def script(asked: Asked) -> Scripted:
        return steps[asked.turns]

    work = tmp_path / "project"
    work.mkdir()
    with (
        StandIn(script, handler=gateway) as chatting,
        user.starts(f"{export(chatting)}\npython3 databricks_proxy.py --port 0", LISTENS) as bridge,
    ):
        answer = FORGE.work(bridge.url, TOKEN, work, model="databricks-claude-sonnet-4-5")
        assert answer.text == "All done ✓."
        assert (work / "notes.txt").read_text() == "made\n"
        assert chatting.refusals == chatting.surprises == []
        assert [len(asked.last_results) for asked in chatting.asked] == [0, 1, 2]
        assert {received.header("authorization") for received in chatting.requests} == {f"Bearer {TOKEN}"}


def test_trunkline_serve_in_the_bridges_folder_is_the_bridge(user: User, workspace: StandIn) -> None:
    (user.folder / "models.json").write_text(MODELS)
    (user.folder / ".env").write_text(f"DATABRICKS_AI_GATEWAY_URL={workspace.url}\n")
    with user.starts("trunkline serve --port 0", r"listens on (http://\S+)") as served:
        assert chat(served.url, model="databricks-gpt-5-3-codex").status == 200
        assert workspace.requests[-1].path == "/cursor/v1/chat/completions"
        # Agents that speak Messages are served too, over the gateway's own route for them.
        body = {"model": "haiku", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        said = ask(served.url, "POST", "/v1/messages", body, {"x-api-key": TOKEN})
        assert said.status == 200, said.body
        assert workspace.requests[-1].path == "/ai-gateway/anthropic/v1/messages"
        assert workspace.requests[-1].header("authorization") == f"Bearer {TOKEN}"
        assert "    forge provider login openai_compatible\n" in served.log
        assert f"      URL     → {served.url}\n" in served.log
