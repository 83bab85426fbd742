"""Web search carried from vendor to vendor, over recordings; the official SDKs read what comes out."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from anthropic.types import Message as ClaudeMessage
from anthropic.types import ServerToolUseBlock, TextBlock, WebSearchToolResultBlock
from msgspec.structs import replace
from openai.types.responses import Response as OpenAIResponse

from trunkline.core.events import fold, unfold
from trunkline.core.facts import Facts
from trunkline.core.sse import SSEFramer
from trunkline.core.types import Response
from trunkline.protocols.codec import Codec, ReplyContext
from trunkline.protocols.registry import CODECS

WIRE = Path(__file__).parent.parent / "fixtures" / "wire"
CONTEXT = ReplyContext(id="0123456789abcdef", model="m", created=1)
MESSAGES, CHAT, RESPONSES, GEMINI = (
    CODECS[name] for name in ("anthropic_messages", "openai_chat", "openai_responses", "gemini")
)
JSON = dict[str, object]


def recordings(folder: str, mark: bytes) -> list[Path]:
    found = [*WIRE.glob(f"{folder}--*/*.response.json"), *WIRE.glob(f"{folder}--*/*.stream.txt")]
    return sorted(path for path in found if mark in path.read_bytes())


def read(codec: Codec, path: Path) -> Response:
    data = path.read_bytes()
    if path.suffix == ".json":
        return codec.decode_response(data, "o")
    framer, decoder = SSEFramer(), codec.stream_decoder("o")
    events = [event for frame in (*framer.feed(data), *framer.close()) for event in decoder.feed(frame)]
    return fold([*events, *decoder.close()])


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"[:120]


OPENAI = recordings("openai-responses", b'"web_search_call"')
CLAUDE = recordings("anthropic-messages", b'"web_search_tool_result"')
GOOGLE = recordings("gemini-generate-content", b'"groundingChunks"')


def test_there_are_recordings_of_all_three() -> None:
    assert len(OPENAI) >= 10
    assert len(CLAUDE) >= 10
    assert len(GOOGLE) >= 5


def streamed(codec: Codec, response: Response) -> bytes:
    encoder = codec.stream_encoder(CONTEXT)
    return b"".join(encoder.feed(event) for event in unfold(response))


def pairs(message: ClaudeMessage) -> tuple[list[ServerToolUseBlock], list[WebSearchToolResultBlock]]:
    uses = [one for one in message.content if isinstance(one, ServerToolUseBlock)]
    results = [one for one in message.content if isinstance(one, WebSearchToolResultBlock)]
    return uses, results


def noted(answer: OpenAIResponse) -> list[str]:
    """The pages that an answer in Responses cites."""
    return [
        note.url
        for item in answer.output
        if item.type == "message"
        for part in item.content
        if part.type == "output_text"
        for note in part.annotations
        if note.type == "url_citation"
    ]


@pytest.mark.parametrize("path", OPENAI, ids=name)
def test_responses_to_messages(path: Path) -> None:
    response = read(RESPONSES, path)
    message = ClaudeMessage.model_validate_json(MESSAGES.encode_response(response, CONTEXT))
    searches = [one for one in items(response) if one["type"] == "web_search_call"]
    uses, results = pairs(message)
    assert len(uses) == len(searches)
    searched = [use.id for use in uses if use.name == "web_search"]
    assert [one.tool_use_id for one in results] == searched
    assert len({use.id for use in uses}) == len(uses)
    assert all(use.id.startswith("srvtoolu_") for use in uses)
    noted = [
        note["url"] for item in items(response) for note in notes(item) if note["type"] == "url_citation"
    ]
    assert cited(message) == noted


@pytest.mark.parametrize("path", CLAUDE, ids=name)
def test_messages_to_responses(path: Path) -> None:
    response = read(MESSAGES, path)
    own = ClaudeMessage.model_validate_json(MESSAGES.encode_response(response, CONTEXT))
    answer = OpenAIResponse.model_validate_json(RESPONSES.encode_response(response, CONTEXT))
    uses = [use for use in pairs(own)[0] if use.name in ("web_search", "web_fetch")]
    searches = [item for item in answer.output if item.type == "web_search_call"]
    assert len(searches) == len(uses)
    for use, search in zip(uses, searches, strict=True):
        if use.name == "web_search" and search.action.type == "search":
            assert search.action.query == use.input["query"]
    assert noted(answer) == cited(own)


@pytest.mark.parametrize("path", GOOGLE, ids=name)
def test_gemini_to_messages_and_responses(path: Path) -> None:
    response = read(GEMINI, path)
    data = path.read_bytes()
    searches = b'"webSearchQueries"' in data
    message = ClaudeMessage.model_validate_json(MESSAGES.encode_response(response, CONTEXT))
    uses, results = pairs(message)
    answer = OpenAIResponse.model_validate_json(RESPONSES.encode_response(response, CONTEXT))
    assert noted(answer) == cited(message)
    if searches and b'"web":' in data and response.content:
        assert len(uses) == len(results) == 1
        assert isinstance(results[0].content, list)
        assert all(one.url for one in results[0].content)


@pytest.mark.parametrize("path", [*OPENAI[:12], *CLAUDE[:6], *GOOGLE[:6]], ids=name)
def test_a_stream_shows_the_same_blocks(path: Path) -> None:
    """Whole and streamed, as this protocol's own decoder reads them back."""
    codec = RESPONSES if path in OPENAI else MESSAGES if path in CLAUDE else GEMINI
    response = read(codec, path)
    whole = MESSAGES.decode_response(MESSAGES.encode_response(response, CONTEXT), "o")
    framer, decoder = SSEFramer(), MESSAGES.stream_decoder("o")
    frames = framer.feed(streamed(MESSAGES, response))
    parts = fold([event for frame in frames for event in decoder.feed(frame)]).content
    assert [shape(part) for part in parts] == [shape(part) for part in whole.content]


def shape(part: object) -> object:
    means = getattr(part, "means", None)
    return (type(part).__name__, getattr(part, "text", None), means)


def items(response: Response) -> list[JSON]:
    return msgspec.json.decode(RESPONSES.encode_response(response, CONTEXT))["output"]  # type: ignore[no-any-return]


def notes(item: JSON) -> list[JSON]:
    content = item.get("content")
    if item["type"] != "message" or not isinstance(content, list):
        return []
    return [note for part in content for note in part.get("annotations") or ()]


def cited(message: ClaudeMessage) -> list[str]:
    texts = [block for block in message.content if isinstance(block, TextBlock)]
    found = [
        one for text in texts for one in text.citations or () if one.type == "web_search_result_location"
    ]
    return [one.url for one in found]


REQUEST = {
    "model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}],
    "tools": [{
        "type": "web_search_20250305", "name": "web_search", "max_uses": 4, "allowed_domains": ["a.example"],
        "user_location": {"type": "approximate", "city": "Oslo", "country": "NO"},
    }],
}  # fmt: skip


@pytest.mark.parametrize(
    ("codec", "facts", "expected", "lost"),
    [
        (
            RESPONSES,
            Facts(),
            {
                "tools": [
                    {
                        "type": "web_search",
                        "filters": {"allowed_domains": ["a.example"]},
                        "user_location": {"type": "approximate", "city": "Oslo", "country": "NO"},
                    }
                ],
                "include": ["web_search_call.action.sources"],
            },
            {"tools.web_search.max_uses"},
        ),
        (RESPONSES, Facts(server_tools=False), {}, {"tools.web_search"}),
        (
            GEMINI,
            Facts(),
            {"tools": [{"googleSearch": {}}]},
            {"tools.web_search.max_uses", "tools.web_search.allowed_domains"},
        ),
        (
            CHAT,
            Facts(search_options=True),
            {
                "web_search_options": {
                    "user_location": {
                        "type": "approximate",
                        "approximate": {"city": "Oslo", "country": "NO"},
                    }
                }
            },
            {"tools.web_search.max_uses", "tools.web_search.allowed_domains"},
        ),
        (CHAT, Facts(), {}, {"tools.web_search"}),
    ],
    ids=["responses", "responses without", "gemini", "search model", "chat"],
)
def test_the_tool_of_messages(codec: Codec, facts: Facts, expected: JSON, lost: set[str]) -> None:
    request = MESSAGES.decode_request(msgspec.json.encode(REQUEST))
    encoded = codec.encode_request(request, facts)
    body = msgspec.json.decode(encoded.body)
    for key in ("tools", "include", "web_search_options"):
        assert body.get(key) == expected.get(key), key
    assert {loss.field for loss in encoded.losses if loss.field.startswith("tools.")} == lost


def from_responses() -> JSON:
    return {"model": "m", "input": "hi", "tools": [{"type": "web_search", "search_context_size": "low"}]}


def from_gemini() -> JSON:
    return {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "tools": [{"googleSearch": {}}]}


def from_chat() -> JSON:
    messages = [{"role": "user", "content": "hi"}]
    return {"model": "m", "messages": messages, "web_search_options": {"search_context_size": "low"}}


@pytest.mark.parametrize(
    ("codec", "body"),
    [(RESPONSES, from_responses), (GEMINI, from_gemini), (CHAT, from_chat)],
    ids=["responses", "gemini", "chat"],
)
def test_other_tools_to_messages(codec: Codec, body: Callable[[], JSON]) -> None:
    request = replace(codec.decode_request(msgspec.json.encode(body())), model="m", max_tokens=5)
    encoded = MESSAGES.encode_request(request, Facts())
    assert msgspec.json.decode(encoded.body)["tools"] == [
        {"type": "web_search_20250305", "name": "web_search"}
    ]


def test_a_chat_clients_option_stays_as_it_came() -> None:
    body = from_chat()
    encoded = CHAT.encode_request(CHAT.decode_request(msgspec.json.encode(body)), Facts())
    assert msgspec.json.decode(encoded.body)["web_search_options"] == body["web_search_options"]
    assert "tools" not in msgspec.json.decode(encoded.body)
