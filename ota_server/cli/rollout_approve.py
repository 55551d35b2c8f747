"""``ota-server rollout approve`` and ``reject``: the second pair of eyes."""

import click

from ota_server.cli.console import Console
from ota_server.cli.group import Command, fleet_options
from ota_server.cli.rollout_text import found, headline, rollout_fields


def _comment_option(command: Command) -> Command:
    option = click.option("--comment", default="", help="Kept with the rollout, and in the audit log.")
    return option(command)


@click.command("approve")
@click.argument("rollout")
@_comment_option
@fleet_options
def approve_command(console: Console, *, rollout: str, comment: str) -> None:
    """Agree to the proposed ROLLOUT: it starts, at once or when its plan says.

    Whoever made it cannot.
    """
    from ota_server.operations import approvals  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        after = approvals.approve(desk, found(desk, rollout).id, comment=comment)
    console.done(headline(after), rollout_fields(after))


@click.command("reject")
@click.argument("rollout")
@_comment_option
@fleet_options
def reject_command(console: Console, *, rollout: str, comment: str) -> None:
    """Decline the proposed ROLLOUT, for good.

    Whoever made it ends it with abort.
    """
    from ota_server.operations import approvals  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        after = approvals.reject(desk, found(desk, rollout).id, comment=comment)
    console.done(headline(after), rollout_fields(after))
