"""A configuration's proxy through the whole gateway: who is asked, and by what words."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path

import anthropic
import pytest

from app.plugged import Answered, ask, router_file
from app.whole import Asked, Upstream, through, whole
from upstream.proxies import certificate, proxying
from upstream.raw_server import serving

pytestmark = pytest.mark.server
ANSWER = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}  # fmt: skip
ELSEWHERE = "http://192.168.77.1:9/v1/chat/completions"


def test_a_provider_is_asked_through_the_proxy_of_the_file(tmp_path: Path) -> None:
    def config(url: str) -> str:
        provider = {"name": "up", "api_base_url": ELSEWHERE, "api_key": "k", "models": ["m"]}
        proxy = url.replace("http://", "http://me:secret@")
        return json.dumps({"Providers": [provider], "Router": {"default": "up,m"}, "PROXY_URL": proxy})

    def words(url: str) -> str:
        with anthropic.Anthropic(api_key="x", base_url=url, max_retries=0, timeout=60) as client:
            got = client.messages.create(
                model="up,m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
            )
        assert got.content[0].type == "text"
        return got.content[0].text

    text, upstream, _ = through(lambda asked: json.dumps(ANSWER).encode(), config, tmp_path, words)
    assert text == "hi"
    (asked,) = upstream.asked
    assert asked.path == ELSEWHERE
    head = asked.head.lower()
    assert b"host: 192.168.77.1:9" in head
    assert b"authorization: bearer k" in head
    assert b"proxy-authorization: basic " + base64.b64encode(b"me:secret").lower() in head


PLUGINS = {
    "through.js": """module.exports = class {
  constructor({ proxy }) { this.name = "through"; this.proxy = proxy; }
  transformRequestIn(body) { return { body, config: { httpsProxy: this.proxy } }; }
};""",
    "through.py": """class Through:
    name = "through"
    def __init__(self, options): self.proxy = options.get("proxy")
    def transformRequestIn(self, body, provider, context):
        return {"body": body, "config": {"httpsProxy": self.proxy}}
""",
}


def behind_tls(
    folder: Path, monkeypatch: pytest.MonkeyPatch, config: Callable[[str], dict[str, object]]
) -> tuple[Answered, list[Asked], list[bytes]]:
    """The answer of a provider behind TLS and a proxy, what it was asked, and what the proxy was."""
    trusted, context = certificate(folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    provider = {"name": "up", "api_base_url": "https://up.example/v1/chat/completions", "api_key": "k", "models": ["m"]}  # fmt: skip

    async def main() -> tuple[Answered, list[Asked], list[bytes]]:
        upstream = Upstream(lambda asked: json.dumps(ANSWER).encode())
        async with serving(upstream.play, context) as server, proxying(server.port) as proxy:
            text = {"Providers": [provider], "Router": {"default": "up,m"}}
            text |= config(f"http://me:secret@127.0.0.1:{proxy.port}")
            async with whole(json.dumps(text), folder) as running:
                answer = await asyncio.to_thread(ask, running.url)
        return answer, upstream.asked, proxy.heads

    return asyncio.run(main())


@pytest.mark.parametrize("key", ["PROXY_URL", "HTTPS_PROXY"])
def test_a_provider_behind_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    answer, (asked,), (head,) = behind_tls(tmp_path, monkeypatch, lambda proxy: {key: proxy})
    assert answer.text == "hi"
    assert head.startswith(b"CONNECT up.example:443 HTTP/1.1\r\n")
    assert b"proxy-authorization: Basic " + base64.b64encode(b"me:secret") in head
    assert asked.path == "/v1/chat/completions"
    assert b"authorization: Bearer k" in asked.head
    assert b"secret" not in asked.head


@pytest.mark.parametrize("script", PLUGINS)
def test_a_plugins_own_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """``config.httpsProxy`` of a hook comes before the file's (ccr.md 3.1)."""
    (tmp_path / script).write_text(PLUGINS[script])

    def config(proxy: str) -> dict[str, object]:
        return {
            "PROXY_URL": "http://127.0.0.1:1",
            "transformers": [{"path": str(tmp_path / script), "options": {"proxy": proxy}}],
            "Providers": [
                {
                    "name": "up",
                    "api_base_url": "https://up.example/v1/chat/completions",
                    "api_key": "k",
                    "models": ["m"],
                    "transformer": {"use": ["through"]},
                }
            ],
        }

    answer, asked, (head,) = behind_tls(tmp_path, monkeypatch, config)
    assert (answer.text, len(asked)) == ("hi", 1)
    assert head.startswith(b"CONNECT up.example:443 HTTP/1.1\r\n")


@pytest.mark.parametrize("script", PLUGINS)
def test_a_plugins_proxy_that_is_none(tmp_path: Path, script: str) -> None:
    (tmp_path / script).write_text(PLUGINS[script])
    files = [(script, {"proxy": "socks5://me:secret@p:1"})]
    answer, upstream, _ = through(
        lambda asked: json.dumps(ANSWER).encode(),
        lambda url: router_file(url, tmp_path, files, {"use": ["through"]}),
        tmp_path,
        ask,
    )
    assert (answer.status, upstream.asked) == (500, [])
    assert b"config.httpsProxy is no proxy, written http://host:port" in answer.body
    assert b"secret" not in answer.body


@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:1"], ids=["none", "near"])
@pytest.mark.parametrize("script", PLUGINS)
def test_nobody_goes_through_a_proxy_to_this_machine(tmp_path: Path, script: str, proxy: str) -> None:
    (tmp_path / script).write_text(PLUGINS[script])
    files = [(script, {"proxy": proxy})]
    answer, upstream, _ = through(
        lambda asked: json.dumps(ANSWER).encode(),
        lambda url: router_file(url, tmp_path, files, {"use": ["through"]}, PROXY_URL="http://127.0.0.1:1"),
        tmp_path,
        ask,
    )
    assert (answer.text, len(upstream.asked)) == ("hi", 1)
