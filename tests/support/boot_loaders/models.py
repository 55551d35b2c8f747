"""One model of each boot loader: what the real one reads, decides and writes, over a simulated disk."""

from collections.abc import Callable
from dataclasses import dataclass

from ota_client import DeviceConfig
from ota_client.testing import BootLoader
from ota_client.testing.boot_loader import FileBootLoader


@dataclass(frozen=True)
class Model:
    """A boot loader's model and the settings that go with it.

    Attributes:
        boot: the ``[boot]`` table.
        loader: makes the model.
        whole_sectors: paths on a medium that writes each sector of 512 bytes wholly or not at all.
    """

    boot: str
    loader: Callable[[DeviceConfig], BootLoader]
    whole_sectors: tuple[str, ...] = ()


MODELS = {
    "file": Model(
        'control = "file"\nrecord = "/boot/record"\nbooted_file = "/booted"\n', FileBootLoader
    ),
}
