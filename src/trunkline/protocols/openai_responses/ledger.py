"""What one encoding of a request learns on its way: losses, renamed tools, freeform tools, ids of calls."""

import hashlib
import re
from typing import Final

from trunkline.core.facts import Facts
from trunkline.core.types import Request, Tool, ToolCall
from trunkline.protocols.notes import Notes
from trunkline.protocols.openai_responses.kinds import own_name
from trunkline.protocols.openai_responses.wire import NAME

MAX_ID: Final = 64
_PLAIN: Final = re.compile(r"[^a-zA-Z0-9_-]")


def digest(text: str, length: int) -> str:
    """Some hexadecimal digits that stand for ``text``, the same on every machine."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


class Ledger(Notes):
    """One per encoded request. ``own``: the request was read from this protocol."""

    def __init__(self, request: Request, facts: Facts) -> None:
        super().__init__()
        self.facts = facts
        self.own = request.protocol == NAME
        self.custom: set[str] = set()
        self.tools: dict[str, Tool] = {tool.name: tool for tool in request.tools}

    def name(self, name: str) -> str:
        """The name upstream: as it is, or a readable part of it and a digest of the whole (E40)."""
        sent = self._names.get(name)
        if sent is None:
            sent = name
            limit = self.facts.tool_name_limit
            if len(name) > limit or _PLAIN.search(name) or not name:
                sent = f"{_PLAIN.sub('_', name)[: limit - 9]}_{digest(name, 8)}"
            self._names[name] = sent
        return sent

    def grouped(self, namespace: str | None) -> str | None:
        """The group to write beside a name: None where the target has no groups."""
        return namespace if self.facts.tool_groups else None

    def written(self, name: str, namespace: str | None) -> str:
        """How a tool's name is written: bare inside its group, whole without one."""
        group = self.grouped(namespace)
        return self.name(name) if group is None else own_name(group, name)

    def group_of(self, call: ToolCall) -> str | None:
        """The namespace of a call: its own word, or what its tool was declared with."""
        tool = self.tools.get(call.name)
        return call.namespace or (tool.namespace if tool is not None else None)

    def call_id(self, call_id: str) -> str:
        """An id the target takes: at most 64 characters, the same for call and result (E20)."""
        if 0 < len(call_id) <= MAX_ID:
            return call_id
        return f"call_{digest(call_id, 32)}"
