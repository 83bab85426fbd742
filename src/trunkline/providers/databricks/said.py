"""The text inside a Databricks error body: ten shapes, often JSON in a string in JSON (databricks.md 5.1)."""

import html
import re
from typing import Final

import msgspec
from msgspec import Raw, Struct

_DEPTH: Final = 6
_MESSAGE_LIMIT: Final = 2000
_BODY_LIMIT: Final = 262_144

_CODE_PREFIX: Final = re.compile(r"^(?P<code>[A-Z][A-Z_]{3,}|Bad request): ?")
_RPC_PREFIX: Final = re.compile(r"^rpc error: code = \w+ desc = ")
_REQUEST_ID: Final = re.compile(r"\s*\[ReqId: (?P<id>[\w-]+)\]")
_HTML_TEXT: Final = re.compile(r"<(pre|title)[^>]*>(?P<text>.*?)</\1>", re.DOTALL | re.IGNORECASE)


class Said(Struct, frozen=True):
    """An error body, read: the innermost text and what stood around it."""

    message: str = ""
    code: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    html: bool = False


class _Detail(Struct):
    request_id: str | None = None


class _Guardrail(Struct):
    pii_detection: bool | None = None
    categories: dict[str, bool] | None = None


_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_STRING: Final = msgspec.json.Decoder(str)
_NUMBER: Final = msgspec.json.Decoder(float)
_DETAILS: Final = msgspec.json.Decoder(list[_Detail])
_GUARDRAILS: Final = msgspec.json.Decoder(list[_Guardrail])

_INWARD: Final = ("external_model_message", "message", "error", "detail")
"""Where the text goes on, most telling first."""

_PLAIN_TYPES: Final = frozenset({"error", "object"})


def read_said(body: bytes) -> Said:
    """What an error body says; never raises. An empty body says nothing."""
    text = body[:_BODY_LIMIT].decode("utf-8", "replace").strip()
    found = Said()
    for _ in range(_DEPTH):
        if text.startswith("<"):
            return msgspec.structs.replace(found, message=_html_text(text), html=True)
        code, text = _strip_code(text)
        if code is not None and found.code is None:
            found = msgspec.structs.replace(found, code=code)
        fields = _object(text)
        if fields is None:
            break
        found = _gather(found, fields)
        guardrail = _guardrail(fields)
        if guardrail is not None:
            finish = _text(fields.get("finishReason")) or found.code
            return msgspec.structs.replace(found, message=guardrail, code=finish)
        inner = next((said for key in _INWARD if (said := _text(fields.get(key)))), None)
        if inner is None:
            text = "" if any(key in fields for key in _INWARD) else text
            break
        text = inner.strip()
    request_id = _REQUEST_ID.search(text)
    if request_id:
        text = _REQUEST_ID.sub("", text)
        found = msgspec.structs.replace(found, request_id=request_id["id"])
    return msgspec.structs.replace(found, message=text[:_MESSAGE_LIMIT])


def _strip_code(text: str) -> tuple[str | None, str]:
    """The text without its leading codes (they are often there twice), and the first of them."""
    code: str | None = None
    while (match := _CODE_PREFIX.match(text)) is not None:
        if code is None and match["code"].isupper():
            code = match["code"]
        text = text[match.end() :]
    return code, _RPC_PREFIX.sub("", text)


def _object(text: str) -> dict[str, Raw] | None:
    if not text.startswith("{"):
        return None
    try:
        return _OBJECT.decode(text)
    except msgspec.DecodeError:
        return None


def _text(raw: Raw | None) -> str | None:
    """A string's value, an object's JSON, None for anything else."""
    data = b"" if raw is None else bytes(raw).strip()
    if data.startswith(b"{"):
        return data.decode("utf-8", "replace")
    if not data.startswith(b'"'):
        return None
    try:
        return _STRING.decode(data)
    except msgspec.DecodeError:
        return None


def _gather(found: Said, fields: dict[str, Raw]) -> Said:
    """Codes, ids and waits of one layer; an inner layer's vendor code wins over an outer general one."""
    inner = _text(fields.get("error_code")) or _text(fields.get("code")) or _text(fields.get("type"))
    code = found.code if inner is None or inner in _PLAIN_TYPES else inner
    retry_after = found.retry_after
    if "retry_after" in fields:
        try:
            retry_after = _NUMBER.decode(fields["retry_after"])
        except msgspec.DecodeError:
            retry_after = found.retry_after
    return Said(found.message, code, _detail_id(fields) or found.request_id, retry_after)


def _detail_id(fields: dict[str, Raw]) -> str | None:
    if "details" not in fields:
        return None
    try:
        details = _DETAILS.decode(fields["details"])
    except msgspec.DecodeError:
        return None
    return next((detail.request_id for detail in details if detail.request_id), None)


def _guardrail(fields: dict[str, Raw]) -> str | None:
    """A guardrail's verdict in words; None when there is none here."""
    for side in ("input", "output"):
        raw = fields.get(f"{side}_guardrail")
        if raw is None or bytes(raw).strip() in (b"null", b"[]"):
            continue
        try:
            verdicts = _GUARDRAILS.decode(raw)
        except msgspec.DecodeError:
            verdicts = []
        reasons = ["personal data (PII)"] if any(verdict.pii_detection for verdict in verdicts) else []
        for verdict in verdicts:
            reasons += sorted(name for name, hit in (verdict.categories or {}).items() if hit)
        because = f": {', '.join(reasons)}" if reasons else ""
        return f"Request blocked by the {side} guardrail of the endpoint{because}"
    return None


def _html_text(text: str) -> str:
    match = _HTML_TEXT.search(text)
    return html.unescape(" ".join(match["text"].split())) if match else "an HTML page instead of an answer"
