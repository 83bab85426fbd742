"""``trunkline statusline``: the line under Claude Code's prompt."""

import click

from trunkline.cli.status_line.line import run


@click.command("statusline")
def command() -> int:
    """Read Claude Code's status from stdin and print one line: folder, branch, the model that answered, tokens.

    With the modules of StatusLine in ~/.claude-code-router/config.json, if there are any. For Claude Code's settings:
    {"statusLine": {"type": "command", "command": "trunkline statusline", "padding": 0}}

    \b
    Exit code: 1 when stdin is not a JSON object.
    """
    return run()
