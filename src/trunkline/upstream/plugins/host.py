"""All of the user's code that one gateway runs: loaded at its start, asked for each request, ended with it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from trunkline.config.nearest import did_you_mean
from trunkline.config.schema import Timeouts, Transform
from trunkline.config.transforms import built_in
from trunkline.core.asking import Asking
from trunkline.core.http import HttpRequest
from trunkline.upstream.plugins.chain import Chain, Endpoint
from trunkline.upstream.plugins.helper import Loaded, NodeHelper, PluginOrder
from trunkline.upstream.plugins.javascript import JavaScriptPlugin
from trunkline.upstream.plugins.link import HookFailed
from trunkline.upstream.plugins.plugin import Plugin, Seen
from trunkline.upstream.plugins.python import PythonPlugin
from trunkline.upstream.plugins.python_files import make_plugin

log: Final = logging.getLogger(__name__)

KEY_HEADERS: Final = ("x-goog-api-key", "x-api-key", "api-key")
BEARER: Final = "bearer "
NO_ENDPOINTS: Final[Mapping[str, tuple[Transform, ...]]] = {}


class PluginFile(Struct, frozen=True, kw_only=True):
    """A file to load. ``place``: a path, or what :func:`make_plugin` takes; ``shown``: what people call it."""

    place: str
    shown: str
    javascript: bool
    name: str | None
    options: dict[str, object]


class ProviderUse(Struct, frozen=True, kw_only=True):
    """What a provider's lists name, plugins and built-ins alike."""

    transforms: tuple[Transform, ...]
    by_model: Mapping[str, tuple[Transform, ...]]
    speaks: Mapping[str, str]
    models: tuple[str, ...]


class UnknownPlugin(Exception):
    """A list names a plugin that no file is. ``key`` is its place."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class PluginHost:
    """Implements :class:`trunkline.relay.ports.Plugins`. ``start`` it before its first request, ``close`` it after.

    ``built_in`` are the names that are no plugin's where no plugin has them. ``endpoints``: by what clients speak,
    the plugins for what they say and hear.
    """

    def __init__(
        self,
        files: Sequence[PluginFile],
        uses: Mapping[str, ProviderUse],
        helper: NodeHelper | None,
        timeouts: Timeouts,
        built_in: Callable[[str], bool],
        endpoints: Mapping[str, tuple[Transform, ...]] = NO_ENDPOINTS,
    ) -> None:
        self._files = files
        self._uses = uses
        self._helper = helper
        self._timeouts = timeouts
        self._built_in = built_in
        self._endpoints = endpoints
        self._at: dict[str, tuple[Plugin, ...]] = {}
        self._made: dict[str, tuple[PluginFile, Plugin]] = {}
        self._everywhere: dict[str, tuple[Plugin, ...]] = {}
        self._here: dict[tuple[str, str], tuple[Plugin, ...]] = {}
        self._keys = 0

    async def start(self) -> None:
        """Load every file. Raises HookFailed when Node does not work, UnknownPlugin for a name that no file has."""
        failed = await self._load()
        for provider, use in self._uses.items():
            place = f"providers.{provider}"
            found = [await self._named(one, f"{place}.transforms", failed) for one in use.transforms]
            self._everywhere[provider] = tuple(plugin for plugin in found if plugin is not None)
            for model, transforms in use.by_model.items():
                found = [
                    await self._named(one, f"{place}.model_transforms.{model}", failed)
                    for one in transforms
                ]
                self._here[provider, model] = tuple(plugin for plugin in found if plugin is not None)

        for protocol, transforms in self._endpoints.items():
            found = [await self._named(one, f"endpoints.{protocol}", failed) for one in transforms]
            self._at[protocol] = tuple(plugin for plugin in found if plugin is not None)

    async def close(self) -> None:
        """End what runs beside the gateway."""
        if self._helper is not None:
            await self._helper.close()

    async def _load(self) -> list[str]:
        """One instance of each file; what could not be loaded is told, for nobody may need it."""
        failed: list[str] = []
        scripts = [file for file in self._files if file.javascript]
        loaded = await self._javascript([(file, file.options) for file in scripts])
        for file in self._files:
            plugin = loaded[scripts.index(file)] if file.javascript else self._python(file, file.options)
            if isinstance(plugin, HookFailed):
                failed.append(file.shown)
                log.error("the plugin %s is not loaded: %s", file.shown, plugin)
            else:
                self._made[plugin.name] = (file, plugin)
        return failed

    async def _javascript(
        self, wanted: Sequence[tuple[PluginFile, dict[str, object]]]
    ) -> list[Plugin | HookFailed]:
        if self._helper is None:
            return []
        orders = [
            PluginOrder(key=self._next_key(), file=file.place, options=options, name=file.name)
            for file, options in wanted
        ]
        return [
            self._from_helper(self._helper, file, order, loaded)
            for (file, _), order, loaded in zip(
                wanted, orders, await self._helper.load(orders), strict=True
            )
        ]

    def _from_helper(
        self, helper: NodeHelper, file: PluginFile, order: PluginOrder, loaded: Loaded
    ) -> Plugin | HookFailed:
        if loaded.error is not None:
            return HookFailed(loaded.error)
        return JavaScriptPlugin(helper, order.key, loaded, self._timeouts)

    def _next_key(self) -> int:
        self._keys += 1
        return self._keys

    def _python(self, file: PluginFile, options: dict[str, object]) -> Plugin | HookFailed:
        try:
            instance = make_plugin(file.place, options)
        except HookFailed as error:
            return error
        name = file.name or getattr(instance, "name", None) or getattr(instance, "TransformerName", None)
        if not isinstance(name, str):
            return HookFailed("it has no name: give its class one, or write name: beside path:")
        return PythonPlugin(instance, name, self._timeouts)

    async def _named(self, one: Transform, key: str, failed: Sequence[str]) -> Plugin | None:
        """The instance for an element of a list; one of its own where the list gives it options."""
        folded = {name.casefold(): name for name in self._made}
        name = one.name if one.name in self._made else folded.get(one.name.casefold())
        if name is None:
            if self._built_in(one.name):
                return None
            hint = f" Not loaded: {', '.join(failed)}." if failed else did_you_mean(one.name, self._made)
            raise UnknownPlugin(
                key, f'there is no transform "{one.name}", and no plugin is called so.{hint}'
            )
        file, plugin = self._made[name]
        if not one.options:
            return plugin
        options = {**file.options, **one.options}
        made = (
            (await self._javascript([(file, options)]))[0]
            if file.javascript
            else self._python(file, options)
        )
        if isinstance(made, HookFailed):
            raise UnknownPlugin(key, f'"{one.name}" cannot be made with these options: {made}')
        return made

    @property
    def names(self) -> frozenset[str]:
        """What the loaded plugins are called, and the built-ins whose names they have taken."""
        spelled = (built_in(name) for name in self._made)
        return frozenset((*self._made, *(name for name in spelled if name is not None)))

    def concern(self, provider: str, model: str) -> bool:
        """See the port."""
        return bool(self._everywhere.get(provider) or self._here.get((provider, model)))

    def enter(self, asking: Asking) -> Chain:
        """See the port."""
        everywhere = self._everywhere.get(asking.provider, ())
        return Chain(everywhere, self._here.get((asking.provider, asking.model), ()), asking, self._seen)

    def endpoint(self, asking: Asking) -> Endpoint | None:
        """The plugins for what this client says and hears, None where there are none."""
        plugins = self._at.get(asking.client)
        return Endpoint(plugins, asking) if plugins else None

    @property
    def routes(self) -> dict[str, str | None]:
        """What the loaded plugins are called -> the path of the route that each adds, if it does."""
        return {name: plugin.endpoint for name, (_, plugin) in self._made.items()}

    def at_route(self, plugin: str, asking: Asking) -> Endpoint:
        """The plugin, for what clients of the route that it adds say and hear."""
        return Endpoint((self._made[plugin][1],), asking)

    def _seen(self, asking: Asking, request: HttpRequest) -> Seen:
        use = self._uses[asking.provider]
        url = use.speaks.get(asking.protocol, asking.url)
        return Seen(
            name=asking.provider,
            url=url.rstrip("/") + "/" if asking.protocol == "gemini" else url,
            key=_key(request),
            models=use.models,
            uses=tuple(one.name for one in use.transforms),
        )


def _key(request: HttpRequest) -> str:
    """The credential that the request carries."""
    headers = dict(request.headers)
    for name in KEY_HEADERS:
        if name in headers:
            return headers[name]
    bearer = headers.get("authorization", "")
    return bearer[len(BEARER) :] if bearer.lower().startswith(BEARER) else ""
