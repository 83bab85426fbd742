"""OpenAI Chat Completions: the room of the protocol that nearly every provider speaks, in its own accent."""

from trunkline.protocols.openai_chat.carried import COMPLETIONS, EMBEDDINGS
from trunkline.protocols.openai_chat.codec import OPENAI_CHAT

__all__ = ["COMPLETIONS", "EMBEDDINGS", "OPENAI_CHAT"]
