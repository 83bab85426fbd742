"""What of an answer the proof store wants, collected while it streams by."""

from trunkline.core.events import PartDelta, PartEnded, PartStarted, SignatureDelta, StreamEvent
from trunkline.core.types import Part, Thinking, ToolCall


class Gathering:
    """Collects thinking and the calls after it, for the proof store; text is not kept.

    ``echoed``: the client sends its thinking back by itself. What it cannot say, a proof on a call, is
    collected all the same.
    """

    def __init__(self, *, echoed: bool = False) -> None:
        self.parts: list[Part] = []
        self._echoed = echoed
        self._thinking: Thinking | None = None
        self._text: list[str] = []
        self._signature: list[str] = []

    def feed(self, event: StreamEvent) -> None:
        """Take the next event."""
        if type(event) is PartDelta:
            if self._thinking is not None:
                self._text.append(event.text)
        elif type(event) is PartStarted:
            if self._echoed:
                if isinstance(event.part, ToolCall):
                    self.parts.append(event.part)
            elif isinstance(event.part, Thinking):
                self._thinking, self._text, self._signature = event.part, [], []
            else:
                self.parts.append(event.part)
        elif type(event) is SignatureDelta:
            self._signature.append(event.signature)
        elif type(event) is PartEnded and self._thinking is not None:
            part, self._thinking = self._thinking, None
            signature = "".join(self._signature) or part.signature
            text = part.text + "".join(self._text)
            self.parts.append(
                Thinking(text=text, signature=signature, redacted=part.redacted, origin=part.origin)
            )
