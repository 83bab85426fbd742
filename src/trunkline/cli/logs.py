"""``trunkline logs``: what the background gateway has written."""

import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from trunkline.app.log_files import age, log_files
from trunkline.cli.exits import Failure
from trunkline.cli.service.places import all_places
from trunkline.cli.service.record import running_service

PAUSE: Final = 0.2
"""Seconds between two looks for more."""
ENOUGH: Final = 512
"""Bytes that a line is guessed to have at the most, to find the last lines of a large file."""


@click.command("logs")
@click.option(
    "-n", "--lines", type=click.IntRange(0), default=20, show_default=True, help="The last so many."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option("--path", "only_path", is_flag=True, help="Print where the log is.")
@click.option("--json", "as_json", is_flag=True, help="Print the lines as they are: JSON objects.")
def command(lines: int, follow: bool, only_path: bool, as_json: bool) -> None:
    """Show the log of the gateway that runs, or last ran, in the background: a line for each request.

    \b
    Example: trunkline logs -f
    """
    folder = log_folder()
    file = log_files(folder)[-1]
    if only_path:
        click.echo(str(file))
        return
    with open(file, "rb") as log:
        last, end = last_lines(log.fileno(), lines)
    for line in last:
        click.echo(line if as_json else readable(line))
    if follow:
        for line in following(folder, file, end):
            click.echo(line if as_json else readable(line))


def log_folder() -> Path:
    """The folder with the newest log. Raises Failure when there is none."""
    running = running_service(os.environ)
    candidates = (running[0],) if running is not None else all_places(os.environ)
    written = [
        (files[-1].stat().st_mtime, places.logs)
        for places in candidates
        if (files := log_files(places.logs))
    ]
    if not written:
        raise Failure(
            f"There is no log in {candidates[0].logs}: the gateway has not run in the background."
        )
    return max(written)[1]


def last_lines(descriptor: int, count: int) -> tuple[list[str], int]:
    """The last ``count`` whole lines of an open file, and where the last of them ends."""
    size = os.fstat(descriptor).st_size
    block = max(4096, count * ENOUGH)
    while True:
        start = max(0, size - block)
        *lines, half = os.pread(descriptor, size - start, start).split(b"\n")
        if start == 0 or len(lines) > count:  # else the first one is cut
            return [line.decode(errors="replace") for line in deque(lines, count)], size - len(half)
        block *= 4


def following(folder: Path, file: Path, position: int) -> Iterator[str]:
    """Every line of ``file`` from ``position`` on, and of the files that come after it; never ends."""
    rest = b""
    while True:
        with open(file, "rb") as log:
            log.seek(position)
            data = log.read()
        position += len(data)
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")
        later = [other for other in log_files(folder) if age(other) > age(file)]
        if not data and later:
            file, position, rest = later[0], 0, b""
        elif not data:
            time.sleep(PAUSE)


def readable(line: str) -> str:
    """A line for people: time, what was asked, who answered, how it went. Other lines as they are."""
    try:
        fields = msgspec.json.decode(line, type=dict[str, object])
    except msgspec.DecodeError:
        return line
    moment = str(fields.get("time", ""))[:19].replace("T", " ")
    if "asked" not in fields:
        return f"{moment} {fields.get('level', '')} {fields.get('message', '')}".strip()
    target = fields.get("to", "nobody")
    numbers = [
        f"{fields[name]} {name}"
        for name in ("input", "cache_read", "output")
        if fields.get(name) is not None
    ]
    words = [
        f"{fields.get('status')} {fields.get('outcome')}",
        f"{fields['asked']} -> {target} ({fields.get('route', '-')})",
        f"{fields.get('seconds')} s",
        ", ".join(numbers),
        str(fields.get("error", "")),
    ]
    return "  ".join([moment, *(word for word in words if word)])
