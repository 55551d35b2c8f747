"""What ``ota-server`` needs to know: flags first, then the environment, then a file, then defaults."""

from ota_server.settings.fleet import FleetSettings, IdentitySource
from ota_server.settings.operators import OperatorSettings
from ota_server.settings.server import (
    ServerSettings,
    TlsFiles,
    read_files,
    read_fleet,
    read_unchecked,
)

__all__ = [
    "FleetSettings",
    "IdentitySource",
    "OperatorSettings",
    "ServerSettings",
    "TlsFiles",
    "read_files",
    "read_fleet",
    "read_unchecked",
]
