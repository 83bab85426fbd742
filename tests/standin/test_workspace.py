"""Who may ask, which surfaces exist, what is listed, and what limits say."""

import base64
import json

import pytest

from standin import Flags, Reply, StandIn, failures, say
from standin.probe import CHAT, GATEWAY_CHAT, GATEWAY_MESSAGES, MESSAGES, SONNET, Seen, ask, chat_body
from standin.script import FIXTURES

pytestmark = pytest.mark.server


SERVICE = "system.ai.claude-sonnet-4-5"
INVOCATIONS = f"/serving-endpoints/{SONNET}/invocations"


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def with_flags(flags: Flags, path: str, body: object = None, **options: object) -> Seen:
    with StandIn(lambda _: say("Fine."), flags) as standin:
        return ask(standin, path, body, **options)  # type: ignore[arg-type]


AUTH: dict[str, tuple[dict[str, str], int, str]] = {
    "bearer": ({"authorization": "Bearer dapi-stand-in"}, 200, ""),
    "basic": (basic("token", "dapi-stand-in"), 200, ""),
    "none": ({}, 401, "Credential was not sent"),
    "x-api-key": ({"x-api-key": "dapi-stand-in"}, 401, "Credential was not sent"),
    "token-id": ({"authorization": "Bearer " + "0" * 64}, 401, "Credential was not sent"),
    "basic-user": (basic("me", "dapi-stand-in"), 401, "Credential was not sent"),
    "basic-junk": ({"authorization": "Basic ???"}, 401, "Credential was not sent"),
    "wrong": ({"authorization": "Bearer dapi-other"}, 403, "Invalid access token."),
    "basic-wrong": (basic("token", "dapi-other"), 403, "Invalid access token."),
    "expiring": ({"authorization": "Bearer dapi-old"}, 403, "Token is expiring within 30 seconds."),
}


@pytest.mark.parametrize("name", AUTH)
def test_credentials(name: str) -> None:
    headers, status, words = AUTH[name]
    seen = with_flags(Flags(expired=frozenset({"dapi-old"})), CHAT, chat_body(), headers=headers)
    assert seen.status == status
    assert words in seen.text
    if status in (401, 403):
        assert seen.json["error_code"] == status


def test_a_wrong_token_may_be_plain_text() -> None:
    wrong = {"authorization": "Bearer no"}
    seen = with_flags(Flags(wrong_token="text"), CHAT, chat_body(), headers=wrong)
    assert (seen.status, seen.text) == (400, "Invalid Token")


def test_service_principals_get_tokens_that_expire() -> None:
    now = [0.0]
    flags = Flags(client=("id", "secret"))
    with StandIn(lambda _: say("x"), flags, clock=lambda: now[0]) as standin:
        form = b"grant_type=client_credentials&scope=all-apis"
        token = token_for(standin, form, basic("id", "secret")).json["access_token"]
        bearer = {"authorization": f"Bearer {token}"}
        assert ask(standin, CHAT, chat_body(), headers=bearer).status == 200
        now[0] = 3575.0
        late = ask(standin, CHAT, chat_body(), headers=bearer)
        assert (late.status, late.message) == (403, "Token is expiring within 30 seconds. (token expired)")
        assert token_for(standin, form, basic("id", "wrong")).status == 401
        assert token_for(standin, b"grant_type=password", basic("id", "secret")).status == 400


def token_for(standin: StandIn, form: bytes, headers: dict[str, str]) -> Seen:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=60)
    connection.request("POST", "/oidc/v1/token", form, headers)
    answer = connection.getresponse()
    seen = Seen(answer.status, {}, answer.read())
    connection.close()
    return seen


SURFACES: dict[str, tuple[Flags, str, str, int, str]] = {
    "serving-chat": (Flags(), CHAT, SONNET, 200, ""),
    "invocations": (Flags(), INVOCATIONS, "ignored", 200, ""),
    "serving-messages": (Flags(), MESSAGES, SONNET, 200, ""),
    "gateway-chat": (Flags(), GATEWAY_CHAT, SERVICE, 200, ""),
    "gateway-messages": (Flags(), GATEWAY_MESSAGES, SERVICE, 200, ""),
    "gateway-legacy": (Flags(), GATEWAY_CHAT, SONNET, 200, ""),
    "v3-only": (Flags(v3_only=True), GATEWAY_CHAT, SONNET, 501, "Use Unity Catalog model services (v3)."),
    "gateway-off": (Flags(gateway="off"), GATEWAY_CHAT, SERVICE, 404, "AI Gateway is not available"),
    "gateway-refused": (
        Flags(gateway="refused"),
        GATEWAY_MESSAGES,
        SERVICE,
        403,
        "AI Gateway is not enabled",
    ),
    "enforced": (Flags(serving="enforced_off"), CHAT, SONNET, 403, "Please use Unity Gateway."),
    "enforced-gateway": (Flags(serving="enforced_off"), GATEWAY_CHAT, SERVICE, 200, ""),
    "native-absent": (Flags(native="absent"), MESSAGES, SONNET, 404, "Path must be of form"),
    "native-unsupported": (
        Flags(native="unsupported"),
        GATEWAY_MESSAGES,
        SERVICE,
        400,
        "Unsupported native API path '/ai-gateway/anthropic/v1/messages' for provider 'anthropic'",
    ),
    "native-absent-chat": (Flags(native="absent"), CHAT, SONNET, 200, ""),
    "masked": (Flags(), GATEWAY_CHAT, "system.ai.nothing", 404, "'system.ai.nothing' does not exist"),
    "custom": (Flags(endpoints=("our-model",)), CHAT, "our-model", 200, ""),
    "custom-path": (
        Flags(endpoints=("our-model",)),
        "/serving-endpoints/our-model/invocations",
        "x",
        200,
        "",
    ),
    "count": (
        Flags(),
        "/serving-endpoints/anthropic/v1/messages/count_tokens",
        SONNET,
        404,
        "Path must be of form",
    ),
    "responses": (
        Flags(),
        "/serving-endpoints/responses",
        SONNET,
        400,
        "Native_api_type=openai/v1/responses",
    ),
    "account": (Flags(account=True), CHAT, SONNET, 303, ""),
    "plain-off": (Flags(), "/v1/chat/completions", SONNET, 404, "Path must be of form"),
}


@pytest.mark.parametrize("name", SURFACES)
def test_surfaces(name: str) -> None:
    flags, path, model, status, words = SURFACES[name]
    seen = with_flags(flags, path, chat_body(model=model))
    assert seen.status == status
    assert words in seen.text


def test_an_account_redirects_to_its_login() -> None:
    assert with_flags(Flags(account=True), CHAT, chat_body()).headers["location"] == "/login"


def test_serving_endpoints_are_listed() -> None:
    seen = with_flags(Flags(endpoints=("our-model",)), "/api/2.0/serving-endpoints")
    listed = seen.json["endpoints"]
    assert isinstance(listed, list)
    names = [item["name"] for item in listed]
    assert SONNET in names
    assert names[-1] == "our-model"
    sonnet = next(item for item in listed if item["name"] == SONNET)
    theirs = json.loads((FIXTURES / "serving-endpoints-list.json").read_text())["endpoints"]
    recorded = next(item for item in theirs if item["name"].startswith("databricks-claude"))
    assert set(sonnet) <= set(recorded)
    entity, real = (item["config"]["served_entities"][0] for item in (sonnet, recorded))
    assert set(entity["foundation_model"]) <= set(real["foundation_model"])


def test_the_recorded_listing_and_the_forbidden_one() -> None:
    seen = with_flags(Flags(listing="recorded"), "/api/2.0/serving-endpoints")
    assert seen.body == (FIXTURES / "serving-endpoints-list.json").read_bytes()
    assert with_flags(Flags(listing="forbidden"), "/api/2.0/serving-endpoints").status == 403


def test_services_come_in_pages_and_the_first_is_empty() -> None:
    path = "/api/2.1/unity-catalog/model-services?parent=schemas/system.ai&page_size=100"
    names: list[str] = []
    with StandIn(()) as standin:
        page = ask(standin, path).json
        assert page["model_services"] == []
        while "next_page_token" in page:
            page = ask(standin, f"{path}&page_token={page['next_page_token']}").json
            services = page["model_services"]
            assert isinstance(services, list)
            names += [service["name"] for service in services]
    assert f"model-services/{SERVICE}" in names
    assert len(names) == len(set(names))


def test_models_and_the_gateways_list() -> None:
    assert "Path must be of form" in with_flags(Flags(), "/serving-endpoints/models").text
    listed = with_flags(Flags(), "/ai-gateway/anthropic/v1/models").json["data"]
    assert isinstance(listed, list)
    assert {"type", "id", "display_name"} == set(listed[0])
    assert with_flags(Flags(gateway="off"), "/ai-gateway/anthropic/v1/models").status == 404


def test_discovery_documents_name_the_stand_in() -> None:
    with StandIn(()) as standin:
        document = ask(standin, "/oidc/.well-known/oauth-authorization-server", headers={}).json
        assert document["token_endpoint"] == f"{standin.url}/oidc/v1/token"
        assert ask(standin, "/.well-known/databricks-config", headers={}).status == 200


def test_the_input_minute_slides() -> None:
    now = [0.0]
    flags = Flags(input_per_minute=60, retry_after="7")
    with StandIn(lambda _: say("x"), flags, clock=lambda: now[0]) as standin:
        statuses = [ask(standin, CHAT, chat_body()).status for _ in range(3)]
        assert statuses == [200, 200, 429]
        limited = ask(standin, CHAT, chat_body())
        assert limited.headers["retry-after"] == "7"
        assert "Exceeded workspace input tokens per minute rate limit for " + SONNET in limited.message
        now[0] = 61.0
        assert ask(standin, CHAT, chat_body()).status == 200


def test_the_output_limit_is_reserved_with_max_tokens() -> None:
    with StandIn(lambda _: say("x"), Flags(output_per_minute=20_000)) as standin:
        assert ask(standin, CHAT, chat_body(max_tokens=32_000)).status == 429
        assert ask(standin, CHAT, chat_body(max_tokens=16_000)).status == 200
        assert ask(standin, CHAT, chat_body(max_tokens=16_000)).status == 200, "settled by what was written"


def test_bodies_over_the_limit() -> None:
    seen = with_flags(
        Flags(max_body=1000), CHAT, chat_body(messages=[{"role": "user", "content": "x" * 2000}])
    )
    assert seen.status == 413


RECORDED = json.loads((FIXTURES / "errors.json").read_text())
MADE: dict[str, Reply] = {
    "bad bearer token": failures.invalid_token_text(),
    "no Authorization header": failures.no_credential(),
    "revoked PAT": failures.bad_token(),
    "IP access list": failures.ip_blocked(),
    "Enforce Unity Gateway": failures.prefer_gateway("databricks-claude-opus-4-8"),
    "trial/free tier": failures.limit_of_zero(),
    "unknown endpoint name": failures.no_such_endpoint(),
    "GET /serving-endpoints/models": failures.no_such_path(),
    "workspace without it": failures.gateway_absent(),
    "ITPM": failures.rate_limited("databricks-claude-opus-4-8"),
    "OTPM": failures.rate_limited("databricks-claude-opus-4-8", what="output tokens per minute"),
    "legacy name": failures.legacy_name_gone("databricks-gpt-5-6-luna"),
    "principal lacks": failures.no_grant("gte-large-en"),
    "too slow": failures.cancelled(),
    "input guardrail": failures.guardrail_block(),
    "wrong native path": failures.native_path_unsupported(
        "/serving-endpoints/anthropic/invocations/v1/messages"
    ),
    "Responses route with a Claude": failures.responses_not_for_claude(),
    "chat call to a Responses-only": failures.responses_only("databricks-gpt-5-1-codex-max"),
}


@pytest.mark.parametrize("when", MADE)
def test_failures_say_what_was_recorded(when: str) -> None:
    entry = next(item for item in RECORDED if when in item["when"])
    made = MADE[when]
    assert made.status == entry["status"]
    zero, ours = "00000000-0000-0000-0000-000000000000", failures.REQUEST_ID
    if isinstance(entry["body"], str):
        assert made.body.decode() == entry["body"]
    else:
        assert json.loads(made.body) == json.loads(json.dumps(entry["body"]).replace(zero, ours))


SCRIPTED: dict[str, tuple[Reply, int]] = {
    "html": (failures.html(), 502),
    "empty": (failures.empty(500), 500),
    "external": (failures.external(), 400),
    "login": (failures.login(), 303),
    "login-page": (failures.login_page(), 200),
    "overloaded": (failures.overloaded(), 529),
    "limit-as-400": (failures.rate_limited(status=400), 400),
    "documented": (failures.documented_limit(), 429),
    "twice": (failures.wrapped("x", twice=True), 400),
    "format": (failures.bad_format(), 400),
    "deadline": (failures.deadline(), 504),
    "internal": (failures.internal_error(), 500),
    "guardrail": (failures.guardrail_named(), 400),
    "long": (failures.prompt_too_long(), 400),
}


@pytest.mark.parametrize("name", SCRIPTED)
def test_failures_can_be_steps_of_a_script(name: str) -> None:
    reply, status = SCRIPTED[name]
    with StandIn([reply, say("x")]) as standin:
        seen = ask(standin, CHAT, chat_body())
        assert (seen.status, seen.body) == (status, reply.body)
        assert ask(standin, CHAT, chat_body()).status == 200
        assert standin.refusals == []
