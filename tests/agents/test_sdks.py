"""The vendors' own Python libraries against the gateway: a strict workspace behind, nothing odd in front."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import anthropic
import openai
import pytest

from agents.bench import KEY, SONNET, Surface, configuration, flags_of
from agents.gateway import serve
from standin import Call, Script, StandIn, Think, Tokens, failures, say, turn

pytestmark = pytest.mark.server

Front = tuple[StandIn, str]
MakeFront = Callable[..., Front]
GEMINI = "databricks-gemini-3-1-pro"
CHAT_TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look",
        "strict": True,
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
    },
}
USER = {"role": "user", "content": "Look at it."}
BOTH = turn(
    Think("Two places."),
    "I look.",
    Call("look", {"at": "left"}),
    Call("look", {"at": "right"}),
    tokens=Tokens(10, 20, 5),
)


@pytest.fixture
def front(tmp_path: Path, surface: Surface) -> Iterator[MakeFront]:
    """A workspace for a script, and the address of a gateway in front of it."""
    with ExitStack() as stack:

        def make(script: Script, model: str = SONNET) -> Front:
            standin = stack.enter_context(StandIn(script, flags_of(surface)))
            gateway = stack.enter_context(serve(configuration(standin, model), tmp_path))
            return standin, gateway.url

        yield make


def openai_client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=20)


def anthropic_client(url: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=url, auth_token=KEY, api_key=None, max_retries=0, timeout=20)


def test_openai_streams_are_plain_openai(front: MakeFront) -> None:
    standin, url = front([BOTH])
    with openai_client(url) as client:
        chunks = list(
            client.chat.completions.create(
                model=SONNET,
                messages=[USER],
                tools=[CHAT_TOOL],
                parallel_tool_calls=True,
                reasoning_effort="low",
                store=False,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.model for chunk in chunks} == {SONNET}
    assert all(type(chunk.created) is int for chunk in chunks)
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert all(delta.content is None or isinstance(delta.content, str) for delta in deltas)
    assert "".join(delta.content or "" for delta in deltas) == "I look."
    calls = [call for delta in deltas for call in delta.tool_calls or []]
    assert {call.index for call in calls} == {0, 1}
    arguments = [
        "".join(c.function.arguments or "" for c in calls if c.index == i and c.function) for i in (0, 1)
    ]
    assert arguments == ['{"at": "left"}', '{"at": "right"}']
    finishes = [
        choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason
    ]
    assert finishes == ["tool_calls"]
    usages = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert [(u.prompt_tokens, u.completion_tokens, u.total_tokens) for u in usages] == [(15, 20, 35)]
    assert standin.surprises == []


def test_openai_rounds_keep_the_thinking_that_the_library_drops(front: MakeFront) -> None:
    """Chat clients send no thinking back; the workspace demands it all the same."""
    standin, url = front([BOTH, say("Seen both.")])
    with openai_client(url) as client:
        options = {"model": SONNET, "tools": [CHAT_TOOL], "reasoning_effort": "low", "max_tokens": 8000}
        first = client.chat.completions.create(messages=[USER], **options)
        message = first.choices[0].message
        history = [USER, {"role": "assistant", "content": message.content, "tool_calls": []}]
        history[1]["tool_calls"] = [call.model_dump() for call in message.tool_calls]
        history += [
            {"role": "tool", "tool_call_id": c.id, "content": "seen"} for c in reversed(message.tool_calls)
        ]
        second = client.chat.completions.create(messages=history, **options)
    assert second.choices[0].message.content == "Seen both."
    assert second.choices[0].finish_reason == "stop"
    assert standin.ledger.signatures[0] in standin.requests[-1].body.decode()
    assert [result.text for result in standin.asked[-1].last_results] == ["seen", "seen"]


@pytest.mark.parametrize("surface", ["chat"])
def test_E13_geminis_signature_comes_back_although_the_library_drops_it(front: MakeFront) -> None:
    standin, url = front([turn(Call("look", {"at": "left"})), say("Seen.")], GEMINI)
    with openai_client(url) as client:
        options = {"model": GEMINI, "tools": [CHAT_TOOL]}
        message = client.chat.completions.create(messages=[USER], **options).choices[0].message
        call = message.tool_calls[0]
        bare = {"id": call.id, "type": "function", "function": call.function.model_dump()}
        history = [USER, {"role": "assistant", "tool_calls": [bare]}, _seen(call.id)]
        second = client.chat.completions.create(messages=history, **options)
    assert second.choices[0].message.content == "Seen."
    signature = standin.ledger.thought(call.id)
    assert signature is not None
    assert signature in standin.requests[-1].body.decode()
    assert standin.refusals == []


def _seen(call_id: str) -> dict[str, str]:
    return {"role": "tool", "tool_call_id": call_id, "content": "seen"}


def test_anthropic_rounds_with_every_kind_of_block(front: MakeFront) -> None:
    standin, url = front([BOTH, say("Seen both.", tokens=Tokens(50, 5, 100, 7))])
    tool = {"name": "look", "description": "Look", "input_schema": CHAT_TOOL["function"]["parameters"]}
    options = {
        "model": SONNET,
        "max_tokens": 8000,
        "tools": [tool],
        "thinking": {"type": "enabled", "budget_tokens": 2000},
    }
    with anthropic_client(url) as client:
        with client.messages.stream(messages=[USER], **options) as stream:
            first = stream.get_final_message()
        kinds = [block.type for block in first.content]
        assert kinds == ["thinking", "text", "tool_use", "tool_use"]
        assert first.stop_reason == "tool_use"
        echo = [block.model_dump(exclude_none=True) for block in first.content]
        calls = [block for block in echo if block["type"] == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "seen"} for call in calls]
        history = [USER, {"role": "assistant", "content": echo}, {"role": "user", "content": results}]
        second = client.messages.create(messages=history, **options)
    assert second.content[0].text == "Seen both."
    usage = second.usage
    assert (usage.input_tokens, usage.output_tokens) == (50, 5)
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (100, 7)
    assert standin.surprises == []


def test_errors_arrive_in_the_librarys_own_classes(front: MakeFront) -> None:
    limited = failures.rate_limited(retry_after="120")
    standin, url = front(lambda _: limited if len(standin.asked) % 2 else failures.no_grant(SONNET))
    options = {"model": SONNET, "max_tokens": 10, "messages": [USER]}
    with openai_client(url) as client:
        with pytest.raises(openai.RateLimitError) as chat:
            client.chat.completions.create(**options)
        with pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(**options)
    with anthropic_client(url) as native:
        with pytest.raises(anthropic.RateLimitError) as messages:
            native.messages.create(**options)
        with pytest.raises(anthropic.PermissionDeniedError):
            native.messages.create(**options)
    for error in (chat.value, messages.value):
        assert error.response.headers["retry-after"] == "120"
        assert "input tokens per minute" in str(error)


def test_models_are_listed_and_tokens_counted(front: MakeFront) -> None:
    standin, url = front([])
    with openai_client(url) as client:
        assert SONNET in {model.id.rpartition("/")[2] for model in client.models.list()}
    with anthropic_client(url) as native:
        counted = native.messages.count_tokens(
            model=SONNET, messages=[{"role": "user", "content": "word " * 100}]
        )
    assert 50 < counted.input_tokens < 300
    assert standin.asked == []


def test_the_headers_say_who_answered(front: MakeFront, surface: Surface) -> None:
    _, url = front([say("Hi.")])
    with anthropic_client(url) as client:
        answer = client.messages.with_raw_response.create(model=SONNET, max_tokens=10, messages=[USER])
    assert answer.headers["x-trunkline-provider"] == "dbx"
    assert answer.headers["x-trunkline-model"] == SONNET
    assert answer.headers["x-trunkline-request-id"]
    assert answer.request_id == answer.headers["request-id"]
    attempts = int(answer.headers["x-trunkline-attempts"])
    assert attempts == (1 if surface == "messages" else 2)
