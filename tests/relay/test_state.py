"""Responses that continue each other, over every kind of provider: what goes out, and what comes back."""

import msgspec
import pytest

from relay.kit import JSON, Bench, Script, ScriptedUpstream, TestProvider, WritingSink, provider
from relay.test_rooms import TAPES, named
from relay.virtual import run
from trunkline.core.errors import GatewayError, Kind
from trunkline.protocols.anthropic_messages import ANTHROPIC_MESSAGES
from trunkline.protocols.codec import Peek
from trunkline.protocols.openai_chat import OPENAI_CHAT
from trunkline.protocols.openai_responses import OPENAI_RESPONSES
from trunkline.relay.inbound import Inbound, Operation, Subject
from trunkline.relay.kept import AnswerStore

ROOMS = {room.name: room for room in (ANTHROPIC_MESSAGES, OPENAI_CHAT, OPENAI_RESPONSES)}
TRANSLATED = ("anthropic_messages", "openai_chat")


def message(text: str, ident: str = "msg_1") -> dict[str, object]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {
        "id": ident,
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def response(ident: str, *output: dict[str, object], status: str = "completed") -> dict[str, object]:
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    return {
        "id": ident, "object": "response", "created_at": 1, "status": status, "model": "up", "output": output,
        "usage": usage, "store": True,
    }  # fmt: skip


def event(kind: str, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode({"type": kind, **fields}))


def stream(ident: str, *output: dict[str, object], empty: bool = False) -> list[bytes]:
    out = [event("response.created", response=response(ident, status="in_progress"))]
    for index, item in enumerate(output):
        out.append(event("response.output_item.added", output_index=index, item=item))
        out.append(event("response.output_item.done", output_index=index, item=item))
    out.append(event("response.completed", response=response(ident, *(() if empty else output))))
    return out


class Line:
    """One gateway and its clients' requests, one after the other."""

    def __init__(self, upstream: ScriptedUpstream, *providers: TestProvider, strict: bool = False) -> None:
        self.bench = Bench(upstream, providers=providers, codecs=dict(ROOMS), strict=strict)
        self.number = 0

    @property
    def sent(self) -> list[dict[str, object]]:
        return [msgspec.json.decode(asked.body) for asked in self.bench.upstream.requests if asked.body]

    async def ask(
        self,
        body: dict[str, object],
        *,
        tenant: str = "tenant",
        operation: Operation = "generate",
        subject: Subject | None = None,
        memory: AnswerStore | None = None,
    ) -> WritingSink:
        self.number += 1
        inbound = Inbound(
            codec=OPENAI_RESPONSES, operation=operation, body=msgspec.json.encode({"model": "m", **body}),
            headers=(), request_id=f"r{self.number}", client=tenant, subject=subject, memory=memory,
        )  # fmt: skip
        if subject is not None:
            inbound = msgspec.structs.replace(inbound, body=b"", peek=Peek(""))
        sink = WritingSink()
        await self.bench.build().run(inbound, sink)
        return sink

    async def about(
        self, operation: Operation, answer_id: str, query: str = "", tenant: str = "tenant"
    ) -> dict[str, object]:
        subject = Subject(answer_id, query)
        sink = await self.ask({}, tenant=tenant, operation=operation, subject=subject)
        return msgspec.json.decode(sink.body)


async def refused(line: Line, body: dict[str, object], **more: str) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        await line.ask(body, **more)  # type: ignore[arg-type]
    return raised.value


def translated(protocol: str, **facts: object) -> Line:
    return Line(ScriptedUpstream(Script(TAPES[protocol])), provider("one", protocol, **facts))


def final(sink: WritingSink) -> dict[str, object]:
    """The response object that ended a stream, or a whole one."""
    if sink.headers["content-type"] == "application/json":
        return msgspec.json.decode(sink.body)
    last = sink.body.rstrip().rpartition(b"\ndata: ")[2]
    return msgspec.json.decode(last)["response"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("protocol", TRANSLATED)
def test_E81_a_conversation_goes_on_with_a_provider_that_keeps_nothing(
    protocol: str, streamed: bool
) -> None:
    async def main() -> None:
        line = translated(protocol)
        first = final(await line.ask({"input": "hello", "stream": streamed}))
        assert (first["id"], first["store"], first["previous_response_id"]) == ("resp_r1", True, None)
        result = {"type": "function_call_output", "call_id": "call_1", "output": "a.txt"}
        again = {"input": [result], "previous_response_id": "resp_r1", "stream": streamed}
        second = final(await line.ask(again))
        assert second["previous_response_id"] == "resp_r1"
        await line.ask({"input": "and?", "previous_response_id": "resp_r2", "stream": streamed})
        one, two, three = (asked["messages"] for asked in line.sent)
        assert isinstance(two, list)
        assert isinstance(three, list)
        assert two[: len(one)] == one, "the beginning stays as it was"
        assert three[: len(two)] == two
        texts = msgspec.json.encode(two).decode()
        assert "hello" in texts
        assert "I look" in texts
        assert "a.txt" in texts
        assert not line.bench.records[1].losses

    run(main())


def test_the_bytes_of_the_conversation_stay_for_a_provider_of_the_same_protocol() -> None:
    async def main() -> None:
        line = Line(
            ScriptedUpstream(Script(stream("resp_up1", message("one"))), Script(stream("resp_up2"))),
            provider("one", "openai_responses"),
        )
        body = b'{"model":"m", "stream":true,"input":[{"role":"user",  "content":"h\\u00e9 /"}]}'
        inbound = Inbound(
            codec=OPENAI_RESPONSES, operation="generate", body=body, headers=(), request_id="r1", client="t"
        )
        await line.bench.build().run(inbound, WritingSink())
        following = b'{"model":"m","stream":true,"previous_response_id":"resp_up1","input":"next"}'
        await line.bench.build().run(msgspec.structs.replace(inbound, body=following), WritingSink())
        first, second = (asked.body for asked in line.bench.upstream.requests)
        assert b'"input":[{"role":"user",  "content":"h\\u00e9 /"}]' in first
        assert b'"store":false' in first
        assert b'"input":[{"role":"user",  "content":"h\\u00e9 /"},{"id":"msg_1"' in second
        assert second.count(b"previous_response_id") == 0
        assert b'{"type":"message","role":"user","content":"next"}]' in second

    run(main())


def test_T25_signed_thinking_of_a_kept_answer_goes_back_to_its_maker() -> None:
    async def main() -> None:
        start, *_ = TAPES["anthropic_messages"]
        thinking = {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "thinking", "thinking": ""},
        }
        deltas = (
            {"type": "thinking_delta", "thinking": "hm"},
            {"type": "signature_delta", "signature": "proof"},
        )
        tape = [start, named(thinking)]
        tape += [named({"type": "content_block_delta", "index": 0, "delta": delta}) for delta in deltas]
        tape += [named({"type": "content_block_stop", "index": 0})]
        call = {"type": "tool_use", "id": "call_1", "name": "run", "input": {}}
        tape += [named({"type": "content_block_start", "index": 1, "content_block": call})]
        tape += TAPES["anthropic_messages"][-3:]
        tape[-3] = named({"type": "content_block_stop", "index": 1})
        line = Line(
            ScriptedUpstream(Script(tape)), provider("one", "anthropic_messages", reasoning="budget")
        )
        tools = [{"type": "function", "name": "run", "parameters": {"type": "object"}}]
        asked = {"input": "hello", "stream": True, "tools": tools, "reasoning": {"effort": "high"}}
        await line.ask(asked)
        result = {"type": "function_call_output", "call_id": "call_1", "output": "a.txt"}
        await line.ask({**asked, "input": [result], "previous_response_id": "resp_r1"})
        said = line.sent[1]["messages"][1]  # type: ignore[index]
        assert said["content"][0] == {"type": "thinking", "thinking": "hm", "signature": "proof"}
        assert said["content"][1]["type"] == "tool_use"

    run(main())


def test_a_provider_that_ends_its_stream_with_an_empty_output() -> None:
    async def main() -> None:
        line = Line(
            ScriptedUpstream(Script(stream("resp_up", message("kept"), empty=True))),
            provider("one", "openai_responses"),
        )
        await line.ask({"input": "hello", "stream": True})
        kept = await line.about("retrieve", "resp_up")
        assert kept["output"] == [message("kept")]

    run(main())


def test_reasoning_that_nobody_can_prove_is_not_sent_again() -> None:
    async def main() -> None:
        bare = {"id": "rs_1", "type": "reasoning", "summary": []}
        sealed = {"id": "rs_2", "type": "reasoning", "summary": [], "encrypted_content": "abc"}
        open_weights = {
            "id": "rs_3", "type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "t"}],
        }  # fmt: skip
        line = Line(
            ScriptedUpstream(Script(stream("resp_up", bare, sealed, open_weights, message("x")))),
            provider("one", "openai_responses"),
        )
        await line.ask({"input": "hello", "stream": True})
        await line.ask({"input": "on", "stream": True, "previous_response_id": "resp_up"})
        sent = line.sent[1]["input"]
        assert isinstance(sent, list)
        assert [item.get("id") for item in sent] == [None, "rs_2", "rs_3", "msg_1", None]
        assert len((await line.about("retrieve", "resp_up"))["output"]) == 4  # type: ignore[arg-type]

    run(main())


def test_T25_a_provider_that_keeps_answers_is_left_to_it() -> None:
    async def main() -> None:
        line = Line(
            ScriptedUpstream(Script(stream("resp_up", message("x")))),
            provider("other", "openai_chat"),
            provider("one", "openai_responses", stores=True),
        )
        body = {"input": "hello", "stream": True}
        line.bench.providers = line.bench.providers[1:]
        await line.ask(body)
        line.bench.providers = (provider("other", "openai_chat"), *line.bench.providers)
        await line.ask({"input": "on", "stream": True, "previous_response_id": "resp_up"})
        assert "store" not in line.sent[0]
        assert line.sent[1]["previous_response_id"] == "resp_up"
        assert line.sent[1]["input"] == "on"
        assert [record.provider for record in line.bench.records] == ["one", "one"]

    run(main())


def test_T25_what_one_provider_keeps_another_cannot_continue() -> None:
    async def main() -> None:
        line = Line(
            ScriptedUpstream(Script(stream("resp_up", message("x")))),
            provider("one", "openai_responses", stores=True),
        )
        await line.ask({"input": "hello", "stream": True})
        line.bench.providers = (provider("two", "openai_chat"),)
        error = await refused(line, {"input": "on", "previous_response_id": "resp_up"})
        assert error.status == 400
        assert "kept by one" in error.message
        assert "two/model" in error.message

    run(main())


def test_requests_about_an_answer_that_the_provider_keeps_go_there() -> None:
    async def main() -> None:
        kept = msgspec.json.encode(response("resp_up", message("x")))
        gone = b'{"error":{"message":"Response with id \'resp_up\' not found.","type":"invalid_request_error"}}'
        line = Line(
            ScriptedUpstream(
                Script(stream("resp_up", message("x"))),
                Script([kept], headers=JSON),
                Script([b'{"object":"list","data":[]}'], headers=JSON),
                Script(stream("resp_up", message("x"))),
                Script([b'{"id":"resp_up","object":"response","deleted":true}'], headers=JSON),
                Script([gone], status=404, headers=JSON),
            ),
            provider("one", "openai_responses", stores=True),
        )
        await line.ask({"input": "hello", "stream": True})
        assert await line.about("retrieve", "resp_up", "include=x") == msgspec.json.decode(kept)
        assert (await line.about("list_input", "resp_up", "limit=2&order=asc"))["object"] == "list"
        subject = Subject("resp_up", "stream=true&starting_after=1")
        again = await line.ask({}, operation="retrieve", subject=subject)
        assert again.headers["content-type"].startswith("text/event-stream")
        assert final(again)["id"] == "resp_up"
        assert (await line.about("delete", "resp_up"))["deleted"] is True
        with pytest.raises(GatewayError, match="not found"):
            await line.about("retrieve", "resp_up")
        asked = [(one.method, one.url) for one in line.bench.upstream.requests[1:]]
        base = "http://one/openai_responses/resp_up"
        assert asked == [
            ("GET", f"{base}?include=x"),
            ("GET", f"{base}/input_items?limit=2&order=asc"),
            ("GET", f"{base}?stream=true&starting_after=1"),
            ("DELETE", base),
        ]
        assert [record.operation for record in line.bench.records] == [
            "generate", "retrieve", "list_input", "retrieve", "delete", "retrieve",
        ]  # fmt: skip

    run(main())


def test_an_answer_that_is_gone_is_a_404_in_the_vendors_words() -> None:
    async def main() -> None:
        line = translated("openai_chat")
        error = await refused(line, {"input": "on", "previous_response_id": "resp_x"})
        reply = OPENAI_RESPONSES.encode_error(error, "r")
        assert reply.status == 404
        assert msgspec.json.decode(reply.body)["error"] == {
            "message": "Previous response with id 'resp_x' not found.",
            "type": "invalid_request_error",
            "param": "previous_response_id",
            "code": "previous_response_not_found",
        }
        assert line.bench.records[0].status == 404
        for operation in ("retrieve", "delete", "list_input", "cancel"):
            with pytest.raises(GatewayError, match="Response with id 'resp_x' not found") as raised:
                await line.about(operation, "resp_x")  # type: ignore[arg-type]
            assert raised.value.status == 404
        assert not line.bench.upstream.requests

    run(main())


def test_one_tenant_never_sees_anothers() -> None:
    async def main() -> None:
        line = translated("openai_chat")
        await line.ask({"input": "secret"}, tenant="mine")
        for operation in ("retrieve", "delete", "list_input"):
            with pytest.raises(GatewayError, match="not found"):
                await line.about(operation, "resp_r1", tenant="yours")  # type: ignore[arg-type]
        error = await refused(line, {"input": "on", "previous_response_id": "resp_r1"}, tenant="yours")
        assert error.status == 404
        assert (await line.about("retrieve", "resp_r1", tenant="mine"))["id"] == "resp_r1"

    run(main())


def test_an_id_from_before_a_restart_is_asked_of_the_provider_where_there_is_one_tenant() -> None:
    async def main() -> None:
        line = Line(
            ScriptedUpstream(Script(stream("resp_new", message("x")))),
            provider("other", "openai_chat"),
            provider("one", "openai_responses", stores=True),
        )
        body = {"input": "on", "stream": True, "previous_response_id": "resp_old"}
        assert (await refused(line, body, tenant="a key")).status == 404
        await line.ask(body, tenant="-")
        assert line.sent[0]["previous_response_id"] == "resp_old"
        assert line.bench.records[-1].provider == "one"

    run(main())


def test_nothing_is_kept_of_what_must_not_be() -> None:
    async def main() -> None:
        line = translated("openai_chat")
        answered = final(await line.ask({"input": "hello", "store": False}))
        assert answered["store"] is False
        error = await refused(line, {"input": "on", "previous_response_id": "resp_r1"})
        assert error.status == 404

    run(main())


def test_a_connection_remembers_what_is_not_kept() -> None:
    async def main() -> None:
        line = translated("anthropic_messages")
        memory = AnswerStore(line.bench.clock.now)
        await line.ask({"input": "hello", "store": False, "stream": True}, memory=memory)
        body = {"input": "on", "store": False, "stream": True, "previous_response_id": "resp_r1"}
        await line.ask(body, memory=memory)
        assert "hello" in msgspec.json.encode(line.sent[1]).decode()
        assert (await refused(line, body)).status == 404, "another connection knows nothing of it"

    run(main())


def test_tools_alone_may_be_prepared() -> None:
    """As Codex does with models that get their tools as items of the input."""

    async def main() -> None:
        line = translated("anthropic_messages")
        memory = AnswerStore(line.bench.clock.now)
        asked: dict[str, object] = {"input": [], "store": False, "stream": True, "tool_choice": "auto"}
        warm = final(await line.ask(asked, operation="prepare", memory=memory))
        assert (warm["status"], warm["output"]) == ("completed", [])
        await line.ask({**asked, "input": "go", "previous_response_id": warm["id"]}, memory=memory)
        assert "go" in msgspec.json.encode(line.sent[0]).decode()
        error = await refused(line, asked)
        assert error.field == "input", "a request that generates needs one"

    run(main())


def test_a_request_may_be_prepared_and_continued() -> None:
    async def main() -> None:
        line = translated("anthropic_messages")
        memory = AnswerStore(line.bench.clock.now)
        asked = {"input": "the system's long story", "store": False, "stream": True}
        warm = final(await line.ask(asked, operation="prepare", memory=memory))
        assert (warm["id"], warm["status"], warm["output"]) == ("resp_r1", "completed", [])
        assert warm["usage"]["total_tokens"] == 0  # type: ignore[index]
        assert not line.bench.upstream.requests
        await line.ask(
            {"input": "go", "store": False, "stream": True, "previous_response_id": "resp_r1"},
            memory=memory,
        )
        said = msgspec.json.encode(line.sent[0]).decode()
        assert said.index("long story") < said.index("go")
        with pytest.raises(GatewayError, match="Invalid type"):
            await line.ask({"input": [1], "stream": True}, operation="prepare", memory=memory)

    run(main())


@pytest.mark.parametrize("field", ["background", "conversation", "prompt"])
def test_what_only_a_keeping_provider_can_do_is_refused_elsewhere(field: str) -> None:
    async def main() -> None:
        value: object = True if field == "background" else {"id": "x"}
        line = translated("openai_chat")
        error = await refused(line, {"input": "hello", field: value})
        assert error.status == 400
        assert field in error.message
        keeping = Line(
            ScriptedUpstream(
                Script([msgspec.json.encode(response("resp_up", status="queued"))], headers=JSON),
                Script([msgspec.json.encode(response("resp_up", status="cancelled"))], headers=JSON),
            ),
            provider("one", "openai_responses", stores=True),
        )
        await keeping.ask({"input": "hello", field: value})
        assert keeping.sent[0][field] == value
        assert (await keeping.about("cancel", "resp_up"))["status"] == "cancelled"
        last = keeping.bench.upstream.requests[-1]
        assert (last.method, last.url) == ("POST", "http://one/openai_responses/resp_up/cancel")

    run(main())


def test_what_is_complete_cannot_be_cancelled_or_streamed_again() -> None:
    async def main() -> None:
        line = translated("openai_chat")
        await line.ask({"input": "hello"})
        with pytest.raises(GatewayError, match="can be cancelled"):
            await line.about("cancel", "resp_r1")
        with pytest.raises(GatewayError, match="streamed again"):
            await line.about("retrieve", "resp_r1", "stream=true")

    run(main())


def test_the_items_an_answer_was_made_from_are_listed_in_pages() -> None:
    async def main() -> None:
        line = translated("openai_chat")
        await line.ask({"input": [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}]})
        await line.ask({"input": "three", "previous_response_id": "resp_r1"})
        every = await line.about("list_input", "resp_r2", "order=asc")
        data = every["data"]
        assert isinstance(data, list)
        kinds = [item["type"] for item in data]
        assert kinds == ["message", "message", "message", "function_call", "message"]
        assert data[0]["content"] == [{"type": "input_text", "text": "one"}]
        ids = [item["id"] for item in data]
        assert len(set(ids)) == 5
        assert max(map(len, ids)) <= 64
        assert (every["first_id"], every["last_id"], every["has_more"]) == (ids[0], ids[-1], False)
        page = await line.about("list_input", "resp_r2", "limit=2")
        assert [item["id"] for item in page["data"]] == ids[:2:-1]  # type: ignore[attr-defined]
        assert page["has_more"] is True
        rest = await line.about("list_input", "resp_r2", f"after={page['last_id']}")
        assert [item["id"] for item in rest["data"]] == ids[2::-1]  # type: ignore[attr-defined]
        for query in ("limit=0", "limit=101", "limit=x", "order=up", "after=nobody"):
            with pytest.raises(GatewayError) as raised:
                await line.about("list_input", "resp_r2", query)
            assert raised.value.status == 400

    run(main())


def test_a_failed_answer_is_not_continued() -> None:
    async def main() -> None:
        broken = [
            TAPES["openai_chat"][0],
            TAPES["openai_chat"][1],
            GatewayError(Kind.TRUNCATED, "reset", local=False),
        ]
        line = Line(ScriptedUpstream(Script(broken)), provider("one", "openai_chat"))
        sink = await line.ask({"input": "hello", "stream": True})
        assert final(sink)["status"] == "failed"
        with pytest.raises(GatewayError, match="not found"):
            await line.about("retrieve", "resp_r1")

    run(main())


def test_strict_mode_has_nothing_to_refuse() -> None:
    async def main() -> None:
        line = translated("anthropic_messages", reasoning="none")
        line.bench.strict = True
        await line.ask({"input": "hello", "store": True})

    run(main())
