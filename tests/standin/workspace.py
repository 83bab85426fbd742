"""The workspace itself: who may ask, which surfaces exist, which names they know, and what they refuse."""

import base64
import dataclasses
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs

from standin import failures
from standin.answer import Answer, answer
from standin.asked import Asked
from standin.flags import Flags
from standin.ledger import Ledger
from standin.listing import answer_listing, discovery_document
from standin.models import MODELS, Model, find_model
from standin.native import (
    check_native_cap,
    check_native_fields,
    check_native_gemini,
    check_native_responses,
    say_gemini,
    say_responses,
    without_extras,
)
from standin.refusal import Refused, refuse, refuse_with
from standin.replay import replay
from standin.rules_chat import as_anthropic, check_chat
from standin.rules_claude import Claude, check_claude
from standin.say_chat import stream_dialect, stream_openai, whole_dialect, whole_openai
from standin.say_messages import STREAM_HEADERS, stream_messages, whole_message
from standin.script import Player, Scripted, ScriptEnded, Tape, Turn
from standin.service import whole
from standin.wire import Received, Reply, deliver

DEFAULT_MODEL = "claude-sonnet-4-5"
_GEMINI = re.compile(r"/gemini/v1beta/models/([^/:]+):(generateContent|streamGenerateContent)")
_INVOCATIONS = re.compile(r"/serving-endpoints/([^/]+)(?:/served-models/[^/]+)?/invocations")


@dataclass(slots=True)
class Workspace:
    """Answers requests; holds what it has issued. ``clock`` gives seconds, for limits and token lives."""

    flags: Flags
    player: Player
    clock: Callable[[], float]
    ledger: Ledger = field(default_factory=Ledger)
    asked: list[Asked] = field(default_factory=list)
    """The questions that reached the model, in order."""
    surprises: list[str] = field(default_factory=list)
    """What the script was not prepared for."""
    _issued: dict[str, float] = field(default_factory=dict)
    _spent: list[tuple[float, str, int, int]] = field(default_factory=list)

    @property
    def token(self) -> str:
        """What it takes for a credential."""
        return self.flags.token

    def answer(self, received: Received) -> Reply:
        """The reply to one request."""
        try:
            return self._route(received)
        except Refused as refused:
            received.refusal = refused.text
            native = received.path.endswith("/v1/messages") and self.flags.native_errors
            if native and refused.reply.status == 400:
                return failures.native(400, "invalid_request_error", refused.text)
            return refused.reply
        except ScriptEnded as ended:
            self.surprises.append(f"{received.method} {received.target}: {ended}")
            return failures.coded(500, "INTERNAL_ERROR", f"The script has no answer: {ended}")

    def _route(self, received: Received) -> Reply:
        path, flags = received.path.rstrip("/") or "/", self.flags
        if flags.account:
            return failures.login()
        if path == "/oidc/v1/token":
            return self._issue(received)
        if path.startswith(("/.well-known/", "/oidc/.well-known/")):
            return discovery_document(received)
        if flags.plain and path in ("/v1/chat/completions", "/v1/messages"):
            return self._plain(received, path)
        self._authenticate(received)
        if path.startswith("/api/"):
            return answer_listing(received, path, self.flags)
        if path.startswith("/ai-gateway/"):
            return self._gateway(received, path)
        if path.startswith("/serving-endpoints/"):
            return self._serving(received, path)
        return failures.no_such_path()

    # Who asks.

    def _authenticate(self, received: Received) -> None:
        if self.flags.address_blocked:
            refuse_with(failures.ip_blocked())
        scheme, _, value = (received.header("authorization") or "").partition(" ")
        if scheme.lower() == "basic" and self.flags.basic:
            try:
                user, _, value = base64.b64decode(value, validate=True).decode().partition(":")
            except ValueError:
                refuse_with(failures.no_credential())
            if user != "token":
                refuse_with(failures.no_credential())
        elif scheme.lower() != "bearer" or not value:
            refuse_with(failures.no_credential())
        if re.fullmatch(r"[0-9a-f]{64}", value):
            refuse_with(failures.no_credential())
        if value in self.flags.audience:
            refuse_with(failures.other_audience())
        if value in self.flags.expired or self._issued.get(value, 1e18) - self.clock() <= 30:
            refuse_with(failures.expiring_token())
        if value != self.flags.token and value not in self._issued:
            numeric = self.flags.wrong_token == "numeric"
            refuse_with(failures.bad_token() if numeric else failures.invalid_token_text())

    def _issue(self, received: Received) -> Reply:
        wanted = self.flags.client
        given = (received.header("authorization") or "").removeprefix("Basic ")
        form = parse_qs(received.body.decode())
        if wanted is None or base64.b64encode(":".join(wanted).encode()).decode() != given:
            refusal = {"error": "invalid_client", "error_description": "Client authentication failed"}
            return failures.as_json(401, refusal)
        if form.get("grant_type") != ["client_credentials"] or form.get("scope") != ["all-apis"]:
            return failures.as_json(
                400, {"error": "invalid_request", "error_description": "bad grant or scope"}
            )
        token = self._jwt(received)
        self._issued[token] = self.clock() + 3600
        body: dict[str, object] = {
            "access_token": token,
            "scope": "all-apis",
            "token_type": "Bearer",
            "expires_in": 3600,
        }
        return failures.as_json(200, body)

    def _jwt(self, received: Received) -> str:
        """Not to be verified by anybody, and read by nobody but checks of its form."""
        claims = {"iss": f"http://{received.header('host')}/oidc", "jti": self.ledger.token("", 16)}
        parts = [{"alg": "none"}, claims, {"sig": self.ledger.token("", 40)}]
        return ".".join(
            base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts
        )

    # Where.

    def _gateway(self, received: Received, path: str) -> Reply:
        flags = self.flags
        if flags.gateway == "off":
            refuse_with(failures.gateway_absent())
        if flags.gateway == "refused":
            refuse_with(failures.gateway_refused())
        rest = path.removeprefix("/ai-gateway")
        if rest == "/anthropic/v1/models":
            ids = [model.service for model in MODELS if model.family == "claude"]
            data = [{"type": "model", "id": name, "display_name": name} for name in ids]
            return failures.as_json(200, {"data": data, "has_more": False})
        if rest == "/anthropic/v1/messages":
            self._check_native(path)
            return self._messages(received, self._service(_body(received)))
        if rest in ("/mlflow/v1/chat/completions", "/openai/v1/chat/completions"):
            return self._chat(received, self._service(_body(received)))
        if rest in ("/openai/v1/responses", "/codex/v1/responses", "/mlflow/v1/responses"):
            model = self._service(_body(received))
            return self._responses(received, model, anybody=rest.startswith("/mlflow"))
        if (match := _GEMINI.fullmatch(rest)) is not None:
            return self._gemini(received, self._service({"model": match[1]}), match[2])
        return failures.native_path_unsupported(path) if "/anthropic/" in path else failures.no_such_path()

    def _serving(self, received: Received, path: str) -> Reply:
        if path == "/serving-endpoints/anthropic/v1/messages":
            self._check_native(path)
            return self._messages(received, self._endpoint(_body(received).get("model")))
        if path == "/serving-endpoints/chat/completions":
            return self._chat(received, self._endpoint(_body(received).get("model")))
        if path == "/serving-endpoints/responses":
            return self._responses(received, self._endpoint(_body(received).get("model")))
        if (match := _GEMINI.fullmatch(path.removeprefix("/serving-endpoints"))) is not None:
            return self._gemini(received, self._endpoint(match[1]), match[2])
        if (match := _INVOCATIONS.fullmatch(path)) is not None:
            return self._chat(received, self._endpoint(match[1]))
        return failures.no_such_path()

    def _check_native(self, path: str) -> None:
        if self.flags.native == "absent":
            refuse_with(failures.no_such_path())
        if self.flags.native == "unsupported":
            refuse_with(failures.native_path_unsupported(path))

    def _service(self, body: dict[str, object]) -> Model:
        """A model by its name on the gateway."""
        name = str(body.get("model"))
        model = find_model(name)
        if name.startswith("databricks-") and self.flags.v3_only:
            refuse_with(failures.legacy_name_gone(name))
        if model is None or name == model.name:
            refuse_with(failures.no_such_service(name))
        return model

    def _endpoint(self, name: object) -> Model:
        """A model by its name on the serving surface."""
        if name in self.flags.endpoints:
            model = find_model(DEFAULT_MODEL)
            assert model is not None
            return model
        model = find_model(str(name))
        if model is None or name != model.endpoint:
            refuse_with(failures.no_such_endpoint())
        if self.flags.serving == "enforced_off":
            refuse_with(failures.prefer_gateway(model.endpoint))
        return model

    # What.

    def _messages(self, received: Received, model: Model) -> Reply:
        if received.method != "POST":
            return failures.coded(400, "BAD_REQUEST", "Method not allowed")
        if model.family != "claude":
            refuse_with(failures.native_path_unsupported(received.path))
        body = _body(received)
        if self.flags.strict:
            self._check_betas(received)
            check_native_fields(body)
            self._check_size(received, model)
            if body.get("max_tokens") is None:
                refuse("max_tokens: Field required")
            check_native_cap(body, model)
            extras = self.flags.tool_extras
            rules = Claude(model, self.ledger, self.flags.cache_ttl, extras, model.late_system)
            check_claude(without_extras(body) if extras else body, rules)
        asked = Asked("messages", str(body.get("model")), body)
        return self._play(asked, model, received, "bdrk_")

    def _chat(self, received: Received, model: Model) -> Reply:
        body = _body(received)
        if model.responses_only:
            refuse_with(failures.responses_only(model.endpoint))
        if self.flags.strict:
            self._check_size(received, model)
            check_chat(body, model, self.ledger)
            if model.family == "claude":
                check_claude(as_anthropic(body), Claude(model, self.ledger, self.flags.cache_ttl))
        asked = Asked("chat", str(body.get("model", model.endpoint)), body)
        return self._play(asked, model, received, "bdrk_")

    def _responses(self, received: Received, model: Model, *, anybody: bool = False) -> Reply:
        """``anybody``: the gateway's common route, for agents and every maker's models."""
        if self.flags.responses == "absent":
            refuse_with(failures.no_such_path())
        if model.family == "claude" and not anybody:
            refuse_with(failures.responses_not_for_claude())
        if model.family != "gpt" and not anybody:
            refuse_with(failures.native_path_unsupported(received.path))
        body = _body(received)
        items = check_native_responses(body, model, self.ledger) if self.flags.strict else body.get("input")
        self._check_size(received, model)
        asked = Asked("responses", str(body.get("model")), {**body, "input": items})
        return self._play(asked, model, received, "")

    def _gemini(self, received: Received, model: Model, method: str) -> Reply:
        if self.flags.gemini == "absent":
            refuse_with(failures.no_such_path())
        if model.family != "gemini":
            refuse_with(failures.native_path_unsupported(received.path))
        body = _body(received)
        if self.flags.strict:
            check_native_gemini(body, model, self.ledger)
        self._check_size(received, model)
        asked = Asked("gemini", model.endpoint, body, streamed=method == "streamGenerateContent")
        return self._play(asked, model, received, "")

    def _check_betas(self, received: Received) -> None:
        given = [name.strip() for name in (received.header("anthropic-beta") or "").split(",")]
        wrong = [name for name in given if name and name not in self.flags.betas]
        if wrong and self.flags.beta_words == "unnamed":
            refuse("invalid beta flag")
        if wrong:
            names = ", ".join(f"`{name}`" for name in wrong)
            refuse(
                f"Unexpected value(s) {names} for the `anthropic-beta` header. Please consult our documentation "
                "or try again without the header."
            )

    def _check_size(self, received: Received, model: Model) -> None:
        size = len(received.body)
        if size > self.flags.max_body:
            text = f"Request size cannot exceed {self.flags.max_body} bytes."
            refuse_with(failures.coded(413, "BAD_REQUEST", text))
        maximum = self.flags.context or model.context
        if size // 4 > maximum:
            refuse(f"prompt is too long: {size // 4} tokens > {maximum} maximum")
        self._check_minute(received, model)

    def _check_minute(self, received: Received, model: Model) -> None:
        """A sliding minute; the output limit is reserved with ``max_tokens``."""
        if model.name in self.flags.zero_limit:
            refuse_with(failures.limit_of_zero())
        now, body = self.clock(), _body(received)
        limit = body.get("max_tokens") or body.get("max_output_tokens")
        reserved = limit if isinstance(limit, int) else 1000
        self._spent = [entry for entry in self._spent if now - entry[0] < 60]
        mine = [entry for entry in self._spent if entry[1] == model.name]
        size, after, status = len(received.body) // 4, self.flags.retry_after, self.flags.limit_status
        allowed_in, allowed_out = self.flags.input_per_minute, self.flags.output_per_minute
        if allowed_in is not None and sum(entry[2] for entry in mine) + size > allowed_in:
            refuse_with(failures.rate_limited(model.endpoint, retry_after=after, status=status))
        if allowed_out is not None and sum(entry[3] for entry in mine) + reserved > allowed_out:
            what = "output tokens per minute"
            refuse_with(failures.rate_limited(model.endpoint, what=what, retry_after=after, status=status))
        self._spent.append((now, model.name, size, reserved))

    def _settle(self, model: Model, output: int) -> None:
        """What was reserved gives way to what was written."""
        if self._spent and self._spent[-1][1] == model.name:
            at, name, size, _ = self._spent.pop()
            self._spent.append((at, name, size, output))

    def _plain(self, received: Received, path: str) -> Reply:
        body = _body(received)
        surface: Literal["chat", "messages"] = "messages" if path.endswith("messages") else "chat"
        name = str(body.get("model"))
        model = find_model(name) or find_model("gpt-5" if surface == "chat" else DEFAULT_MODEL)
        assert model is not None
        return self._play(Asked(surface, name, body), model, received, "", plain=True)

    # The answer.

    def _play(
        self, asked: Asked, model: Model, received: Received, prefix: str, *, plain: bool = False
    ) -> Reply:
        self.asked.append(asked)
        step: Scripted = self.player.next(asked)
        if isinstance(step, Reply):
            return step
        if isinstance(step, Tape):
            return replay(step)
        return self._say(step, asked, model, prefix, plain)

    def _say(self, turn: Turn, asked: Asked, model: Model, prefix: str, plain: bool) -> Reply:
        made = answer(turn, asked, model, self.ledger, prefix)
        made = dataclasses.replace(made, cache_inside=self.flags.cache_inside)
        self._settle(model, made.output)
        delivery = turn.delivery
        if asked.surface == "responses":
            return say_responses(made, asked.body, self.ledger, delivery, stream=asked.stream)
        if asked.surface == "gemini":
            return say_gemini(made, self.ledger, delivery, stream=asked.stream)
        if not asked.stream:
            return whole(_whole_body(made, asked, plain), delivery)
        events: Iterable[bytes]
        if asked.surface == "messages":
            events = stream_messages(made, bedrock=not plain)
        elif plain:
            options = asked.body.get("stream_options")
            events = stream_openai(
                made, usage=isinstance(options, dict) and options.get("include_usage") is True
            )
        else:
            events = stream_dialect(made, bare=delivery.bare, done=delivery.done)
        return deliver(list(events), delivery, STREAM_HEADERS)


def _body(received: Received) -> dict[str, object]:
    try:
        body = json.loads(received.body)
    except ValueError:
        refuse_with(failures.plain(400, "Bad request: invalid character in JSON body"))
    if not isinstance(body, dict):
        refuse_with(failures.plain(400, "Bad request: json: cannot unmarshal into Go value"))
    return body


def _whole_body(made: Answer, asked: Asked, plain: bool) -> dict[str, object]:
    if asked.surface == "messages":
        return whole_message(made, bedrock=not plain)
    return whole_openai(made) if plain else whole_dialect(made)
