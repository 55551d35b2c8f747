"""A device's membership, made from its settings. A module of its own: most commands need none of it."""

import os
from collections.abc import Callable

from ota_client.config import DeviceConfig
from ota_client.device import make_state_dir
from ota_client.disk.storage import Storage
from ota_client.fleet.consent import Consent
from ota_client.fleet.identity import Identity
from ota_client.fleet.link import ServerLink
from ota_client.fleet.member import FleetMember, Membership
from ota_client.fleet.report_queue import ReportQueue
from ota_client.ports import Ports
from ota_client.report import Status


def open_identity(config: DeviceConfig, storage: Storage) -> Identity:
    """The device's key and certificate, below its state directory.

    Raises:
        StorageError: the folder cannot be made, or is a link.
    """
    make_state_dir(config.state_dir)
    folder = config.state_dir / "identity"
    make_state_dir(folder)
    return Identity(storage, folder)


def open_member(config: DeviceConfig, ports: Ports, status: Callable[[], Status]) -> FleetMember | None:
    """Make the device a member of its fleet; None where ``[server]`` is not set.

    Args:
        config: the device's settings.
        ports: what it touches.
        status: tells where the device stands; ``OtaClient.status``.

    Raises:
        StorageError: the folder of the identity cannot be made, or is a link.
    """
    if config.server is None:
        return None
    storage, built_at = ports.storage, config.firmware.built_at
    membership = Membership(
        config.server,
        ServerLink(open_identity(config, storage), ports.line, config.server.url),
        ReportQueue(storage, config.state_dir, lambda: os.urandom(16).hex()),
        Consent(storage, config.state_dir),
        clock=lambda: max(ports.clock(), built_at),
    )
    return FleetMember(membership, status)
