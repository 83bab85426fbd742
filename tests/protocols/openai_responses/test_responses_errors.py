"""Errors both ways, whole answers that are none, and proofs in a passed-through history."""

import json
from typing import Any

import pytest

from protocols.openai_responses.room import ROOM, STREAMS, frames, stream, tape, terminal
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead
from trunkline.core.proofs import seal
from trunkline.core.types import Image, Opaque, Refusal, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, Usage

KINDS = [
    (401, {"error": {"message": "Incorrect API key provided: sk-x.", "code": "invalid_api_key"}}, Kind.AUTHENTICATION),
    (400, {"code": "invalid-argument", "error": "Incorrect API key provided."}, Kind.AUTHENTICATION),
    (400, {"error": {"message": "No such model", "code": "model_not_found", "param": "model"}}, Kind.NOT_FOUND),
    (400, {"error": {"message": "x", "code": "context_length_exceeded"}}, Kind.CONTEXT_TOO_LONG),
    (400, {"error_code": "BAD_REQUEST", "message": "Input is too long for this model."}, Kind.CONTEXT_TOO_LONG),
    (400, {"error": {"message": "No tool output found for call c1."}}, Kind.INVALID_REQUEST),
    (401, {"detail": "Could not parse your authentication token."}, Kind.AUTHENTICATION),
    (403, {"error_code": "PERMISSION_DENIED", "message": "no"}, Kind.PERMISSION),
    (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "gone"}, Kind.NOT_FOUND),
    (429, {"error": {"message": "slow", "code": "rate_limit_exceeded"}}, Kind.RATE_LIMITED),
    (429, {"error": {"message": "You exceeded your current quota.", "type": "insufficient_quota"}}, Kind.QUOTA),
    (503, {"error": {"message": "busy", "code": "server_is_overloaded"}}, Kind.OVERLOADED),
    (500, {"error": {"message": "oops", "type": "server_error"}}, Kind.UPSTREAM_FAILED),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind"), KINDS)
def test_E107_kinds_and_wording(status: int, body: Any, kind: Kind) -> None:
    error = ROOM.decode_error(HttpHead(status), json.dumps(body).encode())
    assert (error.kind, error.status, error.local) == (kind, status, False)
    assert error.message in json.dumps(body)
    assert len(error.message) > 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "status 502 and an empty body"),
        (b"<html><head><style>x{}</style></head><body><h1>Bad Gateway</h1></body></html>", "Bad Gateway"),
        (b"upstream connect error", "upstream connect error"),
        (b'{"error": null}', "no text (status 502)"),
        (b"[]", "no text (status 502)"),
        (b"\xff\xfe", "\ufffd"),
    ],
)
def test_E109_bodies_that_are_no_errors_of_ours(body: bytes, words: str) -> None:
    error = ROOM.decode_error(HttpHead(502), body)
    assert error.kind is Kind.UPSTREAM_FAILED
    assert words in error.message


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ((("retry-after-ms", "1500"),), "x", 1.5),
        ((("retry-after", "7"),), "x", 7.0),
        ((), "Rate limit reached. Please try again in 20s.", 20.0),
        ((), "Please try again in 312ms.", 0.312),
        ((), "Please try again in 1m2.5s. Visit", 62.5),
        ((("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),), "x", None),
        ((), "x", None),
    ],
)
def test_E108_retry_hints(headers: Any, message: str, seconds: float | None) -> None:
    body = json.dumps({"error": {"message": message, "code": "rate_limit_exceeded"}}).encode()
    assert ROOM.decode_error(HttpHead(429, headers), body).retry_after == seconds


def test_E107_an_upstreams_own_body_is_passed_on() -> None:
    body = b'{"error":{"message":"no","type":"invalid_request_error","param":"x","code":"y","more":1}}'
    reply = ROOM.encode_error(ROOM.decode_error(HttpHead(400), body), "req")
    assert (reply.status, reply.body) == (400, body)
    other = ROOM.encode_error(ROOM.decode_error(HttpHead(401), b'{"detail":"bad token"}'), "req")
    assert json.loads(other.body) == {
        "error": {
            "message": "bad token",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_api_key",
        }
    }


def test_E108_a_throttled_codex_is_always_told_when_to_come_back() -> None:
    silent = ROOM.encode_error(GatewayError(Kind.RATE_LIMITED, "slow down"), "req")
    assert dict(silent.headers)["retry-after"] == "5"
    told = ROOM.encode_error(GatewayError(Kind.RATE_LIMITED, "slow down", retry_after=1.2), "req")
    assert dict(told.headers)["retry-after"] == "2"
    assert "retry-after" not in dict(ROOM.encode_error(GatewayError(Kind.QUOTA, "no money"), "req").headers)
    assert ROOM.encode_error(GatewayError(Kind.OVERLOADED, "busy"), "req").status == 503


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (GatewayError(Kind.CONTEXT_TOO_LONG, "too long"), "context_length_exceeded", "too long"),
        (GatewayError(Kind.QUOTA, "no money"), "insufficient_quota", "no money"),
        (GatewayError(Kind.QUOTA, "not in plan", code="usage_not_included"), "usage_not_included", "not in plan"),
        (GatewayError(Kind.OVERLOADED, "busy"), "server_is_overloaded", "busy"),
        (GatewayError(Kind.INVALID_REQUEST, "bad"), "invalid_prompt", "bad"),
        (GatewayError(Kind.INVALID_REQUEST, "no", code="cyber_policy"), "cyber_policy", "no"),
        (GatewayError(Kind.TRUNCATED, "cut"), "server_error", "cut"),
        (GatewayError(Kind.RATE_LIMITED, "slow", retry_after=3), "rate_limit_exceeded", "slow Please try again in 3s."),
        (GatewayError(Kind.RATE_LIMITED, "Please try again in 9s."), "rate_limit_exceeded", "Please try again in 9s."),
    ],
)  # fmt: skip
def test_E78_E106_the_code_inside_the_response_steers_codex(
    error: GatewayError, code: str, message: str
) -> None:
    frame = frames(ROOM.encode_stream_error(error, "req"))[0]
    payload = json.loads(frame.data)
    assert (frame.event, payload["type"]) == (b"response.failed", "response.failed")
    assert payload["response"]["status"] == "failed"
    assert payload["response"]["error"] == {"code": code, "message": message}
    assert "error" not in payload


def test_E109_an_error_under_status_200() -> None:
    with pytest.raises(GatewayError) as caught:
        ROOM.decode_response(b'{"error":{"message":"too many","code":"rate_limit_exceeded"}}', "maker")
    assert (caught.value.kind, caught.value.status) == (Kind.RATE_LIMITED, 429)
    failed = b'{"status":"failed","output":[],"error":{"code":"server_error","message":"broke"}}'
    with pytest.raises(GatewayError, match="broke"):
        ROOM.decode_response(failed, "maker")
    for unreadable in (b"", b"<html>oops</html>", b"[]", b'{"output":5}', b'{"id":"x"}'):
        with pytest.raises(GatewayError) as caught:
            ROOM.decode_response(unreadable, "maker")
        assert caught.value.kind is Kind.UPSTREAM_FAILED


def test_a_whole_answer_item_by_item() -> None:
    body = {
        "id": "resp_1", "model": "m", "created_at": 5.9, "status": "completed",
        "output": [
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "g"},
            {"type": "reasoning", "id": "rs2", "summary": []},
            {"type": "message", "role": "assistant", "phase": "commentary",
             "content": [{"type": "output_text", "text": "a", "annotations": [{"type": "url_citation", "url": "u"}]},
                         {"type": "refusal", "refusal": "b"}, {"type": "output_text", "text": ""}]},
            {"type": "web_search_call", "id": "ws", "action": {}},
            {"type": "function_call", "call_id": "c1", "name": "f", "namespace": "ns", "arguments": ""},
            {"type": "image_generation_call", "id": "ig", "result": "aGk=", "output_format": "webp"},
            {"type": "tool_search_call", "call_id": None, "execution": "server", "arguments": {}},
        ],
        "usage": {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12},
    }  # fmt: skip
    found = ROOM.decode_response(json.dumps(body).encode(), "maker")
    assert (found.id, found.model, found.created) == ("resp_1", "m", 5)
    assert found.stop == Stop("tool_use", "completed")
    assert found.usage == Usage(input=10, output=2)
    thought, text, refusal, search, call, picture, finding = found.content
    assert thought == Thinking(text="hm", signature="g", origin="maker")
    assert isinstance(text, Text)
    assert (text.text, text.phase, [cited.kind for cited in text.citations]) == (
        "a",
        "commentary",
        ["url_citation"],
    )
    assert refusal == Refusal("b")
    assert call == ToolCall(id="c1", name="ns__f", arguments="{}", namespace="ns")
    assert picture == Image(media_type="image/webp", data="aGk=")
    assert [part.kind for part in (search, finding) if isinstance(part, Opaque)] == [
        "item.web_search_call",
        "item.tool_search_call",
    ]


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        ({"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2}, "output_tokens": 3,
          "output_tokens_details": {"reasoning_tokens": 1}},
         Usage(input=3, cache_read=4, cache_write=2, output=3, reasoning=1)),
        ({"input_tokens": 3, "input_tokens_details": {"cached_tokens": 9}, "output_tokens": 1},
         Usage(input=0, cache_read=9, output=1)),
        ({"input_tokens": 9.0, "output_tokens": 3.0}, Usage(input=9, output=3)),
    ],
)  # fmt: skip
def test_E101_E102_cached_tokens_count_once(wire: Any, usage: Usage) -> None:
    body = json.dumps({"output": [], "usage": wire}).encode()
    assert ROOM.usage_of(body) == usage
    assert ROOM.decode_response(body, "maker").usage == usage


def test_usage_of_what_is_no_answer() -> None:
    assert [ROOM.usage_of(body) for body in (b"", b"<html>", b"[]", b"{}")] == [None] * 4


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_E85_a_tap_sees_what_the_terminal_says(path: Any) -> None:
    body = path.read_bytes()
    tap = ROOM.stream_tap()
    for frame in frames(body):
        tap.feed(frame)
    answer = terminal(body)
    if answer["status"] == "failed":
        assert not tap.finished
        assert tap.error is not None
        assert tap.error.kind is Kind.QUOTA
        return
    assert tap.finished
    assert tap.content_seen
    assert tap.usage == ROOM.usage_of(json.dumps(answer).encode())
    assert tap.stop is not None
    wanted = {
        "codex-backend": "tool_use",
        "incomplete-call": "length",
        "refusal": "refusal",
        "custom-tool": "tool_use",
    }
    assert tap.stop.reason == wanted.get(path.stem, tap.stop.reason)


def test_a_tap_keeps_proofs_and_an_unfinished_stream_is_unfinished() -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    tap = ROOM.stream_tap()
    for frame in frames(stream({"type": "response.created", "response": {}})):
        tap.feed(frame)
    assert not tap.content_seen
    for frame in frames(stream({"type": "response.output_item.done", "output_index": 0, "item": item})):
        tap.feed(frame)
    assert (tap.content_seen, tap.finished, tap.signatures) == (True, False, ("gAAA",))


def history(*proofs: str | None) -> bytes:
    items = [{"type": "reasoning", "summary": [], "encrypted_content": proof} for proof in proofs]
    body = {
        "model": "m",
        "input": [{"role": "user", "content": "hi"}, *items, {"role": "user", "content": "\u2603"}],
    }
    return json.dumps(body, indent=1).encode()


def test_E8_foreign_proofs_go_with_their_reasoning_and_own_ones_are_unsealed() -> None:
    body = history("bare", seal("mine", "maker"), seal("theirs", "other"), None)
    kept, losses = ROOM.drop_foreign_proofs(body, lambda proof: "other" not in proof)
    found = json.loads(kept)["input"]
    assert [item.get("encrypted_content") for item in found[1:-1]] == ["bare", "mine", None]
    assert [loss.field for loss in losses] == ["input.reasoning"]
    assert found[-1] == json.loads(body)["input"][-1]


def test_E8_a_body_that_needs_nothing_is_the_very_same() -> None:
    for body in (history("bare"), history(None), b'{"model":"m","input":"\\"encrypted_content\\""}'):
        assert ROOM.drop_foreign_proofs(body, lambda _: True)[0] is body


def test_E7_a_seal_with_nothing_in_it_is_taken_off() -> None:
    kept, losses = ROOM.drop_foreign_proofs(history(seal(None, "maker")), lambda _: True)
    assert "encrypted_content" not in json.loads(kept)["input"][1]
    assert losses == ()


def test_rename_changes_the_model_and_nothing_else() -> None:
    assert ROOM.rename(b'{"input": "x",  "model":"m" }', "n") == b'{"input": "x",  "model":"n" }'


def test_a_ping_is_a_comment() -> None:
    assert ROOM.ping(begun=False) == ROOM.ping(begun=True) == b": ping\n\n"
    assert tape("phase.sse")[:6] == b"event:"
