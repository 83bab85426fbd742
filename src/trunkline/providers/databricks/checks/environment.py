"""Checks of Databricks' usual variables: settings that contradict each other (databricks.md 2.3, 2.4)."""

from collections.abc import Mapping

from trunkline.providers.finding import Finding


def of_environment(environ: Mapping[str, str]) -> list[Finding]:
    """Nothing where all is well."""
    found: list[Finding] = []
    given = {name for name in environ if environ[name].strip()}
    principal = {"DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"}
    if "DATABRICKS_TOKEN" in given and principal <= given and "DATABRICKS_AUTH_TYPE" not in given:
        found.append(
            _warn(
                "two-credentials",
                "DATABRICKS_TOKEN and DATABRICKS_CLIENT_ID are both set: the token is used, other tools refuse both",
                "set DATABRICKS_AUTH_TYPE to pat or oauth-m2m, or unset one of them",
            )
        )
    if principal & given and not principal <= given:
        (missing,) = principal - given
        found.append(
            _warn("half-a-principal", f"{missing} is not set, its other half is", f"set {missing}")
        )
    if "DATABRICKS_CONFIG_PROFILE" in given and "DATABRICKS_HOST" in given:
        found.append(
            _warn(
                "profile-beats-host",
                "DATABRICKS_CONFIG_PROFILE and DATABRICKS_HOST are both set: for the databricks command the profile"
                " decides, whatever host it is asked for",
                "unset DATABRICKS_CONFIG_PROFILE, or DATABRICKS_HOST if the profile is meant",
            )
        )
    return found


def _warn(problem: str, message: str, fix: str) -> Finding:
    return Finding(check="environment", state="warn", message=message, problem=problem, fix=fix)
