"""Neutral requests to bodies for a target."""

import json

import pytest

from protocols.gemini.room import (
    ORIGIN,
    ROOM,
    ask,
    asked,
    assistant,
    call,
    contents,
    encode,
    given,
    lost,
    raw,
    result,
    said,
    sent,
    turns,
    user,
)
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.facts import Facts
from trunkline.core.types import (
    Audio,
    CacheMark,
    Document,
    Extra,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Reasoning,
    Refusal,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
)
from trunkline.protocols.gemini import signatures

OWN = Facts(provider="google", model="gemini-3")
PNG = "iVBORw0KGgo="
RUN = Tool(name="run", description="Runs.", schema=raw({"type": "object", "properties": {}}))
SEARCH = Tool(name="web_search", kind="server", vendor_type="web_search_20250305", raw=raw({}))


def refused(*messages: Message, facts: Facts | None = None) -> str:
    with pytest.raises(GatewayError) as raised:
        encode(ask(*messages), facts)
    assert raised.value.kind is Kind.INVALID_REQUEST
    return raised.value.message


def test_a_small_request() -> None:
    request = ask(user("hi"), system=(Text("be kind"),), max_tokens=10)
    assert encode(request).body == (
        b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"systemInstruction":{"parts":[{"text":"be kind"}]},'
        b'"generationConfig":{"maxOutputTokens":10}}'
    )
    assert encode(request).losses == ()


def test_E59_roles_alternate() -> None:
    assert contents(user("a"), user("b"), assistant("c"), assistant("d"), user("e")) == [
        given({"text": "a"}, {"text": "b"}),
        said({"text": "c"}, {"text": "d"}),
        given({"text": "e"}),
    ]


def reply(name: str, call_id: str, **response: object) -> dict[str, object]:
    return {"functionResponse": {"name": name, "response": response, "id": call_id}}


def test_E31_E32_results_stand_in_one_content_in_call_order() -> None:
    assert contents(
        user("go"),
        assistant("ok", call("a", '{"n":1}', "f"), call("b", "{}", "g")),
        user(result("b", "two")),
        user("and?", result("a", "one", is_error=True)),
    )[1:] == [
        said(
            {"text": "ok"},
            {"functionCall": {"name": "f", "args": {"n": 1}, "id": "a"}},
            {"functionCall": {"name": "g", "args": {}, "id": "b"}},
        ),
        given(reply("f", "a", error="one"), reply("g", "b", result="two"), {"text": "and?"}),
    ]


def test_E30_text_between_results_comes_after_them() -> None:
    body = contents(user("go"), assistant(call("a"), call("b")), user(result("a"), "hm", result("b")))
    assert [next(iter(part)) for part in body[2]["parts"]] == [
        "functionResponse",
        "functionResponse",
        "text",
    ]


def test_E35_a_missing_result_is_said_to_be_unknown() -> None:
    for messages in ((user("go"), assistant(call("a"))), (user("go"), assistant(call("a")), user("stop"))):
        part = contents(*messages)[2]["parts"][0]
        assert "no result was recorded" in part["functionResponse"]["response"]["error"]


def test_E34_an_orphan_result_becomes_text() -> None:
    body = contents(user("go", result("gone", "42")))
    assert body == [given({"text": "go"}, {"text": "Result of an earlier tool call (gone): 42"})]
    failed = contents(user(result("gone", "42", is_error=True)))
    assert "[tool error] 42" in failed[0]["parts"][0]["text"]


def test_a_conversation_never_starts_with_a_call() -> None:
    body = contents(assistant(call("a")), user(result("a")))
    assert [content["role"] for content in body] == ["user", "model", "user"]
    assert body[0]["parts"] == [{"text": "Continue."}]


def test_an_empty_conversation_still_says_something() -> None:
    assert contents(user()) == [given({"text": "(empty)"})]
    assert contents() == [given({"text": "(empty)"})]


def test_E43_prefill_where_it_is_not_taken() -> None:
    assert contents(user("a"), assistant("b"))[-1]["role"] == "model"
    assert contents(user("a"), assistant("b"), facts=Facts(prefill=False))[-1] == given(
        {"text": "Continue."}
    )


def test_E55_blank_texts_go() -> None:
    assert contents(user("a", "", " \n"), assistant("", call("x")), user(result("x")))[1]["parts"] == [
        {"functionCall": {"name": "run", "args": {}, "id": "x"}}
    ]


def test_E57_instructions_in_the_middle_stay_in_place() -> None:
    request = ask(
        user("a"),
        assistant("b"),
        Message("system", (Text("now"), Text("c"))),
        user("d"),
        system=(Text("top"),),
    )
    body = sent(request)
    assert body["contents"][2] == given({"text": "<system>\nnow\n\nc\n</system>"}, {"text": "d"})
    assert body["systemInstruction"] == {"parts": [{"text": "top"}]}
    assert lost(request) == ["messages.role.system"]
    tools = contents(
        user("a"), assistant(call("x")), Message("developer", (Text("now"),)), user(result("x"))
    )
    assert [next(iter(part)) for part in tools[2]["parts"]] == ["functionResponse", "text"]


def test_E58_the_attribution_line_stays_behind() -> None:
    request = ask(user("a"), system=(Text("x-anthropic-billing-header: v=1\nrest"), Text("real")))
    assert sent(request)["systemInstruction"]["parts"] == [{"text": "rest"}, {"text": "real"}]
    assert lost(request) == ["system.attribution"]


def test_pictures_sound_and_files() -> None:
    body = contents(
        user(
            Image(media_type="image/jpg", data=PNG),
            Audio(data="AAAA", format="mp3"),
            Document(media_type="application/pdf", data="JVBE", title="a.pdf"),
            Document(text="words", title="t", context="c"),
            Document(parts=(Text("in"), Image(data=PNG))),
        )
    )
    assert body[0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        {"inlineData": {"mimeType": "audio/mpeg", "data": "AAAA"}},
        {"text": "Document 'a.pdf':"},
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBE"}},
        {"text": "Document 't' (c):\nwords"},
        {"text": "in"},
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
    ]


def test_E60_urls_only_where_they_are_fetched() -> None:
    far = Image(url="https://x.example/a.png")
    near = Image(url="https://generativelanguage.googleapis.com/v1beta/files/a", media_type="image/png")
    strict = Facts(image_urls=False)
    assert contents(user(far))[0]["parts"] == [{"fileData": {"mimeType": "image/png", "fileUri": far.url}}]
    assert contents(user(near), facts=strict)[0]["parts"] == [
        {"fileData": {"mimeType": "image/png", "fileUri": near.url}}
    ]
    assert "fetches no image URLs" in refused(user(far), facts=strict)
    assert "send its data" in refused(user(Document(url="https://x.example/a.pdf")), facts=strict)
    assert "stored" in refused(user(Document(file_id="file-1")))
    assert "stores it" in refused(user(Image(file_id="file-1")))
    assert "takes no images" in refused(user(Image(data=PNG)), facts=Facts(images=False))
    assert "takes no audio" in refused(user(Audio(data="A", format="wav")), facts=Facts(audio=False))
    assert "takes no documents" in refused(user(Document(data="A")), facts=Facts(documents=False))


def test_files_of_our_own_store_go_back() -> None:
    part = {"fileData": {"fileUri": "gs://b/x.pdf"}}
    assert sent(asked(part))["contents"][0]["parts"] == [
        {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/x.pdf"}}
    ]


def test_E36_pictures_in_results() -> None:
    found = ToolResult(call_id="a", content=(Text("see"), Image(data=PNG)))
    inside = contents(user("go"), assistant(call("a")), user(found, "and?"))[2]["parts"]
    assert inside[0]["functionResponse"]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": PNG}}
    ]
    assert inside[0]["functionResponse"]["response"] == {"result": "see"}
    after = contents(
        user("go"), assistant(call("a")), user(found, "and?"), facts=Facts(result_parts=False)
    )[2]["parts"]
    assert [next(iter(part)) for part in after] == ["functionResponse", "text", "inlineData", "text"]
    assert after[1] == {"text": "From the result of run:"}


def test_ids_where_they_are_taken() -> None:
    body = contents(user("go"), assistant(call("a")), user(result("a")), facts=Facts(call_ids=False))
    assert "id" not in body[1]["parts"][0]["functionCall"]
    assert "id" not in body[2]["parts"][0]["functionResponse"]


def test_E24_arguments_are_always_an_object() -> None:
    for arguments, args in (
        ("", {}),
        ("  ", {}),
        ("[1]", {"_raw": "[1]"}),
        ('{"a":', {"_raw": '{"a":'}),
        (' {"a":1} ', {"a": 1}),
    ):
        assert (
            contents(user("x"), assistant(call("a", arguments)))[1]["parts"][0]["functionCall"]["args"]
            == args
        )


def test_E121_numbers_in_arguments_stay_as_they_are() -> None:
    body = encode(ask(user("x"), assistant(call("a", '{"a":1.0,"b":12345678901234567890}')))).body
    assert b'"args":{"a":1.0,"b":12345678901234567890}' in body


def test_E40_tool_names_that_do_not_fit() -> None:
    long = "mcp__server__" + "x" * 80
    names = (long, "with space", "9lives", "dots.and:colons", "ok")
    request = ask(
        user("go"), assistant(call("a", name=long)), user(result("a")),
        tools=tuple(Tool(name=name) for name in names), tool_choice=ToolChoice("tool", long),
    )  # fmt: skip
    done = encode(request)
    body = json.loads(done.body)
    declared = [one["name"] for one in body["tools"][0]["functionDeclarations"]]
    assert declared[3:] == ["dots.and:colons", "ok"]
    assert all(len(name) <= 64 for name in declared)
    assert declared[2].startswith("_9lives")
    assert dict(done.tool_names) == dict(zip(declared[:3], names[:3], strict=True))
    assert body["contents"][1]["parts"][0]["functionCall"]["name"] == declared[0]
    assert body["contents"][2]["parts"][0]["functionResponse"]["name"] == declared[0]
    assert body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == [declared[0]]


def history(*parts: object, facts: Facts = OWN):
    return contents(user("go"), assistant(*parts), user("x"), facts=facts)[1]["parts"]  # type: ignore[arg-type]


def test_E08_thinking_goes_back_to_its_maker_only() -> None:
    own = Thinking(text="hm", signature="c2ln", origin=OWN.origin)
    plain = Thinking(text="hm", origin=OWN.origin)
    other = Thinking(text="no", signature="x", origin=ORIGIN)
    unknown = Thinking(text="no", signature="x")
    sealed = Thinking(redacted="secret", origin=ORIGIN)
    assert history(own, plain, other, unknown, sealed, "a") == [
        {"text": "hm", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "hm", "thought": True},
        {"text": "a"},
    ]
    assert lost(ask(user("x"), assistant(other))) == ["messages.thinking"]


def test_E13_a_calls_signature_goes_back_to_its_maker_only() -> None:
    own = call("a", proof="c2ln", proof_origin=OWN.origin)
    assert history(own, call("b"))[0]["thoughtSignature"] == "c2ln"
    assert "thoughtSignature" not in history(own, call("b"))[1]
    for foreign in (call("a", proof="c2ln", proof_origin=ORIGIN), call("a", proof="c2ln")):
        assert "thoughtSignature" not in history(foreign)[0]
        assert lost(ask(user("x"), assistant(foreign), user(result("a"))), OWN) == ["messages.proof"]


def test_E13_calls_of_other_models_get_the_skip_value_where_it_is_wanted() -> None:
    wants = Facts(provider="google", model="gemini-3", skip_proofs=True)
    assert [part.get("thoughtSignature") for part in history(call("a"), call("b"), facts=wants)] == [
        "skip_thought_signature_validator", None,
    ]  # fmt: skip
    own = call("a", proof="c2ln", proof_origin=wants.origin)
    assert [part.get("thoughtSignature") for part in history(own, call("b"), facts=wants)] == ["c2ln", None]
    sealed = call("a", proof=signatures.SKIP)
    assert history(sealed, facts=wants)[0]["thoughtSignature"] == signatures.SKIP
    assert "thoughtSignature" not in history(sealed)[0]
    assert lost(ask(user("x"), assistant(sealed), user(result("a")))) == []


def test_E100_signatures_on_texts_return_in_place() -> None:
    def signed(origin: str | None) -> list[object]:
        proof = signatures.sealed("c2ln", origin)
        request = turns(
            given({"text": "go"}),
            said({"text": "a", "thoughtSignature": proof}, {"text": "", "thoughtSignature": proof}),
            given({"text": "x"}),
        )
        return sent(request, OWN)["contents"][1]["parts"]

    assert signed(OWN.origin) == [
        {"text": "a", "thoughtSignature": "c2ln"},
        {"text": "", "thoughtSignature": "c2ln"},
    ]
    assert signed(ORIGIN) == [{"text": "a"}]
    assert signed(None) == [{"text": "a"}]


def test_other_parts_of_ours_go_back_without_foreign_signatures() -> None:
    part = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "Zm9yZWlnbg=="}
    request = turns(
        given({"text": "go"}),
        said(part, {"codeExecutionResult": {"outcome": "OUTCOME_OK"}}),
        given({"text": "x"}),
    )
    assert sent(request, OWN)["contents"][1]["parts"] == [
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
    ]


def test_blocks_of_other_protocols() -> None:
    worded = Opaque("anthropic_messages", "search_result", raw({"x": 1}), "words")
    silent = Opaque("anthropic_messages", "server_tool_use", raw({"x": 1}))
    assert contents(user(worded), assistant(silent, Refusal("no")), user("x"))[:2] == [
        given({"text": "words"}),
        said({"text": "no"}),
    ]
    assert lost(ask(user("x", silent), assistant(silent), user("x"))) == [
        "messages.content.server_tool_use",
        "messages.assistant.server_tool_use",
    ]


def test_tools_and_choice() -> None:
    request = ask(user("x"), tools=(RUN, Tool(name="g")), tool_choice=ToolChoice("any", None, ("run",)))
    body = sent(request)
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "run",
                    "description": "Runs.",
                    "parametersJsonSchema": {"type": "object", "properties": {}},
                },
                {"name": "g"},
            ]
        }
    ]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["run"]}}


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("any"), {"mode": "ANY"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("tool", "run"), {"mode": "ANY", "allowedFunctionNames": ["run"]}),
        (ToolChoice("auto", None, ("run",)), {"mode": "VALIDATED", "allowedFunctionNames": ["run"]}),
        (ToolChoice("tool", "gone"), None),
        (None, None),
    ],
)
def test_E47_tool_choice(choice: ToolChoice | None, config: object) -> None:
    body = sent(ask(user("x"), tools=(RUN,), tool_choice=choice))
    assert body.get("toolConfig", {}).get("functionCallingConfig") == config
    assert "toolConfig" not in sent(ask(user("x"), tool_choice=choice))


def test_E47_a_choice_that_cannot_be_forced() -> None:
    request = ask(user("x"), tools=(RUN,), tool_choice=ToolChoice("any"))
    body = sent(request, Facts(forced_tools=False))
    assert body["toolConfig"]["functionCallingConfig"] == {"mode": "AUTO"}
    assert lost(request, Facts(forced_tools=False)) == ["tool_choice"]


def test_E48_typed_client_tools_become_functions() -> None:
    tools = (
        Tool(name="bash", kind="client", vendor_type="bash_20250124"),
        Tool(name="robot", kind="client", vendor_type="robot_20300101"),
    )
    request = ask(user("x"), tools=tools)
    (declared,) = sent(request)["tools"][0]["functionDeclarations"]
    assert declared["name"] == "bash"
    assert "command" in declared["parametersJsonSchema"]["properties"]
    assert lost(request) == ["tools.robot"]


def test_E41_freeform_tools_become_functions_with_one_string() -> None:
    tool = Tool(
        name="patch", kind="custom", description="Edits.", raw=raw({"type": "grammar", "definition": "x"})
    )
    done = encode(
        ask(
            user("x"),
            assistant(call("a", "*** Begin", "patch", kind="custom")),
            user(result("a")),
            tools=(tool,),
        )
    )
    body = json.loads(done.body)
    (declared,) = body["tools"][0]["functionDeclarations"]
    assert declared["parametersJsonSchema"]["required"] == ["input"]
    assert '"definition":"x"' in declared["description"]
    assert body["contents"][1]["parts"][0]["functionCall"]["args"] == {"input": "*** Begin"}
    assert done.custom_tools == {"patch"}


def test_E49_server_tools() -> None:
    mixed = ask(user("x"), tools=(SEARCH, RUN))
    assert sent(mixed)["tools"][1] == {"googleSearch": {}}
    older = Facts(mixed_tools=False)
    assert list(sent(mixed, older)["tools"][0]) == ["functionDeclarations"]
    assert lost(mixed, older) == ["tools.googleSearch"]
    assert sent(ask(user("x"), tools=(SEARCH,)), older)["tools"] == [{"googleSearch": {}}]
    assert lost(ask(user("x"), tools=(SEARCH,)), Facts(server_tools=False)) == ["tools.web_search"]
    own = asked(tools=[{"googleSearch": {"x": 1}}, {"functionDeclarations": [{"name": "f"}]}])
    assert {"googleSearch": {"x": 1}} in sent(own, older)["tools"]


def test_the_placeholder_and_strictness_stay_behind() -> None:
    tools = (
        Tool(name="DeferredToolPlaceholder", deferred=True),
        Tool(name="f", strict=True, cache=CacheMark()),
    )
    request = ask(user("x"), tools=tools)
    assert [one["name"] for one in sent(request)["tools"][0]["functionDeclarations"]] == ["f"]
    assert lost(request) == ["cache_control", "tools.strict"]


def test_knobs() -> None:
    sampling = Sampling(
        temperature=1.5,
        top_p=0.9,
        top_k=3,
        stop=("a",),
        seed=1,
        presence_penalty=0.1,
        frequency_penalty=0.2,
    )
    assert sent(ask(user("x"), max_tokens=5, sampling=sampling))["generationConfig"] == {
        "maxOutputTokens": 5,
        "temperature": 1.5,
        "topP": 0.9,
        "topK": 3,
        "stopSequences": ["a"],
        "seed": 1,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
    }
    many = ask(user("x"), sampling=Sampling(stop=tuple("abcdefg"), temperature=1), max_tokens=100)
    limited = Facts(sampling=False, max_output_tokens=50)
    assert sent(many, limited)["generationConfig"] == {
        "maxOutputTokens": 50,
        "stopSequences": list("abcde"),
    }
    assert lost(many, limited) == ["max_tokens", "temperature", "stop"]


BUDGET = Facts(reasoning="budget", min_reasoning_tokens=128, max_reasoning_tokens=32768)
LEVEL = Facts(reasoning="effort")


@pytest.mark.parametrize(
    ("facts", "reasoning", "config"),
    [
        (BUDGET, Reasoning(mode="off"), {"thinkingBudget": 0}),
        (BUDGET, Reasoning(mode="budget", budget=5000), {"includeThoughts": True, "thinkingBudget": 5000}),
        (BUDGET, Reasoning(mode="budget", budget=5), {"includeThoughts": True, "thinkingBudget": 128}),
        (BUDGET, Reasoning(mode="budget", budget=99999), {"includeThoughts": True, "thinkingBudget": 32768}),
        (BUDGET, Reasoning(mode="adaptive"), {"includeThoughts": True, "thinkingBudget": -1}),
        (BUDGET, Reasoning(effort="minimal"), {"includeThoughts": True, "thinkingBudget": 512}),
        (BUDGET, Reasoning(effort="low"), {"includeThoughts": True, "thinkingBudget": 4096}),
        (BUDGET, Reasoning(effort="medium"), {"includeThoughts": True, "thinkingBudget": 10240}),
        (BUDGET, Reasoning(effort="high"), {"includeThoughts": True, "thinkingBudget": 24576}),
        (BUDGET, Reasoning(effort="max"), {"includeThoughts": True, "thinkingBudget": -1}),
        (BUDGET, Reasoning(effort="none"), {"thinkingBudget": 0}),
        (BUDGET, Reasoning(display="omitted"), {"includeThoughts": False}),
        (Facts(reasoning="budget", reasoning_always=True, min_reasoning_tokens=128), Reasoning(mode="off"), {"thinkingBudget": 128}),
        (LEVEL, Reasoning(mode="off"), {"thinkingLevel": "MINIMAL"}),
        (LEVEL, Reasoning(effort="minimal"), {"includeThoughts": True, "thinkingLevel": "MINIMAL"}),
        (LEVEL, Reasoning(effort="medium"), {"includeThoughts": True, "thinkingLevel": "MEDIUM"}),
        (LEVEL, Reasoning(effort="xhigh"), {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        (LEVEL, Reasoning(mode="budget", budget=4000), {"includeThoughts": True, "thinkingLevel": "LOW"}),
        (LEVEL, Reasoning(mode="budget", budget=60000), {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        (LEVEL, Reasoning(mode="adaptive"), {"includeThoughts": True}),
        (Facts(reasoning="effort", effort_levels=("low", "high")), Reasoning(effort="medium"), {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        (Facts(reasoning="effort", effort_levels=("low", "high")), Reasoning(mode="off"), {"thinkingLevel": "LOW"}),
        (Facts(), Reasoning(effort="high"), None),
        (BUDGET, None, None),
    ],
)  # fmt: skip
def test_E92_thinking(facts: Facts, reasoning: Reasoning | None, config: object) -> None:
    body = sent(ask(user("x"), reasoning=reasoning), facts)
    assert body.get("generationConfig", {}).get("thinkingConfig") == config


FORM = OutputFormat(
    kind="json_schema", schema=raw({"$schema": "x", "type": "object", "properties": {"a": {}}})
)


def test_the_form_of_the_answer() -> None:
    request = ask(user("x"), output_format=FORM)
    assert sent(request)["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object", "properties": {"a": {}}},
    }
    older = Facts(schema_dialect="openapi_subset")
    assert "responseSchema" in sent(request, older)["generationConfig"]
    anything = ask(user("x"), output_format=OutputFormat(kind="json_object"))
    assert sent(anything)["generationConfig"] == {"responseMimeType": "application/json"}


def test_E120_the_form_of_the_answer_by_a_forced_function_or_in_words() -> None:
    request = ask(user("x"), output_format=FORM)
    done = encode(request, Facts(structured="tool"))
    body = json.loads(done.body)
    assert done.structured_tool == "structured_answer"
    assert body["tools"][0]["functionDeclarations"][0]["name"] == "structured_answer"
    assert body["toolConfig"]["functionCallingConfig"] == {
        "mode": "ANY",
        "allowedFunctionNames": ["structured_answer"],
    }
    with_tools = ask(user("x"), output_format=FORM, tools=(RUN,), system=(Text("s"),))
    words = sent(with_tools, Facts(structured_with_tools=False))
    assert "generationConfig" not in words
    assert words["systemInstruction"]["parts"][0] == {"text": "s"}
    assert "must match this JSON schema" in words["systemInstruction"]["parts"][1]["text"]
    assert lost(with_tools, Facts(structured_with_tools=False)) == ["response_format"]


def test_what_has_no_counterpart_is_a_loss() -> None:
    request = ask(
        user("x"), parallel_tool_calls=False, user="u", prompt_cache_key="k", cache=CacheMark(), service_tier="flex",
        extras=(Extra("logit_bias", raw({})),),
    )  # fmt: skip
    assert lost(request) == [
        "parallel_tool_calls", "user", "prompt_cache_key", "cache_control", "service_tier", "logit_bias",
    ]  # fmt: skip
    assert lost(ask(Message("user", (Text("x"),), "bob"))) == ["messages.name"]


def test_extras_return_to_their_places_for_the_same_protocol() -> None:
    fields = {
        "safetySettings": [{"category": "C", "threshold": "T"}],
        "cachedContent": "cachedContents/1",
        "generationConfig": {
            "temperature": 1,
            "candidateCount": 2,
            "thinkingConfig": {"thinkingBudget": 5, "later": 1},
        },
        "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}, "retrievalConfig": {"a": 1}},
        "tools": [{"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}]}],
        "serviceTier": "flex",
    }
    body = sent(asked({"text": "x"}, **fields), Facts(reasoning="budget"))
    assert body == {"contents": [given({"text": "x"})], **fields, "generationConfig": {
        "temperature": 1.0, "candidateCount": 2, "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 5, "later": 1},
    }}  # fmt: skip


def test_what_the_upstream_refuses_by_name_stays_behind() -> None:
    request = asked({"text": "x"}, safetySettings=[{"a": 1}], generationConfig={"seed": 1, "topK": 2})
    facts = Facts(drop=frozenset({"safetySettings", "generationConfig.seed"}))
    assert sent(request, facts)["generationConfig"] == {"topK": 2}
    assert lost(request, facts) == ["generationConfig.seed", "safetySettings"]
    assert list(sent(request, Facts(allow=frozenset({"contents"})))) == ["contents"]


def test_E104_the_same_request_gives_the_same_bytes_and_a_longer_one_keeps_them() -> None:
    first = (user("go"), assistant("a", call("x")), user(result("x"), "b"))
    short = encode(ask(*first)).body
    longer = encode(ask(*first, assistant("c"), user("d"))).body
    assert encode(ask(*first)).body == short
    assert longer.startswith(short.removesuffix(b"]}"))


def test_a_schema_that_is_no_json_is_refused_or_left_out() -> None:
    broken = Tool(name="f", schema=type(raw({}))(b'{"$schema": '))
    assert ROOM.encode_request(ask(user("x"), tools=(broken,)), Facts()).body.endswith(b'[{"name":"f"}]}]}')
