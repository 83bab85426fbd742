"""All protocols by name. Contracts are tested over this table."""

from typing import Final

from trunkline.protocols.anthropic_messages import ANTHROPIC_MESSAGES
from trunkline.protocols.codec import Codec
from trunkline.protocols.openai_chat import OPENAI_CHAT

CODECS: Final[dict[str, Codec]] = {codec.name: codec for codec in (ANTHROPIC_MESSAGES, OPENAI_CHAT)}
