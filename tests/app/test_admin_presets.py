"""Presets over HTTP: taken in as data only, and each a namespace of its own (ccr.md 4.1, 6.6)."""

import asyncio
import io
import json
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from app.admin_client import ADMIN, CANARY, Client
from app.whole import Asked, Upstream, whole
from trunkline.relay.ports import ExchangeRecord
from upstream.raw_server import Peer, serving

pytestmark = pytest.mark.server

T = TypeVar("T")
ANSWER = json.dumps(
    {
        "id": "c", "object": "chat.completion", "created": 1, "model": "x",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }
).encode()  # fmt: skip
ASK = {"model": "anything", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}


def config(url: str, extra: str = "") -> str:
    return f"""\
server: {{admin_key: {CANARY}admin{extra}}}
providers:
  main: {{kind: custom, speaks: {{openai_chat: "{url}/main/v1"}}, key: {CANARY}main, models: [m]}}
routes: {{default: main/m}}
any_name: true
"""


def manifest(url: str, **more: object) -> dict[str, object]:
    provider = {
        "name": "team",
        "api_base_url": f"{url}/team/v1/chat/completions",
        "api_key": "#{apiKey}",
        "models": ["#{model}"],
    }
    return {
        "name": "team",
        "version": "2.1.0",
        "description": "For all",
        "schema": [
            {"id": "apiKey", "type": "password"},
            {"id": "model", "type": "input", "defaultValue": "t1"},
            {"id": "background", "type": "input", "required": False},
        ],
        "Providers": [provider],
        "Router": {"default": "team,#{model}"},
        "configMappings": [
            {
                "target": "Router.background",
                "value": "team,#{background}",
                "when": {"field": "background", "operator": "exists"},
            }
        ],
        **more,
    }


def run(
    folder: Path,
    ask: Callable[[Client, str], T],
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Upstream] = Upstream,
    extra: str = "",
) -> tuple[T, list[Asked], list[ExchangeRecord]]:
    """Run ``ask`` with a client of the gateway and its upstream's URL."""
    monkeypatch.setenv("TRUNKLINE_HOME", str(folder / "home"))
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("APIKEY", CANARY + "variable")

    async def main() -> tuple[T, list[Asked], list[ExchangeRecord]]:
        upstream = kind(lambda _: ANSWER)
        async with serving(upstream.play) as server:
            url = f"http://127.0.0.1:{server.port}"
            async with whole(config(url, extra), folder) as running:
                client = Client(running.port)
                result = await asyncio.to_thread(ask, client, url)
                assert CANARY not in client.said
                return result, upstream.asked, running.records

    return asyncio.run(main())


def presets(folder: Path) -> Path:
    return folder / "home" / "presets"


def message(client: Client, path: str, **more: object) -> tuple[int, object]:
    return client("POST", path, {**ASK, **more})


def text_of(answer: object) -> str:
    assert isinstance(answer, dict)
    return answer["content"][0]["text"]


def test_a_preset_is_taken_in_filled_in_used_and_removed(tmp_path: Path, monkeypatch) -> None:
    def ask(client: Client, url: str) -> None:
        assert message(client, "/preset/team/v1/messages")[0] == 404
        status, said = client("POST", "/api/presets/install", {"manifest": manifest(url)}, ADMIN)
        assert status == 200, said
        assert isinstance(said, dict)
        assert (said["presetName"], said["variables"]) == ("team", ["APIKEY"])
        assert said["hosts"] == [f"{url}/team/v1/chat/completions"]
        assert client("POST", "/api/presets/install", {"manifest": manifest(url)}, ADMIN)[0] == 409
        listed = client("GET", "/api/presets", headers=ADMIN)[1]
        assert listed == {
            "presets": [
                {
                    "id": "team",
                    "name": "team",
                    "version": "2.1.0",
                    "description": "For all",
                    "installed": True,
                }
            ]
        }
        shown = client("GET", "/api/presets/team", headers=ADMIN)[1]
        assert isinstance(shown, dict)
        assert shown["config"]["Router"] == {"default": "team,#{model}"}
        status, answer = message(client, "/preset/team/v1/messages?beta=true")
        assert (status, text_of(answer)) == (200, "Hi")
        secrets = {"secrets": {"model": "t2", "background": "t3"}}
        assert client("POST", "/api/presets/team/apply", secrets, ADMIN)[0] == 200
        assert message(client, "/preset/team/v1/messages")[0] == 200
        assert message(client, "/preset/team/v1/messages", model="claude-haiku-4-5")[0] == 200
        assert message(client, "/v1/messages")[0] == 200
        refused = client("POST", "/api/presets/team/apply", {"secrets": {"apiKey": "x"}}, ADMIN)
        assert refused[0] == 400
        assert "set the variable APIKEY" in json.dumps(refused[1])
        assert client("DELETE", "/api/presets/team", headers=ADMIN)[0] == 200
        assert client("DELETE", "/api/presets/team", headers=ADMIN)[0] == 404
        assert message(client, "/preset/team/v1/messages")[0] == 404

    _, asked, records = run(tmp_path, ask, monkeypatch)
    assert [(one.path, one.body["model"]) for one in asked] == [
        ("/team/v1/chat/completions", "t1"),
        ("/team/v1/chat/completions", "t2"),
        ("/team/v1/chat/completions", "t3"),
        ("/main/v1/chat/completions", "m"),
    ]
    assert (b"Bearer " + CANARY.encode() + b"variable") in asked[0].head
    assert [record.provider for record in records] == ["team", "team", "team", "main"]
    assert list(presets(tmp_path).iterdir()) == []


def test_everything_below_a_presets_name_is_its_own(tmp_path: Path, monkeypatch) -> None:
    def ask(client: Client, url: str) -> None:
        client("POST", "/api/presets/install", {"manifest": manifest(url)}, ADMIN)
        models = client("GET", "/preset/team/v1/models")[1]
        assert isinstance(models, dict)
        assert [model["id"] for model in models["data"]] == ["t1"]
        count = client("POST", "/preset/team/v1/messages/count_tokens", ASK)
        assert count[0] == 200
        chat = {"model": "team,t9", "messages": ASK["messages"]}
        assert client("POST", "/preset/team/v1/chat/completions", chat)[0] == 200
        status, error = client("POST", "/preset/team/v1/messages", {**ASK, "model": "main,m"})
        assert isinstance(error, dict)
        assert (status, error["type"]) == (404, "error")
        assert client("GET", "/preset/team/health")[0] == 200
        assert client("GET", "/preset/team")[0] == 200
        for path in (
            "/preset/team/api/config", "/preset/team/providers", "/preset/team/preset/team/v1/messages", "/preset/team/nothing",
            "/preset/", "/preset/..%2f..%2fx/v1/messages", "/preset/../team/v1/messages", "/preset/te%61m2/v1/messages",
        ):  # fmt: skip
            assert client.raw("POST", path, b"{}")[0] in (404, 405), path
        assert client.raw("GET", "/preset/team/api/config", headers=ADMIN)[0] == 404
        missing = client("POST", "/preset/nope/v1/messages", ASK)
        assert missing == (
            404,
            {
                "type": "error",
                "error": {
                    "type": "not_found_error",
                    "message": 'There is no preset "nope". Installed: team.',
                },
                "request_id": missing[1]["request_id"],  # type: ignore[index]
            },
        )

    _, asked, _ = run(tmp_path, ask, monkeypatch)
    assert [one.body["model"] for one in asked] == ["t9"]


def test_a_presets_clients_need_their_key_too(tmp_path: Path, monkeypatch) -> None:
    def ask(client: Client, url: str) -> None:
        client("POST", "/api/presets/install", {"manifest": manifest(url)}, ADMIN)
        body = json.dumps(ASK).encode()
        for headers in ({}, {"x-api-key": "wrong"}, ADMIN):
            assert client.raw("POST", "/preset/team/v1/messages", body, headers)[0] == 401
        key = {"x-api-key": CANARY + "client"}
        assert client.raw("POST", "/preset/team/v1/messages", body, key)[0] == 200
        assert client.raw("POST", "/preset/team/v1/messages", body, {**key, "Origin": "http://x"})[0] == 403

    _, asked, _ = run(tmp_path, ask, monkeypatch, extra=f", keys: [{CANARY}client]")
    assert len(asked) == 1


def test_those_that_claude_code_router_installed_are_served_with_their_answers(
    tmp_path: Path, monkeypatch
) -> None:
    folder = tmp_path / ".claude-code-router" / "presets" / "old"

    def ask(client: Client, url: str) -> None:
        folder.mkdir(parents=True)
        values = {"apiKey": CANARY + "kept", "model": "t5"}
        file = folder / "manifest.json"
        file.write_text(json.dumps(manifest(url, name="old", userValues=values)))
        assert message(client, "/preset/old/v1/messages")[0] == 200
        shown = client("GET", "/api/presets/old", headers=ADMIN)[1]
        assert isinstance(shown, dict)
        assert shown["userValues"] == {"apiKey": "****", "model": "****"}
        assert client("POST", "/api/presets/old/apply", {"secrets": {"model": "t6"}}, ADMIN)[0] == 200
        assert json.loads(file.read_text())["userValues"] == {**values, "model": "t6"}
        assert message(client, "/preset/old/v1/messages")[0] == 200
        file.write_text("{")
        status, error = message(client, "/preset/old/v1/messages")
        assert (status, "cannot be used" in json.dumps(error), str(tmp_path) in json.dumps(error)) == (
            500,
            True,
            False,
        )
        listed = client("GET", "/api/presets", headers=ADMIN)[1]
        assert isinstance(listed, dict)
        assert listed["presets"][0]["error"] == "its manifest cannot be read"
        file.write_text(json.dumps(manifest(url, name="old", userValues={**values, "model": "t7"})))
        assert message(client, "/preset/old/v1/messages")[0] == 200

    _, asked, _ = run(tmp_path, ask, monkeypatch)
    assert [one.body["model"] for one in asked] == ["t5", "t6", "t7"]
    assert (b"Bearer " + CANARY.encode() + b"kept") in asked[0].head
    assert list(folder.iterdir()) == [folder / "manifest.json"]


PLUGIN = """\
class Stamp:
    name = "stamp"
    async def transformRequestIn(self, body, provider, context):
        return {**body, "user": "stamped"}
"""


def test_plugins_that_came_with_a_preset_run_and_no_others(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / ".claude-code-router" / "presets" / "old"
    elsewhere = tmp_path / "elsewhere.py"
    elsewhere.write_text("raise SystemExit('this must not be run')")

    def ask(client: Client, url: str) -> None:
        folder.mkdir(parents=True)
        (folder / "stamp.py").write_text(PLUGIN)
        provider = {
            "name": "team",
            "api_base_url": f"{url}/v1/chat/completions",
            "api_key": "k",
            "models": ["t1"],
            "transformer": {"use": ["stamp"]},
        }
        listed = [{"path": "stamp.py"}, {"path": "../../../elsewhere.py"}, {"path": str(elsewhere)}]
        content = {"Providers": [provider], "Router": {"default": "team,t1"}, "transformers": listed}
        (folder / "manifest.json").write_text(json.dumps(content))
        status, said = message(client, "/preset/old/v1/messages")
        assert status == 200, said
        (folder / "stamp.py").write_text("1 +")
        (folder / "manifest.json").write_text(json.dumps({**content, "version": "2"}))
        assert message(client, "/preset/old/v1/messages")[0] == 500
        assert message(client, "/v1/messages")[0] == 200

    _, asked, _ = run(tmp_path, ask, monkeypatch)
    assert [one.body.get("user") for one in asked] == ["stamped", None]


ROUTERS = {
    "router.js": "module.exports = async (req, config) => (req.body.messages[0].content === 'far' ? `${config.Providers[0].name},t2` : null);",
    "router.py": "def route(req, config):\n    return 'team,t2' if req.body['messages'][0]['content'] == 'far' else None\n",
}


@pytest.mark.parametrize("script", ROUTERS)
@pytest.mark.parametrize("place", ["beside", "in full"])
def test_the_router_of_a_preset_that_the_user_wrote_decides_below_its_name(
    tmp_path: Path, monkeypatch, script: str, place: str
) -> None:
    folder = tmp_path / ".claude-code-router" / "presets" / "old"

    def ask(client: Client, url: str) -> None:
        folder.mkdir(parents=True)
        file = folder / script if place == "beside" else tmp_path / script
        file.write_text(ROUTERS[script])
        written = manifest(url, name="old", userValues={"apiKey": "k"})
        written["CUSTOM_ROUTER_PATH"] = script if place == "beside" else str(file)
        (folder / "manifest.json").write_text(json.dumps(written))
        for said in ("near", "far"):
            ours = {**ASK, "messages": [{"role": "user", "content": said}]}
            assert client("POST", "/preset/old/v1/messages", ours)[0] == 200
            assert client("POST", "/v1/messages", ours)[0] == 200
        (folder / "manifest.json").write_text(json.dumps({**written, "CUSTOM_ROUTER_PATH": "../x.js"}))
        status, error = message(client, "/preset/old/v1/messages")
        assert (status, "leads out of the preset's folder" in json.dumps(error)) == (500, True)

    _, asked, _ = run(tmp_path, ask, monkeypatch)
    assert [one.body["model"] for one in asked] == ["t1", "m", "t2", "m"]


@pytest.mark.parametrize("key", ["CUSTOM_ROUTER_PATH", "custom_router"])
def test_T88_a_preset_that_is_taken_in_names_no_router(tmp_path: Path, monkeypatch, key: str) -> None:
    def ask(client: Client, url: str) -> None:
        preset = manifest(url, **{key: "router.js"})
        for body in ({"manifest": preset}, archive(("manifest.json", json.dumps(preset).encode()))):
            send = client.raw if isinstance(body, bytes) else client
            status = send("POST", "/api/presets/install", body, ADMIN)[0]
            assert status == 400
        assert not presets(tmp_path).exists()

    run(tmp_path, ask, monkeypatch)


def archive(*entries: tuple[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries:
            file.writestr(name, content)
    return data.getvalue()


def lying(data: bytes, real: int, said: int) -> bytes:
    """An archive whose one entry says that it is smaller than it is."""
    return data.replace(real.to_bytes(4, "little"), said.to_bytes(4, "little"))


BIG = b'{"name": "big", "x": "' + b" " * (20 * 1024 * 1024) + b'"}'
SMALL = b'{"name": "small", "Providers": []}'
ARCHIVES = [
    archive(("manifest.json", BIG)),
    lying(archive(("manifest.json", BIG)), len(BIG), 1000),
    archive(("a/b/manifest.json", SMALL)),
    archive(("manifest.json", SMALL), ("x/manifest.json", SMALL)),
    archive(("other.json", SMALL)),
    archive(*((f"{number}.txt", b"") for number in range(1001)), ("manifest.json", SMALL)),
    archive(("manifest.json", SMALL))[:-30],
    archive(("manifest.json", b"\xff\xfe")),
    archive(("manifest.json", b"[")),
    archive(("manifest.json", b'{"name": "../up"}')),
    archive(("manifest.json", b'{"name": "x", "transformers": [{"path": "evil.js"}]}')),
    b"PK\x03\x04" + b"\x00" * 100,
]
MANIFESTS = [
    {"name": "../up", "Router": {}},
    {"name": "a/b"},
    {"name": ""},
    {},
    {"name": "x", "transformers": [{"path": "evil.js"}]},
    {"name": "x", "Providers": [{"name": "p", "api_key": CANARY}]},
    {"name": "x", "userValues": {"Providers[0].api_key": CANARY}},
    {"name": "x", "schema": [{"id": "m", "type": "input"}], "Router": {"default": "#{m}"}},
    {"name": "x", "configMappings": [{"target": "x[y]", "value": 1}]},
    {
        "name": "x",
        "configMappings": [{"target": "x", "value": 1, "when": {"field": "f", "operator": "like"}}],
    },
]


def test_T86_T87_what_is_not_taken_in_leaves_nothing_behind(tmp_path: Path, monkeypatch) -> None:
    def ask(client: Client, url: str) -> None:
        for data in ARCHIVES:
            assert client.raw("POST", "/api/presets/install", data, ADMIN)[0] == 400, data[:80]
        for content in MANIFESTS:
            assert client("POST", "/api/presets/install", {"manifest": content}, ADMIN)[0] == 400, content
        assert client("POST", "/api/presets/install", {"url": url}, ADMIN)[0] == 501
        assert client("POST", "/api/presets/install/github", {"presetName": "x"}, ADMIN)[0] == 501
        assert client("GET", "/api/presets/market", headers=ADMIN)[0] == 501
        for name in ("..", "%2e%2e", "..%2f..%2fetc", "a%2Fb", "a%5Cb", "%2Fetc", ".hidden", "a%00"):
            for method, path in (
                ("GET", f"/api/presets/{name}"),
                ("DELETE", f"/api/presets/{name}"),
                ("POST", f"/api/presets/{name}/apply"),
            ):
                assert client.raw(method, path, b"{}", ADMIN)[0] in (400, 404), (method, path)

    run(tmp_path, ask, monkeypatch)
    assert not presets(tmp_path).exists()


def test_T86_an_archive_gives_its_manifest_and_nothing_else(tmp_path: Path, monkeypatch) -> None:
    def ask(client: Client, url: str) -> None:
        content = json.dumps(manifest(url)).encode()
        data = archive(("team-main/", b""), ("team-main/manifest.json", content), ("../../evil", b"x"))
        assert client.raw("POST", "/api/presets/install", data, ADMIN)[0] == 200
        assert message(client, "/preset/team/v1/messages")[0] == 200

    run(tmp_path, ask, monkeypatch)
    files = sorted(path.name for path in (presets(tmp_path) / "team").iterdir())
    assert files == ["config.json", "manifest.json"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (presets(tmp_path) / "team").iterdir())


def test_a_preset_whose_own_gateway_may_run_stays_and_a_link_is_only_unlinked(
    tmp_path: Path, monkeypatch
) -> None:
    elsewhere = tmp_path / "elsewhere"

    def ask(client: Client, url: str) -> None:
        client("POST", "/api/presets/install", {"manifest": manifest(url)}, ADMIN)
        record = presets(tmp_path) / "team" / "home" / "service.json"
        record.parent.mkdir()
        record.write_text("{}")
        assert client("DELETE", "/api/presets/team", headers=ADMIN)[0] == 409
        record.unlink()
        (presets(tmp_path) / "team").rename(elsewhere)
        (presets(tmp_path) / "team").symlink_to(elsewhere)
        assert client("DELETE", "/api/presets/team", headers=ADMIN)[0] == 200

    run(tmp_path, ask, monkeypatch)
    assert not list(presets(tmp_path).iterdir())
    assert (elsewhere / "manifest.json").is_file()


def test_a_reload_lets_what_is_under_way_end(tmp_path: Path, monkeypatch) -> None:
    """The old gateway of a preset closes its connections only when nobody needs them any more."""
    arrived, goes_on = threading.Event(), threading.Event()

    def ask(client: Client, url: str) -> None:
        client("POST", "/api/presets/install", {"manifest": manifest(url)}, ADMIN)
        first: list[tuple[int, object]] = []
        waiting = threading.Thread(target=lambda: first.append(message(client, "/preset/team/v1/messages")))
        waiting.start()
        assert arrived.wait(60)
        assert client("POST", "/api/presets/team/apply", {"secrets": {"model": "t2"}}, ADMIN)[0] == 200
        assert message(client, "/preset/team/v1/messages")[0] == 200
        goes_on.set()
        waiting.join(60)
        assert [(status, text_of(said)) for status, said in first] == [(200, "Hi")]

    class Slow(Upstream):
        async def play(self, peer: Peer) -> None:
            if b'"t1"' in peer.body:
                arrived.set()
                await asyncio.to_thread(goes_on.wait, 60)
            await super().play(peer)

    _, asked, _ = run(tmp_path, ask, monkeypatch, Slow)
    assert [one.body["model"] for one in asked] == ["t2", "t1"]
