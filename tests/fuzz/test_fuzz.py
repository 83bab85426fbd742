"""Mutated recordings against everything that reads bytes: only GatewayError may come out.

The same mutations in every run; TRUNKLINE_EXPLORE=100 tries a hundred times as many, which is about half a minute
for every decoder.
"""

import os
import random
from collections.abc import Callable
from functools import lru_cache

import pytest

from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.http import HttpHead
from trunkline.core.splice import splice
from trunkline.core.sse import SSEFramer
from trunkline.protocols.codec import Codec, ReplyContext
from trunkline.protocols.registry import CODECS
from wire import translate
from wire.law import faults
from wire.recordings import answers, errors, generations

TIMES = int(os.environ.get("TRUNKLINE_EXPLORE") or 1)
LARGEST = 60_000
CONTEXT = ReplyContext(id="0a1b2c3d4e5f6a7b8c9d0e1f", model="asked", created=1)
FACTS = Facts(provider="p", model="m", reasoning="budget_or_adaptive")
TOKENS = [
    b'"', b"{", b"}", b"[", b"]", b":", b",", b"\\", b"\n", b"\r", b"\n\n", b"data:", b"data: ", b"event: error\n",
    b"null", b"true", b"-1", b"1e999", b"99999999999999999999999", b"NaN", b'""', b"{}", b"[]", b"\\ud83d", b"\\u0000",
    b"\xff", b"\xef\xbb\xbf", b"\xf0\x9f", b'"type"', b'"content"', b'"index"', b'"tool_calls"', b'"error"',
    b'{"error":"x"}', b'"text"', b"[DONE]", b"0.5", b"[[[[[[[[[[[[[[[[", b'{"a":' * 50,
]  # fmt: skip

Target = Callable[[Codec, bytes, random.Random], object]


def mutated(body: bytes, chance: random.Random) -> bytes:
    """The body after one to six random edits."""
    out = bytearray(body)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(out) + 1)
        length = min(chance.choice((1, 1, 2, 4, 16, 200)), len(out) - at)
        match chance.randrange(6):
            case 0:
                del out[at : at + length]
            case 1:
                out[at:at] = chance.choice(TOKENS)
            case 2:
                out[at : at + length] = chance.choice(TOKENS)
            case 3:
                out[at:at] = out[at : at + length]
            case 4 if out:
                out[min(at, len(out) - 1)] ^= 1 << chance.randrange(8)
            case 5:
                del out[at:]
    return bytes(out)


def read_stream(codec: Codec, body: bytes, chance: random.Random) -> None:
    step = chance.choice((1 << 20, 4096, 57, 7))
    found = translate.events((body[at : at + step] for at in range(0, len(body), step)), codec.name)
    assert faults(found) == [], found
    for target in CODECS.values():
        encoder = target.stream_encoder(CONTEXT)
        for event in found:
            encoder.feed(event)


def watch_stream(codec: Codec, body: bytes, chance: random.Random) -> None:
    tap, framer = codec.stream_tap(), SSEFramer(max_frame=chance.choice((1 << 20, 2000)))
    for frame in (*framer.feed(body), *framer.close()):
        tap.feed(frame)
    assert isinstance(tap.finished, bool)
    assert isinstance(tap.content_seen, bool)
    assert tap.error is None or isinstance(tap.error, GatewayError)
    assert (tap.usage, tap.stop, tap.signatures) is not None


def read_answer(codec: Codec, body: bytes, chance: random.Random) -> None:
    codec.usage_of(body)
    response = codec.decode_response(body, translate.ORIGIN)
    for target in CODECS.values():
        target.encode_response(response, CONTEXT)


def read_request(codec: Codec, body: bytes, chance: random.Random) -> None:
    request = codec.decode_request(body)
    for target in CODECS.values():
        target.encode_request(request, FACTS)


def edit_request(codec: Codec, body: bytes, chance: random.Random) -> None:
    codec.peek(body)
    codec.rename(body, "another")
    codec.drop_foreign_proofs(body, lambda _: chance.random() < 0.5)
    splice(body, {"messages": None, "new": b"1"})


def read_error(codec: Codec, body: bytes, chance: random.Random) -> None:
    media = chance.choice(("application/json", "text/html", "", "text/event-stream"))
    head = HttpHead(
        chance.choice((200, 400, 404, 429, 500, 529, 999)), (("content-type", media), ("retry-after", "x"))
    )
    error = codec.decode_error(head, body)
    for target in CODECS.values():
        target.encode_error(error, "req")
        target.encode_stream_error(error, "req")


@lru_cache(maxsize=8)
def corpus(kind: str, codec: str) -> list[bytes]:
    match kind:
        case "stream":
            found = [one.answer for one in answers(codec, streaming=True)]
        case "answer":
            found = [one.answer for one in answers(codec, streaming=False)]
        case "request":
            found = [body for one in generations() if one.codec == codec and (body := one.request)]
        case _:
            found = [one.answer for one in errors()]
    return [body for body in found if 0 < len(body) < LARGEST]


TARGETS: dict[str, tuple[str, Target, int]] = {
    "stream": ("stream", read_stream, 250),
    "tap": ("stream", watch_stream, 250),
    "answer": ("answer", read_answer, 4000),
    "request": ("request", read_request, 3500),
    "edit": ("request", edit_request, 250),
    "error": ("error", read_error, 2500),
}
"""What is read, by what, and how often in each protocol: a try costs the less the sooner a mutation is refused."""


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("name", TARGETS)
def test_only_gateway_errors_escape(name: str, codec: Codec) -> None:
    kind, target, tries = TARGETS[name]
    chance = random.Random(f"{name} {codec.name}")
    bodies = corpus(kind, codec.name)
    for tried in range(tries * TIMES):
        body = mutated(chance.choice(bodies), chance)
        try:
            target(codec, body, chance)
        except GatewayError:
            continue
        except Exception as error:
            raise AssertionError(f"try {tried}: {type(error).__name__}: {error}\n{body!r}") from error


def test_the_framer_never_invents_or_loses_a_payload() -> None:
    chance = random.Random("framer")
    for _ in range(250 * TIMES):
        body = mutated(chance.choice(corpus("stream", chance.choice(list(CODECS)))), chance)
        whole, pieces = SSEFramer(), SSEFramer()
        expected = [*whole.feed(body), *whole.close()]
        found, at = [], 0
        while at < len(body):
            step = chance.choice((1, 2, 3, 50, 1000))
            found += pieces.feed(body[at : at + step])
            at += step
        assert [*found, *pieces.close()] == expected, body
