"""Running one command: its result or its failure becomes an exit code and at most a few clear lines."""

import os
import sys
from collections.abc import Sequence

import click

from trunkline.cli.exits import CONFIGURATION, CREDENTIAL, FAILED, INTERRUPTED, Failure
from trunkline.cli.group import trunkline
from trunkline.config.presets.manifest import PresetError
from trunkline.config.problems import ConfigurationError, CredentialMissing


def run(arguments: Sequence[str]) -> int:
    """Run the command line; the exit code. Nothing that goes wrong shows a traceback."""
    try:
        result: object = trunkline.main(args=list(arguments), prog_name="trunkline", standalone_mode=False)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _pipe_closed()
    except Exception as error:  # noqa: BLE001 - the last line of defence: a user sees words, no stack
        lines, code = explained(error)
        say(lines)
        return code
    return result if isinstance(result, int) else 0


def explained(error: Exception) -> tuple[tuple[str, ...], int]:
    """The words and the exit code for whatever stopped a command."""
    if isinstance(error, Failure):
        return (error.message,), error.code
    if isinstance(error, PresetError):
        return (str(error),), FAILED
    if isinstance(error, ConfigurationError):
        missing = isinstance(error, CredentialMissing)
        what = "credential" if missing else "configuration"
        lines = tuple(f"{what}: {problem}" for problem in error.problems)
        heading = (f"The configuration has {len(lines)} problems:",) if len(lines) > 1 else ()
        return heading + lines, CREDENTIAL if missing else CONFIGURATION
    return _stopped(error)


def _stopped(error: Exception) -> tuple[tuple[str, ...], int]:
    from trunkline.server.errors import StartRefused  # the server is not loaded by every command

    if isinstance(error, StartRefused):
        return (str(error),), error.exit_code
    if isinstance(error, OSError):
        place = f" ({error.filename})" if isinstance(error.filename, str) else ""
        return (f"{error.strerror or type(error).__name__}{place}",), FAILED
    if os.environ.get("TRUNKLINE_TRACEBACK"):
        raise error
    hint = "This is a bug in Trunkline: please report it with the output under TRUNKLINE_TRACEBACK=1."
    return (f"{type(error).__name__} in {_place(error)}. {hint}",), FAILED


def _place(error: Exception) -> str:
    """File and line of an unexpected error; its text is left out: it may hold what nobody should see."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    if step is None:
        return "an unknown place"
    return f"{os.path.basename(step.tb_frame.f_code.co_filename)}:{step.tb_lineno}"


def say(lines: Sequence[str]) -> None:
    """What went wrong, on stderr."""
    for line in lines:
        click.echo(f"trunkline: {line}", err=True)


def _pipe_closed() -> int:
    """Whoever read our output has gone, as ``head`` does: nothing more to say."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
