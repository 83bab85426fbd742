"""The user's plugins and router, run: which files, in what, for whom."""

import re
import shutil
from pathlib import Path
from typing import Final

import msgspec

from trunkline.app.added_routes import AddedRoutes
from trunkline.app.endpoint import Endpoint, Serve, asking_of, serve_through
from trunkline.app.fingerprint import fingerprint
from trunkline.app.plugins import NODE, code_problem
from trunkline.config.code_places import SCRIPTS, file_of, is_script, resolved
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, ProviderSettings
from trunkline.config.transforms import built_in
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import Sink
from trunkline.upstream.plugins.helper import NodeHelper, RouterOrder
from trunkline.upstream.plugins.host import PluginFile, PluginHost, ProviderUse, UnknownPlugin
from trunkline.upstream.plugins.link import HookFailed
from trunkline.upstream.plugins.python_files import find_router
from trunkline.upstream.plugins.routing import CustomRouting, JavaScriptRouter, PythonRouter

DATABRICKS: Final = "databricks-custom"
SECRET_NAME: Final = re.compile("key|token|secret|passw", re.IGNORECASE)
MASKED: Final = 6
"""Characters of the shortest credential that is looked for in what plugins print."""


def user_code_for(configuration: Configuration, running: "UserCode | None") -> "UserCode":
    """Everything that a configuration has of the user's code: what runs, if that is the same, else not yet started.

    Raises ConfigurationError for a router in Python that cannot be loaded.
    """
    seen = _seen(configuration)
    if running is not None and running.seen == seen:
        running.mask.learn(configuration)
        return running
    return _make(configuration, seen)


def _seen(configuration: Configuration) -> bytes:
    """Everything that the user's code is made from, its files as they are now included."""
    places = [plugin.path for plugin in configuration.plugins]
    if configuration.custom_router is not None:
        places.append(configuration.custom_router.path)
    files = [_stamp(resolved(place, configuration.source)) for place in places]
    uses = {name: _use(settings) for name, settings in configuration.providers}
    return fingerprint(
        (
            configuration.source,
            configuration.plugins,
            configuration.custom_router,
            configuration.endpoints,
            configuration.environment,
            configuration.timeouts,
            uses,
            files,
        )
    )


def _stamp(place: str) -> list[tuple[int, int] | None]:
    """When the file of a plugin was last written, and its size, wherever it may be; None where it is not."""
    file = file_of(place)
    names = [place + end for end in SCRIPTS] if is_script(place) else [] if file is None else [file]
    found: list[tuple[int, int] | None] = []
    for name in names:
        try:
            seen = Path(name).stat()
        except OSError:
            found.append(None)
        else:
            found.append((seen.st_mtime_ns, seen.st_size))
    return found


def _make(configuration: Configuration, seen: bytes) -> "UserCode":
    mask = _Mask()
    mask.learn(configuration)
    source = configuration.source
    files = [
        PluginFile(
            place=resolved(plugin.path, source),
            shown=Path(plugin.path).name,
            javascript=is_script(plugin.path),
            name=plugin.name,
            options=plugin.options,
        )
        for plugin in configuration.plugins
    ]
    router, order = configuration.custom_router, None
    if router is not None and is_script(router.path):
        settings = msgspec.Raw(router.settings.reveal().encode())
        order = RouterOrder(file=resolved(router.path, source), settings=settings)
    helper = None
    if order is not None or any(file.javascript for file in files):
        helper = NodeHelper(
            shutil.which(NODE) or NODE,
            router=order,
            environment={name: value.reveal() for name, value in configuration.environment},
            mask=mask,
            timeout=configuration.timeouts.plugin_hook,
        )
    uses = {name: _use(settings) for name, settings in configuration.providers} if files else {}
    host = PluginHost(
        files, uses, helper, configuration.timeouts, _is_built_in, dict(configuration.endpoints)
    )
    return UserCode(configuration, host, helper, seen, mask)


class UserCode:
    """A gateway's plugins and its router. ``start`` it before the first request, ``close`` it after the last.

    Gateways that follow one another may share it: it ends when the last of them has closed it.
    """

    def __init__(
        self,
        configuration: Configuration,
        host: PluginHost,
        helper: NodeHelper | None,
        seen: bytes,
        mask: "_Mask",
    ) -> None:
        self.seen = seen
        self.mask = mask
        self._holders = 0
        self._configuration = configuration
        self._helper = helper
        self.plugins = host
        self.routing = None if configuration.custom_router is None else self._routing()
        self.routes = AddedRoutes({})
        """What the plugins add, once they are loaded."""

    def _routing(self) -> CustomRouting:
        router = self._configuration.custom_router
        assert router is not None
        place, name = resolved(router.path, self._configuration.source), Path(router.path).name
        if is_script(place) and self._helper is not None:
            return CustomRouting(JavaScriptRouter(self._helper), name)
        settings = msgspec.json.decode(router.settings.reveal())
        try:
            function = find_router(place)
        except HookFailed as error:
            raise ConfigurationError(
                (code_problem(self._configuration, "custom_router", str(error)),)
            ) from None
        return CustomRouting(
            PythonRouter(function, settings, self._configuration.timeouts.plugin_hook), name
        )

    async def start(self) -> None:
        """Load it, if nobody has yet. Raises ConfigurationError naming what does not work."""
        if self._holders:
            self._holders += 1
            return
        try:
            await self.plugins.start()
            self.routes = AddedRoutes(self.plugins.routes)
        except (HookFailed, UnknownPlugin) as error:
            await self.plugins.close()
            key = "plugins" if self._configuration.plugins else "custom_router"
            key = error.key if isinstance(error, UnknownPlugin) else key
            raise ConfigurationError((code_problem(self._configuration, key, str(error)),)) from None
        self._holders = 1

    async def serve(self, serve: Serve, inbound: Inbound, sink: Sink) -> None:
        """Serve one request, through the plugins of its endpoint where there are any."""
        endpoint: Endpoint | None = None
        if inbound.added is not None:
            endpoint = self.plugins.at_route(inbound.added.plugin, asking_of(inbound))
        elif self._configuration.endpoints:
            endpoint = self.plugins.endpoint(asking_of(inbound))
        if endpoint is None:
            await serve(inbound, sink)
        else:
            await serve_through(endpoint, serve, inbound, sink)

    async def close(self) -> None:
        """End what runs beside the gateway, if nobody else has it."""
        self._holders -= 1
        if not self._holders:
            await self.plugins.close()


def _use(settings: ProviderSettings) -> ProviderUse:
    return ProviderUse(
        transforms=settings.transforms,
        by_model=dict(settings.model_transforms),
        speaks=dict(settings.speaks),
        models=settings.models,
    )


def _is_built_in(name: str) -> bool:
    return name.casefold() == DATABRICKS or built_in(name) is not None


class _Mask:
    """Takes the credentials of configurations out of what plugins print."""

    def __init__(self) -> None:
        self._words: list[str] = []

    def learn(self, configuration: Configuration) -> None:
        """Those of one more."""
        secrets = [value for name, value in configuration.environment if SECRET_NAME.search(name)]
        secrets += configuration.server.keys
        secrets += [s.credential for _, s in configuration.providers if s.credential is not None]
        words = [secret.reveal() for secret in secrets]
        words += [value for _, settings in configuration.providers for _, value in settings.headers]
        known = {word for word in words if len(word) >= MASKED} | set(self._words)
        self._words = sorted(known, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for word in self._words:
            text = text.replace(word, "****")
        return text
