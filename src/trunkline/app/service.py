"""Whether this process is a background service, or a worker of one."""

import os
from collections.abc import Mapping
from typing import Final

SERVICE_VARIABLE: Final = "TRUNKLINE_SERVICE_PID"
"""Set by a background service for itself and its workers: the process that ``trunkline restart`` renews."""


def service_pid(environ: Mapping[str, str]) -> int | None:
    """The background service that this process is, or is a worker of; None: it is none."""
    named = environ.get(SERVICE_VARIABLE, "")
    pid = int(named) if named.isdecimal() else None
    return pid if pid in (os.getpid(), os.getppid()) else None
