"""The stand-in workspace against the checklist of databricks.md 9: each of its items is a row here, by its number and
its words. The rules themselves have their own tests beside this one."""

import base64
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from standin import (
    Call,
    Delivery,
    Flags,
    Pause,
    Received,
    Reply,
    Script,
    Tape,
    Think,
    Tokens,
    failures,
    say,
    turn,
    use,
)
from standin.script import FIXTURES, Player
from standin.workspace import Workspace
from upstream.test_library import install_cli

SONNET = "claude-sonnet-4-5"
SERVING, GATEWAY = "/serving-endpoints", "/ai-gateway"
CHAT, GATEWAY_CHAT = f"{SERVING}/chat/completions", f"{GATEWAY}/mlflow/v1/chat/completions"
MESSAGES, GATEWAY_MESSAGES = f"{SERVING}/anthropic/v1/messages", f"{GATEWAY}/anthropic/v1/messages"
RESPONSES, GEMINI = f"{SERVING}/responses", f"{SERVING}/gemini/v1beta/models/databricks-gemini-3-1-pro"
LISTING = "/api/2.0/serving-endpoints"
SERVICES = "/api/2.1/unity-catalog/model-services"
USER = {"role": "user", "content": "Hi"}
FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {}}}


@dataclass
class Asker:
    """A workspace without a socket."""

    workspace: Workspace

    def __call__(
        self,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        given = {"authorization": f"Bearer {token or self.workspace.token}", "host": "h"} | dict(
            headers or {}
        )
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        method = "GET" if body is None else "POST"
        return self.workspace.answer(Received(method, path, tuple(given.items()), data, 1, 0.0))


def made(script: Script = (), clock: Callable[[], float] = lambda: 0.0, **flags: object) -> Asker:
    chosen = script or (lambda _: say("Fine."))
    return Asker(Workspace(Flags(**flags), Player(chosen), clock))  # type: ignore[arg-type]


def chat(model: str = f"databricks-{SONNET}", **more: object) -> dict[str, object]:
    return {"model": model, "max_tokens": 100, "messages": [USER], **more}


def words(reply: Reply, status: int, *texts: str) -> None:
    said = reply.body.decode()
    assert reply.status == status, said
    assert all(text in said for text in texts), said


def fine(reply: Reply) -> str:
    assert reply.status == 200, reply.body
    return reply.body.decode()


# 1. Surfaces.


def both_surfaces() -> None:
    ask = made()
    fine(ask(CHAT, chat()))
    fine(ask(MESSAGES, chat()))
    fine(ask(f"{SERVING}/databricks-{SONNET}/invocations", chat("ignored")))
    fine(ask(GATEWAY_CHAT, chat(f"system.ai.{SONNET}")))
    fine(ask(GATEWAY_MESSAGES, chat(f"system.ai.{SONNET}")))


def gateway_off() -> None:
    words(made(gateway="off")(GATEWAY_CHAT, chat(f"system.ai.{SONNET}")), 404, "FEATURE_DISABLED")


def serving_enforced_off() -> None:
    words(made(serving="enforced_off")(CHAT, chat()), 403, "Please use Unity Gateway.")


def new_names_only() -> None:
    words(made(v3_only=True)(GATEWAY_CHAT, chat()), 501, "Use Unity Catalog model services (v3).")


# 2. Authentication.


def bearer_and_basic() -> None:
    ask = made()
    basic = base64.b64encode(f"token:{ask.workspace.token}".encode()).decode()
    fine(ask(CHAT, chat(), headers={"authorization": f"Basic {basic}"}))
    words(
        ask(CHAT, chat(), headers={"authorization": ""}), 401, '"error_code":401', "Credential was not sent"
    )


def jwt_that_ends() -> None:
    now = [0.0]
    ask = made(clock=lambda: now[0], client=("id", "secret"))
    pair = base64.b64encode(b"id:secret").decode()
    form = b"grant_type=client_credentials&scope=all-apis"
    issued = json.loads(fine(ask("/oidc/v1/token", form, headers={"authorization": f"Basic {pair}"})))
    assert (issued["expires_in"], issued["access_token"].count(".")) == (3600, 2)
    fine(ask(CHAT, chat(), token=issued["access_token"]))
    now[0] = 3575.0
    words(ask(CHAT, chat(), token=issued["access_token"]), 403, "Token is expiring within 30 seconds.")
    wrong = {"authorization": f"Basic {base64.b64encode(b'id:no').decode()}"}
    words(ask("/oidc/v1/token", form, headers=wrong), 401, "invalid_client")


def numbers_and_text() -> None:
    words(made()(CHAT, chat(), token="dapi-other"), 403, '"error_code":403', "Invalid access token.")
    assert made(wrong_token="text")(CHAT, chat(), token="no").body == b"Invalid Token"


def address_and_audience() -> None:
    words(made(address_blocked=True)(CHAT, chat()), 403, "is blocked by Databricks IP ACL")
    words(made(audience=frozenset({"entra"}))(CHAT, chat(), token="entra"), 400, "Expected aud claim to be")


def documents() -> None:
    ask = made()
    assert json.loads(fine(ask("/.well-known/databricks-config")))["oidc_endpoint"] == "http://h/oidc"
    oidc = json.loads(fine(ask("/oidc/.well-known/oauth-authorization-server")))
    assert oidc["token_endpoint"] == "http://h/oidc/v1/token"


def fake_cli(tmp_path: Path) -> None:
    install_cli(tmp_path / "bin", "tok")
    said = subprocess.run(
        [str(tmp_path / "bin" / "databricks"), "auth", "token", "--host", "h"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(said.stdout)["access_token"] == "tok"


# 3. Strictness.


def unknown_fields() -> None:
    words(made()(CHAT, chat("databricks-gpt-5", store=False)), 400, 'json: unknown field \\"store\\"')
    words(made()(MESSAGES, chat(store=False)), 400, "store: Extra inputs are not permitted")


def caps() -> None:
    words(
        made()(CHAT, chat("databricks-meta-llama-3-3-70b-instruct", max_tokens=9000)),
        400,
        "cannot exceed 8192",
    )


def structured_streams_and_strict() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    words(
        made()(CHAT, chat(response_format=form, stream=True)), 400, "not currently supported with streaming"
    )
    strict = [{"type": "function", "function": {**FUNCTION, "strict": True}}]
    words(made()(CHAT, chat(tools=strict)), 400, "strict: Extra inputs are not permitted")


def contents() -> None:
    words(made()(CHAT, chat(messages=[{"role": "user", "content": ""}])), 400, "must be non-empty")
    orphan = [USER, {"role": "tool", "tool_call_id": "toolu_1", "content": "x"}]
    words(made()(CHAT, chat(messages=orphan)), 400, "unexpected `tool_use_id` found in `tool_result`")
    prefill = [USER, {"role": "assistant", "content": "W"}]
    words(
        made()(CHAT, chat("databricks-claude-opus-4-8", messages=prefill)), 400, "assistant message prefill"
    )


def thinking_by_model() -> None:
    budget, adaptive = {"type": "enabled", "budget_tokens": 1024}, {"type": "adaptive"}
    old = chat(max_tokens=4000, thinking=adaptive)
    words(made()(MESSAGES, old), 400, "adaptive thinking is not supported on this model")
    new = chat("databricks-claude-opus-4-8", max_tokens=4000, thinking=budget)
    words(made()(MESSAGES, new), 400, "thinking.type.enabled")


def betas() -> None:
    beta = {"anthropic-beta": "context-management-2025-06-27"}
    words(
        made()(MESSAGES, chat(), headers=beta), 400, "Unexpected value(s) `context-management-2025-06-27`"
    )
    words(made(beta_words="unnamed")(MESSAGES, chat(), headers=beta), 400, "invalid beta flag")


def long_ids() -> None:
    item = {
        "type": "message",
        "role": "assistant",
        "id": "x" * 65,
        "content": [{"type": "output_text", "text": "a"}],
    }
    body = {"model": "databricks-gpt-5-5", "input": [{"role": "user", "content": "x"}, item]}
    words(made()(RESPONSES, body), 400, "Expected a string with maximum length 64")


def thirty_two_tools() -> None:
    tools = [{"type": "function", "function": {**FUNCTION, "name": f"f{n}"}} for n in range(33)]
    words(made()(CHAT, chat("databricks-gpt-oss-120b", tools=tools)), 400, "32")
    fine(made()(CHAT, chat(tools=tools)))


# 4. Streams.


def every_recorded_stream() -> None:
    tapes = [*FIXTURES.glob("*.sse"), *FIXTURES.glob("constructed/*.sse")]
    assert len(tapes) >= 13
    for tape in tapes:
        whole = made([Tape(tape)])(CHAT, chat(stream=True))
        for size in (1, 7, 64):  # inside of characters and of line ends alike
            delivery = Delivery(chunk=size, crlf=True)
            cut = made([Tape(tape, delivery=delivery)])(CHAT, chat(stream=True))
            assert cut.body.replace(b"\r\n", b"\n") == whole.body.replace(b"\r\n", b"\n"), tape
            assert max(len(step) for step in cut.steps if isinstance(step, bytes)) <= size


def delays_and_silence() -> None:
    reply = made([say("A few words.", delivery=Delivery(before=1.0, pause=0.5))])(CHAT, chat(stream=True))
    assert reply.before == 1.0
    assert Pause(0.5) in reply.steps
    silent = made([say("A few words.", delivery=Delivery(silence=(1, 180.0)))])(CHAT, chat(stream=True))
    assert silent.steps.index(Pause(180.0)) == 1


def ends_that_are_none() -> None:
    def stream(**delivery: object) -> Reply:
        return made([say("A few words.", delivery=Delivery(**delivery))])(CHAT, chat(stream=True))  # type: ignore[arg-type]

    assert b"[DONE]" not in stream(done=False).body
    assert stream(after=1, end="cut").end == "cut"
    error = b'{"error_code":"INTERNAL_ERROR","message":"gone"}'
    assert stream(error=(1, error)).body.endswith(b"data: " + error + b"\n\n")
    bare = json.loads(stream(bare=True).body.split(b"\n\n")[0].removeprefix(b"data: "))
    assert not {"id", "object", "created"} & bare.keys()
    assert "index" not in bare["choices"][0]
    assert b"\r\n\r\n" in stream(crlf=True).body
    assert b": keep-alive" in stream(comments=True).body


# 5. Limits.


def minutes() -> None:
    for after, status in ((None, 429), ("7", 429), (None, 400)):
        now = [0.0]
        ask = made(
            clock=lambda now=now: now[0], output_per_minute=150, retry_after=after, limit_status=status
        )  # type: ignore[misc]
        fine(ask(CHAT, chat()))
        refused = ask(CHAT, chat(max_tokens=200))
        words(refused, status, "Exceeded workspace output tokens per minute")
        assert dict(refused.headers).get("retry-after") == after
        now[0] = 61.0
        fine(ask(CHAT, chat()))


def limit_of_zero() -> None:
    words(made(zero_limit=frozenset({SONNET}))(CHAT, chat()), 403, "Databricks-set rate limit of 0")


def unavailability() -> None:
    words(made([failures.unavailable()])(CHAT, chat()), 503, "TEMPORARILY_UNAVAILABLE")
    words(made([failures.html()])(CHAT, chat()), 502, "<html>")
    account = made(account=True)(CHAT, chat())
    assert (account.status, dict(account.headers)["location"]) == (303, "/login")
    words(made(slow_above=5)(f"{SERVICES}?page_size=100"), 499, "CANCELLED")
    fine(made(slow_above=5)(f"{SERVICES}?page_size=5"))


# 6. Discovery.


def lists() -> None:
    names = [one["name"] for one in json.loads(fine(made(endpoints=("mine",))(LISTING)))["endpoints"]]
    assert f"databricks-{SONNET}" in names
    assert "mine" in names
    recorded = fine(made(listing="recorded")(LISTING))
    assert recorded == (FIXTURES / "serving-endpoints-list.json").read_text()
    words(made(listing="forbidden")(LISTING), 403, "PERMISSION_DENIED")
    words(made()(f"{SERVING}/models"), 404, "Path must be of form")


def pages() -> None:
    ask = made()
    first = json.loads(fine(ask(SERVICES)))
    assert first == {"model_services": [], "next_page_token": "0"}
    second = json.loads(fine(ask(f"{SERVICES}?page_token=0")))
    assert second["model_services"][0]["name"].startswith("model-services/system.ai.")
    assert second["next_page_token"]
    assert json.loads(fine(made(null_pages=True)(SERVICES))) == {"model_services": None}


# 7. Native routes.


def bedrock_metrics() -> None:
    said = fine(made()(MESSAGES, chat(stream=True)))
    assert "amazon-bedrock-invocationMetrics" in said
    assert "msg_bdrk_" in said


def changing_ids() -> None:
    for path, model in (
        (RESPONSES, "databricks-gpt-5-5"),
        (f"{GATEWAY}/codex/v1/responses", "system.ai.gpt-5-5"),
    ):
        said = fine(made([use("f", a=1)])(path, {"model": model, "input": "x", "stream": True}))
        data = [json.loads(line[6:]) for line in said.splitlines() if line.startswith("data: ")]
        ids = [event["item_id"] for event in data if "item_id" in event]
        assert len(ids) == len(set(ids)) > 1
        assert min(map(len, ids)) > 64
    anybody = made()(f"{GATEWAY}/mlflow/v1/responses", {"model": f"system.ai.{SONNET}", "input": "x"})
    assert "input_tokens_details" not in fine(anybody)
    words(
        made()(RESPONSES, {"model": f"databricks-{SONNET}", "input": "x"}),
        400,
        "Native_api_type=openai/v1/responses",
    )


def gemini_signatures() -> None:
    ask = made([turn(Think("hm"), Call("f", {"a": 1})), say("Done.")])
    tools = [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}]
    first = [{"role": "user", "parts": [{"text": "x"}]}]
    answered = json.loads(fine(ask(f"{GEMINI}:generateContent", {"contents": first, "tools": tools})))
    content = answered["candidates"][0]["content"]
    call = next(part["functionCall"] for part in content["parts"] if "functionCall" in part)
    result = {"functionResponse": {"name": "f", "id": call["id"], "response": {"ok": True}}}

    def again(parts: list[dict[str, object]]) -> Reply:
        turns = [*first, {"role": "model", "parts": parts}, {"role": "user", "parts": [result]}]
        return ask(f"{GEMINI}:streamGenerateContent?alt=sse", {"contents": turns, "tools": tools})

    bare = [
        {key: value for key, value in part.items() if key != "thoughtSignature"}
        for part in content["parts"]
    ]
    words(again(bare), 400, "missing a thought_signature")
    assert "Done." in fine(again(content["parts"]))


# 8. Guardrails and usage.


def guardrails() -> None:
    words(made([failures.guardrail_block()])(CHAT, chat()), 400, "input_guardrail")
    words(
        made([failures.guardrail_named()])(CHAT, chat()),
        400,
        "Request blocked by input guardrail 'no-secrets'",
    )


def cache_in_usage() -> None:
    tokens = Tokens(input=3, output=4, cache_read=4570)
    for inside, prompt in ((True, 4573), (False, 3)):
        usage = json.loads(fine(made([say("x", tokens=tokens)], cache_inside=inside)(CHAT, chat())))[
            "usage"
        ]
        assert (usage["prompt_tokens"], usage["cache_read_input_tokens"]) == (prompt, 4570)


CHECKLIST: dict[str, Callable[..., None]] = {
    "1 two surfaces on one port": both_surfaces,
    "1 flag: gateway off": gateway_off,
    "1 flag: serving enforced off": serving_enforced_off,
    "1 flag: v3-only names": new_names_only,
    "2 Bearer PAT, Basic form": bearer_and_basic,
    "2 JWT with expiry, /oidc/v1/token with Basic client auth": jwt_that_ends,
    "2 numeric-code 401/403, plain Invalid Token": numbers_and_text,
    "2 IP block, audience error": address_and_audience,
    "2 discovery documents": documents,
    "2 a fake databricks executable printing tokens": fake_cli,
    "3 strict unknown-field check per family with both wordings": unknown_fields,
    "3 caps on max_tokens": caps,
    "3 structured+stream; strict": structured_streams_and_strict,
    "3 empty content; orphan results; prefill": contents,
    "3 thinking form by model": thinking_by_model,
    "3 beta header list": betas,
    "3 64-char ids": long_ids,
    "3 32 tools for open models": thirty_two_tools,
    "4 every file, chosen chunk boundaries, CRLF": every_recorded_stream,
    "4 delays, silence of minutes": delays_and_silence,
    "4 cut without [DONE], error in mid-stream, missing id/object/created/index": ends_that_are_none,
    "5 token-minute windows with reservation, with and without Retry-After, 429-as-400": minutes,
    "5 limit 0": limit_of_zero,
    "5 503, 499 on big pages, 303 to /login, HTML 502": unavailability,
    "6 listing file, 403 on listing, /models -> 404": lists,
    "6 model services with paging, empty first page": pages,
    "7 native Messages with Bedrock metrics": bedrock_metrics,
    "7 Responses with changing ids": changing_ids,
    "7 Gemini signatures checked on return": gemini_signatures,
    "8 guardrail block": guardrails,
    "8 usage with cache inside prompt_tokens and outside": cache_in_usage,
}


@pytest.mark.parametrize("item", CHECKLIST)
def test_the_workspace_does_it(item: str, tmp_path: Path) -> None:
    check = CHECKLIST[item]
    if check is fake_cli:
        check(tmp_path)
    else:
        check()
