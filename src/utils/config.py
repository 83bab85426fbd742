"""``src.utils.config``: where the guide of the PROXY_BACKEND proxy looks up what it runs on.

Like ``start_server.py`` it is for who works in a clone, and not part of the package; docs/migrate.md says more.
"""

import os
from typing import Final

from trunkline.config.load import load, working_file
from trunkline.config.schema import ProxyBackend


def read() -> ProxyBackend:
    """What the ``.env`` of the working directory says, else the environment. Raises ConfigurationError."""
    here = working_file()
    found = load(None if here is None else str(here), os.environ).proxy
    return found or ProxyBackend(backend="")


class Config:
    """The one setting that the guide asks for, under the proxy's name for it."""

    def __init__(self) -> None:
        self.proxy_backend: Final = read().backend


config: Final = Config()
