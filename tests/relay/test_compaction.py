"""A conversation made short: by the provider that can, by the model elsewhere, and read again by anyone."""

import msgspec
import pytest

from relay.kit import JSON, Script, ScriptedUpstream, TestProvider, provider
from relay.test_rooms import TAPES, chat
from relay.test_state import Line, event, final, message, refused, response, stream
from relay.virtual import run
from trunkline.core.errors import GatewayError
from trunkline.protocols.openai_responses.compaction import OPENING, PROMPT

TALK = [
    {"role": "user", "content": "fix it"},
    {"type": "function_call", "call_id": "c1", "name": "run", "arguments": '{"command":"ls"}'},
    {"type": "function_call_output", "call_id": "c1", "output": "a.txt"},
    {"role": "assistant", "content": [{"type": "output_text", "text": "found it"}]},
    {"role": "user", "content": [{"type": "input_text", "text": "go on"}]},
]
TOOLS = [{"type": "function", "name": "run", "parameters": {"type": "object", "properties": {}}}]
SUMMARY = [
    chat({"role": "assistant", "content": ""}),
    chat({"content": " They want "}),
    chat({"content": "a.txt"}),
]
SUMMARY += [chat({}, "stop"), b"data: [DONE]\n\n"]


def summing(*providers: TestProvider) -> Line:
    providers = providers or (provider("one", "openai_chat"),)
    return Line(ScriptedUpstream(Script(SUMMARY)), *providers)


def test_the_model_writes_the_summary_where_the_provider_has_no_such_operation() -> None:
    async def main() -> None:
        line = summing()
        sink = await line.ask(
            {"input": TALK, "instructions": "be brief", "tools": TOOLS}, operation="compact"
        )
        answered = msgspec.json.decode(sink.body)
        assert int(sink.headers["content-length"]) == len(sink.body)
        assert answered["object"] == "response.compaction"
        assert answered["id"] == "resp_r1"
        users, made = answered["output"][:-1], answered["output"][-1]
        assert [(item["role"], item["content"]) for item in users] == [
            ("user", [{"type": "input_text", "text": "fix it"}]),
            ("user", [{"type": "input_text", "text": "go on"}]),
        ]
        assert set(made) == {"id", "type", "encrypted_content"}
        assert made["type"] == "compaction"
        assert "They want" not in made["encrypted_content"]
        asked = line.sent[0]
        assert asked["messages"][-1]["content"] == PROMPT  # type: ignore[index]
        assert asked["tool_choice"] == "none"
        assert asked["tools"], "they stay, so that the prompt cache holds"
        assert not asked.get("stream")
        assert line.bench.records[0].operation == "compact"
        with pytest.raises(GatewayError, match="not found"):
            await line.about("retrieve", "resp_r1")

    run(main())


@pytest.mark.parametrize("protocol", ["openai_chat", "anthropic_messages", "openai_responses"])
def test_the_summary_is_read_by_whoever_goes_on(protocol: str) -> None:
    async def main() -> None:
        line = summing()
        short = msgspec.json.decode((await line.ask({"input": TALK}, operation="compact")).body)["output"]
        tape = stream("resp_x", message("ok")) if protocol == "openai_responses" else TAPES[protocol]
        following = Line(ScriptedUpstream(Script(tape)), provider("two", protocol))
        await following.ask(
            {"input": [*short, {"role": "user", "content": "next"}], "stream": True, "store": False}
        )
        said = following.bench.upstream.requests[0].body.decode()
        assert msgspec.json.encode(OPENING).decode().strip('"') + "They want a.txt" in said
        assert "encrypted_content" not in said.replace("reasoning.encrypted_content", "")
        assert '"compaction"' not in said
        again = {"input": [*short, TALK[4]]}
        twice = msgspec.json.decode((await summing().ask(again, operation="compact")).body)
        assert [item["type"] for item in twice["output"] if item.get("type") == "compaction"] == [
            "compaction"
        ]

    run(main())


def test_a_trigger_in_a_request_is_answered_with_one_compaction_item() -> None:
    async def main() -> None:
        thinking = chat({"reasoning_content": "hm"})
        line = Line(ScriptedUpstream(Script([thinking, *SUMMARY])), provider("one", "openai_chat"))
        body = {
            "input": [*TALK, {"type": "compaction_trigger"}],
            "tools": TOOLS,
            "stream": True,
            "store": False,
        }
        sink = await line.ask(body)
        kinds = [line.partition(b"\n")[0].decode() for line in sink.body.split(b"event: ")[1:]]
        assert kinds == [
            "response.created", "response.in_progress", "response.output_item.added",
            "response.output_item.done", "response.completed",
        ]  # fmt: skip
        ended = final(sink)
        assert [item["type"] for item in ended["output"]] == ["compaction"]  # type: ignore[attr-defined]
        whole = final(await line.ask({**body, "stream": False}))
        assert [item["type"] for item in whole["output"]] == ["compaction"]  # type: ignore[attr-defined]

    run(main())


def test_a_trigger_for_a_provider_of_the_protocol_that_has_no_compaction() -> None:
    async def main() -> None:
        upstream = ScriptedUpstream(Script(stream_text("resp_up", "They want a.txt")))
        line = Line(upstream, provider("one", "openai_responses"))
        body = {"input": [*TALK, {"type": "compaction_trigger"}], "stream": True, "store": False}
        ended = final(await line.ask(body))
        assert [item["type"] for item in ended["output"]] == ["compaction"]  # type: ignore[attr-defined]
        assert b"compaction_trigger" not in upstream.requests[0].body
        able = ScriptedUpstream(Script(stream("resp_up", {"type": "compaction", "id": "cmp_1"})))
        line = Line(able, provider("one", "openai_responses", compacts=True))
        await line.ask(body)
        assert b'{"type":"compaction_trigger"}' in able.requests[0].body

    run(main())


def stream_text(ident: str, text: str) -> list[bytes]:
    """A message with its deltas, as the decoder reads them."""
    where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    begun = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    return [
        event("response.created", response=response(ident, status="in_progress")),
        event("response.output_item.added", output_index=0, item=begun),
        event("response.content_part.added", **where, part=part),
        event("response.output_text.delta", **where, delta=text),
        event("response.output_item.done", output_index=0, item=message(text)),
        event("response.completed", response=response(ident, message(text))),
    ]


NATIVE = {
    "id": "resp_c", "object": "response.compaction", "created_at": 1,
    "output": [{"id": "cmp_1", "type": "compaction", "encrypted_content": "gAAA"}],
    "usage": {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10},
}  # fmt: skip


def test_a_provider_that_has_the_operation_is_asked_for_it() -> None:
    async def main() -> None:
        body = msgspec.json.encode(NATIVE)
        upstream = ScriptedUpstream(Script([body], headers=JSON))
        line = Line(upstream, provider("one", "openai_responses", compacts=True, stores=True))
        sink = await line.ask({"input": TALK}, operation="compact")
        assert sink.body == body
        assert upstream.requests[0].url == "http://one/openai_responses/compact"
        assert line.sent[0] == {"model": "one-model", "input": TALK}
        usage = line.bench.records[0].usage
        assert usage is not None
        assert usage.input == 9

    run(main())


def test_a_provider_that_has_it_not_after_all() -> None:
    async def main() -> None:
        upstream = ScriptedUpstream(
            Script([b'{"error":{"message":"no such path"}}'], status=404, headers=JSON),
            Script(stream_text("resp_up", "They want a.txt")),
        )
        line = Line(upstream, provider("one", "openai_responses", compacts=True))
        sink = await line.ask({"input": TALK}, operation="compact")
        assert msgspec.json.decode(sink.body)["output"][-1]["type"] == "compaction"

    run(main())


def test_what_goes_wrong_is_said() -> None:
    async def main() -> None:
        calls = Line(ScriptedUpstream(Script(TAPES["openai_chat"][2:])), provider("one", "openai_chat"))
        with pytest.raises(GatewayError, match="wrote none"):
            await calls.ask({"input": TALK}, operation="compact")
        assert calls.bench.records[0].status == 502
        broken = summing()
        with pytest.raises(GatewayError, match="input"):
            await broken.ask({"input": 5}, operation="compact")
        gone = await refused(
            summing(), {"input": TALK, "previous_response_id": "resp_x"}, operation="compact"
        )
        assert gone.code == "previous_response_not_found"

    run(main())


def test_a_kept_conversation_can_be_made_short() -> None:
    async def main() -> None:
        line = summing()
        await line.ask({"input": "one"})
        short = msgspec.json.decode(
            (await line.ask({"input": [], "previous_response_id": "resp_r1"}, operation="compact")).body
        )
        assert [item.get("role") for item in short["output"]] == ["user", None]
        assert "one" in msgspec.json.encode(line.sent[1]).decode()

    run(main())
