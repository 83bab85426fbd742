"""All protocols by name. Contracts are tested over this table."""

from typing import Final

from trunkline.protocols.anthropic_messages import ANTHROPIC_MESSAGES
from trunkline.protocols.codec import CarriedCodec, Codec
from trunkline.protocols.openai_chat import COMPLETIONS, EMBEDDINGS, OPENAI_CHAT

CODECS: Final[dict[str, Codec]] = {codec.name: codec for codec in (ANTHROPIC_MESSAGES, OPENAI_CHAT)}

CARRIED: Final[dict[str, CarriedCodec]] = {codec.name: codec for codec in (COMPLETIONS, EMBEDDINGS)}
"""Operations that only pass through, by name."""
