"""OpenAI's Responses refuses, in its own words, what a gateway can get wrong."""

import copy
import json

import pytest

from standin import Call, OpenAI, OpenAIFlags, Text, Think, say, turn
from standin.asking import Heard, ask
from standin.script import Player

Json = dict[str, object]
TOOL: Json = {
    "type": "function",
    "name": "look",
    "strict": False,
    "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
}
PATCH: Json = {"type": "custom", "name": "apply_patch", "format": {"type": "text"}}
USER: Json = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go"}]}
FIRST = turn(
    Think("I think."),
    "I look.",
    Call("look", {"at": "a"}),
    Think("And."),
    Call("apply_patch", raw="*** Begin"),
)


def service(**flags: object) -> OpenAI:
    return OpenAI(Player([FIRST, say("Done."), say("More.")]), flags=OpenAIFlags(**flags))  # type: ignore[arg-type]


def body(**fields: object) -> Json:
    return {
        "model": "gpt-5.5",
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "medium", "summary": "auto"},
        "input": [USER],
        "tools": [TOOL, PATCH],
    } | fields


def outputs(items: list[Json]) -> list[Json]:
    kinds = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
    return [
        {"type": kinds[str(item["type"])], "call_id": item["call_id"], "output": "ok"}
        for item in items
        if item["type"] in kinds
    ]


def second(change: object = None, **fields: object) -> Heard:
    """The second request after a first answer; ``change`` edits the items in place."""
    it = service()
    output = ask(it, "/v1/responses", body()).json["output"]
    assert isinstance(output, list)
    items: list[Json] = copy.deepcopy([USER, *output, *outputs(output)])
    if callable(change):
        change(items)
    return ask(it, "/v1/responses", body(input=items, **fields))


def test_answer_sent_back_is_taken() -> None:
    heard = second()
    assert (heard.status, heard.refusal) == (200, None)


def test_streams_say_the_same_as_whole_answers() -> None:
    whole = ask(service(), "/v1/responses", body()).json
    events = ask(service(), "/v1/responses", body(stream=True)).events
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["type"] == "response.completed"
    ended = events[-1]["response"]
    assert isinstance(ended, dict)
    assert {**ended, "usage": None} == {**whole, "usage": None}
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == whole["output"]
    assert [item["type"] for item in done] == [  # type: ignore[index]
        "reasoning",
        "message",
        "function_call",
        "reasoning",
        "custom_tool_call",
    ]
    opened = next(event["item"] for event in events if event["type"] == "response.output_item.added")
    assert opened["encrypted_content"] != done[0]["encrypted_content"]  # type: ignore[index]


def drop(kind: str) -> object:
    def change(items: list[Json]) -> None:
        items.remove(next(item for item in items if item["type"] == kind))

    return change


def put(kind: str, **fields: object) -> object:
    def change(items: list[Json]) -> None:
        next(item for item in items if item["type"] == kind).update(fields)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop("function_call_output"), "No tool output found for function call call_"),
        (drop("custom_tool_call_output"), "No tool output found for custom tool call call_"),
        (drop("function_call"), "No tool call found for function call output with call_id call_"),
        (drop("message"), None),
        (lambda items: items.insert(3, items.pop(1)), "without its required following item"),
        (lambda items: items.append(items.pop(1)), "without its required following item"),
        (lambda items: items.pop(2), "without its required following item"),
        (put("reasoning", encrypted_content="gAAAAABqothers"), "could not be verified"),
        (put("reasoning", encrypted_content=None), "Items are not persisted when `store` is set to false"),
        (
            put("function_call", call_id="c" * 65),
            "Expected a string with maximum length 64, but got a string with",
        ),
        (put("function_call", id="fc_" + "c" * 189), "with length 192 instead"),
        (put("function_call", id="call_1"), "Expected an ID that begins with 'fc'"),
        (put("function_call", extra=1), "Unknown parameter: 'input[3].extra'."),
        (put("function_call", arguments={"at": "a"}), "expected a string, but got an object instead"),
        (put("function_call", status=None), "Invalid type for 'input[3].status'"),
        (put("function_call_output", output=None), "but got null instead"),
        (put("message", role="tool"), "Invalid value: 'tool'. Supported values are"),
        (
            lambda items: items[2].update(content=[{"type": "input_text", "text": "x"}]),
            "'output_text', and 'refusal'",
        ),
        (lambda items: items.insert(3, copy.deepcopy(items[2])), "Duplicate item found with id msg_"),
    ],
)
def test_items(change: object, words: str | None) -> None:
    heard = second(change)
    if words is None:  # only the first message went: the user's
        assert heard.status == 200
        return
    assert words in str(heard.refusal)
    error = heard.json["error"]
    assert isinstance(error, dict)
    assert error["type"] == "invalid_request_error"
    assert error["message"] == heard.refusal
    assert heard.status == (404 if "not found" in words else 404 if "persisted" in words else 400)


def test_another_models_reasoning() -> None:
    assert "could not be verified" in str(second(model="gpt-5").refusal)


def test_what_is_stored_may_be_named_by_id() -> None:
    it = service()
    output = ask(it, "/v1/responses", body(store=True, include=[])).json["output"]
    assert isinstance(output, list)
    assert "encrypted_content" not in output[0]
    kept = [USER, *output, *outputs(output)]
    assert ask(it, "/v1/responses", body(input=kept, store=True)).status == 200
    lacking = [item for item in kept if item["type"] != "reasoning"]
    heard = ask(it, "/v1/responses", body(input=lacking))
    assert "was provided without its required 'reasoning' item: 'rs_" in str(heard.refusal)


def test_previous_response() -> None:
    it = service()
    first = ask(it, "/v1/responses", body(store=True)).json
    results = outputs(first["output"])  # type: ignore[arg-type]
    heard = ask(it, "/v1/responses", body(store=True, input=results, previous_response_id=first["id"]))
    assert heard.status == 200
    assert [result.text for result in it.asked[1].last_results] == ["ok", "ok"]
    gone = ask(it, "/v1/responses", body(input=results, previous_response_id="resp_none"))
    assert gone.json["error"]["code"] == "previous_response_not_found"  # type: ignore[index]
    assert ask(it, f"/v1/responses/{first['id']}", None, method="GET").json == first
    assert ask(it, f"/v1/responses/{first['id']}", None, method="DELETE").status == 200
    assert ask(it, f"/v1/responses/{first['id']}", None, method="GET").status == 404


STRICT: Json = TOOL | {"strict": True}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"messages": []}, "Unknown parameter: 'messages'."),
        ({"input": None}, "Missing required parameter: 'input'."),
        ({"max_output_tokens": 1}, "Expected a value >= 16, but got 1 instead."),
        ({"temperature": 0.5}, "Unsupported parameter: 'temperature' is not supported with this model."),
        ({"reasoning": {"effort": "huge"}}, "Invalid value: 'huge'"),
        ({"reasoning": {"budget": 1}}, "Unknown parameter: 'reasoning.budget'."),
        ({"include": ["everything"]}, "Invalid value: 'everything'"),
        ({"model": "gpt-4.1"}, "Unsupported parameter: 'reasoning.effort'"),
        ({"model": "claude-sonnet-5"}, "The requested model 'claude-sonnet-5' does not exist."),
        ({"tools": [STRICT]}, "'additionalProperties' is required to be supplied and to be false."),
        ({"tools": [TOOL | {"parameters": {"type": "object"}}]}, "object schema missing properties"),
        ({"tools": [TOOL | {"parameters": {"properties": {}}}]}, "got 'type: \"None\"'"),
        ({"tools": [TOOL | {"cache_control": {}}]}, "Unknown parameter: 'tools[0].cache_control'."),
        (
            {"tools": [{"type": "function", "function": {"name": "x"}}]},
            "Unknown parameter: 'tools[0].function'.",
        ),
        ({"tools": [TOOL | {"name": "a.b"}]}, "Expected a string that matches the pattern"),
        ({"tools": [TOOL | {"name": "n" * 65}]}, "with maximum length 64"),
        (
            {"tool_choice": {"type": "function", "name": "other"}},
            "Tool choice 'function' not found in 'tools'",
        ),
        ({"tool_choice": "any"}, "Invalid value: 'any'"),
        ({"user": "u" * 65}, "Invalid 'user': string too long."),
        (
            {"text": {"format": {"type": "json_schema", "schema": {}}}},
            "Missing required parameter: 'text.format.name'.",
        ),
    ],
)
def test_fields(fields: Json, words: str) -> None:
    heard = ask(service(), "/v1/responses", body(**fields))
    assert heard.status == 400
    assert words in str(heard.refusal)


def test_stateless_services_remember_nothing() -> None:
    it = service(stateless=True)
    assert ask(it, "/v1/responses", body(store=True)).status == 400
    assert ask(it, "/v1/responses", body(previous_response_id="resp_1")).status == 400
    assert ask(it, "/v1/responses", body()).status == 200


def test_freeform_namespaced_and_shell_calls_have_their_own_items() -> None:
    group = {"type": "namespace", "name": "files", "description": "", "tools": [TOOL]}
    script = [
        turn(
            Call("look", {"at": "a"}),
            Call("local_shell", {"command": ["ls"]}),
            Call("apply_patch", {"input": "x"}),
        )
    ]
    it = OpenAI(Player(script))
    output = ask(it, "/v1/responses", body(tools=[group, PATCH, {"type": "local_shell"}])).json["output"]
    assert isinstance(output, list)
    assert output[0]["namespace"] == "files"
    assert output[1]["action"] == {"type": "exec", "env": {}, "command": ["ls"]}
    assert output[2]["input"] == "x"


def test_cut_off_answers_are_incomplete() -> None:
    from dataclasses import replace

    it = OpenAI(Player([replace(turn(Text("half")), stop="max_tokens")]))
    events = ask(it, "/v1/responses", body(stream=True)).events
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}  # type: ignore[index]


CALLED: Json = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
}


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([CALLED], "must be followed by tool messages"),
        (
            [CALLED, {"role": "user", "content": "x"}],
            "The following tool_call_ids did not have response messages: c1",
        ),
        (
            [{"role": "tool", "tool_call_id": "c1", "content": "x"}],
            "must be a response to a preceeding message",
        ),
        ([CALLED | {"reasoning_content": "x"}], "Unknown parameter: 'messages[0].reasoning_content'."),
        ([{"role": "assistant", "content": None}], "but got null instead"),
        ([CALLED | {"content": "x", "tool_calls": []}], "Invalid 'messages[0].tool_calls': empty array."),
    ],
)
def test_chat(messages: list[Json], words: str) -> None:
    tool = {"type": "function", "function": {key: TOOL[key] for key in ("name", "parameters")}}
    asked: Json = {"model": "gpt-4.1", "messages": messages, "tools": [tool]}
    heard = ask(service(), "/v1/chat/completions", asked)
    assert words in str(heard.refusal)


@pytest.mark.parametrize("reasoning", ["required", "signed"])
def test_chat_servers_that_want_thinking_back(reasoning: str) -> None:
    script = [turn(Think("I think."), Call("look", {"at": "a"})), say("Done.")]
    it = OpenAI(Player(script), flags=OpenAIFlags(chat_reasoning=reasoning))  # type: ignore[arg-type]
    asked: Json = {"model": "gpt-5", "messages": [{"role": "user", "content": "Go"}]}
    message = ask(it, "/v1/chat/completions", asked).json["choices"][0]["message"]  # type: ignore[index]
    calls = message["tool_calls"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in calls]
    broken = json.loads(json.dumps(message))
    if reasoning == "required":
        del broken["reasoning_content"]
    else:
        broken["reasoning_details"][0]["signature"] += "x"
    heard = ask(it, "/v1/chat/completions", asked | {"messages": [*asked["messages"], broken, *results]})  # type: ignore[misc]
    assert "must be passed back" in str(heard.refusal) or "Invalid `signature`" in str(heard.refusal)
    heard = ask(it, "/v1/chat/completions", asked | {"messages": [*asked["messages"], message, *results]})  # type: ignore[misc]
    assert heard.status == 200
