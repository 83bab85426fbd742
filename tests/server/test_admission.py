"""Who gets in: keys, loopback, browsers, roles (reliability_ux.md T52, T58, T60, T62, T64, T66, T71, T72)."""

import base64
import inspect
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.harness import Gateway, gateway, local, request
from trunkline.config.schema import Server
from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError, Kind
from trunkline.server import client_keys
from trunkline.server.client_keys import Caller, Door, check_exposure
from trunkline.server.edge_rules import host_is_valid
from trunkline.server.errors import Exposed
from trunkline.server.hosts import host_name, is_loopback
from trunkline.server.routes import ROUTES, Route

KEY = "sk-trunkline-0123456789abcdef0123456789"
WITH_KEYS = Server(keys=(Secret(KEY), Secret("second-key")))


@pytest.fixture(scope="module")
def keyed() -> object:
    with gateway(server=WITH_KEYS) as running:
        yield running


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def path_of(route: Route) -> str:
    return route.path.replace("*", "sonnet")


PRESENTED = [
    [("x-api-key", KEY)],
    [("Authorization", f"Bearer {KEY}")],
    [("authorization", f"bearer   {KEY} ")],
    [("Authorization", basic(f"token:{KEY}"))],
    [("Authorization", basic(KEY))],
    [("Authorization", basic(f"{KEY}:"))],
    [("api-key", KEY)],
    [("x-goog-api-key", KEY)],
    [("x-api-key", "placeholder"), ("Authorization", f"Bearer {KEY}")],
    [("x-api-key", KEY), ("Authorization", "Bearer placeholder")],
]


@pytest.mark.parametrize("headers", PRESENTED, ids=str)
def test_a_key_is_taken_wherever_clients_put_it(keyed: Gateway, headers: list[tuple[str, str]]) -> None:
    keyed.relay.seen.clear()
    assert keyed.request("POST", "/v1/messages", b"{}", headers).status == 200
    (inbound,) = keyed.relay.seen
    assert inbound.client not in ("-", "")
    assert KEY not in repr(inbound)
    assert not {name for name, _ in inbound.headers} & {
        "x-api-key",
        "authorization",
        "api-key",
        "x-goog-api-key",
    }


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("x-api-key", "")],
        [("x-api-key", KEY[:-1])],
        [("x-api-key", KEY + "x")],
        [("x-api-key", KEY.upper())],
        [("x-api-key", "-")],
        [("Authorization", KEY)],
        [("Authorization", "Bearer")],
        [("Authorization", f"Digest {KEY}")],
        [("Authorization", "Basic !!!")],
        [("Authorization", "Basic " + "é" * 10)],
        [("x-api-key", "' OR 1=1 --")],
        [("Cookie", f"key={KEY}")],
    ],
    ids=str,
)
def test_without_a_right_key_the_answer_is_401(keyed: Gateway, headers: list[tuple[str, str]]) -> None:
    keyed.relay.seen.clear()
    refusal = keyed.request("POST", "/v1/messages", b"{}", headers)
    assert refusal.status == 401
    assert refusal.json["protocol"] == "anthropic_messages"
    assert refusal.header("x-should-retry") == "false"
    assert KEY[:8].encode() not in refusal.body
    assert not keyed.relay.seen


def test_each_key_is_a_tenant_of_its_own() -> None:
    door = Door(WITH_KEYS)
    first, second = door.admit(local(api_key=KEY)), door.admit(local(api_key="second-key"))
    assert first != second
    assert Door(WITH_KEYS).admit(local(api_key=KEY)) == first
    assert Door(Server()).admit(local(api_key="anything")) == "-"


EXPECTED = {"page": (307, 404), "preset": (404,), "session": (200, 400, 403)}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_T60_every_route_with_every_method_and_role(keyed: Gateway, route: Route) -> None:
    assert route.role in ("public", "client", "admin")
    for method in METHODS:
        raw_with, raw_without = (
            request(method, path_of(route), b"", headers) for headers in ([("x-api-key", KEY)], [])
        )
        statuses = []
        for raw in (raw_without, raw_with):
            with keyed.connect() as client:
                client.sendall(raw)
                statuses.append(int(client.recv(65536).split()[1]))
        without, with_key = statuses
        assert without == (with_key if route.role == "public" else 401), method
        if method in route.methods:
            assert with_key in EXPECTED.get(route.what, (200, 501)), method
        else:
            assert with_key == 405, method


def test_T60_public_routes_are_these_and_no_others() -> None:
    public = {route.path for route in ROUTES if route.role == "public"}
    assert public == {
        "/",
        "/api/hello",
        "/health",
        "/livez",
        "/readyz",
        "/api/session",
        "/ui",
        "/ui/",
        "/ui/*",
    }


def test_T60_a_path_decides_as_it_stands(keyed: Gateway) -> None:
    for path in ("/v1/%6dessages", "/v1//messages", "/V1/messages", "/v1/messages/", "/./v1/messages", "/livez/../v1/models",
                 "/v1/messages;x", "/v1/messages%3f", "/v1/messages%00"):  # fmt: skip
        assert keyed.request("POST", path, b"{}", [("x-api-key", KEY)]).status == 404
    assert keyed.request("POST", "/v1/messages?beta=true&x=/livez", b"{}").status == 401


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "[::]", "192.168.1.5", "10.0.0.1", "example.com", "", "localhost.evil"]
)
def test_T62_listening_to_others_without_keys_is_refused(host: str) -> None:
    with pytest.raises(Exposed, match=r"server\.keys") as refusal:
        check_exposure(Server(host=host))
    assert refusal.value.exit_code == 3
    check_exposure(Server(host=host, keys=(Secret("k"),)))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "::1", "[::1]", "127.1.2.3"])
def test_T62_loopback_needs_no_keys(host: str) -> None:
    check_exposure(Server(host=host))


def test_T64_comparison_goes_by_digest_and_in_constant_time() -> None:
    source = inspect.getsource(client_keys)
    assert "compare_digest" in source
    assert "hmac.digest" in source
    door = Door(WITH_KEYS)
    held = repr(vars(door))
    assert KEY not in held
    assert "second-key" not in held
    other = Door(WITH_KEYS)
    assert vars(door)["_tenants"].keys().isdisjoint(vars(other)["_tenants"])


def test_T65_near_collisions_are_never_let_in() -> None:
    door = Door(WITH_KEYS)
    for at in range(len(KEY)):
        for letter in string.ascii_letters + string.digits:
            near = KEY[:at] + letter + KEY[at + 1 :]
            if near != KEY:
                with pytest.raises(GatewayError):
                    door.admit(local(api_key=near))


def test_T66_wrong_keys_cost_little() -> None:
    door = Door(WITH_KEYS)
    began = time.process_time()
    for attempt in range(1000):
        with pytest.raises(GatewayError) as refusal:
            door.admit(local(api_key=f"wrong-{attempt}"))
        assert str(attempt) not in refusal.value.message
    assert time.process_time() - began < 0.1


REBOUND = ["evil.example", "evil.example:3456", "localhost.evil.example", "127.0.0.1.evil.example", "xlocalhost", "0.0.0.0",
           "192.168.1.1", "[::2]", "2130706433", "0x7f000001", "127.1", "localhost.", "host.docker.internal"]  # fmt: skip


@pytest.mark.parametrize("name", REBOUND)
def test_T71_a_name_that_is_not_ours_is_refused_on_every_route(plain: Gateway, name: str) -> None:
    for route in ROUTES:
        for method in route.methods:
            raw = request(method, path_of(route), b"{}" if method == "POST" else b"", [("Host", name)])
            with plain.connect() as client:
                client.sendall(raw)
                assert client.recv(65536).split()[1] == b"403"
    assert plain.request("GET", "/nothing", b"", [("Host", name)]).status == 403
    assert not plain.relay.seen


def test_T71_with_keys_any_name_will_do(keyed: Gateway) -> None:
    assert (
        keyed.request("GET", "/v1/models", b"", [("Host", "gateway.example"), ("x-api-key", KEY)]).status
        == 200
    )


@pytest.mark.parametrize("peer", ["192.168.1.9", "8.8.8.8", "fe80::1", "::ffff:8.8.8.8", None])
def test_T71_without_keys_other_machines_are_refused(peer: str | None) -> None:
    with pytest.raises(GatewayError) as refusal:
        Door(Server()).check_source(Caller(peer=peer, host="localhost"))
    assert refusal.value.kind is Kind.PERMISSION


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.0.0.53", "::1", "::ffff:127.0.0.1"])
def test_T71_loopback_peers_come_in(peer: str) -> None:
    Door(Server()).check_source(Caller(peer=peer, host="localhost:3456"))


FOREIGN = [
    [("Origin", "https://evil.example")],
    [("Origin", "null")],
    [("Origin", "http://localhost:9999")],
    [("Origin", "http://127.0.0.1")],
    [("Origin", "file://")],
    [("Origin", "chrome-extension://abc")],
    [("Sec-Fetch-Site", "cross-site")],
    [("Sec-Fetch-Site", "same-site")],
    [("Sec-Fetch-Site", "Cross-Site"), ("Origin", "http://localhost")],
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_T72_pages_of_other_origins_are_refused(plain: Gateway, headers: list[tuple[str, str]]) -> None:
    for route in ROUTES:
        if route.role == "client":
            for method in route.methods:
                with plain.connect() as client:
                    client.sendall(request(method, path_of(route), b"", headers))
                    assert client.recv(65536).split()[1] == b"403"
    assert not plain.relay.seen


def test_T72_no_answer_allows_another_origin(plain: Gateway) -> None:
    origin = [("Origin", "http://localhost")]
    preflight = [
        *origin,
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "x-api-key"),
    ]
    answers = [
        plain.request("OPTIONS", "/v1/messages", b"", preflight),
        plain.request("POST", "/v1/messages", b"{}", origin),
        plain.request("GET", "/v1/models", b"", origin),
        plain.request("GET", "/health", b"", origin),
    ]
    assert [answer.status for answer in answers] == [405, 200, 200, 200]
    for answer in answers:
        assert not [name for name, _ in answer.headers if name.startswith("access-control")]


def test_T72_programs_and_our_own_pages_are_served(plain: Gateway) -> None:
    for headers in (
        [("Sec-Fetch-Site", "none")],
        [("Sec-Fetch-Site", "same-origin"), ("Origin", "http://localhost")],
    ):
        assert plain.request("POST", "/v1/messages", b"{}", headers).status == 200


def test_T58_forwarded_headers_change_nothing(plain: Gateway, keyed: Gateway) -> None:
    claims = [("X-Forwarded-For", "8.8.8.8"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https"),
              ("Forwarded", "for=8.8.8.8;host=evil.example"), ("X-Real-IP", "8.8.8.8")]  # fmt: skip
    assert plain.request("POST", "/v1/messages", b"{}", claims).status == 200
    (inbound,) = plain.relay.seen
    assert not [name for name, _ in inbound.headers if "forward" in name or "real" in name]
    claims = [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Host", "localhost")]
    assert keyed.request("POST", "/v1/messages", b"{}", claims).status == 401
    with pytest.raises(GatewayError):
        Door(Server()).check_source(Caller(peer="8.8.8.8", host="localhost"))


@settings(max_examples=1000)
@given(
    value=st.text(st.characters(max_codepoint=255), max_size=20)
    | st.text("localhost127.0[]:@/?#\\ ", max_size=24)
)
def test_T52_fuzzed_hosts_decide_like_their_clean_name(value: str) -> None:
    raw = value.encode("latin-1")
    if not host_is_valid(raw):
        return
    assert not set(value) & set("/?#@\\ ,")
    clean = host_name(value)
    try:
        Door(Server()).check_source(Caller(peer="127.0.0.1", host=value))
        admitted = True
    except GatewayError:
        admitted = False
    assert admitted == is_loopback(clean)
