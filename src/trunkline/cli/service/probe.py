"""Asking the gateway that runs how it is, with the key that its configuration has."""

import http.client

import msgspec
from msgspec import Struct

from trunkline.cli.exits import NOT_RUNNING, Failure
from trunkline.config.schema import Server
from trunkline.config.secret import Secret

PATIENCE = 2.5
"""Seconds to wait for an answer: with the start of the command it is less than three."""
MOST = 4_000_000
"""Bytes of an answer that are read."""


def reachable(host: str) -> str:
    """An address to call for one to listen on."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - names, not binds


def url(host: str, port: int) -> str:
    """The gateway's base URL."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class NotTrunkline(Failure):
    """Something else answers there."""

    def __init__(self, where: str) -> None:
        message = f"What answers at {where} is not Trunkline: give another --port, or set server.port."
        super().__init__(message, NOT_RUNNING)


def ask(address: tuple[str, int], server: Server, patience: float = PATIENCE) -> dict[str, object]:
    """The detailed health of the gateway there. Raises Failure when nobody or somebody else answers."""
    where = url(*address)
    try:
        health = msgspec.json.decode(
            _get(address, server, "/health/detailed?known", patience), type=dict[str, object]
        )
    except msgspec.DecodeError:
        health = {}
    if health.get("service") != "trunkline":
        raise NotTrunkline(where)
    return health


class _Model(Struct):
    id: str


class _Models(Struct):
    data: list[_Model]


def ask_models(address: tuple[str, int], server: Server) -> tuple[str, ...]:
    """The names that the gateway there lists. Raises Failure."""
    try:
        listed = msgspec.json.decode(_get(address, server, "/v1/models", PATIENCE), type=_Models)
    except msgspec.DecodeError:
        raise NotTrunkline(url(*address)) from None
    return tuple(model.id for model in listed.data)


class KeyRefused(Failure):
    """It runs, on a configuration with other keys."""


class Finding(Struct, frozen=True):
    """What is wrong with a configuration, as the gateway says it."""

    file: str = ""
    line: int | None = None
    key: str = ""
    problem: str = ""


class Answered(Struct, frozen=True):
    """What ``POST /api/reload`` came to."""

    success: bool = False
    message: str = ""
    source: str = ""
    snapshot: int = 0
    restart: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    error: object = None


def ask_to_reload(address: tuple[str, int], server: Server, patience: float) -> Answered:
    """Have the gateway there read its configuration anew; what it says. Raises Failure, KeyRefused."""
    key = server.admin_key or (server.keys[0] if server.keys else None)
    said = _said(address, key, "POST", "/api/reload", patience)
    try:
        return msgspec.json.decode(said, type=Answered)
    except msgspec.DecodeError:
        raise NotTrunkline(url(*address)) from None


def lets_administer(address: tuple[str, int], server: Server) -> bool:
    """Whether the gateway there takes the configuration's key for administration. Raises Failure."""
    key = server.admin_key or (server.keys[0] if server.keys else None)
    try:
        _said(address, key, "GET", "/api/transformers", PATIENCE)
    except KeyRefused:
        return False
    return True


def _get(address: tuple[str, int], server: Server, path: str, patience: float) -> bytes:
    return _said(address, server.keys[0] if server.keys else None, "GET", path, patience)


def _said(address: tuple[str, int], key: Secret | None, method: str, path: str, patience: float) -> bytes:
    headers = {} if key is None else {"authorization": f"Bearer {key.reveal()}"}
    where = url(*address)
    connection = http.client.HTTPConnection(*address, timeout=patience)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        if answer.status in (401, 403):
            raise KeyRefused(f"{where} refuses the key in server.keys: it runs on another configuration.")
        return answer.read(MOST)
    except http.client.HTTPException:
        raise NotTrunkline(where) from None
    except TimeoutError:
        message = f"Something listens at {where} and does not answer within {patience:g} s."
        raise Failure(f"{message} If it is not Trunkline, give another --port.", NOT_RUNNING) from None
    except OSError:
        raise Failure(
            f"Not running: nothing answers at {where}. Start it: trunkline start", NOT_RUNNING
        ) from None
    finally:
        connection.close()
