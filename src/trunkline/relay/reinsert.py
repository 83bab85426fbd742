"""Put thinking back where a client lost it, and say who made what the client kept. Pure functions."""

from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from trunkline.core.types import Message, Part, Request, Thinking, ToolCall
from trunkline.relay.proofs import Kept


def remember(content: Iterable[Part], origin: str) -> Iterator[tuple[str, Kept]]:
    """What is worth keeping of an answer by ``origin``: for each call id, the thinking before it."""
    thinking: list[Thinking] = []
    leading, only_thinking = True, True
    for part in content:
        if isinstance(part, Thinking):
            if not thinking:
                leading = only_thinking
            thinking.append(part)
            continue
        only_thinking = False
        if isinstance(part, ToolCall) and (thinking or part.proof is not None):
            yield part.id, Kept(tuple(thinking), origin, leading, part.proof)
            thinking = []


def reinsert(request: Request, lookup: Callable[[str], Kept | None], origin: str) -> Request:
    """``request`` with stored thinking before the calls of assistant messages that came without a proof.

    Only what ``origin`` made goes back (protocols.md E8). The same request always comes out the same, and
    earlier turns do not depend on later ones.
    """
    changed = False
    messages: list[Message] = []
    for message in request.messages:
        restored = _restored(message, lookup, origin) if message.role == "assistant" else None
        changed = changed or restored is not None
        messages.append(message if restored is None else replace(message, content=restored))
    return replace(request, messages=tuple(messages)) if changed else request


def _restored(
    message: Message, lookup: Callable[[str], Kept | None], origin: str
) -> tuple[Part, ...] | None:
    lost = not any(isinstance(part, Thinking) and not _bare(part) for part in message.content)
    content: list[Part] = []
    first_call = True
    restored = signed = False
    for part in message.content:
        kept = lookup(part.id) if isinstance(part, ToolCall) else None
        if kept is None or kept.origin != origin or not isinstance(part, ToolCall):
            content.append(part)
            first_call = first_call and not isinstance(part, ToolCall)
            continue
        if lost and kept.thinking:
            restored = True
            content[0 if kept.leading and first_call else len(content) :] = (
                [*kept.thinking, *content] if kept.leading and first_call else kept.thinking
            )
        if part.proof_origin is None and kept.call_proof is not None:
            signed = True
            part = replace(part, proof=kept.call_proof, proof_origin=kept.origin)
        content.append(part)
        first_call = False
    if restored:
        return tuple(part for part in content if not (isinstance(part, Thinking) and _bare(part)))
    return tuple(content) if signed else None


def _bare(part: Thinking) -> bool:
    """Only the text: what a client kept of thinking whose proof it dropped (``reasoning_content``)."""
    return part.origin is None and part.signature is None and part.redacted is None


def unproven(request: Request) -> Request:
    """``request`` without any proof: agents that change what a model said leave it with proofs of something else.

    Claude Code writes defaults into a call's arguments. Reasoning is lost, the conversation goes on.
    """
    messages = [
        replace(message, content=tuple(part for one in message.content for part in _unproven(one)))
        if message.role == "assistant"
        else message
        for message in request.messages
    ]
    return replace(request, messages=tuple(messages))


def _unproven(part: Part) -> tuple[Part, ...]:
    if isinstance(part, ToolCall) and part.proof is not None:
        return (replace(part, proof=None, proof_origin=None),)
    if isinstance(part, Thinking) and part.redacted is not None:
        return ()
    if isinstance(part, Thinking) and part.signature is not None:
        return (replace(part, signature=None, origin=None),)
    return (part,)


def claim(request: Request, maker: Callable[[str], str | None]) -> Request:
    """``request`` with the origin filled in of signed thinking and calls whose maker we remember."""
    changed = False
    messages: list[Message] = []
    for message in request.messages:
        if message.role == "assistant":
            content = tuple(_claimed(part, maker) for part in message.content)
            if any(new is not old for new, old in zip(content, message.content, strict=True)):
                changed = True
                message = replace(message, content=content)
        messages.append(message)
    return replace(request, messages=tuple(messages)) if changed else request


def _claimed(part: Part, maker: Callable[[str], str | None]) -> Part:
    if isinstance(part, ToolCall) and part.proof is not None and part.proof_origin is None:
        called = maker(part.proof)
        return part if called is None else replace(part, proof_origin=called)
    if not isinstance(part, Thinking) or part.origin is not None:
        return part
    proof = part.signature or part.redacted
    origin = maker(proof) if proof else None
    return part if origin is None else replace(part, origin=origin)
