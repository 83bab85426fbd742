"""Administration over HTTP as claude-code-router's users know it, against the whole gateway (ccr.md 4)."""

import asyncio
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from app.admin_client import ADMIN, CANARY, Client
from app.whole import whole
from trunkline.app.board import Seen
from trunkline.app.composition import Gateway
from trunkline.app.logs import FOLDER_VARIABLE
from trunkline.app.providers import make_providers
from trunkline.config.schema import Configuration
from trunkline.server.routes import ROUTES

pytestmark = pytest.mark.server

T = TypeVar("T")
PASSWORD = "CANARY-pass"
CCR = f"""{{
  // whose this is
  "PORT": 3456,
  "LOG": true,
  "PROXY_URL": "http://me:{PASSWORD}@127.0.0.1:9",
  "ZAI_USER": "{PASSWORD}",
  "HF_TOKEN": "{CANARY}",
  "Providers": [
    {{"name": "one", "api_base_url": "https://one.example/v1/chat/completions", "api_key": "{CANARY}1", "models": ["m", "n"],
      "transformer": {{"use": [["customparams", {{"secret_word": "{CANARY}2", "seed": 4}}], "cleancache"]}}}},
    {{"name": "two", "api_base_url": "https://two.example/v1/chat/completions", "api_key": "$TWO_KEY", "models": ["m"]}},
  ],
  "Router": {{"default": "one,m"}},
}}
"""
OWN = f"""\
# the team's own
server:
  admin_key: {CANARY}admin  # for the two of us
  keys: [{CANARY}client, "${{TWO_KEY}}"]
providers:
  far:
    kind: custom
    speaks: {{openai_chat: "https://far.example/v1"}}   # the far one
    token: "{CANARY}1"
    headers: {{x-team: {PASSWORD}}}
    models: [m]
routes:
  default: far/m
"""
ENVIRON = {"TWO_KEY": "k2-from-the-environment"}


def run(config: str, folder: Path, ask: Callable[[Client], T], monkeypatch: pytest.MonkeyPatch) -> T:
    """Run ``ask`` in front of the gateway on ``config``. No secret of the file is in any answer."""
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)

    async def main() -> T:
        async with whole(config, folder, os.environ) as running:
            client = Client(running.port)
            result = await asyncio.to_thread(ask, client)
            for secret in (CANARY, PASSWORD, *ENVIRON.values()):
                assert secret not in client.said
            return result

    return asyncio.run(main())


def file_of(folder: Path) -> Path:
    return folder / "trunkline.yaml"


def test_ccrs_file_is_shown_without_secrets_and_saved_with_them(tmp_path: Path, monkeypatch) -> None:
    def ask(client: Client) -> None:
        status, shown = client("GET", "/api/config")
        assert status == 200
        assert isinstance(shown, dict)
        assert shown["PROXY_URL"] == "http://****@127.0.0.1:9"
        assert (shown["ZAI_USER"], shown["HF_TOKEN"]) == ("****", "****")
        one, two = shown["Providers"]
        assert (one["api_key"], two["api_key"]) == ("****", "$TWO_KEY")
        assert one["transformer"]["use"] == [
            ["customparams", {"secret_word": "****", "seed": 4}],
            "cleancache",
        ]
        shown["Providers"] = [two, {**one, "models": ["m", "n", "o"]}]  # in another order
        shown["Router"]["background"] = "two,m"
        assert client("POST", "/api/config", shown) == (
            200,
            {
                "success": True,
                "message": "Config saved successfully",
                "restart_required": True,
                "backup": backup_of(tmp_path).name,
            },
        )

    run(CCR, tmp_path, ask, monkeypatch)
    file = file_of(tmp_path)
    saved = json.loads(file.read_text())
    assert file.read_text().startswith('{\n  "PORT": 3456,\n')
    two, one = saved["Providers"]
    assert (one["api_key"], two["api_key"]) == (CANARY + "1", "$TWO_KEY")
    assert one["transformer"]["use"][0] == ["customparams", {"secret_word": CANARY + "2", "seed": 4}]
    assert one["models"] == ["m", "n", "o"]
    assert (saved["PROXY_URL"], saved["ZAI_USER"]) == (f"http://me:{PASSWORD}@127.0.0.1:9", PASSWORD)
    assert saved["Router"] == {"default": "one,m", "background": "two,m"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert backup_of(tmp_path).read_text() == CCR
    assert stat.S_IMODE(backup_of(tmp_path).stat().st_mode) == 0o600


def backup_of(folder: Path) -> Path:
    (backup,) = folder.glob("trunkline.yaml.*.bak")
    return backup


def test_our_own_file_keeps_its_comments_and_its_way_of_writing(tmp_path: Path, monkeypatch) -> None:
    def ask(client: Client) -> None:
        status, shown = client("GET", "/api/config", headers=ADMIN)
        assert status == 200
        assert isinstance(shown, dict)
        assert shown["server"] == {"admin_key": "****", "keys": ["****", "${TWO_KEY}"]}
        assert shown["providers"]["far"]["headers"] == {"x-team": "****"}
        shown["providers"]["far"]["models"] = ["m", "n"]
        shown["routes"]["think"] = "far/n"
        assert client("POST", "/api/config", shown, ADMIN)[0] == 200

    run(OWN, tmp_path, ask, monkeypatch)
    wanted = OWN.replace("models: [m]", "models:\n    - m\n    - n")
    assert file_of(tmp_path).read_text() == wanted + "  think: far/n\n"


REFUSED = [
    ({"Router": {"default": "three,m"}}, "Router.default: there is no provider"),
    ({"Providers": 1}, "Providers: must be a list"),
    ({"APIKEY": "${NOT_THERE}"}, "APIKEY: the environment variable NOT_THERE is not set"),
    ({"APIKEY": "****"}, "APIKEY: a masked value stands where the file has none to keep"),
    ({"HF_TOKEN": "x****"}, "HF_TOKEN: a masked value"),
    ({"PORT": 99999999}, "PORT: must be between"),
]


def test_what_cannot_be_started_on_is_refused_and_changes_nothing(tmp_path: Path, monkeypatch) -> None:
    def ask(client: Client) -> None:
        shown = client("GET", "/api/config")[1]
        assert isinstance(shown, dict)
        for change, why in REFUSED:
            status, answer = client("POST", "/api/config", {**shown, **change})
            assert (status, why in json.dumps(answer)) == (400, True), answer
            assert "Traceback" not in json.dumps(answer)
        for body in (b"", b"[]", b"{", b"\xff", b"null", b'"x"'):
            assert client.raw("POST", "/api/config", body)[0] == 400
        for body in (b"{}", b'{"providers": {"p": {"kind": "rehearsal"}}, "routes": {"default": "p/x"}}'):
            assert b"in another form" in client.raw("POST", "/api/config", body)[1]
        moved = [{**shown["Providers"][0], "name": "new"}, *shown["Providers"]]
        status, answer = client("POST", "/api/config", {**shown, "Providers": moved})
        assert (status, "Providers.0.api_key" in json.dumps(answer)) == (400, True)
        too_large = b'{"x": "' + b"x" * (8 * 1024 * 1024) + b'"}'
        assert client.raw("POST", "/api/config", too_large)[0] == 413

    run(CCR, tmp_path, ask, monkeypatch)
    assert file_of(tmp_path).read_text() == CCR
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["trunkline.yaml"]


def test_a_renamed_provider_keeps_its_key_and_three_backups_are_kept(tmp_path: Path, monkeypatch) -> None:
    def ask(client: Client) -> None:
        for number in range(5):
            shown = client("GET", "/api/config")[1]
            assert isinstance(shown, dict)
            shown["Providers"][0]["name"] = f"one{number}"
            shown["Router"]["default"] = f"one{number},m"
            assert client("POST", "/api/config", shown)[0] == 200

    run(CCR, tmp_path, ask, monkeypatch)
    saved = json.loads(file_of(tmp_path).read_text())
    assert (saved["Providers"][0]["name"], saved["Providers"][0]["api_key"]) == ("one4", CANARY + "1")
    assert len(list(tmp_path.glob("trunkline.yaml.*.bak"))) == 3


def test_saving_what_is_there_changes_nothing(tmp_path: Path, monkeypatch) -> None:
    def ask(client: Client) -> None:
        shown = client("GET", "/api/config")[1]
        status, said = client("POST", "/api/config", shown)
        assert isinstance(said, dict)
        assert (status, said["success"], said["backup"]) == (200, True, None)

    run(CCR, tmp_path, ask, monkeypatch)
    assert file_of(tmp_path).read_text() == CCR
    assert list(tmp_path.iterdir()) == [file_of(tmp_path)]


def test_a_file_that_is_a_link_stays_one(tmp_path: Path, monkeypatch) -> None:
    home = tmp_path / "dotfiles"
    home.mkdir()
    real = home / "real.json"
    real.write_text(CCR)
    file_of(tmp_path).symlink_to(real)

    def ask(client: Client) -> None:
        shown = client("GET", "/api/config")[1]
        assert isinstance(shown, dict)
        assert client("POST", "/api/config", {**shown, "LOG": False})[0] == 200

    run(CCR, tmp_path, ask, monkeypatch)
    assert file_of(tmp_path).is_symlink()
    assert json.loads(real.read_text())["HF_TOKEN"] == CANARY


HTTP_REFUSALS = [
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Host": "evil.example"}, 403),
    ({"Host": "evil.example:3456", "Origin": "http://evil.example:3456"}, 403),
    ({"X-Forwarded-For": "127.0.0.1"}, 403),
    ({"Via": "1.1 proxy"}, 403),
]


def admin_requests() -> list[tuple[str, str]]:
    return [
        (method, route.path.replace("*", "x"))
        for route in ROUTES
        if route.role == "admin"
        for method in route.methods
        if method != "HEAD"
    ]


def test_without_an_admin_key_only_local_programs_administer(tmp_path: Path, monkeypatch) -> None:
    def ask(client: Client) -> None:
        for method, path in admin_requests():
            for headers, status in HTTP_REFUSALS:
                assert client.raw(method, path, b"{}", headers)[0] == status, (method, path, headers)
        assert (
            client.raw("GET", "/api/transformers", headers={"Host": f"localhost:{client.port}"})[0] == 200
        )
        own = f"http://127.0.0.1:{client.port}"
        assert client.raw("GET", "/api/transformers", headers={"Origin": own})[0] == 200
        assert client.raw("OPTIONS", "/api/config")[0] == 405

    run(CCR, tmp_path, ask, monkeypatch)
    assert file_of(tmp_path).read_text() == CCR


def test_without_an_admin_key_clients_present_theirs_where_there_is_one(
    tmp_path: Path, monkeypatch
) -> None:
    config = CCR.replace('"PORT": 3456', f'"APIKEY": "{CANARY}client"')

    def ask(client: Client) -> None:
        for method, path in admin_requests():
            assert client.raw(method, path, b"[]")[0] == 401
            assert client.raw(method, path, b"[]", {"x-api-key": "wrong"})[0] == 401
        key = {"x-api-key": CANARY + "client"}
        assert client.raw("GET", "/api/config", headers=key)[0] == 200
        assert client.raw("GET", "/api/config", headers={**key, "Host": "evil.example"})[0] == 403

    run(config, tmp_path, ask, monkeypatch)


def test_T74_another_users_program_is_kept_out_where_there_is_no_key(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("trunkline.server.peers.owner_of", lambda address, port: 4_000_000)

    def ask(client: Client) -> None:
        for method, path in admin_requests():
            assert client.raw(method, path, b"{}")[0] == 403

    run(CCR, tmp_path, ask, monkeypatch)
    assert file_of(tmp_path).read_text() == CCR


def test_the_admin_key_is_no_clients_and_no_clients_key_is_it(tmp_path: Path, monkeypatch) -> None:
    def ask(client: Client) -> None:
        for method, path in admin_requests():
            for key in ("", "wrong", CANARY + "client"):
                assert client.raw(method, path, b"[]", {"x-api-key": key})[0] == 401
        assert (
            client.raw("GET", "/api/config", headers={"Authorization": f"Bearer {CANARY}admin"})[0] == 200
        )
        elsewhere = {**ADMIN, "Host": "gateway.example"}
        assert client.raw("GET", "/api/config", headers=elsewhere)[0] == 200
        assert (
            client.raw("GET", "/api/config", headers={**ADMIN, "Origin": "https://evil.example"})[0] == 403
        )
        assert client.raw("POST", "/v1/messages", b"{}", ADMIN)[0] == 401

    run(OWN, tmp_path, ask, monkeypatch)


def test_the_variable_is_the_key_of_files_that_cannot_have_one(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TRUNKLINE_ADMIN_KEY", CANARY + "variable")

    def ask(client: Client) -> None:
        assert client.raw("GET", "/api/config")[0] == 401
        assert client.raw("GET", "/api/config", headers={"x-api-key": CANARY + "variable"})[0] == 200

    run(CCR, tmp_path, ask, monkeypatch)


NO_LOG_FILE = (
    "../trunkline.yaml", "..%2Ftrunkline.yaml", "%2e%2e%2ftrunkline.yaml", "/etc/passwd", "%2Fetc%2Fpasswd", "other.txt",
    "ccr-20260101000000.log/..", "ccr-..log", "./ccr-20260101000000.log", "ccr-20260101000000.log%00", "", "logs/x", "~/x",
    "..%5Cx", "file:///etc/passwd", "ccr-link.log", "ccr-folder.log", "ccr-pipe.log", "ccr-gone.log",
)  # fmt: skip


def test_log_files_are_read_and_emptied_by_name_alone(tmp_path: Path, monkeypatch) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    old, new = logs / "ccr-20260101000000.log", logs / "ccr-20260102000000.log"
    old.write_text('{"model":"m"}\n\n  \nplain\n')
    new.write_text("{}\n")
    (logs / "other.txt").write_text(CANARY)
    (logs / "ccr-folder.log").mkdir()
    os.mkfifo(logs / "ccr-pipe.log")
    (logs / "ccr-link.log").symlink_to(file_of(tmp_path))
    monkeypatch.setenv(FOLDER_VARIABLE, str(logs))

    def ask(client: Client) -> None:
        status, listed = client("GET", "/api/logs/files")
        assert status == 200
        assert isinstance(listed, list)
        assert [(entry["name"], entry["path"], entry["size"]) for entry in listed] == [
            (new.name, new.name, 3),
            (old.name, old.name, 24),
        ]
        assert listed[0]["lastModified"].endswith("Z")
        assert client("GET", f"/api/logs?file={old.name}") == (200, ['{"model":"m"}', "plain"])
        assert client("GET", "/api/logs") == (200, ["{}"])
        for name in NO_LOG_FILE:
            for method in ("GET", "DELETE"):
                assert client.raw(method, f"/api/logs?file={name}")[0] in (400, 403, 404), (method, name)
        cleared = {"success": True, "message": "Logs cleared successfully"}
        assert client("DELETE", f"/api/logs?file={old.name}") == (200, cleared)
        assert client("GET", f"/api/logs?file={old.name}") == (200, [])

    run(CCR, tmp_path, ask, monkeypatch)
    assert (old.read_text(), new.read_text()) == ("", "{}\n")
    assert (logs / "other.txt").read_text() == CANARY
    assert file_of(tmp_path).read_text() == CCR


def test_of_a_large_log_the_end_is_shown(tmp_path: Path, monkeypatch) -> None:
    log = tmp_path / "ccr-20260101000000.log"
    log.write_bytes(b"x" * 99 + b"\n" + (b"y" * 127 + b"\n") * 40_000)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))

    def ask(client: Client) -> object:
        return client("GET", "/api/logs")[1]

    lines = run(CCR, tmp_path, ask, monkeypatch)
    assert isinstance(lines, list)
    assert 30_000 < len(lines) < 40_000
    assert set(lines) == {"y" * 127}


def test_what_is_there_and_what_is_not(tmp_path: Path, monkeypatch) -> None:
    def ask(client: Client) -> None:
        status, transformers = client("GET", "/api/transformers")
        assert status == 200
        assert isinstance(transformers, dict)
        known = {entry["name"]: entry["endpoint"] for entry in transformers["transformers"]}
        assert known["Anthropic"] == "/v1/messages"
        assert {"maxtoken", "deepseek", "vertex-claude", "databricks-custom"} <= set(known)
        status, providers = client("GET", "/providers")
        assert isinstance(providers, list)
        assert [(entry["id"], entry["apiKey"], entry["type"]) for entry in providers] == [
            ("one", "****", "openai"),
            ("two", "****", "openai"),
        ]
        assert client("GET", "/providers/two") == (200, providers[1])
        assert client.raw("GET", "/providers/three")[0] == 404
        for method, path, words in [
            ("GET", "/api/update/check", "neither looks for newer versions"),
            ("POST", "/api/update/perform", "neither looks for newer versions"),
            ("POST", "/providers", "POST /api/config"),
            ("DELETE", "/providers/one", "POST /api/config"),
            ("PUT", "/providers/one", "POST /api/config"),
            ("PATCH", "/providers/one/toggle", "POST /api/config"),
            ("POST", "/api/restart", "was not started by trunkline start"),
        ]:
            status, answer = client(method, path, {})
            assert (status, words in json.dumps(answer)) == (501, True), (path, answer)
        assert client("GET", "/api/logs/files") == (200, [])
        assert client.raw("GET", "/api/logs")[0] == 404
        assert client.raw("GET", "/ui")[0] == 307
        for path in ("/ui/", "/ui/index.html"):
            status, page = client.raw("GET", path)
            assert (status, page.startswith(b"<!doctype html>")) == (200, True)
        root = client("GET", "/")[1]
        assert isinstance(root, dict)
        assert {"message", "version"} <= set(root)
        health = client("GET", "/health")[1]
        assert isinstance(health, dict)
        assert health["status"] == "ok"
        assert health["timestamp"]

    run(CCR, tmp_path, ask, monkeypatch)


def seen_of(configuration: Configuration) -> Seen:
    """The gateway on a configuration, as administration looks at it."""
    return Gateway(configuration, make_providers(configuration)).seen


def test_a_gateway_without_a_file_shows_what_is_in_force_and_saves_nothing(monkeypatch) -> None:
    from trunkline.app.admin.surface import make_administration
    from trunkline.config.load import rehearsal
    from trunkline.core.errors import GatewayError
    from trunkline.server.admin import AdminCall

    administer = make_administration(seen_of(rehearsal()), {})

    async def main() -> None:
        shown = await administer(AdminCall(path="/api/config", method="GET"))
        assert json.loads(shown.body)["source"] == "rehearsal"
        with pytest.raises(GatewayError, match="runs on no file that is edited here") as refused:
            await administer(AdminCall(path="/api/config", method="POST", body=b"{}"))
        assert refused.value.status == 409

    asyncio.run(main())


def test_variables_are_not_edited_here_and_not_shown(tmp_path: Path, monkeypatch) -> None:
    from trunkline.app.admin.surface import make_administration
    from trunkline.config.load import load
    from trunkline.core.errors import GatewayError
    from trunkline.server.admin import AdminCall

    file = tmp_path / ".env"
    file.write_text(f"OPENAI_API_KEY={CANARY}\n# a: b\n")
    administer = make_administration(seen_of(load(str(file), {})), {})

    async def main() -> None:
        shown = await administer(AdminCall(path="/api/config", method="GET"))
        assert json.loads(shown.body)["source"] == str(file)
        assert CANARY.encode() not in shown.body
        with pytest.raises(GatewayError, match="runs on no file that is edited here"):
            await administer(AdminCall(path="/api/config", method="POST", body=b"{}"))

    asyncio.run(main())
    assert file.read_text().startswith(f"OPENAI_API_KEY={CANARY}\n")
