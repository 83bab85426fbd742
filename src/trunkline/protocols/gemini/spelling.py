"""Both spellings of field names arrive: camelCase, and snake_case from Python (E98). This makes them one.

Only names of the protocol are changed; arguments, results, schemas and labels are the client's own.
"""

from typing import Final

from msgspec import Raw

from trunkline.protocols.gemini.wire import LIST, OBJECT, encode

_VERBATIM: Final = frozenset(
    {
        "args",
        "response",
        "parameters",
        "parametersJsonSchema",
        "responseJsonSchema",
        "responseSchema",
        "labels",
        "toolCall",
        "toolResponse",
        "metadata",
    }
)
_LISTS: Final = frozenset({"contents", "parts", "tools", "functionDeclarations", "safetySettings"})
"""Repeated fields: the vendor reads a lone object there as a list of one."""
_DEPTH: Final = 16


def camel(name: str) -> str:
    """``inline_data`` as ``inlineData``."""
    if "_" not in name.strip("_"):
        return name
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def camelised(data: bytes, depth: int = 0) -> bytes:
    """The same JSON with the protocol's names in camelCase. Raises msgspec.DecodeError."""
    opening = data.lstrip()[:1]
    if depth >= _DEPTH or opening not in (b"{", b"["):
        return data
    if opening == b"[":
        return encode([Raw(camelised(bytes(raw), depth + 1)) for raw in LIST.decode(data)])
    fields: dict[str, Raw] = {}
    for key, raw in OBJECT.decode(data).items():
        name = camel(key)
        value = bytes(raw) if name in _VERBATIM else camelised(bytes(raw), depth + 1)
        if name in _LISTS and value[:1] == b"{":
            value = b"[" + value + b"]"
        fields[name] = Raw(value)
    return encode(fields)
