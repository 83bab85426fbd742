"""Clients that bring the provider's token: it is handed on as a secret, and takes the place of a key of ours."""

import base64
from collections.abc import Generator

import pytest

from server.harness import Gateway, gateway
from trunkline.config.schema import Server
from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError
from trunkline.server.client_keys import Caller, Door, check_exposure
from trunkline.server.errors import Exposed

KEY = "gateway-key"
TOKEN = "dapi-own-token"
BASIC = "Basic " + base64.b64encode(f"token:{TOKEN}".encode()).decode()
OPEN = Server(host="0.0.0.0", own_tokens=True)


def revealed(token: Secret | None) -> str | None:
    return None if token is None else token.reveal()


TOKENS = [
    ({"authorization": f"Bearer {TOKEN}"}, TOKEN),
    ({"api_key": TOKEN}, TOKEN),
    ({"authorization": f"Bearer {TOKEN}", "api_key": KEY}, TOKEN),
    ({"authorization": f"Bearer {KEY}", "api_key": TOKEN}, TOKEN),
    ({"authorization": f"Bearer {TOKEN}", "api_key": "placeholder"}, TOKEN),
    ({"authorization": BASIC}, TOKEN),
    ({"authorization": f"Bearer {KEY}"}, None),
    ({"authorization": "Bearer two words"}, None),
    ({"authorization": "Bearer t\u00f6ken"}, None),
    ({"authorization": "Bearer "}, None),
    ({}, None),
]


@pytest.mark.parametrize(("presented", "token"), TOKENS, ids=range(len(TOKENS)))
def test_the_token_is_what_is_no_key_of_ours(presented: dict[str, str], token: str | None) -> None:
    door = Door(Server(keys=(Secret(KEY),)))
    assert revealed(door.token_of(Caller("127.0.0.1", **presented))) == token


def test_other_machines_are_let_in_to_models_and_no_further() -> None:
    check_exposure(OPEN)
    with pytest.raises(Exposed):
        check_exposure(Server(host=OPEN.host))
    door, stranger, here = Door(OPEN), Caller("10.1.2.3", host="gateway.example"), Caller("127.0.0.1")
    door.check_source(stranger)
    door.check_inside(here)
    with pytest.raises(GatewayError):
        door.check_inside(stranger)
    with pytest.raises(GatewayError):
        Door(Server(own_tokens=True)).check_source(stranger)
    Door(Server(host=OPEN.host, own_tokens=True, keys=(Secret(KEY),))).check_inside(stranger)


@pytest.fixture(scope="module")
def passing() -> Generator[Gateway]:
    with gateway(passes_tokens=True) as running:
        yield running


@pytest.fixture(scope="module")
def keeping() -> Generator[Gateway]:
    with gateway() as running:
        yield running


PATHS = [("POST", "/v1/messages"), ("POST", "/chat/completions"), ("GET", "/v1/responses/resp_1")]


@pytest.mark.server
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_exchange_gets_it(passing: Gateway, method: str, path: str) -> None:
    passing.relay.seen.clear()
    body = b"{}" if method == "POST" else b""
    assert passing.request(method, path, body, [("authorization", f"Bearer {TOKEN}")]).status == 200
    (inbound,) = passing.relay.seen
    assert revealed(inbound.token) == TOKEN
    assert TOKEN not in repr(inbound)


@pytest.mark.server
def test_where_no_provider_wants_it_nobody_gets_it(keeping: Gateway) -> None:
    keeping.relay.seen.clear()
    keeping.request("POST", "/v1/messages", b"{}", [("authorization", f"Bearer {TOKEN}")])
    (inbound,) = keeping.relay.seen
    assert inbound.token is None
