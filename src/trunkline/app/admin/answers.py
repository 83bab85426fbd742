"""How administration answers: JSON, and refusals that say why."""

from typing import Final, NoReturn
from urllib.parse import parse_qs

import msgspec

from trunkline.config.problems import ConfigurationError
from trunkline.core.errors import GatewayError, Kind
from trunkline.server.admin import AdminAnswer

_ENCODER: Final = msgspec.json.Encoder()
Table = dict[str, object]


def answer(value: object, status: int = 200) -> AdminAnswer:
    """A value as JSON."""
    return AdminAnswer(body=_ENCODER.encode(value), status=status)


def done(message: str, **more: object) -> AdminAnswer:
    """What claude-code-router says when something was done."""
    return answer({"success": True, "message": message, **more})


def refuse(status: int, message: str) -> NoReturn:
    """Raises GatewayError: why not, and what to do instead."""
    kinds = {404: Kind.NOT_FOUND, 403: Kind.PERMISSION, 501: Kind.UNSUPPORTED, 500: Kind.INTERNAL}
    raise GatewayError(kinds.get(status, Kind.INVALID_REQUEST), message, status=status, should_retry=False)


def table_in(body: bytes) -> Table:
    """The JSON object in a body. Raises GatewayError (400)."""
    try:
        return msgspec.json.decode(body or b"{}", type=Table)
    except (msgspec.DecodeError, UnicodeDecodeError):
        refuse(400, "The body must be one JSON object.")


def parameter(query: str, name: str) -> str | None:
    """One value of a query string, decoded; None when it is not there."""
    return parse_qs(query, keep_blank_values=True).get(name, [None])[-1]


def told(error: ConfigurationError) -> str:
    """Every problem of a configuration in one text, by key: what an administrator sent has no lines."""
    return " ".join(
        f"{problem.key}: {problem.message}." if problem.key else f"{problem.message}."
        for problem in error.problems
    ).replace("..", ".")
