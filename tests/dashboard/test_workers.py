"""Two workers behind one page, as processes; and one process that is stopped while a page follows it."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Running, command, serve  # noqa: F401 - fixtures
from dashboard.browser import ADMIN_KEY, CANARIES, Browser, Feed
from trunkline.app.board import FOLDER_VARIABLE, SEVERAL_VARIABLE, Board
from trunkline.dashboard.local import Question, WorkerState

pytestmark = pytest.mark.server

ASK = {"model": "claude-sonnet-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}


def ask(browser: Browser) -> None:
    assert Browser(browser.port).send("POST", "/v1/messages", ASK).status == 200


def pids(browser: Browser) -> list[int]:
    """The workers that answer; every request is a connection of its own, so that any of them may be asked."""
    found = browser("GET", "/api/status").json["pids"]
    assert isinstance(found, list)
    return found


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it does not come about")


def test_one_page_shows_all_workers(serve) -> None:  # noqa: F811
    gateway: Running = serve("--workers", "2", TRUNKLINE_ADMIN_KEY=ADMIN_KEY)
    browser = Browser(gateway.port)
    browser.sign_in()
    eventually(lambda: len(pids(browser)) == 2)
    status = browser("GET", "/api/status").json
    assert (status["workers"], status["silent"], status["shows"]) == (2, 0, "all workers")
    with Feed(browser) as feed:
        ask(browser)
        seen = {str(feed.until("end")["id"])}
        for _ in range(3):
            ask(browser)
            seen.add(str(feed.until("end")["id"]))
    assert len(seen) == 4
    for _ in range(4):
        eventually(lambda: browser("GET", "/api/requests").json["kept"] == 4)
        listed = browser("GET", "/api/requests").json
        assert isinstance(listed["recent"], list)
        assert {row["id"] for row in listed["recent"]} == seen
        assert listed["capacity"] == 4000
        totals = browser("GET", "/api/totals").json["totals"]
        assert isinstance(totals, dict)
        assert totals["requests"] == 4
        for request_id in seen:
            assert browser("GET", f"/api/requests/{request_id}").status == 200
        assert browser("GET", "/api/requests/nobody").status == 404
    assert len(json.loads(browser("GET", "/api/targets").body)) > 0
    kept = browser.cookie
    assert browser("DELETE", "/api/session").status == 204
    browser.cookie = kept
    assert {browser("GET", "/api/status").status for _ in range(10)} == {401}, "signed out everywhere"
    code, out, err = gateway.stop()
    assert code == 0
    for canary in CANARIES:
        assert canary not in browser.said + out + err


def test_a_worker_whose_folder_is_gone_serves_and_shows_itself(tmp_path: Path) -> None:
    environ = {FOLDER_VARIABLE: str(tmp_path / "gone"), SEVERAL_VARIABLE: "3"}

    async def main() -> None:
        board = Board(environ)
        await board.start()
        states = await board.workers.ask(Question(verb="state"), WorkerState)
        assert [state.pid for state in states] == [os.getpid()]
        assert [board.shows(number) for number in (1, 2, 3)] == [
            "this worker only",
            "2 of 3 workers",
            "all workers",
        ]
        await board.close()

    asyncio.run(main())


def test_a_worker_that_was_killed_is_not_waited_for(serve) -> None:  # noqa: F811
    gateway: Running = serve("--workers", "2")
    browser = Browser(gateway.port)
    eventually(lambda: len(pids(browser)) == 2)
    before = pids(browser)
    os.kill(before[0], signal.SIGKILL)

    def replaced() -> bool:
        try:
            now = pids(browser)
        except OSError:  # the connection was the killed one's
            return False
        return len(now) == 2 and before[0] not in now and before[1] in now

    eventually(replaced)
    assert gateway.stop()[0] == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_page_that_follows_keeps_nobody_from_stopping(serve, workers: str) -> None:  # noqa: F811
    gateway: Running = serve("--workers", workers)
    with Feed(Browser(gateway.port)) as feed:
        gateway.process.terminate()
        assert not [event for event, _ in feed if event in ("start", "end")], "it ends"
        assert gateway.stop()[0] == 0
