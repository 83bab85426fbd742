"""``trunkline serve`` as a process: what it says, what it serves, how it ends."""

import json
import socket
import time
from pathlib import Path

import pytest

from standin import Flags, StandIn, say

CANARY = "dapi-CANARY-7f3a91c2e5b84d60"
ASK = (
    b'{"model": "claude-sonnet-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}'
)


pytestmark = pytest.mark.server


def test_the_rehearsal_says_that_it_is_one(serve, command) -> None:
    gateway = serve()
    headers, body = gateway.post("/v1/messages", ASK)
    assert headers["x-trunkline-provider"] == "rehearsal"
    assert json.loads(body)["role"] == "assistant"
    assert json.loads(gateway.get("/health"))["rehearsal"] is True
    status = command("status", "--port", str(gateway.port))
    assert status.code == 0
    assert status.out.splitlines()[1] == "Rehearsal: answers are recordings, no provider is asked."
    told = json.loads(command("status", "--json", "--port", str(gateway.port)).out)
    assert (told["running"], told["health"]["rehearsal"]) == (True, True)
    code, out, err = gateway.stop()
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == f"Trunkline listens on {gateway.url}"
    assert lines[1] == "  configuration  none: rehearsal"
    assert (
        lines[3]
        == f"  Claude Code    ANTHROPIC_BASE_URL={gateway.url} ANTHROPIC_AUTH_TOKEN=trunkline claude"
    )
    assert lines[4].startswith("  Rehearsal: no provider is configured")
    records = [line for line in err.splitlines() if line.startswith("id=")]
    assert len(records) == 1
    assert 'to=rehearsal/rehearsal route="alias *"' in records[0]


def test_the_environment_alone_serves_databricks(serve) -> None:
    with StandIn(lambda asked: say(f"I am {asked.model}"), Flags(token=CANARY)) as workspace:
        gateway = serve(DATABRICKS_HOST=workspace.url, DATABRICKS_TOKEN=CANARY)
        headers, body = gateway.post("/v1/messages", ASK)
        assert (headers["x-trunkline-model"], headers["x-trunkline-route"]) == (
            "databricks-claude-sonnet-4-5",
            "model of databricks",
        )
        assert json.loads(body)["content"][0]["text"] == "I am databricks-claude-sonnet-4-5"
        headers, _ = gateway.post("/v1/messages", ASK.replace(b"claude-sonnet-4-5", b"claude-opus-9-9"))
        assert headers["x-trunkline-route"] == "family opus"
        models = [model["id"] for model in json.loads(gateway.get("/v1/models"))["data"]]
        assert "databricks-claude-sonnet-4-5" in models
        detailed = json.loads(gateway.get("/health/detailed"))
        assert detailed["providers"]["databricks"]["listed"] is True
        code, out, err = gateway.stop()
    assert code == 0
    assert CANARY not in out + err + json.dumps(detailed)


def test_a_workspace_that_does_not_list_serves_what_is_usual(serve) -> None:
    def refuse_lists(received):
        from standin import Reply

        if received.path.startswith("/api/") and received.method == "GET":
            return Reply(
                403,
                (("content-type", "application/json"),),
                (b'{"error_code":"PERMISSION_DENIED","message":"no"}',),
            )
        return None

    with StandIn(lambda asked: say(asked.model), Flags(token=CANARY), handler=refuse_lists) as workspace:
        gateway = serve(DATABRICKS_HOST=workspace.url, DATABRICKS_TOKEN=CANARY)
        headers, _ = gateway.post("/v1/messages", ASK)
        assert headers["x-trunkline-model"] == "databricks-claude-sonnet-4-5"
        assert json.loads(gateway.get("/health/detailed"))["providers"]["databricks"]["listed"] is False
        code, _, err = gateway.stop()
    assert code == 0
    assert "models of databricks are not known: databricks answered 403" in err


def test_a_list_that_never_comes_holds_a_request_for_three_seconds_at_most(serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        gateway = serve(DATABRICKS_HOST=f"http://127.0.0.1:{port}", DATABRICKS_TOKEN=CANARY)
        began = time.monotonic()
        with pytest.raises(OSError, match="404"):
            gateway.post("/v1/messages", ASK.replace(b"claude-sonnet-4-5", b"nobody"))
        assert time.monotonic() - began > 1.0
        assert gateway.stop()[0] == 0


def test_several_workers_share_the_port_and_the_configuration(serve, command) -> None:
    with StandIn(lambda asked: say(asked.model), Flags(token=CANARY)) as workspace:
        path = command.home / "trunkline.yaml"
        path.write_text(
            f"providers:\n  dbx: {{kind: databricks, host: '{workspace.url}', token: $TOKEN,"
            " models: [databricks-claude-sonnet-4-5]}\nroutes: {default: dbx/databricks-claude-sonnet-4-5}\n"
        )
        gateway = serve("--config", "trunkline.yaml", "--workers", "2", TOKEN=CANARY)
        for _ in range(6):
            headers, _ = gateway.post("/v1/messages", ASK.replace(b"sonnet-4-5", b"opus-5"))
            assert headers["x-trunkline-route"] == "route default"
        code, out, err = gateway.stop()
    assert code == 0
    assert out.startswith(f"Trunkline listens on {gateway.url}\n")
    assert err.count("id=") == 6
    assert CANARY not in out + err


def test_T38_workers_end_with_a_supervisor_that_was_killed(serve) -> None:
    gateway = serve("--workers", "2")
    gateway.process.kill()
    gateway.process.wait(60)
    deadline = time.monotonic() + 60
    while True:
        try:
            gateway.get("/livez")
        except ConnectionRefusedError:
            break
        except OSError as error:
            if isinstance(getattr(error, "reason", None), ConnectionRefusedError):
                break
        assert time.monotonic() < deadline, "a worker serves on without its supervisor"
        time.sleep(0.05)


def test_T40_a_taken_port_is_one_clear_line_and_exit_code_6(command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = command("serve", "--port", str(port))
    assert result.code == 6
    assert result.err.count("\n") == 1
    assert f"Port {port} on 127.0.0.1 is taken" in result.err


def test_T62_beyond_this_machine_only_with_keys(command, serve) -> None:
    result = command("serve", "--host", "0.0.0.0", "--port", "0")
    assert result.code == 3
    assert "server.keys" in result.err
    path = command.home / "trunkline.yaml"
    path.write_text("server: {host: 0.0.0.0}\nproviders: {openai: {key: k}}\n")
    result = command("serve", "--config", str(path))
    assert result.code == 3
    assert "server.host: listening beyond this machine needs server.keys" in result.err


def test_T40_a_home_that_cannot_be_written_is_enough(serve, command) -> None:
    command.home.chmod(0o500)
    try:
        gateway = serve(TERM="dumb")
        gateway.post("/v1/messages", ASK)
        assert gateway.stop()[0] == 0
    finally:
        command.home.chmod(0o700)
    assert list(Path(command.home).iterdir()) == []


CCR = """{
  // written by a generator
  "LOG": false, "HOST": "127.0.0.1", "PORT": 3456, "API_TIMEOUT_MS": "600000", "PROXY_URL": "",
  "transformers": [{"path": "/x/plugins/databricks-claude-transformers.js"}],
  "Providers": [{
    "name": "databricks", "api_base_url": "URL", "api_key": "KEY",
    "models": ["databricks-claude-sonnet-4-5"],
    "transformer": {"use": ["OpenAI", "databricks-custom"]},
  }],
  "Router": {"default": "databricks,databricks-claude-sonnet-4-5"},
}"""


def test_a_configuration_of_ccr_serves_unchanged(serve, command) -> None:
    with StandIn(lambda asked: say(f"I am {asked.model}"), Flags(token=CANARY)) as workspace:
        invocations = f"{workspace.url}/serving-endpoints/databricks-claude-sonnet-4-5/invocations"
        folder = command.home / ".claude-code-router"
        folder.mkdir()
        text = CCR.replace("URL", invocations).replace("KEY", CANARY)
        (folder / "config.json").write_text(text)
        gateway = serve()
        for name in (b"claude-opus-4-1", b"any-other-name", b"databricks,databricks-claude-sonnet-4-5"):
            headers, body = gateway.post("/v1/messages", ASK.replace(b"claude-sonnet-4-5", name))
            assert headers["x-trunkline-model"] == "databricks-claude-sonnet-4-5"
            assert json.loads(body)["content"][0]["text"] == "I am databricks-claude-sonnet-4-5"
        asked = [received.path for received in workspace.requests if received.method == "POST"]
        code, out, err = gateway.stop()
    assert asked == ["/serving-endpoints/databricks-claude-sonnet-4-5/invocations"] * 3
    assert code == 0
    assert CANARY not in out + err
    assert (folder / "config.json").read_text() == text
