"""Ratchet's device library: verify, install, swap, confirm. Devices move forward, never back.

The names below are the public API; docs/reference/python-api.md has its compatibility promise. They load
neither tuf nor requests: a device can tell its status and mark itself good without them.
"""

from typing import TYPE_CHECKING

from ota_client.client import OtaClient
from ota_client.config import DeviceConfig
from ota_client.device import open_ports
from ota_client.errors import (
    ConfigError,
    FetchError,
    InstallError,
    NotAuthorisedError,
    OtaError,
    RefusedError,
    VerificationError,
)
from ota_client.formats.version import Version
from ota_client.manifest import Advisory, ReleaseManifest, Severity
from ota_client.ports import Ports
from ota_client.progress import Progress
from ota_client.report import Check, Status

if TYPE_CHECKING:
    from ota_client.fleet.member import FleetMember
    from ota_client.fleet.opening import open_member

__all__ = [
    "Advisory",
    "Check",
    "ConfigError",
    "DeviceConfig",
    "FetchError",
    "FleetMember",
    "InstallError",
    "NotAuthorisedError",
    "OtaClient",
    "OtaError",
    "Ports",
    "Progress",
    "RefusedError",
    "ReleaseManifest",
    "Severity",
    "Status",
    "VerificationError",
    "Version",
    "open_member",
    "open_ports",
]


def __getattr__(name: str) -> object:
    """Load what only members of a fleet use, when it is used."""
    if name == "FleetMember":
        from ota_client.fleet.member import FleetMember  # noqa: PLC0415 see above

        return FleetMember
    if name == "open_member":
        from ota_client.fleet.opening import open_member  # noqa: PLC0415 see above

        return open_member
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
