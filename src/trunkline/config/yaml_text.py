"""A configuration as the text of Trunkline's own file: only what differs from the defaults, never a secret."""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final, cast

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from trunkline.config.proxy_url import KEY as PROXY
from trunkline.config.schema import (
    Breaker,
    Configuration,
    HeaderRule,
    Prompt,
    ProviderSettings,
    Retry,
    RouteRule,
    Server,
    Timeouts,
    Transform,
)
from trunkline.config.secret import Secret
from trunkline.config.tokenizers_form import fields_of

PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
UNSPELLED: Final[Mapping[str, str]] = {}
WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def encode_yaml(
    configuration: Configuration, references: Mapping[str, str], spelled: Mapping[str, str] = UNSPELLED
) -> str:
    """The file's text. ``references``: dotted place of a credential -> the environment's variable for it.

    Every credential and every header must have one. ``spelled``: texts among the options that are written otherwise,
    as what came out of the environment is.
    """
    sections = (
        _section("server", _server(configuration.server, references)),
        _proxy(configuration.upstream_proxy, references),
        _section("plugins", _plugins(configuration, spelled)),
        _router(configuration, spelled),
        _section("providers", _providers(configuration, references, spelled)),
        _section("models", [f"  {_key(name.pattern)}: {_chain(name.to)}" for name in configuration.models]),
        _section("routes", [f"  {name}: {_rule(name, rule)}" for name, rule in configuration.routes]),
        _section("rules", [_header_rule(rule) for rule in configuration.rules]),
        _section("prompt", _changed(configuration.prompt, Prompt())),
        ["project_routers: true   # a project's own Router, beside CCR's file"]
        * configuration.project_routers,
        ["any_name: true   # a model that nobody knows goes by the routes too"] * configuration.any_name,
        ["listed_first: true   # but a Claude that a provider lists under that very name comes first"]
        * configuration.listed_first,
        ["token_speed: true   # the speed of answers, for trunkline statusline"]
        * configuration.token_speed,
        [f"fallback: {_chain(configuration.fallback)}"] * bool(configuration.fallback),
        _section("timeouts", _changed(configuration.timeouts, Timeouts())),
        _section("retry", _changed(configuration.retry, Retry())),
        _section("breaker", _changed(configuration.breaker, Breaker())),
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _section(name: str, lines: list[str]) -> list[str]:
    return [f"{name}:", *lines] if lines else []


def _server(server: Server, references: Mapping[str, str]) -> list[str]:
    lines = _changed(server, Server(), without=("keys", "admin_key"))
    if server.keys:
        places = ["server.keys", *(f"server.keys[{index}]" for index in range(1, len(server.keys)))]
        listed = [f'"${{{references[place]}}}"' for place in places]
        lines.append(f"  keys: [{', '.join(listed)}]")
    return lines


def _router(configuration: Configuration, spelled: Mapping[str, str]) -> list[str]:
    router = configuration.custom_router
    return [] if router is None else [f"custom_router: {_value(router.path, spelled)}"]


def _proxy(proxy: Secret | None, references: Mapping[str, str]) -> list[str]:
    if proxy is None:
        return []
    variable = references.get(PROXY)
    shown = _quoted(proxy.reveal()) if variable is None else f"${{{variable}}}"
    return [f"{PROXY}: {shown}"]


def _plugins(configuration: Configuration, spelled: Mapping[str, str]) -> list[str]:
    lines: list[str] = []
    for plugin in configuration.plugins:
        options = f", options: {_value(plugin.options, spelled)}" if plugin.options else ""
        lines.append(f"  - {{path: {_value(plugin.path, spelled)}{options}}}")
    return lines


class _Reference(str):
    """The name of a variable, which is written as a reference to it."""

    __slots__ = ()


def _reference(references: Mapping[str, str], place: str, below: str) -> str:
    return _Reference(references[f"{place}.{below}"])


def _providers(
    configuration: Configuration, references: Mapping[str, str], spelled: Mapping[str, str]
) -> list[str]:
    lines: list[str] = []
    for name, settings in configuration.providers:
        lines += [f"  {_key(name)}:", *_provider(name, settings, references)]
        if settings.tokenizers:
            credential = partial(_reference, references, f"providers.{name}.tokenizer")
            written = fields_of(settings.tokenizers, credential)
            lines.append(f"    tokenizer: {_value(written, spelled)}")
        if settings.transforms:
            lines.append(f"    transforms: {_transforms(settings.transforms, spelled)}")
        lines += ["    model_transforms:"] * bool(settings.model_transforms)
        for model, transforms in settings.model_transforms:
            lines.append(f"      {_key(model)}: {_transforms(transforms, spelled)}")
    return lines


def _transforms(transforms: tuple[Transform, ...], spelled: Mapping[str, str]) -> str:
    """A list in one line: a name, or a name with its options."""
    elements = (
        f"{{{_key(one.name)}: {_value(one.options, spelled)}}}" if one.options else _text(one.name)
        for one in transforms
    )
    return f"[{', '.join(elements)}]"


def _value(value: object, spelled: Mapping[str, str]) -> str:
    """Anything as JSON, which is YAML too."""
    match value:
        case _Reference():
            return _json(f"${{{value}}}")
        case str() if value in spelled:
            return _json(spelled[value])
        case str():
            return _quoted(value)
        case dict():
            members = cast("dict[str, object]", value).items()
            return f"{{{', '.join(f'{_json(key)}: {_value(below, spelled)}' for key, below in members)}}}"
        case list():
            return f"[{', '.join(_value(item, spelled) for item in cast('list[object]', value))}]"
        case _:
            return msgspec.json.encode(value).decode()


def _provider(name: str, settings: ProviderSettings, references: Mapping[str, str]) -> list[str]:
    lines = [f"    kind: {settings.kind}"] + ["    auth: client"] * settings.client_token
    for field in (
        "host", "url", "auth", "api_version", "prefix", "surface", "project", "region", "credentials_file",
    ):  # fmt: skip
        value: object = getattr(settings, field)
        if isinstance(value, str):
            lines.append(f"    {field}: {_text(value)}")
    if settings.spare:
        keys = [f"providers.{name}.keys[{number}]" for number in range(len(settings.spare) + 1)]
        lines.append("    keys: [" + ", ".join(f'"${{{references[key]}}}"' for key in keys) + "]")
    elif settings.credential is not None:
        lines.append(f"    token: ${{{references[f'providers.{name}.token']}}}")
    if settings.service_account is not None:
        email = _quoted(settings.service_account.client_email)
        key = references[f"providers.{name}.service_account.private_key"]
        lines.append(f'    service_account: {{client_email: {email}, private_key: "${{{key}}}"}}')
    if settings.speaks:
        pairs = ", ".join(f"{protocol}: {_quoted(url)}" for protocol, url in settings.speaks)
        lines.append(f"    speaks: {{{pairs}}}")
    if settings.headers:
        places = [(header, f"providers.{name}.headers.{header}") for header, _ in settings.headers]
        pairs = ", ".join(f'{header}: "${{{references[place]}}}"' for header, place in places)
        lines.append(f"    headers: {{{pairs}}}")
    if settings.paths:
        pairs = ", ".join(f"{_quoted(glob)}: {_chain(paths)}" for glob, paths in settings.paths)
        lines.append(f"    paths: {{{pairs}}}")
    if settings.models:
        lines.append(f"    models: [{', '.join(_quoted(model) for model in settings.models)}]")
    return lines


def _header_rule(rule: HeaderRule) -> str:
    return (
        f"  - {{header: {_text(rule.header)}, {rule.test}: {_quoted(rule.value)}, to: {_chain(rule.to)}}}"
    )


def _rule(name: str, rule: RouteRule) -> str:
    more = [f"above: {rule.above}"] * (name == "longContext")
    more += ["adaptive: true"] * rule.adaptive
    more += [f'agent: "{rule.agent}"'] * (rule.agent != "off")
    return f"{{to: {_chain(rule.to)}, {', '.join(more)}}}" if more else _chain(rule.to)


def _chain(targets: tuple[str, ...]) -> str:
    return (
        _quoted(targets[0])
        if len(targets) == 1
        else f"[{', '.join(_quoted(target) for target in targets)}]"
    )


def _changed(values: Struct, defaults: Struct, without: Iterable[str] = ()) -> list[str]:
    """Numbers, flags and texts that are not the default."""
    lines: list[str] = []
    for field in fields(values):
        value: object = getattr(values, field.name)
        if field.name not in without and value != getattr(defaults, field.name):
            shown = _text(value) if isinstance(value, str) else msgspec.json.encode(value).decode()
            lines.append(f"  {field.name}: {shown}")
    return lines


def _key(name: str) -> str:
    return name if PLAIN.fullmatch(name) and name.lower() not in WORDS else _json(name)


def _text(value: str) -> str:
    return value if PLAIN.fullmatch(value) and value.lower() not in WORDS else _quoted(value)


def _quoted(value: str) -> str:
    """Text in quotes; a dollar sign is doubled, so that it stays one."""
    return _json(value.replace("$", "$$"))


def _json(value: str) -> str:
    return msgspec.json.encode(value).decode()
