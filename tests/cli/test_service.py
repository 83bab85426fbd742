"""The gateway in the background: start, stop, status, and everything that may be in the way."""

import json
import os
import signal
import socket
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


def test_a_killed_process_is_not_a_running_one(background) -> None:
    background("start", "--port", "0")
    killed = service(background.home)
    os.kill(killed["pid"], signal.SIGKILL)
    status = background("status", "--port", str(killed["port"]))
    assert status.code == 6
    assert status.err.startswith("trunkline: Not running: nothing answers at")
    assert background("start", "--port", "0").code == 0
    assert service(background.home)["pid"] != killed["pid"]


def test_a_stale_pid_of_another_process_is_seen_through(background) -> None:
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
    folder = background.home / "closed"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this user writes everywhere")
    result = background("start", "--port", "0", TRUNKLINE_HOME=str(folder / "tl"))
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "Set TRUNKLINE_HOME to a folder that can be written" in result.err


def test_the_log_names_the_model_that_answered(background) -> None:
    import urllib.request

    background("start", "--port", "0")
    url = f"http://127.0.0.1:{service(background.home)['port']}/v1/messages"
    request = urllib.request.Request(url, ASK, {"content-type": "application/json"})
    urllib.request.urlopen(request, timeout=10).read()
    assert background("stop").code == 0
    (log,) = (background.home / "tl" / "logs").glob("ccr-*.log")
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    answered = [line for line in lines if "asked" in line]
    assert [(line["asked"], line["model"]) for line in answered] == [("sonnet", "rehearsal")]


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
