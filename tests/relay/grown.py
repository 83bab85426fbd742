"""Sessions in which a later request says something of an earlier one's turns, or seems to."""

from trunkline.core.facts import Facts
from trunkline.core.proofs import seal

LONG = "the same words in every turn " * 40
CALL = {"type": "function_call", "name": "f", "arguments": "{}"}
LITE = {"type": "additional_tools", "tools": [{"type": "function", "name": "found", "parameters": {}}]}
MORE = {"type": "additional_tools", "tools": [{"type": "function", "name": "late", "parameters": {}}]}
SHELL = {"type": "local_shell_call", "call_id": "s", "action": {"type": "exec", "command": ["ls"]}}
SHELL_OUTPUT = {"type": "local_shell_call_output", "call_id": "s", "output": LONG}
PATCH = {"type": "apply_patch_call", "call_id": "p", "operation": {"type": "delete_file", "path": "a"}}
PATCHED = {"type": "apply_patch_call_output", "call_id": "p", "status": "completed", "output": LONG}


def user(text: str, **more: object) -> dict:
    return {"role": "user", "content": text, **more}


def messages(*turns: dict, system: object = LONG) -> dict:
    return {"model": "m", "max_tokens": 9, "messages": list(turns), "system": system}


def chat(*turns: dict, **more: object) -> dict:
    return {"model": "m", "messages": list(turns), **more}


def responses(*items: dict, **more: object) -> dict:
    return {"model": "m", "instructions": LONG, "input": list(items), "store": False, **more}


def gemini(*turns: dict, **more: object) -> dict:
    return {"contents": list(turns), **more}


def output(call_id: str, text: str) -> dict:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def tool(name: str) -> dict:
    return {"type": "function", "name": name, "description": LONG, "parameters": {}}


def chat_tool(name: str) -> dict:
    return {"type": "function", "function": {"name": name, "description": LONG, "parameters": {}}}


def model(*parts: dict) -> dict:
    return {"role": "model", "parts": list(parts)}


ASKED = user(LONG)
ONE, TWO = {**CALL, "call_id": "1"}, {**CALL, "call_id": "2"}
CHAT_CALL = {"role": "assistant", "content": LONG, "function_call": {"name": "f", "arguments": "{}"}}
NAMELESS = model({"text": LONG}, {"functionCall": {"name": "f", "args": {}}})
ANSWERED = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": LONG}}}]}
EFFORT = {"role": "system", "content": LONG, "output_config": {"effort": "low"}}
SAID = {"role": "assistant", "content": LONG}
THOUGHT = {
    "role": "assistant",
    "content": [
        {
            "type": "thinking",
            "thinking": LONG,
            "signature": seal("s", Facts(provider="t", model="m").origin),
        }
    ],
}
GROUP = {"type": "namespace", "name": "g", "tools": [tool("f")]}
FORM = {"format": {"type": "json_schema", "schema": {"type": "object"}}}

SESSIONS: dict[str, tuple[str, list[dict | bytes]]] = {
    "an effort that is in force": (
        "anthropic_messages",
        [messages(ASKED, EFFORT, ASKED), messages(ASKED, EFFORT, ASKED, user("b")), messages(ASKED, EFFORT, ASKED, user("c"))],
    ),
    "an effort that is taken back": (
        "anthropic_messages",
        [messages(ASKED, EFFORT, ASKED), messages(ASKED, ASKED, user("b")), messages(ASKED, EFFORT, ASKED, user("c"))],
    ),
    "half a pair within what is carried": (
        "anthropic_messages",
        [
            messages(ASKED, {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {"a": "HALF"}}]}, ASKED),
            messages(ASKED, {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {"a": "HALF"}}]}, ASKED, user("HALF")),
        ],
    ),
    "half a pair within a part nobody knows": (
        "openai_chat",
        [
            chat(ASKED, user([{"type": "odd", "odd": "HALF"}]), ASKED),
            chat(ASKED, user([{"type": "odd", "odd": "HALF"}]), ASKED, user("HALF")),
        ],
    ),
    "results side by side": (
        "openai_responses",
        [
            responses(ASKED, ONE, TWO, output("1", LONG), output("2", "b")),
            responses(ASKED, ONE, TWO, output("1", LONG), output("2", "c")),
            responses(ASKED, ONE, TWO, output("1", LONG), user("d")),
            responses(ASKED, ONE, TWO, output("1", LONG), output("2", "b"), {**ONE, "call_id": "3"}),
        ],
    ),
    "calls side by side": (
        "openai_responses",
        [responses(ASKED, ONE, TWO), responses(ASKED, ONE, {**TWO, "name": "g"}), responses(ASKED, ONE, user("d"))],
    ),
    "tools in the input": (
        "openai_responses",
        [
            responses(LITE, ASKED, ONE, output("1", LONG)),
            responses(LITE, ASKED, ONE, output("1", LONG), user("a")),
            responses(LITE, ASKED, ONE, output("1", LONG), user("a"), MORE),
            responses(LITE, ASKED, ONE, output("1", LONG), user("a"), MORE, user("b")),
            responses(LITE, ASKED, ONE, output("1", LONG), user("c")),
        ],
    ),
    "tools in the input and beside it": (
        "openai_responses",
        [
            responses(ASKED, tools=[tool("declared")]),
            responses(ASKED, ASKED, LITE, ASKED, tools=[tool("declared")]),
            responses(ASKED, ASKED, LITE, ASKED, user("a"), tools=[tool("declared")]),
            responses(ASKED, ASKED, ASKED, user("a"), tools=[tool("declared")]),
        ],
    ),
    "tools beside an input that has some": (
        "openai_responses",
        [responses(LITE, ASKED, ASKED), responses(LITE, ASKED, ASKED, user("a"), tools=[tool("found"), tool("b")])],
    ),
    "instructions that are left out": (
        "openai_responses",
        [
            responses(ASKED, ONE, output("1", LONG)),
            {**responses(ASKED, ONE, output("1", LONG), user("b")), "instructions": ""},
            {**responses({"role": "developer", "content": LONG}, ASKED), "instructions": None},
            {**responses({"role": "developer", "content": LONG}, ASKED, user("c")), "instructions": None},
        ],
    ),
    "a shell's output": (
        "openai_responses",
        [responses(ASKED, PATCH, ASKED), responses(ASKED, PATCH, ASKED, PATCHED), responses(ASKED, SHELL, ASKED, SHELL_OUTPUT)],
    ),
    "results in a row": (
        "openai_chat",
        [
            chat(ASKED, {"role": "tool", "tool_call_id": "1", "content": LONG}, {"role": "tool", "tool_call_id": "2", "content": "b"}),
            chat(ASKED, {"role": "tool", "tool_call_id": "1", "content": LONG}, {"role": "tool", "tool_call_id": "2", "content": "c"}),
            chat(ASKED, {"role": "tool", "tool_call_id": "1", "content": LONG}, user("d")),
        ],
    ),
    "instructions at the beginning": (
        "openai_chat",
        [
            chat({"role": "system", "content": LONG}, {"role": "system", "content": "b"}),
            chat({"role": "system", "content": LONG}, {"role": "system", "content": "c"}, ASKED),
            chat({"role": "system", "content": LONG}, ASKED, {"role": "system", "content": "d"}),
        ],
    ),
    "calls by a function's name": (
        "openai_chat",
        [
            chat(ASKED, CHAT_CALL, user("a")),
            chat(ASKED, CHAT_CALL, user("a"), {"role": "function", "name": "f", "content": "b"}),
            chat(ASKED, CHAT_CALL, CHAT_CALL, {"role": "function", "name": "f", "content": "b"}),
        ],
    ),
    "functions and searches beside tools": (
        "openai_chat",
        [
            chat(ASKED, ASKED, tools=[chat_tool("t")], functions=[{"name": "f"}]),
            chat(ASKED, ASKED, user("a"), tools=[chat_tool("t")], functions=[{"name": "f"}]),
            chat(ASKED, ASKED, user("b"), tools=[chat_tool("t")], web_search_options={}),
            chat(ASKED, ASKED, user("b"), user("c"), tools=[chat_tool("t")], web_search_options={}),
            chat(ASKED, ASKED, user("b"), user("c"), tools=[chat_tool("t")]),
        ],
    ),
    "calls without ids": (
        "gemini",
        [
            gemini(ASKED_IN_GEMINI := {"role": "user", "parts": [{"text": LONG}]}, NAMELESS, ANSWERED),
            gemini(ASKED_IN_GEMINI, NAMELESS, ANSWERED, NAMELESS, ANSWERED),
            gemini(ASKED_IN_GEMINI, NAMELESS, ANSWERED, NAMELESS, NAMELESS, ANSWERED, ANSWERED, ANSWERED),
            gemini(ASKED_IN_GEMINI, NAMELESS, ANSWERED, NAMELESS, ANSWERED, ANSWERED, NAMELESS),
        ],
    ),
    "a turn of the model in pieces": (
        "gemini",
        [
            gemini(ASKED_IN_GEMINI, model({"text": LONG})),
            gemini(ASKED_IN_GEMINI, model({"text": LONG}), model({"text": "more"})),
            gemini(ASKED_IN_GEMINI, model({"text": LONG}), model({"text": "more"}), ASKED_IN_GEMINI),
            gemini(ASKED_IN_GEMINI, model({"text": LONG}), ASKED_IN_GEMINI),
        ],
    ),
    "instructions in both spellings": (
        "gemini",
        [
            gemini(ASKED_IN_GEMINI, systemInstruction={"parts": [{"text": LONG}]}),
            gemini(ASKED_IN_GEMINI, systemInstruction={"parts": [{"text": LONG}]}, system_instruction={"parts": [{"text": "b"}]}),
        ],
    ),
    "a system prompt that is marked": (
        "anthropic_messages",
        [
            messages(ASKED, SAID, ASKED, system=[{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}]),
            messages(ASKED, SAID, ASKED, SAID, ASKED, system=LONG),
            messages(ASKED, SAID, ASKED, SAID, ASKED, system="x-anthropic-billing-header: a"),
            messages(ASKED, SAID, ASKED, SAID, ASKED, user("b"), system="b"),
        ],
    ),
    "a name that is too long": (
        "anthropic_messages",
        [
            messages(ASKED, SAID, ASKED, {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f" * 99, "input": {}}]}),
            messages(ASKED, SAID, ASKED, SAID, ASKED),
        ],
    ),
    "a turn of which nothing is left": (
        "anthropic_messages",
        [
            messages(ASKED, SAID),
            messages(ASKED, SAID, {"role": "assistant", "content": [{"type": "thinking", "thinking": LONG, "signature": "s"}]}),
            messages(ASKED, {"role": "assistant", "content": [{"type": "thinking", "thinking": LONG, "signature": "s"}]}),
        ],
    ),
    "a form that is asked for in words": (
        "anthropic_messages",
        [
            {"model": "m", "messages": [{"role": "system", "content": LONG}, SAID, ASKED]},
            {"model": "m", "messages": [{"role": "system", "content": LONG}, SAID, ASKED], "output_config": FORM},
            {"model": "m", "messages": [{"role": "system", "content": LONG}, SAID, ASKED, SAID, ASKED]},
        ],
    ),
    "tools that differ at their end": (
        "anthropic_messages",
        [
            {"model": "m", "tools": [{"name": "t", "description": LONG, "input_schema": {"a": 1}}], "messages": [ASKED, SAID, ASKED]},
            {"model": "m", "tools": [{"name": "t", "description": LONG, "input_schema": {"a": 2}}], "messages": [ASKED, SAID, ASKED]},
            {"model": "m", "messages": [ASKED, SAID, ASKED], "tools": [{"name": "t", "description": LONG, "input_schema": {"a": 2}}]},
            {"model": "m", "messages": [ASKED, SAID, ASKED], "tools": [{"description": LONG, "name": "t", "input_schema": {"a": 2}}]},
        ],
    ),
    "a list that is not closed": (
        "anthropic_messages",
        [
            {"model": "m", "messages": [ASKED, SAID], "system": LONG, "max_tokens": 9},
            b'{"model": "m", "messages": [{"role": "user", "content": "%b"}, "system": "%b", "max_tokens": 9}' % (LONG.encode(), LONG.encode()),
            b'{"model": "m", "messages": [{"role": "user", "content": "%b"}], "a": "], "system": "%b", "max_tokens": 9}' % (LONG.encode(), LONG.encode()),
            b'{"model": "m", "messages": [{"role": "user", "content": "%b"}], "a": , "system": "%b", "max_tokens": 9}' % (LONG.encode(), LONG.encode()),
            b'{"model": "m", "messages": [{"role": "user", "content": "%b"}], , "system": "%b", "max_tokens": 9}' % (LONG.encode(), LONG.encode()),
        ],
    ),
    "reasoning that an item follows, or none": (
        "anthropic_messages",
        [
            messages(ASKED, SAID, ASKED, THOUGHT),
            messages(ASKED, SAID, ASKED, THOUGHT, SAID),
            messages(ASKED, SAID, ASKED, THOUGHT, SAID, ASKED, THOUGHT, THOUGHT),
            messages(ASKED, SAID, ASKED, THOUGHT, SAID, ASKED, THOUGHT, THOUGHT, SAID),
        ],
    ),
    "a call of a tool in a group": (
        "openai_responses",
        [
            responses(ASKED, {**ONE, "name": "g__f"}, output("1", LONG), tools=[tool("f")]),
            responses(ASKED, {**ONE, "name": "g__f"}, output("1", LONG), ONE, output("1", LONG), tools=[GROUP]),
            responses(ASKED, {**ONE, "name": "g__f"}, output("1", LONG), ONE, output("1", LONG), user("b")),
        ],
    ),
    "what a provider remembers": (
        "openai_responses",
        [
            responses(ASKED, output("1", LONG), user("a"), {**ONE, "call_id": "2"}),
            responses(ASKED, output("1", LONG), user("a"), {**ONE, "call_id": "2"}, user("b"), conversation="c"),
            responses(ASKED, output("1", LONG), user("a"), {**ONE, "call_id": "2"}, user("b"), user("c")),
        ],
    ),
    "a field that comes twice": (
        "anthropic_messages",
        [
            {"model": "m", "system": LONG, "messages": [ASKED], "max_tokens": 9},
            b'{"model": "m", "system": "%b", "messages": [{"role": "user", "content": "c"}], "system": "b"}' % LONG.encode(),
        ],
    ),
    "turns that come twice": (
        "anthropic_messages",
        [
            {"model": "m", "messages": [ASKED, ASKED], "system": LONG},
            b'{"model": "m", "messages": [{"role": "user", "content": "%b"}, {"role": "user", "content": "c"}], "mess\\u0061ges": '
            b'[{"role": "user", "content": "d"}], "system": "%b"}' % (LONG.encode(), LONG.encode()),
        ],
    ),
}  # fmt: skip
"""What it is about -> protocol and bodies. HALF stands for half a surrogate pair."""
