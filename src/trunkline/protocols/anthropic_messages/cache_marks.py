"""At most four cache marks, long lifetimes first, in the order the server reads them (E103)."""

from collections.abc import Iterable
from typing import Final

from msgspec import Raw, Struct

from trunkline.core.cache_marks import marks_kept
from trunkline.core.facts import Facts
from trunkline.core.splice import splice
from trunkline.protocols.anthropic_messages.block_encode import Item, Markable
from trunkline.protocols.anthropic_messages.history import OutMessage
from trunkline.protocols.anthropic_messages.tool_encode import WireTool
from trunkline.protocols.anthropic_messages.wire import CacheControl
from trunkline.protocols.losses import Losses

LIMIT: Final = 4


class _Place(Struct):
    """Where a mark stands: a tool, or a block within a list of them."""

    mark: CacheControl | None  # None: inside a raw block
    tool: WireTool | None = None
    items: list[Item] | None = None
    index: int = 0

    def drop(self) -> None:
        """Take the mark away, leave what carried it."""
        if self.tool is not None:
            del self.tool["cache_control"]
            return
        assert self.items is not None
        item = self.items[self.index]
        if isinstance(item, Markable):
            item.cache_control = None
        elif isinstance(item, Raw):
            self.items[self.index] = Raw(splice(bytes(item), {"cache_control": None}))


def limit_marks(
    tools: list[WireTool],
    system: list[Item],
    messages: list[OutMessage],
    top: bool,
    facts: Facts,
    losses: Losses,
) -> None:
    """Drops marks beyond the limit, the oldest of the messages before those that all turns share, and settles lifetimes."""
    places = [
        _Place(mark, tool=tool)
        for tool in tools
        if isinstance(mark := tool.get("cache_control"), CacheControl)
    ]
    on_tools = len(places)
    places += _places(system)
    shared = len(places)
    for message in messages:
        places += _places(message.content)
    if len(places) + top > LIMIT:
        losses.add("cache_control", f"more than {LIMIT} marks")
        kept = marks_kept(on_tools, shared - on_tools, len(places) - shared, LIMIT - top)
        for number, place in enumerate(places):
            if number not in kept:
                place.drop()
        places = [place for number, place in enumerate(places) if number in kept]
    _settle_lifetimes(places, facts, losses)


def _places(items: list[Item]) -> Iterable[_Place]:
    for index, item in enumerate(items):
        if isinstance(item, Markable):
            if item.cache_control is not None:
                yield _Place(item.cache_control, items=items, index=index)
        elif isinstance(item, Raw) and b'"cache_control"' in bytes(item):
            yield _Place(None, items=items, index=index)


def _settle_lifetimes(places: list[_Place], facts: Facts, losses: Losses) -> None:
    short = False
    for place in places:
        mark = place.mark
        if mark is None:
            continue
        if mark.ttl is not None and not facts.cache_ttl:
            losses.add("cache_control.ttl", "the target knows no lifetimes")
            mark.ttl = None
        if mark.ttl == "1h" and short:
            losses.add("cache_control.ttl", "a long lifetime after a short one is refused")
            mark.ttl = None
        short = short or mark.ttl != "1h"
