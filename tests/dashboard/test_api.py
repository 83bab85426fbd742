"""What the page is told by a whole gateway: lists, sums, the feed; stopping a request; and that no secret is in it."""

import asyncio
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from websockets.sync.client import connect

from app.chat import says, text
from app.whole import Asked, Refusal, Reply, Upstream, Whole, whole
from dashboard.browser import ADMIN_KEY, CANARIES, CLIENT_KEY, PROVIDER_KEY, Browser, Feed
from trunkline.dashboard.feed import MOST_FEEDS
from upstream.raw_server import OK, Peer, chunk, serving

pytestmark = pytest.mark.server

T = TypeVar("T")
CONFIG = """\
server: {{admin_key: "{admin}", keys: ["{client}"]}}
providers:
  far:
    kind: custom
    speaks: {{openai_chat: "{url}/v1"}}
    token: "{provider}"
    headers: {{x-team: "{provider}-team"}}
    models: [good, slow, mute, bad]
    transforms: [maxtoken: {{max_tokens: 100}}]
    model_transforms: {{bad: [cleancache, maxtoken: {{max_tokens: 50}}]}}
models: {{sonnet: far/good, "any-*": [far/bad, far/good]}}
routes: {{default: far/good}}
timeouts: {{drain: 2}}
"""
PIECE = b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Once"},"finish_reason":null}]}\n\n'


def provider(asked: Asked) -> Reply:
    if asked.body["model"] == "bad":
        return Refusal(401, json.dumps({"error": {"message": f"wrong key {PROVIDER_KEY}"}}).encode())
    return says(text("Once upon a time"), stream=asked.body.get("stream") is True)


class Slow(Upstream):
    """A provider two of whose models do not come to an end by themselves."""

    async def play(self, peer: Peer) -> None:
        model = json.loads(peer.body)["model"]
        if model not in ("slow", "mute"):
            await super().play(peer)
            return
        if model == "slow":
            await peer.send(OK + chunk(PIECE))
        await peer.gone()


def through(folder: Path, use: Callable[[Browser, Whole], T]) -> T:
    """``use`` in a thread in front of the gateway, signed in. No canary is in anything that it was told."""

    async def main() -> T:
        async with serving(Slow(provider).play) as far:
            url = f"http://127.0.0.1:{far.port}"
            config = CONFIG.format(url=url, admin=ADMIN_KEY, client=CLIENT_KEY, provider=PROVIDER_KEY)
            async with whole(config, folder, os.environ) as running:
                browser = Browser(running.port)

                def signed_in() -> T:
                    browser.sign_in()
                    return use(browser, running)

                result = await asyncio.to_thread(signed_in)
                for canary in CANARIES:
                    assert canary not in browser.said
                return result

    return asyncio.run(main())


def body(model: str, path: str = "/v1/messages", *, stream: bool = False) -> dict[str, object]:
    words = f"please use {CLIENT_KEY}"
    if path == "/v1/responses":
        return {"model": model, "stream": stream, "input": words}
    messages = [{"role": "user", "content": words}]
    return {"model": model, "max_tokens": 50, "stream": stream, "messages": messages}


def ask(browser: Browser, model: str = "sonnet", path: str = "/v1/messages", **headers: str) -> int:
    agent = {"user-agent": "claude-cli/2.0 (external)", "x-api-key": CLIENT_KEY}
    return Browser(browser.port).send("POST", path, body(model), {**agent, **headers}).status


def rows(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value


def kept(browser: Browser, count: int) -> dict[str, object]:
    """The list, once so many exchanges are over: an answer may arrive a moment before that."""
    for _ in range(3000):
        listed = browser("GET", "/api/requests").json
        if listed["kept"] == count:
            return listed
    raise AssertionError(f"{count} exchanges are not over")


class Asking:
    """A request that somebody makes meanwhile; ``said`` is all of its answer."""

    def __init__(self, port: int, path: str, model: str, *, stream: bool) -> None:
        self.status = 0
        self.said = b""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._thread = threading.Thread(target=self._run, args=(path, body(model, path, stream=stream)))
        self._thread.start()

    def _run(self, path: str, value: dict[str, object]) -> None:
        self._connection.request("POST", path, json.dumps(value), {"x-api-key": CLIENT_KEY})
        answer = self._connection.getresponse()
        self.status = answer.status
        self.said = answer.read()

    def end(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()
        self._connection.close()


def test_what_has_been_is_listed_counted_and_told_in_full(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        assert [ask(browser), ask(browser, "far/good", "/v1/chat/completions"), ask(browser, "far/bad")] == [200, 200, 401]  # fmt: skip
        listed = kept(browser, 3)
        recent = rows(listed["recent"])
        assert (listed["live"], listed["kept"], listed["capacity"]) == ([], 3, 2000)
        assert [row["asked"] for row in recent] == ["far/bad", "far/good", "sonnet"]
        bad, chat, first = recent
        assert (first["protocol"], first["agent"]) == ("anthropic_messages", "claude-cli/2.0 (external)")
        assert (first["provider"], first["model"], first["route"]) == ("far", "good", "alias sonnet")
        assert (chat["protocol"], chat["status"], chat["outcome"]) == ("openai_chat", 200, "ok")
        assert (bad["status"], bad["outcome"], "****" in str(bad["error"])) == (401, "error", True)
        for query, count in [("limit=1", 1), ("model=bad", 1), ("status=4xx", 1), ("agent=CLAUDE&status=200", 2), ("outcome=ok", 2)]:  # fmt: skip
            assert len(rows(browser("GET", f"/api/requests?{query}").json["recent"])) == count, query
        assert browser("GET", "/api/requests?limit=none").status == 400
        full = browser("GET", f"/api/requests/{bad['id']}").json
        (attempt,) = rows(full["attempts"])
        assert (attempt["target"], attempt["status"]) == ("far/bad", 401)
        assert browser("GET", "/api/requests/nobody").status == 404
        for by, names in [
            ("model", ["far/good", "far/bad"]),
            ("provider", ["far"]),
            ("agent", ["claude-cli"]),
        ]:
            totals = browser("GET", f"/api/totals?by={by}").json
            assert [group["name"] for group in rows(totals["groups"])] == names
            assert isinstance(totals["totals"], dict)
            assert (totals["totals"]["requests"], totals["totals"]["errors"]) == (3, 1)
            assert totals["totals"]["output"] == 10
        assert browser("GET", "/api/totals?by=colour").status == 400
        states = {state["model"]: state for state in json.loads(browser("GET", "/api/targets").body)}
        assert {model: state["state"] for model, state in states.items()} == dict.fromkeys(("good", "slow", "mute", "bad"), "closed")  # fmt: skip
        assert "wrong key ****" in str(states["bad"]["last_error"])
        assert states["good"]["last_error"] is None

    through(tmp_path, use)


def test_the_status_says_what_runs_and_whether_its_file_has_changed(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        status = browser("GET", "/api/status").json
        assert (status["workers"], status["silent"], status["shows"]) == (1, 0, "all workers")
        assert (status["pid"], status["rehearsal"], status["live"], status["providers"]) == (os.getpid(), False, 0, 1)  # fmt: skip
        file = tmp_path / "trunkline.yaml"
        assert status["config"] == {"path": str(file), "kind": "trunkline", "changed": False}
        file.write_text(file.read_text() + "# more\n")
        changed = browser("GET", "/api/status").json["config"]
        assert isinstance(changed, dict)
        assert changed["changed"] is True
        file.unlink()
        gone = browser("GET", "/api/status").json["config"]
        assert isinstance(gone, dict)
        assert gone["changed"] is True

    through(tmp_path, use)


def test_the_feed_tells_what_begins_and_ends(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        assert ask(browser, "far/good") == 200
        with Feed(browser) as feed:
            asking = Asking(browser.port, "/v1/messages", "far/slow", stream=True)
            began = feed.until("start", model="slow")
            assert (began["state"], began["outcome"]) == ("live", None)
            assert ask(browser, "far/good") == 200
            ended = feed.until("end")
            assert (ended["model"], ended["state"], ended["status"]) == ("good", "ended", 200)
            assert browser("DELETE", f"/api/requests/{began['id']}").status == 200
            assert feed.until("end")["id"] == began["id"]
            asking.end()

    through(tmp_path, use)


PLACES = [
    ("/v1/messages", b'"type":"permission_error"'),
    ("/v1/chat/completions", b'"error":{'),
    ("/v1/responses", b'"error":{'),
]


@pytest.mark.parametrize(("path", "error"), PLACES, ids=[path for path, _ in PLACES])
@pytest.mark.parametrize("model", ["slow", "mute"])
def test_a_request_that_is_stopped_ends_with_one_error(tmp_path: Path, path: str, error: bytes, model: str) -> None:  # fmt: skip
    def use(browser: Browser, running: Whole) -> None:
        with Feed(browser) as feed:
            asking = Asking(browser.port, path, f"far/{model}", stream=True)
            began = feed.until("start", model=model)
            (live,) = rows(browser("GET", "/api/requests").json["live"])
            assert (live["id"], live["state"]) == (began["id"], "live")
            assert browser("GET", f"/api/requests/{began['id']}").json["state"] == "live"
            assert browser("DELETE", f"/api/requests/{began['id']}").json == {"cancelled": began["id"]}
            asking.end()
            ended = feed.until("end", id=began["id"])
            assert (ended["outcome"], ended["error"]) == ("stopped", "called_off")
        told = b"stopped by an administrator"
        assert asking.said.count(told) == 1
        assert error in asking.said.replace(b": ", b":").replace(b", ", b",")
        assert (asking.status, b"Once" in asking.said) == ((200, True) if model == "slow" else (403, False))
        assert browser("DELETE", f"/api/requests/{began['id']}").status == 404
        assert browser("GET", "/api/requests").json["live"] == []
        assert [record.outcome for record in running.records] == ["stopped"]

    through(tmp_path, use)


def test_a_request_on_a_websocket_is_stopped_and_the_socket_goes_on(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        def create(model: str) -> str:
            return json.dumps({"type": "response.create", "model": model, "input": "Once"})

        url = f"ws://127.0.0.1:{browser.port}/v1/responses"
        key = {"authorization": f"Bearer {CLIENT_KEY}"}
        with (
            Feed(browser) as feed,
            connect(
                url, additional_headers=key, compression=None, open_timeout=60, close_timeout=20
            ) as client,
        ):
            client.send(create("far/mute"))
            began = feed.until("start", model="mute")
            assert browser("DELETE", f"/api/requests/{began['id']}").status == 200
            told = json.loads(client.recv(60))
            assert (told["type"], "stopped by an administrator" in json.dumps(told)) == ("error", True)
            client.send(create("far/good"))
            types = []
            while not types or types[-1] != "response.completed":
                types.append(json.loads(client.recv(60))["type"])

    through(tmp_path, use)


def test_pages_that_follow_are_counted_and_forgotten_when_they_go(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        feeds = [Feed(browser) for _ in range(MOST_FEEDS)]
        try:
            refused = browser("GET", "/api/feed")
            assert (refused.status, "close one" in refused.message) == (503, True)
        finally:
            for feed in feeds:
                feed.__exit__()
        deadline = time.monotonic() + 60
        while not _open_feed(browser):
            assert time.monotonic() < deadline, "feeds whose pages are gone are still counted"

    through(tmp_path, use)


def _open_feed(browser: Browser) -> bool:
    try:
        with Feed(browser):
            return True
    except AssertionError:
        return False


def test_T31_a_page_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        with socket.socket() as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.connect(("127.0.0.1", browser.port))
            stuck.sendall(
                f"GET /api/feed HTTP/1.1\r\nHost: localhost\r\nCookie: {browser.cookie}\r\n\r\n".encode()
            )
            assert stuck.recv(15) == b"HTTP/1.1 200 OK"
            for _ in range(50):
                assert ask(browser) == 200
            kept(browser, 50)

    through(tmp_path, use)


def test_nobody_follows_or_stops_anything_without_signing_in(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        ask(browser)
        cookie, browser.cookie = browser.cookie, ""
        for path in (
            "/api/status",
            "/api/requests",
            "/api/feed",
            "/api/totals",
            "/api/targets",
            "/api/requests/x",
        ):
            assert browser("GET", path).status == 401, path
            assert browser("GET", path, headers={"x-api-key": CLIENT_KEY}).status == 401, path
            foreign = {"cookie": cookie, "origin": "http://evil.example"}
            assert browser.send("GET", path, None, foreign).status == 403, path
        assert browser("DELETE", "/api/requests/x").status == 401
        assert browser.send("DELETE", "/api/requests/x", None, {"cookie": cookie}).status == 403
        key = {"authorization": f"Bearer {ADMIN_KEY}"}
        assert browser.send("GET", "/api/requests", None, key).status == 200, "a script brings the key"

    through(tmp_path, use)


def test_models_say_by_what_names_they_are_reached(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        models = {one["id"]: one for one in json.loads(browser("GET", "/api/models").body)}
        assert list(models) == ["far/good", "far/slow", "far/mute", "far/bad"]
        good = models["far/good"]
        assert (good["provider"], good["model"], good["protocols"]) == ("far", "good", ["openai_chat"])
        assert (good["aliases"], good["routes"]) == (["sonnet", "any-*"], ["default"])
        assert (models["far/bad"]["aliases"], models["far/slow"]["aliases"]) == (["any-*"], [])
        assert (good["context"], "tools" in good["capabilities"]) == (None, True)

    through(tmp_path, use)


def test_T68_a_request_is_explained_as_the_command_does_it(tmp_path: Path) -> None:
    def use(browser: Browser, running: Whole) -> None:
        told = browser("POST", "/api/explain", {"body": body("any-thing")}).json
        assert (told["schema"], told["model"], told["route"]) == (
            "trunkline.explain.v1",
            "any-thing",
            "alias any-*",
        )
        first, second = rows(told["targets"])
        assert (first["target"], first["transforms"]) == ("far/bad", ["maxtoken", "cleancache"])
        assert (second["target"], second["transforms"]) == ("far/good", ["maxtoken"])
        (surface,) = rows(second["surfaces"])
        assert (surface["protocol"], str(surface["url"]).endswith("/v1/chat/completions")) == (
            "openai_chat",
            True,
        )
        gemini = {"protocol": "gemini", "model": "far/slow", "body": {"contents": []}}
        assert browser("POST", "/api/explain", gemini).json["route"] == "explicit"
        for wrong, status, words in [
            ({"body": {"model": "sonet"}}, 404, "sonnet"),
            ({"body": {}}, 400, "names no model"),
            ({"protocol": "smoke", "body": {"model": "sonnet"}}, 400, "anthropic_messages"),
            ({}, 400, "is wanted"),
            ({"body": 7}, 400, "is wanted"),
        ]:
            refused = browser("POST", "/api/explain", wrong)
            assert (refused.status, words in refused.message) == (status, True), refused.body
        assert running.records == []

    through(tmp_path, use)
