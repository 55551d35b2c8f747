"""``ota-sign key``: make and list keys."""

from typing import TYPE_CHECKING

import click

from ota_client.cli.summaries import SummaryGroup
from signing.commands.desk import Desk, repository_options, secret_options

if TYPE_CHECKING:
    from signing.keys import NamedKey

_SCHEMES = ("ed25519", "ecdsa-p256", "ml-dsa-65")


@click.group("key", cls=SummaryGroup)
def key_group() -> None:
    """Make and list keys. Private keys are encrypted, and never leave their folder."""


@key_group.command("generate")
@click.argument("name")
@click.option(
    "--scheme",
    type=click.Choice(_SCHEMES),
    default="ed25519",
    show_default=True,
    help="ml-dsa-65 is post-quantum (FIPS 204).",
)
@click.option("--force", is_flag=True, help="Overwrite an existing key. It cannot be brought back.")
@repository_options
@secret_options
@click.pass_obj
def generate(desk: Desk, *, name: str, scheme: str, force: bool) -> None:
    """Make a key pair NAME, and encrypt its private half by a passphrase."""
    from signing.keys import Scheme  # noqa: PLC0415 (help must start fast)

    named = desk.repository().keys.generate(name, Scheme(scheme), force=force)
    desk.say(f"key {name}: {scheme}, id {named.key.keyid}")
    desk.report(_fields(named))


@key_group.command("list")
@repository_options
@click.pass_obj
def list_keys(desk: Desk) -> None:
    """List all known keys."""
    keys = desk.repository().keys.all()
    for named in keys:
        private = "private half here" if named.is_local else "public half only"
        desk.say(f"{named.name}  {named.key.scheme}  {named.key.keyid[:12]}  {private}")
    if not keys:
        desk.say("no keys yet; `key generate NAME` makes one")
    desk.report([_fields(named) for named in keys])


@key_group.command("show")
@click.argument("name")
@repository_options
@click.pass_obj
def show(desk: Desk, *, name: str) -> None:
    """Show the public half of key NAME, and where its private half is."""
    named = desk.repository().keys.read(name)
    public = str(named.key.keyval["public"]).strip()
    desk.say(
        f"key {name}: {named.key.scheme}\nid {named.key.keyid}\nprivate half {named.uri}"
        f"{'' if named.is_local else ' (not here)'}\npublic half\n{public}"
    )
    desk.report(_fields(named))


def _fields(named: "NamedKey") -> dict[str, object]:
    return {
        "name": named.name,
        "id": named.key.keyid,
        "scheme": named.key.scheme,
        "uri": named.uri,
        "local": named.is_local,
        "public": named.key.keyval["public"],
    }
