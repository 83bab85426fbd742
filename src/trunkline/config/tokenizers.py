"""``tokenizer`` of a provider: what its requests are counted with, in claude-code-router's own words (ccr.md 1.8)."""

from collections.abc import Callable
from typing import Final

from trunkline.config.addresses import url_fault
from trunkline.config.nearest import did_you_mean
from trunkline.config.schema import CountForm, Tokenizer
from trunkline.config.secret import Secret
from trunkline.config.section import Section

ENCODINGS: Final = ("cl100k_base", "o200k_base", "voyage3_base")
"""The vocabularies of the extra ``tokens``."""
TYPES: Final = ("tiktoken", "api", "huggingface")
FORMATS: Final[dict[str, CountForm]] = {
    "standard": "standard",
    "openai": "openai",
    "anthropic": "anthropic",
    "custom": "custom",
}
HUGGINGFACE: Final = (
    "is not there: its vocabulary would have to be fetched when the gateway runs. Requests are counted by their size, "
    "near a limit with cl100k_base (extra trunkline[tokens])"
)

Wrong = Callable[[int, str, str], None]
"""Takes what cannot be used: line, key, message."""
ReadSecret = Callable[[Section, str], Secret | None]


def decode_tokenizers(
    section: Section, wrong: Wrong, secret: ReadSecret
) -> tuple[tuple[str, Tokenizer], ...]:
    """(model, ``""`` for all others; its tokenizer) of ``{default: ..., models: {...}}``. Unusable ones are left out."""
    found: list[tuple[str, Tokenizer]] = []
    if section.get("default") is not None:
        one = _decode(section.section("default"), wrong, secret)
        found += [] if one is None else [("", one)]
    models = section.section("models")
    for entry in models.entries():
        one = _decode(models.section(entry.key), wrong, secret)
        found += [] if one is None else [(entry.key, one)]
    for entry in section.entries():
        if entry.key not in ("default", "models"):
            hint = did_you_mean(entry.key, ("default", "models"))
            wrong(entry.line, section.key(entry.key), f"unknown key.{hint}")
    return tuple(found)


def _decode(section: Section, wrong: Wrong, secret: ReadSecret) -> Tokenizer | None:
    kind = section.text("type")
    if kind == "tiktoken":
        return _vocabulary(section, wrong)
    if kind == "api":
        return _service(section, wrong, secret)
    message = "must be tiktoken or api"
    if kind is not None:
        message = HUGGINGFACE if kind == "huggingface" else f"{message}.{did_you_mean(kind, TYPES)}"
    wrong(section.line_of("type"), section.key("type"), message)
    return None


def _vocabulary(section: Section, wrong: Wrong) -> Tokenizer | None:
    encoding = section.text("encoding") or ENCODINGS[0]
    if encoding in ENCODINGS:
        return Tokenizer(kind="tiktoken", encoding=encoding)
    message = f"this vocabulary is not there, {ENCODINGS[0]} counts: one of {', '.join(ENCODINGS)}"
    wrong(section.line_of("encoding"), section.key("encoding"), message)
    return None


def _service(section: Section, wrong: Wrong, secret: ReadSecret) -> Tokenizer | None:
    url, form = section.text("url"), FORMATS.get(section.text("requestFormat") or "standard")
    fault = "is missing: where is the service?" if url is None else url_fault(url)
    if url is None or fault:
        wrong(section.line_of("url"), section.key("url"), fault)
        return None
    if form is None:
        message = f"must be one of {', '.join(FORMATS)}"
        wrong(section.line_of("requestFormat"), section.key("requestFormat"), message)
        return None
    headers = section.section("headers")
    values = [(entry.key, secret(headers, entry.key)) for entry in headers.entries()]
    return Tokenizer(
        kind="api",
        url=url,
        key=None if section.get("apiKey") is None else secret(section, "apiKey"),
        form=form,
        field=section.text("responseField") or "token_count",
        headers=tuple((name, value) for name, value in values if value is not None),
    )
