"""Starting, draining and stopping whole processes (reliability_ux.md T35, T37, T40)."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from server.harness import Worker, eventually, read_answer, request
from trunkline.config.schema import Server, Timeouts
from trunkline.server.errors import AddressTaken, Exposed, StartRefused
from trunkline.server.run import bind, run_server

ROOT = Path(__file__).parents[2]


@contextmanager
def process(
    workers: int = 1, port: int = 0, drain: float = 2.0, refuse: str = "", files: int | None = None
) -> Generator[subprocess.Popen[str]]:
    given = f"{workers}, {port}, {drain}, {refuse!r}"
    limited = f"import resource as r; r.setrlimit(r.RLIMIT_NOFILE, ({files}, {files})); " if files else ""
    program = f"{limited}from server.harness import serve_until_stopped as serve; serve({given})"
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", f"if __name__ == '__main__':\n    {program}"],
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}", "PATH": os.environ["PATH"]},
        cwd=ROOT / "tests",  # the repository's own folder has a server.py, which would be found first
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    watchdog = threading.Timer(120, kill)
    watchdog.start()
    try:
        yield child
    finally:
        watchdog.cancel()
        kill()
        child.communicate(timeout=60)


def started(child: subprocess.Popen[str]) -> int:
    assert child.stdout is not None
    word, _, port = child.stdout.readline().split()
    assert word == "up"
    return int(port)


def connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.settimeout(60)
    return client


def refused(port: int) -> bool:
    try:
        connect(port).close()
    except ConnectionError:
        return True
    return False


def post(port: int, seconds: float) -> socket.socket:
    client = connect(port)
    client.sendall(request("POST", "/v1/messages", str(seconds).encode()))
    return client


@pytest.mark.server
def test_T35_a_drain_lets_streams_end_and_tells_the_rest() -> None:
    with process(drain=6.0) as child, ExitStack() as clients:
        port = started(child)
        short = [clients.enter_context(post(port, 1.2)) for _ in range(250)]
        long = [clients.enter_context(post(port, 60)) for _ in range(250)]
        assert all(client.recv(15).startswith(b"HTTP/1.1 200") for client in (*short, *long))
        child.send_signal(signal.SIGTERM)
        assert eventually(lambda: refused(port))
        for client in short:
            answer = rest_of(client)
            assert answer.endswith(b"data: end\n\n\r\n0\r\n\r\n")
            assert b"event: error" not in answer
        for client in long:
            answer = rest_of(client)
            assert answer.count(b"event: error") == 1
            assert answer.endswith(b"0\r\n\r\n")
            assert b"data: end" not in answer
        assert child.wait(30) == 0
        assert child.stderr is not None
        assert "Traceback" not in child.stderr.read()


def rest_of(client: socket.socket) -> bytes:
    parts = []
    while chunk := client.recv(65536):
        parts.append(chunk)
    return b"".join(parts)


@pytest.mark.server
def test_T35_an_idle_gateway_stops_at_once() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with process(drain=60) as child:
            idle = connect(started(child))
            child.send_signal(number)
            assert child.wait(30) == 0
            idle.close()


@pytest.mark.server
def test_T40_a_taken_port_is_one_clear_line_and_exit_6() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with process(port=port) as child:
            assert child.wait(30) == 6
            assert child.stderr is not None
            said = child.stderr.read()
        assert f"Port {port} on 127.0.0.1 is taken" in said
        assert said.count("\n") == 1


def test_T40_an_address_of_another_machine_is_refused_clearly() -> None:
    with pytest.raises(AddressTaken, match=r"192\.0\.2\.1 port 0"):
        bind("192.0.2.1", 0)


def test_T62_run_refuses_to_be_exposed() -> None:
    with pytest.raises(Exposed):
        run_server(Worker(), Server(host="0.0.0.0"), Timeouts())


def test_localhost_listens_on_every_loopback_address() -> None:
    listeners = bind("localhost", 0)
    try:
        assert len({listener.getsockname()[1] for listener in listeners}) == 1
        assert {listener.getsockname()[0] for listener in listeners} <= {"127.0.0.1", "::1"}
    finally:
        for listener in listeners:
            listener.close()


def pids(port: int) -> set[int]:
    """Those of the workers that answer."""
    found = set()
    for _ in range(20):
        # The one that dies may just have taken it.
        with suppress(ConnectionError), connect(port) as client:
            client.sendall(request("GET", "/health/detailed"))
            found.add(int(str(read_answer(client).json["pid"])))
    return found


def both(port: int) -> set[int]:
    """The workers of a gateway that has two."""
    found = pids(port)

    def complete() -> bool:
        found.update(pids(port))
        return len(found) == 2

    assert eventually(complete, 60)
    return found


@pytest.mark.server
def test_T37_workers_share_the_port_and_a_dead_one_is_replaced() -> None:
    with process(workers=2, drain=20.0) as child:
        port = started(child)
        before = both(port)
        assert child.pid not in before
        victim = before.pop()
        os.kill(victim, signal.SIGKILL)
        assert eventually(lambda: len(pids(port) - {victim}) == 2, 60)
        client = post(port, 0.5)
        assert client.recv(15).startswith(b"HTTP/1.1 200")
        child.send_signal(signal.SIGTERM)
        assert rest_of(client).endswith(b"data: end\n\n\r\n0\r\n\r\n")
        client.close()
        assert child.wait(30) == 0
        assert refused(port)


@pytest.mark.server
def test_T37_a_worker_that_cannot_start_is_tried_again_and_the_others_serve(tmp_path: Path) -> None:
    refuse = tmp_path / "refuse"
    with process(workers=2, refuse=str(refuse)) as child:
        port = started(child)
        victim, other = both(port)
        refuse.touch()
        os.kill(victim, signal.SIGKILL)
        assert child.stderr is not None
        assert any("is there" in line for line in child.stderr), "the next one cannot start"
        assert eventually(lambda: pids(port) == {other}, 60)
        assert child.poll() is None
        refuse.unlink()
        assert eventually(lambda: len(pids(port)) == 2, 60)
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 0


@pytest.mark.server
def test_workers_that_cannot_start_at_first_are_the_end(tmp_path: Path) -> None:
    refuse = tmp_path / "refuse"
    refuse.touch()
    with process(workers=2, refuse=str(refuse)) as child:
        assert child.wait(60) == StartRefused.exit_code
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.read() == ""
        said = child.stderr.read()
        assert "is there" in said
        assert said.rstrip().endswith("The gateway could not start; the reason is in its log.")


@pytest.mark.server
def test_T30_beyond_the_limit_of_open_files_others_are_served_and_it_recovers() -> None:
    with process(files=64) as child, ExitStack() as clients:
        port = started(child)
        first = clients.enter_context(post(port, 60))
        assert first.recv(15).startswith(b"HTTP/1.1 200")
        many = [clients.enter_context(connect(port)) for _ in range(100)]
        assert eventually(lambda: any(is_closed(client) for client in many), 60)
        served = [client for client in many if not is_closed(client)]
        served[0].sendall(request("GET", "/health"))
        assert read_answer(served[0]).status == 200
        assert first.recv(1), "what has begun goes on"
        for client in many:
            client.close()

        def answers() -> bool:
            with connect(port) as client:
                try:
                    client.sendall(request("GET", "/health"))
                    return client.recv(15).startswith(b"HTTP/1.1 200")
                except ConnectionError:
                    return False

        assert eventually(answers, 60)
        assert child.poll() is None


def is_closed(client: socket.socket) -> bool:
    """Whether the other side has ended the connection by now, having said nothing."""
    if not select.select([client], [], [], 0)[0]:
        return False
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except ConnectionResetError:
        return True
