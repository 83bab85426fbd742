"""The examples of docs/plugins.md run as they stand there."""

import json
import re
from pathlib import Path

import pytest

from app.plugged import WORDS, Answered, ask, chat_answer, chat_reply, header, installed, post, run

pytestmark = pytest.mark.server

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[number]


@pytest.mark.parametrize("stream", [False, True])
def test_its_files_together(tmp_path: Path, stream: bool) -> None:
    installed(tmp_path)
    (tmp_path / "mark.js").write_text(block("js"))
    (tmp_path / "router.js").write_text(block("js", 1))
    (tmp_path / "answers.py").write_text(block("python"))
    answer, upstream, records = run(
        tmp_path,
        lambda url: block("yaml").replace("http://127.0.0.1:11434/v1", f"{url}/v1"),
        lambda url: ask(url, stream=stream, text="long" * 60_000, model="local/qwen3-coder"),
        lambda asked: chat_reply(asked) if asked.body.get("stream") else chat_answer(WORDS),
    )
    assert answer.text == WORDS
    (asked,) = upstream.asked
    assert asked.body["user"] == "green"
    assert header(asked, "x-mark") == "green"
    sent = asked.body["messages"]
    assert isinstance(sent, list)
    assert sent[-1] == {"role": "user", "content": "For qwen3-coder."}
    assert records[0].route == "custom router router.js"


def test_an_answer_of_the_python_example(tmp_path: Path) -> None:
    (tmp_path / "answers.py").write_text(block("python"))
    config = """
plugins: [{path: answers.py, name: shout}]
providers:
  up: {kind: custom, speaks: {openai_chat: "URL/v1"}, models: [m], transforms: [shout]}
"""

    def client(url: str) -> Answered:
        body = {"model": "up/m", "messages": [{"role": "user", "content": "go"}]}
        return post(url, "/v1/chat/completions", body)

    answer, upstream, _ = run(tmp_path, lambda url: config.replace("URL", url), client)
    assert json.loads(answer.body)["system_fingerprint"] == "shouted"
    assert header(upstream.asked[0], "x-for") == "up"
