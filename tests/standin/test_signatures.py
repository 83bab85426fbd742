"""Signed thinking goes back to its maker unchanged, or the next turn is refused."""

from collections.abc import Iterator

import pytest

from standin import Call, StandIn, Think, say, turn
from standin.probe import CHAT, MESSAGES, ask, chat_body, messages_body

pytestmark = pytest.mark.server


THINKING = {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 1024}}
SCRIPT = [turn(Think("Let me see."), "I look.", Call("look", {"at": "it"})), say("Seen.")]
USER = {"role": "user", "content": "Look"}


def next_body(first: list[dict[str, object]], **fields: object) -> dict[str, object]:
    call_id = next(block["id"] for block in first if block["type"] == "tool_use")
    answer = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call_id, "content": "ok"}]}
    return (
        messages_body(**THINKING, messages=[USER, {"role": "assistant", "content": first}, answer]) | fields
    )


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn(SCRIPT) as running:
        yield running


@pytest.fixture
def first(standin: StandIn) -> list[dict[str, object]]:
    content = ask(standin, MESSAGES, messages_body(**THINKING, messages=[USER])).json["content"]
    assert isinstance(content, list)
    return content


def test_unchanged_passes(standin: StandIn, first: list[dict[str, object]]) -> None:
    assert ask(standin, MESSAGES, next_body(first)).status == 200


def test_foreign_signature(standin: StandIn, first: list[dict[str, object]]) -> None:
    seen = ask(standin, MESSAGES, next_body([{**first[0], "signature": "bm90LW91cnM="}, *first[1:]]))
    assert seen.message == "messages.1.content.0: Invalid `signature` in `thinking` block"


def test_cut_signature(standin: StandIn, first: list[dict[str, object]]) -> None:
    short = str(first[0]["signature"])[:-1]
    seen = ask(standin, MESSAGES, next_body([{**first[0], "signature": short}, *first[1:]]))
    assert "Invalid `signature` in `thinking` block" in seen.message


def test_missing_signature(standin: StandIn, first: list[dict[str, object]]) -> None:
    seen = ask(standin, MESSAGES, next_body([{**first[0], "signature": ""}, *first[1:]]))
    assert seen.message == "messages.1.content.0.thinking.signature: Field required"


def test_other_text(standin: StandIn, first: list[dict[str, object]]) -> None:
    seen = ask(standin, MESSAGES, next_body([{**first[0], "thinking": "Let me see"}, *first[1:]]))
    assert "cannot be modified" in seen.message


def test_other_model(standin: StandIn, first: list[dict[str, object]]) -> None:
    seen = ask(standin, MESSAGES, next_body(first, model="databricks-claude-haiku-4-5"))
    assert seen.message == "messages.1.content.0: Invalid `signature` in `thinking` block"


def test_dropped_in_an_open_round(standin: StandIn, first: list[dict[str, object]]) -> None:
    seen = ask(standin, MESSAGES, next_body(first[1:]))
    assert seen.message.startswith("messages.1.content.1.type: Expected `thinking` or `redacted_thinking`")


def test_dropped_without_thinking_on(standin: StandIn, first: list[dict[str, object]]) -> None:
    assert ask(standin, MESSAGES, next_body(first[1:], thinking={"type": "disabled"})).status == 200


def test_dropped_after_the_round_is_closed(standin: StandIn, first: list[dict[str, object]]) -> None:
    body = next_body(first[1:])
    messages = body["messages"]
    assert isinstance(messages, list)
    body["messages"] = [
        *messages,
        {"role": "assistant", "content": "Seen."},
        {"role": "user", "content": "More"},
    ]
    assert ask(standin, MESSAGES, body).status == 200


def test_omitted_thinking_is_signed_without_its_text(standin: StandIn) -> None:
    asked = messages_body(**THINKING, messages=[USER])
    asked["thinking"] = {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}
    first = ask(standin, MESSAGES, asked).json["content"]
    assert isinstance(first, list)
    assert first[0]["thinking"] == ""
    assert ask(standin, MESSAGES, next_body(first)).status == 200


def test_redacted_thinking_comes_back_by_its_data() -> None:
    with StandIn([turn(Think("secret", redacted=True), Call("look")), say("Seen.")]) as standin:
        first = ask(standin, MESSAGES, messages_body(**THINKING, messages=[USER])).json["content"]
        assert isinstance(first, list)
        assert set(first[0]) == {"type", "data"}
        wrong = ask(standin, MESSAGES, next_body([{**first[0], "data": "x"}, *first[1:]]))
        assert "Invalid `data` in `redacted_thinking` block" in wrong.message
        assert ask(standin, MESSAGES, next_body(first)).status == 200


def test_chat_spelling_goes_back_the_same_way(standin: StandIn) -> None:
    message = first_choice(ask(standin, CHAT, chat_body(**THINKING, messages=[USER])).json)
    calls = message["tool_calls"]
    assert isinstance(calls, list)
    back = {"role": "tool", "tool_call_id": calls[0]["id"], "content": "ok"}
    dropped = {**message, "content": "I look."}
    refused = ask(standin, CHAT, chat_body(**THINKING, messages=[USER, dropped, back]))
    assert "Expected `thinking` or `redacted_thinking`" in refused.message
    assert ask(standin, CHAT, chat_body(**THINKING, messages=[USER, message, back])).status == 200


def first_choice(body: dict[str, object]) -> dict[str, object]:
    choices = body["choices"]
    assert isinstance(choices, list)
    message: dict[str, object] = choices[0]["message"]
    return message


def test_gemini_wants_its_thought_signature_back() -> None:
    model = {"model": "databricks-gemini-3-1-pro"}
    with StandIn([turn(Call("look")), say("Seen.")]) as standin:
        message = first_choice(ask(standin, CHAT, chat_body(**model)).json)
        calls = message["tool_calls"]
        assert isinstance(calls, list)
        back = {"role": "tool", "tool_call_id": calls[0]["id"], "content": "ok"}
        bare = {key: value for key, value in calls[0].items() if key != "thoughtSignature"}
        lost = chat_body(**model, messages=[USER, {**message, "tool_calls": [bare]}, back])
        assert "function call look is missing a thought_signature" in ask(standin, CHAT, lost).message
        kept = chat_body(**model, messages=[USER, message, back])
        assert ask(standin, CHAT, kept).status == 200
