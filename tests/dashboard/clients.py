"""What agents ask a gateway that somebody looks at."""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

SESSION = "8f1c2d7e-1b9a-4a51-9d3e-5a1b2c3d4e5f"


def ask(port: int, model: str, text: str, headers: Mapping[str, str] = {}) -> tuple[int, bytes]:
    """One streamed request of Claude Code's, to its end."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    body = {
        "model": model,
        "max_tokens": 100,
        "stream": True,
        "top_k": 3,
        "messages": [{"role": "user", "content": text}],
    }
    sent = {
        "content-type": "application/json",
        "user-agent": "claude-cli/2.1.0 (external, cli)",
        "x-claude-code-session-id": SESSION,
        **headers,
    }
    try:
        connection.request("POST", "/v1/messages", json.dumps(body), sent)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextmanager
def asking(port: int, model: str, text: str) -> Iterator[list[tuple[int, bytes]]]:
    """The same while a test goes on; what came is in the list in the end."""
    came: list[tuple[int, bytes]] = []
    thread = threading.Thread(target=lambda: came.append(ask(port, model, text)))
    thread.start()
    try:
        yield came
    finally:
        thread.join(120)
    assert not thread.is_alive()
