"""Stand-in providers on loopback: as strict as the real ones, and wrong on purpose when asked.

    with StandIn([use("Bash", command="ls"), say("Done.")], Flags(native="absent")) as standin:
        ...                                     # talk to standin.url with standin.token
        assert standin.refusals == []           # what the workspace's rules objected to
        assert standin.asked[1].last_results[0].text == "..."

``StandIn`` is a Databricks workspace; ``OpenAIStandIn`` (Responses and Chat), ``GeminiStandIn`` and
``AnthropicStandIn`` are the vendors' own services, each with flags of its own. Without a socket:
:class:`standin.upstream.InProcess` asks the services behind them.

``async with`` runs it in the test's own event loop, ``with`` in a thread. A step of the script is a turn
(:func:`say`, :func:`use`, :func:`turn`), a failure from :mod:`standin.failures`, any :class:`Reply`, or a
recorded :class:`Tape`; the script is a list of them, a function of :class:`Asked`, or several at once
(:func:`conversations`). How bytes travel is a turn's :class:`Delivery`.
"""

from standin import failures
from standin.anthropic import Anthropic, AnthropicFlags
from standin.asked import Asked, ToolResult
from standin.flags import BETAS, Flags
from standin.google import Google, GoogleFlags
from standin.google_words import google_error
from standin.models import MODELS, Model, find_model
from standin.openai import OpenAI, OpenAIFlags
from standin.openai_words import openai_error
from standin.script import (
    Call,
    Script,
    Scripted,
    Tape,
    Text,
    Think,
    Tokens,
    Turn,
    conversations,
    say,
    turn,
    use,
)
from standin.server import AnthropicStandIn, GeminiStandIn, OpenAIStandIn, Server, StandIn
from standin.service import Service
from standin.wire import Delivery, Pause, Received, Reply

__all__ = [
    "BETAS",
    "MODELS",
    "Anthropic",
    "AnthropicFlags",
    "AnthropicStandIn",
    "Asked",
    "Call",
    "Delivery",
    "Flags",
    "GeminiStandIn",
    "Google",
    "GoogleFlags",
    "Model",
    "OpenAI",
    "OpenAIFlags",
    "OpenAIStandIn",
    "Pause",
    "Received",
    "Reply",
    "Script",
    "Scripted",
    "Server",
    "Service",
    "StandIn",
    "Tape",
    "Text",
    "Think",
    "Tokens",
    "ToolResult",
    "Turn",
    "conversations",
    "failures",
    "find_model",
    "google_error",
    "openai_error",
    "say",
    "turn",
    "use",
]
