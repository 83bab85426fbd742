"""The list of commands. A command's module is loaded when it is run or its own help is asked for."""

from importlib import import_module
from typing import Final

import click

from trunkline import __version__
from trunkline.config.nearest import nearest

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "serve": ("trunkline.cli.serve", "Run the gateway in the foreground."),
    "start": ("trunkline.cli.start", "Start the gateway in the background."),
    "stop": ("trunkline.cli.stop", "Stop the gateway in the background."),
    "restart": ("trunkline.cli.restart", "Start the gateway in the background anew."),
    "reload": ("trunkline.cli.reload", "Have the running gateway read its configuration anew."),
    "logs": ("trunkline.cli.logs", "Show the log of the gateway in the background."),
    "launch": ("trunkline.cli.launch", "Start a coding agent wired to the gateway."),
    "code": ("trunkline.cli.code", "Start Claude Code wired to the gateway."),
    "activate": ("trunkline.cli.activate", "Print what points Claude Code at the gateway, for a shell."),
    "env": ("trunkline.cli.activate", "The same as activate."),
    "statusline": ("trunkline.cli.statusline", "Print the line under Claude Code's prompt."),
    "model": ("trunkline.cli.model", "Show or change which model serves which purpose."),
    "preset": ("trunkline.cli.preset", "Share configurations: export, install, list, run."),
    "config": ("trunkline.cli.config", "Check, show or import the configuration."),
    "models": ("trunkline.cli.models", "List the models that clients can ask for."),
    "explain": ("trunkline.cli.explain", "Show who would serve a request, without sending it."),
    "status": ("trunkline.cli.status", "Ask the running gateway how it is."),
    "doctor": ("trunkline.cli.doctor", "Check configuration, credentials and connections."),
    "ui": ("trunkline.cli.ui", "Open the dashboard in the browser."),
    "ccr-alias": ("trunkline.cli.ccr_alias", "Install or remove a command ccr."),
    "help": ("trunkline.cli.help", "Show all commands, or what one does."),
    "version": ("trunkline.cli.version", "Show the version."),
}
"""Name -> (module with a click command ``command``, the line in the list)."""


class CommandList(click.Group):
    """A group that knows its commands by name and loads them late."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, loaded now; None when there is none of this name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: object = import_module(entry[0]).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command to run. An unknown one is a usage error that names the nearest."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            found = nearest(name[:80], COMMANDS, 1)
            hint = f'Did you mean "{found[0]}"?' if found else f"Commands: {', '.join(COMMANDS)}."
            ctx.fail(f'There is no command "{name[:80]}". {hint}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list for ``--help``, without loading any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=CommandList,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: trunkline serve",
)
@click.version_option(__version__, message="trunkline %(version)s")
def trunkline() -> None:
    """One line from every coding agent to every model."""
