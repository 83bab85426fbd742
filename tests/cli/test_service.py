"""The gateway in the background: start, stop, status, and everything that may be in the way."""

import contextlib
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.server

ASK = b'{"model": "sonnet", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}'


def service(home: Path) -> dict[str, object]:
    return json.loads((home / "tl" / "service.json").read_text())


def test_start_is_idempotent_and_stop_too(background) -> None:
    first = background("start", "--port", "0")
    assert first.code == 0
    running = service(background.home)
    url = f"http://127.0.0.1:{running['port']}"
    assert first.out == f"Started: Trunkline listens on {url} (process {running['pid']}).\n"
    again = background("start")
    assert (again.code, again.out) == (
        0,
        f"Already running: Trunkline listens on {url} (process {running['pid']}).\n",
    )
    status = background("status")
    assert status.out.startswith(f"Trunkline 0.1.0 is running at {url}.\n")
    assert f"  pid: {running['pid']}\n" in status.out
    stopped = background("stop")
    assert (stopped.code, stopped.out) == (0, f"Stopped: process {running['pid']} has ended.\n")
    assert not (background.home / "tl" / "trunkline.pid").exists()
    assert background("stop").out == "Not running.\n"
    assert background("status", "--port", str(running["port"])).code == 6


def test_T38_a_killed_process_is_not_a_running_one(background) -> None:
    background("start", "--port", "0")
    killed = service(background.home)
    os.kill(killed["pid"], signal.SIGKILL)
    status = background("status", "--port", str(killed["port"]))
    assert status.code == 6
    assert status.err.startswith("trunkline: Not running: nothing answers at")
    assert background("start", "--port", "0").code == 0
    assert service(background.home)["pid"] != killed["pid"]


def test_T38_a_stale_pid_of_another_process_is_seen_through(background) -> None:
    background("start", "--port", "0")
    running = service(background.home)
    assert background("stop").code == 0
    stale = {**running, "pid": os.getpid()}
    (background.home / "tl" / "service.json").write_text(json.dumps(stale))
    (background.home / "tl" / "trunkline.pid").write_text(f"{os.getpid()}\n")
    assert background("status", "--port", str(running["port"])).code == 6
    started = background("start", "--port", "0")
    assert (started.code, started.out[:8]) == (0, "Started:")
    assert service(background.home)["pid"] != os.getpid()


def test_a_taken_port_is_one_line_and_exit_code_6(background) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(0)
        result = background("start", "--host", "127.0.0.2", "--port", "0")
        assert result.code == 0
        background("stop")
    with socket.create_server(("127.0.0.1", 0)) as http:
        port = http.getsockname()[1]
        http.close()
    with socket.create_server(("127.0.0.3", port)):
        result = background("start", "--host", "127.0.0.3", "--port", str(port))
    assert (result.code, result.out) == (6, "")
    assert result.err.count("\n") == 1
    assert f"Port {port} on 127.0.0.3 is taken" in result.err or "is not Trunkline" in result.err


def test_a_broken_file_is_told_as_everywhere_and_starts_nothing(background) -> None:
    path = background.home / "broken.yaml"
    path.write_text("server: {prot: 1}\n")
    result = background("start", "--config", str(path))
    assert (result.code, result.out) == (3, "")
    assert 'broken.yaml:1: server.prot: unknown key. Did you mean "port"?' in result.err
    assert not (background.home / "tl" / "service.json").exists()


def test_beyond_this_machine_only_with_keys(background) -> None:
    result = background("start", "--host", "0.0.0.0", "--port", "0")
    assert (result.code, result.err.count("\n")) == (3, 1)


def test_a_home_that_cannot_be_written_is_one_line(background) -> None:
    occupied = background.home / "file"  # not a closed folder: some users write everywhere
    occupied.touch()
    result = background("start", "--port", "0", TRUNKLINE_HOME=str(occupied / "tl"))
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "Set TRUNKLINE_HOME to a folder that can be written" in result.err


def test_the_log_names_the_model_that_answered(background) -> None:
    import urllib.request

    background("start", "--port", "0")
    url = f"http://127.0.0.1:{service(background.home)['port']}/v1/messages"
    request = urllib.request.Request(url, ASK, {"content-type": "application/json"})
    urllib.request.urlopen(request, timeout=60).read()
    shown = background("logs", "-n", "1")
    assert "200 ok  sonnet -> rehearsal/rehearsal (alias *)" in shown.out
    assert json.loads(background("logs", "-n", "1", "--json").out)["model"] == "rehearsal"
    assert background("stop").code == 0
    (log,) = (background.home / "tl" / "logs").glob("ccr-*.log")
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    answered = [line for line in lines if "asked" in line]
    assert background("logs", "--path").out == f"{log}\n"
    assert [(line["asked"], line["model"]) for line in answered] == [("sonnet", "rehearsal")]


def test_without_a_service_there_is_no_log(background) -> None:
    result = background("logs")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)


def test_two_starts_at_once_make_one_service(background) -> None:
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: background("start", "--port", "0"), range(2)))
    assert [result.code for result in results] == [0, 0]
    assert sorted(result.out.partition(":")[0] for result in results) == ["Already running", "Started"]


def test_a_service_of_ccr_users_is_where_they_look(command) -> None:
    folder = command.home / ".claude-code-router"
    folder.mkdir()
    (folder / "config.json").write_text(
        '{"PORT": 0, "Providers": [{"name": "l", "api_base_url": "http://127.0.0.1:9/v1/chat/completions",'
        ' "api_key": "k", "models": ["m"]}], "Router": {"default": "l,m"}}'
    )
    started = command("start", "--port", "0", TRUNKLINE_START_TIMEOUT="20")
    assert started.code == 0, started.err
    try:
        assert int((folder / ".claude-code-router.pid").read_text()) > 0
        assert len(list((folder / "logs").glob("ccr-*.log"))) == 1
    finally:
        assert command("stop").code == 0


@contextlib.contextmanager
def waiting_request(background, drain: int) -> Iterator[http.client.HTTPConnection]:
    """A service with a request under way that its provider never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        path = background.home / "tl.yaml"
        path.write_text(
            f"server: {{port: 0}}\nproviders: {{slow: {{kind: custom, speaks: {{openai_chat: 'http://127.0.0.1:{port}/v1'}},"
            f" models: [m]}}}}\nmodels: {{sonnet: slow/m}}\ntimeouts: {{drain: {drain}}}\n"
        )
        assert background("start", "--config", str(path)).code == 0
        connection = http.client.HTTPConnection("127.0.0.1", service(background.home)["port"], timeout=30)
        connection.request("POST", "/v1/messages", ASK, {"content-type": "application/json"})
        provider, _ = silent.accept()
        with provider, contextlib.closing(connection):
            yield connection


def test_stop_tells_those_whom_it_cannot_wait_for(background) -> None:
    with waiting_request(background, drain=1) as connection:
        stopped = background("stop")
        assert (stopped.code, stopped.out[:8]) == (0, "Stopped:")
        assert stopped.err == "trunkline: waiting for requests under way; trunkline stop --now cuts them\n"
        answer = connection.getresponse()
        assert answer.status in (503, 529)
        assert b"shutting down" in answer.read()


def test_stop_now_does_not_wait(background) -> None:
    with waiting_request(background, drain=300):
        stopped = background("stop", "--now")
        assert (stopped.code, stopped.out[:8], stopped.err) == (0, "Stopped:", "")


def test_a_wrong_number_of_seconds_is_said(background) -> None:
    result = background("start", "--port", "0", TRUNKLINE_START_TIMEOUT="soon")
    assert (result.code, result.err.count("\n")) == (2, 1)


def test_a_service_that_does_not_come_up_in_time_is_ended(background) -> None:
    result = background("start", "--port", "0", TRUNKLINE_START_TIMEOUT="0.01")
    assert result.code == 1
    assert "did not " in result.err.splitlines()[0]
    deadline = time.monotonic() + 60
    while background("status", "--port", "9").code != 6:
        assert time.monotonic() < deadline


class Clients:
    """Programs that ask without a pause, one on a new connection each time, one on the same as long as it may."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = threading.Event()
        self.failures: list[str] = []
        self.answers = {"new": 0, "kept": 0}
        self._threads = [
            threading.Thread(target=self._run, args=("new", True)),
            threading.Thread(target=self._run, args=("kept", False)),
        ]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, name: str, anew: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        while not self._stop.is_set():
            try:
                connection.request(
                    "POST", "/v1/messages/count_tokens", ASK, {"content-type": "application/json"}
                )
                answer = connection.getresponse()
                if answer.status != 200:
                    self.failures.append(f"{name}: {answer.status} {answer.read()!r}")
                answer.read()
                self.answers[name] += 1
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{name}: {error!r}")
            if anew:
                connection.close()
        connection.close()

    def wait_for_more(self) -> None:
        """Until both have been answered again."""
        before = dict(self.answers)
        deadline = time.monotonic() + 60
        while any(self.answers[name] <= before[name] for name in before):
            assert time.monotonic() < deadline, self.failures
            time.sleep(0.01)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_T36_restart_refuses_no_request(background, workers: str) -> None:
    assert background("start", "--port", "0", "--workers", workers).code == 0
    first = service(background.home)
    stream = http.client.HTTPConnection("127.0.0.1", first["port"], timeout=20)
    with Clients(first["port"]) as clients:
        clients.wait_for_more()
        for _ in range(2):
            stream.request(
                "POST",
                "/v1/messages",
                ASK.replace(b"{", b'{"stream": true, ', 1),
                {"content-type": "application/json"},
            )
            answer = stream.getresponse()
            before = service(background.home)
            restarted = background("restart", "--json")
            assert restarted.code == 0, restarted.err
            told = json.loads(restarted.out)
            assert told["handed_over"] is True
            after = service(background.home)
            assert told["pid"] == after["pid"] != before["pid"]
            assert (after["port"], after["workers"]) == (first["port"], int(workers))
            assert answer.read().rstrip().endswith(b'data: {"type":"message_stop"}')
            clients.wait_for_more()
    assert clients.failures == []
    stream.close()
    assert background("stop").code == 0


def test_restart_with_a_broken_file_leaves_the_old_process_alone(background) -> None:
    path = background.home / "tl.yaml"
    path.write_text("server: {port: 0}\nproviders: {rehearsal: {kind: rehearsal}}\n")
    assert background("start", "--config", str(path)).code == 0
    before = service(background.home)
    path.write_text("server: {prot: 0}\nproviders: {rehearsal: {kind: rehearsal}}\n")
    result = background("restart")
    assert (result.code, result.err.count("\n")) == (3, 1)
    path.write_text("server: {port: 0}\nproviders: {rehearsal: {kind: nonsense}}\n")
    result = background("restart")
    assert (result.code, result.err.count("\n")) == (3, 1)
    assert service(background.home) == before
    path.write_text("server: {port: 0}\nproviders: {rehearsal: {kind: rehearsal}}\n")
    assert background("status").code == 0
    assert background("restart").code == 0
    assert service(background.home)["port"] == before["port"]


def test_restart_without_a_socket_to_take_over_lets_the_old_one_end_first(background) -> None:
    assert background("start", "--port", "0").code == 0
    before = service(background.home)
    (background.home / "tl" / "service.sock").unlink()
    result = background("restart")
    assert (result.code, result.out.endswith("The old one ended first.\n")) == (0, True)
    assert service(background.home)["port"] == before["port"]


def test_a_gateway_in_the_foreground_is_left_to_its_terminal(serve, background) -> None:
    gateway = serve()
    for verb in ("stop", "restart"):
        path = background.home / "tl.yaml"
        path.write_text(
            f"server: {{port: {gateway.port}}}\nproviders: {{rehearsal: {{kind: rehearsal}}}}\n"
        )
        result = background(verb, TRUNKLINE_CONFIG=str(path))
        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        assert "was not started by trunkline start" in result.err
    assert gateway.stop()[0] == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_restart_over_http_hands_over_and_a_broken_file_stays_out(background, workers: str) -> None:
    path = background.home / "ccr.json"
    provider = {
        "name": "p",
        "api_base_url": "http://127.0.0.1:9/v1/chat/completions",
        "api_key": "k",
        "models": ["m"],
    }
    path.write_text(json.dumps({"Providers": [provider], "Router": {"default": "p,m"}}))
    start = background("start", "--port", "0", "--workers", workers, "--config", str(path))
    assert start.code == 0, start.err
    before = service(background.home)

    def ask(method: str, where: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", before["port"], timeout=30)
        with contextlib.closing(connection):
            connection.request(method, where, body)
            answer = connection.getresponse()
            return answer.status, answer.read()

    text = path.read_text()
    path.write_text("{")
    status, said = ask("POST", "/api/restart")
    assert (status, b"Not restarted" in said) == (400, True)
    path.write_text(text)
    assert service(background.home) == before
    shown = json.loads(ask("GET", "/api/config")[1])
    assert shown["Providers"] == [{**provider, "api_key": "****"}]
    shown["Providers"][0]["models"] = ["m", "n"]
    assert ask("POST", "/api/config", json.dumps(shown).encode())[0] == 200
    models = ask("GET", "/v1/models")[1]
    assert b'"n"' not in models
    assert json.loads(ask("POST", "/api/restart")[1]) == {
        "success": True,
        "message": "Service restart initiated",
    }
    wait_until(lambda: service(background.home)["pid"] != before["pid"])
    assert service(background.home)["port"] == before["port"]
    wait_until(lambda: b'"n"' in ask("GET", "/v1/models")[1])
    assert json.loads(path.read_text())["Providers"][0]["api_key"] == "k"
    listed = json.loads(ask("GET", "/api/logs/files")[1])
    assert [entry["name"][:4] for entry in listed] == ["ccr-", "ccr-"]


def wait_until(condition: Callable[[], bool]) -> None:
    """Ask again and again, for as long as a loaded machine may take."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_restart_starts_what_does_not_run(background) -> None:
    path = background.home / "tl.yaml"
    path.write_text("server: {port: 0}\nproviders: {rehearsal: {kind: rehearsal}}\n")
    assert background("restart", "--config", str(path)).code == 0
    assert background("status", "--config", str(path)).code == 0


def test_fifty_times(background) -> None:
    """Start, status and stop in a loop, each time with a good outcome; a few rounds unless asked for all."""
    for _ in range(int(os.environ.get("TRUNKLINE_CYCLES", "3"))):
        assert background("start", "--port", "0").code == 0
        assert background("status").code == 0
        assert background("stop").code == 0
        assert background("status", "--port", "9").code == 6
