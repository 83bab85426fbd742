"""What a request carries, by protocol: tools, texts, pictures and files, calls and results."""

from wire.inventory_chat import chat
from wire.inventory_gemini import gemini
from wire.inventory_messages import messages
from wire.inventory_responses import responses

INVENTORY = {
    "anthropic_messages": messages,
    "openai_chat": chat,
    "openai_responses": responses,
    "gemini": gemini,
}
