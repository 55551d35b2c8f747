"""``ota-client enroll`` and ``consent``: the device and its update server."""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ota_client.cli.group import json_option, report
from ota_client.cli.invocation import Invocation
from ota_client.config import DeviceConfig
from ota_client.device import open_ports
from ota_client.disk.storage import DiskStorage
from ota_client.errors import ConfigError, NotAuthorisedError
from ota_client.formats.version import Version
from ota_client.ports import Ports

if TYPE_CHECKING:
    from ota_client.fleet.enrolment import Certificate
    from ota_client.fleet.identity import Identity
    from ota_client.fleet.server import UpdateServer
    from ota_client.fleet.settings import ServerSettings

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_TOKEN: Final = "OTA_CLIENT_TOKEN"  # noqa: S105 the name of a variable
_TOKEN_LONGEST: Final = 128


@click.command()
@json_option
@click.option("--device-id", help="The device's name in the fleet; default: [server] device_id.")
@click.option("--token-file", type=_FILE, help=f"The operator's token; or in {_TOKEN}, or at a prompt.")
@click.option("--factory-certificate", type=_FILE, help="In place of a token, PEM.")
@click.option("--factory-key", type=_FILE, help="Its key, if not in the same file.")
@click.option(
    "--renew", is_flag=True, help="Have the same key certified anew; the agent does so in time."
)
@click.option("--force", is_flag=True, help="Make a new key although the device is enrolled.")
@click.pass_obj
def enroll(
    invocation: Invocation,
    *,
    device_id: str | None,
    token_file: Path | None,
    factory_certificate: Path | None,
    factory_key: Path | None,
    renew: bool,
    force: bool,
) -> None:
    """Have the update server know this device: its key is made here and never leaves."""
    from ota_client.fleet.opening import open_identity  # noqa: PLC0415 help must start fast
    from ota_client.fleet.server import UpdateServer  # noqa: PLC0415 as above

    config = invocation.settings()
    settings, ports = _server(config), open_ports(config)
    identity = open_identity(config, ports.storage)
    with ports.storage.lock(str(config.state_dir / "enroll.lock")):
        if renew:
            _show("renewed", _renew(identity, ports, settings))
            return
        name = device_id or settings.device_id
        known = None if force else _known(identity, name, ports)
        if known is not None:
            _show("enrolled already", known)
            return
        factory = factory_certificate is not None
        token = None if factory else _read_token(token_file)
        server = UpdateServer(ports.line(factory_certificate, factory_key), settings.url)
        _show("enrolled", _enrol(server, identity, config, name, token, rekey=force))


@click.command()
@json_option
@click.argument("version")
@click.pass_obj
def consent(invocation: Invocation, version: str) -> None:
    """Agree to the release VERSION, which the update server asked the owner about."""
    from ota_client.fleet.consent import Consent  # noqa: PLC0415 help must start fast

    config = invocation.settings()
    _server(config)
    try:
        agreed = Version.parse(version)
    except ValueError as e:
        raise ConfigError(f"VERSION: {e}") from e
    Consent(DiskStorage(), config.state_dir).give(agreed)
    report(
        f"release {agreed} is agreed to; it is installed when the agent checks in next",
        {"consented_version": str(agreed)},
    )


def _server(config: DeviceConfig) -> "ServerSettings":
    if config.server is None:
        raise ConfigError("server: expected a [server] table with the update server's url, got none")
    return config.server


def _known(identity: "Identity", name: str | None, ports: Ports) -> "Certificate | None":
    """The identity that is there and good; an expired one is certified anew."""
    from ota_client.fleet.enrolment import read_certificate  # noqa: PLC0415 help must start fast

    if not identity.enrolled:
        return None
    known = read_certificate(identity.read())
    if name not in {None, known.device_id}:
        raise ConfigError(
            f"expected a device that is not enrolled, got {known.device_id}; --force makes it {name}"
        )
    return known if known.expires_at - ports.clock() > timedelta() else None


def _renew(identity: "Identity", ports: Ports, settings: "ServerSettings") -> "Certificate":
    from ota_client.fleet.enrolment import renew  # noqa: PLC0415 help must start fast
    from ota_client.fleet.server import UpdateServer  # noqa: PLC0415 as above

    return renew(UpdateServer(ports.line(identity.file, None), settings.url), identity)


def _enrol(
    server: "UpdateServer",
    identity: "Identity",
    config: DeviceConfig,
    name: str | None,
    token: str | None,
    *,
    rekey: bool,
) -> "Certificate":
    from ota_client.fleet.enrolment import Newcomer, enrol  # noqa: PLC0415 help must start fast
    from ota_client.formats.strict import NAME_RULE, is_name  # noqa: PLC0415 as above

    if name is None or not is_name(name):
        raise ConfigError(f"--device-id: expected a name of {NAME_RULE}, got {name or 'none'}")
    device = Newcomer(name, config.product, config.hardware_id, token)
    return enrol(server, identity, device, rekey=rekey)


def _read_token(file: Path | None) -> str:
    """The operator's token, which never stands in the arguments: other users see those."""
    if file is not None:
        try:
            token = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as e:
            reason = e.strerror if isinstance(e, OSError) else "a file that is not text"
            raise ConfigError(f"--token-file {file}: expected the token, got {reason}") from e
    elif _TOKEN in os.environ:
        token = os.environ[_TOKEN]
    elif sys.stdin.isatty():
        token = str(click.prompt("Token", hide_input=True, err=True))
    else:
        raise NotAuthorisedError(
            f"expected the operator's token by --token-file or {_TOKEN}, or a factory's certificate, "
            "got none"
        )
    token = token.strip()
    if not token.isascii() or not token.isprintable() or not 0 < len(token) <= _TOKEN_LONGEST:
        raise ConfigError(f"token: expected 1 to {_TOKEN_LONGEST} letters and digits, got another text")
    return token


def _show(what: str, certificate: "Certificate") -> None:
    expires = f"{certificate.expires_at:%Y-%m-%d}"
    report(f"{what} as {certificate.device_id}, until {expires}", certificate.to_fields())
