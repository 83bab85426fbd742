"""A configuration from wherever the user keeps it: a named file, the usual places, the environment."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import structs

from trunkline.config.dialect import DESCRIPTIONS, Dialect, dialect_of
from trunkline.config.document import decode_document
from trunkline.config.environment import SOURCE, from_environment, is_bridge
from trunkline.config.homes import user_home, usual_ccr_file
from trunkline.config.problems import ConfigurationError, Problem
from trunkline.config.schema import Configuration, ModelName, ProviderSettings, RouteRule
from trunkline.config.secret import Secret
from trunkline.config.section import Reading
from trunkline.config.tree import Node, line_of

if TYPE_CHECKING:
    from trunkline.config.ccr.findings import Imported

MAX_FILE: Final = 1024 * 1024
"""Bytes; a configuration is read whole, by a reader that is not fast."""

REHEARSAL: Final = "rehearsal"
CREDENTIALS: Final = (
    (("DATABRICKS_AI_GATEWAY_URL", "DATABRICKS_HOST"), ("DATABRICKS_", "ARM_")),
    (("AZURE_OPENAI_ENDPOINT",), ("AZURE_OPENAI_",)),
)
"""Variables that say where requests go, and how those begin that authenticate there."""
FOLDER_VARIABLE: Final = "TRUNKLINE_PROXY_FOLDER"
"""Set by ``start_server.py``: where the ``PROXY_BACKEND`` proxy's ``logs/`` are when variables alone configure it."""
ADMIN_KEY_VARIABLE: Final = "TRUNKLINE_ADMIN_KEY"
"""``server.admin_key`` of configurations that do not name one, as those of other programs cannot."""

WORKING: Final[tuple[tuple[str, Dialect], ...]] = (
    (".env", "environment"),
    ("config.yaml", "claude-code-azure"),
)
"""What other proxies' users have in their working directory."""
VARIABLES: Final = re.compile(r"\.env(?:\..*)?")
"""Names of files that hold variables, whatever else may stand in them."""
BACKEND: Final = re.compile(
    r"^[ \t]*(?:export[ \t]+)?(?:PROXY_BACKEND|DATABRICKS_AI_GATEWAY_URL)[ \t]*=", re.MULTILINE
)


def load(path: str | None, environ: Mapping[str, str], *, working: bool = True) -> Configuration:
    """The configuration to run on, in the order of the contract.

    ``path`` is what ``--config`` named. Otherwise ``TRUNKLINE_CONFIG``, the user's file, a file of another proxy
    in the working directory, a CCR file, the environment's usual variables, and with none of them the rehearsal.
    ``working``: False leaves the working directory out, for commands that are run in projects of any origin.
    Raises ConfigurationError.
    """
    return _administered(_load(path, environ, working), environ)


def load_as_before(text: str, file: str, environ: Mapping[str, str], *, named: bool) -> Configuration:
    """As :func:`load` did when ``file`` still had this text; ``named`` as in :func:`load_file`.

    Raises ConfigurationError.
    """
    return _administered(decode_text(text, Path(file), environ, named=named), environ)


def _administered(configuration: Configuration, environ: Mapping[str, str]) -> Configuration:
    key = environ.get(ADMIN_KEY_VARIABLE, "").strip()
    if not key or configuration.server.admin_key is not None:
        return configuration
    server = structs.replace(configuration.server, admin_key=Secret(key))
    return structs.replace(configuration, server=server)


def _load(path: str | None, environ: Mapping[str, str], working: bool) -> Configuration:
    found = path or environ.get("TRUNKLINE_CONFIG") or _usual_file(environ)
    if found:
        return load_file(Path(found).expanduser(), environ)
    ccr = usual_ccr_file(environ)
    if working and (here := working_file()) is not None:
        configuration = load_file(here, environ, named=False)
        left = (f"{here} is used, not {ccr}: name the one you mean with --config",) * _exists(ccr)
        return structs.replace(configuration, warnings=(*configuration.warnings, *left))
    if not _exists(ccr):
        return _from_variables(environ)
    configuration = load_file(ccr, environ, may_be_empty=True)
    if configuration.providers:
        return configuration
    note = f"{ccr} is {DESCRIPTIONS['ccr']} without a usable provider: it is left aside"
    instead = _from_variables(environ)
    return structs.replace(instead, warnings=(*configuration.warnings, note, *instead.warnings))


def _from_variables(environ: Mapping[str, str]) -> Configuration:
    if environ.get("PROXY_BACKEND", "").strip():
        from trunkline.config.proxy_backend.reader import read_proxy  # other users need not load its reader

        folder = environ.get(FOLDER_VARIABLE) or None
        return read_proxy(SOURCE, {}, environ, folder=folder).configuration
    return _with_list(from_environment(environ), environ, Path()) or rehearsal()


def _with_list(
    configuration: Configuration | None, environ: Mapping[str, str], folder: Path
) -> Configuration | None:
    """For the ForgeCode bridge, with the list of models that its user keeps in a folder."""
    file = folder / "models.json"
    if configuration is None or not is_bridge(environ) or not _exists(file):
        return configuration
    from trunkline.config.forgecode.document import with_models

    return with_models(configuration, file, read_text(file))


def working_file() -> Path | None:
    """The configuration of another proxy in the working directory, where its users keep it; None without one.

    That is a ``.env`` that names ``PROXY_BACKEND`` or the ForgeCode bridge's gateway, or a ``config.yaml`` with ``model_categories``. Files that
    only have these names are somebody else's.
    """
    for name, dialect in WORKING:
        path = Path.cwd() / name
        try:
            text = path.read_text("utf-8-sig") if path.is_file() and path.stat().st_size <= MAX_FILE else ""
        except (OSError, UnicodeDecodeError):
            continue
        if dialect == "environment":
            if BACKEND.search(text):
                return path
        elif dialect_of(text) == dialect:
            return path
    return None


def rehearsal() -> Configuration:
    """No provider at all: recorded answers stand in, for any Claude name."""
    target = (f"{REHEARSAL}/{REHEARSAL}",)
    return Configuration(
        source=REHEARSAL,
        providers=((REHEARSAL, ProviderSettings(kind=REHEARSAL)),),
        models=(ModelName("*", target),),
        routes=(("default", RouteRule(to=target)),),
    )


def load_file(
    path: Path, environ: Mapping[str, str], *, may_be_empty: bool = False, named: bool = True
) -> Configuration:
    """The configuration in one file, whatever form it is in. Raises ConfigurationError.

    ``may_be_empty``: a file of claude-code-router need not have providers; it writes such a one by itself.
    ``named``: the user named the file; False: it lies in the working directory.
    """
    return decode_text(read_text(path), path, environ, may_be_empty=may_be_empty, named=named)


def decode_text(
    text: str, path: Path, environ: Mapping[str, str], *, may_be_empty: bool = False, named: bool = True
) -> Configuration:
    """The configuration in the text of a file, or of one that could be in its place. Raises ConfigurationError."""
    file = str(path)
    dialect = dialect_in(path, text)
    if dialect is None:
        raise _unusable(file, "mixes the keys of two configuration formats: keep those of one")
    if dialect == "ccr":
        from trunkline.config.ccr.document import decode_ccr  # other users need not load its reader

        imported = decode_ccr(text, file, environ, may_be_empty=may_be_empty)
        return _without_report(path, imported)
    if dialect == "environment":
        return _load_variables(path, text, environ, named)
    if dialect == "claude-code-azure":
        from trunkline.config.claude_code_azure import decode_azure

        return _without_report(path, decode_azure(text, file, environ))
    if dialect == "forgecode":
        from trunkline.config.forgecode.document import decode_forgecode

        return decode_forgecode(text, file, environ).configuration
    reading = Reading(file, environ)
    configuration = decode_document(reading, _tree(text, file))
    warnings = exposed(path, reading.literal_secrets)
    return structs.replace(configuration, warnings=(*configuration.warnings, *warnings))


def dialect_in(path: Path, text: str) -> Dialect | None:
    """The form of a file, as its content shows it, or a usual name for variables."""
    return "environment" if VARIABLES.fullmatch(path.name) else dialect_of(text)


def _without_report(path: Path, imported: "Imported") -> Configuration:
    warnings = (*imported.configuration.warnings, *exposed(path, list(imported.literal_secrets)))
    return structs.replace(imported.configuration, warnings=warnings)


def _load_variables(path: Path, text: str, environ: Mapping[str, str], named: bool) -> Configuration:
    """A file of variables: the proxy's where it or the environment names its backend, else whatever is usual."""
    from trunkline.config.env_file import decode_env

    variables = decode_env(text, environ if named else {})
    if "PROXY_BACKEND" in {*variables, *environ}:
        from trunkline.config.proxy_backend.reader import read_proxy

        folder = str(path.absolute().parent)
        return _without_report(path, read_proxy(str(path), variables, environ, folder=folder, named=named))
    filed = {name: variable.value for name, variable in variables.items()}
    merged = {**environ, **filed} if named else {**filed, **environ}
    kept_back = _kept_back(filed, environ) if not named else ()
    merged = {name: value for name, value in merged.items() if name not in kept_back}
    found = _with_list(from_environment(merged), merged, path.parent)
    if found is None:
        raise _unusable(str(path), "sets no variable of a provider: DATABRICKS_HOST, OPENAI_API_KEY...")
    told = tuple(
        f"{name} is not used: {path} would say where it goes; name it with --config" for name in kept_back
    )
    return structs.replace(found, source=str(path), warnings=(*found.warnings, *told))


def _kept_back(filed: Mapping[str, str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Variables of the environment that authenticate at a place which a file names that just lies in the working
    directory: whoever wrote the file need not be who owns them."""
    told: list[str] = []
    for places, logins in CREDENTIALS:
        if any(name in filed and not environ.get(name) for name in places):
            told += [name for name in environ if name.startswith(logins) and name not in (*places, *filed)]
    return tuple(told)


def read_text(path: Path) -> str:
    """A configuration file's text. Raises ConfigurationError naming the file and the reason."""
    try:
        if not path.is_file():
            reason = "is not a file" if path.exists() else "does not exist"
            raise _unusable(str(path), reason)
        if path.stat().st_size > MAX_FILE:
            raise _unusable(str(path), "is larger than 1 MiB: this is no configuration")
        data = path.read_bytes()
    except OSError as error:
        raise _unusable(str(path), f"cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            (Problem(file=str(path), line=line, message="is not text in UTF-8"),)
        ) from None


def exposed(path: Path, literal_secrets: list[str]) -> tuple[str, ...]:
    """A warning when the file holds credentials and others on this machine can read it."""
    if not literal_secrets or os.name == "nt":
        return ()
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o077:
        return ()
    named = ", ".join(literal_secrets)
    return (f"{path} holds credentials ({named}) and others can read it: run chmod 600 {path}",)


def line_in(source: str, key: str) -> int | None:
    """The line of a dotted key in a configuration that was read from a file; None when there is none."""
    try:
        text = read_text(Path(source))
        if dialect_of(text) == "ccr":
            from trunkline.config.ccr.document import line_of_ccr

            return line_of_ccr(text, source, key)
        tree = _tree(text, source)
    except ConfigurationError:
        return None
    return None if tree is None else line_of(tree, key)


def _tree(text: str, file: str) -> Node | None:
    from trunkline.config.yaml_file import decode_yaml  # 75 ms that an environment alone does not need

    return decode_yaml(text, file)


def _usual_file(environ: Mapping[str, str]) -> str | None:
    usual = user_home(environ) / ".config" / "trunkline" / "config.yaml"
    return str(usual) if _exists(usual) else None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _unusable(file: str, message: str) -> ConfigurationError:
    return ConfigurationError((Problem(file=file, message=message),))
