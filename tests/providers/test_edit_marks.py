"""More cache marks than the upstream takes (E103), and neighbours of one role (E59): what goes out."""

import http.client
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.whole import Asked, Refusal, Reply, through
from trunkline.config.schema import ProviderSettings
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.facts import Facts
from trunkline.providers.draft import Draft
from trunkline.providers.edit_marks import limit_marks
from trunkline.providers.learning import learn_from
from trunkline.providers.provider import Relearned
from trunkline.providers.registry import make_provider

MARK = {"cache_control": {"type": "ephemeral"}}
FOUR = Facts(mark_limit=4)
LOST = "at most 4 marks are taken: others than the latest go"


def text(words: str, *, marked: bool = True) -> dict[str, object]:
    return {"type": "text", "text": words, **(MARK if marked else {})}


def limited(fields: dict[str, object], facts: Facts = FOUR) -> tuple[dict[str, object], list[str]]:
    raw = json.dumps(fields).encode()
    draft = Draft(raw)
    limit_marks(draft, facts)
    out, losses = draft.finish()
    assert (out is raw) is (not losses)
    return json.loads(out), [loss.why for loss in losses]


def marked(value: object) -> list[str]:
    """The words, names or ids of everything that has a mark, in order."""
    found: list[str] = []
    if isinstance(value, dict):
        for below in value.values():
            found += marked(below)
        if (
            isinstance(value.get("cache_control"), dict)
            and value["cache_control"].get("type") == "ephemeral"
        ):
            found.append(
                str(value.get("text") or value.get("name") or value.get("id") or value.get("tool_use_id"))
            )
    elif isinstance(value, list):
        for item in value:
            found += marked(item)
    return found


MESSAGES: dict[str, object] = {
    "model": "m",
    "tools": [{"name": "one", "input_schema": {}, **MARK}, {"name": "two", "input_schema": {"properties": {"cache_control": {"type": "string"}}}, **MARK}],
    "system": [text("s1"), text("s2")],
    "messages": [
        {"role": "user", "content": [text("m1"), text("plain", marked=False)]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "two", "input": {"cache_control": "x"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": [text("inside")], **MARK}]},
        {"role": "user", "content": [text("m2")]},
    ],
}  # fmt: skip
CHAT: dict[str, object] = {
    "model": "m",
    "tools": [
        {"type": "function", "function": {"name": "one", **MARK}},
        {"type": "function", "function": {"name": "two", **MARK}},
    ],
    "messages": [
        {"role": "system", "content": [text("s1"), text("s2")]},
        {"role": "user", "content": [text("m1")]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "two", "arguments": "{}"}, **MARK}]},
        {"role": "tool", "tool_call_id": "c", "content": "r"},
        {"role": "user", "content": [text("m2")]},
    ],
}  # fmt: skip


def test_E103_of_a_messages_body_the_shared_ones_and_the_latest_stay() -> None:
    out, losses = limited(MESSAGES)
    assert marked(out["tools"]) == ["two"]
    assert marked(out["system"]) == ["s2"]
    assert marked(out["messages"]) == ["c", "m2"]
    assert losses == [LOST]
    plain = json.loads(json.dumps(MESSAGES).replace(', "cache_control": {"type": "ephemeral"}', ""))
    assert json.loads(json.dumps(out).replace(', "cache_control": {"type": "ephemeral"}', "")) == plain


def test_E103_of_a_chat_body_the_instructions_count_as_messages() -> None:
    out, losses = limited(CHAT)
    assert marked(out["tools"]) == ["two"]
    assert marked(out["messages"]) == ["m1", "c", "m2"]
    assert losses == [LOST]


def test_E103_an_automatic_mark_counts_and_stays() -> None:
    out, _ = limited({**MESSAGES, **MARK})
    assert marked({key: out[key] for key in ("tools", "system", "messages")}) == ["two", "s2", "m2"]
    assert out["cache_control"] == {"type": "ephemeral"}


@pytest.mark.parametrize("facts", [Facts(), Facts(mark_limit=8)])
def test_within_the_limit_the_body_is_the_same_object(facts: Facts) -> None:
    assert limited(MESSAGES, facts) == (MESSAGES, [])


def test_words_and_schemas_with_that_name_are_no_marks() -> None:
    said = {"role": "user", "content": '"cache_control" ' * 9}
    tools = [{"name": "t", "input_schema": {"properties": {"cache_control": {}}}}] * 9
    body: dict[str, object] = {"messages": [said], "tools": tools, "system": [text("s")] * 4}
    assert limited(body) == (body, [])


@pytest.mark.parametrize(("protocol", "body"), [("anthropic_messages", MESSAGES), ("openai_chat", CHAT)])
def test_E103_Databricks_takes_four(protocol: str, body: dict[str, object]) -> None:
    workspace = make_provider("dbx", ProviderSettings(kind="databricks", host="adb-1.2"))
    surface = next(
        one for one in workspace.surfaces("databricks-claude-sonnet-4-5") if one.protocol == protocol
    )
    out, losses = workspace.edit(surface, json.dumps({**body, "max_tokens": 500}).encode())
    assert len(marked(json.loads(out))) == 4
    assert "cache_control" in [loss.field for loss in losses]


@pytest.mark.parametrize(
    ("text", "learned"),
    [
        ("A maximum of 4 blocks with cache_control may be provided. Found 6.", Facts(mark_limit=4)),
        ("Conversation roles must alternate user/assistant/user/assistant/...", Facts(alternate=True)),
        (
            'Error rendering prompt with jinja template: "After the optional system message, conversation roles must'
            ' alternate user/assistant/user/assistant/..."',
            Facts(alternate=True),
        ),
    ],
)
def test_E59_E103_a_refusal_teaches_it(text: str, learned: Facts) -> None:
    error = GatewayError(Kind.INVALID_REQUEST, text, status=400, local=False)
    lesson = learn_from("openai_chat", Facts(), error)
    assert isinstance(lesson, Relearned)
    assert lesson.facts == learned


def neighbours(body: dict[str, object]) -> bool:
    messages = body["messages"]
    assert isinstance(messages, list)
    roles = [message["role"] for message in messages]
    return any(one == two == "user" for one, two in pairwise(roles))


def answering(refuse: Callable[[dict[str, object]], str | None]) -> Callable[[Asked], Reply]:
    def answer(asked: Asked) -> Reply:
        words = refuse(asked.body)
        if words is not None:
            return Refusal(
                400, json.dumps({"error": {"message": words, "type": "invalid_request_error"}}).encode()
            )
        if "messages" in asked.path:
            said: dict[str, object] = {"id": "a", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                    "content": [{"type": "text", "text": "ok"}], "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip
        else:
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": "ok"},
                "finish_reason": "stop",
            }
            said = {"id": "a", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return json.dumps(said).encode()

    return answer


def asking(path: str, body: dict[str, object]) -> Callable[[str], list[tuple[int, str, str]]]:
    """Ask twice: the status, the losses and the body of each answer."""

    def ask(url: str) -> list[tuple[int, str, str]]:
        got: list[tuple[int, str, str]] = []
        for _ in range(2):
            connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=60)
            connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            said = answer.read().decode()
            got.append((answer.status, answer.getheader("x-trunkline-losses") or "", said))
            connection.close()
        return got

    return ask


TURNS = [{"role": "user", "content": word} for word in ("one", "two")]


@pytest.mark.server
@pytest.mark.parametrize(("kind", "asked"), [("vllm", 2), ("custom", 3)])
def test_E59_users_in_a_row_are_merged_for_strict_templates(tmp_path: Path, kind: str, asked: int) -> None:
    """vLLM is known to have them; of another server a refusal tells, once."""

    def config(url: str) -> str:
        return f"providers: {{p: {{kind: {kind}, key: k, speaks: {{openai_chat: '{url}/v1'}}, models: [m]}}}}\n"

    strict = answering(
        lambda body: "Conversation roles must alternate user/assistant/..." if neighbours(body) else None
    )
    ask = asking("/v1/chat/completions", {"model": "m", "messages": TURNS})
    got, upstream, _ = through(strict, config, tmp_path, ask)
    assert [answer[:2] for answer in got] == [(200, "")] * 2
    assert len(upstream.asked) == asked
    assert upstream.asked[-1].body["messages"] == [{"role": "user", "content": "one\n\ntwo"}]


@pytest.mark.server
def test_E103_what_Anthropic_refuses_is_trimmed_from_then_on(tmp_path: Path) -> None:
    def config(url: str) -> str:
        return f"providers: {{p: {{kind: custom, key: k, speaks: {{anthropic_messages: '{url}'}}, models: [m]}}}}\n"

    def refuse(body: dict[str, object]) -> str | None:
        found = len(marked(body))
        return (
            f"A maximum of 4 blocks with cache_control may be provided. Found {found}."
            if found > 4
            else None
        )

    ask = asking("/v1/messages", {**MESSAGES, "max_tokens": 9})
    got, upstream, _ = through(answering(refuse), config, tmp_path, ask)
    assert [answer[:2] for answer in got] == [(200, f"cache_control: {LOST}")] * 2
    assert [len(marked(asked.body)) for asked in upstream.asked] == [8, 4, 4]
    assert marked(upstream.asked[-1].body["messages"]) == ["c", "m2"]
