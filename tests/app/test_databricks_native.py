"""Databricks' own Responses and Gemini routes through the whole gateway (databricks.md 1.7, 3.7, 4.5, 4.6)."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import openai
import pytest

from app.test_protocols import CALL, CLIENTS, WHOLE, WORDS, Got
from app.whole import Asked, Refusal, Reply, through
from relay.test_rooms import TAPES, named

pytestmark = pytest.mark.server

ONLY_RESPONSES = (
    "Model {} only supports the Responses API. Please use /serving-endpoints/responses instead."
)
NO_PATH = "Path must be of form /serving-endpoints/<endpoint_name>/invocations"
GEMINI = "/serving-endpoints/gemini/v1beta/models/databricks-gemini-3-1-pro"


def config(url: str) -> str:
    return f"""
providers:
  dbx:
    kind: databricks
    host: "{url}"
    token: k
    models: [databricks-gpt-5, databricks-gpt-5-5, databricks-gemini-3-1-pro, databricks-claude-sonnet-4-5, my-endpoint]
retry: {{per_target: 0}}
"""


def protocol_of(path: str) -> str:
    if path.endswith("/responses"):
        return "openai_responses"
    if path.endswith("/messages"):
        return "anthropic_messages"
    return "gemini" if "/gemini/" in path else "openai_chat"


def refusing(status: int, text: str) -> Refusal:
    return Refusal(status, msgspec.json.encode({"error_code": "BAD_REQUEST", "message": text}))


def workspace(refuse: Callable[[Asked], Reply | None]) -> Callable[[Asked], Reply]:
    """A workspace that answers on every route but where ``refuse`` has something to say."""

    def answer(asked: Asked) -> Reply:
        refused = refuse(asked)
        if refused is not None:
            return refused
        protocol = protocol_of(asked.path)
        streamed = asked.body.get("stream") is True or "streamGenerateContent" in asked.path
        return TAPES[protocol] if streamed else msgspec.json.encode(WHOLE[protocol])

    return answer


serving = workspace(lambda asked: None)
GOT = Got(WORDS, "run", CALL, 11, 7)
streams = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def paths(upstream: list[Asked]) -> list[str]:
    return [asked.path for asked in upstream]


@streams
@pytest.mark.parametrize("client", list(CLIENTS))
def test_a_responses_only_model_is_asked_at_once_whatever_the_client_speaks(
    tmp_path: Path, client: str, stream: bool
) -> None:
    got, upstream, records = through(
        serving, config, tmp_path, lambda url: CLIENTS[client](url, "dbx/databricks-gpt-5-5", stream=stream)
    )
    assert got == GOT
    assert paths(upstream.asked) == ["/serving-endpoints/responses"]
    assert upstream.asked[0].body["model"] == "databricks-gpt-5-5"
    assert len(records[0].attempts) == 1


@streams
@pytest.mark.parametrize(
    ("client", "model", "path"),
    [
        ("openai_responses", "databricks-gpt-5", "/serving-endpoints/responses"),
        ("openai_chat", "databricks-gpt-5", "/serving-endpoints/chat/completions"),
        ("anthropic_messages", "databricks-gpt-5", "/serving-endpoints/chat/completions"),
        ("openai_responses", "databricks-claude-sonnet-4-5", "/serving-endpoints/anthropic/v1/messages"),
        ("gemini", "databricks-claude-sonnet-4-5", "/serving-endpoints/anthropic/v1/messages"),
        ("gemini", "databricks-gpt-5", "/serving-endpoints/chat/completions"),
        ("openai_chat", "databricks-gemini-3-1-pro", "/serving-endpoints/chat/completions"),
    ],
)
def test_the_clients_own_protocol_first(
    tmp_path: Path, client: str, model: str, path: str, stream: bool
) -> None:
    got, upstream, _ = through(
        serving, config, tmp_path, lambda url: CLIENTS[client](url, f"dbx/{model}", stream=stream)
    )
    assert (got.text, got.name, got.arguments) == (WORDS, "run", CALL)
    assert paths(upstream.asked) == [path]


@streams
def test_geminis_own_route(tmp_path: Path, stream: bool) -> None:
    got, upstream, _ = through(
        serving,
        config,
        tmp_path,
        lambda url: CLIENTS["gemini"](url, "dbx/databricks-gemini-3-1-pro", stream=stream),
    )
    assert got == GOT
    method = ":streamGenerateContent?alt=sse" if stream else ":generateContent"
    assert paths(upstream.asked) == [GEMINI + method]
    assert b"authorization: Bearer k" in upstream.asked[0].head
    assert "model" not in upstream.asked[0].body


def changing_ids() -> list[bytes]:
    """The tape as Databricks sends it: ids too long, and another one in every event."""
    frames = []
    for number, frame in enumerate(TAPES["openai_responses"]):
        event = msgspec.json.decode(frame.partition(b"data: ")[2])
        ident = f"it_{number:02}" + "x" * 180
        if "item_id" in event:
            event["item_id"] = ident
        if "item" in event:
            event["item"]["id"] = ident
        for item in event.get("response", {}).get("output", []):
            item["id"] = ident
        frames.append(named(event))
    return frames


def test_ids_of_items_come_out_short_and_steady(tmp_path: Path) -> None:
    def ask(url: str) -> list[openai.types.responses.ResponseStreamEvent]:
        with openai.OpenAI(api_key="x", base_url=f"{url}/v1", max_retries=0) as sdk:
            return list(
                sdk.responses.create(model="dbx/databricks-gpt-5", input="go", store=False, stream=True)
            )

    events, _, _ = through(lambda asked: changing_ids(), config, tmp_path, ask)
    by_item: dict[int, set[str]] = {}
    for event in events:
        if event.type in ("response.output_item.added", "response.output_item.done"):
            by_item.setdefault(event.output_index, set()).add(event.item.id or "")
        elif event.type in ("response.output_text.delta", "response.function_call_arguments.delta"):
            by_item.setdefault(event.output_index, set()).add(event.item_id)
        elif event.type == "response.completed":
            for index, item in enumerate(event.response.output):
                by_item[index].add(item.id or "")
    assert {index: len(ids) for index, ids in by_item.items()} == {0: 1, 1: 1}
    assert all(0 < len(ident) <= 64 for ids in by_item.values() for ident in ids)


def test_usage_without_details_gets_them(tmp_path: Path) -> None:
    """Codex's parser insists on them, and they are left out for models that are not GPT (4.5)."""

    def ask(url: str) -> openai.types.responses.Response:
        with openai.OpenAI(api_key="x", base_url=f"{url}/v1", max_retries=0) as sdk:
            return sdk.responses.create(model="dbx/databricks-gpt-5", input="go", store=False)

    answer, _, _ = through(serving, config, tmp_path, ask)
    assert answer.usage is not None
    assert answer.usage.input_tokens_details.cached_tokens == 0
    assert answer.usage.output_tokens_details.reasoning_tokens == 0


def twice(client: str, model: str) -> Callable[[str], tuple[Got, Got]]:
    def ask(url: str) -> tuple[Got, Got]:
        return CLIENTS[client](url, model, stream=True), CLIENTS[client](url, model, stream=False)

    return ask


def test_an_endpoint_of_the_users_that_turns_out_to_take_responses_only(tmp_path: Path) -> None:
    """Its refusal is obeyed once, and remembered."""
    only = workspace(
        lambda asked: (
            None
            if asked.path.endswith("/responses")
            else refusing(400, ONLY_RESPONSES.format("my-endpoint"))
        )
    )
    got, upstream, records = through(only, config, tmp_path, twice("anthropic_messages", "dbx/my-endpoint"))
    assert got == (GOT, GOT)
    assert paths(upstream.asked) == [
        "/serving-endpoints/my-endpoint/invocations",
        "/serving-endpoints/responses",
        "/serving-endpoints/responses",
    ]
    assert upstream.asked[1].body["model"] == "my-endpoint"
    assert [record.outcome for record in records] == ["ok", "ok"]


@pytest.mark.parametrize(
    "refusal",
    [
        refusing(404, NO_PATH),
        Refusal(405, b"<html>Method Not Allowed</html>"),
        Refusal(501, b'{"error_code":"NOT_IMPLEMENTED","message":"Not implemented."}'),
    ],
    ids=lambda refusal: str(refusal.status),
)
@pytest.mark.parametrize(
    ("client", "model", "first", "then"),
    [
        ("openai_responses", "dbx/databricks-gpt-5", "/responses", "/serving-endpoints/chat/completions"),
        ("gemini", "dbx/databricks-gemini-3-1-pro", "/gemini/", "/serving-endpoints/chat/completions"),
    ],
)
def test_a_workspace_without_the_native_route(
    tmp_path: Path, client: str, model: str, first: str, then: str, refusal: Refusal
) -> None:
    """Known by Databricks' words for it, or by the status alone."""
    old = workspace(lambda asked: refusal if first in asked.path else None)
    got, upstream, _ = through(old, config, tmp_path, twice(client, model))
    assert [one.text for one in got] == [WORDS, WORDS]
    assert first in upstream.asked[0].path
    assert paths(upstream.asked)[1:] == [then, then]


def test_a_workspace_that_enforces_its_gateway(tmp_path: Path) -> None:
    """Each protocol moves to its own route there, and a lesson of one does not bend another."""
    text = "Querying pay-per-token foundation model endpoint 'x' is disabled for this workspace. Please use Unity Gateway."
    moved = workspace(lambda asked: refusing(403, text) if "/serving-endpoints" in asked.path else None)

    def ask(url: str) -> list[str]:
        asking = [("openai_chat", "gpt-5"), ("openai_responses", "gpt-5"), ("gemini", "gemini-3-1-pro")]
        return [
            CLIENTS[client](url, f"dbx/databricks-{model}", stream=True).text
            for client, model in asking
            for _ in range(2)
        ]

    got, upstream, _ = through(moved, config, tmp_path, ask)
    assert got == [WORDS] * 6
    assert [path for path in paths(upstream.asked) if path.startswith("/ai-gateway")] == [
        "/ai-gateway/mlflow/v1/chat/completions",
        "/ai-gateway/mlflow/v1/chat/completions",
        "/ai-gateway/openai/v1/responses",
        "/ai-gateway/openai/v1/responses",
        "/ai-gateway/gemini/v1beta/models/system.ai.gemini-3-1-pro:streamGenerateContent?alt=sse",
        "/ai-gateway/gemini/v1beta/models/system.ai.gemini-3-1-pro:streamGenerateContent?alt=sse",
    ]
    assert len(upstream.asked) == 9, "three refusals, each once"
    assert [asked.body.get("model") for asked in upstream.asked[1:6:2]] == [
        "system.ai.gpt-5",
        "databricks-gpt-5",
        "system.ai.gpt-5",
    ]
