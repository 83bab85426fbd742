"""The environment that Databricks Apps give a program (databricks.md 2.6)."""

from collections.abc import Mapping
from typing import Final

from trunkline.config.schema import Server, Timeouts

NAME: Final = "DATABRICKS_APP_NAME"
PORT: Final = "DATABRICKS_APP_PORT"
WANTED: Final = "TRUNKLINE_DATABRICKS_APP"
"""Set by the App's own ``app.yaml``: a gateway inside of another App (a terminal in a dev box) is not the App."""
USUAL_PORT: Final = 8000
"""What the platform's own examples listen on when nothing says otherwise."""
DRAIN: Final = 12.0
"""Seconds for requests that run when an App is told to stop: it is killed after 15."""


def is_app(environ: Mapping[str, str]) -> bool:
    """Whether the platform started this process as an App."""
    return bool(environ.get(NAME, "").strip() and environ.get(PORT, "").strip())


def wants_app(environ: Mapping[str, str]) -> bool:
    """Whether the gateway is to be the App that this process was started as."""
    return is_app(environ) and environ.get(WANTED, "").strip().lower() in ("1", "true", "yes")


def app_server(environ: Mapping[str, str]) -> Server:
    """Where an App has to listen; its port is a number as the platform sets it."""
    given = environ.get(PORT, "").strip()
    port = int(given) if given.isdecimal() and 0 < int(given) < 65_536 else USUAL_PORT
    return Server(host="0.0.0.0", port=port, databricks_app=True)  # noqa: S104 - the front door comes by the network


def app_timeouts() -> Timeouts:
    """All as usual but for the end."""
    return Timeouts(drain=DRAIN)
