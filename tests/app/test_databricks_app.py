"""Running as a Databricks App: its example, its environment, its front door, its 120 seconds (databricks.md 2.6)."""

import http.client
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from agents.gateway import Gateway, serve, serve_bare
from standin import Asked, Flags, Scripted, StandIn, say
from trunkline.config.databricks_app import DRAIN
from trunkline.config.load import load, load_file
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Server
from trunkline.core.errors import GatewayError, Kind
from trunkline.server.client_keys import Caller, Door, check_exposure

EXAMPLE = Path(__file__).parents[2] / "examples" / "databricks-app"
APP = YAML(typ="safe").load((EXAMPLE / "app.yaml").read_text())
SECRET = "s3cret-canary"
USER_TOKEN = "dapi-of-the-user"
MODEL = "databricks-claude-sonnet-4-5"
FRONT_DOOR = {
    "x-forwarded-email": "ada@example.com",
    "x-forwarded-user": "123",
    "x-forwarded-access-token": USER_TOKEN,
    "x-request-id": "from-the-front-door",
}


def environment(host: str, port: str = "8000") -> dict[str, str]:
    """What the platform gives an App."""
    return {
        "DATABRICKS_HOST": host,
        "DATABRICKS_CLIENT_ID": "the-id",
        "DATABRICKS_CLIENT_SECRET": SECRET,
        "DATABRICKS_APP_NAME": "trunkline",
        "DATABRICKS_APP_PORT": port,
        "DATABRICKS_WORKSPACE_ID": "1234567890123456",
        **{entry["name"]: entry["value"] for entry in APP["env"]},
    }


def workspace(script: object = None) -> StandIn:
    flags = Flags(client=("the-id", SECRET), token=USER_TOKEN)
    return StandIn(script or (lambda _: say("Fine.")), flags)  # type: ignore[arg-type]


def ask(
    gateway: Gateway, headers: Mapping[str, str], *, path: str = "/v1/messages", stream: bool = False
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(gateway.url).port, timeout=60)
    question = {"model": "sonnet", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}
    try:
        body = json.dumps({**question, "stream": stream}).encode()
        sent = {"content-type": "application/json", **headers}
        if path == "/v1/messages":
            connection.request("POST", path, body, sent)
        else:
            connection.request("GET", path, headers=sent)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def credentials(standin: StandIn) -> set[str]:
    """What the models were asked with."""
    asked = [
        request for request in standin.requests if request.method == "POST" and "/oidc/" not in request.path
    ]
    return {(request.header("authorization") or "").removeprefix("Bearer ") for request in asked}


def test_the_environment_alone_says_where_to_listen() -> None:
    found = load(None, environment("adb-1.2.azuredatabricks.net", "8765"))
    server = found.server
    assert (server.host, server.port, server.databricks_app, server.keys) == ("0.0.0.0", 8765, True, ())
    check_exposure(server)
    assert found.timeouts.drain == DRAIN < 15, "the platform kills an App 15 s after it told it to stop"
    (provider,) = (settings for _, settings in found.providers)
    assert provider.login is not None
    assert provider.login.kind == "oauth"
    for missing in ("DATABRICKS_APP_PORT", "TRUNKLINE_DATABRICKS_APP"):
        without = {name: value for name, value in environment("adb-1.2").items() if name != missing}
        assert load(None, without).server == Server(), "a terminal inside of another App is not the App"


def test_the_example_is_what_the_platform_starts() -> None:
    assert APP["command"] == ["trunkline", "serve"]
    assert (EXAMPLE / "requirements.txt").read_text() == "trunkline\n"
    found = load_file(EXAMPLE / "on-behalf.yaml", environment("adb-1.2.azuredatabricks.net", "8765"))
    assert (found.server.host, found.server.port) == ("0.0.0.0", 8765)
    with pytest.raises(ConfigurationError, match="is for Databricks Apps alone"):
        load_file(EXAMPLE / "on-behalf.yaml", {"DATABRICKS_HOST": "adb-1.2.azuredatabricks.net"})


def test_only_the_front_door_says_who_calls() -> None:
    door = Door(Server(host="0.0.0.0", databricks_app=True))
    ada, eve = Caller("10.0.0.9", forwarded_user="ada@x"), Caller("10.0.0.9", forwarded_user="Eve@x")
    assert door.admit(ada) != door.admit(eve)
    assert door.admit(eve) == door.admit(Caller("10.0.0.9", forwarded_user="eve@x"))
    with pytest.raises(GatewayError, match="was not called through the App's own address") as raised:
        door.admit(Caller("10.0.0.9", authorization="Bearer x"))
    assert raised.value.kind is Kind.AUTHENTICATION
    token = door.token_of(Caller("10.0.0.9", authorization="Bearer front", forwarded_token="users"))
    assert token is not None
    assert token.reveal() == "users"
    for caller in (ada, Caller("127.0.0.1", forwarded_user="ada@x")):
        with pytest.raises(GatewayError, match="may not see this"):
            door.check_inside(caller)
    elsewhere = Door(Server(own_tokens=True))
    forged = elsewhere.token_of(Caller("127.0.0.1", authorization="Bearer mine", forwarded_token="forged"))
    assert forged is not None
    assert forged.reveal() == "mine", "nobody forwards anything outside of an App"


@pytest.mark.server
def test_an_app_works_with_its_own_principal(tmp_path: Path) -> None:
    with workspace() as standin:
        with serve_bare(tmp_path, environment(standin.url)) as gateway:
            status, text = ask(gateway, FRONT_DOOR)
            assert status == 200, text
            assert "Fine." in text
            assert ask(gateway, {"authorization": f"Bearer {USER_TOKEN}"})[0] == 401
            assert ask(gateway, FRONT_DOOR, path="/metrics")[0] == 403
            assert ask(gateway, {}, path="/livez")[0] == 200
            assert USER_TOKEN not in credentials(standin)
            assert len(credentials(standin)) == 1
        assert gateway.code == 0
        assert not [form for form in (SECRET, USER_TOKEN, "ada@example.com") if form in gateway.log]


@pytest.mark.server
def test_an_app_works_on_behalf_of_its_users(tmp_path: Path) -> None:
    with workspace() as standin:
        config = (EXAMPLE / "on-behalf.yaml").read_text()
        with serve(config, tmp_path, environment(standin.url)) as gateway:
            status, text = ask(gateway, {"authorization": "Bearer of-the-front-door", **FRONT_DOOR})
            assert status == 200, text
            assert credentials(standin) == {USER_TOKEN}
            without = {name: value for name, value in FRONT_DOOR.items() if "token" not in name}
            assert ask(gateway, without)[0] == 401
        assert USER_TOKEN not in gateway.log


@pytest.mark.server
def test_a_model_that_thinks_for_minutes_is_not_cut_off_by_the_front_door(tmp_path: Path) -> None:
    """The front door ends what says nothing for 120 s. Time is shortened: the model is silent until the client has heard
    as many heart-beats as there are in twice that time at the usual pace."""
    beats = int(2 * 120 / Server().ping)
    assert Server().ping * 4 <= 120
    heard = threading.Event()

    def script(asked: Asked) -> Scripted:
        assert heard.wait(60), "the client heard nothing"
        return say("Thought through.")

    with workspace(script) as standin:
        config = (
            "server: {databricks_app: true, ping: 0.1}\n"
            f"providers: {{dbx: {{kind: databricks, host: '{standin.url}', auth: oauth, models: [{MODEL}]}}}}\n"
        )
        with serve(config, tmp_path, environment(standin.url)) as gateway:
            connection = http.client.HTTPConnection("127.0.0.1", urlsplit(gateway.url).port, timeout=60)
            question = {
                "model": "sonnet",
                "max_tokens": 64,
                "messages": [{"role": "user", "content": "Hello"}],
            }
            body = json.dumps({**question, "stream": True}).encode()
            connection.request(
                "POST", "/v1/messages", body, {"content-type": "application/json", **FRONT_DOOR}
            )
            answer = connection.getresponse()
            assert answer.status == 200
            assert answer.headers["x-accel-buffering"] == "no"
            text = ""
            while text.count("ping") < beats:
                line = answer.readline().decode()
                assert line, text
                text += line
            heard.set()
            text += answer.read().decode()
            connection.close()
    assert "Thought through." in text
    assert "message_stop" in text
