"""Gemini refuses, in Google's words and shapes, what a gateway can get wrong."""

import copy

import pytest

from standin import Call, Google, GoogleFlags, Think, say, turn
from standin.asking import Heard, ask
from standin.script import Player

Json = dict[str, object]
NEW = "/v1beta/models/gemini-3.1-pro-preview:generateContent"
OLD = "/v1beta/models/gemini-2.5-pro:generateContent"
LOOK: Json = {
    "name": "look",
    "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
}
USER: Json = {"role": "user", "parts": [{"text": "Go"}]}
STEP = turn(Think("I think."), "I look.", Call("look", {"at": "a"}), Call("look", {"at": "b"}))


def service(**flags: bool) -> Google:
    return Google(Player([STEP, STEP, say("Done.")]), flags=GoogleFlags(**flags))  # type: ignore[arg-type]


def body(**fields: object) -> Json:
    return {
        "contents": [USER],
        "tools": [{"functionDeclarations": [LOOK]}],
        "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
    } | fields


def results(parts: list[Json]) -> Json:
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    return {
        "role": "user",
        "parts": [
            {
                "functionResponse": {key: call[key] for key in ("id", "name") if key in call}
                | {"response": {"output": "ok"}}
            }  # type: ignore[index,operator]
            for call in calls
        ],
    }


def parts_of(heard: Heard) -> list[Json]:
    candidates = heard.json["candidates"]
    assert isinstance(candidates, list)
    parts = candidates[0]["content"]["parts"]
    assert isinstance(parts, list)
    return parts


def second(change: object = None, path: str = NEW, **flags: bool) -> Heard:
    it = service(**flags)
    parts = parts_of(ask(it, path, body()))
    contents = copy.deepcopy([USER, {"role": "model", "parts": parts}, results(parts)])
    if callable(change):
        change(contents)
    return ask(it, path, body(contents=contents))


@pytest.mark.parametrize("path", [NEW, OLD])
def test_answer_sent_back_is_taken(path: str) -> None:
    assert second(path=path).status == 200


def test_signature_on_the_first_call_alone() -> None:
    parts = parts_of(ask(service(), NEW, body()))
    assert [("functionCall" in part, "thoughtSignature" in part) for part in parts] == [
        (False, False),
        (False, False),
        (True, True),
        (True, False),
    ]
    assert parts[0]["thought"] is True
    hidden = parts_of(ask(service(), NEW, body(generationConfig={})))
    assert all("thought" not in part for part in hidden)


def test_streams_in_both_forms() -> None:
    import json

    whole = parts_of(ask(service(), NEW, body()))
    streamed = NEW.replace("generate", "streamGenerate")
    chunks = ask(service(), streamed + "?alt=sse", body()).events
    array = json.loads(ask(service(), streamed, body()).body)
    for found in (chunks, array):
        parts = [part for chunk in found for part in chunk["candidates"][0]["content"]["parts"]]  # type: ignore[index]
        text = "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))
        assert text == "I look."
        assert [part for part in parts if "functionCall" in part] == whole[2:]
        assert [chunk["candidates"][0].get("finishReason") for chunk in found][-1] == "STOP"  # type: ignore[index]


def change_call(**fields: object) -> object:
    def change(contents: list[Json]) -> None:
        part = contents[1]["parts"][2]  # type: ignore[index]
        for name, value in fields.items():
            if value is None:
                del part[name]
            else:
                part[name] = value

    return change


def other_arguments(contents: list[Json]) -> None:
    contents[1]["parts"][2]["functionCall"]["args"] = {"at": "elsewhere"}  # type: ignore[index]


COUNT = "the number of function response parts is equal to the number of function call parts"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            change_call(thoughtSignature=None),
            "Function call is missing a thought_signature in functionCall parts.",
        ),
        (change_call(thoughtSignature="bm90b3Vycw=="), "Thought signature is not valid."),
        (change_call(thoughtSignature="not base64!"), "(TYPE_BYTES), Base64 decoding failed"),
        (other_arguments, "Corrupted thought signature."),
        (lambda contents: contents[2]["parts"].pop(), COUNT),
        (lambda contents: contents.pop(), None),
        (lambda contents: contents.insert(2, USER), None),
        (
            lambda contents: contents.pop(1),
            "function response turn comes immediately after a function call turn",
        ),
        (lambda contents: contents.pop(0), "function call turn comes immediately after a user turn"),
        (lambda contents: contents[2]["parts"][0]["functionResponse"].update(name="other"), "names match"),
        (lambda contents: contents[2]["parts"][0]["functionResponse"].update(id="other"), "ids match"),
        (
            lambda contents: contents[2]["parts"][0]["functionResponse"].update(response="ok"),
            "protobuf.Struct",
        ),
        (lambda contents: contents[1]["parts"].insert(0, {}), "required oneof field 'data' must have one"),
        (
            lambda contents: contents.append({"role": "user", "parts": []}),
            "contents.parts must not be empty.",
        ),
        (lambda contents: contents[0].update(role="assistant"), "Please use a valid role: user, model."),
        (
            lambda contents: contents[0]["parts"][0].update(cacheControl={}),
            'Unknown name "cacheControl" at',
        ),
    ],
)
def test_turns_and_parts(change: object, words: str | None) -> None:
    heard = second(change)
    if words is None:  # ends with the model: continued; neighbours of one role: one turn
        assert heard.status == 200
        return
    assert words in str(heard.refusal)
    error = heard.json["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["status"], error["message"]) == (400, "INVALID_ARGUMENT", heard.refusal)


@pytest.mark.parametrize(
    "skip", ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"]
)
def test_the_documented_skip_value(skip: str) -> None:
    assert second(change_call(thoughtSignature=skip)).status == 200
    assert second(change_call(thoughtSignature=skip), path=OLD).status == 400


def test_only_the_current_turn_needs_signatures_unless_asked_for_more() -> None:
    def older(contents: list[Json]) -> None:
        del contents[1]["parts"][2]["thoughtSignature"]  # type: ignore[index]
        contents += [{"role": "model", "parts": [{"text": "Seen."}]}, copy.deepcopy(USER)]

    assert second(older).status == 200
    assert second(older, every_turn=True).status == 400
    assert second(change_call(thoughtSignature=None), path=OLD).status == 200


def test_signature_of_another_model() -> None:
    it = service()
    parts = parts_of(ask(it, NEW, body()))
    contents = [USER, {"role": "model", "parts": parts}, results(parts)]
    other = NEW.replace("3.1-pro-preview", "3.8-flash")
    assert ask(it, other, body(contents=contents)).refusal == "Thought signature is not valid."


def test_neighbours_are_one_turn_unless_alternation_is_asked_for() -> None:
    def split(contents: list[Json]) -> None:
        parts = contents[1]["parts"]
        assert isinstance(parts, list)
        contents[1:2] = [{"role": "model", "parts": [part]} for part in parts]

    assert second(split).status == 200
    assert "alternate between user and model" in str(second(split, alternate=True).refusal)


def with_schema(**extra: object) -> Json:
    return {
        "tools": [
            {
                "functionDeclarations": [
                    LOOK
                    | {"parameters": {"type": "object", "properties": {"at": {"type": "string", **extra}}}}
                ]
            }
        ]
    }


def top(**extra: object) -> Json:
    return {"tools": [{"functionDeclarations": [LOOK | {"parameters": {**LOOK["parameters"], **extra}}]}]}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"system": "x"}, 'Invalid JSON payload received. Unknown name "system": Cannot find field.'),
        ({"contents": []}, "contents is not specified"),
        (
            top(additionalProperties=False),
            "Unknown name \"additionalProperties\" at 'tools[0].function_declarations[0].parameters': Cannot find field.",
        ),
        (top(**{"$schema": "x"}), 'Unknown name "$schema"'),
        (
            with_schema(**{"$ref": "#/x"}),
            "Unknown name \"$ref\" at 'tools[0].function_declarations[0].parameters.properties[0].value'",
        ),
        (with_schema(const="x"), 'Unknown name "const"'),
        (with_schema(exclusiveMinimum=1), 'Unknown name "exclusiveMinimum"'),
        (with_schema(format="uri"), "only 'enum' and 'date-time' are supported for STRING type"),
        (with_schema(type=["string", "null"]), "Invalid value at"),
        (with_schema(enum=["a", ""]), "enum[1]: cannot be empty"),
        (with_schema(type="integer", enum=[1]), "(TYPE_STRING), 1"),
        (with_schema(type="array"), "items: missing field."),
        (top(required=["other"]), "required[0]: property is not defined"),
        ({"tools": [{"functionDeclarations": [LOOK | {"name": "9"}]}]}, "Invalid function name."),
        ({"tools": [{"functionDeclarations": [LOOK, LOOK]}]}, "Duplicate function declaration found: look"),
        ({"tools": [{"functionDeclarations": [LOOK | {"strict": True}]}]}, 'Unknown name "strict"'),
        (
            {"tools": [{"functionDeclarations": [LOOK | {"parametersJsonSchema": {}}]}]},
            "only one of parameters",
        ),
        (
            {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["x"]}}},
            "contains a function that is not declared: x",
        ),
        (
            {"toolConfig": {"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["look"]}}},
            "should only be set when the mode is ANY or VALIDATED",
        ),
        ({"generationConfig": {"max_tokens": 1}}, "Unknown name \"max_tokens\" at 'generation_config'"),
        ({"generationConfig": {"stopSequences": list("abcdef")}}, "at most 5 stop sequences"),
        ({"generationConfig": {"temperature": 3}}, "must be in the range [0.0, 2.0]"),
        (
            {"generationConfig": {"responseSchema": {"type": "object"}}},
            "response_mime_type is not application/json",
        ),
        (
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 1024}}},
            "only one of thinking budget and thinking level",
        ),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "max"}}}, 'ThinkingLevel), "max"'),
    ],
)
def test_fields(fields: Json, words: str) -> None:
    heard = ask(service(), NEW, body(**fields))
    assert heard.status == 400
    assert words in str(heard.refusal)
    if "Unknown name" in words:
        violations = heard.json["error"]["details"][0]["fieldViolations"]  # type: ignore[index]
        assert violations[0]["description"] == heard.refusal


def test_older_models_know_no_levels() -> None:
    config = {"thinkingConfig": {"thinkingLevel": "LOW"}}
    heard = ask(service(), OLD, body(generationConfig=config))
    assert heard.refusal == "Thinking level is not supported for this model."


def test_real_schemas_have_a_field_of_their_own() -> None:
    schema = {
        "type": "object",
        "properties": {"at": {"$ref": "#/$defs/p"}},
        "$defs": {"p": {"type": ["string", "null"]}},
        "additionalProperties": False,
    }
    declared = {"name": "look", "parametersJsonSchema": schema}
    assert ask(service(), NEW, body(tools=[{"functionDeclarations": [declared]}])).status == 200


def test_keys_paths_and_counting() -> None:
    it = service()
    heard = ask(it, NEW, body(), headers={"x-goog-api-key": "wrong"})
    assert heard.json["error"]["details"][0]["reason"] == "API_KEY_INVALID"  # type: ignore[index]
    assert ask(it, NEW + f"?key={it.token}", body(), headers={}).status == 200
    assert ask(it, "/v1beta/models/gpt-5:generateContent", body()).status == 404
    counted = ask(it, NEW.replace("generateContent", "countTokens"), body()).json
    assert isinstance(counted["totalTokens"], int)
