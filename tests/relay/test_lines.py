"""Records and headers: one line, no secrets, nothing that breaks a terminal or a header."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from trunkline.core.losses import Loss
from trunkline.core.usage import Stop, Usage
from trunkline.relay.ports import AttemptRecord, ExchangeRecord
from trunkline.relay.record_line import clean, json_line, text_line
from trunkline.relay.response_headers import (
    MAX_LOSSES,
    losses_header,
    passed_on,
    request_id_header,
    trunkline_headers,
)

RECORD = ExchangeRecord(
    request_id="r1",
    protocol="openai_chat",
    operation="generate",
    asked_model="sonnet",
    provider="dbx",
    model="databricks-claude",
    route="alias sonnet",
    stream=True,
    status=200,
    outcome="ok",
    attempts=(),
    losses=(Loss("top_k", "none"), Loss("top_k", "again"), Loss("seed", "none")),
    usage=Usage(input=10, output=0),
    stop=Stop("end"),
    error=None,
    seconds=1.23456,
    first_byte_seconds=0.5,
    client="-",
    agent="claude-cli/2.0",
    session=None,
)


def test_a_line_for_people() -> None:
    line = text_line(RECORD)
    assert line.startswith(
        "id=r1 protocol=openai_chat operation=generate model=sonnet to=dbx/databricks-claude"
    )
    assert ' route="alias sonnet" ' in line
    assert " seconds=1.235 first_byte=0.5 input=10 output=0 stop=end losses=top_k,seed " in line
    assert "cache_read" not in line
    assert "error" not in line


def test_a_line_for_machines() -> None:
    fields = msgspec.json.decode(json_line(RECORD))
    assert fields["output"] == 0
    assert fields["stream"] is True
    assert "session" not in fields
    assert (fields["asked"], fields["model"]) == ("sonnet", "databricks-claude")


def test_a_request_that_nobody_served_is_logged_under_the_name_it_asked_for() -> None:
    fields = msgspec.json.decode(json_line(replace(RECORD, provider=None, model=None, status=404)))
    assert (fields["asked"], fields["model"]) == ("sonnet", "sonnet")


def test_the_way_through_several_targets_is_told() -> None:
    attempt = AttemptRecord(
        target="a/x",
        surface="chat",
        protocol="openai_chat",
        status=503,
        error="overloaded: busy",
        seconds=1.0,
    )
    record = replace(RECORD, attempts=(attempt, replace(attempt, target="b/y", status=None, error=None)))
    assert "tried=a/x(chat)=503,b/y(chat)=-" in text_line(record).replace('"', "")


def test_T61_a_secret_never_gets_into_a_line() -> None:
    for text in (
        "bad key sk-ant-REDACTED",
        "Authorization: Bearer abcdef.ghijkl",
        "token dapi0123456789abcdef0123456789abcdef refused",
        "https://x/v1?key=AIzaSyA123456789&alt=sse",
        "https://x/v1?api_key=hidden99",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc",
    ):
        for line in (
            text_line(replace(RECORD, error=text)),
            json_line(replace(RECORD, error=text)).decode(),
        ):
            assert "****" in line
            for secret in (
                "abcdefgh",
                "abcdef.ghijkl",
                "0123456789abcdef",
                "AIzaSyA",
                "hidden99",
                "eyJhbG",
            ):
                assert secret not in line


@given(st.text(), st.text())
def test_any_text_stays_on_its_line(agent: str, error: str) -> None:
    record = replace(RECORD, agent=agent, error=error)
    for line in (text_line(record), json_line(record).decode()):
        assert len(line.splitlines()) == 1
        assert all(char.isprintable() or ord(char) > 0x9F for char in line)
    assert len(clean(agent * 1000)) <= 501


@given(st.lists(st.builds(Loss, st.text(max_size=300), st.text(max_size=300)), max_size=40))
def test_losses_fit_into_a_header(losses: list[Loss]) -> None:
    value = losses_header(losses)
    assert len(value) <= MAX_LOSSES + 20
    assert value.isascii()
    assert value.isprintable() or value == ""


def test_losses_that_do_not_fit_are_counted() -> None:
    value = losses_header(Loss(f"field{number}", "x" * 100) for number in range(100))
    assert value.startswith("field0: xxx")
    assert value.endswith("more")


def test_headers_are_safe() -> None:
    headers = dict(trunkline_headers("p\r\nx: y", "m\u00e9", "route", (), 2))
    assert headers["x-trunkline-provider"] == "p?x: y"
    assert headers["x-trunkline-model"] == "m?"
    assert headers["x-trunkline-attempts"] == "2"
    assert "x-trunkline-losses" not in headers


def test_only_headers_that_clients_read_are_passed_on() -> None:
    upstream = (
        ("anthropic-ratelimit-tokens-reset", "1"),
        ("x-ratelimit-limit-requests", "1"),
        ("request-id", "1"),
        ("set-cookie", "a"),
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
        ("server", "x"),
    )
    assert [name for name, _ in passed_on(upstream)] == [
        "anthropic-ratelimit-tokens-reset",
        "x-ratelimit-limit-requests",
        "request-id",
    ]


def test_the_id_has_the_name_that_libraries_read() -> None:
    assert request_id_header("anthropic_messages", "r1", ()) == (("request-id", "r1"),)
    for protocol in ("openai_chat", "openai_responses", "gemini"):
        assert request_id_header(protocol, "r1", (("request-id", "up"),)) == (("x-request-id", "r1"),)
        assert request_id_header(protocol, "r1", (("x-request-id", "up"),)) == ()
