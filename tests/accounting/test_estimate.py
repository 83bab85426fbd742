"""The guess errs upward, quickly, and is not fooled by pictures."""

import base64
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.accounting.estimate import IMAGE_TOKENS, estimate_tokens

PICTURE = base64.b64encode(bytes(range(256)) * 2000).decode()
PDF = base64.b64encode(b"%PDF-1.7" + b"\0" * 400_000).decode()


def body(*content: object) -> bytes:
    return msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": list(content)}]})


@pytest.mark.parametrize(
    ("text", "characters_per_token"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 100, 4.0),
        ("def add(left, right):\n    return left + right\n\n" * 100, 3.3),
        ("敏捷的棕色狐狸跳过了懒狗" * 100, 1.0),
        ("Съешь же ещё этих мягких французских булок " * 100, 2.5),
    ],
    ids=["English", "code", "Chinese", "Russian"],
)
def test_E112_it_errs_upward_but_not_wildly(text: str, characters_per_token: float) -> None:
    """Against the usual rules of thumb for each script."""
    tokens = len(text) / characters_per_token
    guess = estimate_tokens(body({"type": "text", "text": text}))
    assert tokens <= guess <= tokens * 2.5


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PICTURE}},
        {"type": "input_image", "image_url": "data:image/jpeg;base64," + PICTURE},
        {"inlineData": {"mimeType": "image/png", "data": PICTURE}},
        {"type": "image", "source": {"data": "data:image/png;base64," + PICTURE}},
    ],
)
def test_a_picture_is_a_picture_in_every_protocol(part: object) -> None:
    one, two = estimate_tokens(body(part)), estimate_tokens(body(part, part))
    assert IMAGE_TOKENS < one < IMAGE_TOKENS + 150
    assert 2 * IMAGE_TOKENS < two < 2 * IMAGE_TOKENS + 250


def test_a_document_counts_by_its_size_and_less_than_as_text() -> None:
    guess = estimate_tokens(body({"type": "document", "source": {"type": "base64", "data": PDF}}))
    assert 15_000 < guess < len(PDF) // 10


def test_text_that_only_looks_like_a_payload_is_counted() -> None:
    words = "data, not a picture: " * 100
    assert estimate_tokens(body({"data": words})) > len(words) // 3
    assert estimate_tokens(b'{"data":5,"x":"' + b"y" * 900 + b'"}') > 300
    assert estimate_tokens(b'"data"') >= 1


@given(st.binary(max_size=3000))
def test_any_bytes_have_a_count(data: bytes) -> None:
    assert 1 <= estimate_tokens(data) <= 1 + len(data)
    assert estimate_tokens(b'"data":"' + data) >= 1


@given(st.text(max_size=200), st.text(min_size=1, max_size=200))
def test_more_text_is_never_fewer_tokens(text: str, more: str) -> None:
    short = estimate_tokens(body({"type": "text", "text": text}))
    assert short <= estimate_tokens(body({"type": "text", "text": text + more})) + 1


def test_200_kilobytes_are_read_at_once() -> None:
    """0.06 ms where nothing else runs; the limit leaves room for what does."""
    big = body({"type": "text", "text": "x = café(1)\n" * 17_000})
    assert len(big) > 200_000
    best = 1.0
    for _ in range(20):
        began = time.perf_counter()
        estimate_tokens(big)
        best = min(best, time.perf_counter() - began)
    assert best < 0.02
