"""A list of commands whose summaries are whole sentences; click's own cuts them to one line."""

from typing import Final

import click

_LONGEST: Final = 400


class SummaryGroup(click.Group):
    """Wraps the first sentence of each command's help where click would end it with dots."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list."""
        named = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [
            (name, command.get_short_help_str(_LONGEST))
            for name, command in named
            if command and not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
