"""Pictures described to a model that sees none, through the whole gateway: official SDKs, two chat models."""

from collections.abc import Callable
from pathlib import Path

import anthropic
import msgspec
import openai
import pytest

from app.chat import call, says, text
from app.sdks import message_of
from app.whole import Asked, Reply, through
from trunkline.relay.ports import ExchangeRecord

pytestmark = pytest.mark.server

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
OTHER = "R0lGODlhAQABAAAAACwAAAAAAQABAAA="
Fields = dict[str, object]


def config(agent: str = "always", more: str = "") -> Callable[[str], str]:
    return lambda url: (
        f"""
providers:
  up: {{kind: custom, speaks: {{openai_chat: "{url}/v1"}}, models: [words, eyes, spare]}}
routes:
  default: up/words
  image: {{to: [up/eyes, up/spare], agent: {agent}}}
{more}
"""
    )


def picture(data: str = PIXEL, kind: str = "image/png") -> Fields:
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}


def look(*arguments: Fields) -> Fields:
    """The chat model's own call of the tool."""
    calls = [
        {"id": f"call_{place}", "type": "function",
         "function": {"name": "analyzeImage", "arguments": msgspec.json.encode(one).decode()}}
        for place, one in enumerate(arguments)
    ]  # fmt: skip
    return {"role": "assistant", "content": None, "tool_calls": calls}


class Models:
    """Two chat models: ``words`` plays its turns, ``eyes`` says what it is given to say."""

    def __init__(self, *turns: Fields, seen: str | int = "A red square.") -> None:
        self._turns = list(turns)
        self._seen = seen
        self.asked: list[Asked] = []

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if asked.body["model"] != "words":
            if isinstance(self._seen, int) and asked.body["model"] == "eyes":
                return self._seen
            return says(text(str(self._seen)), stream=bool(asked.body.get("stream")))
        return says(self._turns.pop(0), stream=bool(asked.body.get("stream")))

    def to(self, model: str) -> list[Fields]:
        return [one.body for one in self.asked if one.body["model"] == model]


def ask_claude(
    messages: list[Fields], *, stream: bool, **more: object
) -> Callable[[str], anthropic.types.Message]:
    fields: Fields = {"model": "sonnet", "max_tokens": 100, "messages": messages, **more}
    return lambda url: message_of(url, fields, stream=stream)


def run(
    models: Models, folder: Path, ask: Callable[[str], object], agent: str = "always", more: str = ""
) -> tuple[object, ExchangeRecord]:
    result, _, records = through(models.answer, config(agent, more), folder, ask)
    return result, records[-1]


ASKED: list[Fields] = [
    {"role": "user", "content": [{"type": "text", "text": "[Image #7] what is this?"}, picture()]}
]


@pytest.mark.parametrize("stream", [False, True])
def test_a_picture_is_described_and_the_client_sees_one_answer(tmp_path: Path, stream: bool) -> None:
    models = Models(look({"imageId": ["1"], "task": "What is shown?"}), text("It is a red square."))
    message, record = run(models, tmp_path, ask_claude(ASKED, stream=stream))
    assert isinstance(message, anthropic.types.Message)
    (block,) = message.content
    assert isinstance(block, anthropic.types.TextBlock)
    assert (block.text, message.stop_reason) == ("It is a red square.", "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (30, 15), "three questions"
    first, second = models.to("words")
    assert_marked(first)
    conversation = msgspec.json.encode(second["messages"]).decode()
    assert '"role":"tool","tool_call_id":"call_0","content":"A red square."' in conversation
    (question,) = models.to("eyes")
    assert PIXEL in msgspec.json.encode(question["messages"]).decode()
    assert "what is this?" in msgspec.json.encode(question["messages"]).decode()
    assert "Task: What is shown?" in msgspec.json.encode(question["messages"]).decode()
    assert "tools" not in question
    assert record.route == "route default, pictures by route image"
    assert [attempt.target for attempt in record.attempts] == ["up/words", "up/eyes", "up/words"]
    assert record.usage is not None
    assert (record.usage.input, record.usage.output, record.outcome) == (30, 15, "ok")
    assert record.losses == ()


def assert_marked(body: Fields) -> None:
    conversation = msgspec.json.encode(body["messages"]).decode()
    assert "[Image #1]: not shown to you" in conversation
    assert "image_url" not in conversation
    assert PIXEL not in conversation
    assert "#7" not in conversation, "the agent's own count"
    tools = body["tools"]
    assert isinstance(tools, list)
    assert tools[0]["function"]["name"] == "analyzeImage"


def test_text_before_the_question_stays_and_blocks_are_numbered_through(tmp_path: Path) -> None:
    first = {**look({"imageId": ["1"], "task": "t"}), "content": "Let me see."}
    models = Models(first, {**call("x", name="Read", field="path"), "content": "A square."})
    tool = {"name": "Read", "input_schema": {"type": "object"}}
    events: list[tuple[str, int | None]] = []

    def ask(url: str) -> None:
        with anthropic.Anthropic(api_key="x", base_url=url, max_retries=0) as client:
            stream = client.messages.create(
                model="sonnet", max_tokens=100, messages=ASKED, tools=[tool], stream=True
            )  # type: ignore[call-overload]
            events.extend((event.type, getattr(event, "index", None)) for event in stream)

    run(models, tmp_path, ask)
    starts = [index for kind, index in events if kind == "content_block_start"]
    stops = [index for kind, index in events if kind == "content_block_stop"]
    assert starts == stops == [0, 1, 2]
    kinds = [kind for kind, _ in events]
    assert (kinds.count("message_start"), kinds.count("message_delta"), kinds.count("message_stop")) == (
        1,
        1,
        1,
    )


def test_pictures_in_tool_results_and_earlier_turns_are_numbered_in_order(tmp_path: Path) -> None:
    messages: list[Fields] = [
        {"role": "user", "content": [{"type": "text", "text": "read it"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "Read", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [picture()]}]},
        {"role": "assistant", "content": [{"type": "text", "text": "done"}]},
        {"role": "user", "content": [picture(OTHER, "image/gif"), {"type": "text", "text": "compare"}]},
    ]
    models = Models(
        look({"imageId": "#2", "task": "t", "regions": [{"x": 1}]}, {"imageId": [1], "task": "u"}),
        text("Same."),
    )
    run(models, tmp_path, ask_claude(messages, stream=True))
    conversation = msgspec.json.encode(models.to("words")[0]["messages"]).decode()
    assert conversation.index("[Image #1]") < conversation.index("[Image #2]")
    assert '"role":"tool","tool_call_id":"t1","content":"[Image #1]: not shown' in conversation
    one, other = sorted(
        (msgspec.json.encode(body["messages"]).decode() for body in models.to("eyes")),
        key=lambda body: "Task: u" in body,
    )
    assert (OTHER in one, PIXEL in one, '\\"regions\\":[{\\"x\\":1}]' in one) == (True, False, True)
    assert (OTHER in other, PIXEL in other) == (False, True)


def test_what_was_sent_stays_as_the_conversation_grows(tmp_path: Path) -> None:
    models = Models(text("one"), text("two"))

    def ask(url: str) -> None:
        ask_claude(ASKED, stream=False)(url)
        longer = [
            *ASKED,
            {"role": "assistant", "content": "one"},
            {"role": "user", "content": [picture(OTHER, "image/gif")]},
        ]
        ask_claude(longer, stream=False)(url)

    run(models, tmp_path, ask)
    first, second = (msgspec.json.encode(body["messages"]) for body in models.to("words"))
    assert second.startswith(first[:-1])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"imageId": ["9"], "task": "t"}, "imageId names no image of this conversation: there are 1 to 1."),
        ({"task": "t"}, "imageId names no image of this conversation: there are 1 to 1."),
        ({"imageId": {"a": 1}}, "The arguments are no JSON object with imageId"),
    ],
)
def test_a_wrong_call_is_told_to_the_model_and_nobody_looks(
    tmp_path: Path, arguments: Fields, told: str
) -> None:
    models = Models(look(arguments), text("I cannot tell."))
    message, _ = run(models, tmp_path, ask_claude(ASKED, stream=False))
    assert isinstance(message, anthropic.types.Message)
    assert told in msgspec.json.encode(models.to("words")[1]["messages"]).decode()
    assert models.to("eyes") == []


def test_eyes_that_fail_have_a_stand_in(tmp_path: Path) -> None:
    models = Models(look({"imageId": ["1"], "task": "t"}), text("Red."), seen=400)
    _, record = run(models, tmp_path, ask_claude(ASKED, stream=True))
    assert [attempt.target for attempt in record.attempts] == ["up/words", "up/eyes", "up/words"]
    assert "could not be looked at" in msgspec.json.encode(models.to("words")[1]["messages"]).decode()
    models = Models(look({"imageId": ["1"], "task": "t"}), text("Red."), seen=403)
    _, record = run(models, tmp_path, ask_claude(ASKED, stream=True))
    assert [attempt.target for attempt in record.attempts] == [
        "up/words",
        "up/eyes",
        "up/spare",
        "up/words",
    ]


def test_a_model_that_never_stops_looking_is_told_to_answer(tmp_path: Path) -> None:
    models = Models(*[look({"imageId": ["1"], "task": "t"})] * 20)
    message, record = run(models, tmp_path, ask_claude(ASKED, stream=True))
    assert isinstance(message, anthropic.types.Message)
    assert message.stop_reason == "end_turn"
    assert len(models.to("eyes")) == 8
    assert len(models.to("words")) == 10
    assert models.to("words")[-1]["tool_choice"] == "none"
    assert record.outcome == "ok"


def test_a_call_beside_the_clients_own_waits_for_the_next_turn(tmp_path: Path) -> None:
    both = look({"imageId": ["1"], "task": "t"})
    calls = both["tool_calls"]
    assert isinstance(calls, list)
    calls.append({"id": "c9", "type": "function", "function": {"name": "Read", "arguments": "{}"}})
    models = Models(both)
    tool = {"name": "Read", "input_schema": {"type": "object"}}
    message, _ = run(models, tmp_path, ask_claude(ASKED, stream=True, tools=[tool]))
    assert isinstance(message, anthropic.types.Message)
    (used,) = message.content
    assert isinstance(used, anthropic.types.ToolUseBlock)
    assert (used.name, message.stop_reason, models.to("eyes")) == ("Read", "tool_use", [])


@pytest.mark.parametrize("stream", [False, True])
def test_other_clients_are_served_alike(tmp_path: Path, stream: bool) -> None:
    url_part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    asked = [{"role": "user", "content": [{"type": "text", "text": "what?"}, url_part]}]

    def chat(url: str) -> str:
        with openai.OpenAI(api_key="x", base_url=f"{url}/v1", max_retries=0) as client:
            answer = client.chat.completions.create(model="sonnet", messages=asked, stream=stream)  # type: ignore[call-overload]
            if not stream:
                return str(answer.choices[0].message.content)
            return "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)

    models = Models(look({"imageId": ["1"], "task": "t"}), text("A square."))
    said, _ = run(models, tmp_path, chat)
    assert said == "A square."
    part = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}

    def responses(url: str) -> str:
        with openai.OpenAI(api_key="x", base_url=f"{url}/v1", max_retries=0) as client:
            items = [{"role": "user", "content": [part]}]
            if not stream:
                return client.responses.create(model="sonnet", input=items).output_text  # type: ignore[arg-type]
            with client.responses.stream(model="sonnet", input=items) as events:  # type: ignore[arg-type]
                return events.get_final_response().output_text

    models = Models(look({"imageId": ["1"], "task": "t"}), text("A square."))
    said, _ = run(models, tmp_path, responses)
    assert said == "A square."
    assert len(models.to("eyes")) == 1


def test_without_the_agent_the_conversation_goes_to_the_image_route(tmp_path: Path) -> None:
    for agent in ("off", "older"):
        models = Models()
        _, record = run(models, tmp_path, ask_claude(ASKED, stream=True), agent)
        assert record.route == "route image"
        (body,) = models.to("eyes")
        assert PIXEL in msgspec.json.encode(body["messages"]).decode()
        assert "tools" not in body


def test_pictures_of_earlier_turns_leave_the_conversation_where_it_is(tmp_path: Path) -> None:
    later: list[Fields] = [
        *ASKED,
        {"role": "assistant", "content": "red"},
        {"role": "user", "content": "thanks"},
    ]
    models = Models(text("Welcome."))
    _, record = run(models, tmp_path, ask_claude(later, stream=True), "older")
    assert record.route == "route default, pictures by route image"
    assert_marked(models.to("words")[0])
    models = Models()
    _, record = run(models, tmp_path, ask_claude(later, stream=True), "off")
    assert record.route == "route image"


def test_a_model_asked_for_by_name_sees_for_itself_unless_pictures_are_always_described(
    tmp_path: Path,
) -> None:
    later: list[Fields] = [
        *ASKED,
        {"role": "assistant", "content": "red"},
        {"role": "user", "content": "thanks"},
    ]
    models = Models(text("Welcome."))
    _, record = run(models, tmp_path, ask_claude(later, stream=True, model="up,words"), "older")
    assert (record.route, PIXEL in msgspec.json.encode(models.to("words")[0]["messages"]).decode()) == (
        "explicit",
        True,
    )
    models = Models(text("Welcome."))
    _, record = run(models, tmp_path, ask_claude(later, stream=True, model="up,words"), "always")
    assert record.route == "explicit, pictures by route image"
    assert_marked(models.to("words")[0])


def test_a_tool_of_the_clients_with_this_name_stays_the_clients(tmp_path: Path) -> None:
    models = Models(look({"imageId": ["1"]}))
    tool = {"name": "analyzeImage", "input_schema": {"type": "object"}}
    message, _ = run(models, tmp_path, ask_claude(ASKED, stream=False, tools=[tool]))
    assert isinstance(message, anthropic.types.Message)
    (used,) = message.content
    assert isinstance(used, anthropic.types.ToolUseBlock)
    assert used.name == "analyzeImage"
    tools = models.to("words")[0]["tools"]
    assert isinstance(tools, list)
    assert [one["function"]["name"] for one in tools] == ["analyzeImage_", "analyzeImage"]
