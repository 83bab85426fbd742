"""``POST /api/reload``: the configuration as it is now, without a restart."""

from collections.abc import Awaitable, Callable

from trunkline.app.admin.answers import answer, refuse
from trunkline.config.problems import ConfigurationError
from trunkline.server.admin import AdminAnswer, AdminCall
from trunkline.server.succession import Outcome


class ReloadRoute:
    """``reload``: has it read anew; None where that is not to be had, as for a preset."""

    def __init__(self, reload: Callable[[], Awaitable[Outcome]] | None) -> None:
        self._reload = reload

    async def reload(self, call: AdminCall) -> AdminAnswer:
        """200 with what came of it; 400 with every finding when the configuration cannot be used."""
        if self._reload is None:
            refuse(501, "This gateway cannot reload its configuration: restart it.")
        outcome = await self._reload()
        if isinstance(outcome, ConfigurationError):
            findings = [
                {"file": one.file, "line": one.line, "key": one.key, "problem": one.message}
                for one in outcome.problems
            ]
            message = "Not reloaded: the configuration before stays."
            return answer({"success": False, "message": message, "findings": findings}, 400)
        return answer(
            {
                "success": True,
                "message": f"Reloaded from {outcome.source}",
                "source": outcome.source,
                "snapshot": outcome.snapshot,
                "restart": list(outcome.restart),
                "warnings": list(outcome.warnings),
            }
        )
