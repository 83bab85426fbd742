"""OpenAI's own SDK as the judge: it takes our answers, and what it kept comes back whole."""

import json

from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from trunkline.core.events import unfold
from trunkline.core.types import Message, Opaque, Raw, Response, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.codec import ReplyContext
from trunkline.protocols.openai_chat import OPENAI_CHAT

CONTEXT = ReplyContext(id="r", model="asked", created=1, stream_usage=True)
PAGE = Opaque(
    "anthropic_messages", "web_search_result_location", Raw(b'{"url":"https://a.example","title":"A"}')
)
SAID = (
    Thinking(text="hm", signature="sig", origin="maker"),
    Text("Hello"),
    ToolCall(id="a", name="f", arguments='{"x":1}'),
    ToolCall(id="b", name="g", arguments="{}"),
)
ANSWER = Response(
    id="x",
    model="m",
    content=SAID,
    stop=Stop("tool_use"),
    usage=Usage(input=3, cache_read=1, output=4, reasoning=2),
)


def accumulated(answer: Response) -> ChatCompletion:
    encoder, state = OPENAI_CHAT.stream_encoder(CONTEXT), ChatCompletionStreamState()
    stream = b"".join(encoder.feed(event) for event in unfold(answer)).decode()
    for line in stream.split("\n"):
        if line.startswith("data: {"):
            state.handle_chunk(ChatCompletionChunk.model_validate_json(line[6:]))
    return state.get_final_completion()


def test_E05_a_streamed_answer_survives_the_sdk_and_the_next_turn() -> None:
    completion = accumulated(ANSWER)
    assert completion.choices[0].finish_reason == "tool_calls"
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (4, 4)
    message = completion.choices[0].message.model_dump(exclude_none=True)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}, message]}).encode()
    assert OPENAI_CHAT.decode_request(body).messages[1] == Message("assistant", SAID)


def test_a_whole_answer_is_the_sdks_type_and_survives_the_next_turn() -> None:
    completion = ChatCompletion.model_validate_json(OPENAI_CHAT.encode_response(ANSWER, CONTEXT))
    message = completion.choices[0].message.model_dump(exclude_none=True)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}, message]}).encode()
    assert OPENAI_CHAT.decode_request(body).messages[1] == Message("assistant", SAID)


def test_citations_reach_the_sdk_as_annotations() -> None:
    answer = Response(id="x", model="m", content=(Text("Hi", (PAGE,)),), stop=Stop("end"), usage=Usage())
    notes = accumulated(answer).choices[0].message.annotations
    assert notes is not None
    assert [note.url_citation.url for note in notes] == ["https://a.example"]
