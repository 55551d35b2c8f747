"""``ota-server api-token``: what lets programs use the operator API."""

from datetime import timedelta

import click

from ota_client.cli.summaries import SummaryGroup
from ota_server.cli.console import Console, table
from ota_server.cli.group import fleet_options
from ota_server.cli.options import DURATION
from ota_server.cli.pages import page_options, show_page
from ota_server.cli.user import GRANT, doubt_products, words
from ota_server.operators.role import Grant


@click.group("api-token", cls=SummaryGroup)
def api_token_group() -> None:
    """Issue and withdraw tokens for the operator API."""


@api_token_group.command("issue")
@click.argument("name")
@click.option(
    "--grant",
    "grants",
    type=GRANT,
    multiple=True,
    required=True,
    help="ROLE:PRODUCT; may be repeated.",
)
@click.option("--lifetime", type=DURATION, default="90d", show_default=True, help="30m, 2h, 7d.")
@fleet_options
def issue_command(
    console: Console, *, name: str, grants: tuple[Grant, ...], lifetime: timedelta
) -> None:
    """Issue a token NAME for a program; it is no operator's.

    It is shown this once, on stdout. Operators issue their own on their account's page.
    """
    from ota_server.operations import api_tokens  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        issued = api_tokens.issue(desk, name, grants, lifetime=lifetime)
    # the token alone on stdout, so that it can go into a file unseen
    console.show(issued.token, issued)
    click.echo(f"token {issued.id} is valid until {issued.expires_at:%Y-%m-%d %H:%M} UTC", err=True)
    doubt_products(console, grants)


@api_token_group.command("list")
@page_options
@fleet_options
def list_command(console: Console, *, after: str | None, limit: int) -> None:
    """List the tokens that have not expired, of all operators.

    The tokens themselves are not kept.
    """
    from ota_server.operations import api_tokens  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        page = api_tokens.listed(desk, after=after, limit=limit)
    heads = ("id", "name", "owner", "roles", "expires", "used")
    rows = [(t.id, t.name, t.owner, words(t.grants), t.expires_at, t.used_at) for t in page.items]
    show_page(console, "tokens", page, table(heads, rows))


@api_token_group.command("withdraw")
@click.argument("token_id", metavar="ID", type=int)
@fleet_options
def withdraw_command(console: Console, *, token_id: int) -> None:
    """Make token ID void from the next request on."""
    from ota_server.operations import api_tokens  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        api_tokens.withdraw(desk, token_id)
    console.done(f"API token {token_id} is void", {"id": token_id})
