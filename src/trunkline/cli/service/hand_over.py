"""Handing the listening sockets of a service to its successor, over a socket that only its user can reach."""

import os
import socket
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from trunkline.cli.service.places import Places

MOST: Final = 16
"""Sockets of one service: one for each address of its host."""
PATIENCE: Final = 3.0
"""Seconds that a running service has to hand over."""


def offer(places: Places, listeners: Sequence[socket.socket]) -> None:
    """Hand ``listeners`` to whoever asks, from a thread of its own, until the process ends. Raises OSError."""
    with _inside(places.home):
        with suppress(FileNotFoundError):
            places.control.unlink()
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        door.bind(places.control.name)
    places.control.chmod(0o600)
    door.listen(1)
    descriptors = [listener.fileno() for listener in listeners]
    threading.Thread(
        target=_serve, args=(door, descriptors), name="trunkline-hand-over", daemon=True
    ).start()


def _serve(door: socket.socket, descriptors: list[int]) -> None:
    while True:
        with suppress(OSError):
            asker, _ = door.accept()
            with asker:
                socket.send_fds(asker, [b"listeners"], descriptors)


def take(places: Places) -> list[socket.socket]:
    """The sockets of the service that runs there; they go on listening whatever becomes of it. Raises OSError."""
    with _inside(places.home), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
        asker.settimeout(PATIENCE)
        asker.connect(places.control.name)
        said, descriptors, _, _ = socket.recv_fds(asker, 64, MOST)
    taken = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    if said != b"listeners" or not taken:
        raise OSError("the service handed over nothing")
    return taken


@contextmanager
def _inside(folder: Path) -> Generator[None]:
    """Work in ``folder``: the address of such a socket has 107 bytes at the most, a path may have more."""
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)
        yield
    finally:
        os.fchdir(before)
        os.close(before)
