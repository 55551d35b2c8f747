"""``ota-sign``: the release engineer's desk."""

import click

from signing.commands.desk import DeskGroup, repository_options, secret_options
from signing.commands.keys import key_group
from signing.commands.look import inspect_command, status_command, verify_command
from signing.commands.product import product_group
from signing.commands.publishing import (
    discard_command,
    publish_command,
    refresh_command,
    review_command,
    sign_command,
)
from signing.commands.release import channel_group, release_group
from signing.commands.root import init_command, renew_command, root_group

_EPILOG = (
    "The way of a release: release add, review, sign (each signer), publish. "
    "Exit codes: 0 done, 2 usage or settings, 3 nothing to do, 4 not authorised (passphrase, "
    "signatures), 5 network, 10 verification, 11 expired, 12 refused, 1 other. Shell completion: "
    'eval "$(_OTA_SIGN_COMPLETE=bash_source ota-sign)" (or zsh_source, fish_source).'
)


@click.group(cls=DeskGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@repository_options
@secret_options
@click.version_option(package_name="ratchet-ota")
def main() -> None:
    """Sign and publish firmware releases. All changes are staged; `publish` makes them public."""


for _command in (
    init_command,
    key_group,
    root_group,
    renew_command,
    product_group,
    release_group,
    channel_group,
    review_command,
    sign_command,
    publish_command,
    refresh_command,
    discard_command,
    status_command,
    verify_command,
    inspect_command,
):
    main.add_command(_command)
