"""Plugins in Python with the gateway whole: hooks in order, streams piece by piece, troubles told."""

import sys
from pathlib import Path

import pytest

from app.plugged import (
    Answered,
    Ran,
    ask,
    chat_answer,
    chat_stream,
    header,
    installed,
    post,
    run,
)
from app.whole import Asked, Reply

pytestmark = pytest.mark.server

CONFIG = """
plugins:
{plugins}
timeouts: {{plugin_hook: {seconds}}}
any_name: true
routes: {{default: up/m}}
providers:
  up: {{kind: custom, speaks: {{{speaks}: "URL/v1"}}, key: key-of-up, models: [m], transforms: [{transforms}]{more}}}
"""
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def reply(asked: Asked) -> Reply:
    pieces = ["some ", "good ", "words"]
    return chat_stream(pieces) if asked.body.get("stream") else chat_answer("".join(pieces))


def plugged(
    folder: Path,
    plugins: list[str],
    transforms: str,
    *,
    text: str = "go",
    stream: bool = False,
    seconds: str = "60",
    speaks: str = "openai_chat",
    more: str = "",
) -> Ran:
    installed(folder)
    config = CONFIG.format(
        plugins="\n".join(f"  - {plugin}" for plugin in plugins),
        transforms=transforms,
        seconds=seconds,
        speaks=speaks,
        more=more,
    )
    return run(
        folder,
        lambda url: config.replace("URL", url),
        lambda url: ask(url, text, stream=stream),
        reply,
    )


@BOTH
def test_hooks_in_order(tmp_path: Path, stream: bool) -> None:
    """Functions and coroutines, options, a name of the file's, a context that all hooks share."""
    answer, upstream, records = plugged(
        tmp_path,
        [
            "{path: plugins/editors.py:Mark, options: {mark: one}}",
            "{path: ./plugins/editors.py:Loud, name: shout}",
        ],
        "mark, shout",
        stream=stream,
        more=", model_transforms: {m: [mark: {mark: two}]}",
    )
    assert answer.text == ("some GOOD WORDS" if stream else "SOME GOOD WORDS")
    (asked,) = upstream.asked
    assert (asked.body["marks"], asked.body["temperature"]) == (["one", "two"], 0.5)
    assert header(asked, "x-first") == "up key-of-up session-1 m"
    assert header(asked, "authorization") is None
    assert records[0].outcome == "ok"


def test_in_one_chain_with_javascript(tmp_path: Path) -> None:
    answer, upstream, _ = plugged(
        tmp_path,
        ["{path: plugins/editors.py:Loud}", "{path: plugins/twice.mjs}", "{path: plugins/editors.py:Mark}"],
        "twice, loud, mark",
        stream=True,
    )
    assert answer.text == "some GOOD WORDS"
    assert upstream.asked[0].body["marks"] == ["twice", "mark"]


@BOTH
def test_one_that_reads_all_first(tmp_path: Path, stream: bool) -> None:
    answer, _, _ = plugged(tmp_path, ["{path: plugins/editors.py:Whole}"], "whole", stream=stream)
    assert answer.text == "some good words"


@pytest.mark.parametrize("client", ["openai_chat", "anthropic_messages"])
def test_auth_is_for_what_passes_through(tmp_path: Path, client: str) -> None:
    installed(tmp_path)
    config = CONFIG.format(
        plugins="  - {path: plugins/editors.py:Signed}",
        transforms="signed",
        seconds=60,
        speaks="openai_chat",
        more="",
    )

    def ask_it(url: str) -> Answered:
        if client == "anthropic_messages":
            return ask(url)
        return post(
            url, "/v1/chat/completions", {"model": "up/m", "messages": [{"role": "user", "content": "go"}]}
        )

    answer, upstream, _ = run(tmp_path, lambda url: config.replace("URL", url), ask_it, reply)
    assert answer.status == 200
    (asked,) = upstream.asked
    passes = client == "openai_chat"
    assert header(asked, "authorization") == ("Bearer mine" if passes else "Bearer key-of-up")
    assert asked.path == ("/v1/signed" if passes else "/v1/chat/completions")


TROUBLES = [
    ("raise", 500, "failed in transformRequestIn: KeyError: 'no ****'."),
    ("nothing", 500, "failed in transformRequestIn: it returned no body: return the dictionary."),
    ("object", 500, "failed in transformRequestIn: it returned what is no JSON:"),
    ("sleep", 504, "failed in transformRequestIn: it did not return within 1 s (plugin.hook)."),
    ("wait", 504, "failed in transformResponseOut: it did not return within 1 s (plugin.hook)."),
    ("wrong", 500, "failed in transformResponseOut: it returned no Response:"),
]


@pytest.mark.parametrize(("how", "status", "message"), TROUBLES)
def test_troubles(tmp_path: Path, how: str, status: int, message: str) -> None:
    seconds = "1" if status == 504 else "60"
    try:
        answer, _, _ = plugged(
            tmp_path,
            [f"{{path: plugins/editors.py:Trouble, options: {{how: {how}}}}}"],
            "trouble",
            seconds=seconds,
        )
    finally:
        sys.modules["trunkline_user_editors"].GATE.set()  # lets go of the thread that was left behind
    assert answer.status == status
    assert answer.json["type"] == "error"
    error = answer.json["error"]
    assert isinstance(error, dict)
    assert f'The plugin "trouble" of provider up {message}' in error["message"]
    assert "key-of-up" not in answer.body.decode()


def test_a_stream_that_breaks_off(tmp_path: Path) -> None:
    answer, _, records = plugged(
        tmp_path,
        ["{path: plugins/editors.py:Trouble, options: {how: break}}"],
        "trouble",
        stream=True,
    )
    assert b"ValueError: broke in the middle" in answer.body or answer.text == "some good words"
    assert records[0].attempts


MISTAKES = [
    ("plugins/editors.py", "has 5 classes with hooks"),
    ("plugins/editors.py:Nobody", "has no class Nobody"),
    ("plugins/editors.py:Trouble", "Trouble could not be made: KeyError: 'how'"),
    ("no_such_module:Plugin", "cannot be loaded: ModuleNotFoundError"),
]


@pytest.mark.parametrize(("place", "message"), MISTAKES)
def test_what_cannot_be_loaded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str, message: str
) -> None:
    """It is told, and as long as nobody names it the gateway serves."""
    answer, _, _ = plugged(tmp_path, [f'{{path: "{place}"}}'], "cleancache")
    assert answer.text == "some good words"
    assert message in caplog.text


def test_an_installed_module(tmp_path: Path) -> None:
    """``module:Class``, here one of the tests' own."""
    answer, upstream, _ = plugged(tmp_path, ["{path: 'app.test_plugins_python:Installed'}"], "installed")
    assert answer.text == "some good words"
    assert upstream.asked[0].body["seed"] == 7


class Installed:
    """A plugin that an installed package has."""

    name = "installed"

    def transformRequestIn(self, body: dict[str, object], provider: object, context: object) -> object:
        return {**body, "seed": 7}


def test_a_plugin_takes_the_place_of_the_built_in_of_its_name(tmp_path: Path) -> None:
    """The plugin alone is run: the cap of the built-in would have made 5 out of 100."""
    files = ["{path: plugins/editors.py:Mark, name: maxtoken, options: {mark: one}}"]
    _, upstream, _ = plugged(tmp_path, files, "MaxToken: {max_tokens: 5}")
    (asked,) = upstream.asked
    assert asked.body["marks"] == ["one"]
    assert asked.body["max_tokens"] != 5
