"""Routes that plugins add: ``endPoint`` is a POST route whose dialect the plugin speaks (ccr.md 3.1, 3.5, 4.1)."""

import json
import logging
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from app.plugged import Answered, chat_answer, chat_stream, installed, post, router_file, run
from app.whole import Asked, Reply, through
from trunkline.app.added_routes import AddedRoutes
from trunkline.upstream.plugins.link import HookFailed

SCRIPTS = ("own-route.js", "own_route.py")
EITHER = pytest.mark.parametrize("script", SCRIPTS)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
PATH = "/own/v1/messages"
WORDS = ("two ", "words")
PATTERNS: list[tuple[str, str, dict[str, str] | None]] = [
    ("/own", "/own", {}),
    ("/own", "/own/", None),
    ("/own/:a", "/own/b%2Cc", {"a": "b,c"}),
    ("/own/:a", "/own/b/c", None),
    ("/own/:a/x/:b", "/own/1/x/2", {"a": "1", "b": "2"}),
    ("/own/models/:m::go", "/own/models/m1:go", {"m": "m1"}),
    ("/own/*", "/own/b/c", {}),
    ("/own.v1", "/ownxv1", None),
]


def reply(asked: Asked) -> Reply:
    return chat_stream(WORDS) if asked.body.get("stream") else chat_answer("".join(WORDS))


def asked_there(
    folder: Path, script: str, body: dict[str, object], at: str = PATH, **more: object
) -> tuple[Answered, list[Asked]]:
    """An answer of the plugin's own route, and what the provider was asked."""
    home = installed(folder)
    options = {key: more.pop(key) for key in ("path",) if key in more}
    key = {"authorization": "Bearer client-key"} if "APIKEY" in more else {}
    answer, upstream, _ = run(
        folder,
        lambda url: router_file(f"{url}/v1/chat/completions", home, [(script, options)], {}, **more),
        lambda url: post(url, at, body, key),
        reply,
    )
    return answer, upstream.asked


def config_of(folder: Path) -> Callable[[str], str]:
    home = installed(folder)
    return lambda url: router_file(f"{url}/v1/chat/completions", home, [("own_route.py", {})], {})


@pytest.mark.server
@BOTH
@EITHER
def test_a_dialect_of_its_own(tmp_path: Path, script: str, stream: bool) -> None:
    """The provider is asked in its protocol, the client hears the plugin's."""
    answer, (asked,) = asked_there(tmp_path, script, {"model": "up,m", "prompt": "go", "stream": stream})
    assert answer.status == 200
    if stream:
        assert answer.headers["content-type"] == "text/plain"
        assert answer.body == b"two \nwords\n"
    else:
        assert answer.json == {"text": "two words"}
    assert asked.path == "/v1/chat/completions"
    assert asked.body["model"] == "m"
    assert asked.body["messages"] == [{"role": "user", "content": f"go at {PATH}"}]
    assert asked.body["max_tokens"] == 64


@pytest.mark.server
@EITHER
@pytest.mark.parametrize("model", [None, "whatever"])
def test_the_router_decides_where_no_provider_is_named(
    tmp_path: Path, script: str, model: str | None
) -> None:
    body: dict[str, object] = {"prompt": "go"} if model is None else {"prompt": "go", "model": model}
    answer, (asked,) = asked_there(tmp_path, script, body)
    assert (answer.status, asked.body["model"]) == (200, "m")


@pytest.mark.server
@EITHER
def test_a_path_with_variable_parts(tmp_path: Path, script: str) -> None:
    """The plugin finds them in ``req.params``, as CCR's server gives them."""
    answer, (asked,) = asked_there(
        tmp_path, script, {"prompt": "go"}, "/own/up,other/say", path="/own/:model/say"
    )
    assert answer.json == {"text": "two words"}
    assert asked.body["model"] == "other"
    assert asked.body["messages"] == [{"role": "user", "content": "go at /own/up,other/say"}]


@pytest.mark.server
@EITHER
def test_errors_come_in_the_protocol_that_the_path_speaks(tmp_path: Path, script: str) -> None:
    body: dict[str, object] = {"model": "gone,m", "prompt": "go"}
    messages, asked = asked_there(tmp_path, script, body)
    chat, _ = asked_there(tmp_path, script, body, "/own/say", path="/own/say")
    failed, _ = asked_there(
        tmp_path, script, {"model": "up,m", "prompt": "fail"}, "/own/say", path="/own/say"
    )
    assert (messages.status, messages.json["type"], asked) == (404, "error", [])
    assert chat.status == 404
    assert "type" not in chat.json
    assert b"gone" in chat.body
    assert failed.status == 500
    assert b'The plugin \\"own-route\\" failed in transformRequestOut:' in failed.body


@pytest.mark.server
def test_what_is_no_request(tmp_path: Path) -> None:
    def client(url: str) -> list[int]:
        statuses: list[int] = []
        for method, data in (("POST", b"[1]"), ("POST", b"{"), ("GET", None)):
            request = urllib.request.Request(url + PATH, data, method=method)
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    statuses.append(answer.status)
            except urllib.error.HTTPError as error:
                with error:
                    statuses.append(error.code)
        return statuses

    statuses, upstream, _ = through(reply, config_of(tmp_path), tmp_path, client)
    assert statuses == [400, 400, 405]
    assert upstream.asked == []


@pytest.mark.server
def test_client_keys_guard_it(tmp_path: Path) -> None:
    body: dict[str, object] = {"model": "up,m", "prompt": "go"}
    answer, asked = asked_there(tmp_path, "own_route.py", body, APIKEY="client-key")
    refused, not_asked = asked_there(tmp_path, "own_route.py", body, APIKEY="other-key")
    assert (answer.status, len(asked)) == (200, 1)
    assert (refused.status, not_asked) == (401, [])
    assert refused.json["type"] == "error"


@pytest.mark.server
@EITHER
def test_our_own_routes_stay_ours(tmp_path: Path, script: str, caplog: pytest.LogCaptureFixture) -> None:
    body = {"model": "up,m", "messages": [{"role": "user", "content": "go"}]}
    with caplog.at_level(logging.WARNING):
        answer, (asked,) = asked_there(
            tmp_path, script, body, "/v1/chat/completions", path="/v1/chat/completions"
        )
    assert b"two words" in answer.body
    assert asked.body["messages"] == body["messages"]
    assert "the plugin own-route: its endPoint /v1/chat/completions stays the gateway's own" in caplog.text


@pytest.mark.server
def test_transformers_are_listed_with_their_routes(tmp_path: Path) -> None:
    def client(url: str) -> object:
        with urllib.request.urlopen(url + "/api/transformers", timeout=60) as answer:
            return json.loads(answer.read())["transformers"][-1]

    listed, _, _ = through(reply, config_of(tmp_path), tmp_path, client)
    assert listed == {"name": "own-route", "endpoint": PATH}


@pytest.mark.parametrize(("path", "asked", "values"), PATTERNS)
def test_patterns(path: str, asked: str, values: dict[str, str] | None) -> None:
    found = AddedRoutes({"p": path}).find(asked.encode())
    assert (None if found is None or found.added is None else dict(found.added.values)) == values


def test_one_path_for_two_plugins() -> None:
    with pytest.raises(HookFailed, match='"a" and "b" both have the endPoint /x'):
        AddedRoutes({"a": "/x", "b": "/x"})


@pytest.mark.parametrize("path", ["own", "/:a/:a"])
def test_what_is_no_path(path: str, caplog: pytest.LogCaptureFixture) -> None:
    assert AddedRoutes({"p": path}).find(path.encode()) is None
    assert f"the plugin p: its endPoint {path} is not served" in caplog.text
