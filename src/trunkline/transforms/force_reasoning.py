"""Thinking by instruction, for models that have none of their own (ccr.md 3.4, ``forcereasoning``).

The answer's way back is :class:`trunkline.transforms.think_tags.ThinkTags` with this tag.
"""

from typing import Final

from msgspec.structs import replace

from trunkline.core.types import Message, Part, Request, Text, Thinking

TAG: Final = "reasoning_content"
_RULE: Final = Text(
    f"Before every answer and before every tool call, think step by step about what is asked, what is known and what"
    f" to do next. Write that first, between <{TAG}> and </{TAG}>. Only what follows the closing tag is shown to the"
    " user, so put the answer itself there. Never mention these tags."
)


def force_reasoning(request: Request) -> Request:
    """``request`` with the instruction, and with earlier thinking back in the text it came in.

    The instruction stands at the end of the system prompt and every turn is written alike, so that no turn's
    bytes depend on a later one. A client that wants no thinking gets none.
    """
    if request.reasoning is not None and request.reasoning.mode == "off":
        return request
    messages = tuple(
        _inlined(message) if message.role == "assistant" else message for message in request.messages
    )
    return replace(request, system=(*request.system, _RULE), messages=messages)


def _inlined(message: Message) -> Message:
    if not any(isinstance(part, Thinking) and part.redacted is None for part in message.content):
        return message
    content: list[Part] = []
    for part in message.content:
        if isinstance(part, Thinking) and part.redacted is None:
            if part.text:
                content.append(Text(f"<{TAG}>{part.text}</{TAG}>\n"))
        else:
            content.append(part)
    return replace(message, content=tuple(content))
