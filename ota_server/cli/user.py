"""``ota-server user``: who may steer the fleet."""

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click

from ota_client.cli.summaries import SummaryGroup
from ota_client.errors import ConfigError
from ota_client.formats.counted import counted
from ota_server.cli.console import Console, table
from ota_server.cli.group import fleet_options, yes_option
from ota_server.cli.options import DURATION, Parsed
from ota_server.cli.pages import page_options, show_page
from ota_server.cli.product import doubt
from ota_server.operators.role import ALL_PRODUCTS, Grant, Grants
from ota_server.settings import read_unchecked

if TYPE_CHECKING:
    from ota_server.operations.people import Invited
    from ota_server.operators.account import Operator

GRANT: Final = Parsed("grant", Grant.parse)


@click.group("user", cls=SummaryGroup)
def user_group() -> None:
    """Invite operators, and say what each may."""


@user_group.command("invite")
@click.argument("name")
@click.option("--grant", "grants", type=GRANT, multiple=True, help="ROLE:PRODUCT; may be repeated.")
@click.option("--mail", default="", help="Where mail for this person goes.")
@click.option("--lifetime", type=DURATION, default="1d", show_default=True, help="Of the link.")
@click.option("--again", is_flag=True, help="A new link for one who is there: a new password.")
@fleet_options
def invite_command(
    console: Console,
    *,
    name: str,
    grants: tuple[Grant, ...],
    mail: str,
    lifetime: timedelta,
    again: bool,
) -> None:
    """Make an account NAME, and a one-time link by which its person sets a password.

    Roles are viewer, operator, approver and admin; `--grant admin` is for all products.
    """
    from ota_server.operations import people  # noqa: PLC0415 - help must start fast

    if again and (grants or mail):
        raise click.UsageError("expected --again alone: it changes nothing but the password")
    if not again and not grants:
        raise click.UsageError("expected --grant ROLE:PRODUCT, such as --grant operator:cam, got none")
    with console.desk(write=True) as desk:
        if again:
            invited = people.invite_again(desk, name, lifetime=lifetime)
        else:
            invited = people.invite(desk, name, grants, mail=mail, lifetime=lifetime)
    _show_link(console, invited)
    doubt_products(console, grants)


def _show_link(console: Console, invited: "Invited") -> None:
    link, name = invited.link, invited.operator.name
    url = link.url(read_unchecked(os.environ, console.config).public_url)
    # the link alone on stdout, so that it can go into a file unseen
    console.show(url, {"name": name, "url": url, "expires_at": link.expires_at})
    click.echo(f"for {name} alone, once, until {link.expires_at:%Y-%m-%d %H:%M} UTC", err=True)


@user_group.command("list")
@page_options
@fleet_options
def list_command(console: Console, *, after: str | None, limit: int) -> None:
    """List operators."""
    from ota_server.operations import people  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        page = people.listed(desk, after=after, limit=limit)
    heads = ("name", "status", "roles", "signed in", "mail")
    rows = [(o.name, o.status, words(o.grants), o.signed_in_at, o.mail) for o in page.items]
    show_page(console, "operators", page, table(heads, rows))


@user_group.command("show")
@click.argument("name")
@fleet_options
def show_command(console: Console, *, name: str) -> None:
    """Show one operator."""
    from ota_server.operations import people  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        operator = people.find(desk, name)
    fields = {**operator.to_fields(), "grants": words(operator.grants)}
    console.show(table(("", ""), fields.items()), operator)


@user_group.command("grant")
@click.argument("name")
@click.argument("grant", metavar="ROLE:PRODUCT", type=GRANT)
@fleet_options
def grant_command(console: Console, *, name: str, grant: Grant) -> None:
    """Give NAME a role for a product, in place of the one there; `admin` alone is for all products."""
    from ota_server.operations import people  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        operator = people.grant(desk, name, grant)
    _say(console, operator)
    doubt_products(console, (grant,))


@user_group.command("revoke-grant")
@click.argument("name")
@click.argument("product")
@fleet_options
def revoke_grant_command(console: Console, *, name: str, product: str) -> None:
    """Take NAME's role for PRODUCT away; `*` is the one for all products."""
    from ota_server.operations import people  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        operator = people.revoke_grant(desk, name, product)
    _say(console, operator)


@user_group.command("disable")
@click.argument("name")
@fleet_options
def disable_command(console: Console, *, name: str) -> None:
    """Refuse NAME, and NAME's API tokens, from the next request on."""
    from ota_server.operations import people  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        operator = people.disable(desk, name)
    console.done(f"{name} is disabled; `ota-server user enable {name}` lets in again", operator)


@user_group.command("enable")
@click.argument("name")
@fleet_options
def enable_command(console: Console, *, name: str) -> None:
    """Let NAME in again; also ends a lock after wrong passwords."""
    from ota_server.operations import people  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        operator = people.enable(desk, name)
    console.done(f"{name} is {operator.status}", operator)


@user_group.command("link")
@click.argument("name")
@click.argument("subject")
@click.option("--issuer", help="Of the identity provider.  [default: the settings' issuer]")
@fleet_options
def link_command(console: Console, *, name: str, subject: str, issuer: str | None) -> None:
    """Let who is SUBJECT (the claim `sub`) at the identity provider sign in as NAME."""
    from ota_server.operations import people  # noqa: PLC0415 - help must start fast

    at = issuer or _issuer(console)
    with console.desk(write=True) as desk:
        operator = people.link(desk, name, at, subject)
    console.done(f"{name} may sign in at {at}", operator)


@user_group.command("sign-out")
@click.argument("name")
@fleet_options
def sign_out_command(console: Console, *, name: str) -> None:
    """End all sessions of NAME."""
    from ota_server.operations import people  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        ended = people.sign_out(desk, name)
    console.done(f"ended {counted(ended, 'session')} of {name}", {"name": name, "sessions": ended})


@user_group.command("remove")
@click.argument("name")
@yes_option
@fleet_options
def remove_command(console: Console, *, name: str) -> None:
    """Forget NAME, with sessions, API tokens and subscriptions; the audit log keeps what was done."""
    from ota_server.operations import people  # noqa: PLC0415 - help must start fast

    console.confirm(f"remove {name} for good")
    with console.desk(write=True) as desk:
        people.remove(desk, name)
    console.done(f"{name} is removed", {"name": name})


def words(grants: Grants) -> tuple[str, ...]:
    """Roles as ``--grant`` takes them."""
    return tuple(f"{role}:{product}" for product, role in sorted(grants.items()))


def doubt_products(console: Console, grants: tuple[Grant, ...]) -> None:
    """Ask about the products of grants that nothing is known of."""
    from ota_server.operations import products  # noqa: PLC0415 - help must start fast

    named = {grant.product for grant in grants} - {ALL_PRODUCTS}
    if not named:
        return
    with console.desk() as desk:
        unknown = [product for product in sorted(named) if not products.is_known(desk, product)]
    for product in unknown:
        click.echo(doubt(product), err=True)


def _say(console: Console, operator: "Operator") -> None:
    held = ", ".join(words(operator.grants)) or "no role any more"
    console.done(f"{operator.name} has {held}", operator)


def _issuer(console: Console) -> str:
    operators = read_unchecked(os.environ, console.config).operators
    if operators is None or operators.oidc is None:
        raise ConfigError("expected --issuer, or [oidc] issuer in the settings, got neither")
    return operators.oidc.issuer
