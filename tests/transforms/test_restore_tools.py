"""Tools come back in the answer as the client named them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.events import StreamEvent, fold, unfold
from trunkline.core.types import Part, Response, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.codec import Encoded
from trunkline.transforms.restore_tools import InputString, RestoreTools, needed, restore_response, unwrap

ENCODED = Encoded(
    body=b"",
    tool_names={"short": "a.long.name", "patch_1": "apply_patch"},
    custom_tools=frozenset({"apply_patch"}),
    structured_tool="answer",
)


def call(name: str, arguments: str = "{}") -> ToolCall:
    return ToolCall(id="c", name=name, arguments=arguments)


def response(*parts: Part, stop: str = "tool_use") -> Response:
    return Response(id="1", model="m", content=parts, stop=Stop(stop, "raw"), usage=Usage())


def restored(events: list[StreamEvent]) -> list[StreamEvent]:
    transform = RestoreTools(ENCODED)
    return [out for event in events for out in transform.feed(event)]


@given(st.text(), st.integers(1, 9), st.booleans())
def test_a_wrapped_input_comes_out_wherever_it_is_cut(text: str, size: int, ascii_only: bool) -> None:
    wrapped = msgspec.json.encode({"input": text}).decode()
    if ascii_only:
        body = "".join(
            char if char.isascii() else "".join(f"\\u{unit:04x}" for unit in _units(char))
            for char in wrapped
        )
        wrapped = body
    string = InputString()
    out = "".join(string.feed(wrapped[at : at + size]) for at in range(0, len(wrapped), size))
    assert out + string.close() == text


def _units(char: str) -> list[int]:
    raw = char.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("", ""),
        ("plain words", "plain words"),
        ('{"other": 1}', '{"other": 1}'),
        ('{"note": "x", "input": "y"}', "y"),
        ('  {  "input" :  "a\\tb" , "more": 1}', "a\tb"),
        ('{"input": 5}', '{"input": 5}'),
    ],
)
def test_other_shapes_come_out_whole(arguments: str, text: str) -> None:
    string = InputString()
    out = "".join(string.feed(char) for char in arguments)
    assert out + string.close() == text
    assert unwrap(arguments) == text


def test_input_is_streamed_not_collected() -> None:
    string = InputString()
    assert string.feed('{"input":"one ') == "one "
    assert string.feed("two\\") == "two"
    assert string.feed("n\\ud83d") == "\n"
    assert string.feed("\\ude00!") == "\U0001f600!"
    assert string.feed('"}') == ""
    assert string.close() == ""


def test_names_kinds_and_the_structured_answer_in_a_stream_and_whole() -> None:
    whole = response(
        Thinking(text="hm", signature="s"),
        call("short", '{"a":1}'),
        call("patch_1", '{"input":"*** Begin"}'),
        call("other"),
        call("answer", '{"x":1}'),
    )
    expected = (
        Thinking(text="hm", signature="s"),
        call("a.long.name", '{"a":1}'),
        ToolCall(id="c", name="apply_patch", arguments="*** Begin", kind="custom"),
        call("other"),
        Text('{"x":1}'),
    )
    assert restore_response(whole, ENCODED).content == expected
    folded = fold(restored(list(unfold(whole))))
    assert folded.content == expected
    assert folded.stop == Stop("end", "raw") == restore_response(whole, ENCODED).stop


@pytest.mark.parametrize("stop", ["length", "end", "refusal"])
def test_a_cut_structured_answer_stays_cut(stop: str) -> None:
    whole = response(call("answer", "{"), stop=stop)
    assert restore_response(whole, ENCODED).stop.reason == stop
    assert fold(restored(list(unfold(whole)))).stop.reason == stop


def test_nothing_to_undo_changes_nothing() -> None:
    plain = Encoded(body=b"")
    whole = response(call("answer"))
    assert not needed(plain)
    assert needed(ENCODED)
    assert restore_response(whole, plain) is whole
    transform = RestoreTools(plain)
    assert [out for event in unfold(whole) for out in transform.feed(event)] == list(unfold(whole))
