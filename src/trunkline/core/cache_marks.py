"""Which prompt-cache marks are worth keeping where only so many are taken (protocols.md E103)."""


def marks_kept(tools: int, system: int, messages: int, limit: int) -> frozenset[int]:
    """The marks to keep of so many on each, counted in the order the server reads them: tools, system, messages.

    The last on the tools and the last on the system hold what all turns share, the latest on messages what the
    conversation has grown to: the next turn begins with all of that. What is left goes to the others, the latest first.
    """
    shared = tools + system
    total = shared + messages
    first = [tools - 1] * bool(tools) + [shared - 1] * bool(system)
    latest = range(total - 1, shared - 1, -1)
    others = [place for place in range(shared - 1, -1, -1) if place not in first]
    return frozenset([*first, *latest, *others][: max(0, limit)])
