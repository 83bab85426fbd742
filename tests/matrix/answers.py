"""Features of an answer."""

import json

from matrix.cells import A, Body, C, Feature, G, R
from wire.judges import JUDGES

USAGE: dict[str, Body] = {
    A: {"input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 5},
    C: {
        "prompt_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens": 5,
        "total_tokens": 15,
    },
    R: {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 5,
        "total_tokens": 15,
    },
    G: {
        "promptTokenCount": 10,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 5,
        "totalTokenCount": 15,
    },
}


def messages(*blocks: Body, stop: str = "end_turn", usage: Body | None = None, **fields: object) -> Body:
    """An answer of Anthropic Messages."""
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": list(blocks),
        "stop_reason": stop, "stop_sequence": None, "usage": usage or USAGE[A], **fields,
    }  # fmt: skip


def chat(message: Body, finish: str = "stop", usage: Body | None = None, **choice: object) -> Body:
    """An answer of Chat Completions."""
    said = {"role": "assistant", "content": None, **message}
    one = {"index": 0, "message": said, "finish_reason": finish, **choice}
    return {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [one],
        "usage": usage or USAGE[C],
    }  # fmt: skip


def responses(*items: Body, status: str = "completed", usage: Body | None = None, **fields: object) -> Body:
    """An answer of Responses."""
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": status,
        "output": list(items), "usage": usage or USAGE[R], **fields,
    }  # fmt: skip


def gemini(*parts: Body, finish: str = "STOP", usage: Body | None = None, **candidate: object) -> Body:
    """An answer of generateContent."""
    content = {"role": "model", "parts": list(parts)}
    return {
        "candidates": [{"index": 0, "finishReason": finish, "content": content, **candidate}],
        "usageMetadata": usage or USAGE[G], "modelVersion": "m", "responseId": "r",
    }  # fmt: skip


def said(text: str, *notes: Body, kind: str = "output_text", **fields: object) -> Body:
    """A message item of Responses."""
    part = {"type": kind, "refusal" if kind == "refusal" else "text": text}
    if kind == "output_text":
        part = {**part, "annotations": list(notes)}
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [part],
        **fields,
    }


def called(*arguments: str) -> dict[str, Body]:
    """An answer that calls a function once for each of ``arguments``."""
    pairs = [(f"call_{number}", raw) for number, raw in enumerate(arguments)]
    return {
        A: messages(
            *({"type": "tool_use", "id": i, "name": "weather", "input": json.loads(a or "{}")} for i, a in pairs),
            stop="tool_use",
        ),
        C: chat({"tool_calls": [
            {"id": i, "type": "function", "function": {"name": "weather", "arguments": a}} for i, a in pairs
        ]}, "tool_calls"),
        R: responses(*(
            {"type": "function_call", "id": f"fc_{i}", "call_id": i, "name": "weather", "arguments": a, "status": "completed"}
            for i, a in pairs
        )),
        G: gemini(*(
            {"functionCall": {"id": i, "name": "weather", "args": json.loads(a or "{}")}} for i, a in pairs
        )),
    }  # fmt: skip


def judged(what: str) -> dict[str, object]:
    """Reads one field of what the vendors' SDKs understand."""
    return {
        name: (lambda body, judge=judge: getattr(judge.whole(json.dumps(body).encode()), what))
        for name, judge in JUDGES.items()
    }


def only(word: str) -> dict[str, object]:
    """Whether the SDKs understand that the answer stopped for this reason."""
    return {
        name: (lambda body, judge=judge: judge.whole(json.dumps(body).encode()).stop == word)
        for name, judge in JUDGES.items()
    }


TEXT = {
    A: {"type": "text", "text": "hello"},
    C: {"content": "hello"},
    R: said("hello"),
    G: {"text": "hello"},
}
LINK = {"url": "https://example.com/page", "title": "Page"}
CITED: dict[str, Body] = {
    A: messages({"type": "text", "text": "hello", "citations": [
        {"type": "web_search_result_location", "cited_text": "x", "encrypted_index": "e", **LINK},
    ]}),
    C: chat({"content": "hello", "annotations": [
        {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 5, **LINK}},
    ]}),
    R: responses(said("hello", {"type": "url_citation", "start_index": 0, "end_index": 5, **LINK})),
    G: gemini({"text": "hello"}, groundingMetadata={
        "groundingChunks": [{"web": {"uri": LINK["url"], "title": "Page"}}],
        "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 5, "text": "hello"}, "groundingChunkIndices": [0]}],
    }),
}  # fmt: skip

FEATURES = [
    Feature(
        answer=True, name="text", reads=judged("text"),
        samples={A: messages(TEXT[A]), C: chat(TEXT[C]), R: responses(TEXT[R]), G: gemini(TEXT[G])},
    ),
    Feature(
        answer=True, name="readable thinking", reads=judged("thinking"),
        samples={
            A: messages({"type": "thinking", "thinking": "because", "signature": "s"}, TEXT[A]),
            C: chat({"reasoning_content": "because", "content": "hello"}),
            R: responses({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "because"}]}, TEXT[R]),
            G: gemini({"text": "because", "thought": True}, TEXT[G]),
        },
    ),
    Feature(answer=True, name="call", reads=judged("calls"), samples=called('{"city": "Oslo"}')),
    Feature(answer=True, name="parallel calls", reads=judged("calls"), samples=called('{"city": "Oslo"}', '{"city": "Rome"}')),
    Feature(answer=True, name="call without arguments", reads=judged("calls"), samples=called("")),
    Feature(
        answer=True, name="call of a freeform tool",
        samples={
            C: chat({"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "patch", "input": "*** go"}}]}, "tool_calls"),
            R: responses({"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "patch", "input": "*** go"}),
        },
        reads={C: "choices.*.message.tool_calls.*.custom.input", R: "output.*.input"},
        marks=("*** go",),
    ),
    Feature(
        answer=True, name="call of a tool in a namespace",
        samples={R: responses({
            "type": "function_call", "id": "fc_1", "call_id": "c", "name": "find", "namespace": "files", "arguments": "{}",
        })},
        reads={R: "output.*.namespace"}, marks=("files__find",),
    ),
    Feature(
        answer=True, name="call of the vendor's tool that the client runs",
        samples={R: responses({
            "type": "local_shell_call", "id": "l", "call_id": "c", "status": "completed",
            "action": {"type": "exec", "command": ["ls"], "env": {}},
        })},
        reads={R: lambda body: [one["type"] for one in body["output"]]}, marks=('"local_shell"',),
    ),
    Feature(
        answer=True, name="work of the provider's own tools",
        samples={
            A: messages({"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "q"}}, TEXT[A]),
            R: responses({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}, TEXT[R]),
            G: gemini({"executableCode": {"language": "PYTHON", "code": "print(1)"}}, TEXT[G]),
        },
        reads={
            A: lambda body: any(one["type"] == "server_tool_use" for one in body["content"]),
            R: lambda body: any(one["type"] == "web_search_call" for one in body["output"]),
            G: lambda body: any("executableCode" in one for one in body["candidates"][0]["content"]["parts"]),
        },
    ),
    Feature(
        answer=True, name="citations of web pages", samples=CITED,
        reads={
            A: "content.*.citations.*.url", C: "choices.*.message.annotations.*.url_citation.url",
            R: "output.*.content.*.annotations.*.url",
            G: "candidates.*.groundingMetadata.groundingChunks.*.web.uri",
        },
    ),
    Feature(
        answer=True, name="generated picture", reads=judged("pictures"),
        samples={
            C: chat({"content": "see", "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]}),
            R: responses({"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iVBORw0KGgo="}),
            G: gemini({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}),
        },
    ),
    Feature(
        answer=True, name="refusal", reads=only("refusal"),
        samples={
            A: messages(TEXT[A], stop="refusal"), C: chat({"refusal": "no"}), R: responses(said("no", kind="refusal")),
            G: gemini(finish="SAFETY"),
        },
    ),
    Feature(
        answer=True, name="stop: output limit", reads=only("length"),
        samples={
            A: messages(TEXT[A], stop="max_tokens"), C: chat(TEXT[C], "length"), G: gemini(TEXT[G], finish="MAX_TOKENS"),
            R: responses(TEXT[R], status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        },
    ),
    Feature(
        answer=True, name="stop: tools wanted", reads=only("calls"), samples=called("{}"),
    ),
    Feature(
        answer=True, name="stop: which stop sequence",
        samples={A: messages(TEXT[A], stop="stop_sequence", stop_sequence="END")}, reads={A: "stop_sequence"},
    ),
    Feature(
        answer=True, name="usage: input, output and cache reads", reads=judged("usage"),
        samples={A: messages(TEXT[A]), C: chat(TEXT[C]), R: responses(TEXT[R]), G: gemini(TEXT[G])},
    ),
    Feature(
        answer=True, name="usage: cache writes",
        samples={
            A: messages(TEXT[A], usage={**USAGE[A], "cache_creation_input_tokens": 3}),
            C: chat(TEXT[C], usage={**USAGE[C], "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}}),
            R: responses(TEXT[R], usage={**USAGE[R], "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}}),
        },
        reads={
            A: "usage.cache_creation_input_tokens", C: "usage.prompt_tokens_details.cache_write_tokens",
            R: "usage.input_tokens_details.cache_write_tokens",
        },
    ),
    Feature(
        answer=True, name="usage: reasoning tokens",
        samples={
            A: messages(TEXT[A], usage={**USAGE[A], "output_tokens_details": {"thinking_tokens": 2}}),
            C: chat(TEXT[C], usage={**USAGE[C], "completion_tokens_details": {"reasoning_tokens": 2}}),
            R: responses(TEXT[R], usage={**USAGE[R], "output_tokens_details": {"reasoning_tokens": 2}}),
            G: gemini(TEXT[G], usage={**USAGE[G], "candidatesTokenCount": 3, "thoughtsTokenCount": 2}),
        },
        reads={
            A: "usage.output_tokens_details.thinking_tokens", C: "usage.completion_tokens_details.reasoning_tokens",
            R: "usage.output_tokens_details.reasoning_tokens", G: "usageMetadata.thoughtsTokenCount",
        },
    ),
    Feature(
        answer=True, name="log probabilities",
        samples={C: chat(TEXT[C], logprobs={"content": [{"token": "hello", "logprob": -0.5, "top_logprobs": []}]})},
        reads={C: "choices.*.logprobs.content.*.token"},
    ),
    Feature(
        answer=True, name="commentary and final answer apart",
        samples={R: responses(said("hm", phase="commentary"), said("hello", phase="final_answer"))},
        reads={R: "output.*.phase"}, marks=("hm",),
    ),
]  # fmt: skip
