"""Google's Gemini API, as strict as the real one on what a gateway can get wrong."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs

from standin.answer import answer
from standin.asked import Asked
from standin.failures import as_json
from standin.google_words import google_error, refuse
from standin.models import Model
from standin.refusal import Refused
from standin.rules_gemini import Gemini, check_gemini
from standin.say_gemini import ARRAY, EVENTS, parts_of, stream_gemini, whole_gemini
from standin.service import Vendor, whole
from standin.wire import Received, Reply, deliver

Json = Mapping[str, object]
_CALL = re.compile(r"/v1(?:beta)?/(?:models|tunedModels)/([^/:]+):(\w+)")
_VERTEX = re.compile(
    r"/v1(?:beta1)?/projects/[^/]+/locations/[^/]+/publishers/google/models/([^/:]+):(\w+)"
)
_KNOWN = re.compile(r"gemini-(\d)[a-z0-9.-]*")
LISTED = ("gemini-3.1-pro-preview", "gemini-2.5-pro", "gemini-2.5-flash")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleFlags:
    """What kind of service this is. The defaults: the Developer API."""

    key: str = "AIza-stand-in"
    every_turn: bool = False
    """Wants the signatures of all turns, not of the current one alone: stricter than the real one."""
    alternate: bool = False
    """Wants roles to alternate: stricter than the real one, which takes neighbours as one turn."""


@dataclass
class Google(Vendor):
    """See :class:`GoogleFlags`."""

    flags: GoogleFlags = field(default_factory=GoogleFlags)

    @property
    def token(self) -> str:
        """The key it takes."""
        return self.flags.key

    def broken(self, text: str) -> Reply:
        """A server error in Google's shape."""
        return google_error(500, "INTERNAL", text)

    def route(self, received: Received) -> Reply:
        """The Developer API's paths and Vertex'."""
        self._authenticate(received)
        path = received.path
        if received.method == "GET" and path in ("/v1beta/models", "/v1/models"):
            listed = [{"name": f"models/{name}", "displayName": name} for name in LISTED]
            return as_json(200, {"models": listed})
        found = _CALL.fullmatch(path) or _VERTEX.fullmatch(path)
        if found is None or received.method != "POST":
            refuse("Requested entity was not found.", 404, "NOT_FOUND")
        name, method = found[1], found[2]
        known = _KNOWN.fullmatch(name)
        if known is None or method not in ("generateContent", "streamGenerateContent", "countTokens"):
            refuse(
                f"models/{name} is not found for API version v1beta, or is not supported for {method}. Call "
                "ModelService.ListModels to see the list of available models and their supported methods.",
                404,
                "NOT_FOUND",
            )
        body = _body(received)
        if method == "countTokens":
            return as_json(200, {"totalTokens": len(received.body) // 4})
        new = int(known[1]) >= 3
        rules = Gemini(name, self.ledger, new, new, self.flags.every_turn, self.flags.alternate)
        check_gemini(body, rules)
        return self._answer(body, name, received, stream=method == "streamGenerateContent", new=new)

    def _authenticate(self, received: Received) -> None:
        bearer = (received.header("authorization") or "").removeprefix("Bearer ")
        query = parse_qs(received.query).get("key", [""])[0]
        if self.token not in (received.header("x-goog-api-key"), bearer, query):
            text = "API key not valid. Please pass a valid API key."
            detail: dict[str, object] = {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            }
            raise Refused(google_error(400, "INVALID_ARGUMENT", text, [detail]), text)

    def _answer(self, body: Json, name: str, received: Received, *, stream: bool, new: bool) -> Reply:
        asked = Asked("gemini", name, body, streamed=stream)
        step = self.scripted(asked)
        if isinstance(step, Reply):
            return step
        made = answer(step, asked, Model(name, "gemini", name), self.ledger, "")
        parts = parts_of(made, self.ledger, signed=new, ids=new)
        if not stream:
            return whole(whole_gemini(made, parts), step.delivery)
        form: Literal["events", "array"] = "events" if "alt=sse" in received.query else "array"
        headers = EVENTS if form == "events" else ARRAY
        return deliver(list(stream_gemini(made, parts, form)), step.delivery, headers)


def _body(received: Received) -> dict[str, object]:
    try:
        body = json.loads(received.body)
    except ValueError:
        refuse("Invalid JSON payload received. Unexpected token.")
    if not isinstance(body, dict):
        refuse("Invalid JSON payload received. Expected an object.")
    return body
