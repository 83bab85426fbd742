"""A configuration as plain values for people: credentials are ``****``, and so is every extra header."""

from typing import cast

import msgspec

from trunkline.config.schema import Configuration, HeaderRule, Plugin, Transform
from trunkline.config.secret import Secret
from trunkline.config.tokenizers_form import masked_tokenizers

MASK = "****"


def masked(configuration: Configuration) -> dict[str, object]:
    """The effective configuration, defaults filled in, in the shape of the file and without ``None``."""
    server = _plain(configuration.server)
    providers: dict[str, object] = {}
    for name, settings in configuration.providers:
        values = _plain(settings)
        if "credential" in values:
            values["token"] = values.pop("credential")
        if values.pop("spare", None):
            values["keys"] = [values.pop("token"), *(MASK for _ in settings.spare)]
        if settings.login is not None:
            login = _plain(settings.login)
            del values["login"]
            values |= {"auth": login.pop("kind"), **login}
        if values.pop("client_token", False):
            values["auth"] = "client"
        values["speaks"] = dict(settings.speaks)
        values["paths"] = {glob: list(paths) for glob, paths in settings.paths}
        values["headers"] = {header: MASK for header, _ in settings.headers}
        values.pop("tokenizers", None)
        values["tokenizer"] = masked_tokenizers(settings.tokenizers)
        values["transforms"] = _transforms(settings.transforms)
        values["model_transforms"] = {
            model: _transforms(transforms) for model, transforms in settings.model_transforms
        }
        providers[name] = {key: value for key, value in values.items() if value not in ({}, [], ())}
    return {
        "source": configuration.source,
        "server": server,
        "providers": providers,
        "models": {name.pattern: list(name.to) for name in configuration.models},
        "routes": {route: _plain(rule) for route, rule in configuration.routes},
        **({"rules": [_ruled(rule) for rule in configuration.rules]} if configuration.rules else {}),
        "any_name": configuration.any_name,
        "project_routers": configuration.project_routers,
        "prompt": _plain(configuration.prompt),
        "listed_first": configuration.listed_first,
        "token_speed": configuration.token_speed,
        "fallback": list(configuration.fallback),
        "timeouts": _plain(configuration.timeouts),
        "retry": _plain(configuration.retry),
        "breaker": _plain(configuration.breaker),
        **({} if configuration.upstream_proxy is None else {"upstream_proxy": MASK}),
        **({} if configuration.search is None else {"search": _plain(configuration.search)}),
        **(
            {"endpoints": {name: _transforms(transforms) for name, transforms in configuration.endpoints}}
            if configuration.endpoints
            else {}
        ),
        **({"plugins": _plugins(configuration.plugins)} if configuration.plugins else {}),
        **({} if configuration.proxy is None else {"proxy": _plain(configuration.proxy)}),
        **(
            {}
            if configuration.custom_router is None
            else {"custom_router": configuration.custom_router.path}
        ),
        "warnings": list(configuration.warnings),
    }


def _ruled(rule: HeaderRule) -> dict[str, object]:
    return {"header": rule.header, rule.test: rule.value, "to": list(rule.to)}


def _plugins(plugins: tuple[Plugin, ...]) -> list[object]:
    return [
        {"path": plugin.path, "name": plugin.name, "options": _veiled(plugin.options)} for plugin in plugins
    ]


def _transforms(transforms: tuple[Transform, ...]) -> list[object]:
    return [{one.name: _veiled(one.options)} if one.options else one.name for one in transforms]


def _veiled(value: object) -> object:
    """Options with every text masked: it may be a key."""
    match value:
        case str():
            return MASK
        case dict():
            return {key: _veiled(below) for key, below in cast("dict[str, object]", value).items()}
        case list():
            return [_veiled(item) for item in cast("list[object]", value)]
        case _:
            return value


def _plain(value: object) -> dict[str, object]:
    values = cast(dict[str, object], msgspec.to_builtins(value, enc_hook=_mask))
    return {key: entry for key, entry in values.items() if entry is not None}


def _mask(value: object) -> object:
    if isinstance(value, Secret):
        return MASK
    raise TypeError(f"cannot show {type(value).__name__}")
