"""``trunkline reload`` and SIGHUP, with the gateway in a terminal and in the background."""

import http.client
import json
import os
import pty
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Command, Running, free_port

pytestmark = pytest.mark.server

ASK = b'{"model": "sonnet", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}'


def write(path: Path, names: str, server: str = "port: 0") -> None:
    path.write_text(
        f"server: {{{server}}}\nproviders: {{rehearsal: {{kind: rehearsal}}}}\nmodels: {{{names}: rehearsal/rehearsal}}\n"
    )


def service(home: Path) -> dict[str, int]:
    return json.loads((home / "tl" / "service.json").read_text())


def names(port: int, key: str = "none") -> set[str]:
    """The models, asked for on a new connection: one of the workers answers."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/models", headers={"authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return {model["id"] for model in json.loads(answer.read())["data"]}


def eventually(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not met():
        assert time.monotonic() < deadline, "it never was so"
        time.sleep(0.02)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_service_reloads_and_its_streams_end(background: Command, workers: str) -> None:
    path = background.home / "tl.yaml"
    write(path, "one")
    assert background("start", "--config", str(path), "--workers", workers).code == 0
    running = service(background.home)
    port = running["port"]
    assert "one" in names(port)
    stream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    stream.request(
        "POST", "/v1/messages", ASK.replace(b"{", b'{"stream": true, ', 1).replace(b"sonnet", b"one")
    )
    answer = stream.getresponse()
    write(path, "two")
    reloaded = background("reload")
    assert (reloaded.code, reloaded.err) == (0, "")
    assert reloaded.out == f"Reloaded: http://127.0.0.1:{port} runs on {path}.\n"
    for _ in range(20):
        eventually(lambda: "two" in names(port) and "one" not in names(port))
    assert answer.status == 200
    assert answer.read().rstrip().endswith(b'data: {"type":"message_stop"}')
    stream.close()
    assert service(background.home) == running, "it is the same process"
    assert background("stop").code == 0


def told(gateway: Running, workers: int) -> set[bool]:
    """What each worker says next about a reload on stderr: whether it took place."""
    stderr = gateway.process.stderr
    assert stderr is not None
    said: list[bool] = []
    while len(said) < workers:
        line = stderr.readline()
        assert line, "the gateway has ended"
        assert "Traceback" not in line
        if "the configuration is" in line:
            said.append("the configuration is reloaded from" in line)
    return set(said)


@pytest.mark.parametrize("workers", [1, 2])
def test_SIGHUP_reloads_a_gateway_in_the_foreground(serve, command: Command, workers: int) -> None:
    path = command.home / "tl.yaml"
    write(path, "one")
    gateway = serve("--config", str(path), "--workers", str(workers))
    assert "one" in names(gateway.port)
    write(path, "two")
    gateway.process.send_signal(signal.SIGHUP)
    assert told(gateway, workers) == {True}
    assert all("two" in names(gateway.port) for _ in range(10))
    write(path, "three", "prot: 1")
    refused = command("reload", "--config", str(path), "--port", str(gateway.port))
    assert refused.code == 3
    assert 'tl.yaml:1: server.prot: unknown key. Did you mean "port"?' in refused.err
    gateway.process.send_signal(signal.SIGHUP)
    assert told(gateway, workers) == {False}
    assert all("two" in names(gateway.port) for _ in range(10))
    write(path, "four", "port: 1")
    reloaded = command("reload", "--config", str(path), "--port", str(gateway.port), "--json")
    assert reloaded.code == 0, reloaded.err
    assert json.loads(reloaded.out)["restart"] == ["server.port is 1 and stays 0"]
    assert told(gateway, workers) == {True}
    assert all("four" in names(gateway.port) for _ in range(10))
    assert gateway.stop()[0] == 0


def process_of(port: int) -> int:
    """The worker that answers; 0 when it dies in doing so."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status", timeout=60) as answer:
            return int(json.loads(answer.read())["pid"])
    except (OSError, http.client.HTTPException):
        return 0


def workers_of(port: int, gone: set[int]) -> set[int]:
    """Both workers of a gateway that has two, without those that are ``gone``."""
    found: set[int] = set()

    def both() -> bool:
        found.add(process_of(port))
        return len(found - gone - {0}) == 2

    eventually(both)
    return found - gone - {0}


def test_a_worker_that_dies_while_the_file_has_a_mistake_is_replaced(serve, command: Command) -> None:
    """By one on what the file said when it was last right."""
    path = command.home / "tl.yaml"
    write(path, "one")
    gateway = serve("--config", str(path), "--workers", "2")
    write(path, "two")
    gateway.process.send_signal(signal.SIGHUP)
    assert told(gateway, 2) == {True}
    gone: set[int] = set()

    def kill_one() -> None:
        victim = workers_of(gateway.port, gone).pop()
        gone.add(victim)
        os.kill(victim, signal.SIGKILL)
        workers_of(gateway.port, gone)

    kill_one()  # whoever replaces it has read the file
    path.write_text("models: [")
    kill_one()
    assert {"two" in names(gateway.port) for _ in range(20)} == {True}
    write(path, "three")
    gateway.process.send_signal(signal.SIGHUP)
    assert told(gateway, 2) == {True}
    assert all("three" in names(gateway.port) for _ in range(10))
    assert gateway.stop()[0] == 0


def test_what_wants_a_restart_is_said(background: Command) -> None:
    path = background.home / "tl.yaml"
    write(path, "one")
    assert background("start", "--config", str(path)).code == 0
    write(path, "one", "port: 1, host: 127.0.0.9")
    told = background("reload")
    assert told.code == 0
    assert told.out.splitlines()[1:] == [
        "  server.host is 127.0.0.9 and stays 127.0.0.1 until trunkline restart",
        "  server.port is 1 and stays 0 until trunkline restart",
    ]


def test_nothing_runs(background: Command) -> None:
    told = background("reload", "--port", str(free_port()))
    assert (told.code, told.out, told.err.count("\n")) == (6, "", 1)
    assert "Not running" in told.err


def test_what_only_the_gateway_cannot_use_is_said_by_it(background: Command) -> None:
    """A variable that is set in this terminal, and was not where the gateway was started."""
    path = background.home / "tl.yaml"
    write(path, "one")
    assert background("start", "--config", str(path)).code == 0
    path.write_text(path.read_text().replace("kind: rehearsal", "kind: ollama, key: '${ONLY_HERE}'"))
    told = background("reload", ONLY_HERE="x")
    assert told.code == 3
    assert told.err.splitlines()[0] == "trunkline: Not reloaded: the configuration before stays."
    assert "tl.yaml:2: providers.rehearsal.key" in told.err
    assert "one" in names(service(background.home)["port"])


@pytest.mark.parametrize("keys", ["keys: [new-client-key]", "admin_key: new-admin-key"])
def test_new_keys_in_the_file_do_not_keep_it_from_being_reloaded(background: Command, keys: str) -> None:
    path = background.home / "tl.yaml"
    write(path, "one", f"port: 0, {keys.replace('new', 'old')}")
    assert background("start", "--config", str(path)).code == 0
    port = service(background.home)["port"]
    write(path, "two", f"port: 0, {keys}")
    told = background("reload")
    assert (told.code, told.err) == (0, "")
    assert "two" in names(port, "new-client-key")


def test_the_end_of_its_terminal_is_no_reload(command: Command) -> None:
    path = command.home / "tl.yaml"
    write(path, "one")
    port = free_port()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "trunkline", "serve", "--port", str(port), "--config", str(path)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=command.environ({}),
        cwd=command.home,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        eventually(lambda: answers(port))
        process.send_signal(signal.SIGHUP)
        assert b"is reloaded" in heard(ours, b"is reloaded"), "the terminal is there: it reloads"
        os.close(ours)
        ours = -1
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 0
    finally:
        if ours >= 0:
            os.close(ours)
        process.kill()
        process.wait(60)


def heard(terminal: int, until: bytes) -> bytes:
    said = b""
    while until not in said:
        said += os.read(terminal, 4096)
    return said


def answers(port: int) -> bool:
    try:
        return "one" in names(port)
    except urllib.error.URLError:
        return False
