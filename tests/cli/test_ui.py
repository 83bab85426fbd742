"""``trunkline ui``: the gateway runs, and the page is open or its address is told."""

import json
import socket
from pathlib import Path

import pytest

from dashboard.browser import ADMIN_KEY, Browser
from trunkline.cli.service.find import Found
from trunkline.cli.service.places import Places
from trunkline.cli.ui import directions, has_screen, ssh_target, ticket_for
from trunkline.config.schema import Configuration, Server
from trunkline.config.secret import Secret

CONFIG = """\
server: {{port: {port}, admin_key: "{key}"}}
providers: {{rehearsal: {{kind: rehearsal}}}}
models: {{"*": rehearsal/rehearsal}}
"""
SSH = {"SSH_CONNECTION": "10.0.0.9 50123 192.168.7.4 22", "SSH_TTY": "/dev/pts/1"}


@pytest.mark.parametrize(
    ("environ", "seen"),
    [
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({"WSL_DISTRO_NAME": "Debian"}, True),
        ({}, False),
        ({**SSH, "DISPLAY": ":10"}, False),
        ({**SSH, "BROWSER": "/usr/bin/editors-helper"}, True),
    ],
)
def test_a_browser_is_opened_where_it_is_seen(
    environ: dict[str, str], seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert has_screen(environ) is seen


def test_elsewhere_systems_have_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    for system in ("darwin", "win32"):
        monkeypatch.setattr("sys.platform", system)
        assert has_screen({})
        assert not has_screen(SSH)


def found(host: str = "127.0.0.1", key: str | None = None) -> Found:
    server = Server(admin_key=None if key is None else Secret(key))
    return Found(
        configuration=Configuration(source="x", server=server),
        host=host,
        port=3456,
        path=None,
        places=Places(Path("/nowhere")),
        service=None,
    )


def test_over_ssh_the_way_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "dev")
    first, second = directions(found(), signs_in=True, environ=SSH)
    assert "ssh -L 3456:127.0.0.1:3456 dev@192.168.7.4;" in first
    assert "signs in once, within 5 minutes" in second
    (only,) = directions(found("::"), signs_in=False, environ=SSH)
    assert "ssh -L 3456:[::1]:3456 dev@192.168.7.4;" in only
    assert ssh_target({"SSH_CONNECTION": "a 1 b 2222"}) == "dev@b -p 2222"
    assert ssh_target({"SSH_TTY": "x"}) == f"dev@{socket.gethostname()}"
    (here,) = directions(found(), signs_in=False, environ={})
    assert "no screen" in here


def test_a_ticket_is_made_where_a_key_is_wanted() -> None:
    assert ticket_for(found()) == ""
    ticket = ticket_for(found(key=ADMIN_KEY))
    assert ticket.startswith("#ticket=")
    assert ADMIN_KEY not in ticket


@pytest.mark.server
def test_ui_starts_the_gateway_and_signs_in(background) -> None:
    file = background.home / "tl.yaml"
    file.write_text(CONFIG.format(port=0, key=ADMIN_KEY))
    file.chmod(0o600)
    printed = background("ui", "--print", "--config", "tl.yaml")
    assert printed.code == 0
    page, _, ticket = printed.out.strip().partition("#ticket=")
    base = page.removesuffix("/ui/")
    assert printed.err == f"Started: Trunkline listens on {base}.\n"
    port = int(base.removeprefix("http://127.0.0.1:"))
    browser = Browser(port)
    assert browser("GET", "/ui/").status == 200
    assert browser("GET", "/api/status").status == 401
    assert browser("POST", "/api/session", {"ticket": ticket}).status == 204
    assert browser("GET", "/api/status").status == 200
    again = background("ui", "--no-open", "--config", "tl.yaml")
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith(page)
    told = background("ui", **{**SSH, "DISPLAY": ""})
    assert told.code == 0
    assert told.out.startswith(f"The dashboard is at {page}#ticket=")
    assert f"ssh -L {port}:127.0.0.1:{port} " in told.out
    opened = background.home / "opened"
    script = background.home / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    script.chmod(0o755)
    shown = background("ui", BROWSER=f"{script} %s")
    assert (shown.code, shown.out) == (0, f"The dashboard is at {page}: it opens in the browser.\n")
    assert opened.read_text().startswith(f"{page}#ticket=")
    for said in (printed, again, told, shown):
        assert ADMIN_KEY not in said.out + said.err
    assert json.loads(background("status", "--json").out)["running"] is True
    assert background("stop").code == 0


@pytest.mark.server
def test_ui_says_why_it_cannot(background) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        file = background.home / "tl.yaml"
        file.write_text(CONFIG.format(port=other.getsockname()[1], key=ADMIN_KEY))
        taken = background("ui", "--print", "--config", "tl.yaml")
        assert (taken.code, taken.out, taken.err.count("\n")) == (6, "", 1)
    file.write_text("providers: {x: {kind: nobody}}\n")
    invalid = background("ui", "--print", "--config", "tl.yaml")
    assert (invalid.code, invalid.out) == (3, "")
