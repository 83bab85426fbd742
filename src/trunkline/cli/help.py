"""``trunkline help``: the list of commands, or the help of one."""

import click


@click.command("help")
@click.argument("name", metavar="[COMMAND]", required=False)
@click.pass_context
def command(context: click.Context, name: str | None) -> None:
    """Show all commands, or what one of them does."""
    above = context.parent
    if above is None or not isinstance(above.command, click.Group):
        raise RuntimeError("help is a command of a group")
    if name is None:
        click.echo(above.get_help())
        return
    found_name, found, _ = above.command.resolve_command(above, [name])
    if found is None:
        raise click.UsageError(f'There is no command "{name}".')
    with click.Context(found, info_name=found_name, parent=above) as inner:
        click.echo(found.get_help(inner))
