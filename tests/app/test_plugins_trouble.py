"""Plugins that fail, hang, crash or stay out: one request is told, in its protocol, and the next is served."""

import asyncio
import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.plugged import (
    WORDS,
    Answered,
    ask,
    asking,
    chat_reply,
    chat_stream,
    helpers_of,
    installed,
    router_file,
    run,
    wait_for_the_end_of,
)
from app.whole import Upstream, whole
from trunkline.app.composition import Gateway
from trunkline.app.providers import make_providers
from trunkline.config.load import load
from trunkline.config.problems import ConfigurationError
from upstream.raw_server import serving

pytestmark = pytest.mark.server

CHAT = "/v1/chat/completions"


def troubled(
    folder: Path, how: str, texts: Sequence[str], seconds: str = "60", **more: object
) -> tuple[list[Answered], Upstream]:
    """The answers to some messages, one after the other, with a plugin in the way that has this trouble."""
    home = installed(folder)
    config = f"""
plugins: [{{path: "{home}/trouble.js", options: {{how: {how}}}}}]
timeouts: {{plugin_hook: {seconds}}}
any_name: true
routes: {{default: up/m}}
providers:
  up: {{kind: custom, speaks: {{openai_chat: "URL/v1"}}, key: key-of-up, models: [m], transforms: [trouble]}}
"""
    answers: list[Answered] = []

    def client(url: str) -> Answered:
        answers.extend(ask(url, text, **more) for text in texts)  # type: ignore[arg-type]
        return answers[0]

    _, upstream, _ = run(folder, lambda url: config.replace("URL", url), client)
    return answers, upstream


def told(answer: Answered) -> str:
    error = answer.json["error"]
    assert isinstance(error, dict)
    message = str(error["message"])
    assert "\n" not in message
    return message


@pytest.mark.parametrize("stream", [False, True])
def test_one_that_throws(tmp_path: Path, stream: bool) -> None:
    answers, upstream = troubled(tmp_path, "throw", ["trouble", "fine"], stream=stream)
    assert answers[0].status == 500
    assert answers[0].headers["x-should-retry"] == "false"
    # What the plugin says of a key is not repeated.
    message = (
        'The plugin "trouble" of provider up failed in transformRequestIn: TypeError: no good with ****.'
    )
    assert told(answers[0]) == message
    assert answers[1].text == WORDS
    assert [asked.body["count"] for asked in upstream.asked] == [2]  # the instance is still the same


def test_one_that_returns_nothing(tmp_path: Path) -> None:
    answers, _ = troubled(tmp_path, "nothing", ["trouble", "fine"])
    assert "failed in transformRequestIn: Error: it returned no body" in told(answers[0])
    assert answers[1].text == WORDS


@pytest.mark.parametrize("how", ["exit", "abort"])
def test_T91_one_that_takes_the_process_along(tmp_path: Path, how: str) -> None:
    answers, upstream = troubled(tmp_path, how, ["fine", "trouble", "fine"])
    assert [answers[0].text, answers[2].text] == [WORDS, WORDS]
    assert answers[1].status == 500
    assert told(answers[1]).startswith('The plugin "trouble" of provider up failed in transformRequestIn:')
    assert "process that runs it ended" in told(answers[1])
    assert [asked.body["count"] for asked in upstream.asked] == [1, 1]  # a new instance


def test_one_that_never_returns(tmp_path: Path) -> None:
    """The process still answers, so it goes on with the same instance."""
    answers, upstream = troubled(tmp_path, "never", ["trouble", "fine"], seconds="4")
    assert answers[0].status == 504
    assert 'The plugin "trouble" of provider up failed in transformRequestIn' in told(answers[0])
    assert "(plugin.hook)" in told(answers[0])
    assert answers[1].text == WORDS
    assert [asked.body["count"] for asked in upstream.asked] == [2]


def test_T91_one_that_loops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process answers nothing any more, so it is stopped and the next request has a new one."""
    monkeypatch.setattr("trunkline.upstream.plugins.helper.RESPONSIVE", 0.5)
    answers, upstream = troubled(tmp_path, "loop", ["trouble", "fine"], seconds="4")
    assert answers[0].status == 504
    assert answers[1].text == WORDS
    assert [asked.body["count"] for asked in upstream.asked] == [1]


def test_what_nobody_catches_harms_nobody(tmp_path: Path) -> None:
    answers, upstream = troubled(tmp_path, "late", ["trouble", "fine", "fine"])
    assert [answer.text for answer in answers] == [WORDS] * 3
    assert [asked.body["count"] for asked in upstream.asked] == [1, 2, 3]


def test_one_that_breaks_off_in_the_middle(tmp_path: Path) -> None:
    answers, _ = troubled(tmp_path, "break", ["go"], stream=True)
    assert answers[0].status == 200
    assert b"event: content_block_delta" in answers[0].body
    last = answers[0].body.decode().strip().split("\n\n")[-1]
    assert last.startswith("event: error\n")
    assert 'plugin \\"trouble\\" of provider up failed in transformResponseOut' in last


def test_an_answer_that_is_left_alone_never_goes_through_the_helper(tmp_path: Path) -> None:
    """It comes as it came: of four megabytes nothing is copied to and fro."""
    words = "x" * 65536
    home = installed(tmp_path)
    answer, _, _ = run(
        tmp_path,
        lambda url: router_file(url + CHAT, home, [("trouble.js", {"how": "no"})], {"use": ["trouble"]}),
        lambda url: ask(url, stream=True),
        lambda asked: chat_stream([words] * 64),
    )
    assert answer.text == words * 64


def test_another_target_is_asked_when_a_plugin_fails(tmp_path: Path) -> None:
    home = installed(tmp_path)

    def config(url: str) -> str:
        file = json.loads(
            router_file(url + CHAT, home, [("trouble.js", {"how": "throw"})], {"use": ["trouble"]})
        )
        other = {"name": "other", "api_base_url": url + CHAT, "api_key": "k", "models": ["n"]}
        file["Providers"].append(other)
        file["fallback"] = {"default": ["other,n"]}
        return json.dumps(file)

    answer, upstream, records = run(tmp_path, config, lambda url: ask(url, "trouble"))
    assert answer.text == WORDS
    assert [asked.body["model"] for asked in upstream.asked] == ["n"]
    assert [attempt.target for attempt in records[0].attempts] == ["up/m", "other/n"]


def test_many_at_once(tmp_path: Path) -> None:
    """Thirty streams and whole answers through two plugins, each with its own words."""
    home = installed(tmp_path)
    files: list[tuple[str, dict[str, object]]] = [("twice.mjs", {}), ("strip-reasoning.js", {})]

    async def main() -> list[Answered]:
        upstream = Upstream(
            lambda asked: (
                chat_stream([str(asked.body["messages"])] * 20)
                if asked.body.get("stream")
                else chat_reply(asked)
            )
        )
        async with serving(upstream.play) as server:
            url = f"http://127.0.0.1:{server.port}{CHAT}"
            config = router_file(url, home, files, {"use": ["twice", "strip-reasoning"]})
            async with whole(config, tmp_path) as running:
                return await asyncio.gather(
                    *(
                        asyncio.to_thread(ask, running.url, f"number {number}", stream=number % 2 == 0)
                        for number in range(30)
                    )
                )

    for number, answer in enumerate(asyncio.run(main())):
        if number % 2:
            assert answer.text == WORDS
        else:
            assert answer.text.count(f"'number {number}'") == 20


REFUSED = [
    ('plugins: [{path: ./none.js}]', "plugins[0]", '"none.js" is not there'),
    ('plugins: [{path: ./none.py}]', "plugins[0]", '"none.py" is not there'),
    ('plugins: [{path: ./trouble.js}]\ncustom_router: ./gone.js', "custom_router", '"gone.js" is not there'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "key", "message"), REFUSED)
def test_files_that_are_not_there(tmp_path: Path, text: str, key: str, message: str) -> None:
    home = installed(tmp_path)
    path = home / "trunkline.yaml"
    path.write_text(
        text + "\nproviders: {up: {kind: custom, speaks: {openai_chat: 'http://127.0.0.1:9'}}}\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        make_providers(load(str(path), {}))
    (problem,) = caught.value.problems
    assert (problem.key, problem.line) == (key, text.count("\n") + 1)
    assert message in problem.message


def test_javascript_without_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = installed(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(router_file("http://127.0.0.1:9", home, [("zai.js", {})], {"use": ["zai"]}))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="JavaScript and needs Node"):
        make_providers(load(str(path), {}))


BAD = [
    ("trouble.js", {"how": "x"}, "troubel", 'no transform "troubel".*Did you mean "trouble"'),
    ("state.json", {}, "state", 'no transform "state".*Not loaded: state.json'),
    ("trouble.js", None, "trouble", 'no transform "trouble".*Not loaded: trouble.js'),
]


@pytest.mark.parametrize(("file", "options", "name", "message"), BAD)
def test_a_name_that_no_plugin_has_is_an_error_at_the_start(
    tmp_path: Path, file: str, options: dict[str, object] | None, name: str, message: str
) -> None:
    home = installed(tmp_path)
    if options is None:
        (home / file).write_text("require('claude-code-router');")
    path = tmp_path / "config.json"
    path.write_text(router_file("http://127.0.0.1:9", home, [(file, options or {})], {"use": [name]}))

    async def main() -> None:
        configuration = load(str(path), {})
        gateway = Gateway(configuration, make_providers(configuration))
        with pytest.raises(ConfigurationError, match=message):
            await gateway.startup()

    asyncio.run(main())


PROGRAM = """
import sys
from trunkline.cli import main
sys.argv = ["trunkline", "serve", "--config", sys.argv[1], "--port", "0"]
main()
"""


@pytest.mark.parametrize(
    ("how", "busy"), [(signal.SIGKILL, False), (signal.SIGTERM, False), (signal.SIGKILL, True)],
    ids=["killed", "stopped", "killed in an endless loop"],
)  # fmt: skip
def test_the_helper_ends_with_the_gateway(tmp_path: Path, how: signal.Signals, busy: bool) -> None:
    """A gateway as users start it: it serves through the plugin, and whatever ends it ends its helper."""
    home = installed(tmp_path)
    path = tmp_path / "config.json"

    def config(url: str) -> str:
        return router_file(
            url + CHAT,
            home,
            [("trouble.js", {"how": "loop"}), ("twice.mjs", {})],
            {"use": ["trouble", "twice"]},
        )

    async def main() -> None:
        upstream = Upstream(chat_reply)
        async with serving(upstream.play) as server:
            path.write_text(config(f"http://127.0.0.1:{server.port}"))
            await asyncio.to_thread(life, path, how, busy)

    asyncio.run(main())


def life(path: Path, how: signal.Signals, busy: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as gateway:
        assert gateway.stdout is not None
        try:
            first = gateway.stdout.readline().decode()
            assert first.startswith("Trunkline listens on "), first
            assert ask(first.split()[-1], stream=True).text == WORDS
            (helper,) = helpers_of(gateway.pid)
            command = Path(f"/proc/{helper}/cmdline").read_bytes()
            assert b"main.cjs" in command
            assert b"key-of-up" not in command
            if busy:
                keep_busy(first.split()[-1], helper)
            gateway.send_signal(how)
            gateway.wait(60)
            wait_for_the_end_of(helper)
        finally:
            gateway.kill()


def keep_busy(url: str, helper: int) -> None:
    """Have a hook that never ends run in the helper; nobody waits for the answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    body = json.dumps(asking("trouble"))
    connection.request("POST", "/v1/messages", body, {"content-type": "application/json"})
    deadline, idle = time.monotonic() + 60, ticks_of(helper)
    while ticks_of(helper) < idle + 20:  # a fifth of a second of work: it is in its loop
        assert time.monotonic() < deadline, "the hook does not run"
        time.sleep(0.02)
    connection.close()


def ticks_of(process: int) -> int:
    """Processor time that a process has used, in the system's hundredths."""
    return sum(map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]))


def test_start_says_why_it_does_not_start(tmp_path: Path) -> None:
    home = installed(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(
        router_file("http://127.0.0.1:9/v1", home, [("trouble.js", {"how": "x"})], {"use": ["nobody"]})
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert 'there is no transform "nobody", and no plugin is called so' in done.stderr
