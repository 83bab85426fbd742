"""Edits of bodies on their way to Databricks (databricks.md 3.1 to 3.8), and what is left untouched."""

import json
from collections.abc import Mapping

import pytest

from trunkline.config.schema import ProviderSettings
from trunkline.core.losses import Loss
from trunkline.providers.provider import Surface
from trunkline.providers.registry import make_provider

WORKSPACE = make_provider("dbx", ProviderSettings(kind="databricks", host="adb-1.2"))

SONNET = "claude-sonnet-4-5"
OPUS = "claude-opus-4-8"
ALWAYS = "claude-opus-5-5"
GPT = "gpt-5"
GEMINI = "gemini-3-1-pro"
LLAMA = "meta-llama-3-3-70b-instruct"

USER = {"role": "user", "content": "Hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALL_2 = {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def surface(model: str, protocol: str) -> Surface:
    return next(one for one in WORKSPACE.surfaces(f"databricks-{model}") if one.protocol == protocol)


def edited(
    model: str, fields: Mapping[str, object], protocol: str = "openai_chat"
) -> tuple[dict[str, object], list[str]]:
    """The fields that differ afterwards (None: gone), and the names of what was lost."""
    body = {"model": "m", "messages": [USER], "max_tokens": 5000, **fields}
    raw = json.dumps({key: value for key, value in body.items() if value is not ...}).encode()
    out, losses = WORKSPACE.edit(surface(model, protocol), raw)
    before, after = json.loads(raw), json.loads(out)
    changes = {
        key: after.get(key) for key in (before | after) if before.get(key, ...) != after.get(key, ...)
    }
    assert (out is raw) is (changes == {}), "the same object when, and only when, nothing changed"
    return changes, [loss.field for loss in losses]


def native(model: str, fields: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    return edited(model, fields, "anthropic_messages")


def result(call_id: str = "c1", content: object = "ok") -> dict[str, object]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def calls(*listed: object, **fields: object) -> dict[str, object]:
    return {"role": "assistant", "content": None, "tool_calls": list(listed), **fields}


CHAT_FIELDS: list[tuple[str, dict[str, object], dict[str, object], list[str]]] = [
    # model, fields, changes, losses
    (SONNET, {"stream_options": {"include_usage": True}}, {"stream_options": None}, []),
    (SONNET, {"parallel_tool_calls": True, "store": False, "n": 1}, dict.fromkeys(("parallel_tool_calls", "store", "n")), []),
    (SONNET, {"parallel_tool_calls": False}, {"parallel_tool_calls": None}, ["parallel_tool_calls"]),
    (SONNET, {"seed": 7, "user": "u", "metadata": {"a": "b"}}, dict.fromkeys(("seed", "user", "metadata")), ["seed", "user", "metadata"]),
    (SONNET, {"extra_body": {"a": 1}}, {"extra_body": None}, ["extra_body"]),
    (SONNET, {"max_tokens": ..., "max_completion_tokens": 900}, {"max_tokens": 900, "max_completion_tokens": None}, []),
    (SONNET, {"max_tokens": ...}, {"max_tokens": 16384}, []),
    (SONNET, {"max_tokens": 99999}, {"max_tokens": 64000}, ["max_tokens"]),
    (SONNET, {"temperature": 0.2}, {}, []),
    (SONNET, {"temperature": 0.2, "top_p": 0.9}, {"top_p": None}, ["top_p"]),
    (OPUS, {"temperature": 0.2, "top_k": 5}, {"temperature": None, "top_k": None}, ["temperature", "top_k"]),
    (OPUS, {"temperature": 1}, {"temperature": None}, []),
    (SONNET, {"stop": ["a", " ", "b"]}, {"stop": ["a", "b"]}, ["stop"]),
    (SONNET, {"stop": ["a", "b", "c", "d", "e"]}, {"stop": ["a", "b", "c", "d"]}, ["stop"]),
    (SONNET, {"stop": "\n"}, {"stop": None}, ["stop"]),
    (SONNET, {"response_format": {"type": "json_schema", "json_schema": {}}}, {}, []),
    (SONNET, {"response_format": {"type": "text"}, "stream": True}, {}, []),
    (SONNET, {"response_format": {"type": "json_schema"}, "stream": True}, {"response_format": None}, ["response_format"]),
    (SONNET, {"response_format": {"type": "json_schema"}, "tools": [TOOL]}, {"response_format": None}, ["response_format"]),
    (SONNET, {"response_format": {"type": "json_object"}}, {"response_format": None}, ["response_format"]),
    (GPT, {"response_format": {"type": "json_object"}, "stream": True}, {}, []),
    (LLAMA, {"response_format": {"type": "json_schema"}, "stream": True}, {"response_format": None}, ["response_format"]),
    (SONNET, {"reasoning_effort": "low"}, {"reasoning_effort": None, "thinking": {"type": "enabled", "budget_tokens": 4096}}, []),
    (SONNET, {"reasoning_effort": "high"}, {"reasoning_effort": None, "max_tokens": 29576, "thinking": {"type": "enabled", "budget_tokens": 24576}}, []),
    (SONNET, {"reasoning_effort": "none"}, {"reasoning_effort": None}, []),
    (OPUS, {"reasoning_effort": "xhigh"}, {"reasoning_effort": None, "thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}, []),
    (OPUS, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, []),
    (SONNET, {"thinking": {"type": "adaptive"}, "max_tokens": 20000}, {"thinking": {"type": "enabled", "budget_tokens": 10240}}, []),
    (SONNET, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, {}, []),
    (SONNET, {"thinking": {"type": "enabled", "budget_tokens": 2000}, "temperature": 0}, {"temperature": None}, ["temperature"]),
    (SONNET, {"output_config": {"effort": "low"}}, {"output_config": None}, ["output_config.effort"]),
    (ALWAYS, {"thinking": {"type": "disabled"}}, {"thinking": None}, ["thinking"]),
    (ALWAYS, {"tools": [TOOL], "tool_choice": "required"}, {"tool_choice": "auto"}, ["tool_choice"]),
    (SONNET, {"tools": [TOOL], "tool_choice": "required"}, {}, []),
    (SONNET, {"tools": [TOOL], "tool_choice": "required", "thinking": {"type": "enabled", "budget_tokens": 2000}}, {"thinking": None}, ["thinking"]),
    (GPT, {"reasoning_effort": "max"}, {"reasoning_effort": "high"}, ["reasoning_effort"]),
    (GPT, {"reasoning_effort": "minimal", "stream_options": {"include_usage": True}, "max_tokens": ..., "max_completion_tokens": 9}, {}, []),
    (GPT, {"temperature": 0.2, "stop": ["a"], "top_k": 3}, dict.fromkeys(("temperature", "stop", "top_k")), ["stop", "top_k", "temperature"]),
    (GPT, {"thinking": {"type": "enabled"}, "output_config": {}}, {"thinking": None, "output_config": None}, ["thinking"]),
    (GPT, {"service_tier": "priority"}, {}, []),
    (GEMINI, {"stream_options": {"include_usage": True}, "reasoning_effort": "low", "top_k": 4}, {"stream_options": None}, []),
    ("gemini-2-5-pro", {"reasoning_effort": "low", "max_tokens": 9000}, {"reasoning_effort": None, "thinking": {"type": "enabled", "budget_tokens": 4096}}, []),
    ("gemini-3-6-flash", {"temperature": 0.2}, {"temperature": None}, ["temperature"]),
    (LLAMA, {"reasoning_effort": "low", "thinking": {"type": "adaptive"}}, {"reasoning_effort": None, "thinking": None}, ["reasoning_effort", "thinking"]),
    (LLAMA, {"temperature": 0.2, "top_p": 0.9, "n": 2, "logprobs": True}, {}, []),
    ("gpt-oss-120b", {"reasoning_effort": "xhigh"}, {"reasoning_effort": "high"}, ["reasoning_effort"]),
    ("deepseek-v4-1-flash", {"reasoning_effort": "minimal"}, {"reasoning_effort": "low"}, ["reasoning_effort"]),
    (SONNET, {"tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": {"type": "object"}}}]}, {"tools": [TOOL]}, []),
    (SONNET, {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}, {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]}, []),
    (SONNET, {"tools": [TOOL | {"cache_control": {"type": "ephemeral", "ttl": "1h"}}]}, {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "cache_control": {"type": "ephemeral"}}}]}, []),
    (GPT, {"tools": [TOOL | {"cache_control": {"type": "ephemeral"}}]}, {"tools": [TOOL]}, []),
    (
        GEMINI,
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"$schema": "x", "type": "object", "additionalProperties": False, "properties": {"const": {"const": "a", "exclusiveMinimum": 1}}}}}]},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"const": {"enum": ["a"]}}}}}]},
        [],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("model", "fields", "changes", "losses"), CHAT_FIELDS)
def test_T104_chat_fields(
    model: str, fields: dict[str, object], changes: dict[str, object], losses: list[str]
) -> None:
    found, lost = edited(model, fields)
    assert found == changes
    assert sorted(lost) == sorted(losses)


CHAT_TURNS: list[tuple[str, list[object], list[object], list[str]]] = [
    # model, messages, messages afterwards, losses
    (SONNET, [USER, calls(CALL, content=""), result()], [USER, calls(CALL), result()], []),
    (SONNET, [USER, calls(CALL, content=[{"type": "text", "text": ""}]), result()], [USER, calls(CALL), result()], []),
    (SONNET, [{"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "a"}]}], [{"role": "user", "content": [{"type": "text", "text": "a"}]}], []),
    (SONNET, [{"role": "user", "content": ""}], [{"role": "user", "content": "(empty)"}], []),
    (SONNET, [USER, {"role": "assistant", "content": " \n"}, USER], [USER, USER], []),
    (SONNET, [USER, calls(CALL), result(content="")], [USER, calls(CALL), result(content="(empty)")], []),
    (SONNET, [{"role": "developer", "content": "s"}, USER], [{"role": "system", "content": "s"}, USER], []),
    (SONNET, [{"role": "system", "content": "a"}, {"role": "system", "content": "b"}, USER], [{"role": "system", "content": "a"}, {"role": "system", "content": "b"}, USER], []),
    (
        OPUS,
        [USER, {"role": "system", "content": "s"}],
        [USER, {"role": "user", "content": "<system-reminder>\ns\n</system-reminder>"}],
        ["messages.system"],
    ),
    (SONNET, [USER | {"name": "bob"}], [USER], []),
    (
        SONNET,
        [USER | {"cache_control": {"type": "ephemeral"}}],
        [{"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}],
        [],
    ),
    (
        GPT,
        [USER, {"role": "assistant", "content": "a", "reasoning_content": "r", "refusal": None, "annotations": []}, USER],
        [USER, {"role": "assistant", "content": "a"}, USER],
        ["messages.reasoning_content"],
    ),
    (
        SONNET,
        [USER, {"role": "assistant", "content": "a", "reasoning_content": "r", "reasoning_details": [{"type": "reasoning.text", "text": "r", "signature": "s"}, {"type": "reasoning.encrypted", "data": "d"}]}, USER],
        [
            USER,
            {
                "role": "assistant",
                "content": [
                    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "r", "signature": "s"}]},
                    {"type": "reasoning", "summary": [{"type": "summary_encrypted_text", "data": "d"}]},
                    {"type": "text", "text": "a"},
                ],
            },
            USER,
        ],
        [],
    ),
    (SONNET, [USER, calls(CALL | {"index": 0}), result()], [USER, calls(CALL), result()], []),
    (GEMINI, [USER, calls(CALL | {"thoughtSignature": "t"}), result()], [USER, calls(CALL | {"thoughtSignature": "t"}), result()], []),
    (SONNET, [USER, calls({**CALL, "function": {"name": "f", "arguments": ""}}), result()], [USER, calls(CALL), result()], []),
    (
        SONNET,
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png,AAAA"}}]}],
        [{"role": "user", "content": [PIXEL]}],
        [],
    ),
    (
        SONNET,
        [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "scope": "global", "ttl": "1h"}}]}],
        [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}],
        [],
    ),
    (
        GEMINI,
        [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}],
        [{"role": "user", "content": [{"type": "text", "text": "a"}]}],
        [],
    ),
    (
        SONNET,
        [USER, calls(CALL), result(content=[{"type": "text", "text": "x"}, PIXEL]), USER],
        [
            USER,
            calls(CALL),
            result(content=[{"type": "text", "text": "x"}, {"type": "text", "text": "(The image follows in the next user message.)"}]),
            {"role": "user", "content": [{"type": "text", "text": "Image from the tool result c1:"}, PIXEL]},
            USER,
        ],
        [],
    ),
    (SONNET, [USER, calls(CALL), USER], [USER, calls(CALL), result(content="(no result)"), USER], ["messages.tool_calls"]),
    (SONNET, [USER, calls(CALL, CALL_2), result("c2"), USER, result()], [USER, calls(CALL, CALL_2), result(), result("c2"), USER], []),
    (SONNET, [USER, calls(CALL), result(), result()], [USER, calls(CALL), result()], []),
    (SONNET, [USER, result("c9", "late")], [USER, {"role": "user", "content": "late"}], ["messages.tool"]),
    ("claude-sonnet-4-6", [USER, {"role": "assistant", "content": "Well"}], [USER, {"role": "assistant", "content": "Well"}, {"role": "user", "content": "Continue."}], ["messages.prefill"]),
    (SONNET, [USER, {"role": "assistant", "content": "Well"}], [USER, {"role": "assistant", "content": "Well"}], []),
    (LLAMA, [USER, calls(CALL, CALL_2), result(), result("c2")], [USER, calls(CALL), result(), calls(CALL_2), result("c2")], ["messages.parallel_calls"]),
    (SONNET, [USER, calls(CALL, CALL_2), result("c2"), result()], [USER, calls(CALL, CALL_2), result("c2"), result()], []),
]  # fmt: skip


@pytest.mark.parametrize(("model", "messages", "expected", "losses"), CHAT_TURNS)
def test_T104_chat_messages(
    model: str, messages: list[object], expected: list[object], losses: list[str]
) -> None:
    changes, lost = edited(model, {"messages": messages})
    assert changes.get("messages", messages) == expected
    assert changes.keys() <= {"messages"}
    assert lost == losses


def test_effort_does_not_start_thinking_in_a_loop_without_proof() -> None:
    messages = [USER, calls(CALL), result()]
    changes, lost = edited(SONNET, {"messages": messages, "reasoning_effort": "low"})
    assert changes == {"reasoning_effort": None}
    assert lost == ["reasoning_effort"]
    proven = [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "t", "signature": "s"}]}]
    changes, lost = edited(
        SONNET, {"messages": [USER, calls(CALL, content=proven), result()], "reasoning_effort": "low"}
    )
    assert changes["thinking"] == {"type": "enabled", "budget_tokens": 4096}
    assert lost == []


def test_untouched_messages_keep_their_bytes() -> None:
    first = b'{ "role":"user",  "content": "caf\\u00e9 \\ud83d" }'
    raw = (
        b'{"model": "m", "max_tokens": 10, "messages": ['
        + first
        + b', {"role":"user","content":""}], "x" : 1 }'
    )
    out, losses = WORKSPACE.edit(surface(SONNET, "openai_chat"), raw)
    assert (
        out
        == b'{"model": "m", "max_tokens": 10, "messages": ['
        + first
        + b',{"role":"user","content":"(empty)"}] }'
    )
    assert losses == (Loss("x", "the upstream does not take this field"),)


def test_a_longer_conversation_keeps_the_bytes_of_its_earlier_turns() -> None:
    turns = [
        USER,
        {"role": "system", "content": "s"},
        calls(CALL, content=""),
        result(content=[PIXEL]),
        USER,
        calls(CALL_2),
        result("c2"),
    ]
    before = b""
    for end in (4, 5, 7):
        raw = json.dumps({"model": "m", "max_tokens": 10, "messages": turns[:end]}).encode()
        out, _ = WORKSPACE.edit(surface(SONNET, "openai_chat"), raw)
        messages = out.partition(b'"messages": ')[2].rstrip(b"}").rstrip(b"]")
        assert messages.startswith(before)
        before = messages.rstrip(b"}]")


NATIVE: list[tuple[str, dict[str, object], dict[str, object], list[str]]] = [
    (OPUS, {"context_management": {"edits": []}, "container": "c", "service_tier": "auto"}, dict.fromkeys(("context_management", "container", "service_tier")), ["context_management", "container"]),
    (OPUS, {"metadata": {"user_id": "u", "team": "t"}}, {"metadata": {"user_id": "u"}}, ["metadata"]),
    (OPUS, {"metadata": {"user_id": "u"}}, {}, []),
    (OPUS, {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}}, {}, []),
    (OPUS, {"thinking": {"type": "enabled", "budget_tokens": 9000}}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}}, []),
    (SONNET, {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "high"}, "max_tokens": 128000}, {"thinking": {"type": "enabled", "budget_tokens": 24576}, "output_config": None, "max_tokens": 64000}, ["max_tokens"]),
    (SONNET, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, {}, []),
    (SONNET, {"thinking": {"type": "disabled"}}, {}, []),
    ("claude-opus-4-6", {"thinking": {"type": "enabled", "budget_tokens": 2000}, "output_config": {"effort": "xhigh"}}, {"output_config": {"effort": "high"}}, []),
    (OPUS, {"temperature": 0.1}, {"temperature": None}, ["temperature"]),
    (OPUS, {"messages": [USER, {"role": "assistant", "content": "a"}]}, {"messages": [USER, {"role": "assistant", "content": "a"}, {"role": "user", "content": "Continue."}]}, ["messages.prefill"]),
    (OPUS, {"messages": [USER, {"role": "system", "content": "s"}]}, {}, []),
    (SONNET, {"messages": [USER, {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]}]}, {"messages": [USER, {"role": "user", "content": [{"type": "text", "text": "<system-reminder>\ns\n</system-reminder>", "cache_control": {"type": "ephemeral"}}]}]}, ["messages.system"]),
    (SONNET, {"messages": [USER, {"role": "system", "content": []}, USER]}, {"messages": [USER, USER]}, []),
    (OPUS, {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "a"}]}]}, {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}, []),
    (OPUS, {"messages": [{"role": "user", "content": " "}]}, {"messages": [{"role": "user", "content": "(empty)"}]}, []),
    (OPUS, {"system": [{"type": "text", "text": ""}, {"type": "text", "text": "s"}]}, {"system": [{"type": "text", "text": "s"}]}, []),
    (OPUS, {"tools": [{"name": "f", "input_schema": {}, "strict": True, "defer_loading": True, "eager_input_streaming": True, "input_examples": []}]}, {"tools": [{"name": "f", "input_schema": {}}]}, ["tools.defer_loading", "tools.eager_input_streaming", "tools.input_examples", "tools.strict"]),
    (OPUS, {"tools": [{"name": "f", "input_schema": {}}, {"type": "web_search_20250305", "name": "web_search"}]}, {"tools": [{"name": "f", "input_schema": {}}]}, ["tools.web_search"]),
    (OPUS, {"tools": [{"type": "web_search_20250305", "name": "web_search"}], "tool_choice": {"type": "tool", "name": "web_search"}}, {"tools": None, "tool_choice": None}, ["tools.web_search", "tool_choice"]),
    (OPUS, {"tools": [{"type": "bash_20250124", "name": "bash"}]}, {}, []),
    (ALWAYS, {"tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "any"}}, {"tool_choice": {"type": "auto"}}, ["tool_choice"]),
    (OPUS, {"system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "scope": "global", "ttl": "1h"}}]}, {"system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}, ["system.cache_control.scope"]),
    (OPUS, {"messages": [USER, {"role": "user", "content": "b", "output_config": {"effort": "low"}}]}, {"messages": [USER, {"role": "user", "content": "b"}]}, ["messages.output_config"]),
    (
        OPUS,
        {"messages": [USER, {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference", "tool_name": "x"}]}]}]},
        {"messages": [USER, {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "The tool x is available now."}]}]}]},
        [],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("model", "fields", "changes", "losses"), NATIVE)
def test_native_messages(
    model: str, fields: dict[str, object], changes: dict[str, object], losses: list[str]
) -> None:
    found, lost = native(model, fields)
    assert found == changes
    assert sorted(lost) == sorted(losses)


def test_adaptive_thinking_does_not_start_in_a_loop_without_proof() -> None:
    loop = [
        USER,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]},
    ]
    changes, lost = native(SONNET, {"messages": loop, "thinking": {"type": "adaptive"}})
    assert changes == {"thinking": None}
    assert lost == ["thinking"]
    loop[1]["content"] = [{"type": "thinking", "thinking": "", "signature": "s"}, *loop[1]["content"]]  # type: ignore[index, misc]
    changes, lost = native(
        SONNET, {"messages": loop, "thinking": {"type": "adaptive"}, "max_tokens": 20000}
    )
    assert changes == {"thinking": {"type": "enabled", "budget_tokens": 10240}}
    assert lost == []


def test_E91_a_budget_gets_room_below_the_limit_or_none_at_all() -> None:
    changes, _ = native(
        SONNET, {"thinking": {"type": "enabled", "budget_tokens": 9000}, "max_tokens": 1000}
    )
    assert changes == {"max_tokens": 10000}
    changes, lost = native(SONNET, {"thinking": {"type": "enabled", "budget_tokens": 900}})
    assert (changes, lost) == ({"thinking": None}, ["thinking"])


def test_E105_gemini_is_never_sent_a_cache_mark() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a", **mark}], **mark}],
        "tools": [TOOL | mark],
        **mark,
    }
    out, _ = WORKSPACE.edit(surface(GEMINI, "openai_chat"), json.dumps(body).encode())
    assert b"cache_control" not in out
