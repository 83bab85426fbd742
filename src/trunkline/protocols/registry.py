"""All protocols by name. Contracts are tested over this table."""

from typing import Final

from trunkline.protocols.anthropic_messages import ANTHROPIC_COUNT, ANTHROPIC_MESSAGES
from trunkline.protocols.bedrock_converse import BEDROCK_CONVERSE
from trunkline.protocols.codec import CarriedCodec, Codec, CountCodec, ProviderCodec
from trunkline.protocols.cursor import Cursor
from trunkline.protocols.gemini import GEMINI, GEMINI_COUNT
from trunkline.protocols.openai_chat import COMPLETIONS, EMBEDDINGS, OPENAI_CHAT
from trunkline.protocols.openai_responses import OPENAI_RESPONSES

_ROOMS: Final[tuple[Codec, ...]] = (ANTHROPIC_MESSAGES, OPENAI_CHAT, OPENAI_RESPONSES, GEMINI)
CODECS: Final[dict[str, Codec]] = {codec.name: codec for codec in _ROOMS}

_HALVES: Final[tuple[ProviderCodec, ...]] = (BEDROCK_CONVERSE, Cursor(OPENAI_RESPONSES, OPENAI_CHAT))
TARGETS: Final[dict[str, ProviderCodec]] = {**CODECS, **{half.name: half for half in _HALVES}}
"""What providers may speak: all of these, and two that no client speaks."""

COUNTERS: Final[dict[str, CountCodec]] = {
    ANTHROPIC_MESSAGES.name: ANTHROPIC_COUNT,
    GEMINI.name: GEMINI_COUNT,
}
"""Token counting, for the protocols that have it."""

CARRIED: Final[dict[str, CarriedCodec]] = {codec.name: codec for codec in (COMPLETIONS, EMBEDDINGS)}
"""Operations that only pass through, by name."""
