"""Citations as ``annotations``: only those with a URL have a form here."""

import msgspec
from msgspec import Raw

from trunkline.core.types import Opaque
from trunkline.protocols.openai_chat.wire import ENCODER, NAME


class WireUrlCitation(msgspec.Struct):
    """What other vendors say of a cited page."""

    url: str | None = None
    title: str | None = None


_CITATION = msgspec.json.Decoder(WireUrlCitation)
_FIELDS = msgspec.json.Decoder(dict[str, Raw])


def annotation(citation: Opaque, start: int, end: int) -> object | None:
    """The annotation for ``citation``, None when it points to no URL. Offsets are in the joined text."""
    if citation.protocol == NAME and citation.kind == "url_citation":
        return Raw(bytes(citation.raw))
    try:
        found = _CITATION.decode(citation.raw)
    except msgspec.DecodeError:
        return None
    if not found.url:
        return None
    cited = {"url": found.url, "title": found.title or "", "start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": cited}


def numbered(note: object, index: int) -> object:
    """An annotation for a stream: clients add list entries up by ``index``, and OpenAI's SDK fails without."""
    fields = _FIELDS.decode(ENCODER.encode(note))
    fields.setdefault("index", Raw(b"%d" % index))
    return fields
