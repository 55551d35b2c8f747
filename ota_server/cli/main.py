"""``ota-server``: its commands."""

import click

from ota_server.cli.advisory import advisory_group
from ota_server.cli.api_token import api_token_group
from ota_server.cli.audit import audit_group
from ota_server.cli.backup import backup_command, restore_command
from ota_server.cli.device import device_group
from ota_server.cli.doctor import doctor_command
from ota_server.cli.group import ErrorGroup
from ota_server.cli.groups import group_group
from ota_server.cli.init import init_command
from ota_server.cli.migrate import migrate_command
from ota_server.cli.privacy import privacy_group
from ota_server.cli.product import product_group
from ota_server.cli.release import release_group
from ota_server.cli.rollout import rollout_group
from ota_server.cli.serve import serve_command
from ota_server.cli.simulate import simulate_command
from ota_server.cli.token import token_group
from ota_server.cli.upload import upload_command
from ota_server.cli.user import user_group
from ota_server.cli.webhook import webhook_group

_EPILOG = (
    "Exit codes: 0 done, 1 other failure, 2 usage or settings, 4 not authorised, 12 the rollout is "
    "halted. Shell completion: "
    'eval "$(_OTA_SERVER_COMPLETE=bash_source ota-server)" (or zsh_source, fish_source).'
)


@click.group(
    cls=ErrorGroup,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="ratchet-ota")
def main() -> None:
    """Serve what `ota-sign publish` wrote to devices, know them, and roll releases out.

    This server is untrusted by design: it holds no release key, and devices verify every byte.
    """


for _command in (
    init_command,
    serve_command,
    device_group,
    group_group,
    token_group,
    release_group,
    rollout_group,
    advisory_group,
    product_group,
    audit_group,
    user_group,
    api_token_group,
    webhook_group,
    backup_command,
    restore_command,
    migrate_command,
    doctor_command,
    privacy_group,
    upload_command,
    simulate_command,
):
    main.add_command(_command)
