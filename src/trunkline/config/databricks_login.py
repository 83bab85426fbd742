"""Which Databricks credential is meant, from a file's keys or from the environment (databricks.md 2)."""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import structs

from trunkline.config.addresses import host_fault
from trunkline.config.databrickscfg import ProfileError, profile_file, read_profile
from trunkline.config.schema import Login
from trunkline.config.secret import Secret
from trunkline.config.section import Section

LoginKind = Literal["oauth", "entra", "profile", "azure_cli", "cli", "sdk"]
_BY_NAME: Final[Mapping[str, LoginKind]] = {
    "oauth": "oauth",
    "entra": "entra",
    "profile": "profile",
    "azure_cli": "azure_cli",
    "cli": "cli",
    "sdk": "sdk",
}
LOGINS: Final = tuple(_BY_NAME)
KEYS: Final = ("client_id", "client_secret", "tenant", "profile", "workspace")

AUTH_TYPES: Final[Mapping[str, LoginKind]] = {
    "oauth-m2m": "oauth",
    "azure-client-secret": "entra",
    "azure-cli": "azure_cli",
    "databricks-cli": "cli",
}
"""``DATABRICKS_AUTH_TYPE`` to what it picks; ``pat`` is a token, everything else is the library's."""

PRINCIPAL: Final[Mapping[str, tuple[str, str]]] = {
    "oauth": ("DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"),
    "entra": ("ARM_CLIENT_ID", "ARM_CLIENT_SECRET"),
}


def decode_login(section: Section, auth: str | None, *, token: bool) -> Login | None:
    """The login that a provider's keys describe; None when they describe none.

    What is missing of a service principal is taken from its usual variables.
    """
    login = Login(
        kind=_kind(section, auth),
        client_id=section.text("client_id"),
        client_secret=section.secret("client_secret"),
        tenant=section.text("tenant"),
        profile=section.text("profile"),
        workspace=_workspace(section),
    )
    given = [name for name in KEYS if section.get(name) is not None]
    if auth not in LOGINS and not given:
        return None
    if auth is not None and auth not in LOGINS:
        section.problem("auth", f'"{auth}" sends a token, but {given[0]} is given: remove one of them')
    elif token:
        section.problem("auth" if auth else given[0], "gets its own tokens: remove the token")
    if login.kind not in PRINCIPAL:
        return login
    return _principal(section, login)


def _workspace(section: Section) -> str | None:
    host = section.text("workspace")
    if host is not None and (fault := host_fault(host)):
        section.problem("workspace", fault)
    return host


def _kind(section: Section, auth: str | None) -> LoginKind:
    named = None if auth is None else _BY_NAME.get(auth)
    if named is not None:
        return named
    if section.get("profile") is not None:
        return "profile"
    return "oauth" if section.get("tenant") is None else "entra"


def _principal(section: Section, login: Login) -> Login:
    """The login with what the environment adds; what is missing then is noted."""
    environ = section.reading.environ
    id_name, secret_name = PRINCIPAL[login.kind]
    secret = _value(environ, secret_name)
    filled = structs.replace(
        login,
        client_id=login.client_id or _value(environ, id_name),
        client_secret=login.client_secret or (Secret(secret) if secret else None),
        tenant=login.tenant or (_value(environ, "ARM_TENANT_ID") if login.kind == "entra" else None),
    )
    for name, value, variable in (
        ("client_id", filled.client_id, id_name),
        ("client_secret", filled.client_secret, secret_name),
    ):
        if value is None and section.get(name) is None:
            section.problem(name, f"is missing: give it, or set {variable}")
    return filled


def usual_login(environ: Mapping[str, str], host: str) -> Login | None:
    """What Databricks' usual variables describe beside a token; None when they describe nothing.

    ``host`` decides whether Azure's variables are meant for it.
    """
    named = _value(environ, "DATABRICKS_AUTH_TYPE")
    if named is not None:
        picked: LoginKind = AUTH_TYPES.get(named, "sdk")
        return None if named == "pat" else _from_variables(environ, picked)
    if all(_value(environ, name) for name in PRINCIPAL["oauth"]):
        return _from_variables(environ, "oauth")
    if "azure" in host and all(_value(environ, name) for name in PRINCIPAL["entra"]):
        return _from_variables(environ, "entra")
    if _value(environ, "DATABRICKS_CONFIG_PROFILE"):
        return _from_variables(environ, "profile")
    return None


def picks_login(environ: Mapping[str, str]) -> bool:
    """Whether ``DATABRICKS_AUTH_TYPE`` asks for something else than a token that is set as well."""
    return _value(environ, "DATABRICKS_AUTH_TYPE") not in (None, "pat")


def _from_variables(environ: Mapping[str, str], kind: LoginKind) -> Login | None:
    client_id, client_secret = None, None
    if kind in PRINCIPAL:
        client_id, client_secret = (_value(environ, name) for name in PRINCIPAL[kind])
        if client_id is None or client_secret is None:
            return None
    profiled = kind in ("profile", "cli")
    return Login(
        kind=kind,
        client_id=client_id,
        client_secret=None if client_secret is None else Secret(client_secret),
        tenant=_value(environ, "ARM_TENANT_ID") if kind in ("entra", "azure_cli") else None,
        profile=_value(environ, "DATABRICKS_CONFIG_PROFILE") if profiled else None,
        workspace=_value(environ, "DATABRICKS_HOST"),
    )


def profile_host(environ: Mapping[str, str], name: str | None) -> str:
    """The workspace that a profile is for. Raises ProfileError."""
    file = profile_file(environ)
    profile = read_profile(file, name)
    host = profile.get("host")
    if host is None:
        raise ProfileError(f"{file}: the profile {profile.name} has no host")
    return host


def _value(environ: Mapping[str, str], name: str) -> str | None:
    return environ.get(name, "").strip() or None
