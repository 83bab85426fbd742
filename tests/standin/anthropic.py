"""Anthropic's own service: the validator that stands behind a workspace too, with its own front."""

import json
from dataclasses import dataclass, field

from standin.answer import answer
from standin.asked import Asked
from standin.failures import as_json, native
from standin.models import MODELS, Model, find_model
from standin.refusal import Refused
from standin.rules_claude import Claude, check_claude
from standin.say_messages import STREAM_HEADERS, stream_messages, whole_message
from standin.service import Vendor, whole
from standin.wire import Received, Reply, deliver

_FIELDS = frozenset({
    "model", "messages", "max_tokens", "system", "stop_sequences", "stream", "temperature", "top_p", "top_k",
    "tools", "tool_choice", "thinking", "metadata", "output_config", "service_tier", "context_management",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AnthropicFlags:
    """What kind of service this is."""

    key: str = "sk-ant-stand-in"
    server_tools: bool = True
    """Runs its own server tools; False: a compatible service, which refuses them."""


@dataclass
class Anthropic(Vendor):
    """See :class:`AnthropicFlags`."""

    flags: AnthropicFlags = field(default_factory=AnthropicFlags)

    @property
    def token(self) -> str:
        """The key it takes."""
        return self.flags.key

    def broken(self, text: str) -> Reply:
        """A server error in Anthropic's shape."""
        return native(500, "api_error", text)

    def answer(self, received: Received) -> Reply:
        """The reply to one request; the validator's refusals in Anthropic's own shape."""
        reply = super().answer(received)
        if received.refusal is not None and reply.status == 400:
            return native(400, "invalid_request_error", received.refusal)
        return reply

    def route(self, received: Received) -> Reply:
        """``/v1/...``."""
        path = received.path.removeprefix("/v1").rstrip("/")
        bearer = (received.header("authorization") or "").removeprefix("Bearer ")
        if self.token not in (received.header("x-api-key"), bearer):
            raise Refused(native(401, "authentication_error", "invalid x-api-key"), "invalid x-api-key")
        if path == "/models":
            listed = [{"type": "model", "id": one.name, "display_name": one.name} for one in MODELS[:14]]
            return as_json(200, {"data": listed, "has_more": False})
        if path not in ("/messages", "/messages/count_tokens") or received.method != "POST":
            raise Refused(native(404, "not_found_error", "Not found"), "Not found")
        body = _body(received)
        model = find_model(str(body.get("model")))
        if model is None or model.family != "claude":
            text = f"model: {body.get('model')}"
            raise Refused(native(404, "not_found_error", text), text)
        if path.endswith("count_tokens"):
            return as_json(200, {"input_tokens": len(received.body) // 4})
        return self._answer(body, model)

    def _answer(self, body: dict[str, object], model: Model) -> Reply:
        _check_fields(body, model)
        check_claude(
            body,
            Claude(
                model,
                self.ledger,
                tool_references=True,
                late_system=model.late_system,
                server_tools=self.flags.server_tools,
            ),
        )
        asked = Asked("messages", str(body["model"]), body)
        step = self.scripted(asked)
        if isinstance(step, Reply):
            return step
        made = answer(step, asked, model, self.ledger, "")
        if asked.stream:
            return deliver(list(stream_messages(made, bedrock=False)), step.delivery, STREAM_HEADERS)
        return whole(whole_message(made, bedrock=False), step.delivery)


def _refused(text: str) -> Refused:
    return Refused(native(400, "invalid_request_error", text), text)


def _check_fields(body: dict[str, object], model: Model) -> None:
    for name in body:
        if name not in _FIELDS:
            raise _refused(f"{name}: Extra inputs are not permitted")
    limit = body.get("max_tokens")
    if not isinstance(limit, int):
        raise _refused("max_tokens: Field required")
    if limit > model.max_output:
        raise _refused(
            f"max_tokens: {limit} > {model.max_output}, which is the maximum allowed number of output tokens for "
            f"{model.name}"
        )


def _body(received: Received) -> dict[str, object]:
    try:
        body = json.loads(received.body)
    except ValueError as error:
        raise _refused("The request body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise _refused("Input should be an object")
    return body
