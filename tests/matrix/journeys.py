"""Proofs of reasoning there and back: a provider's answer, given to a client of another protocol, sent back by it.

What must return is the provider's own signature or sealed reasoning, in its next request, at its call.
"""

import json

from matrix.answers import chat, gemini, messages, responses
from matrix.cells import CONTEXT, FACTS, A, Body, C, Cell, G, R
from trunkline.core.errors import GatewayError
from trunkline.protocols.registry import CODECS
from trunkline.relay.reinsert import reinsert, remember

PROOF = "c2lnbmVkIGJ5IGl0cyBtYWtlcg=="
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
ITEM = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "weather",
    "arguments": "{}",
    "status": "completed",
}
JOURNEYS: dict[str, dict[str, Body]] = {
    "signed reasoning, there and back": {
        A: messages({"type": "thinking", "thinking": "because", "signature": PROOF}, CALL, stop="tool_use"),
        C: chat(
            {
                "reasoning_details": [{"type": "reasoning.text", "text": "because", "signature": PROOF}],
                "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
            },
            "tool_calls",
        ),
        R: responses(
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "because"}], "encrypted_content": PROOF},
            ITEM,
        ),
        G: gemini({"functionCall": {"name": "weather", "args": {}}, "thoughtSignature": PROOF}),
    },
    "sealed reasoning without words, there and back": {
        A: messages({"type": "redacted_thinking", "data": PROOF}, CALL, stop="tool_use"),
        R: responses({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": PROOF}, ITEM),
        G: gemini({"text": "", "thought": True, "thoughtSignature": PROOF}, {"functionCall": {"name": "weather", "args": {}}}),
    },
}  # fmt: skip


def history(protocol: str, answer: Body) -> Body:
    """The next request of a client that got ``answer`` and ran the call."""
    match protocol:
        case "anthropic_messages":
            content = answer["content"]
            assert isinstance(content, list)
            call = next(block for block in content if block["type"] == "tool_use")
            result = {"type": "tool_result", "tool_use_id": call["id"], "content": "sunny"}
            turns = [{"role": "assistant", "content": content}, {"role": "user", "content": [result]}]
            return {
                "model": "m",
                "max_tokens": 900,
                "messages": [{"role": "user", "content": "hello"}, *turns],
            }
        case "openai_chat":
            message = answer["choices"][0]["message"]  # type: ignore[index]
            result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "sunny"}
            return {"model": "m", "messages": [{"role": "user", "content": "hello"}, message, result]}
        case "openai_responses":
            items = answer["output"]
            assert isinstance(items, list)
            call = next(item for item in items if item["type"] == "function_call")
            result = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
            asked = {"type": "message", "role": "user", "content": "hello"}
            return {"model": "m", "input": [asked, *items, result], "store": False}
    content = answer["candidates"][0]["content"]  # type: ignore[index]
    call = next(part["functionCall"] for part in content["parts"] if "functionCall" in part)
    given = {
        "functionResponse": {"id": call.get("id"), "name": call["name"], "response": {"output": "sunny"}}
    }
    asked = {"role": "user", "parts": [{"text": "hello"}]}
    return {"contents": [asked, content, {"role": "user", "parts": [given]}]}


def journey(name: str, provider: str, client: str) -> Cell:
    """What becomes of the provider's proof when a client of another protocol keeps it for one turn.

    ``emulated``: the client does not send it back, the gateway remembers it by the call's id.
    """
    answer = CODECS[provider].decode_response(
        json.dumps(JOURNEYS[name][provider]).encode(), FACTS[provider].origin
    )
    shown = json.loads(CODECS[client].encode_response(answer, CONTEXT))
    try:
        request = CODECS[client].decode_request(json.dumps(history(client, shown)).encode())
        back = CODECS[provider].encode_request(request, FACTS[provider])
    except GatewayError:
        return Cell("refused")
    if PROOF in back.body.decode():
        return Cell("carried", back.losses)
    kept = dict(remember(answer.content, FACTS[provider].origin))
    mended = CODECS[provider].encode_request(
        reinsert(request, kept.get, FACTS[provider].origin), FACTS[provider]
    )
    return Cell("emulated" if PROOF in mended.body.decode() else "lost", mended.losses)
