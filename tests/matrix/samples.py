"""Short ways to write bodies in each protocol."""

from matrix.cells import A, Body, C, G, R

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
PNG = "iVBORw0KGgoAAAANSUhEUg=="
PDF = "JVBERi0xLjQKJcOkw7zDtsOf"
WAV = "UklGRiQAAABXQVZFZm10IA=="


def messages(*turns: Body, **fields: object) -> Body:
    """An Anthropic Messages request."""
    return {"model": "m", "max_tokens": 4000, "messages": list(turns) or [user(text_a("hello"))], **fields}


def user(*content: Body, role: str = "user") -> Body:
    """A turn of Messages or Chat."""
    return {"role": role, "content": list(content)}


def text_a(text: str) -> Body:
    """A text block or part of Messages or Chat."""
    return {"type": "text", "text": text}


def chat(*turns: Body, **fields: object) -> Body:
    """A Chat Completions request."""
    return {"model": "m", "messages": list(turns) or [{"role": "user", "content": "hello"}], **fields}


def responses(*items: Body, **fields: object) -> Body:
    """A Responses request."""
    return {"model": "m", "input": list(items) or [said_r("user", in_r("hello"))], **fields}


def said_r(role: str, *parts: Body) -> Body:
    """A message item."""
    return {"type": "message", "role": role, "content": list(parts)}


def in_r(text: str) -> Body:
    """A text part of a user's item."""
    return {"type": "input_text", "text": text}


def gemini(*contents: Body, **fields: object) -> Body:
    """A generateContent request."""
    return {"contents": list(contents) or [parts_g({"text": "hello"})], **fields}


def parts_g(*parts: Body, role: str = "user") -> Body:
    """A content."""
    return {"role": role, "parts": list(parts)}


def tools(**more: object) -> dict[str, list[Body]]:
    """One function, declared in every protocol; ``more`` goes beside its schema."""
    return {
        A: [{"name": "weather", "input_schema": SCHEMA, **more}],
        C: [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA, **more}}],
        R: [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False, **more}],
        G: [{"functionDeclarations": [{"name": "weather", "parametersJsonSchema": SCHEMA, **more}]}],
    }


def calls(*arguments: dict, outcome: str = "sunny", failed: bool = False) -> dict[str, Body]:
    """A conversation in which the model called a function once for each of ``arguments``, with results."""
    import json

    ids = [f"call_{number}" for number in range(len(arguments))]
    raw = [json.dumps(one) for one in arguments]
    flag: Body = {"is_error": True} if failed else {}
    both = list(zip(ids, arguments, strict=True))
    return {
        A: messages(
            user(text_a("hello")),
            user(
                *({"type": "tool_use", "id": i, "name": "weather", "input": a} for i, a in both),
                role="assistant",
            ),
            user(*({"type": "tool_result", "tool_use_id": i, "content": outcome, **flag} for i in ids)),
            tools=tools()[A],
        ),
        C: chat(
            {"role": "user", "content": "hello"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": i, "type": "function", "function": {"name": "weather", "arguments": a}}
                    for i, a in zip(ids, raw, strict=True)
                ],
            },
            *({"role": "tool", "tool_call_id": i, "content": outcome} for i in ids),
            tools=tools()[C],
        ),
        R: responses(
            said_r("user", in_r("hello")),
            *(
                {"type": "function_call", "call_id": i, "name": "weather", "arguments": a}
                for i, a in zip(ids, raw, strict=True)
            ),
            *({"type": "function_call_output", "call_id": i, "output": outcome} for i in ids),
            tools=tools()[R],
        ),
        G: gemini(
            parts_g({"text": "hello"}),
            parts_g(
                *({"functionCall": {"id": i, "name": "weather", "args": a}} for i, a in both), role="model"
            ),
            parts_g(
                *(
                    {
                        "functionResponse": {
                            "id": i,
                            "name": "weather",
                            "response": {"error" if failed else "output": outcome},
                        }
                    }
                    for i in ids
                )
            ),
            tools=tools()[G],
        ),
    }
