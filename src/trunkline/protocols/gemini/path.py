"""What a request's path says: this protocol names model and method there, not in the body."""

from typing import Final, Literal
from urllib.parse import parse_qs, unquote

from msgspec import Struct

from trunkline.core.errors import GatewayError, Kind

Framing = Literal["sse", "json_array"]

_STREAM: Final = "streamGenerateContent"
Method = Literal["generateContent", "streamGenerateContent", "countTokens"]
_METHODS: Final[dict[str, Method]] = {
    "generateContent": "generateContent",
    "streamGenerateContent": "streamGenerateContent",
    "countTokens": "countTokens",
}


class Called(Struct, frozen=True):
    """A path taken apart. ``framing`` is how the answer's stream is to be written (E99)."""

    model: str
    method: Method
    framing: Framing = "sse"

    @property
    def stream(self) -> bool:
        """The answer is wanted as a stream."""
        return self.method == _STREAM


def read_path(path: str) -> Called:
    """``/v1beta/models/{model}:{method}?alt=sse``, whatever stands before ``models/``; escapes are undone.

    Tuned models and Vertex publishers keep their folder: ``tunedModels/x``. Raises GatewayError (NOT_FOUND).
    """
    place, _, query = path.partition("?")
    place = unquote(place)
    name, colon, method = place.rpartition(":")
    if colon and method in _METHODS:
        model = name.rpartition("/models/")[2] if "/models/" in name else name.removeprefix("/")
        model = model.removeprefix("models/")
        if model:
            array = method == _STREAM and parse_qs(query).get("alt", [""])[-1] != "sse"
            return Called(model, _METHODS[method], "json_array" if array else "sse")
    raise GatewayError(
        Kind.NOT_FOUND,
        f"no such method: {place[:200]!r}; known are {', '.join(_METHODS)} after models/MODEL and a colon",
        code="NOT_FOUND",
        should_retry=False,
    )
