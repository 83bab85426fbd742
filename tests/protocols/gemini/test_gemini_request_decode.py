"""Clients' requests to the neutral form."""

import json

import pytest
from msgspec import Raw
from msgspec.structs import replace

from protocols.gemini.room import ROOM, asked, clients, given, raw, recorded, said, turns
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.types import (
    Audio,
    Document,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Reasoning,
    Request,
    Sampling,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from trunkline.protocols.gemini import signatures

PNG = "iVBORw0KGgo="


def refused(body: object) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        ROOM.decode_request(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert raised.value.kind is Kind.INVALID_REQUEST
    assert raised.value.should_retry is False
    return raised.value


def config(**fields: object) -> Request:
    return asked(generationConfig=fields)


def extras(request: Request) -> dict[str, object]:
    return {extra.name: json.loads(bytes(extra.raw)) for extra in request.extras}


def schema(request: Request) -> object:
    found = request.tools[0].schema
    return None if found is None else json.loads(bytes(found))


def parts(*wire: object) -> tuple[object, ...]:
    return asked(*wire).messages[0].content


def test_recorded_requests_are_the_same_read_for_themselves_or_to_be_remembered() -> None:
    for one in clients():
        body = json.dumps(one["body"]).encode()
        assert ROOM.decode_request(body) == ROOM.read_request(body).request, one["name"]


def test_a_usual_configuration_says_the_same_beside_an_unknown_field() -> None:
    seen = 0
    for one in clients():
        wanted = one["body"].get("generationConfig")
        if not wanted:
            continue
        seen += 1
        more = {**one["body"], "generationConfig": {**wanted, "newKnob": 1}}
        usual = ROOM.decode_request(json.dumps(one["body"]).encode())
        other = ROOM.decode_request(json.dumps(more).encode())
        rest = tuple(extra for extra in other.extras if extra.name != "generationConfig.newKnob")
        assert len(rest) == len(other.extras) - 1, one["name"]
        assert replace(other, extras=rest) == usual, one["name"]
    assert seen


def test_a_small_request() -> None:
    request = asked({"text": "hi"}, systemInstruction={"parts": [{"text": "be kind"}]})
    assert request == Request(
        protocol="gemini",
        model="",
        messages=(Message("user", (Text("hi"),)),),
        system=(Text("be kind"),),
    )
    assert request.stream is False


def test_the_path_says_model_and_stream_the_body_says_neither() -> None:
    assert ROOM.peek(b"{}").model == ""
    assert ROOM.rename(b'{"contents":[]}', "other") == b'{"contents":[]}'


@pytest.mark.parametrize(
    "system",
    [
        "be kind",
        {"parts": [{"text": "be kind"}]},
        {"parts": {"text": "be kind"}},
        {"role": "user", "parts": [{"text": "be kind"}]},
    ],
)
def test_instructions_in_every_form(system: object) -> None:
    for name in ("systemInstruction", "system_instruction"):
        assert asked(**{name: system}).system == (Text("be kind"),)


def test_E98_both_spellings_mean_the_same() -> None:
    camel = {
        "contents": [
            given({"inlineData": {"mimeType": "image/png", "data": PNG}}, {"fileData": {"fileUri": "gs://b/x.pdf"}}),
            said({"functionCall": {"name": "f", "args": {"snake_key": {"a_b": 1}}}, "thoughtSignature": "c2ln"}),
            given({"functionResponse": {"name": "f", "response": {"my_key": 1, "other_key": 2}}}),
        ],
        "systemInstruction": {"parts": [{"text": "s"}]},
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"properties": {"a_b": {}}}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}},
        "generationConfig": {"maxOutputTokens": 9, "topP": 0.5, "stopSequences": ["x"], "thinkingConfig": {"thinkingBudget": 7}},
        "safetySettings": [{"category": "C", "threshold": "T"}],
        "cachedContent": "cachedContents/1",
    }  # fmt: skip
    snake = {
        "contents": [
            given({"inline_data": {"mime_type": "image/png", "data": PNG}}, {"file_data": {"file_uri": "gs://b/x.pdf"}}),
            said({"function_call": {"name": "f", "args": {"snake_key": {"a_b": 1}}}, "thought_signature": "c2ln"}),
            given({"function_response": {"name": "f", "response": {"my_key": 1, "other_key": 2}}}),
        ],
        "system_instruction": {"parts": [{"text": "s"}]},
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"properties": {"a_b": {}}}}]}],
        "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f", "g"]}},
        "generation_config": {"max_output_tokens": 9, "top_p": 0.5, "stop_sequences": ["x"], "thinking_config": {"thinking_budget": 7}},
        "safety_settings": [{"category": "C", "threshold": "T"}],
        "cached_content": "cachedContents/1",
    }  # fmt: skip
    one = ROOM.decode_request(json.dumps(camel, separators=(",", ":")).encode())
    two = ROOM.decode_request(json.dumps(snake, separators=(",", ":")).encode())
    assert one == two
    call = one.messages[1].content[0]
    assert isinstance(call, ToolCall)
    assert json.loads(call.arguments) == {"snake_key": {"a_b": 1}}
    assert schema(one) == {"properties": {"a_b": {}}}


def test_lone_objects_are_lists_of_one() -> None:
    request = ROOM.decode_request(
        b'{"contents": {"parts": {"text": "a"}}, "tools": {"functionDeclarations": {"name": "f"}}}'
    )
    assert request.messages == (Message("user", (Text("a"),)),)
    assert [tool.name for tool in request.tools] == ["f"]


def test_the_whole_request_inside_a_count() -> None:
    inner = {"model": "models/g", "contents": [given({"text": "a"})]}
    request = ROOM.decode_request(json.dumps({"generateContentRequest": inner}).encode())
    assert request.messages == (Message("user", (Text("a"),)),)


def test_media() -> None:
    assert parts({"inlineData": {"mimeType": "image/jpg", "data": "/9j/4AA"}}) == (
        Image(media_type="image/jpeg", data="/9j/4AA"),
    )
    assert parts({"inlineData": {"mimeType": "audio/mpeg", "data": "AAAA"}}) == (
        Audio(data="AAAA", format="mp3"),
    )
    assert parts(
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBE", "displayName": "a.pdf"}}
    ) == (Document(media_type="application/pdf", data="JVBE", title="a.pdf"),)
    assert parts({"inlineData": {"mimeType": "text/csv", "data": "YSxi"}}) == (
        Document(media_type="text/csv", text="a,b"),
    )
    assert parts({"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}}) == (
        Document(media_type="video/mp4", data="AAAA"),
    )


def test_E61_media_types_are_what_the_bytes_say() -> None:
    for declared in ("image/jpg", "image/webp", "image/png; charset=x"):
        assert parts({"inlineData": {"mimeType": declared, "data": PNG}}) == (
            Image(media_type="image/png", data=PNG),
        )
    assert parts({"inlineData": {"mimeType": "image/png", "data": "_9j_4AA-"}}) == (
        Image(media_type="image/jpeg", data="/9j/4AA+"),
    )
    assert "mime type" in refused({"contents": [given({"inlineData": {"data": "AAAA"}})]}).message


def test_files() -> None:
    stored = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    assert parts({"fileData": {"fileUri": stored, "mimeType": "image/png"}}) == (
        Image(media_type="image/png", file_id=stored),
    )
    assert parts({"fileData": {"fileUri": "gs://bucket/a.pdf"}}) == (Document(file_id="gs://bucket/a.pdf"),)
    assert parts({"fileData": {"fileUri": "https://x.example/a.jpg", "mimeType": "image/jpeg"}}) == (
        Image(url="https://x.example/a.jpg"),
    )
    assert parts({"fileData": {"fileUri": "https://x.example/watch?v=1"}}) == (
        Document(url="https://x.example/watch?v=1"),
    )
    assert "fileUri" in refused({"contents": [given({"fileData": {}})]}).message


def test_calls_and_results_by_id() -> None:
    request = turns(
        given({"text": "go"}),
        said(
            {"functionCall": {"id": "a", "name": "f", "args": {"n": 1}}},
            {"functionCall": {"id": "b", "name": "f"}},
        ),
        given(
            {"functionResponse": {"id": "b", "name": "f", "response": {"result": "two"}}},
            {"functionResponse": {"id": "a", "name": "f", "response": {"output": "one"}}},
        ),
    )
    assert request.messages[1].content == (
        ToolCall(id="a", name="f", arguments='{"n": 1}'),
        ToolCall(id="b", name="f", arguments="{}"),
    )
    assert request.messages[2].content == (
        ToolResult(call_id="b", content=(Text("two"),)),
        ToolResult(call_id="a", content=(Text("one"),)),
    )


def results(request: Request) -> list[str]:
    return [
        part.call_id
        for message in request.messages
        for part in message.content
        if isinstance(part, ToolResult)
    ]


def made(request: Request) -> list[str]:
    return [
        part.id for message in request.messages for part in message.content if isinstance(part, ToolCall)
    ]


def test_E21_calls_without_ids_pair_by_name_and_order() -> None:
    def reply(name: str) -> object:
        return {"functionResponse": {"name": name, "response": {"result": name}}}

    first = (
        given({"text": "go"}),
        said(*({"functionCall": {"name": name}} for name in ("f", "g", "f"))),
        given(reply("g"), reply("f"), reply("f")),
    )
    request = turns(*first)
    one, two, three = made(request)
    assert len({one, two, three}) == 3
    assert results(request) == [two, one, three]
    longer = turns(*first, said({"functionCall": {"name": "f"}}), given(reply("f")))
    assert made(longer)[:3] == [one, two, three]
    assert results(longer)[3:] == made(longer)[3:]


def test_E53_a_result_without_a_name_belongs_to_the_next_call() -> None:
    request = turns(
        given({"text": "go"}),
        said({"functionCall": {"name": "f"}}, {"functionCall": {"id": "x", "name": "g"}}),
        given(
            {"functionResponse": {"response": {"a": 1}}}, {"functionResponse": {"id": "x", "response": {}}}
        ),
    )
    assert results(request) == made(request)


def test_E34_a_result_of_nothing_keeps_an_id_of_its_own() -> None:
    request = turns(
        given(
            {"functionResponse": {"name": "f", "response": {"a": 1}}},
            {"functionResponse": {"id": "q", "response": {}}},
        )
    )
    first, second = results(request)
    assert first.startswith("call_")
    assert second == "q"


def test_sdks_send_a_content_per_chunk() -> None:
    request = turns(
        given({"text": "go"}),
        said({"text": "Run"}),
        said({"text": "ning"}),
        said({"functionCall": {"name": "f"}}),
        given({"functionResponse": {"name": "f", "response": {"result": "x"}}}),
    )
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    text, call = request.messages[1].content
    assert text == Text("Running")
    assert isinstance(call, ToolCall)


@pytest.mark.parametrize(
    ("response", "text", "failed"),
    [
        ({"output": "x"}, "x", False),
        ({"result": "x"}, "x", False),
        ({"content": "x"}, "x", False),
        ({"name": "f", "content": "x"}, "x", False),
        ({"error": "x"}, "x", True),
        ({"error": {"code": 1}}, '{"code": 1}', True),
        ({"result": 30000}, "30000", False),
        ({"result": {"a": [1.0]}}, '{"a": [1.0]}', False),
        ({"a": 1, "b": 2}, '{"a": 1, "b": 2}', False),
        ({"error": None, "output": "x"}, "x", False),
        ({}, "{}", False),
    ],
)
def test_E37_what_a_result_says(response: object, text: str, failed: bool) -> None:
    (part,) = parts({"functionResponse": {"id": "a", "name": "f", "response": response}})
    assert part == ToolResult(call_id="a", content=(Text(text),), is_error=failed)


def test_E36_pictures_inside_a_result() -> None:
    request = ROOM.decode_request(recorded("result-image"))
    (found,) = [
        part for message in request.messages for part in message.content if isinstance(part, ToolResult)
    ]
    assert [type(part) for part in found.content] == [Text, Image]
    assert found.call_id == "call_320"


def test_thoughts_and_signatures() -> None:
    sealed = signatures.sealed("c2ln", "0123456789abcdef")
    hidden = signatures.sealed_redacted("secret", "0123456789abcdef")
    request = turns(
        given({"text": "go"}),
        said(
            {"text": "hm", "thought": True},
            {"text": "so", "thought": True, "thoughtSignature": sealed},
            {"text": "", "thought": True, "thoughtSignature": hidden},
            {"text": "x", "thoughtSignature": "YWJj"},
            {"text": "", "thoughtSignature": sealed},
            {"functionCall": {"id": "a", "name": "f"}, "thoughtSignature": sealed},
            {"functionCall": {"id": "b", "name": "f"}, "thoughtSignature": "YW-_"},
        ),
    )
    found = request.messages[1].content
    assert found[0] == Thinking(text="hmso", signature="c2ln", origin="0123456789abcdef")
    assert found[1] == Thinking(redacted="secret", origin="0123456789abcdef")
    assert found[2] == Text("x")
    assert found[3] == Opaque("gemini", "thoughtSignature", raw({"thoughtSignature": "YWJj"}))
    assert isinstance(found[4], Opaque)
    assert json.loads(bytes(found[4].raw)) == {"text": "", "thoughtSignature": sealed}
    assert found[5] == ToolCall(
        id="a", name="f", arguments="{}", proof="c2ln", proof_origin="0123456789abcdef"
    )
    assert found[6] == ToolCall(id="b", name="f", arguments="{}", proof="YW+/")


def test_E13_the_skip_value_in_both_spellings_is_no_proof() -> None:
    for text in ("skip_thought_signature_validator", "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="):
        (call,) = (
            turns(said({"functionCall": {"id": "a", "name": "f"}, "thoughtSignature": text}))
            .messages[0]
            .content
        )
        assert isinstance(call, ToolCall)
        assert (call.proof, call.proof_origin) == (None, None)


def test_parts_of_other_kinds_are_kept() -> None:
    request = ROOM.decode_request(recorded("server-tool"))
    kinds = [part.kind for part in request.messages[1].content if isinstance(part, Opaque)]
    assert kinds[:2] == ["toolCall", "toolResponse"]
    assert [(tool.kind, tool.vendor_type) for tool in request.tools] == [("server", "fileSearch")]
    assert extras(request)["toolConfig.includeServerSideToolInvocations"] is True
    code = parts({"executableCode": {"language": "PYTHON", "code": "1\n"}}, {"hologram": {"x": 1}})
    assert [part.kind for part in code if isinstance(part, Opaque)] == ["executableCode", "hologram"]
    first = code[0]
    assert isinstance(first, Opaque)
    assert first.text == "```python\n1\n```"


def test_unknown_fields_become_extras_and_never_raise() -> None:
    request = asked(
        {"text": "a", "videoMetadata": {"fps": 1}, "later": 1},
        {"inlineData": {"mimeType": "image/png", "data": PNG, "later": 1}},
        futureField={"x": 1},
        generationConfig={"temperature": 1, "later": {"y": 2}, "responseLogprobs": True},
        toolConfig={
            "retrievalConfig": {"z": 3},
            "functionCallingConfig": {"mode": "AUTO", "streamFunctionCallArguments": True},
        },
        tools=[{"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING"}]}],
        labels={"a_b": "c"},
    )
    assert request.messages[0].content[0] == Text("a")
    assert extras(request) == {
        "futureField": {"x": 1},
        "contents.parts.videoMetadata": {"fps": 1},
        "contents.parts.later": 1,
        "tools.behavior": "NON_BLOCKING",
        "labels": {"a_b": "c"},
        "generationConfig.later": {"y": 2},
        "generationConfig.responseLogprobs": True,
        "toolConfig.retrievalConfig": {"z": 3},
        "toolConfig.functionCallingConfig.streamFunctionCallArguments": True,
    }
    assert request.tool_choice == ToolChoice("auto")


def test_what_only_spells_out_the_default_is_no_extra() -> None:
    request = config(candidateCount=1, responseModalities=["TEXT"], responseMimeType="text/plain")
    assert request.extras == ()
    assert asked(safetySettings=[], labels={}, toolConfig=None, tools=None).extras == ()


def test_generation_config() -> None:
    request = config(
        temperature=0.5, topP=0.9, topK=2.0, maxOutputTokens=100, stopSequences=["a", "b"], seed=7,
        presencePenalty=-1.5, frequencyPenalty=1,
    )  # fmt: skip
    assert request.max_tokens == 100
    assert request.sampling == Sampling(
        temperature=0.5,
        top_p=0.9,
        top_k=2,
        stop=("a", "b"),
        seed=7,
        presence_penalty=-1.5,
        frequency_penalty=1,
    )
    assert type(request.sampling.top_k) is int


@pytest.mark.parametrize(
    ("wire", "meaning"),
    [
        ({"thinkingBudget": 0}, Reasoning(mode="off")),
        ({"thinkingBudget": -1}, Reasoning(mode="adaptive")),
        ({"thinkingBudget": 4096}, Reasoning(mode="budget", budget=4096)),
        ({"thinkingLevel": "HIGH"}, Reasoning(effort="high")),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
        ({"includeThoughts": True}, Reasoning(mode="adaptive", display="summarized")),
        ({"includeThoughts": False}, Reasoning(display="omitted")),
        ({"includeThoughts": True, "thinkingLevel": "LOW"}, Reasoning(mode="adaptive", effort="low", display="summarized")),
        ({"include_thoughts": True, "thinking_budget": 5}, Reasoning(mode="budget", budget=5, display="summarized")),
        ({}, None),
    ],
)  # fmt: skip
def test_E92_thinking(wire: object, meaning: Reasoning | None) -> None:
    assert config(thinkingConfig=wire).reasoning == meaning


def test_the_form_of_the_answer() -> None:
    assert config(responseMimeType="application/json").output_format == OutputFormat(kind="json_object")
    for name in ("responseSchema", "responseJsonSchema", "response_json_schema"):
        found = config(responseMimeType="application/json", **{name: {"type": "object"}}).output_format
        assert found == OutputFormat(kind="json_schema", schema=Raw(b'{"type": "object"}'))
    enum = config(responseMimeType="text/x.enum", responseSchema={"type": "STRING", "enum": ["a"]})
    assert enum.output_format is None
    assert extras(enum) == {
        "generationConfig.responseMimeType": "text/x.enum",
        "generationConfig.responseSchema": {"type": "STRING", "enum": ["a"]},
    }


@pytest.mark.parametrize(
    ("wire", "meaning"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")),
        ({"mode": "any"}, ToolChoice("any")),
        ({"mode": "NONE"}, ToolChoice("none")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("tool", "f")),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ToolChoice("any", None, ("f", "g"))),
        ({"mode": "VALIDATED"}, ToolChoice("auto")),
        ({"mode": "MODE_UNSPECIFIED"}, None),
        ({}, ToolChoice("auto")),
    ],
)
def test_E47_tool_choice(wire: object, meaning: ToolChoice | None) -> None:
    request = asked(toolConfig={"functionCallingConfig": wire})
    assert request.tool_choice == meaning


def test_server_tools() -> None:
    request = asked(
        tools=[
            {"googleSearch": {}, "functionDeclarations": [{"name": "f"}]},
            {"code_execution": {}},
            {"url_context": {}},
        ]
    )
    assert [(tool.name, tool.kind, tool.vendor_type) for tool in request.tools] == [
        ("google_search", "server", "googleSearch"),
        ("f", "function", None),
        ("codeExecution", "server", "codeExecution"),
        ("urlContext", "server", "urlContext"),
    ]


def test_schemas_of_the_openapi_dialect_become_json_schema() -> None:
    request = asked(
        tools=[
            {
                "functionDeclarations": [
                    {
                        "name": "f",
                        "parameters": {
                            "type": "OBJECT",
                            "properties": {
                                "type": {"type": "STRING", "nullable": True, "enum": ["A", "B"]},
                                "n": {
                                    "type": "ARRAY",
                                    "items": {"type": "INTEGER"},
                                    "minItems": "1",
                                    "max_items": 3,
                                },
                                "u": {
                                    "any_of": [{"type": "NUMBER"}, {"type": "BOOLEAN"}],
                                    "nullable": True,
                                },
                            },
                            "propertyOrdering": ["n", "type"],
                            "required": ["n"],
                        },
                    }
                ]
            }
        ]
    )
    assert schema(request) == {
        "type": "object",
        "properties": {
            "type": {"type": ["string", "null"], "enum": ["A", "B", None]},
            "n": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
            "u": {"anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "null"}]},
        },
        "required": ["n"],
    }
    numbered = ROOM.decode_request(recorded("numbered-types"))
    assert schema(numbered)["properties"]["location"]["type"] == "string"  # type: ignore[index]


def test_json_schema_stays_byte_for_byte() -> None:
    written = b'{ "type":"object", "properties":{"some_key":{"type":"number","minimum":1.0}} }'
    body = b'{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":%s}]}]}'
    found = ROOM.decode_request(body % written).tools[0].schema
    assert found is not None
    assert bytes(found) == written
    plain = b'{"type":"object","properties":{"some_key":{"type":"string"}}}'
    old = (
        ROOM.decode_request((body % plain).replace(b"parametersJsonSchema", b"parameters")).tools[0].schema
    )
    assert found is not None
    assert old is not None
    assert json.loads(bytes(old)) == json.loads(plain)


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        (b"not json", None, "Invalid JSON payload"),
        (b"[]", None, "Expected `object`"),
        ({}, "contents", "contents is not specified"),
        ({"contents": []}, "contents", "contents is not specified"),
        ({"contents": [{"role": "system", "parts": [{"text": "a"}]}]}, "contents[0]", "valid role"),
        ({"contents": [given({"text": 5})]}, "contents[0].parts[0].text", "got `int`"),
        ({"contents": [said({"functionCall": {}})]}, "contents[0].parts[0].functionCall.name", "required"),
        ({"contents": [said({"functionCall": {"name": "f", "args": [1]}})]}, "contents[0].parts[0].functionCall.args", "object"),
        ({"contents": [given({"functionResponse": {"name": "f", "response": "x"}})]}, "contents[0].parts[0].functionResponse.response", "object"),
        ({"contents": [given({"text": "x"})], "tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name", "required"),
        ({"contents": [given({"text": "x"})], "generationConfig": {"temperature": "hot"}}, "generationConfig.temperature", "got `str`"),
        ({"contents": [given({"text": "x"})], "toolConfig": {"functionCallingConfig": {"mode": "MAYBE"}}}, "toolConfig.functionCallingConfig.mode", "MAYBE"),
    ],
)  # fmt: skip
def test_refusals_name_the_path(body: object, field: str | None, words: str) -> None:
    error = refused(body)
    assert error.field == field
    assert words in error.message
    assert error.code == "INVALID_ARGUMENT"


def test_E122_half_a_surrogate_pair_is_replaced_where_text_is_read() -> None:
    body = b'{"contents":[{"role":"user","parts":[{"text":"a\\ud83d"}]}]}'
    assert ROOM.decode_request(body).messages[0].content == (Text("a\ufffd"),)


def test_bytes_that_are_no_text_are_refused() -> None:
    refused(b'{"contents":[{"parts":[{"text":"\xff"}]}]}')
    refused(b'{"contents":[{"parts":[{"text":"a"}]}],"labels":{"a":"\xff"}}')


def test_E123_deep_schemas_do_no_harm() -> None:
    deep = {"type": "OBJECT"}
    for _ in range(200):
        deep = {"type": "OBJECT", "properties": {"a": deep}}  # type: ignore[dict-item]
    request = asked(tools=[{"functionDeclarations": [{"name": "f", "parameters": deep}]}])
    assert request.tools[0].schema is not None


def test_extras_keep_their_bytes() -> None:
    body = b'{"contents":[{"parts":[{"text":"x"},{}]}],"labels":{ "b": 1.0 }}'
    (extra,) = ROOM.decode_request(body).extras
    assert extra.name == "labels"
    assert bytes(extra.raw) == b'{ "b": 1.0 }'


def test_a_text_that_is_no_base64_stays_as_it_came() -> None:
    part = {"inlineData": {"mimeType": "text/plain", "data": "QUJD\u00e9"}}
    (document,) = asked(part).messages[0].content
    assert document == Document(media_type="text/plain", data="QUJD\u00e9")
