"""Who a request is sent to, and with what, is the configuration's to say (reliability_ux.md T81)."""

import asyncio
from pathlib import Path

import pytest

from app.chat import says, text
from app.plugged import post
from app.whole import Upstream, whole
from upstream.raw_server import serving

pytestmark = pytest.mark.server

FIELDS = ("api_base", "base_url", "api_url", "endpoint", "custom_llm_provider", "proxy", "url")
PATHS = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "/v1/responses": {"input": "hi"},
}


@pytest.mark.parametrize("path", PATHS)
def test_T81_no_client_says_where_its_request_goes_or_with_which_key(path: str, tmp_path: Path) -> None:
    async def main() -> None:
        ours = Upstream(lambda asked: says(text("ours"), stream=False))
        theirs = Upstream(lambda asked: says(text("theirs"), stream=False))
        async with asyncio.timeout(120), serving(ours.play) as right, serving(theirs.play) as wrong:
            there = f"http://127.0.0.1:{wrong.port}/v1"
            config = f"""
models: {{m: up/m}}
providers: {{up: {{kind: custom, key: key-of-up, models: [m], speaks: {{openai_chat: "http://127.0.0.1:{right.port}/v1"}}}}}}
"""
            body = {
                "model": "m",
                **PATHS[path],
                **dict.fromkeys(FIELDS, there),
                "api_key": "theirs",
                "extra_headers": {"authorization": "Bearer theirs", "host": f"127.0.0.1:{wrong.port}"},
            }
            headers = {f"x-{name.replace('_', '-')}": there for name in FIELDS}
            async with whole(config, tmp_path) as gateway:
                answer = await asyncio.to_thread(
                    post, gateway.url, f"{path}?api_base={there}&key=theirs", body, headers
                )
            assert answer.status == 200, answer.body
            assert b"ours" in answer.body
            (asked,) = ours.asked
            assert asked.path == "/v1/chat/completions"
            head = asked.head.decode().lower()
            assert "authorization: bearer key-of-up\r\n" in head
            assert "theirs" not in head
            assert str(wrong.port) not in head
            assert wrong.connections == 0

    asyncio.run(main())
