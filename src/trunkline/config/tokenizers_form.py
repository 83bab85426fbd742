"""Tokenizers written out again: for people, with every credential masked, and as Trunkline's own file has them."""

from collections.abc import Callable

from trunkline.config.masking import MASK, masked_text
from trunkline.config.schema import Tokenizer

Tokenizers = tuple[tuple[str, Tokenizer], ...]
Credential = Callable[[str], str]
"""What stands for the credential at a place below ``tokenizer``."""


def fields_of(
    tokenizers: Tokenizers, credential: Credential, shown: Callable[[str], str] = str
) -> dict[str, object]:
    """``tokenizer`` in the file's own shape; what is the default is left out. ``shown``: what becomes of a URL."""
    found: dict[str, object] = {}
    models: dict[str, object] = {}
    for model, one in tokenizers:
        if model:
            models[model] = _fields(one, f"models.{model}", credential, shown)
        else:
            found["default"] = _fields(one, "default", credential, shown)
    return {**found, **({"models": models} if models else {})}


def masked_tokenizers(tokenizers: Tokenizers) -> dict[str, object]:
    """The same for people."""
    return fields_of(tokenizers, lambda place: MASK, lambda url: masked_text(url, ("url",)))


def _fields(
    one: Tokenizer, place: str, credential: Credential, shown: Callable[[str], str]
) -> dict[str, object]:
    if one.kind == "tiktoken":
        return {"type": one.kind, "encoding": one.encoding}
    found: dict[str, object] = {"type": one.kind, "url": shown(one.url)}
    if one.key is not None:
        found["apiKey"] = credential(f"{place}.apiKey")
    if one.form != Tokenizer(kind="api").form:
        found["requestFormat"] = one.form
    if one.field != Tokenizer(kind="api").field:
        found["responseField"] = one.field
    if one.headers:
        found["headers"] = {name: credential(f"{place}.headers.{name}") for name, _ in one.headers}
    return found
