"""The page's files over a real socket, and who may open the rest."""

import gzip
import socket
import time
from pathlib import Path

import pytest

from app.whole import Whole
from dashboard.browser import ADMIN_KEY, CLIENT_KEY, PROVIDER_KEY, Browser, with_browser
from trunkline.config.secret import Secret
from trunkline.dashboard.files import KINDS, page_files
from trunkline.dashboard.session import Sessions

pytestmark = pytest.mark.server

PROVIDER = f"""\
providers:
  far: {{kind: custom, speaks: {{openai_chat: "http://127.0.0.1:9/v1"}}, token: "{PROVIDER_KEY}", models: [m]}}
routes: {{default: far/m}}
"""
ADMINISTERED = f'server: {{admin_key: "{ADMIN_KEY}"}}\n{PROVIDER}'
WITH_CLIENTS = f'server: {{keys: ["{CLIENT_KEY}"]}}\n{PROVIDER}'
CLOSED = f'server: {{admin_key: "{ADMIN_KEY}", keys: ["{CLIENT_KEY}"]}}\n{PROVIDER}'


def test_T77_files_are_sent_with_a_strict_policy_zipped_and_once(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        moved = browser("GET", "/ui")
        assert (moved.status, moved.headers["location"]) == (307, "/ui/")
        for name, file in page_files().items():
            plain = browser("GET", f"/ui/{name}")
            assert (plain.status, plain.body) == (200, file.body)
            assert plain.headers["content-type"] == KINDS[name.rpartition(".")[2]]
            zipped = browser("GET", f"/ui/{name}", headers={"accept-encoding": "gzip, br"})
            assert zipped.headers["content-encoding"] == "gzip"
            assert gzip.decompress(zipped.body) == file.body
            again = browser("GET", f"/ui/{name}", headers={"if-none-match": plain.headers["etag"]})
            assert (again.status, again.body) == (304, b"")
            for answer in (plain, zipped, again):
                policy = answer.headers["content-security-policy"]
                assert "default-src 'self'" in policy
                assert "frame-ancestors 'none'" in policy
                assert "unsafe" not in policy
                assert answer.headers["x-frame-options"] == "DENY"
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["referrer-policy"] == "no-referrer"
                assert "access-control-allow-origin" not in answer.headers
        assert browser("GET", "/ui/").body == page_files()["index.html"].body
        assert browser("HEAD", "/ui/").body == b""

    with_browser(CLOSED, tmp_path, use)


TRAVERSALS = [
    "/ui/../../config/schema.py", "/ui/..%2f..%2fconfig%2fschema.py", "/ui/%2e%2e/%2e%2e/__init__.py", "/ui/..\\..\\__init__.py",
    "/ui//etc/passwd", "/ui/%2fetc%2fpasswd", "/ui/page/index.html", "/ui/./index.html", "/ui/index.html%00", "/ui/index.html/",
    "/ui/__init__.py", "/ui/%ff%fe", "/ui/C:%5cwindows", "/ui/.%00./x",
]  # fmt: skip


def test_nothing_else_is_below_the_page(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        for path in TRAVERSALS:
            with socket.create_connection(("127.0.0.1", browser.port), timeout=60) as client:
                client.sendall(
                    f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
                )
                answer = b""
                while piece := client.recv(65536):
                    answer += piece
            assert answer.startswith(b"HTTP/1.1 404 "), path
            assert b"root:" not in answer
            assert b"msgspec" not in answer

    with_browser(PROVIDER, tmp_path, use)


def test_T73_the_key_opens_and_its_cookie_is_out_of_reach(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        state = browser("GET", "/api/session").json
        assert (state["needed"], state["signed_in"]) == (True, False)
        assert set(state) == {"needed", "signed_in", "version"}
        assert browser("GET", "/api/config").status == 401
        for wrong in ({"key": "x"}, {"key": CLIENT_KEY}, {"ticket": "x"}, {"key": ""}):
            refused = browser("POST", "/api/session", wrong)
            assert (refused.status, "set-cookie" in refused.headers) == (401, False)
        for nothing in ({}, [], {"key": 7}, "x"):
            assert browser("POST", "/api/session", nothing).status == 400
        opened = browser("POST", "/api/session", {"key": ADMIN_KEY})
        assert (opened.status, opened.body) == (204, b"")
        parts = opened.headers["set-cookie"].split("; ")
        assert parts[1:] == ["Path=/", "HttpOnly", "SameSite=Strict"]
        assert browser("GET", "/api/session").json["signed_in"] is True
        assert browser("GET", "/api/config").status == 200
        kept = browser.cookie
        assert browser("DELETE", "/api/session").headers["set-cookie"].endswith("Max-Age=0")
        assert browser("GET", "/api/config").status == 401
        browser.cookie = kept
        assert browser("GET", "/api/config").status == 401, "signed out means the cookie too"

    with_browser(CLOSED, tmp_path, use)


def test_a_ticket_opens_once(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        sessions = Sessions(ADMIN_KEY.encode(), time.time)
        ticket = sessions.ticket()
        assert browser("POST", "/api/session", {"ticket": ticket}).status == 204
        assert browser("GET", "/api/config").status == 200
        browser.cookie = ""
        assert browser("POST", "/api/session", {"ticket": ticket}).status == 401
        expired = Sessions(ADMIN_KEY.encode(), lambda: time.time() - 3600).ticket()
        foreign = Sessions(CLIENT_KEY.encode(), time.time).ticket()
        for bad in (expired, foreign, sessions.cookie()):
            refused = browser("POST", "/api/session", {"ticket": bad})
            assert (refused.status, "trunkline ui" in refused.message) == (401, True)

    with_browser(CLOSED, tmp_path, use)


def test_T74_another_users_ticket_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trunkline.server import peers

    def use(browser: Browser, _: Whole) -> None:
        ticket = Sessions(ADMIN_KEY.encode(), time.time).ticket()
        monkeypatch.setattr(peers, "owner_of", lambda address, port: 65_000)
        assert browser("POST", "/api/session", {"ticket": ticket}).status == 401
        monkeypatch.undo()
        assert browser("POST", "/api/session", {"ticket": ticket}).status == 204, (
            "and is not used up by that"
        )

    with_browser(CLOSED, tmp_path, use)


def test_cookies_of_other_keys_and_of_no_key_do_not_open(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        right = Sessions(ADMIN_KEY.encode(), time.time)
        for sessions in (Sessions(CLIENT_KEY.encode(), time.time), Sessions(b"", time.time)):
            for name in (sessions.name, right.name):
                browser.cookie = f"{name}={sessions.cookie()}"
                assert browser("GET", "/api/config").status == 401
        old = Sessions(ADMIN_KEY.encode(), lambda: time.time() - 13 * 3600)
        browser.cookie = f"{right.name}={old.cookie()}"
        assert browser("GET", "/api/config").status == 401

    with_browser(CLOSED, tmp_path, use)


def test_a_cookie_serves_the_page_itself_only(tmp_path: Path) -> None:
    """T72: what other pages can make a browser send, with the cookie on top, as if SameSite were not there."""

    def use(browser: Browser, _: Whole) -> None:
        browser.sign_in()
        own = {"cookie": browser.cookie}
        foreign = [
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"origin": f"http://localhost:{browser.port}"},
            {"origin": f"http://127.0.0.1:{browser.port + 1}"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"origin": browser.origin, "sec-fetch-site": "cross-site"},
        ]
        for headers in foreign:
            for method, path in (("GET", "/api/config"), ("POST", "/api/config"), ("POST", "/api/restart")):
                answer = browser.send(method, path, {} if method == "POST" else None, {**own, **headers})
                assert answer.status == 403, (headers, path)
                assert "access-control-allow-origin" not in answer.headers
            login = browser.send("POST", "/api/session", {"key": ADMIN_KEY}, headers)
            assert (login.status, "set-cookie" in login.headers) == (403, False)
            assert browser.send("DELETE", "/api/session", None, {**own, **headers}).status == 403
        assert browser.send("POST", "/api/restart", {}, own).status == 403, "without an Origin"
        assert browser.send("DELETE", "/api/session", None, own).status == 403
        assert browser.send("GET", "/api/config", None, own).status == 200
        assert browser.send("GET", "/api/config", None, {**own, "x-api-key": CLIENT_KEY}).status == 401

    with_browser(CLOSED, tmp_path, use)


def test_T71_a_name_that_points_here_opens_nothing(tmp_path: Path) -> None:
    paths = ("/ui", "/ui/", "/ui/index.html", "/api/session", "/api/config", "/api/logs/files")

    def use(browser: Browser, _: Whole) -> None:
        for path in paths:
            answer = browser.send("GET", path, None, {"host": f"evil.example:{browser.port}"})
            assert answer.status == 403, path

    with_browser(PROVIDER, tmp_path, use)


def test_without_a_key_the_page_needs_no_signing_in(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        state = browser("GET", "/api/session").json
        assert (state["needed"], state["signed_in"]) == (False, True)
        assert browser("GET", "/api/config").status == 200
        assert browser("POST", "/api/session", {"key": "x"}).status == 400
        assert browser("DELETE", "/api/session").status == 204

    with_browser(PROVIDER, tmp_path, use)


def test_without_an_admin_key_a_clients_key_signs_in_from_here(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        assert browser("GET", "/api/session").json["needed"] is True
        assert browser("GET", "/api/config").status == 401
        assert browser("POST", "/api/session", {"key": ADMIN_KEY}).status == 401
        assert browser("POST", "/api/session", {"key": CLIENT_KEY}).status == 204
        assert browser("GET", "/api/config").status == 200
        forwarded = browser("GET", "/api/config", headers={"x-forwarded-for": "10.0.0.9"})
        assert forwarded.status == 403
        assert browser("POST", "/api/session", {"key": CLIENT_KEY}, {"via": "1.1 x"}).status == 403
        rebound = browser("GET", "/api/config", headers={"host": "evil.example"})
        assert rebound.status == 403

    with_browser(WITH_CLIENTS, tmp_path, use)


def test_behind_tls_the_cookie_stays_there(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        headers = {"host": "gateway.example", "origin": "https://gateway.example"}
        opened = browser.send("POST", "/api/session", {"key": ADMIN_KEY}, headers)
        assert opened.status == 204
        assert "; Secure" in opened.headers["set-cookie"]

    with_browser(CLOSED, tmp_path, use)


def test_the_secret_of_sessions_is_not_shown() -> None:
    assert ADMIN_KEY not in repr(Sessions(Secret(ADMIN_KEY).reveal().encode(), time.time).__dict__)
