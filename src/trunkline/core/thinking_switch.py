"""The fields by which OpenAI-compatible servers switch thinking on and off, one spelling a vendor.

Sources, 2026-06: ``thinking`` docs.z.ai, platform.kimi.ai, api-docs.deepseek.com; ``enable_thinking``
alibabacloud.com (deep-thinking); ``both`` of these is what claude-code-router's transform ``reasoning`` sends;
``reasoning`` docs.together.ai; ``chat_template_kwargs`` docs.vllm.ai, whose
templates read ``enable_thinking`` or ``thinking`` and ignore the other one.
"""

from typing import Literal, assert_never

Switch = Literal["thinking", "enable_thinking", "both", "reasoning", "chat_template_kwargs"]


def spell_switch(switch: Switch, *, on: bool, budget: int | None = None) -> dict[str, object]:
    """The fields to send. ``budget`` (tokens) is said where the vendor has a word for it."""
    match switch:
        case "thinking":
            return {"thinking": {"type": "enabled" if on else "disabled"}}
        case "enable_thinking":
            how_much: dict[str, object] = {"thinking_budget": budget} if on and budget else {}
            return {"enable_thinking": on, **how_much}
        case "both":
            thinking: dict[str, object] = {"type": "enabled" if on else "disabled"}
            if on and budget:
                thinking["budget_tokens"] = budget
            return {"thinking": thinking, "enable_thinking": on}
        case "reasoning":
            return {"reasoning": {"enabled": on}}
        case "chat_template_kwargs":
            return {"chat_template_kwargs": {"enable_thinking": on, "thinking": on}}
        case _:
            assert_never(switch)


def takes_budget(switch: Switch) -> bool:
    """Whether the switch can say how much, too."""
    return switch in ("enable_thinking", "both")
