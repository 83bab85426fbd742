"""Anthropic Messages: the protocol of Claude Code and of Claude's providers."""

from trunkline.protocols.anthropic_messages.codec import ANTHROPIC_MESSAGES
from trunkline.protocols.anthropic_messages.count import ANTHROPIC_COUNT

__all__ = ["ANTHROPIC_COUNT", "ANTHROPIC_MESSAGES"]
