"""Kept answers, compaction and WebSocket through the whole gateway, with OpenAI's own SDK as the client."""

import itertools
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.request import Request, urlopen

import msgspec
import openai
import pytest
from openai import OpenAI
from openai.types.responses import Response

from app.whole import Asked, Reply, through

pytestmark = pytest.mark.server

PATHS = {
    "anthropic_messages": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
}
BASES = {"anthropic_messages": "", "openai_chat": "/v1", "openai_responses": "/v1"}


def config(protocol: str) -> Callable[[str], str]:
    def written(url: str) -> str:
        return (
            "providers:\n  up:\n    kind: custom\n    key: dummy\n    models: [some-model]\n"
            f"    speaks: {{{protocol}: '{url}{BASES[protocol]}'}}\n"
            "  twin:\n    kind: custom\n    key: dummy\n    models: [other-model]\n"
            f"    speaks: {{openai_chat: '{url}/v1'}}\n"
        )

    return written


def openai_itself(url: str) -> str:
    """A provider that keeps answers itself: the catalog says so of this kind."""
    return (
        "providers:\n  up:\n    kind: openai\n    key: dummy\n    models: [some-model]\n"
        f"    speaks: {{openai_responses: '{url}/v1'}}\n"
        "  twin:\n    kind: custom\n    key: dummy\n    models: [other-model]\n"
        f"    speaks: {{openai_chat: '{url}/v1'}}\n"
    )


def said(asked: Asked, text: str) -> Reply:
    """``text`` in the protocol that was asked, whole or as a stream."""
    body = asked.body
    if asked.path.endswith("/messages"):
        return _message(text) if not body.get("stream") else _message_stream(text)
    if asked.path.endswith("/chat/completions"):
        return _chat(text) if not body.get("stream") else _chat_stream(text)
    number = sum(1 for _ in str(body.get("input")))
    return _response(text, f"resp_up{number}") if not body.get("stream") else _response_stream(text, number)


def _message(text: str) -> bytes:
    return msgspec.json.encode(
        {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": text}], "usage": {"input_tokens": 3, "output_tokens": 2},
        }
    )  # fmt: skip


def _named(*events: dict[str, object]) -> list[bytes]:
    return [
        b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), msgspec.json.encode(event))
        for event in events
    ]


def _message_stream(text: str) -> list[bytes]:
    start = msgspec.json.decode(_message(""), type=dict[str, object]) | {"content": [], "stop_reason": None}
    block = {"type": "text", "text": ""}
    return _named(
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    )


def _chat(text: str) -> bytes:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return msgspec.json.encode(
        {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [choice],
            "usage": usage,
        }
    )


def _chat_stream(text: str) -> list[bytes]:
    def piece(delta: dict[str, object], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return b"data: " + msgspec.json.encode(
            {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        ) + b"\n\n"  # fmt: skip

    return [piece({"role": "assistant", "content": text}, None), piece({}, "stop"), b"data: [DONE]\n\n"]


def _object(text: str, ident: str, status: str = "completed") -> dict[str, object]:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {
        "id": f"msg_{ident}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    return {
        "id": ident, "object": "response", "created_at": 1, "status": status, "model": "m",
        "output": [item] if text else [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
    }  # fmt: skip


def _response(text: str, ident: str) -> bytes:
    return msgspec.json.encode(_object(text, ident))


def _response_stream(text: str, number: int) -> list[bytes]:
    ident = f"resp_up{number}"
    item = _object(text, ident)["output"][0]  # type: ignore[index]
    return _named(
        {"type": "response.created", "sequence_number": 0, "response": _object("", ident, "in_progress")},
        {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": item},
        {"type": "response.output_item.done", "sequence_number": 2, "output_index": 0, "item": item},
        {"type": "response.completed", "sequence_number": 3, "response": _object(text, ident)},
    )


def client(url: str) -> OpenAI:
    return OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0)


def ask(sdk: OpenAI, streamed: bool, **fields: object) -> Response:
    if not streamed:
        return sdk.responses.create(model="some-model", **fields)  # type: ignore[call-overload,no-any-return]
    with sdk.responses.stream(model="some-model", **fields) as events:  # type: ignore[arg-type]
        return events.get_final_response()  # type: ignore[return-value]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("protocol", PATHS)
def test_the_sdk_goes_on_with_kept_answers(protocol: str, streamed: bool, tmp_path: Path) -> None:
    def use(url: str) -> None:
        with client(url) as sdk:
            first = ask(sdk, streamed, input="name a river")
            second = ask(sdk, streamed, input="its length?", previous_response_id=first.id)
            third = ask(sdk, streamed, input="and its mouth?", previous_response_id=second.id, store=False)
            assert third.output_text == "the Danube"
            again = sdk.responses.retrieve(second.id)
            assert (again.id, again.output_text) == (second.id, "the Danube")
            assert again.previous_response_id == first.id
            items = list(sdk.responses.input_items.list(second.id, order="asc", limit=2))
            texts = [item.content[0].text for item in items]  # type: ignore[union-attr]
            assert texts == ["name a river", "the Danube", "its length?"]
            sdk.responses.delete(second.id)
            for gone in (second.id, third.id):
                with pytest.raises(openai.NotFoundError):
                    sdk.responses.retrieve(gone)
                with pytest.raises(openai.NotFoundError) as raised:
                    ask(sdk, streamed, input="on", previous_response_id=gone)
                assert raised.value.code == "previous_response_not_found"

    _, upstream, records = through(lambda asked: said(asked, "the Danube"), config(protocol), tmp_path, use)
    assert [asked.path for asked in upstream.asked] == [PATHS[protocol]] * 3
    field = "input" if protocol == "openai_responses" else "messages"
    turns = [asked.body[field] for asked in upstream.asked]
    for earlier, later in itertools.pairwise(turns):
        assert isinstance(earlier, list | str)
        assert isinstance(later, list)
        if isinstance(earlier, list):
            assert later[: len(earlier)] == earlier
    whole = msgspec.json.encode(turns[2]).decode()
    assert [whole.count(words) for words in ("name a river", "its length?", "and its mouth?")] == [1, 1, 1]
    assert whole.count("the Danube") == 2
    assert all("previous_response_id" not in asked.body for asked in upstream.asked)
    if protocol == "openai_responses":
        assert [asked.body["store"] for asked in upstream.asked] == [False, False, False]
    assert [record.operation for record in records] == [
        "generate", "generate", "generate", "retrieve", "list_input", "list_input", "delete",
        "retrieve", "generate", "retrieve", "generate",
    ]  # fmt: skip


def stateless(asked: Asked) -> Reply:
    """A provider that echoes that it keeps nothing, in its own spacing."""
    reply = said(asked, 'a "store":false river')
    tell = partial(
        re.sub,
        rb'"object":"response",',
        rb'"object":"response", "store": false,"previous_response_id":null,',
    )
    return list(map(tell, reply)) if isinstance(reply, list) else tell(reply)  # type: ignore[arg-type, call-overload]


def raw(url: str, **fields: object) -> bytes:
    request = Request(
        f"{url}/v1/responses",
        msgspec.json.encode({"model": "some-model", "input": "x", **fields}),
        {"content-type": "application/json"},
    )
    with urlopen(request, timeout=30) as answer:
        body: bytes = answer.read()
    return body


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_that_is_kept_here_says_so_whoever_gave_it(streamed: bool, tmp_path: Path) -> None:
    def use(url: str) -> None:
        with client(url) as sdk:
            first = ask(sdk, streamed, input="name a river")
            second = ask(sdk, streamed, input="its length?", previous_response_id=first.id)
            assert first.output_text == second.output_text == 'a "store":false river'
            assert (first.to_dict()["store"], first.previous_response_id) == (True, None)
            assert (second.to_dict()["store"], second.previous_response_id) == (True, first.id)
            assert sdk.responses.retrieve(second.id).previous_response_id == first.id

    through(stateless, config("openai_responses"), tmp_path, use)


@pytest.mark.parametrize("streamed", [False, True])
def test_only_what_an_answer_says_of_keeping_differs_from_the_providers_bytes(
    streamed: bool, tmp_path: Path
) -> None:
    def use(url: str) -> tuple[bytes, bytes]:
        return raw(url, stream=streamed, store=False), raw(url, stream=streamed)

    (unkept, kept), upstream, _ = through(stateless, config("openai_responses"), tmp_path, use)
    reply = stateless(upstream.asked[0])
    theirs = b"".join(reply) if isinstance(reply, list) else reply
    assert unkept == theirs
    assert kept == theirs.replace(b'"store": false', b'"store": true')  # type: ignore[union-attr]
    assert kept.count(b'"store": true') == (2 if streamed else 1)


def test_openai_keeps_its_answers_itself(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Reply:
        method = asked.head.split(b" ", 1)[0]
        if method == b"DELETE":
            return b'{"id":"x","object":"response","deleted":true}'
        if asked.path.endswith("/input_items?limit=5"):
            return b'{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}'
        if method == b"GET":
            return _response("kept there", asked.path.rpartition("/")[2])
        return said(asked, "the Danube")

    def use(url: str) -> str:
        with client(url) as sdk:
            first = ask(sdk, False, input="name a river")
            ask(sdk, True, input="its length?", previous_response_id=first.id)
            assert sdk.responses.retrieve(first.id).output_text == "kept there"
            assert sdk.responses.input_items.list(first.id, limit=5).data == []
            with pytest.raises(openai.BadRequestError, match="kept by up"):
                sdk.responses.create(model="other-model", input="x", previous_response_id=first.id)
            sdk.responses.delete(first.id)
            with pytest.raises(openai.NotFoundError):
                sdk.responses.retrieve(first.id)
            return first.id

    ident, upstream, _ = through(answer, openai_itself, tmp_path, use)
    assert "store" not in upstream.asked[0].body
    assert upstream.asked[1].body["previous_response_id"] == ident
    assert [asked.path for asked in upstream.asked[2:]] == [
        f"/v1/responses/{ident}", f"/v1/responses/{ident}/input_items?limit=5", f"/v1/responses/{ident}",
    ]  # fmt: skip
    assert all(b"authorization: bearer dummy" in asked.head.lower() for asked in upstream.asked)


@pytest.mark.parametrize("protocol", ["anthropic_messages", "openai_chat"])
def test_the_sdk_makes_a_conversation_short(protocol: str, tmp_path: Path) -> None:
    def use(url: str) -> None:
        with client(url) as sdk:
            talk = [
                {"role": "user", "content": "name a river"},
                {"role": "assistant", "content": "the Danube"},
                {"role": "user", "content": "its length?"},
            ]
            raw = sdk.responses.with_raw_response.compact(model="some-model", input=talk)  # type: ignore[arg-type]
            assert raw.parse().object == "response.compaction"
            short = msgspec.json.decode(raw.http_response.content)["output"]
            assert [item["type"] for item in short] == ["message", "message", "compaction"]
            on = [*short, {"role": "user", "content": "go on"}]
            assert ask(sdk, False, input=on).output_text == "rivers were named"

    _, upstream, records = through(
        lambda asked: said(asked, "rivers were named"), config(protocol), tmp_path, use
    )
    assert "Summary of the conversation" in msgspec.json.encode(upstream.asked[1].body).decode()
    assert [record.operation for record in records] == ["compact", "generate"]


@pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")
@pytest.mark.parametrize("protocol", PATHS)
def test_the_sdk_talks_over_a_socket(protocol: str, tmp_path: Path) -> None:
    def use(url: str) -> None:
        with client(url) as sdk, sdk.responses.connect() as connection:

            def turn(**fields: object) -> tuple[list[str], Response]:
                connection.response.create(model="some-model", store=False, **fields)  # type: ignore[arg-type]
                kinds: list[str] = []
                for event in connection:
                    kinds.append(event.type)
                    if event.type == "response.completed":
                        return kinds, event.response
                    assert event.type != "error", event
                raise AssertionError("the socket ended")

            kinds, warm = turn(input="you know rivers", generate=False)
            assert kinds == ["response.created", "response.in_progress", "response.completed"]
            kinds, first = turn(input="name one", previous_response_id=warm.id)
            assert kinds[0] == "response.created"
            assert first.output_text == "the Danube"
            _, second = turn(input="its length?", previous_response_id=first.id)
            assert second.output_text == "the Danube"
            connection.response.create(model="some-model", input="x", previous_response_id="resp_no")
            event = connection.recv()
            assert event.type == "error"
            assert event.error.code == "previous_response_not_found"
            with pytest.raises(openai.NotFoundError):
                sdk.responses.retrieve(second.id)

    _, upstream, records = through(lambda asked: said(asked, "the Danube"), config(protocol), tmp_path, use)
    assert [asked.path for asked in upstream.asked] == [PATHS[protocol]] * 2
    assert all(asked.body["stream"] is True for asked in upstream.asked)
    last = msgspec.json.encode(upstream.asked[1].body).decode()
    assert [last.count(words) for words in ("you know rivers", "name one", "the Danube")] == [1, 1, 1]
    assert [(record.operation, record.status) for record in records] == [
        ("prepare", 200), ("generate", 200), ("generate", 200), ("generate", 404), ("retrieve", 404),
    ]  # fmt: skip
    assert all(record.protocol == "openai_responses" for record in records)
