"""The system prompt edited as the configuration says, with the words of a file that may change at any time."""

import logging
from pathlib import Path
from typing import Final

from trunkline.config.schema import Prompt
from trunkline.relay.inbound import Inbound
from trunkline.transforms.system_prompt import rewritten, without_attribution

log: Final = logging.getLogger(__name__)
PROTOCOL: Final = "anthropic_messages"


class SystemPrompts:
    """Edits requests of Messages clients."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._file = None if prompt.file is None else Path(prompt.file).expanduser()
        self._read: tuple[int, int] | None = None
        self._words: str | None = None

    def edited(self, inbound: Inbound) -> bytes:
        """The body to plan and to ask; the client's own where nothing is to be changed. Raises GatewayError for no JSON."""
        body = inbound.body
        if inbound.codec.name != PROTOCOL or inbound.operation not in ("generate", "count_tokens"):
            return body
        if not self._prompt.attribution:
            body = without_attribution(body)
        words = self._current()
        return body if words is None else rewritten(body, words)

    def _current(self) -> str | None:
        """The file's text, read again when it has changed; one that cannot be read changes nothing and is told once."""
        if self._file is None:
            return None
        try:
            stat = self._file.stat()
            seen = (stat.st_mtime_ns, stat.st_size)
            if seen != self._read:
                self._words = self._file.read_text("utf-8")
                self._read = seen
        except (OSError, UnicodeDecodeError) as error:
            if self._read != (0, 0):
                log.warning("the system prompt's file is not used: %s", error)
            self._read, self._words = (0, 0), None
        return self._words
