"""OpenAI's own service: Responses and Chat, as strict as the real one on what a gateway can get wrong."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from standin.answer import answer
from standin.asked import Asked
from standin.failures import as_json
from standin.models import Model
from standin.openai_words import openai_error, refuse, unknown
from standin.rules_items import check_items
from standin.rules_openai_chat import check_openai_chat
from standin.rules_responses import ENCRYPTED, check_responses
from standin.say_chat import stream_openai, whole_openai
from standin.say_messages import STREAM_HEADERS
from standin.say_responses import ended, speak, stream_responses
from standin.service import Vendor, whole
from standin.wire import Received, Reply, deliver

Json = Mapping[str, object]
_NAME = re.compile(r"(ft:)?(gpt|chatgpt|codex|o\d)[a-z0-9.:-]*")
_REASONS = re.compile(r"(gpt-[5-9]|codex|o\d)")
_STORED = re.compile(r"/responses/(resp_\w+)(/input_items)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIFlags:
    """What kind of service this is. The defaults: OpenAI's own."""

    key: str = "sk-stand-in"
    models: frozenset[str] = frozenset()
    """Names it has beside OpenAI's own."""
    stateless: bool = False
    """Refuses everything that would have to be remembered, as Databricks does."""
    chat_reasoning: Literal["none", "shown", "required", "signed"] = "none"
    """Chat: thinking is hidden; shown; wanted back with its calls; or signed and checked (OpenRouter)."""


@dataclass
class OpenAI(Vendor):
    """See :class:`OpenAIFlags`."""

    flags: OpenAIFlags = field(default_factory=OpenAIFlags)
    _responses: dict[str, dict[str, object]] = field(default_factory=dict)
    _conversations: dict[str, list[Json]] = field(default_factory=dict)
    _items: dict[str, Json] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """The key it takes."""
        return self.flags.key

    def broken(self, text: str) -> Reply:
        """A server error in OpenAI's shape."""
        return openai_error(500, text, kind="server_error")

    def route(self, received: Received) -> Reply:
        """Paths with or without ``/v1``."""
        path = received.path.removeprefix("/v1").rstrip("/")
        given = (received.header("authorization") or "").removeprefix("Bearer ")
        if given != self.token:
            text = f"Incorrect API key provided: {given[:4]}***. You can find your API key at your account's page."
            refuse(text, None, "invalid_api_key", 401)
        if path == "/models":
            listed = [
                {"id": name, "object": "model", "owned_by": "openai"} for name in ("gpt-5.5", "gpt-5")
            ]
            return as_json(200, {"object": "list", "data": listed})
        if (found := _STORED.fullmatch(path)) is not None:
            return self._recall(received, found[1], items=found[2] is not None)
        if received.method == "POST" and path == "/responses":
            return self._answer_responses(_body(received))
        if received.method != "POST" or path != "/chat/completions":
            refuse(f"Invalid URL ({received.method} {received.target})", status=404)
        return self._answer_chat(_body(received))

    def _model(self, body: Json) -> Model:
        name = body.get("model")
        if not isinstance(name, str) or not name:
            refuse("you must provide a model parameter")
        if name not in self.flags.models and not _NAME.fullmatch(name):
            text = f"The requested model '{name}' does not exist."
            refuse(text, "model", "model_not_found")
        return Model(name, "gpt", f"{name}-2026-05-01", 128_000, 400_000)

    # Responses.

    def _answer_responses(self, body: dict[str, object]) -> Reply:
        model = self._model(body)
        check_responses(body, reasons=_REASONS.match(model.name) is not None)
        if self.flags.stateless:
            _check_stateless(body)
        items = self._conversation(body)
        check_items(items, model.name, self.ledger, self._items)
        asked = Asked("responses", model.name, {**body, "input": items})
        step = self.scripted(asked)
        if isinstance(step, Reply):
            return step
        made = answer(step, asked, model, self.ledger, "")
        include = body.get("include")
        sealed = isinstance(include, list) and ENCRYPTED in include
        spoken = speak(made, body, self.ledger, sealed=sealed)
        done = ended(spoken, made)
        if body.get("store") is not False and not self.flags.stateless:
            self._responses[str(done["id"])] = done
            self._conversations[str(done["id"])] = [*items, *spoken.items]
            self._items.update((str(item["id"]), item) for item in spoken.items)
        if asked.stream:
            return deliver(list(stream_responses(spoken, made)), step.delivery, STREAM_HEADERS)
        return whole(done, step.delivery)

    def _conversation(self, body: Json) -> list[Json]:
        """All items, those the service remembers first."""
        given = body.get("input", [])
        items = [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else given
        assert isinstance(items, list)
        before = body.get("previous_response_id")
        if before is None:
            return items
        if before not in self._conversations:
            text = f"Previous response with id '{before}' not found."
            refuse(text, "previous_response_id", "previous_response_not_found")
        return [*self._conversations[str(before)], *items]

    def _recall(self, received: Received, ident: str, *, items: bool) -> Reply:
        if ident not in self._responses:
            refuse(f"Response with id '{ident}' not found.", status=404)
        if received.method == "DELETE":
            del self._responses[ident], self._conversations[ident]
            return as_json(200, {"id": ident, "object": "response", "deleted": True})
        if items:
            return as_json(200, {"object": "list", "data": self._conversations[ident], "has_more": False})
        return as_json(200, self._responses[ident])

    # Chat.

    def _answer_chat(self, body: dict[str, object]) -> Reply:
        model, reasoning = self._model(body), self.flags.chat_reasoning
        reasons = _REASONS.match(model.name) is not None
        check_openai_chat(body, model.name, self.ledger, reasons=reasons, reasoning=reasoning)
        asked = Asked("chat", model.name, body)
        step = self.scripted(asked)
        if isinstance(step, Reply):
            return step
        made = answer(step, asked, model, self.ledger, "")
        spelling: Literal["none", "content", "details"] = "content"
        if reasoning in ("none", "signed"):
            spelling = "none" if reasoning == "none" else "details"
        if not asked.stream:
            return whole(whole_openai(made, spelling), step.delivery)
        options = body.get("stream_options")
        usage = isinstance(options, dict) and options.get("include_usage") is True
        events = list(stream_openai(made, usage=usage, reasoning=spelling))
        return deliver(events, step.delivery, STREAM_HEADERS)


def _body(received: Received) -> dict[str, object]:
    try:
        body = json.loads(received.body)
    except ValueError:
        refuse("We could not parse the JSON body of your request.")
    if not isinstance(body, dict):
        refuse("We could not parse the JSON body of your request: expected an object.")
    return body


def _check_stateless(body: Json) -> None:
    for name in ("background", "previous_response_id", "conversation"):
        if body.get(name):
            unknown(name)
    if body.get("store") is True:
        refuse("store: true is not supported.", "store")
