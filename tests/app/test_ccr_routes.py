"""Routes of claude-code-router's file through the whole gateway: its fallback lists, web search, a subagent's tag."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import anthropic
import msgspec
import pytest

from app.chat import says, text
from app.whole import Asked, Reply, through

pytestmark = pytest.mark.server

NATIVE = (
    b'{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"found"}],'
    b'"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}'
)
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
Body = dict[str, object]


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port that is taken and refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def config(nobody: int) -> Callable[[str], str]:
    def make(url: str) -> str:
        def provider(name: str, place: str, **more: object) -> Body:
            return {"name": name, "api_base_url": place, "api_key": "k", "models": ["m"], **more}

        file = {
            "Providers": [
                provider("gone", f"http://127.0.0.1:{nobody}/v1/chat/completions"),
                provider("chat", f"{url}/v1/chat/completions"),
                provider("native", f"{url}/v1/messages", transformer={"use": ["Anthropic"]}),
            ],
            "Router": {"default": "gone,m", "webSearch": "native,m"},
            "fallback": {"default": ["chat,m"]},
        }
        return msgspec.json.encode(file).decode()

    return make


def answer(asked: Asked) -> Reply:
    return NATIVE if asked.path == "/v1/messages" else says(text("from chat"), stream=False)


def ask(**more: object) -> Callable[[str], str]:
    fields: Body = {
        "model": "sonnet",
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "hi"}],
        **more,
    }

    def run(url: str) -> str:
        with anthropic.Anthropic(api_key="x", base_url=url, max_retries=0) as client:
            message = client.messages.create(**fields)  # type: ignore[call-overload]
            return str(message.content[0].text)

    return run


def test_a_provider_that_cannot_be_reached_has_its_fallback(tmp_path: Path, nobody: int) -> None:
    said, upstream, (record,) = through(answer, config(nobody), tmp_path, ask())
    assert (said, len(upstream.asked), record.route) == ("from chat", 1, "route default")
    assert [attempt.target for attempt in record.attempts] == ["gone/m", "chat/m"]


def test_a_web_search_goes_to_its_route_and_the_vendors_tool_stays_as_it_is(
    tmp_path: Path, nobody: int
) -> None:
    said, upstream, (record,) = through(answer, config(nobody), tmp_path, ask(tools=[SEARCH]))
    (asked,) = upstream.asked
    assert (said, record.route, record.losses) == ("found", "route webSearch", ())
    assert (asked.path, asked.body["tools"], asked.body["model"]) == ("/v1/messages", [SEARCH], "m")


def test_a_subagents_tag_leads_to_its_model_and_is_not_sent(tmp_path: Path, nobody: int) -> None:
    tag = "<CCR-SUBAGENT-MODEL>native,m</CCR-SUBAGENT-MODEL>"
    said, upstream, (record,) = through(
        answer, config(nobody), tmp_path, ask(system=f"{tag}You are an agent.")
    )
    (asked,) = upstream.asked
    assert (said, record.route) == ("found", "subagent tag")
    assert asked.body["system"] == "You are an agent."
