"""Where the gateway's own messages go."""

import logging


def configure_logging() -> None:
    """Warnings of everything and our own notes to stderr, one line each."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("trunkline").setLevel(logging.INFO)
