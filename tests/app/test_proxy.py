"""A configuration's proxy through the whole gateway: who is asked, and by what words."""

import base64
import json
from pathlib import Path

import anthropic
import pytest

from app.whole import through

pytestmark = pytest.mark.server
ANSWER = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}  # fmt: skip
ELSEWHERE = "http://192.168.77.1:9/v1/chat/completions"


def test_a_provider_is_asked_through_the_proxy_of_the_file(tmp_path: Path) -> None:
    def config(url: str) -> str:
        provider = {"name": "up", "api_base_url": ELSEWHERE, "api_key": "k", "models": ["m"]}
        proxy = url.replace("http://", "http://me:secret@")
        return json.dumps({"Providers": [provider], "Router": {"default": "up,m"}, "PROXY_URL": proxy})

    def ask(url: str) -> str:
        with anthropic.Anthropic(api_key="x", base_url=url, max_retries=0, timeout=60) as client:
            got = client.messages.create(
                model="up,m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
            )
        assert got.content[0].type == "text"
        return got.content[0].text

    text, upstream, _ = through(lambda asked: json.dumps(ANSWER).encode(), config, tmp_path, ask)
    assert text == "hi"
    (asked,) = upstream.asked
    assert asked.path == ELSEWHERE
    head = asked.head.lower()
    assert b"host: 192.168.77.1:9" in head
    assert b"authorization: bearer k" in head
    assert b"proxy-authorization: basic " + base64.b64encode(b"me:secret").lower() in head
