"""A small client for the stand-in's own tests: plain HTTP, nothing mended on the way."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass

from standin.server import StandIn

CHAT = "/serving-endpoints/chat/completions"
MESSAGES = "/serving-endpoints/anthropic/v1/messages"
GATEWAY_CHAT = "/ai-gateway/mlflow/v1/chat/completions"
GATEWAY_MESSAGES = "/ai-gateway/anthropic/v1/messages"
SONNET = "databricks-claude-sonnet-4-5"


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back. ``cut``: the connection ended before the body did."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False

    @property
    def json(self) -> dict[str, object]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def message(self) -> str:
        """The innermost message of an error body."""
        try:
            value = json.loads(self.body)["message"]
        except ValueError:
            return self.text
        try:
            return str(json.loads(value)["message"])
        except (ValueError, KeyError):
            return str(value)

    @property
    def events(self) -> list[dict[str, object]]:
        """The JSON of all ``data:`` lines but ``[DONE]``."""
        lines = (line.strip() for line in self.text.split("\n"))
        data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        return [json.loads(item) for item in data if item != "[DONE]"]


def ask(
    standin: StandIn,
    path: str,
    body: object = None,
    *,
    method: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Seen:
    """One request with the right token unless ``headers`` say otherwise."""
    connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=60)
    sent = {"authorization": f"Bearer {standin.token}"} if headers is None else dict(headers)
    data = None if body is None else json.dumps(body).encode()
    try:
        connection.request(method or ("GET" if data is None else "POST"), path, data, sent)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        try:
            return Seen(answer.status, found, answer.read())
        except http.client.IncompleteRead as error:
            return Seen(answer.status, found, error.partial, cut=True)
        except ConnectionError:
            return Seen(answer.status, found, b"", cut=True)
    finally:
        connection.close()


def chat_body(**fields: object) -> dict[str, object]:
    """A chat request that the workspace takes, with changes."""
    body: dict[str, object] = {
        "model": SONNET,
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Hi"}],
    }
    return body | fields


def messages_body(**fields: object) -> dict[str, object]:
    """A Messages request that the workspace takes, with changes."""
    return chat_body(**fields)
