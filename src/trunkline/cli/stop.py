"""``trunkline stop``: the end of the background gateway."""

import os
import signal
import time
from contextlib import suppress
from typing import Final

import click

from trunkline.cli.exits import Failure
from trunkline.cli.listing import json_option, print_json
from trunkline.cli.service.find import Found, answers, find
from trunkline.cli.service.places import Places, all_places
from trunkline.cli.service.probe import url
from trunkline.cli.service.record import Service, forget_service, is_alive, read_service, running_service

STEP: Final = 0.02
SOON: Final = 1.0
"""Seconds after which a user is told what is waited for."""
GRACE: Final = 3.0
"""Seconds that a process has to end at once before it is killed."""


@click.command("stop")
@click.option("--now", is_flag=True, help="Cut what is under way instead of letting it end.")
@json_option
def command(now: bool, as_json: bool) -> None:
    """Stop the gateway that runs in the background. Requests under way are answered first.

    That none runs is fine. One in the foreground is left alone: exit code 1.
    """
    found = running_service(os.environ)
    if found is None:
        _nothing_to_stop()
    else:
        end(*found, now=now)
    if as_json:
        print_json("stop", {"stopped": found is not None, "pid": None if found is None else found[1].pid})
    elif found is None:
        click.echo("Not running.")
    else:
        click.echo(f"Stopped: process {found[1].pid} has ended.")


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


def _nothing_to_stop() -> None:
    """Clear what a killed service left. Raises Failure when the gateway runs, but not in the background."""
    for places in all_places(os.environ):
        stale = read_service(places)
        if stale is not None:
            forget_service(places, stale.pid)
    found = find(None)
    if _runs_elsewhere(found):
        raise Failure(
            f"The gateway at {url(*found.address)} was not started by trunkline start: stop it where it runs."
        )


def _runs_elsewhere(found: Found) -> bool:
    try:
        return answers(found)
    except Failure:
        return False  # whatever answers there is not ours
