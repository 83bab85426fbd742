"""Logins by way of Databricks' library: in a thread, with the command that helps, and never without need."""

import asyncio
import base64
import json
import logging
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from standin import Flags, StandIn, say
from trunkline.config.schema import Login
from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError, Kind
from trunkline.upstream.clock import SystemClock
from trunkline.upstream.credentials.library import ASK_AGAIN, INSTALL, LibraryLogin
from trunkline.upstream.credentials.logins import LoginCredentials, LoginMaker
from trunkline.upstream.http1 import Http1Upstream

SOURCE = str(Path(__file__).parents[2] / "src")


def jwt(end: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": end}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{claims}.c2ln"


class FakeConfig:
    """Takes the place of the library's ``Config``."""

    made: ClassVar[list[dict[str, object]]] = []
    header = "Bearer token"
    expiry: datetime | None = None
    failure: Exception | None = None
    until: threading.Event | None = None
    """Set when the login may go on."""

    def __init__(self, **arguments: object) -> None:
        type(self).made.append(arguments)
        if self.until is not None and not self.until.wait(30):
            raise TimeoutError
        if self.failure is not None:
            raise self.failure

    def authenticate(self) -> dict[str, str]:
        return {"Authorization": self.header}

    def oauth_token(self) -> SimpleNamespace:
        if self.expiry is None:
            raise ValueError("OAuth tokens are not available for pat authentication.")
        return SimpleNamespace(expiry=self.expiry)


def fake(**attributes: object) -> type[FakeConfig]:
    return type("Fake", (FakeConfig,), {"made": [], **attributes})


def login(config: type[FakeConfig], **arguments: str | None) -> LibraryLogin:
    fix = "run: databricks auth login --profile work"
    return LibraryLogin("provider dbx", arguments, fix, SystemClock(), load=lambda: config)


def test_the_end_of_a_token_is_what_it_claims_then_what_the_library_says() -> None:
    soon = time.time() + 1000
    claimed = asyncio.run(login(fake(header=f"Bearer {jwt(soon)}")).fetch())
    assert claimed.life == pytest.approx(1000, abs=5)
    said = asyncio.run(login(fake(expiry=datetime.fromtimestamp(soon, tz=UTC))).fetch())
    assert said.life == pytest.approx(1000, abs=5)
    unknown = asyncio.run(login(fake()).fetch())
    assert (unknown.life, unknown.again) == (None, ASK_AGAIN)


def test_each_token_is_a_new_login_with_bounded_patience() -> None:
    config = fake()
    ours = login(config, host="https://h", auth_type="azure-cli", azure_tenant_id=None)
    asyncio.run(ours.fetch())
    asyncio.run(ours.fetch())
    assert len(config.made) == 2
    first = config.made[0]
    assert (first["host"], first["auth_type"]) == ("https://h", "azure-cli")
    assert "azure_tenant_id" not in first
    assert first["retry_timeout_seconds"] == 4


def test_a_slow_login_does_not_hold_up_the_loop() -> None:
    async def scenario() -> str:
        config = fake(until=threading.Event())
        work = asyncio.ensure_future(login(config).fetch())
        while not config.made:  # noqa: ASYNC110 - the other thread has no event of this loop's
            await asyncio.sleep(0.001)
        assert not work.done()
        assert config.until is not None
        config.until.set()
        return (await work).value

    assert asyncio.run(scenario()) == "token"


SAID = (
    "default auth: databricks-cli: cannot get access token: Error: token refresh: refresh token is invalid."
    " Config: host=https://h, token=***. Env: DATABRICKS_HOST"
)


def test_an_ended_login_names_the_command() -> None:
    with pytest.raises(GatewayError) as raised:
        asyncio.run(login(fake(failure=ValueError(SAID))).fetch())
    message = raised.value.message
    assert raised.value.kind is Kind.AUTHENTICATION
    assert raised.value.should_retry is False
    assert message.endswith("refresh token is invalid; run: databricks auth login --profile work")
    assert "Config:" not in message


NOTHING = "default auth: cannot configure default credentials, please check https://docs.databricks.com/x"
FOUND = [
    ("databricks-cli", "the command databricks is not on the gateway's PATH; install it"),
    ("azure-cli", "the command az is not on the gateway's PATH"),
    ("google-id", "nothing that could sign in was found"),
]


@pytest.mark.parametrize(("auth_type", "words"), FOUND)
def test_a_missing_command_is_named(
    auth_type: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GatewayError) as raised:
        asyncio.run(login(fake(failure=ValueError(NOTHING)), auth_type=auth_type).fetch())
    assert words in raised.value.message
    if auth_type == "databricks-cli":
        command = tmp_path / "databricks"
        command.write_text("#!/bin/sh\n")
        command.chmod(0o755)
        with pytest.raises(GatewayError, match="not logged in, or is the old one"):
            asyncio.run(login(fake(failure=ValueError(NOTHING)), auth_type=auth_type).fetch())


def test_what_the_library_says_is_cleaned() -> None:
    failure = ValueError(f"cannot get access token: {jwt(1.0)} and s3cret-canary")
    with pytest.raises(GatewayError) as raised:
        asyncio.run(login(fake(failure=failure), azure_client_secret="s3cret-canary").fetch())
    assert "eyJ" not in raised.value.message
    assert "canary" not in raised.value.message


def test_a_network_that_fails_is_no_refusal() -> None:
    failure = type("ConnectionError", (OSError,), {"__module__": "requests.exceptions"})("https://u:p@h")
    with pytest.raises(GatewayError) as raised:
        asyncio.run(login(fake(failure=failure)).fetch())
    assert raised.value.kind is Kind.UNREACHABLE
    assert "u:p" not in raised.value.message


def test_a_header_that_models_do_not_take_is_refused() -> None:
    with pytest.raises(GatewayError, match="signs in with a Basic header"):
        asyncio.run(login(fake(header="Basic eDp5")).fetch())


def test_a_missing_library_names_the_command() -> None:
    def load() -> type[FakeConfig]:
        raise ModuleNotFoundError("No module named 'databricks'", name="databricks")

    ours = LibraryLogin("provider dbx", {}, "", SystemClock(), load=load)
    with pytest.raises(GatewayError) as raised:
        asyncio.run(ours.fetch())
    assert raised.value.message.endswith(f"run: {INSTALL}")


def keep(login_: Login, host: str, environ: dict[str, str]) -> tuple[LoginCredentials, Http1Upstream]:
    upstream = Http1Upstream(connect_timeout=30, pool_timeout=30)
    maker = LoginMaker(upstream, SystemClock(), environ)
    return LoginCredentials({}, {"dbx": maker.keep("dbx", host, login_)}), upstream


CLI = """\
#!/bin/sh
# {padding}
echo "$@" >> "{log}"
case "$1" in
  version|--version|-v) echo '{{"Version": "0.300.0", "Major": 0, "Minor": 300, "Patch": 0}}'; exit 0;;
esac
if [ -f "{ended}" ]; then echo "Error: a new access token could not be retrieved" >&2; exit 1; fi
echo '{{"access_token": "{token}", "token_type": "Bearer", "expiry": "2036-10-01T12:34:56.789Z"}}'
"""


def install_cli(folder: Path, token: str) -> None:
    """A stand-in for the databricks command; the library takes only files above 1 MB for the real one."""
    folder.mkdir()
    text = CLI.format(padding="x" * 1_100_000, log=folder / "log", ended=folder / "ended", token=token)
    command = folder / "databricks"
    command.write_text(text)
    command.chmod(0o755)


def clean(monkeypatch: pytest.MonkeyPatch, home: Path, path: str) -> None:
    for name in list(os.environ):
        if name.startswith(("DATABRICKS_", "ARM_", "GOOGLE_", "AZURE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", path)


@pytest.mark.server
def test_a_profile_of_the_databricks_command_with_the_real_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    token = jwt(time.time() + 3600)
    install_cli(tmp_path / "bin", token)
    clean(monkeypatch, tmp_path, f"{tmp_path / 'bin'}:{os.defpath}")
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-of-another-login")

    async def scenario() -> None:
        async with StandIn((), Flags()) as standin:
            file = tmp_path / ".databrickscfg"
            file.write_text(f"[work]\nhost = {standin.url}\nauth_type = databricks-cli\n")
            credentials, upstream = keep(
                Login(kind="profile", profile="work"), standin.url, {"HOME": str(tmp_path)}
            )
            assert await asyncio.gather(*[credentials.credential("dbx") for _ in range(20)]) == [token] * 20
            runs = (tmp_path / "bin" / "log").read_text().splitlines()
            assert len([run for run in runs if run.startswith("auth token")]) == 1, "one run for all"
            assert any("--profile work" in run for run in runs)
            await credentials.close()
            (tmp_path / "bin" / "ended").write_text("")
            credentials, _ = keep(
                Login(kind="profile", profile="work"), standin.url, {"HOME": str(tmp_path)}
            )
            with pytest.raises(GatewayError) as raised:
                await credentials.credential("dbx")
            assert raised.value.message.endswith("run: databricks auth login --profile work")
            await upstream.close()

    with caplog.at_level(logging.INFO):
        asyncio.run(scenario())
    assert token not in caplog.text


@pytest.mark.server
def test_the_real_library_signs_in_with_what_the_environment_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean(monkeypatch, tmp_path, os.defpath)

    async def scenario() -> None:
        async with StandIn((), Flags(client=("the-id", "s3cret"))) as standin:
            monkeypatch.setenv("DATABRICKS_CLIENT_ID", "the-id")
            monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "s3cret")
            credentials, upstream = keep(Login(kind="sdk"), standin.url, {})
            token = await credentials.credential("dbx")
            assert token is not None
            assert token.startswith("eyJ")
            assert await credentials.refused(
                "dbx",
                GatewayError(
                    Kind.AUTHENTICATION, "", status=403, raw=b"Invalid access token.", local=False
                ),
            )
            assert await credentials.credential("dbx") != token
            monkeypatch.delenv("DATABRICKS_CLIENT_ID")
            monkeypatch.delenv("DATABRICKS_CLIENT_SECRET")
            credentials, _ = keep(Login(kind="sdk"), standin.url, {})
            with pytest.raises(GatewayError, match="databricks auth describe"):
                await credentials.credential("dbx")
            await upstream.close()

    asyncio.run(scenario())


LOOP = """
import asyncio, sys, threading
from trunkline.upstream.clock import SystemClock
from trunkline.upstream.credentials.library import LibraryLogin

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("databricks"):
            threads.add(threading.current_thread())

threads = set()
sys.meta_path.insert(0, Watch())

async def main():
    arguments = {"host": sys.argv[1], "token": "dapi-x", "auth_type": "pat"}
    login = LibraryLogin("p", arguments, "", SystemClock())
    assert (await login.fetch()).value == "dapi-x"
    assert "databricks.sdk" in sys.modules
    assert threads and threading.main_thread() not in threads, threads

asyncio.run(main())
"""


@pytest.mark.server
def test_importing_the_library_does_not_hold_up_the_loop(tmp_path: Path) -> None:
    with StandIn(()) as standin:
        subprocess.run(
            [sys.executable, "-c", LOOP, standin.url],
            env={"PYTHONPATH": SOURCE, "HOME": str(tmp_path), "PATH": os.defpath},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )


PLAIN = """
import os, sys
from trunkline.app.composition import Gateway
from trunkline.app.providers import make_providers
from trunkline.config.load import load
import asyncio

async def main():
    configuration = load(None, os.environ)
    gateway = Gateway(configuration, make_providers(configuration))
    print(await gateway._credentials.credential("databricks"))

asyncio.run(main())
wrong = [name for name in sys.modules if name.startswith(("databricks", "google.auth", "requests"))]
assert not wrong, wrong
logins = [name for name in sys.modules if name.startswith("trunkline.upstream.credentials.l")]
print(len(logins))
"""


@pytest.mark.parametrize(
    ("environ", "out"),
    [
        ({"DATABRICKS_TOKEN": "dapi-x"}, "dapi-x\n0\n"),
        ({"DATABRICKS_CONFIG_PROFILE": "work"}, "dapi-work\n2\n"),
    ],
)
def test_a_plain_token_never_loads_the_library(tmp_path: Path, environ: dict[str, str], out: str) -> None:
    (tmp_path / ".databrickscfg").write_text("[work]\nhost = adb-1.2\ntoken = dapi-work\n")
    done = subprocess.run(
        [sys.executable, "-c", PLAIN],
        env={
            "PYTHONPATH": SOURCE, "HOME": str(tmp_path), "PATH": os.defpath,
            "DATABRICKS_HOST": "adb-1.2.azuredatabricks.net", **environ,
        },
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (out, "")


ENTRA = [
    (
        Login(kind="entra", client_id="i", client_secret=Secret("s"), tenant="t"),
        {"auth_type": "azure-client-secret", "azure_tenant_id": "t", "azure_client_id": "i",
         "azure_client_secret": "s"},
    ),
    (Login(kind="azure_cli"), {"auth_type": "azure-cli"}),
    (Login(kind="cli", profile="p"), {"auth_type": "databricks-cli", "profile": "p"}),
    (Login(kind="sdk"), {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "arguments"), ENTRA)
def test_what_each_login_asks_of_the_library(
    kind: Login, arguments: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = fake()
    monkeypatch.setattr("trunkline.upstream.credentials.library.load_library", lambda: config)
    credentials, _ = keep(kind, "adb-1.2", {})

    async def scenario() -> None:
        assert await credentials.credential("dbx") == "token"
        await credentials.close()

    asyncio.run(scenario())
    (made,) = config.made
    ours = {"http_timeout_seconds", "retry_timeout_seconds", "product", "product_version"}
    expected = {"host": "https://adb-1.2.azuredatabricks.net", **arguments}
    assert {key: value for key, value in made.items() if key not in ours} == expected


SERVED = """
import json, os, sys, urllib.request
from pathlib import Path
from app.whole import whole
import asyncio

def ask(url, stream):
    question = {"model": "sonnet", "max_tokens": 64, "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}
    request = urllib.request.Request(url + "/v1/messages", json.dumps(question).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status

async def main():
    config = "providers: {dbx: {kind: databricks, host: '%s', token: dapi-stand-in}}" % sys.argv[1]
    async with whole(config, Path(sys.argv[2])) as running:
        for stream in (False, True):
            assert await asyncio.to_thread(ask, running.url, stream) == 200

asyncio.run(main())
wrong = [name for name in sys.modules if name.startswith(("databricks", "google.auth", "requests"))]
assert not wrong, wrong
from trunkline.cli.outcome import run
os.environ |= {"DATABRICKS_HOST": sys.argv[1], "DATABRICKS_TOKEN": "dapi-stand-in"}
assert run(["doctor", "databricks"]) == 0
wrong = [name for name in sys.modules if name.startswith(("databricks", "google.auth", "requests"))]
assert not wrong, wrong
"""


@pytest.mark.server
def test_a_gateway_that_serves_with_a_plain_token_never_loads_the_library(tmp_path: Path) -> None:
    """Discovery, a whole answer, a stream and the doctor's checks."""
    with StandIn(lambda _: say("Fine."), Flags()) as standin:
        done = subprocess.run(
            [sys.executable, "-c", SERVED, standin.url, str(tmp_path)],
            env={
                "PYTHONPATH": f"{SOURCE}{os.pathsep}{Path(__file__).parents[1]}",
                "HOME": str(tmp_path),
                "PATH": os.defpath,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
