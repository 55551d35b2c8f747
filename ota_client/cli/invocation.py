"""What a command is called with: the settings file, and what it describes."""

import os
from dataclasses import dataclass
from pathlib import Path

import click

from ota_client.client import OtaClient
from ota_client.config import DeviceConfig
from ota_client.device import open_ports
from ota_client.hooks import HookRunner


@dataclass(frozen=True, slots=True)
class Invocation:
    """The settings file that the command line names."""

    config: Path

    def settings(self) -> DeviceConfig:
        """Read the settings; plain HTTP is told at each start."""
        config = DeviceConfig.load(self.config)
        if config.http.insecure_http:
            click.echo(
                "warning: network.insecure_http is set: whoever listens sees what this device runs",
                err=True,
            )
        return config

    def client(self, config: DeviceConfig) -> OtaClient:
        """The device, with its advisory hook."""
        return OtaClient(config, open_ports(config), on_advisories=hooks_of(config).advisories)


def hooks_of(config: DeviceConfig) -> HookRunner:
    """The commands of the device's own."""
    return HookRunner(config.hooks, os.environ, config.slots)
