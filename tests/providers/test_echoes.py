"""A provider that quotes the credential it refuses: nobody is shown it."""

import json
from pathlib import Path

import pytest

from app.whole import Asked, Refusal, Reply, through
from providers.test_edit_marks import asking
from trunkline.providers.echoes import without_echoes

SECRET = "dapi-canary-0123456789"


@pytest.mark.parametrize(
    ("header", "value", "said", "shown"),
    [
        ("authorization", f"Bearer {SECRET}", f"bad token {SECRET}!", "bad token ****!"),
        ("Authorization", "Basic dXNlcjpwYXNzd29yZA==", "no dXNlcjpwYXNzd29yZA==", "no ****"),
        ("x-goog-api-key", SECRET, f"API key {SECRET} not valid, {SECRET}", "API key **** not valid, ****"),
        ("x-own-token", SECRET, f"what is {SECRET}?", "what is ****?"),
        ("content-type", "application/json", "not application/json", "not application/json"),
        ("x-api-key", "unavailable", "temporarily unavailable", "temporarily unavailable"),
        ("authorization", "Bearer ", "Bearer what?", "Bearer what?"),
    ],
)
def test_what_is_hidden(header: str, value: str, said: str, shown: str) -> None:
    assert without_echoes(said.encode(), ((header, value),)) == shown.encode()


@pytest.mark.server
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_neither_the_client_nor_the_record_has_the_key(tmp_path: Path, path: str) -> None:
    def refuse(asked: Asked) -> Reply:
        error = {"message": f"Incorrect API key provided: {SECRET}.", "code": "invalid_api_key"}
        return Refusal(401, json.dumps({"error": error}).encode())

    def config(url: str) -> str:
        return f"providers: {{p: {{kind: custom, key: {SECRET}, speaks: {{openai_chat: '{url}/v1'}}, models: [m]}}}}\n"

    ask = asking(path, {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})
    got, upstream, records = through(refuse, config, tmp_path, ask)
    assert upstream.asked
    assert all(SECRET.encode() in asked.head for asked in upstream.asked)
    assert all(
        SECRET not in answer[2] and "Incorrect API key provided: ****" in answer[2] for answer in got
    )
    assert records
    assert all(SECRET not in str(record) for record in records)
