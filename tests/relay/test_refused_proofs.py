"""A proof that the upstream cannot check is left out on the second try, in every protocol that has proofs (E8)."""

import json

import pytest
from msgspec.structs import replace

from relay.kit import JSON, Bench, Script, ScriptedUpstream, WritingSink, provider
from relay.test_rooms import ODD_ANSWER
from relay.virtual import run
from trunkline.config.schema import Retry
from trunkline.protocols.codec import Peek
from trunkline.protocols.registry import CODECS

RESPONSES = {
    "model": "asked",
    "store": False,
    "input": [
        {"role": "user", "content": "go"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "made-elsewhere"},
        {"type": "function_call", "call_id": "c1", "name": "run", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "done"},
    ],
}
GEMINI = {
    "contents": [
        {"role": "user", "parts": [{"text": "go"}]},
        {"role": "model", "parts": [
            {"functionCall": {"name": "run", "args": {}}, "thoughtSignature": "bWFkZS1lbHNld2hlcmU="}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "run", "response": {"result": "done"}}}]},
    ]
}  # fmt: skip
MESSAGES = {
    "model": "asked",
    "max_tokens": 9,
    "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "made-elsewhere"},
            {"type": "tool_use", "id": "c1", "name": "run", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "done"}]},
    ],
}  # fmt: skip
MESSAGE = (
    b'{"id":"m","type":"message","role":"assistant","model":"up","content":[],"stop_reason":"end_turn",'
    b'"usage":{"input_tokens":11,"output_tokens":7}}'
)
REFUSALS = [
    ("openai_responses", RESPONSES, ODD_ANSWER["openai_responses"],
     {"message": "The encrypted content for item rs_1 could not be verified.", "code": "invalid_encrypted_content"}),
    ("gemini", GEMINI, ODD_ANSWER["gemini"],
     {"code": 400, "status": "INVALID_ARGUMENT", "message": "Thought signature is not valid"}),
    ("anthropic_messages", MESSAGES, MESSAGE,
     {"type": "invalid_request_error", "message": "messages.1.content.0: Invalid `signature` in `thinking` block"}),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "body", "answer", "refusal"), REFUSALS)
def test_E8_T25_a_refused_proof_is_left_out_once(
    protocol: str, body: dict[str, object], answer: bytes, refusal: dict[str, object]
) -> None:
    refused = Script([json.dumps({"error": refusal}).encode()], status=400, headers=JSON)
    it = Bench(
        ScriptedUpstream(refused, Script([answer], headers=JSON)),
        (provider("one", protocol),),
        retry=Retry(per_target=0),
        codecs=dict(CODECS),
    )
    inbound = it.inbound(json.dumps(body).encode(), protocol=protocol)
    if protocol == "gemini":
        inbound = replace(inbound, peek=Peek("asked"))
    sink = WritingSink()
    run(it.build().run(inbound, sink))
    assert sink.body == answer
    first, second = (request.body for request in it.upstream.requests)
    proof = b"bWFkZS1lbHNld2hlcmU" if protocol == "gemini" else b"made-elsewhere"
    assert proof in first
    assert proof not in second
    assert b'"run"' in second, "the call itself stays"
