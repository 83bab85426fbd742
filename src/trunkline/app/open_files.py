"""How many files and sockets this process may have open: each request under way has two."""

import logging
import sys
from typing import Final

log: Final = logging.getLogger(__name__)

WANTED: Final = 65_536
FEW: Final = 512


def raise_limit() -> None:
    """Raise the limit to what the system allows; macOS begins with 256. A warning where that is very few.

    Beyond it new connections are closed at once, until others have ended.
    """
    if sys.platform == "win32":
        return
    import resource  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    wanted = WANTED if hard == endless else min(WANTED, hard)
    if soft != endless and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # macOS says there is no limit, and has one
            wanted = soft
        soft = wanted
    if soft != endless and soft < FEW:
        log.warning(
            "at most %d files and sockets may be open (ulimit -n): with more than about %d requests at once, "
            "connections are closed",
            soft,
            soft // 2,
        )
