"""``ota-server token``: what lets devices enrol."""

from datetime import timedelta

import click

from ota_client.cli.summaries import SummaryGroup
from ota_server.cli.console import Console, table
from ota_server.cli.group import fleet_options
from ota_server.cli.options import DURATION


@click.group("token", cls=SummaryGroup)
def token_group() -> None:
    """Issue and withdraw enrolment tokens."""


@token_group.command("issue")
@click.argument("product")
@click.option("--device", "device_ids", default="*", show_default=True, help="An id, or cam-*.")
@click.option("--uses", type=click.IntRange(1), default=1, show_default=True, help="Devices it enrols.")
@click.option("--lifetime", type=DURATION, default="7d", show_default=True, help="30m, 2h, 7d.")
@click.option("--tag", "tags", multiple=True, help="Put on the devices that it enrols.")
@click.option("--rekey", is_flag=True, help="Give a known device to another key: after a repair.")
@fleet_options
def issue_command(
    console: Console,
    *,
    product: str,
    device_ids: str,
    uses: int,
    lifetime: timedelta,
    tags: tuple[str, ...],
    rekey: bool,
) -> None:
    """Issue a token for devices of PRODUCT.

    It is shown this once, on stdout.
    """
    from ota_server.operations import enrolment_tokens  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        issued = enrolment_tokens.issue(
            desk, product, device_ids=device_ids, uses=uses, lifetime=lifetime, tags=tags, rekey=rekey
        )
    # the token alone on stdout, so that it can go into a file unseen
    console.show(issued.token, issued)
    click.echo(f"token {issued.id} is valid until {issued.expires_at:%Y-%m-%d %H:%M} UTC", err=True)


@token_group.command("list")
@fleet_options
def list_command(console: Console) -> None:
    """List the tokens that have not expired.

    The tokens themselves are not kept.
    """
    from ota_server.operations import enrolment_tokens  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        found = enrolment_tokens.listed(desk)
    heads = ("id", "product", "devices", "uses left", "expires", "tags", "rekey")
    rows = [
        (t.id, t.product, t.device_ids, t.uses_left, t.expires_at, t.tags, "yes" if t.rekey else "no")
        for t in found
    ]
    console.show(table(heads, rows), {"tokens": found})


@token_group.command("withdraw")
@click.argument("token_id", metavar="ID", type=int)
@fleet_options
def withdraw_command(console: Console, *, token_id: int) -> None:
    """Make token ID void; devices that it enrolled stay."""
    from ota_server.operations import enrolment_tokens  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        enrolment_tokens.withdraw(desk, token_id)
    console.done(f"token {token_id} is void", {"id": token_id})
