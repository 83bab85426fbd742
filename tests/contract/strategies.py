"""Generators of neutral values: what both protocols can say, and what each can."""

import json

from hypothesis import strategies as st
from msgspec import Raw

from trunkline.core.facts import Facts
from trunkline.core.types import (
    Image,
    Message,
    Part,
    Request,
    Response,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from trunkline.core.usage import Stop, Usage

ORIGIN = "0123456789abcdef"

words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30).filter(
    lambda text: text.strip()
)
names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]{0,30}", fullmatch=True)
models = st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(words, values, max_size=4)
arguments = objects.map(lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")))
counts = st.integers(0, 10**7)

texts = st.builds(Text, words)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Counts that both protocols can report."""
    reasoning = draw(st.integers(0, 1000))
    return Usage(
        input=draw(counts),
        cache_read=draw(counts),
        cache_write=draw(counts),
        output=reasoning + draw(counts),
        reasoning=reasoning,
    )


@st.composite
def calls(draw: st.DrawFn, at: int) -> ToolCall:
    ident = f"toolu_{at}_{draw(st.from_regex(r'[a-zA-Z0-9]{1,20}', fullmatch=True))}"
    return ToolCall(id=ident, name=draw(names), arguments=draw(arguments))


@st.composite
def contents(draw: st.DrawFn) -> tuple[Part, ...]:
    """An answer's parts in the order both protocols keep: reasoning, text, calls."""
    parts: list[Part] = []
    if draw(st.booleans()):
        signature = draw(st.none() | st.from_regex(r"[A-Za-z0-9+/]{8,40}", fullmatch=True))
        parts.append(Thinking(text=draw(words), signature=signature, origin=ORIGIN))
    if draw(st.booleans()):
        parts.append(draw(texts))
    parts += [draw(calls(at)) for at in range(draw(st.integers(0, 3)))]
    return tuple(parts)


@st.composite
def responses(draw: st.DrawFn) -> Response:
    """An answer that both protocols can give."""
    content = draw(contents())
    called = any(isinstance(part, ToolCall) for part in content)
    reason = "tool_use" if called else draw(st.sampled_from(["end", "length", "refusal"]))
    return Response(
        id=draw(st.from_regex(r"[a-zA-Z0-9]{4,20}", fullmatch=True)),
        model=draw(models),
        content=content,
        stop=Stop(reason),
        usage=draw(usages()),
        created=draw(st.integers(1, 2**33)),
    )


images = st.one_of(
    st.builds(
        Image,
        media_type=st.just("image/png"),
        # a real signature, so that nothing has to guess at the media type
        data=st.sampled_from(["iVBORw0KGgo=", "iVBORw0KGgoAAAANSUhEUg=="]),
    ),
    st.builds(Image, url=st.sampled_from(["https://example.com/a.png", "https://example.com/b.png?x=1"])),
)
schemas = st.dictionaries(
    names, st.sampled_from([{"type": "string"}, {"type": "integer"}]), max_size=3
).map(lambda properties: Raw(json.dumps({"type": "object", "properties": properties}).encode()))


@st.composite
def tools(draw: st.DrawFn) -> tuple[Tool, ...]:
    unique = draw(st.lists(names, max_size=3, unique=True))
    return tuple(Tool(name=name, description=draw(words), schema=draw(schemas)) for name in unique)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Turns as both protocols order them: every call answered at once, the user last."""
    turns: list[Message] = []
    for turn in range(draw(st.integers(0, 4))):
        turns.append(Message("user", tuple(draw(st.lists(texts | images, min_size=1, max_size=3)))))
        made = [draw(calls(turn * 10 + at)) for at in range(draw(st.integers(0, 2)))]
        opening = draw(st.lists(texts, min_size=0 if made else 1, max_size=1))
        turns.append(Message("assistant", (*opening, *made)))
        if made:
            results = tuple(
                ToolResult(call_id=call.id, content=(draw(texts),), is_error=draw(st.booleans()))
                for call in made
            )
            turns.append(Message("user", results))
            turns.append(Message("assistant", (draw(texts),)))
    turns.append(Message("user", (draw(texts),)))
    return tuple(turns)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A request in what both protocols can say."""
    declared = draw(tools())
    choice = None
    if declared:
        modes = st.sampled_from([ToolChoice("auto"), ToolChoice("any"), ToolChoice("none")])
        choice = draw(st.none() | modes | st.just(ToolChoice("tool", declared[0].name)))
    return Request(
        protocol="neutral",
        model=draw(models),
        messages=draw(conversations()),
        system=tuple(draw(st.lists(texts, max_size=1))),
        tools=declared,
        tool_choice=choice,
        max_tokens=draw(st.integers(1, 100_000)),
        stream=draw(st.booleans()),
        sampling=Sampling(
            temperature=draw(st.none() | st.sampled_from([0.0, 0.5, 1.0])),
            stop=tuple(draw(st.lists(words, max_size=2, unique=True))),
        ),
    )


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """Any target there could be: every ability on or off, every spelling."""
    flags = st.booleans()
    return Facts(
        provider="target",
        model=draw(models),
        max_output_tokens=draw(st.none() | st.integers(2048, 64_000)),
        reasoning=draw(st.sampled_from(["none", "effort", "budget", "adaptive", "budget_or_adaptive"])),
        reasoning_always=draw(flags),
        effort_levels=draw(st.sampled_from([(), ("low", "high"), ("minimal", "low", "medium", "high")])),
        reasoning_history=draw(
            st.sampled_from(["none", "reasoning_content", "reasoning", "reasoning_details", "content_list"])
        ),
        reasoning_required=draw(flags),
        sampling=draw(flags),
        temperature_with_top_p=draw(flags),
        top_k=draw(flags),
        forced_tools=draw(flags),
        prefill=draw(flags),
        late_system=draw(flags),
        parallel_switch=draw(flags),
        single_calls=draw(flags),
        strict_tools=draw(flags),
        structured=draw(st.sampled_from(["native", "tool", "none"])),
        cache_marks=draw(flags),
        cache_ttl=draw(flags),
        server_tools=draw(flags),
        deferred_tools=draw(flags),
        tool_name_limit=draw(st.sampled_from([64, 128])),
        max_tokens_field=draw(st.sampled_from(["max_tokens", "max_completion_tokens"])),
        developer_role=draw(flags),
        stream_options=draw(flags),
        null_content=draw(flags),
    )
