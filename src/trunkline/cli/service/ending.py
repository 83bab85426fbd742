"""Having a service end, and waiting for it."""

import os
import signal
import time
from contextlib import suppress
from typing import Final

import click

from trunkline.cli.service.places import Places
from trunkline.cli.service.record import Service, forget_service, is_alive

STEP: Final = 0.02
SOON: Final = 1.0
"""Seconds after which a user is told what is waited for."""
GRACE: Final = 3.0
"""Seconds that a process has to end at once before it is killed."""


def end(places: Places, service: Service, *, now: bool) -> None:
    """Have the service end and wait for it. Raises OSError when the process is somebody else's."""
    with suppress(ProcessLookupError):
        os.kill(service.pid, signal.SIGTERM)
        if now:
            _cut(service)
    _wait(service, told=now)
    forget_service(places, service.pid)


def _cut(service: Service) -> None:
    """End it at once, whatever it does: a second signal ends a server that drains."""
    time.sleep(STEP)
    os.kill(service.pid, signal.SIGINT)
    until = time.monotonic() + GRACE
    while is_alive(service):
        if time.monotonic() > until:
            os.kill(service.pid, signal.SIGKILL)
            return
        time.sleep(STEP)


def _wait(service: Service, *, told: bool) -> None:
    """Until the process has ended; how long it drains is for its ``timeouts.drain`` to say."""
    since = time.monotonic()
    while is_alive(service):
        if not told and time.monotonic() - since > SOON:
            click.echo(
                "trunkline: waiting for requests under way; trunkline stop --now cuts them", err=True
            )
            told = True
        time.sleep(STEP)
