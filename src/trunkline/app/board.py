"""The dashboard of a running gateway: what the server is given of it, loaded when somebody looks at it."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trunkline.config.schema import Server
from trunkline.dashboard.session import Sessions, sessions_for

if TYPE_CHECKING:
    from trunkline.dashboard.files import PageFile


def page() -> "Mapping[str, PageFile]":
    """The page's files by name."""
    from trunkline.dashboard.files import page_files

    return page_files()


def sessions(server: Server) -> Sessions | None:
    """Who signs browsers in; None where no key is wanted."""
    return sessions_for(server, time.time)
