"""The provider behind both routers: whatever host is asked, it answers from recordings, in the protocol of the path."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from standin.wire import Received, Reply

WIRE = Path(__file__).parent.parent / "fixtures" / "wire"
JSON = (("content-type", "application/json"),)
STREAM = (("content-type", "text/event-stream"),)
Surface = Literal["chat", "messages", "responses", "gemini"]

TAPES: Mapping[str, Mapping[Surface, str]] = {
    "text": {
        "chat": "openai-chat--rig/openai__max_completion_tokens_matrix__legacy_gpt_4o_mini_streaming_cap",
        "messages": "anthropic-messages--rig/anthropic__raw_stream_capture_matrix__normalized_terminal_matches_raw_renormalized",
        "responses": "openai-responses--llm/test_openai_responses__test_responses_basic_streaming",
        "gemini": "gemini-generate-content--rig/gemini__tool_choice__none_streaming_no_tools",
    },
    "call": {
        "chat": "openai-chat--chatlas/test_provider_openai_completions__test_openai_tool_variations_async-01",
        "messages": "anthropic-messages--rig/anthropic__stop_sequence_terminal_matrix__raw_tool_use_control",
        "responses": "openai-responses--chatlas/test_mcp_client__test_call_stdio_mcp_tool-01",
        "gemini": "gemini-generate-content--rig/gemini__hook_stress_streaming__streaming_result_redaction_reaches_final_response-01",
    },
    "calls": {
        "chat": "openai-chat--rig/deepseek__streaming_tools__raw_stream_tool_call_arguments_are_objects",
        "responses": "openai-responses--rig/chatgpt__codex_sessions__parallel_tool_calls_single_turn_nonstreaming-01",
        "gemini": "gemini-generate-content--fantasy/TestGoogleCommon__vertex-gemini-2-5-pro__multi_tool_streaming-01",
    },
    "text and call": {
        "chat": "openai-chat--vercel-ai/openai-compatible__anthropic-fallback-tool-call-stream",
        "messages": "anthropic-messages--fantasy/TestAnthropicCommonWithCacheControl__claude-sonnet-4__tool_streaming-01",
    },
    "reasoning": {
        "chat": "openai-chat--vercel-ai/moonshotai__moonshotai-stream-stream",
        "messages": "anthropic-messages--rig/anthropic__raw_stream_capture_matrix__terminal_raw_round_trips_for_thinking_stream",
        "responses": "openai-responses--rig/xai__streaming_tools__raw_responses_stream_preserves_tool_then_followup_text_ordering-02",
    },
    "reasoning and call": {
        "chat": "openai-chat--vercel-ai/xai__xai-tool-call-stream",
    },
    "cut off": {
        "chat": "openai-chat--rig/openai__chat_terminal_metadata_matrix__streaming_gpt_4o_mini_tiny_plain_one",
        "responses": "openai-responses--rig/openai__truncated_turn_matrix__responses_streaming_reasoning_budget_exhausted",
    },
    "call cut off": {
        "chat": "openai-chat--rig/deepseek__truncation_matrix__streaming_budget_24_truncated_arguments_keep_the_turn",
    },
    "error in the stream": {
        "chat": "openai-chat--pydantic-ai/test_openrouter__test_openrouter_stream_error",
        "responses": "openai-responses--vercel-ai/openai__openai-error_1-stream",
    },
    "no [DONE]": {
        "chat": "openai-chat--chatlas/test_provider_huggingface__test_huggingface_simple_request",
    },
    "call at once": {
        "chat": "openai-chat--vercel-ai/groq__groq-tool-call-stream",
    },
    "comments": {
        "chat": "openai-chat--fantasy/TestOpenRouterCommon__openai__simple_streaming",
    },
}
"""Recorded streams by what is in them."""

WHOLE: Mapping[str, Mapping[Surface, str]] = {
    "text": {
        "chat": "openai-chat--rig/openai__chat_history_roundtrip_matrix__blocking_gpt_4o_mini_normalized_single_tool",
        "messages": "anthropic-messages--axonhub/anthropic-stop",
        "responses": "openai-responses--pydantic-ai/test_openai_responses__test_openai_previous_response_id-01",
        "gemini": "gemini-generate-content--rig/gemini__turn_termination_matrix__blocking_tool_turn_reports_tool_calls-02",
    },
    "call": {
        "chat": "openai-chat--prism/xai__generate-text-with-multiple-tools-1",
        "gemini": "gemini-generate-content--rig/gemini__turn_termination_matrix__blocking_tool_turn_reports_tool_calls-01",
    },
    "reasoning and call": {"chat": "openai-chat--rig/deepseek__reasoning_tool_roundtrip__nonstreaming-01"},
}
"""Recorded whole answers."""

REFUSALS: Mapping[str, tuple[int, str]] = {
    "401": (401, "openai-chat--dd-trace-py/contrib__openai__v1__chat_completion_error"),
    "404": (404, "openai-chat--envoy-ai-gateway/internal__testopenai__chat-unknown-model"),
}
"""Recorded refusals: the status and where the body is."""


def surface_of(path: str) -> Surface:
    """What is spoken at a path."""
    path = path.partition("?")[0]
    if path.endswith("/messages"):
        return "messages"
    if path.endswith("/responses"):
        return "responses"
    return "gemini" if "enerateContent" in path else "chat"


@dataclass
class Provider:
    """Answers and remembers. ``answers``: a name of TAPES or REFUSALS for each host; "" is any other host."""

    answers: Mapping[str, str] = field(default_factory=lambda: {"": "text"})
    requests: list[Received] = field(default_factory=list)

    def answer(self, received: Received) -> Reply:
        """The reply to one request; see :class:`standin.service.Service`."""
        self.requests.append(received)
        kind = self.answers.get(received.host, self.answers[""])
        if kind in REFUSALS:
            status, file = REFUSALS[kind]
            return Reply(status, JSON, (recorded(file, "response.json"),))
        surface = surface_of(received.path)
        streamed = "streamGenerateContent" in received.path or json.loads(received.body).get("stream")
        if not streamed:
            return Reply(200, JSON, (recorded(WHOLE[kind][surface], "response.json"),))
        return Reply(200, STREAM, (recorded(TAPES[kind][surface], "stream.txt"),), "chunked")


def recorded(name: str, ending: str) -> bytes:
    """The bytes of a recording."""
    return (WIRE / f"{name}.{ending}").read_bytes()
