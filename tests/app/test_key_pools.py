"""Several keys for one provider: in turn, and one that was refused rests."""

import asyncio
from pathlib import Path

import anthropic
import msgspec
import pytest

from app.chat import says, text
from app.whole import Asked, Refusal, Reply, through
from trunkline.config.ccr.document import decode_ccr
from trunkline.config.secret import Secret
from trunkline.config.yaml_text import encode_yaml
from trunkline.core.errors import GatewayError, Kind
from trunkline.upstream.credentials import StaticCredentials
from trunkline.upstream.credentials.pools import PooledCredentials

MESSAGES = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn", "stop_sequence": None,
    "content": [{"type": "text", "text": "ok"}], "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip
GEMINI = {
    "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
    "modelVersion": "m", "responseId": "r",
}  # fmt: skip


class Pool:
    def __init__(self, *keys: str) -> None:
        self.time = 0.0
        inner = StaticCredentials({"other": Secret("alone")})
        self.credentials = PooledCredentials(
            inner, {"up": [Secret(key) for key in keys]}, lambda: self.time
        )

    async def take(self) -> str | None:
        return await self.credentials.credential("up")

    async def refuse(self, kind: Kind, retry_after: float | None = None) -> bool:
        error = GatewayError(kind, "no", retry_after=retry_after)
        return await self.credentials.refused("up", error)


def test_keys_take_turns_and_others_have_theirs() -> None:
    async def main() -> None:
        pool = Pool("a", "b", "c")
        assert [await pool.take() for _ in range(4)] == ["a", "b", "c", "a"]
        assert await pool.credentials.credential("other") == "alone"
        assert await pool.credentials.refused("other", GatewayError(Kind.AUTHENTICATION, "no")) is False

    asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "asked", "rests"),
    [
        (Kind.AUTHENTICATION, None, 300.0),
        (Kind.QUOTA, None, 300.0),
        (Kind.RATE_LIMITED, None, 60.0),
        (Kind.RATE_LIMITED, 7.0, 7.0),
        (Kind.RATE_LIMITED, 1e9, 60.0),
    ],
)
def test_a_refused_key_rests(kind: Kind, asked: float | None, rests: float) -> None:
    async def main() -> None:
        pool = Pool("a", "b")
        assert await pool.take() == "a"
        assert await pool.refuse(kind, asked)
        pool.time = rests - 1
        assert [await pool.take() for _ in range(3)] == ["b", "b", "b"]
        pool.time = rests
        assert {await pool.take() for _ in range(2)} == {"a", "b"}

    asyncio.run(main())


def test_when_all_keys_rest_the_one_that_is_soonest_back_is_asked_once_more() -> None:
    async def main() -> None:
        pool = Pool("a", "b")
        assert await pool.take() == "a"
        assert await pool.refuse(Kind.RATE_LIMITED, 5.0)
        assert await pool.take() == "b"
        assert await pool.refuse(Kind.AUTHENTICATION) is False
        assert await pool.take() == "a"
        assert await pool.refuse(Kind.INVALID_REQUEST) is False, "no word about the key"

    asyncio.run(main())


def ask(url: str) -> list[str]:
    with anthropic.Anthropic(api_key="x", base_url=url, max_retries=0) as client:
        fields = {"model": "up/m", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
        answers = [client.messages.create(**fields) for _ in range(3)]  # type: ignore[call-overload]
    return [answer.content[0].text for answer in answers]


@pytest.mark.server
@pytest.mark.parametrize("status", [401, 429])
def test_a_request_goes_on_with_the_next_key(tmp_path: Path, status: int) -> None:
    def answer(asked: Asked) -> Reply:
        if b"good" in asked.head:
            return says(text("ok"), stream=False)
        return Refusal(status, b'{"error":{"message":"not with this key","type":"error"}}')

    def config(url: str) -> str:
        keys = "[bad-one, bad-two, good-one]"
        return f'providers:\n  up: {{kind: custom, speaks: {{openai_chat: "{url}/v1"}}, keys: {keys}, models: [m]}}\n'

    said, upstream, records = through(answer, config, tmp_path, ask)
    assert said == ["ok"] * 3
    assert len(upstream.asked) == 5, "each bad key is tried once"
    assert [len(record.attempts) for record in records] == [3, 1, 1]


def test_a_list_of_keys_in_a_file_of_ccrs_is_a_pool_and_is_imported_as_one() -> None:
    provider = {
        "name": "a", "api_base_url": "https://a.example.com/v1", "models": ["m"],
        "api_key": ["$FIRST", "canary-literal", "$MISSING"],
    }  # fmt: skip
    file = msgspec.json.encode({"Providers": [provider], "Router": {"default": "a,m"}}).decode()
    imported = decode_ccr(file, "config.json", {"FIRST": "canary-env"})
    ((_, settings),) = imported.configuration.providers
    assert settings.credential is not None
    assert [key.reveal() for key in (settings.credential, *settings.spare)] == [
        "canary-env",
        "canary-literal",
    ]
    yaml = encode_yaml(imported.configuration, imported.references)
    assert 'keys: ["${FIRST}", "${A_API_KEY}"]' in yaml
    assert "canary" not in yaml
    assert any("MISSING is not set" in warning for warning in imported.configuration.warnings)


OWN_HEADERS = [
    ("/v1/messages", ["Anthropic"], ["authorization: Bearer {}", "x-api-key: {}"]),
    ("/v1beta/models/", ["gemini"], ["x-goog-api-key: {}"]),
    ("/v1/messages", [["Anthropic", {"UseBearer": True}]], ["authorization: Bearer {}"]),
]


@pytest.mark.server
@pytest.mark.parametrize(("path", "use", "headers"), OWN_HEADERS)
def test_keys_take_turns_in_headers_of_their_own(
    tmp_path: Path, path: str, use: list[object], headers: list[str]
) -> None:
    """All of a list are used, in every header that the provider's kind has a key in (ccr.md 3.2, 3.4)."""

    def answer(asked: Asked) -> Reply:
        if asked.path.startswith("/v1beta"):
            return msgspec.json.encode(GEMINI)
        return msgspec.json.encode(MESSAGES)

    def config(url: str) -> str:
        provider = {
            "name": "up", "api_base_url": url + path, "api_key": ["key-one", "key-two", "key-three"],
            "models": ["m"], "transformer": {"use": use},
        }  # fmt: skip
        return msgspec.json.encode({"Providers": [provider], "Router": {"default": "up,m"}}).decode()

    said, upstream, _ = through(answer, config, tmp_path, ask)
    assert said == ["ok"] * 3
    for asked, key in zip(upstream.asked, ("key-one", "key-two", "key-three"), strict=True):
        lines = [line for line in asked.head.decode().split("\r\n") if "key-" in line]
        assert sorted(lines) == [header.format(key) for header in headers]


def test_a_pool_with_headers_of_its_own_is_imported_as_one() -> None:
    provider = {
        "name": "g", "api_base_url": "https://generativelanguage.googleapis.com/v1beta/models/",
        "api_key": ["$FIRST", "$SECOND"], "models": ["m"], "transformer": {"use": ["gemini"]},
    }  # fmt: skip
    file = msgspec.json.encode({"Providers": [provider], "Router": {"default": "g,m"}}).decode()
    imported = decode_ccr(file, "config.json", {"FIRST": "canary-1", "SECOND": "canary-2"})
    assert imported.configuration.warnings == ()
    yaml = encode_yaml(imported.configuration, imported.references)
    assert 'keys: ["${FIRST}", "${SECOND}"]' in yaml
    assert "auth: api_key" in yaml
    assert "canary" not in yaml
