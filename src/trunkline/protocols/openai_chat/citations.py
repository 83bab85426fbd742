"""Citations as ``annotations``: only those with a URL have a form here."""

import msgspec
from msgspec import Raw

from trunkline.core.search import Citation, Grounding
from trunkline.core.types import Opaque
from trunkline.protocols.openai_chat.wire import ENCODER, NAME


class WireUrlCitation(msgspec.Struct):
    """What other vendors say of a cited page."""

    url: str | None = None
    title: str | None = None


_CITATION = msgspec.json.Decoder(WireUrlCitation)
_FIELDS = msgspec.json.Decoder(dict[str, Raw])


def annotations(citation: Opaque, start: int, end: int) -> list[object]:
    """The annotations for a citation of any protocol; none when it points to no URL.

    Offsets are in the joined text: ``start`` and ``end`` are those of the text that is cited for.
    """
    if citation.protocol == NAME and citation.kind == "url_citation":
        return [Raw(bytes(citation.raw))]
    match citation.means:
        case Citation() as cited:
            return [_note(cited, start, end)] if cited.url else []
        case Grounding(citations=citations):
            return [_note(cited, start, end) for cited in citations]
        case _:
            return _other(citation, start, end)


def _note(cited: Citation, start: int, end: int) -> object:
    said = {
        "url": cited.url,
        "title": cited.title,
        "start_index": start + (cited.start or 0),
        "end_index": end if cited.end is None else start + cited.end,
    }
    return {"type": "url_citation", "url_citation": said}


def _other(citation: Opaque, start: int, end: int) -> list[object]:
    """A citation that only its raw form tells of."""
    try:
        found = _CITATION.decode(citation.raw)
    except msgspec.DecodeError:
        return []
    return [_note(Citation(url=found.url, title=found.title or ""), start, end)] if found.url else []


def numbered(note: object, index: int) -> object:
    """An annotation for a stream: clients add list entries up by ``index``, and OpenAI's SDK fails without."""
    fields = _FIELDS.decode(ENCODER.encode(note))
    fields.setdefault("index", Raw(b"%d" % index))
    return fields
