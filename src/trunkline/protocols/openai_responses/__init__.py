"""OpenAI Responses: the room of the protocol that Codex speaks, items in and items out."""

from trunkline.protocols.openai_responses.codec import OPENAI_RESPONSES

__all__ = ["OPENAI_RESPONSES"]
