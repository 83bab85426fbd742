"""claude-code-azure's README, from its top to its bottom.

Its files, commands and rules as they stand there; only hosts, keys and ports are the stand-ins'. The server is
``uvicorn server:app`` as the README has it: plain uvicorn, with a protocol class of its own.
"""

import http.client
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agents.driver import Claude
from agents.install import claude_code
from seeds.clone import Clone, Proxy
from seeds.conftest import make_clone
from seeds.serving import PATIENCE, eventually
from standin import (
    Delivery,
    Flags,
    OpenAI,
    OpenAIFlags,
    OpenAIStandIn,
    Received,
    Reply,
    StandIn,
    Text,
    Turn,
    openai_error,
    say,
    use,
)
from standin.script import Player

pytestmark = pytest.mark.server

UVICORN = ("uvicorn", "server:app", "--host", "0.0.0.0", "--port", "0")
"""Setup 4: ``uv run uvicorn server:app --host 0.0.0.0 --port 8082``; port 0 is a free one."""

KEY = "your_openai_api_key_here"
OPENAI = """
# Provider configuration
providers:
  # OpenAI configuration
  openai:
    api_key: your_openai_api_key_here
    base_url: {url}/v1

  # Optional: Azure OpenAI configuration
  # azure:
  #   api_key: your_azure_api_key_here
  #   endpoint: your-instance.openai.azure.com
  #   api_version: 2023-05-15

  # Optional: Databricks configuration
  # databricks:
  #   token: your_databricks_token_here
  #   host: adb-12345678901234.12.azuredatabricks.net

# Direct mapping from model categories to provider-specific models
model_categories:
  # Claude models will map to these categories
  large: openai/gpt-4o          # Claude-3-Sonnet maps to this
  small: openai/gpt-4o-mini     # Claude-3-Haiku maps to this
"""
"""Setup 3, with one line more: where the stand-in is."""

AZURE = """
providers:
  azure:
    api_key: your_azure_api_key_here
    endpoint: {url}
    api_version: 2023-05-15

model_categories:
  large: azure/my-gpt4-deployment-name
  small: azure/my-gpt35-deployment-name
"""

DATABRICKS = """
providers:
  databricks:
    token: your_databricks_token_here
    host: {url}

model_categories:
  large: databricks/databricks-claude-3-sonnet
  small: databricks/databricks-claude-3-haiku
"""

HELLO = {"role": "user", "content": "Hello"}


def ask(model: str, **more: object) -> dict[str, object]:
    return {"model": model, "max_tokens": 50, "messages": [HELLO], **more}


@pytest.fixture(scope="module")
def openai() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn(lambda asked: say(f"I am {asked.model}"), OpenAIFlags(key=KEY)) as running:
        yield running


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return make_clone(tmp_path_factory.mktemp("readme"))


@pytest.fixture(scope="module")
def proxy(place: Clone, openai: OpenAIStandIn) -> Iterator[Proxy]:
    """Setup 1 to 4."""
    place.write("config.yaml", OPENAI.format(url=openai.url))
    with place.start(*UVICORN) as running:
        yield running
    assert running.code in (0, -15)  # uvicorn ends by the signal it was told to stop with
    assert "Traceback" not in running.printed
    assert KEY not in running.printed


# Setup


def test_it_says_what_is_configured(proxy: Proxy) -> None:
    eventually(lambda: "small: openai/gpt-4o-mini" in proxy.printed)
    start = proxy.printed.index("Available provider configurations:")
    assert proxy.printed[start:].splitlines()[:8] == [
        "Available provider configurations:",
        "  openai: CONFIGURED",
        "  anthropic: NOT CONFIGURED",
        "  azure: NOT CONFIGURED",
        "  databricks: NOT CONFIGURED",
        "Configured model categories:",
        "  large: openai/gpt-4o",
        "  small: openai/gpt-4o-mini",
    ]


def test_the_example_file_is_read_as_it_is_and_trunkline_serves_the_same_on_port_8082(clone: Clone) -> None:
    clone.copy("config.yaml.example", "config.yaml")
    shown = clone.run("trunkline", "config", "show", "--json")
    found = json.loads(shown.stdout)
    assert found["server"]["port"] == 8082
    assert found["models"]["large"] == ["openai/gpt-4o"]
    assert found["source"] == str(clone.folder / "config.yaml")


def test_it_imports_as_trunklines_own(place: Clone, proxy: Proxy) -> None:
    del proxy
    imported = place.run("trunkline", "config", "import", "claude-code-azure")
    assert KEY not in imported.stdout
    assert "set OPENAI_API_KEY: the file itself holds this credential" in imported.stderr
    place.write("imported.yaml", imported.stdout)
    place.export(OPENAI_API_KEY=KEY)
    checked = place.run("trunkline", "config", "check", "--config", "imported.yaml")
    place.exported.clear()
    assert checked.returncode == 0, checked.stderr


# Using with Claude Code


@pytest.mark.agent
def test_claude_code_does_a_task_with_a_tool(clone: Clone, tmp_path: Path) -> None:
    """``ANTHROPIC_BASE_URL=http://localhost:8082 claude``."""
    script = [use("Bash", command="echo hello > made.txt", description="Make a file"), say("Done.")]
    (tmp_path / "work").mkdir()
    with OpenAIStandIn(script, OpenAIFlags(key=KEY)) as openai:
        clone.write("config.yaml", OPENAI.format(url=openai.url))
        with clone.start(*UVICORN) as proxy:
            claude = Claude(claude_code(), clone.home, tmp_path / "work", proxy.url, "any", "sonnet")
            run = claude.run("Make the file made.txt that says hello")
        assert (run.code, run.result) == (0, "Done.")
        assert (tmp_path / "work" / "made.txt").read_text() == "hello\n"
        assert openai.refusals == []
        assert {asked.model for asked in openai.asked} <= {"gpt-4o", "gpt-4o-mini"}


# Model Mapping Rules

MAPPING = [
    ("claude-3-sonnet-20240229", "gpt-4o"),
    ("claude-3-7-sonnet-20250219", "gpt-4o"),
    ("claude-sonnet-4-5", "gpt-4o"),
    ("sonnet", "gpt-4o"),
    ("claude-3-haiku-20240307", "gpt-4o-mini"),
    ("claude-haiku-4-5-20251001", "gpt-4o-mini"),
    ("claude-3-opus-20240229", "gpt-4o"),
    ("claude-opus-4-8", "gpt-4o"),
    ("claude-2.1", "gpt-4o"),
    ("large", "gpt-4o"),
    ("big", "gpt-4o"),
    ("small", "gpt-4o-mini"),
    ("openai/gpt-4.1", "gpt-4.1"),
]


@pytest.mark.parametrize(("asked", "answers"), MAPPING)
def test_names_go_to_their_category(proxy: Proxy, asked: str, answers: str) -> None:
    answer = proxy.post("/v1/messages", ask(asked))
    assert (answer.status, answer.said) == (200, f"I am {answers}")
    assert answer.json["type"] == "message"


def test_a_name_of_no_category_is_a_clear_error(proxy: Proxy) -> None:
    status, kind, message = proxy.post("/v1/messages", ask("gpt-99")).error
    assert (status, kind) == (400, "invalid_request_error")
    assert message.startswith(
        "Unrecognized model: gpt-99. Must use explicit provider prefix or a configured model category."
    )


WRONG = [
    ("  large: openai/gpt-4o ", "", "'large' category must be explicitly configured in config.yaml"),
    ("  small: openai/gpt-4o-mini", "", "'small' category must be explicitly configured in config.yaml"),
    ("openai/gpt-4o ", "gpt-4o ", "Invalid model format for category 'large': gpt-4o. Expected format: 'provider/model'"),
    ("openai/gpt-4o ", "azure/gpt-4o ", "Provider 'azure' not configured"),
    ("    api_key: your_openai_api_key_here\n", "", "'api_key' is required for provider 'openai'"),
    ("your_openai_api_key_here", "", "providers.openai.api_key: has no value"),
]  # fmt: skip


def test_each_mistake_ends_the_start_with_a_message_that_names_it(clone: Clone) -> None:
    """Error Conditions: missing categories, an invalid format, a provider or a value that is not there."""
    for before, after, message in WRONG:
        text = OPENAI.format(url="http://127.0.0.1:9")
        assert before in text
        clone.write("config.yaml", text.replace(before, after, 1))
        checked = clone.run("trunkline", "config", "check")
        assert (checked.returncode, message in checked.stderr) == (3, True), checked.stderr
    ended = clone.run(*UVICORN)
    assert ended.returncode == 3
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_a_configuration_it_does_not_start(clone: Clone) -> None:
    ended = clone.run(*UVICORN)
    assert ended.returncode == 3
    assert "config.yaml not found: copy config.yaml.example to config.yaml here" in ended.stderr
    assert "Traceback" not in ended.stderr


# Azure OpenAI Configuration


def test_azure(clone: Clone) -> None:
    deployments = frozenset({"my-gpt4-deployment-name", "my-gpt35-deployment-name"})
    flags = OpenAIFlags(key="your_azure_api_key_here", models=deployments)
    service = OpenAI(Player(lambda asked: say(f"I am {asked.model}")), flags=flags)
    seen: list[str] = []

    def azure(received: Received) -> Reply:
        """Azure's own address and header; beside these it is the same service."""
        seen.append(received.target)
        deployment = received.path.split("/")[3]
        assert deployment in deployments
        if (
            b'"stream_options"' in received.body
        ):  # this version of the API is from before there was usage in streams
            text = "Unrecognized request argument supplied: stream_options"
            return openai_error(400, text)
        headers = (("authorization", f"Bearer {received.header('api-key')}"),)
        body = json.dumps({**json.loads(received.body), "model": deployment}).encode()
        return service.answer(replace(received, target="/chat/completions", headers=headers, body=body))

    with OpenAIStandIn([], flags, handler=azure) as standin:
        clone.write("config.yaml", AZURE.format(url=standin.url))
        with clone.start(*UVICORN) as proxy:
            assert proxy.post("/v1/messages", ask("claude-3-sonnet")).said == "I am my-gpt4-deployment-name"
            assert proxy.post("/v1/messages", ask("claude-3-haiku")).said == "I am my-gpt35-deployment-name"
            streamed = proxy.post("/v1/messages", ask("claude-3-sonnet", stream=True))
            assert streamed.status == 200
            assert "event: message_stop" in streamed.text
    assert seen[:2] == [
        f"/openai/deployments/{name}/chat/completions?api-version=2023-05-15"
        for name in ("my-gpt4-deployment-name", "my-gpt35-deployment-name")
    ]


# Databricks Configuration


@pytest.mark.parametrize("deployed", [True, False])
def test_databricks(clone: Clone, deployed: bool) -> None:
    """The README's models, where the workspace still has them, and what it has in their place."""
    names = ("databricks-claude-3-sonnet", "databricks-claude-3-haiku")
    flags = Flags(token="your_databricks_token_here", endpoints=names if deployed else ())
    large, small = names if deployed else ("databricks-claude-sonnet-4-5", "databricks-claude-haiku-4-5")
    with StandIn(lambda asked: say(f"I am {asked.model}"), flags) as standin:
        clone.write("config.yaml", DATABRICKS.format(url=standin.url))
        with clone.start(*UVICORN) as proxy:
            eventually(
                lambda: proxy.curl("curl http://localhost:8082/v1/models").text.count("databricks-") > 3
            )
            assert proxy.post("/v1/messages", ask("claude-3-sonnet")).said == f"I am {large}"
            assert proxy.post("/v1/messages", ask("claude-3-haiku")).said == f"I am {small}"


def test_providers_can_be_mixed(clone: Clone) -> None:
    """ "For example using OpenAI for one category and Databricks for another"."""
    databricks = StandIn(lambda asked: say("databricks"), Flags(token="t"))
    openai = OpenAIStandIn(lambda asked: say("openai"), OpenAIFlags(key="k"))
    with databricks, openai:
        providers = {
            "openai": {"api_key": "k", "base_url": f"{openai.url}/v1"},
            "databricks": {"token": "t", "host": databricks.url},
        }
        categories = {"large": "openai/gpt-4o", "small": "databricks/databricks-claude-haiku-4-5"}
        text = f"providers: {json.dumps(providers)}\nmodel_categories: {json.dumps(categories)}\n"
        clone.write("config.yaml", text)
        with clone.start(*UVICORN) as proxy:
            assert proxy.post("/v1/messages", ask("claude-opus-4")).said == "openai"
            assert proxy.post("/v1/messages", ask("claude-3-haiku")).said == "databricks"


# How It Works


def test_a_stream_under_plain_uvicorn(proxy: Proxy) -> None:
    answer = proxy.post("/v1/messages", ask("claude-sonnet-4-5", stream=True))
    assert answer.headers["content-type"].startswith("text/event-stream")
    frames = answer.text.strip().split("\n\n")
    assert frames[0].startswith("event: message_start")
    assert frames[-1].startswith("event: message_stop")
    assert "I am" in answer.text


def test_a_tool_call_and_its_result(clone: Clone) -> None:
    tool = {"name": "ls", "description": "List", "input_schema": {"type": "object", "properties": {}}}
    with OpenAIStandIn([use("ls"), say("two files")], OpenAIFlags(key=KEY)) as openai:
        clone.write("config.yaml", OPENAI.format(url=openai.url))
        with clone.start(*UVICORN) as proxy:
            first = proxy.post("/v1/messages", ask("claude-sonnet-4-5", tools=[tool])).json
            (call,) = first["content"]  # type: ignore[misc]
            result = {"type": "tool_result", "tool_use_id": call["id"], "content": "a b"}
            turns = [HELLO, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
            second = proxy.post(
                "/v1/messages", {**ask("claude-sonnet-4-5", tools=[tool]), "messages": turns}
            )
        assert second.said == "two files"
        assert openai.asked[1].last_results[0].text == "a b"
        assert openai.refusals == []


def test_counting_tokens(proxy: Proxy) -> None:
    counted = proxy.post("/v1/messages/count_tokens", {"model": "claude-sonnet-4-5", "messages": [HELLO]})
    assert counted.status == 200
    assert counted.json["input_tokens"]


def test_who_else_may_use_it(proxy: Proxy) -> None:
    """Listening everywhere is the README's command; without a client key only this machine is answered."""
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
        answer = proxy.ask("POST", "/v1/messages", json.dumps(ask("sonnet")), {header: "203.0.113.7"})
        assert answer.error[:2] == (403, "permission_error")
    assert proxy.ask("GET", "/readyz", headers={"Host": "rebound.example.com"}).status == 403


def test_a_client_that_leaves_frees_the_provider(clone: Clone) -> None:
    endless = Turn((Text("word " * 50),), delivery=Delivery(silence=(3, 50.0)))
    with OpenAIStandIn([endless], OpenAIFlags(key=KEY)) as openai:
        clone.write("config.yaml", OPENAI.format(url=openai.url))
        with clone.start(*UVICORN) as proxy:
            parts = urlsplit(proxy.url)
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
            body = json.dumps(ask("claude-sonnet-4-5", stream=True))
            connection.request("POST", "/v1/messages", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            assert answer.read(20)
            answer.close()
            connection.close()
            eventually(lambda: openai.requests[0].aborted)
            eventually(lambda: "outcome=client_closed" in proxy.printed)
