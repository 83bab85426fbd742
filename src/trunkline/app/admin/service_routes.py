"""``/api/restart``, ``/api/update``, ``/api/transformers`` and ``/providers``."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from trunkline.app.admin.answers import answer, done, refuse, told
from trunkline.app.admin.config_file import check_file
from trunkline.config.ccr.transformers import DOES
from trunkline.config.masking import MASK
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, ProviderSettings
from trunkline.server.admin import AdminAnswer, AdminCall

ENDPOINTS: Final = {
    "Anthropic": "/v1/messages",
    "OpenAI": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "gemini": "/v1beta/models/:modelAndAction",
}
_UPDATE: Final = "Trunkline neither looks for newer versions nor installs them by itself: update it the way it was installed."
_REGISTRY: Final = "Providers are not changed in a running gateway: save them with POST /api/config, then POST /api/restart."


class ServiceRoutes:
    """What is about the gateway itself. ``pid``: its process, if that is a background service. ``plugins``: those that
    are loaded by name, and the routes that they add."""

    def __init__(
        self, configuration: Configuration, pid: int | None, plugins: Mapping[str, str | None]
    ) -> None:
        self._configuration = configuration
        self._pid = pid
        self._plugins = plugins

    async def restart(self, call: AdminCall) -> AdminAnswer:
        """Have ``trunkline restart`` renew the service with all its workers, on the configuration as it is now."""
        if self._pid is None:
            refuse(
                501,
                "This gateway was not started by trunkline start: restart it where it runs. POST /api/reload "
                "has it read its configuration anew.",
            )
        await asyncio.to_thread(self._renew, self._pid)
        return done("Service restart initiated")

    def _renew(self, pid: int) -> None:
        self._check()
        command = [sys.executable, "-P", "-m", "trunkline", "restart", "--service-pid", str(pid)]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )
        # What it complains about goes to our log; somebody has to take its exit code.
        threading.Thread(target=process.wait, name="trunkline-restart", daemon=True).start()

    def _check(self) -> None:
        file = Path(self._configuration.source)
        if not file.is_file():
            return
        try:
            check_file(file, os.environ)
        except ConfigurationError as error:
            refuse(400, f"Not restarted: {file.name} cannot be started on. {told(error)}")

    async def update(self, call: AdminCall) -> AdminAnswer:
        """Not from here."""
        refuse(501, _UPDATE)

    async def transformers(self, call: AdminCall) -> AdminAnswer:
        """The built-in ones by claude-code-router's names, then plugins by theirs."""
        listed = {**{name: ENDPOINTS.get(name) for name in DOES}, **self._plugins}
        return answer({"transformers": [{"name": name, "endpoint": path} for name, path in listed.items()]})

    async def providers(self, call: AdminCall) -> AdminAnswer:
        """All that are in force, without their keys."""
        return answer([_shown(name, settings) for name, settings in self._configuration.providers])

    async def provider(self, call: AdminCall) -> AdminAnswer:
        """One of them."""
        settings = dict(self._configuration.providers).get(call.rest)
        if settings is None:
            named = ", ".join(name for name, _ in self._configuration.providers)
            refuse(404, f"There is no such provider. There are: {named}.")
        return answer(_shown(call.rest, settings))

    async def change_providers(self, call: AdminCall) -> AdminAnswer:
        """Not in a running gateway: it would be forgotten with it."""
        refuse(501, _REGISTRY)


def _shown(name: str, settings: ProviderSettings) -> dict[str, object]:
    """In the shape of claude-code-router's registry."""
    native = any(protocol == "anthropic_messages" for protocol, _ in settings.speaks)
    return {
        "id": name,
        "name": name,
        "type": "anthropic" if native or settings.kind == "anthropic" else "openai",
        "baseUrl": settings.speaks[0][1] if settings.speaks else settings.url or settings.host,
        "apiKey": None if settings.credential is None else MASK,
        "models": list(settings.models),
        "kind": settings.kind,
    }
