"""A stand-in Databricks workspace on loopback: as strict as the real one, and wrong on purpose when asked.

    with StandIn([use("Bash", command="ls"), say("Done.")], Flags(native="absent")) as standin:
        ...                                     # talk to standin.url with standin.token
        assert standin.refusals == []           # what the workspace's rules objected to
        assert standin.asked[1].last_results[0].text == "..."

``async with`` runs it in the test's own event loop, ``with`` in a thread. A step of the script is a turn
(:func:`say`, :func:`use`, :func:`turn`), a failure from :mod:`standin.failures`, any :class:`Reply`, or a
recorded :class:`Tape`; the script is a list of them, a function of :class:`Asked`, or several at once
(:func:`conversations`). How bytes travel is a turn's :class:`Delivery`.
"""

from standin import failures
from standin.asked import Asked, ToolResult
from standin.flags import BETAS, Flags
from standin.models import MODELS, Model, find_model
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
from standin.server import StandIn
from standin.wire import Delivery, Pause, Received, Reply

__all__ = [
    "BETAS",
    "MODELS",
    "Asked",
    "Call",
    "Delivery",
    "Flags",
    "Model",
    "Pause",
    "Received",
    "Reply",
    "Script",
    "Scripted",
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
    "say",
    "turn",
    "use",
]
