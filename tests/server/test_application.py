"""Routes, answers and errors (clients.md 4, protocols.md E112, E113; reliability_ux.md T55, T56)."""

import asyncio
import logging
import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.harness import ANSWER, JSON, POST, STREAM, Gateway, gateway, read_answer, request
from trunkline.core.errors import GatewayError, Kind
from trunkline.protocols.codec import Peek
from trunkline.relay.inbound import Inbound, Subject
from trunkline.relay.ports import Sink
from trunkline.server.sink import encode_value

MODEL_ROUTES = [
    ("/messages", "anthropic_messages", "generate"),
    ("/messages/count_tokens", "anthropic_messages", "count_tokens"),
    ("/chat/completions", "openai_chat", "generate"),
    ("/responses", "openai_responses", "generate"),
]


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize(("path", "protocol", "operation"), MODEL_ROUTES)
@pytest.mark.parametrize("query", ["", "?beta=true"])
def test_model_routes(
    plain: Gateway, prefix: str, path: str, protocol: str, operation: str, query: str
) -> None:
    reply = plain.request(
        "POST", prefix + path + query, b'{"model":"m"}', [("User-Agent", "x"), ("Anthropic-Beta", "a,b")]
    )
    assert (reply.status, reply.body) == (200, ANSWER)
    (inbound,) = plain.relay.seen
    assert (inbound.codec.name, inbound.operation, inbound.body) == (protocol, operation, b'{"model":"m"}')
    assert inbound.headers == (("user-agent", "x"), ("anthropic-beta", "a,b"))
    assert inbound.request_id == reply.header("x-trunkline-request-id")
    assert inbound.client == "-"


GEMINI_CALLS = [
    ("generateContent", "generate", Peek("m")),
    ("streamGenerateContent", "generate", Peek("m", True)),
    ("streamGenerateContent?alt=sse", "generate", Peek("m", True)),
    ("countTokens", "count_tokens", Peek("m")),
]


@pytest.mark.parametrize(
    "place",
    [
        "/v1beta/models/",
        "/v1/models/",
        "/models/",
        "/v1beta1/projects/p/locations/l/publishers/google/models/",
    ],
)
@pytest.mark.parametrize(("method", "operation", "peek"), GEMINI_CALLS)
def test_geminis_paths_say_model_and_method(
    plain: Gateway, place: str, method: str, operation: str, peek: Peek
) -> None:
    reply = plain.request("POST", f"{place}m:{method}", b'{"model":"not this"}')
    assert (reply.status, reply.body) == (200, ANSWER)
    (inbound,) = plain.relay.seen
    assert (inbound.codec.name, inbound.operation, inbound.peek) == ("gemini", operation, peek)


@pytest.mark.parametrize(
    ("spelled", "model"),
    [
        ("dbx/databricks-claude-sonnet-4-5", "dbx/databricks-claude-sonnet-4-5"),
        ("dbx%2Fdatabricks-claude-sonnet-4-5", "dbx/databricks-claude-sonnet-4-5"),
        ("dbx,system.ai.gpt-5", "dbx,system.ai.gpt-5"),
        ("dbx%2Csystem.ai.gpt-5", "dbx,system.ai.gpt-5"),
        ("local%2Fqwen3:8b", "local/qwen3:8b"),
        ("my%20model", "my model"),
        ("models%2Fsonnet", "sonnet"),
        ("sonnet%3AgenerateContent", "sonnet"),
    ],
)
def test_a_model_in_a_path_may_be_spelled_in_any_way(plain: Gateway, spelled: str, model: str) -> None:
    method = "" if "generateContent" in spelled else ":generateContent"
    assert plain.request("POST", f"/v1beta/models/{spelled}{method}", b"{}").status == 200
    assert plain.relay.seen[0].peek == Peek(model)


EVENTS = b'data: {"a":1}\n\n', b"\n\n", b'data: {"b"', b':"}"}\r\n\r\n'


async def three_pieces(inbound: Inbound, sink: Sink) -> None:
    await sink.start(200, (STREAM,))
    for piece in EVENTS:
        await sink.send(piece)


def test_E99_a_stream_is_an_array_unless_events_are_asked_for(plain: Gateway) -> None:
    plain.relay.script = three_pieces
    events = plain.request("POST", "/v1beta/models/m:streamGenerateContent?alt=sse", b"{}")
    assert (events.header("content-type"), events.body) == (STREAM[1], b"".join(EVENTS))
    array = plain.request("POST", "/v1beta/models/m:streamGenerateContent", b"{}")
    assert array.header("content-type") == "application/json; charset=utf-8"
    assert (array.complete, array.body) == (True, b'[{"a":1}\n\r\n,{"b":"}"}]')


def test_E99_an_array_that_breaks_off_ends_with_the_error(plain: Gateway) -> None:
    async def fail(inbound: Inbound, sink: Sink) -> None:
        await sink.start(200, (STREAM,))
        await sink.send(EVENTS[0])
        raise ZeroDivisionError

    plain.relay.script = fail
    reply = plain.request("POST", "/v1beta/models/m:streamGenerateContent", b"{}")
    assert reply.complete
    first, last = msgspec.json.decode(reply.body)
    assert first == {"a": 1}
    assert "failed on this request" in last["message"]


def test_E99_an_error_before_an_array_is_its_only_element(plain: Gateway) -> None:
    async def refuse(inbound: Inbound, sink: Sink) -> None:
        raise GatewayError(Kind.RATE_LIMITED, "slow down")

    plain.relay.script = refuse
    reply = plain.request("POST", "/v1beta/models/m:streamGenerateContent", b"{}")
    (error,) = msgspec.json.decode(reply.body)
    assert (reply.status, reply.complete, error["message"]) == (429, True, "slow down")
    events = plain.request("POST", "/v1beta/models/m:streamGenerateContent?alt=sse", b"{}")
    assert (events.status, events.json["message"]) == (429, "slow down")


def test_an_unknown_method_of_geminis_names_those_there_are(plain: Gateway) -> None:
    reply = plain.request("POST", "/v1beta/models/m:predict", b"{}")
    assert (reply.status, reply.json["protocol"]) == (404, "gemini")
    assert "generateContent, streamGenerateContent, countTokens" in str(reply.json["message"])
    assert plain.request("DELETE", "/v1beta/models/m").status == 405
    assert plain.request("GET", "/v1beta/models/m:generateContent").header("allow") == "POST"


def test_E113_geminis_list(plain: Gateway) -> None:
    methods = ["generateContent", "streamGenerateContent", "countTokens"]
    expected = [
        {"name": "models/dbx/databricks-claude-sonnet-4-5", "displayName": "Sonnet", "version": "",
         "supportedGenerationMethods": methods},
        {"name": "models/sonnet", "displayName": "sonnet", "version": "", "supportedGenerationMethods": methods},
    ]  # fmt: skip
    assert plain.request("GET", "/v1beta/models?pageSize=50").json == {"models": expected}
    assert plain.request("GET", "/v1beta/models/sonnet").json == expected[1]
    assert plain.request("GET", "/v1beta/models/dbx%2Fdatabricks-claude-sonnet-4-5").json == expected[0]
    sdk = ("x-goog-api-client", "google-genai-sdk/1.0")
    assert plain.request("GET", "/v1/models", b"", [sdk]).json == {"models": expected}
    missing = plain.request("GET", "/v1beta/models/sonet")
    assert (missing.status, missing.json["protocol"]) == (404, "gemini")


def test_the_databricks_proxys_own_path_is_served(plain: Gateway) -> None:
    assert plain.request("POST", "/v1/databricks/messages", b"{}").status == 200
    assert plain.relay.seen[0].codec.name == "anthropic_messages"


def test_E112_count_tokens_is_served_and_never_a_404(plain: Gateway) -> None:
    assert plain.request("POST", "/v1/messages/count_tokens?beta=true", b"{}").status == 200
    assert plain.relay.seen[0].operation == "count_tokens"


@pytest.mark.parametrize(
    "path",
    ["/completions", "/v1/completions", "/embeddings", "/v1/embeddings"],
)
def test_what_is_not_yet_served_says_so(plain: Gateway, path: str) -> None:
    reply = plain.request("POST", path, b"{}")
    assert reply.status == 501
    assert reply.json["protocol"] == "openai_chat"
    assert "not yet served" in str(reply.json["message"])
    assert reply.header("x-should-retry") == "false"


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/responses/resp_1", "retrieve"),
        ("DELETE", "/responses/resp_1", "delete"),
        ("GET", "/responses/resp_1/input_items", "list_input"),
        ("POST", "/responses/resp_1/cancel", "cancel"),
    ],
)
def test_requests_about_an_answer(
    plain: Gateway, prefix: str, method: str, path: str, operation: str
) -> None:
    assert plain.request(method, f"{prefix}{path}?limit=2&x").status == 200
    seen = plain.relay.seen[0]
    assert (seen.codec.name, seen.operation, seen.body) == ("openai_responses", operation, b"")
    assert seen.subject == Subject("resp_1", "limit=2&x")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/responses/resp_1", 405),
        ("GET", "/v1/responses/resp_1/cancel", 405),
        ("DELETE", "/v1/responses/resp_1/input_items", 405),
        ("GET", "/v1/responses/resp_1/other", 404),
        ("GET", "/v1/responses/a%2Fb", 404),
        ("GET", "/v1/responses/", 404),
        ("GET", "/v1/responses", 405),
        ("GET", "/v1/responses/compact", 405),
    ],
)
def test_what_is_no_request_about_an_answer(plain: Gateway, method: str, path: str, status: int) -> None:
    assert plain.request(method, path).status == status
    assert not plain.relay.seen


@pytest.mark.parametrize("path", ["/responses/compact", "/v1/responses/compact"])
def test_compaction_is_an_operation_of_its_own(plain: Gateway, path: str) -> None:
    assert plain.request("POST", path, b"{}").status == 200
    assert (plain.relay.seen[0].codec.name, plain.relay.seen[0].operation) == (
        "openai_responses",
        "compact",
    )


@pytest.mark.parametrize("path", ["/", "/api/hello", "/health", "/livez", "/readyz"])
def test_probes(plain: Gateway, path: str) -> None:
    assert plain.request("GET", path).status == 200
    with plain.connect() as client:
        client.sendall(request("HEAD", path) + request("GET", "/livez"))
        reply = client.recv(65536)
    assert reply.startswith(b"HTTP/1.1 200")
    assert reply.split(b"\r\n\r\n", 1)[1][:5] in (b"", b"HTTP/")


def test_health(plain: Gateway) -> None:
    summary = plain.request("GET", "/health").json
    assert (summary["status"], summary["version"], summary["rehearsal"]) == ("ok", "0.0.0-test", True)
    assert summary["timestamp"]
    assert "providers" not in summary
    assert plain.request("GET", "/health/detailed").json["providers"] == {"dbx": "up"}


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/v1/v1/messages", "use /v1/messages"),
        ("//v1/messages", "use /v1/messages"),
        ("/v1/messages/", "use /v1/messages"),
        ("/v1/v1/chat/completions", "use /v1/chat/completions"),
        ("/v1/mesages", "nearest route is /v1/messages"),
        ("/chat/completion", "nearest route is /chat/completions"),
    ],
)
def test_an_unknown_path_names_the_nearest(plain: Gateway, path: str, meant: str) -> None:
    reply = plain.request("POST", path, b"{}")
    assert reply.status == 404
    assert meant in str(reply.json["message"])
    assert reply.header("x-should-retry") == "false"


def test_errors_come_in_the_clients_protocol(plain: Gateway) -> None:
    def protocol(path: str, *headers: tuple[str, str]) -> object:
        return plain.request("DELETE", path, b"", headers).json["protocol"]

    assert protocol("/v1/messages") == "anthropic_messages"
    assert protocol("/v1/chat/completions") == "openai_chat"
    assert protocol("/v1/embeddings") == "openai_chat"
    assert protocol("/nothing") == "openai_chat"
    assert protocol("/v1/responses") == "openai_responses"
    assert protocol("/v2/responses") == "openai_responses"
    assert protocol("/v1beta/models/m:generateContent") == "gemini"
    assert protocol("/v1beta/models/m") == "gemini"
    assert protocol("/v1beta/nothing") == "gemini"
    assert protocol("/v1/models", ("x-goog-api-client", "google-genai-sdk/1")) == "gemini"
    assert protocol("/v2/messages") == "anthropic_messages"
    assert protocol("/nothing", ("anthropic-version", "2023-06-01")) == "anthropic_messages"
    assert protocol("/v1/models", ("User-Agent", "claude-cli/2")) == "anthropic_messages"


def test_a_wrong_method_names_the_right_ones(plain: Gateway) -> None:
    reply = plain.request("GET", "/v1/messages")
    assert (reply.status, reply.header("allow")) == (405, "POST")
    assert plain.request("POST", "/v1/models", b"{}").header("allow") == "GET, HEAD"


def test_E113_models_in_both_shapes(plain: Gateway) -> None:
    for path in ("/models", "/v1/models", "/v1/models?limit=1000"):
        openai = plain.request("GET", path).json
        assert openai["object"] == "list"
        assert openai["data"] == [
            {"id": "dbx/databricks-claude-sonnet-4-5", "owned_by": "dbx", "created": 0, "object": "model"},
            {"id": "sonnet", "owned_by": "trunkline", "created": 0, "object": "model"},
        ]
        for header in (("anthropic-version", "2023-06-01"), ("User-Agent", "claude-code/2.1")):
            anthropic = plain.request("GET", path, b"", [header])
            assert anthropic.json == {
                "data": [
                    {"type": "model", "id": "dbx/databricks-claude-sonnet-4-5", "display_name": "Sonnet",
                     "created_at": "1970-01-01T00:00:00Z"},
                    {"type": "model", "id": "sonnet", "display_name": "sonnet", "created_at": "1970-01-01T00:00:00Z"},
                    {"type": "model", "id": "anthropic/sonnet", "display_name": "sonnet",
                     "created_at": "1970-01-01T00:00:00Z"},
                ],
                "has_more": False,
                "first_id": "dbx/databricks-claude-sonnet-4-5",
                "last_id": "anthropic/sonnet",
            }  # fmt: skip


def test_E113_one_model(plain: Gateway) -> None:
    assert plain.request("GET", "/v1/models/sonnet").json["object"] == "model"
    for spelled in ("dbx/databricks-claude-sonnet-4-5", "dbx%2Fdatabricks-claude-sonnet-4-5"):
        reply = plain.request("GET", f"/models/{spelled}", b"", [("anthropic-version", "x")])
        assert (reply.json["type"], reply.json["display_name"]) == ("model", "Sonnet")
    missing = plain.request("GET", "/v1/models/sonet")
    assert missing.status == 404
    assert "sonnet" in str(missing.json["message"])


def test_an_error_before_the_answer_is_in_the_envelope(plain: Gateway) -> None:
    async def refuse(inbound: Inbound, sink: Sink) -> None:
        raise GatewayError(Kind.RATE_LIMITED, "slow down")

    plain.relay.script = refuse
    reply = plain.ask(POST)
    assert (reply.status, reply.json["message"], reply.json["protocol"]) == (
        429,
        "slow down",
        "anthropic_messages",
    )
    assert reply.json["id"] == reply.header("x-trunkline-request-id")


def test_a_fault_of_ours_is_a_500_without_a_trace(plain: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(inbound: Inbound, sink: Sink) -> None:
        raise ZeroDivisionError("secret detail")

    plain.relay.script = fail
    with caplog.at_level(logging.ERROR):
        reply = plain.ask(POST)
    assert (reply.status, reply.json["kind"]) == (500, "internal")
    assert b"secret" not in reply.body
    assert b"Traceback" not in reply.body
    assert str(reply.header("x-trunkline-request-id")) in caplog.text


def test_a_fault_inside_a_stream_ends_it_with_one_error_event(plain: Gateway) -> None:
    async def fail(inbound: Inbound, sink: Sink) -> None:
        await sink.start(200, (STREAM,))
        await sink.send(b"event: a\ndata: half")
        raise ZeroDivisionError

    plain.relay.script = fail
    reply = plain.ask(POST)
    assert reply.complete
    assert reply.body.startswith(b"event: a\ndata: half\n\nevent: error\ndata: ")
    assert reply.body.count(b"event: error") == 1


def test_a_fault_inside_a_plain_answer_breaks_it_off(plain: Gateway) -> None:
    async def fail(inbound: Inbound, sink: Sink) -> None:
        await sink.start(200, (JSON, ("content-length", "100")))
        await sink.send(b"{")
        raise ZeroDivisionError

    plain.relay.script = fail
    assert not plain.ask(POST).complete


def test_a_relay_that_answers_nothing_is_a_500(plain: Gateway) -> None:
    async def silent(inbound: Inbound, sink: Sink) -> None:
        await asyncio.sleep(0)

    plain.relay.script = silent
    assert plain.ask(POST).status == 500


def test_an_answer_without_a_body_is_complete(plain: Gateway) -> None:
    async def empty(inbound: Inbound, sink: Sink) -> None:
        await sink.start(200, (("content-length", "0"),))

    plain.relay.script = empty
    assert plain.ask(POST).complete


def test_T07_stream_chunks_leave_at_once(plain: Gateway) -> None:
    async def drip(inbound: Inbound, sink: Sink) -> None:
        await sink.start(200, (STREAM,))
        for number in range(3):
            assert await asyncio.to_thread(arrived.acquire, timeout=30)
            await sink.send(b"data: %d\n\n" % number)

    arrived = threading.Semaphore(0)

    plain.relay.script = drip
    with plain.connect() as client:
        client.sendall(POST)
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        for number in range(3):
            arrived.release()
            assert b"data: %d" % number in client.recv(1000)


def test_T55_no_control_characters_reach_a_header(plain: Gateway) -> None:
    async def inject(inbound: Inbound, sink: Sink) -> None:
        value = "a\r\nset-cookie: x=1\r\n\r\n<html>\0é☃"
        await sink.start(200, (("x-trunkline-model", value), ("content-length", "2")))
        await sink.send(b"ok")

    plain.relay.script = inject
    reply = plain.ask(POST)
    assert reply.body == b"ok"
    assert reply.header("set-cookie") is None
    assert reply.header("x-trunkline-model") == "a set-cookie: x=1 <html> %C3%A9%E2%98%83"


@given(value=st.text())
def test_T55_any_value_becomes_one_line(value: str) -> None:
    encoded = encode_value(value)
    assert encoded.isascii()
    assert not any(byte < 0x20 or byte == 0x7F for byte in encoded)


def test_T56_hop_by_hop_and_named_headers_are_stripped_both_ways(plain: Gateway) -> None:
    async def leak(inbound: Inbound, sink: Sink) -> None:
        await sink.start(200, (("set-cookie", "a=b"), ("server", "upstream"), ("connection", "close"), ("keep-alive", "x"),
                               ("transfer-encoding", "chunked"), ("x-trunkline-request-id", "forged"),
                               ("content-length", "2")))  # fmt: skip
        await sink.send(b"ok")

    plain.relay.script = leak
    headers = [("Connection", "keep-alive, X-Secret-Hop, anthropic-beta"), ("X-Secret-Hop", "1"), ("Anthropic-Beta", "a"),
               ("Proxy-Authorization", "Basic eA=="), ("Cookie", "a=b"), ("TE", "trailers"), ("X-Keep", "1")]  # fmt: skip
    with plain.connect() as client:
        client.sendall(request("POST", "/v1/messages", b"{}", headers))
        reply = read_answer(client)
        client.sendall(POST)
        assert read_answer(client).status == 200
    (inbound, _) = plain.relay.seen
    assert inbound.headers == (("x-keep", "1"),)
    for name in ("set-cookie", "server", "keep-alive", "transfer-encoding", "connection"):
        assert reply.header(name) is None
    assert [value for name, value in reply.headers if name == "x-trunkline-request-id"] == [
        inbound.request_id
    ]


def test_every_answer_has_an_id_of_its_own(plain: Gateway) -> None:
    ids = {
        plain.request("GET", path).header("x-trunkline-request-id")
        for path in ("/", "/health", "/x", "/v1/models", "/x")
    }
    ids.add(plain.ask(b"GET / HTTP/1.1\r\n\r\n").header("x-trunkline-request-id"))
    assert None not in ids
    assert len(ids) == 6


def test_readyz_says_when_the_gateway_drains() -> None:
    with gateway() as running:
        running.application.draining = True
        assert running.request("GET", "/readyz").status == 503
        assert running.request("GET", "/livez").status == 200
