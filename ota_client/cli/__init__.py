"""``ota-client``: the device's commands."""

from ota_client.cli.main import main

__all__ = ["main"]
