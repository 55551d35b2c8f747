"""The names that users may rely on; docs/reference/python-api.md has the promise."""

import ota_client
import ota_client.testing

API = [
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
METHODS = ["check", "install", "mark_bad", "mark_good", "status"]


def test_the_public_names_are_these():
    assert ota_client.__all__ == API
    assert all(hasattr(ota_client, name) for name in API)


def test_the_clients_verbs_are_these():
    public = sorted(name for name in vars(ota_client.OtaClient) if not name.startswith("_"))
    assert public == METHODS


def test_the_simulated_device_is_public_for_users_tests():
    assert {"SimulatedDevice", "SimulatedStorage"} <= set(dir(ota_client.testing))
