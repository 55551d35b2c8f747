"""Ratchet's device library: verify, install, swap, confirm. Devices move forward, never back.

The names below are the public API; docs/reference/python-api.md has its compatibility promise. They load
neither tuf nor requests: a device can tell its status and mark itself good without them.
"""

from ota_client.client import OtaClient
from ota_client.config import DeviceConfig
from ota_client.device import open_member, open_ports
from ota_client.errors import (
    ConfigError,
    FetchError,
    InstallError,
    NotAuthorisedError,
    OtaError,
    RefusedError,
    VerificationError,
)
from ota_client.fleet.member import FleetMember
from ota_client.formats.version import Version
from ota_client.manifest import Advisory, ReleaseManifest, Severity
from ota_client.ports import Ports
from ota_client.progress import Progress
from ota_client.report import Check, Status

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
