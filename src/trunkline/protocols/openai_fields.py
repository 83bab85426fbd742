"""Fields that OpenAI's two protocols share under different names; no room knows the other's."""

from typing import Final

CHAT: Final = "openai_chat"
RESPONSES: Final = "openai_responses"
IN_RESPONSES: Final = {"metadata": "metadata", "verbosity": "text.verbosity"}
"""Name in Chat Completions -> path in Responses. Answers need nothing of them."""
IN_CHAT: Final = {path: name for name, path in IN_RESPONSES.items()}
