"""Whoever was let in once is let in again by the same head, and nobody by any other."""

import asyncio
from typing import cast

import msgspec
import pytest

from server.harness import ScriptedCodec, ScriptedRelay, answer
from trunkline.config.schema import Server
from trunkline.config.secret import Secret
from trunkline.protocols.codec import Carrier
from trunkline.server.application import Application
from trunkline.server.asgi import RawHeaders, Received, Scope, Sent
from trunkline.server.health import Status
from trunkline.server.regulars import MAX_BYTES, MAX_KEPT, spell

KEY = Server(keys=(Secret("the-key"),))
LET_IN: RawHeaders = [(b"host", b"localhost"), (b"x-api-key", b"the-key"), (b"user-agent", b"agent/1")]


def scope(
    headers: RawHeaders, *, path: bytes = b"/v1/messages", query: bytes = b"", method: str = "POST"
) -> Scope:
    return {
        "type": "http", "method": method, "raw_path": path, "query_string": query, "headers": headers,
        "client": ("127.0.0.1", 5),
    }  # fmt: skip


class Bench:
    """An application without a server, and what it was asked."""

    def __init__(self, server: Server = KEY, *, passes_tokens: bool = False) -> None:
        self.relay = ScriptedRelay(answer)
        names = ("anthropic_messages", "openai_chat", "openai_responses", "gemini")
        self.application = Application(
            server=server,
            codecs={name: cast(Carrier, ScriptedCodec(name)) for name in names},
            relay=self.relay,
            models=tuple,
            status=lambda: Status(version="0"),
            passes_tokens=passes_tokens,
        )

    def ask(self, scope: Scope, body: bytes = b"{}") -> int:
        """The status of the answer."""
        sent: list[Sent] = []

        async def receive() -> Received:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Sent) -> None:
            sent.append(message)

        asyncio.run(self.application.answer(scope, receive, send))
        assert "status" in sent[0]
        return sent[0]["status"]


def test_the_same_head_leads_to_the_same_request_whatever_its_length() -> None:
    it = Bench()
    for length in (2, 40, 3):
        body = b" " * (length - 2) + b"{}"
        assert it.ask(scope([*LET_IN, (b"content-length", b"%d" % length)]), body) == 200
    first, *others = it.relay.seen
    for other in others:
        assert msgspec.structs.replace(other, body=first.body, request_id=first.request_id) == first
    assert len({one.request_id for one in it.relay.seen}) == 3
    assert [len(one.body) for one in it.relay.seen] == [2, 40, 3]
    assert first.headers == (("user-agent", "agent/1"),)


@pytest.mark.parametrize(
    "headers",
    [
        LET_IN[:1],
        [*LET_IN[:1], (b"x-api-key", b"the-kez"), *LET_IN[2:]],
        [*LET_IN[:1], (b"x-api-key", b"the-key2"), *LET_IN[2:]],
        [*LET_IN[:1], (b"x-other", b"the-key"), *LET_IN[2:]],
    ],
    ids=str,
)
def test_another_key_is_judged_anew(headers: RawHeaders) -> None:
    it = Bench()
    assert [it.ask(scope(LET_IN)) for _ in range(2)] == [200, 200]
    assert it.ask(scope(headers)) == 401
    assert it.ask(scope(LET_IN)) == 200


def test_another_method_path_or_peer_is_judged_anew() -> None:
    it = Bench(Server())
    headers = [(b"host", b"localhost")]
    assert it.ask(scope(headers)) == 200
    assert it.ask(scope(headers, method="GET")) == 405
    assert it.ask(scope(headers, path=b"/v1/nothing")) == 404
    assert it.ask({**scope(headers), "client": ("192.0.2.1", 5)}) == 403
    assert it.ask(scope([(b"host", b"elsewhere.test")])) == 403
    assert it.ask(scope([*headers, (b"origin", b"http://elsewhere.test")])) == 403
    assert it.ask(scope(headers)) == 200


def test_what_is_declared_too_long_is_refused_of_a_regular_too() -> None:
    it = Bench(msgspec.structs.replace(KEY, max_body=10))
    assert it.ask(scope([*LET_IN, (b"content-length", b"2")])) == 200
    assert it.ask(scope([*LET_IN, (b"content-length", b"11")])) == 413
    assert it.ask(scope(LET_IN), b"x" * 11) == 413


def test_model_and_token_are_the_same_again() -> None:
    it = Bench(passes_tokens=True)
    headers = [*LET_IN, (b"authorization", b"Bearer own-token")]
    path = b"/v1beta/models/m:streamGenerateContent"
    for _ in range(2):
        assert it.ask(scope(headers, path=path, query=b"alt=sse")) == 200
        inbound = it.relay.seen[-1]
        assert inbound.peek is not None
        assert (inbound.peek.model, inbound.peek.stream) == ("m", True)
        assert inbound.token is not None
        assert inbound.token.reveal() == "own-token"


def test_it_keeps_a_bounded_number_of_small_heads() -> None:
    it = Bench()
    kept = it.application._regulars
    for number in range(MAX_KEPT + 3):
        assert it.ask(scope([*LET_IN, (b"x-number", b"%d" % number)])) == 200
    assert len(kept._kept) == 3
    large = [*LET_IN, (b"x-large", b"x" * MAX_BYTES)]
    assert [it.ask(scope(large)) for _ in range(2)] == [200, 200]
    assert kept.find(spell(scope(large))) is None


def test_a_refused_head_is_not_kept() -> None:
    it = Bench()
    assert it.ask(scope(LET_IN[:1])) == 401
    assert it.application._regulars._kept == {}
