"""A configuration as the text of Trunkline's own file: only what differs from the defaults, never a secret."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from trunkline.config.schema import Configuration, ProviderSettings, Retry, RouteRule, Server, Timeouts

PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def encode_yaml(configuration: Configuration, references: Mapping[str, str]) -> str:
    """The file's text. ``references``: dotted place of a credential -> the environment's variable for it.

    Every credential and every header must have one.
    """
    sections = (
        _section("server", _server(configuration.server, references)),
        _section("providers", _providers(configuration, references)),
        _section("models", [f"  {_key(name.pattern)}: {_chain(name.to)}" for name in configuration.models]),
        _section("routes", [f"  {name}: {_rule(name, rule)}" for name, rule in configuration.routes]),
        ["any_name: true   # a model that nobody knows goes by the routes too"] * configuration.any_name,
        [f"fallback: {_chain(configuration.fallback)}"] * bool(configuration.fallback),
        _section("timeouts", _changed(configuration.timeouts, Timeouts())),
        _section("retry", _changed(configuration.retry, Retry())),
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _section(name: str, lines: list[str]) -> list[str]:
    return [f"{name}:", *lines] if lines else []


def _server(server: Server, references: Mapping[str, str]) -> list[str]:
    lines = _changed(server, Server(), without=("keys",))
    if server.keys:
        lines.append(f'  keys: ["${{{references["server.keys"]}}}"]')
    return lines


def _providers(configuration: Configuration, references: Mapping[str, str]) -> list[str]:
    lines: list[str] = []
    for name, settings in configuration.providers:
        lines += [f"  {_key(name)}:", *_provider(name, settings, references)]
    return lines


def _provider(name: str, settings: ProviderSettings, references: Mapping[str, str]) -> list[str]:
    lines = [f"    kind: {settings.kind}"]
    for field in ("host", "url", "auth", "api_version", "prefix", "surface"):
        value: object = getattr(settings, field)
        if isinstance(value, str):
            lines.append(f"    {field}: {_text(value)}")
    if settings.credential is not None:
        lines.append(f"    token: ${{{references[f'providers.{name}.token']}}}")
    if settings.speaks:
        pairs = ", ".join(f"{protocol}: {_quoted(url)}" for protocol, url in settings.speaks)
        lines.append(f"    speaks: {{{pairs}}}")
    if settings.headers:
        places = [(header, f"providers.{name}.headers.{header}") for header, _ in settings.headers]
        pairs = ", ".join(f'{header}: "${{{references[place]}}}"' for header, place in places)
        lines.append(f"    headers: {{{pairs}}}")
    if settings.models:
        lines.append(f"    models: [{', '.join(_quoted(model) for model in settings.models)}]")
    return lines


def _rule(name: str, rule: RouteRule) -> str:
    if name != "longContext":
        return _chain(rule.to)
    return f"{{to: {_chain(rule.to)}, above: {rule.above}}}"


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
