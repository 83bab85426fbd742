"""Half an emoji in a client's JSON is carried, and read without an error."""

import msgspec
import pytest

from trunkline.core.splice import splice
from trunkline.core.surrogates import decode_lenient, mend_surrogates

TEXT: msgspec.json.Decoder[str] = msgspec.json.Decoder(str)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb'"x\ud83d y"', "x\ufffd y"),
        (rb'"\ude80"', "\ufffd"),
        (rb'"\ud83d\ud83d\ude80"', "\ufffd🚀"),
        (rb'"\\ud83d \ud83d\n"', "\\ud83d \ufffd\n"),
        (rb'"\uD83D"', "\ufffd"),
        (rb'"\ud83d\ude80"', "🚀"),
    ],
)
def test_E122_lone_surrogates_are_replaced_when_text_is_read(text: bytes, expected: str) -> None:
    assert decode_lenient(TEXT, text) == expected
    assert len(mend_surrogates(text)) == len(text)


def test_E122_a_pass_through_keeps_the_half_as_it_is() -> None:
    body = rb'{"a": "x\ud83d y", "model": "m", "b\udc00": 1}'
    assert splice(body, {"model": b'"n"'}) == body.replace(b'"m"', b'"n"')


def test_other_errors_stay_errors() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_lenient(TEXT, b'"abc')
    with pytest.raises(msgspec.ValidationError):
        decode_lenient(TEXT, b"1")
