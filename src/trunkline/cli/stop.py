"""``trunkline stop``: the end of the background gateway."""

import os

import click

from trunkline.cli.exits import Failure
from trunkline.cli.listing import json_option, print_json
from trunkline.cli.service.ending import end
from trunkline.cli.service.find import Found, answers, find
from trunkline.cli.service.places import all_places
from trunkline.cli.service.probe import url
from trunkline.cli.service.record import forget_service, read_service, running_service


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
