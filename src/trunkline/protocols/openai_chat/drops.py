"""Remove a field deep inside JSON and leave every other value's bytes alone."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from trunkline.protocols.openai_chat.wire import ENCODER, OBJECT

_LIST = msgspec.json.Decoder(list[Raw])


def drop_path(raw: bytes, path: Sequence[str]) -> bytes:
    """``raw`` without the field at ``path``; lists on the way are walked through. The same when it has none."""
    opening = raw.lstrip()[:1]
    if opening == b"[":
        elements = _LIST.decode(raw)
        mended = [Raw(drop_path(bytes(element), path)) for element in elements]
        return raw if mended == elements else ENCODER.encode(mended)
    if opening != b"{":
        return raw
    fields = OBJECT.decode(raw)
    inner = fields.get(path[0])
    if inner is None:
        return raw
    if len(path) == 1:
        del fields[path[0]]
        return ENCODER.encode(fields)
    new = Raw(drop_path(bytes(inner), path[1:]))
    return raw if new == inner else ENCODER.encode({**fields, path[0]: new})
