"""Transforms of answers: exact parts out, wherever the stream is cut, and nothing lost however it ends."""

from collections.abc import Callable, Iterable

import pytest

from trunkline.config.schema import ProviderSettings, Transform
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import (
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
    StreamEvent,
    fold,
    unfold,
)
from trunkline.core.types import Part, Response, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, Usage
from trunkline.transforms.chain import AnswerEdits, Chains, edited

ORIGIN = "up/m"


def call(name: str, arguments: str, id: str = "c") -> ToolCall:
    return ToolCall(id=id, name=name, arguments=arguments)


def thought(text: str) -> Thinking:
    return Thinking(text=text, origin=ORIGIN)


def response(*parts: Part, stop: str = "end") -> Response:
    return Response(
        id="1", model="m", content=parts, stop=Stop(stop, "raw"), usage=Usage(input=3, output=4)
    )  # type: ignore[arg-type]


def edits(*transforms: str | Transform) -> AnswerEdits:
    named = tuple(one if isinstance(one, Transform) else Transform(name=one) for one in transforms)
    chain = Chains(ProviderSettings(kind="custom", transforms=named)).of("m")
    assert chain is not None
    return AnswerEdits(chain.answered(ORIGIN), None)


def cut(events: Iterable[StreamEvent], size: int) -> list[StreamEvent]:
    """The same stream in deltas of ``size`` letters."""
    out: list[StreamEvent] = []
    for event in events:
        if isinstance(event, PartDelta):
            out += [
                PartDelta(event.index, event.text[at : at + size]) for at in range(0, len(event.text), size)
            ]
        else:
            out.append(event)
    return out


def lawful(events: list[StreamEvent]) -> None:
    """Started, parts one after another with indexes from 0, the end."""
    index, inside = -1, False
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished | Failed)
    for event in events[1:-1]:
        if isinstance(event, PartStarted):
            assert not inside
            index, inside = index + 1, True
        assert event.index == index  # type: ignore[union-attr]
        assert inside
        inside = inside and not isinstance(event, PartEnded)
    assert not inside or isinstance(events[-1], Failed)


def streamed(edit: AnswerEdits, events: Iterable[StreamEvent]) -> list[StreamEvent]:
    return [out for event in events for out in edit.feed(event)]


def check(make: Callable[[], AnswerEdits], given: Response, wanted: Response) -> None:
    for size in (1, 2, 3, 5, 7, 1000):
        events = streamed(make(), cut(unfold(given), size))
        lawful(events)
        assert fold(events) == wanted, size


TAGS = [
    ([Text("no tags")], [Text("no tags")]),
    ([Text("  blanks stay \n ")], [Text("  blanks stay \n ")]),
    ([Text("<think>why</think>\n\nso")], [thought("why"), Text("so")]),
    ([Text("\n<think>\nwhy\nnot\n</think>\n so ")], [thought("why\nnot"), Text("so ")]),
    ([Text("<think>\n\n</think>\n\nso")], [Text("so")]),
    ([Text("a <think>b</think> c <think>d</think> e")], [Text("a"), thought("b"), Text("c"), thought("d"), Text("e")]),
    ([Text("<think>never closed")], [thought("never closed")]),
    ([Text("<think>cut </thi")], [thought("cut </thi")]),
    ([Text("a <thin air")], [Text("a <thin air")]),
    ([Text("1 < 2 <")], [Text("1 < 2 <")]),
    ([Text("<<think>b</think>c")], [Text("<"), thought("b"), Text("c")]),
    ([Text("<think>b</think>")], [thought("b")]),
    ([Text("</think>a")], [Text("</think>a")]),
    ([Text("<THINK>a")], [Text("<THINK>a")]),
    ([Text("<think>b"), call("f", "{}"), Text("after")], [thought("b"), call("f", "{}"), Text("after")]),
    ([Text("a"), call("f", '{"x":"<think>"}')], [Text("a"), call("f", '{"x":"<think>"}')]),
    ([Thinking(text="t", origin="o"), Text("a<think>b</think>")], [Thinking(text="t", origin="o"), Text("a"), thought("b")]),
    ([Text("")], []),
    ([Text("<think>é\U0001f600</think>ü")], [thought("é\U0001f600"), Text("ü")]),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "wanted"), TAGS)
def test_E17_think_tags(parts: list[Part], wanted: list[Part]) -> None:
    check(lambda: edits("extrathinktag"), response(*parts), response(*wanted))
    whole = edited(response(*parts), _steps("extrathinktag"))
    assert whole == response(*wanted)


@pytest.mark.parametrize(("parts", "wanted"), TAGS)
def test_forced_reasoning_reads_its_own_tag(parts: list[Part], wanted: list[Part]) -> None:
    def spelled(part: Part) -> Part:
        if isinstance(part, Text | Thinking):
            text = part.text.replace("think>", "reasoning_content>").replace("</thi", "</reason")
            text = text.replace("<thin ", "<reason ")
            return Text(text) if isinstance(part, Text) else Thinking(text=text, origin=part.origin)
        return part

    given = response(*map(spelled, parts))
    check(lambda: edits("forcereasoning"), given, response(*map(spelled, wanted)))


def _steps(*names: str) -> tuple[object, ...]:
    chain = Chains(
        ProviderSettings(kind="custom", transforms=tuple(Transform(name=one) for one in names))
    ).of("m")
    assert chain is not None
    return chain.answered(ORIGIN)


OPTIONS = [
    ({"tag": "reason"}, "<think>a</think><reason>b</reason>c", [Text("<think>a</think>"), thought("b"), Text("c")]),
    ({"opened": True}, "\nwhy</think>\n\nso", [thought("why"), Text("so")]),
    ({"opened": True}, "only thinking", [thought("only thinking")]),
]  # fmt: skip


def test_opened_is_not_meant_where_the_provider_marks_thinking_itself() -> None:
    transform = Transform(name="extrathinktag", options={"opened": True})
    given = response(Thinking(text="t", origin="o"), Text("so"))
    check(lambda: edits(transform), given, given)


@pytest.mark.parametrize(("options", "text", "wanted"), OPTIONS)
def test_options_of_think_tags(options: dict[str, object], text: str, wanted: list[Part]) -> None:
    transform = Transform(name="extrathinktag", options=options)
    check(lambda: edits(transform), response(Text(text)), response(*wanted))


EXITS = [
    ([call("ExitTool", '{"response":"done \\"so\\"\\n"}')], "tool_use", [Text('done "so"\n')], "end"),
    ([Text("first "), call("ExitTool", '{"response": "then"}')], "tool_use", [Text("first "), Text("then")], "end"),
    ([call("read", '{"p":1}', "a"), call("ExitTool", '{"response":"x"}', "b")], "tool_use", [call("read", '{"p":1}', "a"), Text("x")], "tool_use"),
    ([call("ExitTool", '{"response":"x"}', "b"), call("read", "{}", "a")], "tool_use", [Text("x"), call("read", "{}", "a")], "tool_use"),
    ([call("read", '{"p":1}')], "tool_use", [call("read", '{"p":1}')], "tool_use"),
    ([call("ExitTool", '{"other": 1}')], "tool_use", [Text('{"other": 1}')], "end"),
    ([call("ExitTool", '{"response":"cut off')], "length", [Text("cut off")], "length"),
    ([call("ExitTool", '{"response":""}')], "tool_use", [], "end"),
    ([call("ExitTool", "plain words")], "tool_use", [Text("plain words")], "end"),
    ([thought("t"), Text("plain")], "end", [thought("t"), Text("plain")], "end"),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "stop", "wanted", "ended"), EXITS)
def test_the_exit_tool(parts: list[Part], stop: str, wanted: list[Part], ended: str) -> None:
    check(lambda: edits("tooluse"), response(*parts, stop=stop), response(*wanted, stop=ended))
    assert edited(response(*parts, stop=stop), _steps("tooluse")) == response(*wanted, stop=ended)


REPAIRS = [
    ([call("f", '{"a": 1}')], "tool_use", [call("f", '{"a": 1}')]),
    ([call("f", "")], "tool_use", [call("f", "{}")]),
    ([call("f", "{a: 'x'}")], "tool_use", [call("f", '{"a":"x"}')]),
    ([call("f", "{a: 1}", "a"), call("g", '{"b":', "b"), call("h", "", "c")], "tool_use",
     [call("f", '{"a":1}', "a"), call("g", '{"b":null}', "b"), call("h", "{}", "c")]),
    ([call("f", "{a: 1}"), Text("after")], "end", [call("f", '{"a":1}'), Text("after")]),
    ([Text("x"), call("f", "{a: 1}")], "end", [Text("x"), call("f", '{"a":1}')]),
    # cut off for want of room: what is there is no call that anybody meant
    ([call("f", "{a: 1}", "a"), call("g", '{"b": "c', "b")], "length", [call("f", '{"a":1}', "a"), call("g", '{"b": "c', "b")]),
    ([ToolCall(id="c", name="patch", arguments="*** Begin", kind="custom")], "tool_use",
     [ToolCall(id="c", name="patch", arguments="*** Begin", kind="custom")]),
    ([Text("only text")], "end", [Text("only text")]),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "stop", "wanted"), REPAIRS)
def test_repaired_arguments(parts: list[Part], stop: str, wanted: list[Part]) -> None:
    check(lambda: edits("enhancetool"), response(*parts, stop=stop), response(*wanted, stop=stop))
    assert edited(response(*parts, stop=stop), _steps("enhancetool")) == response(*wanted, stop=stop)


def test_a_repaired_call_comes_in_one_piece() -> None:
    events = streamed(edits("enhancetool"), cut(unfold(response(call("f", '{"a": [1, 2]}'))), 3))
    assert [event.text for event in events if isinstance(event, PartDelta)] == ['{"a": [1, 2]}']


BROKEN_STREAMS = [
    ("enhancetool", [call("f", "{a: 'x")], [call("f", "{a: 'x")]),
    ("extrathinktag", [Text("a <thi")], [Text("a <thi")]),
    ("extrathinktag", [Text("<think>b </th")], [thought("b </th")]),
    ("forcereasoning", [Text("never a tag <reason")], [Text("never a tag <reason")]),
    ("tooluse", [call("ExitTool", '{"response":"half a')], [Text("half a")]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parts", "shown"), BROKEN_STREAMS)
@pytest.mark.parametrize("size", [1, 4, 100])
def test_a_stream_that_breaks_off_loses_nothing(
    name: str, parts: list[Part], shown: list[Part], size: int
) -> None:
    failed = Failed(GatewayError(Kind.TRUNCATED, "broken"))
    events = list(cut(unfold(response(*parts)), size))
    broken = [*events[:-2], failed]  # the last part neither ended nor finished
    out = streamed(edits(name), broken)
    lawful(out)
    assert out[-1] is failed
    said = "".join(event.text for event in out if isinstance(event, PartDelta))
    assert said == "".join(
        part.arguments if isinstance(part, ToolCall) else part.text  # type: ignore[union-attr]
        for part in shown
    )


def test_several_work_in_the_order_of_the_way_back() -> None:
    """The last of the list sees the answer first: arguments of ExitTool are mended before it is read."""
    given = response(Text("<think>t</think>"), call("ExitTool", "{response: 'so',}"), stop="tool_use")
    wanted = response(thought("t"), Text("so"))
    check(lambda: edits("extrathinktag", "tooluse", "enhancetool"), given, wanted)
    check(lambda: edits("tooluse", "extrathinktag", "enhancetool"), given, wanted)


def test_transforms_that_leave_answers_alone_make_no_chain() -> None:
    named = tuple(Transform(name=one) for one in ("maxtoken", "groq", "deepseek", "reasoning", "my-plugin"))
    assert Chains(ProviderSettings(kind="custom", transforms=named)).of("m") is None
