"""Google's tokens: the real library against a token server on loopback, and every way it can fail."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from trunkline.config.schema import ServiceAccount
from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError, Kind
from trunkline.upstream.credentials.google import SCOPE, GoogleLogin, Library, load_library

SOURCE = str(Path(__file__).parents[2] / "src")


@contextmanager
def token_server(status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """Issues tokens for assertions; what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["content-length"])).decode())
            answer = {"access_token": f"ya29.{len(asked)}", "expires_in": 3599, "token_type": "Bearer"}
            refusal = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            body = json.dumps(answer if status == 200 else refusal).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def key_file(folder: Path, token_uri: str) -> Path:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    told = {
        "type": "service_account", "project_id": "p", "private_key_id": "1", "private_key": pem,
        "client_email": "me@p.iam.gserviceaccount.com", "token_uri": token_uri,
    }  # fmt: skip
    path = folder / "key.json"
    path.write_text(json.dumps(told))
    return path


def test_a_service_accounts_file_gets_tokens_that_end(tmp_path: Path) -> None:
    with token_server() as (uri, asked):
        login = GoogleLogin("vertex", str(key_file(tmp_path, uri)))
        first = asyncio.run(login.fetch())
        second = asyncio.run(login.fetch())
    assert (first.value, second.value) == ("ya29.1", "ya29.2"), "each fetch is a new token"
    assert first.life is not None
    assert 3000 < first.life <= 3600
    assert "jwt-bearer" in asked[0]


def test_a_service_account_without_a_file_is_the_same(tmp_path: Path) -> None:
    with token_server() as (uri, asked):
        told = json.loads(key_file(tmp_path, uri).read_text())
        account = ServiceAccount(client_email=told["client_email"], private_key=Secret(told["private_key"]))

        def load() -> Library:
            real = load_library()

            def from_info(info: dict[str, str], scopes: list[str]) -> object:
                assert info["token_uri"] == "https://oauth2.googleapis.com/token"
                return real.from_info({**info, "token_uri": uri}, scopes=scopes)

            return real._replace(from_info=from_info)  # type: ignore[arg-type]

        issued = asyncio.run(GoogleLogin("vertex", None, account, load=load).fetch())
    assert issued.value == "ya29.1"
    assert "jwt-bearer" in asked[0]


def test_a_useless_private_key_is_an_error_that_does_not_show_it() -> None:
    account = ServiceAccount(client_email="me@p.iam", private_key=Secret("canary PRIVATE KEY"))
    with pytest.raises(GatewayError, match=r"cannot sign in as me@p\.iam") as caught:
        asyncio.run(GoogleLogin("vertex", None, account).fetch())
    assert caught.value.kind is Kind.AUTHENTICATION
    assert "canary" not in caught.value.message


def test_a_refused_key_says_so_and_keeps_no_secret(tmp_path: Path) -> None:
    with token_server(400) as (uri, _):
        path = key_file(tmp_path, uri)
        with pytest.raises(GatewayError, match=r"cannot sign in with .*key\.json") as caught:
            asyncio.run(GoogleLogin("vertex", str(path)).fetch())
    assert caught.value.kind is Kind.AUTHENTICATION
    assert "PRIVATE KEY" not in caught.value.message


@pytest.mark.parametrize("content", ["{}", "not json", None])
def test_a_useless_file_is_an_error_that_names_it(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(GatewayError, match=r"key\.json") as caught:
        asyncio.run(GoogleLogin("vertex", str(path)).fetch())
    assert caught.value.kind is Kind.AUTHENTICATION


def test_a_network_that_fails_is_no_refusal(tmp_path: Path) -> None:
    login = GoogleLogin(
        "vertex", None, load=lambda: fake(failure=type("TransportError", (Exception,), {})("x"))
    )
    with pytest.raises(GatewayError) as caught:
        asyncio.run(login.fetch())
    assert caught.value.kind is Kind.UNREACHABLE


def fake(
    *, failure: Exception | None = None, token: str | None = "ya29.x", expiry: datetime | None = None
) -> Library:
    seen: list[object] = []

    def refresh(request: object) -> None:
        seen.append(request)
        if failure is not None:
            raise failure

    found = SimpleNamespace(token=token, expiry=expiry, refresh=refresh)

    def default(*, scopes: list[str]) -> tuple[SimpleNamespace, str]:
        assert scopes == [SCOPE]
        return found, "p"

    return Library(default, default, default, object)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("library", "message"),
    [
        (fake(failure=type("DefaultCredentialsError", (Exception,), {})("long words")), "no credentials were found; run: gcloud auth application-default login"),
        (fake(failure=ValueError("odd")), "odd; run: gcloud"),
        (fake(token=None), "gave no token"),
        (fake(token="a b"), "gave no token"),
    ],
)  # fmt: skip
def test_the_error_says_what_to_do(library: Library, message: str) -> None:
    with pytest.raises(GatewayError, match=message) as caught:
        asyncio.run(GoogleLogin("vertex", None, load=lambda: library).fetch())
    assert caught.value.kind is Kind.AUTHENTICATION


def test_the_life_of_a_token_is_what_the_library_says() -> None:
    soon = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=1000)
    issued = asyncio.run(GoogleLogin("vertex", None, load=lambda: fake(expiry=soon)).fetch())
    assert issued.life is not None
    assert 900 < issued.life <= 1000
    unknown = asyncio.run(GoogleLogin("vertex", None, load=fake).fetch())
    assert unknown.life == 600


def test_a_missing_library_names_the_extra() -> None:
    def missing() -> Library:
        raise ModuleNotFoundError("No module named 'google.auth'", name="google.auth")

    with pytest.raises(GatewayError, match="trunkline\\[vertex\\]"):
        asyncio.run(GoogleLogin("vertex", None, load=missing).fetch())


def test_the_module_loads_without_the_library() -> None:
    code = "import sys; sys.modules['google.auth'] = None; import trunkline.upstream.credentials.google"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=SOURCE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
