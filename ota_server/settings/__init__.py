"""What ``ota-server`` needs to know: flags first, then the environment, then a file, then defaults."""

from ota_server.settings.fleet import FleetSettings, IdentitySource
from ota_server.settings.server import ServerSettings, TlsFiles, read_files, read_fleet

__all__ = [
    "FleetSettings",
    "IdentitySource",
    "ServerSettings",
    "TlsFiles",
    "read_files",
    "read_fleet",
]
