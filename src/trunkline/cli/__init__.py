"""The command ``trunkline``: one file a command, loaded when it is used."""

import sys


def main() -> None:
    """The entry point. Ends the process with the exit codes of the contract; never shows a traceback."""
    if sys.argv[1:] in (["--version"], ["-V"], ["-v"]):  # answered before anything is loaded
        from trunkline import __version__

        print(f"trunkline {__version__}")
        return
    if sys.argv[1:] == ["statusline"]:  # run several times a minute: only what it needs is loaded
        from trunkline.cli.status_line.line import run as run_status_line

        sys.exit(run_status_line())
    from trunkline.cli.outcome import run

    sys.exit(run(sys.argv[1:]))
