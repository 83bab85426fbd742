"""The collector of reference cycles, set for a server: what lives for ever is not looked at again and again."""

import gc
from typing import Final

NEW_OBJECTS: Final = 10_000
"""Objects that make the collector look at the young ones; Python's 700 are one or two requests."""


def settle() -> None:
    """Call once a process has loaded what it needs: modules, tables and configuration are set aside."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 10, 10)
