"""Scripts, and the view of a request they decide by."""

import json

import pytest

from standin import Asked, Flags, StandIn, Turn, conversations, failures, say, turn, use
from standin.probe import CHAT, MESSAGES, ask, chat_body, messages_body

pytestmark = pytest.mark.server


CHAT_ROUND = [
    {"role": "system", "content": "Be good."},
    {"role": "user", "content": [{"type": "text", "text": "alpha: look"}]},
    {
        "role": "assistant",
        "content": "Yes.",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "seen 1"},
]
MESSAGES_ROUND = [
    {"role": "user", "content": [{"type": "text", "text": "alpha: look"}]},
    {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "Yes."},
            {"type": "tool_use", "id": "c1", "name": "f", "input": {}},
        ],
    },
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "seen 1"}]},
]


@pytest.mark.parametrize("surface", ["chat", "messages"])
def test_the_view_is_the_same_on_both_surfaces(surface: str) -> None:
    messages = CHAT_ROUND if surface == "chat" else MESSAGES_ROUND
    asked = Asked(surface, "m", {"messages": messages, "stream": True})  # type: ignore[arg-type]
    assert asked.first_user_text == asked.last_user_text == "alpha: look"
    assert [(result.call_id, result.text) for result in asked.last_results] == [("c1", "seen 1")]
    assert asked.turns == 1
    assert asked.images == 0
    assert asked.stream


def test_tool_names_and_images_are_found_in_both_forms() -> None:
    picture = {"type": "image", "source": {}}
    native = [
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [picture]}]}
    ]
    asked = Asked("messages", "m", {"messages": native, "tools": [{"name": "f"}]})
    assert (asked.images, asked.last_results[0].images, asked.tools) == (1, 1, ("f",))
    chat = [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]
    other = Asked(
        "chat", "m", {"messages": chat, "tools": [{"type": "function", "function": {"name": "f"}}]}
    )
    assert (other.images, other.tools) == (1, ("f",))


def test_a_list_is_played_in_order_and_its_end_is_a_surprise() -> None:
    with StandIn([say("one"), failures.unavailable()]) as standin:
        assert ask(standin, CHAT, chat_body()).status == 200
        assert standin.remaining == 1
        assert ask(standin, CHAT, chat_body()).status == 503
        assert standin.surprises == []
        assert ask(standin, CHAT, chat_body()).status == 500
        assert standin.surprises == [f"POST {CHAT}: step 3 of a script of 2"]


def test_refused_requests_use_up_no_step() -> None:
    with StandIn([say("one")]) as standin:
        assert ask(standin, CHAT, chat_body(store=True)).status == 400
        assert ask(standin, CHAT, chat_body()).status == 200
        assert len(standin.asked) == 1
        assert standin.refusals == ['BAD_REQUEST: json: unknown field "store"']


def test_a_question_for_a_title_uses_up_no_step() -> None:
    title = messages_body(output_config={"format": {"type": "json_schema", "schema": {}}})
    with StandIn([say("one")]) as standin:
        assert json.loads(ask(standin, MESSAGES, title).json["content"][0]["text"]) == {  # type: ignore[index]
            "title": "A short title"
        }
        assert standin.remaining == 1


def test_a_function_sees_the_request() -> None:
    def echo(asked: Asked) -> Turn:
        return say(asked.last_results[0].text) if asked.last_results else use("f")

    with StandIn(echo) as standin:
        first = ask(standin, CHAT, chat_body()).json["choices"][0]  # type: ignore[index]
        second = ask(standin, CHAT, chat_body(messages=CHAT_ROUND)).json["choices"][0]  # type: ignore[index]
    assert first["finish_reason"] == "tool_calls"
    assert second["message"]["content"] == "seen 1"


def test_conversations_are_told_apart_by_their_first_words() -> None:
    script = conversations(alpha=[say("a1"), say("a2")], alphabet=[say("b1")])

    def body(text: str) -> dict[str, object]:
        return chat_body(messages=[{"role": "user", "content": text}])

    with StandIn(script) as standin:
        texts = [
            ask(standin, CHAT, body(text)).json["choices"][0]["message"]["content"]  # type: ignore[index]
            for text in ("alpha!", "the alphabet", "alpha!")
        ]
        assert texts == ["a1", "b1", "a2"]
        assert ask(standin, CHAT, body("nothing")).status == 500
        assert "no script of" in standin.surprises[0]


def test_everything_is_recorded() -> None:
    with StandIn([turn("x")]) as standin:
        ask(standin, CHAT + "?beta=true", chat_body(), headers={"X-Extra": "1"})
        ask(standin, CHAT, chat_body())
    first, second = standin.requests
    assert (first.method, first.path, first.query, first.header("x-extra")) == (
        "POST",
        CHAT,
        "beta=true",
        "1",
    )
    assert (first.status, first.refusal is None) == (401, False)
    assert json.loads(second.body) == chat_body()
    assert (second.status, second.refusal, second.finished) == (200, None, True)


PLAIN_CHAT, PLAIN_MESSAGES = "/v1/chat/completions", "/v1/messages"


def test_the_plain_servers_speak_the_vendors_own_dialects() -> None:
    script = [use("f", a=1), use("f", a=1), say("x")]
    body = chat_body(model="any", stream=True, stream_options={"include_usage": True}, store=True)
    with StandIn(script, Flags(plain=True)) as standin:
        chat = ask(standin, PLAIN_CHAT, body, headers={})
        native = ask(standin, PLAIN_MESSAGES, messages_body(model="any", stream=True), headers={})
        whole = ask(standin, PLAIN_CHAT, chat_body(model="any"), headers={}).json
    calls = [event["choices"][0]["delta"].get("tool_calls") for event in chat.events[:-1]]  # type: ignore[index]
    assert {call[0]["index"] for call in calls if call} == {0}
    assert chat.events[-1]["choices"] == []
    assert {event["model"] for event in chat.events} == {"any"}
    assert "event: ping" in native.text
    assert "bedrock" not in native.text
    assert whole["choices"][0]["message"]["content"] == "x"  # type: ignore[index]
