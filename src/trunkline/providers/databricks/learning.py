"""What a refusal by Databricks teaches beyond its form: another surface, or another protocol (databricks.md 1.6, 3.9)."""

import re
from typing import Final

from msgspec import structs

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.facts import Facts
from trunkline.protocols.cursor import NAME as CURSOR
from trunkline.providers.databricks.bridge import BRIDGE
from trunkline.providers.databricks.place import form_of
from trunkline.providers.databricks.surfaces import FLIP, OTHER_PROTOCOL
from trunkline.providers.learning import learn_from, text_of
from trunkline.providers.provider import Lesson, Relearned, Surface, Switched

_TO_GATEWAY: Final = re.compile(r"Please use Unity Gateway|Use Unity Catalog model services", re.IGNORECASE)
_TO_SERVING: Final = re.compile(
    r"FEATURE_DISABLED|AI Gateway .{0,60}is not available|AI Gateway legacy endpoint", re.IGNORECASE
)
_OUTPUT_LIMIT: Final = re.compile(r"output tokens per minute|output_tokens_per_minute", re.IGNORECASE)
FITTING_OUTPUT: Final = 16_384
"""Output tokens that fit into the usual minute of 20,000; coding agents ask for 32,000 and more (databricks.md 5.4)."""
_NO_SUCH_PROTOCOL: Final = re.compile(
    r"Unsupported native API path|Native_api_type=\S+ is not supported|not enabled for this (?:API|route)",
    re.IGNORECASE,
)
_ONLY_RESPONSES: Final = re.compile(
    r"only supports? the Responses API|/serving-endpoints/responses instead", re.IGNORECASE
)
_NO_SUCH_PATH: Final = re.compile(r"Path must be of form", re.IGNORECASE)
"""Serving read the path's first part as an endpoint's name: this workspace lacks the route, not the model."""
_NO_SUCH_NAME: Final = re.compile(
    r"ENDPOINT_NOT_FOUND|RESOURCE_DOES_NOT_EXIST|does not exist|Path must be of form|No API found",
    re.IGNORECASE,
)
_OTHER_FORM: Final = {
    "bridge_chat": re.compile(
        r"'messages'|\bRequired parameter: 'input'|parameter: 'input'", re.IGNORECASE
    ),
    "bridge_cursor": re.compile(
        r"\bmessages\b.{0,40}required|'messages' is a required|\binput: Extra inputs|'input'", re.IGNORECASE
    ),
}
"""How a path that takes ``input`` refuses ``messages``, and the other way round (7.1)."""
_NO_API: Final = re.compile(r"No API found", re.IGNORECASE)
_NO_ROUTE: Final = frozenset({404, 405, 501})
"""What a route that is not there is answered with, whatever the words."""
_NEVER: Final = frozenset({
    Kind.RATE_LIMITED, Kind.QUOTA, Kind.AUTHENTICATION, Kind.OVERLOADED, Kind.TIMEOUT, Kind.CONTEXT_TOO_LONG,
    Kind.UNREACHABLE, Kind.TRUNCATED, Kind.TOO_LARGE,
})  # fmt: skip


def learn(surface: Surface, error: GatewayError, offered: frozenset[str]) -> Lesson | None:
    """The lesson of a refusal; ``offered`` are the surfaces this deployment has.

    Never changes the surface for a limit, a guardrail or a bad token: those follow the request anywhere.
    """
    if error.local or "guardrail" in (error.code or "") or "guardrail" in error.message:
        return None
    text = text_of(error)
    if error.kind is Kind.RATE_LIMITED and _OUTPUT_LIMIT.search(text):
        return _less_output(surface.facts)
    if error.kind in _NEVER:
        return None
    elsewhere = _off_the_bridge(surface, error, text) or _elsewhere(surface, error, text)
    if elsewhere is not None and elsewhere[0] in offered:
        return Switched(*elsewhere)
    if elsewhere is None and (lesson := learn_from(form_of(surface.protocol), surface.facts, error)):
        return lesson
    other = OTHER_PROTOCOL[surface.name]
    if other in offered and _lacks_route(surface, error, text):
        return Switched(other, f"no route for {surface.protocol} here")
    return None


def _elsewhere(surface: Surface, error: GatewayError, text: str) -> tuple[str, str] | None:
    """The surface that a refusal points to, and why."""
    if _TO_GATEWAY.search(text) and surface.name.startswith("serving"):
        return FLIP[surface.name], "the workspace sends this model through the Unity gateway"
    if _TO_SERVING.search(text) and surface.name.startswith("gateway"):
        return FLIP[surface.name], "the workspace has no AI gateway"
    if _ONLY_RESPONSES.search(text):
        side = surface.name.partition("_")[0]
        return f"{side}_responses", "the model takes Responses only"
    if _NO_SUCH_PROTOCOL.search(text):
        return OTHER_PROTOCOL[surface.name], f"no {surface.protocol} for this model here"
    if _NO_SUCH_PATH.search(text) and surface.protocol != "openai_chat":
        return OTHER_PROTOCOL[surface.name], f"no route for {surface.protocol} here"
    if error.kind is Kind.NOT_FOUND and _NO_SUCH_NAME.search(text):
        return FLIP[surface.name], f"no {surface.deployment} on {surface.name}"
    if error.kind is Kind.PERMISSION and surface.name.startswith("gateway") and _plain_refusal(text):
        return FLIP[surface.name], "the gateway refuses where serving may not"
    return None


def _off_the_bridge(surface: Surface, error: GatewayError, text: str) -> tuple[str, str] | None:
    """From a configured path that is not there, or wants the other of its two forms."""
    if surface.name not in BRIDGE:
        return None
    if surface.name in ("bridge_chat", "bridge_cursor") and _OTHER_FORM[surface.name].search(text):
        return OTHER_PROTOCOL[surface.name], "this path takes the other form of bodies"
    if _ONLY_RESPONSES.search(text):
        return "gateway_responses", "the model takes Responses only"
    if _TO_GATEWAY.search(text):
        return FLIP[surface.name], "the workspace sends this model through the Unity gateway"
    if surface.protocol in (CURSOR, "openai_chat", "openai_responses") and error.status in _NO_ROUTE:
        return FLIP[surface.name], f"nothing at {surface.url}"
    return None


def _lacks_route(surface: Surface, error: GatewayError, text: str) -> bool:
    """Whether a native route is not there at all. A name that is not there is missing on every route."""
    if surface.protocol == "openai_chat" or error.status not in _NO_ROUTE:
        return False
    return _NO_API.search(text) is not None or _NO_SUCH_NAME.search(text) is None


def _less_output(facts: Facts) -> Relearned | None:
    """A smaller reservation, once: a later refusal over the same limit is one to wait for."""
    if facts.max_output_tokens is not None and facts.max_output_tokens <= FITTING_OUTPUT:
        return None
    return Relearned(
        structs.replace(facts, max_output_tokens=FITTING_OUTPUT),
        f"max_tokens is reserved against the output tokens of the minute: at most {FITTING_OUTPUT} from now on",
    )


def _plain_refusal(text: str) -> bool:
    """A 403 of the gateway itself (Free Edition, trials), not one about tokens, grants or addresses."""
    return re.search(r"permission|token|credential|IP ACL|rate limit|EXECUTE", text, re.IGNORECASE) is None
