"""The user's plugins and router out of a configuration: which files, in what, for whom."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from trunkline.config.load import line_in
from trunkline.config.problems import ConfigurationError, Problem
from trunkline.config.schema import Configuration, ProviderSettings
from trunkline.config.secret import Secret
from trunkline.config.transforms import built_in
from trunkline.upstream.plugins.helper import NodeHelper, RouterOrder
from trunkline.upstream.plugins.host import PluginFile, PluginHost, ProviderUse, UnknownPlugin
from trunkline.upstream.plugins.link import HookFailed
from trunkline.upstream.plugins.python_files import file_of, find_router
from trunkline.upstream.plugins.routing import CustomRouting, JavaScriptRouter, PythonRouter

NODE: Final = "node"
DATABRICKS: Final = "databricks-custom"
SCRIPTS: Final = ("", ".js", ".cjs", ".mjs", "/index.js")
"""What a script's path may lack, as Node completes it."""
SECRET_NAME: Final = re.compile("key|token|secret|passw", re.IGNORECASE)
MASKED: Final = 6
"""Characters of the shortest credential that is looked for in what plugins print."""


def plugin_problems(configuration: Configuration) -> list[Problem]:
    """What can be said of the user's files without loading them: which are not there, and which lack Node."""
    problems: list[Problem] = []
    places = [(f"plugins[{index}]", plugin.path) for index, plugin in enumerate(configuration.plugins)]
    if configuration.custom_router is not None:
        places.append(("custom_router", configuration.custom_router.path))
    for key, path in places:
        place, script = _place(configuration, path)
        shown = Path(path).name
        message = ""
        if script and not any(Path(place + end).is_file() for end in SCRIPTS):
            message = f'"{shown}" is not there: {path}'
        elif script and shutil.which(NODE) is None:
            message = (
                f'"{shown}" is JavaScript and needs Node.js: install it, so that "node" is on the PATH'
            )
        elif not script and (file := file_of(place)) is not None and not Path(file).is_file():
            message = f'"{shown}" is not there: {path}'
        if message:
            problems.append(_problem(configuration, key, message))
    return problems


def make_plugins(configuration: Configuration) -> "UserCode | None":
    """Everything that a configuration has of the user's code, not yet started; None where there is none."""
    if not configuration.plugins and configuration.custom_router is None:
        return None
    files = [
        PluginFile(
            place=_place(configuration, plugin.path)[0],
            shown=Path(plugin.path).name,
            javascript=_place(configuration, plugin.path)[1],
            name=plugin.name,
            options=plugin.options,
        )
        for plugin in configuration.plugins
    ]
    router, order = configuration.custom_router, None
    if router is not None:
        place, script = _place(configuration, router.path)
        if script:
            order = RouterOrder(file=place, settings=msgspec.Raw(router.settings.reveal().encode()))
    helper = None
    if order is not None or any(file.javascript for file in files):
        helper = NodeHelper(
            shutil.which(NODE) or NODE,
            router=order,
            environment={name: value.reveal() for name, value in configuration.environment},
            mask=_mask(configuration),
            timeout=configuration.timeouts.plugin_hook,
        )
    uses = {name: _use(settings) for name, settings in configuration.providers} if files else {}
    host = PluginHost(files, uses, helper, configuration.timeouts, _is_built_in)
    return UserCode(configuration, host, helper)


class UserCode:
    """A gateway's plugins and its router. ``start`` it before the first request, ``close`` it after the last."""

    def __init__(self, configuration: Configuration, host: PluginHost, helper: NodeHelper | None) -> None:
        self._configuration = configuration
        self._helper = helper
        self.plugins = host
        self.routing = None if configuration.custom_router is None else self._routing()

    def _routing(self) -> CustomRouting:
        router = self._configuration.custom_router
        assert router is not None
        place, script = _place(self._configuration, router.path)
        name = Path(router.path).name
        if script and self._helper is not None:
            return CustomRouting(JavaScriptRouter(self._helper), name)
        settings = msgspec.json.decode(router.settings.reveal())
        try:
            function = find_router(place)
        except HookFailed as error:
            raise ConfigurationError(
                (_problem(self._configuration, "custom_router", str(error)),)
            ) from None
        return CustomRouting(
            PythonRouter(function, settings, self._configuration.timeouts.plugin_hook), name
        )

    async def start(self) -> None:
        """Load it. Raises ConfigurationError naming what does not work."""
        try:
            await self.plugins.start()
        except (HookFailed, UnknownPlugin) as error:
            await self.close()
            key = "plugins" if self._configuration.plugins else "custom_router"
            key = error.key if isinstance(error, UnknownPlugin) else key
            raise ConfigurationError((_problem(self._configuration, key, str(error)),)) from None

    async def close(self) -> None:
        """End what runs beside the gateway."""
        await self.plugins.close()


def _place(configuration: Configuration, path: str) -> tuple[str, bool]:
    """Where a file is, or the module that is meant; and whether it is JavaScript."""
    file = file_of(path)
    if file is None and ":" in path and not any(mark in path for mark in "/\\"):
        return path, False
    base = Path(configuration.source).parent
    found = os.path.normpath(base / Path(path).expanduser())
    return found, file is None


def _use(settings: ProviderSettings) -> ProviderUse:
    return ProviderUse(
        transforms=settings.transforms,
        by_model=dict(settings.model_transforms),
        speaks=dict(settings.speaks),
        models=settings.models,
    )


def _is_built_in(name: str) -> bool:
    return name.casefold() == DATABRICKS or built_in(name) is not None


def _mask(configuration: Configuration) -> Callable[[str], str]:
    """Takes the configuration's credentials out of what plugins print."""
    secrets: list[Secret] = [value for name, value in configuration.environment if SECRET_NAME.search(name)]
    secrets += configuration.server.keys
    secrets += [s.credential for _, s in configuration.providers if s.credential is not None]
    words = [secret.reveal() for secret in secrets]
    words += [value for _, settings in configuration.providers for _, value in settings.headers]
    long = sorted({word for word in words if len(word) >= MASKED}, key=len, reverse=True)

    def mask(text: str) -> str:
        for word in long:
            text = text.replace(word, "****")
        return text

    return mask


def _problem(configuration: Configuration, key: str, message: str) -> Problem:
    return Problem(
        file=configuration.source, line=line_in(configuration.source, key), key=key, message=message
    )
