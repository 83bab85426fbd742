"""The running service, as its own process has written it down, and whether that is still true."""

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress

import msgspec
from msgspec import Struct

from trunkline.cli.service.places import Places, all_places


class Service(Struct, frozen=True, kw_only=True):
    """One process that serves in the background. Holds no secret."""

    pid: int
    born: str
    """When the system says that this process began: a later process with the same id has another."""
    since: float
    """When it began to serve, in seconds of Unix time."""
    host: str
    port: int
    config: str | None
    """The file named with ``--config``, absolute; None: found where it usually is."""
    source: str
    workers: int
    version: str
    configured_host: str = ""
    configured_port: int = 0
    """What its configuration said when it began; ``host`` and ``port`` may come from the command line."""
    supervised: bool = False
    """systemd or a container started it and takes its end for the end of the service."""


def running_service(environ: Mapping[str, str], pid: int | None = None) -> tuple[Places, Service] | None:
    """The service that runs, wherever it keeps its files; None when there is none. ``pid``: only that one."""
    for places in all_places(environ):
        service = read_service(places)
        if service is not None and pid in (None, service.pid) and is_alive(service):
            return places, service
    return None


def read_service(places: Places) -> Service | None:
    """What is written down, true or not; None when nothing usable is."""
    try:
        return msgspec.json.decode(places.record.read_bytes(), type=Service)
    except (OSError, msgspec.DecodeError):
        return None


def write_service(places: Places, service: Service) -> None:
    """Write it down, whole or not at all. Raises OSError."""
    _write_whole(places, "service.json", msgspec.json.format(msgspec.json.encode(service), indent=2))
    _write_whole(places, places.pid_file.name, b"%d\n" % service.pid)


def forget_service(places: Places, pid: int) -> None:
    """Remove what is written down about the process ``pid``, and nothing about another one."""
    service = read_service(places)
    if service is None or service.pid == pid:
        for path in (places.record, places.pid_file):
            with suppress(OSError):
                path.unlink()


def is_alive(service: Service) -> bool:
    """Whether that very process still runs."""
    return born(service.pid) == service.born


def born(pid: int) -> str | None:
    """When a process began, in the system's own words; None when there is no such process any more."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except FileNotFoundError:
        return None if os.path.exists("/proc/self/stat") else _born_elsewhere(pid)
    except ProcessLookupError:
        return None
    # proc(5): after the name, field 3 is the state and field 22 the start in clock ticks since the boot.
    return None if fields[0] in (b"Z", b"X") else fields[19].decode("ascii")


def _born_elsewhere(pid: int) -> str | None:
    """The same where there is no /proc, as on macOS."""
    listed = subprocess.run(  # noqa: S603 - a fixed program and a number
        ["/bin/ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, start = listed.stdout.strip().partition(" ")
    return start.strip() if start and not state.startswith("Z") else None


def _write_whole(places: Places, name: str, data: bytes) -> None:
    temporary = places.home / f"{name}.{os.getpid()}"
    temporary.write_bytes(data)
    temporary.replace(places.home / name)
