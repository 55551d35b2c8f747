"""What all tests of a run share: releases, signed and published, and a device fresh from the factory."""

import random
import tomllib
from pathlib import Path
from typing import Final

from vm.boards import ENVIRONMENT_BYTES, FACTORY_ENVIRONMENT, u_boot_board
from vm.device import Device, client
from vm.disk_image import MIB, make_disk, make_ext4, run, sha256_of
from vm.disk_layout import BOOT, DATA, PARTITIONS
from vm.firmware import SLOT_BYTES, FirmwareFolder, Trust
from vm.guest_root import GUEST, PROJECT
from vm.update_source import UpdateSource

from ota_client.bootcontrol import BootControl
from ota_client.bootcontrol.settings import BootSettings
from ota_client.disk.storage import DiskStorage
from ota_client.errors import ConfigError
from ota_client.formats.strict import Fields

FACTORY: Final = "1.0.0"
FIRST: Final = "1.1.0"
SECOND: Final = "1.2.0"
GARBAGE: Final = "2.0.0"
PANICS: Final = "2.1.0"
VERITY: Final = "2.2.0"
ROLLBACK_INDEX: Final = {FACTORY: 1, FIRST: 2, SECOND: 3, GARBAGE: 3, PANICS: 3, VERITY: 3}
_ENVIRONMENT_DEVICE: Final = "/dev/nvme0n1p2"
ENVIRONMENT_COPIES: Final = (GUEST / "etc" / "fw_env.config").read_text()
_BOOT_SCRIPT: Final = PROJECT / "integration" / "u-boot" / "boot.cmd"
SETTINGS: Final = """\
[boot]
control = "u-boot"
fw_env_config = "/etc/fw_env.config"

[rollback_counter]
kind = "tpm"
"""


def open_boot_control(
    folder: Path, control: str = "u-boot", copies: str = ENVIRONMENT_COPIES
) -> BootControl:
    """Open the project's reader of the boot state over a copy of the environment partition.

    Args:
        folder: holds the partition as a file ``environment``.
        control: the boot control's name.
        copies: where they are, as in the guest's ``fw_env.config``.
    """
    config = folder / "fw_env.config"
    config.write_text(copies.replace(_ENVIRONMENT_DEVICE, f"{folder}/environment"))
    settings = f'control = "{control}"\nfw_env_config = "{config}"\n'
    table = Fields(tomllib.loads(settings), "boot", ConfigError)
    boot = BootSettings.read(table, lambda name: Path(table.text(name)))
    return boot.open(DiskStorage(), ("A", "B"), lambda: "A")


class Workshop:
    """Makes images, signs them, and provisions a device, once for all tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = UpdateSource(folder / "source")
        trust = Trust(self.source.root, self.source.authority)
        self._firmware = FirmwareFolder(folder / "tree", trust, settings=SETTINGS)
        # by the hash of a whole slot, the release whose image fills it
        self.versions: dict[str, str] = {}
        self._factory_image = self._image(FACTORY)
        self._publish(FIRST, self._image(FIRST), "--channel", "stable")
        # the channel as it was before the second release: served first, and replayed later
        self.earlier = self.source.recorded("earlier")
        self._publish(SECOND, self._image(SECOND), "--channel", "stable")
        self._publish(GARBAGE, self._garbage())
        self._publish(PANICS, self._panicking())
        self._publish(VERITY, self._with_hash_tree(), "--verity", "rootfs")
        self.factory = self._provisioned()

    def _image(self, version: str) -> Path:
        path = self.folder / f"{version}.img"
        self._firmware.image(path, version, ROLLBACK_INDEX[version])
        # an image fills its slot, so this is the slot's hash too
        self.versions[sha256_of(path, 0, SLOT_BYTES)] = version
        return path

    def _garbage(self) -> Path:
        path = self.folder / f"{GARBAGE}.img"
        path.write_bytes(random.Random(GARBAGE).randbytes(8 * MIB))
        return path

    def _panicking(self) -> Path:
        path = self.folder / f"{PANICS}.img"
        self._firmware.kernel_only(path)
        return path

    def _with_hash_tree(self) -> Path:
        path = self.folder / f"{VERITY}.img"
        self._firmware.verity_data(path, VERITY, ROLLBACK_INDEX[VERITY])
        return path

    def _publish(self, version: str, image: Path, *more: str) -> None:
        self.source.release(image, version, ROLLBACK_INDEX[version], *more)

    def _provisioned(self) -> Device:
        factory = Device(u_boot_board(self.folder / "flash.img"), self.folder / "factory")
        factory.tpm_memory.mkdir(parents=True)
        boot, data = self.folder / "boot.img", self.folder / "data.img"
        make_ext4(boot, self._boot_folder(), BOOT.size_bytes, label="boot", journal=False)
        make_ext4(data, None, DATA.size_bytes, label="data", journal=True)
        environment = self.folder / "environment.img"
        command = ["mkenvimage", "-r", "-s", ENVIRONMENT_BYTES, "-o", str(environment), "-"]
        run(command, text=FACTORY_ENVIRONMENT)
        contents = {"boot": boot, "environment": environment, "slotA": self._factory_image, "data": data}
        make_disk(factory.disk, PARTITIONS, contents)
        with factory.on(port=1) as machine:
            assert machine.wait_for_boot() == "A"
            provisioned = client(machine, "provision")
            assert provisioned.exit_code == 0, provisioned.said
            machine.run("sync")
        return factory

    def _boot_folder(self) -> Path:
        folder = self.folder / "boot"
        folder.mkdir()
        script = ["mkimage", "-A", "arm64", "-T", "script", "-C", "none", "-d", str(_BOOT_SCRIPT)]
        run([*script, str(folder / "boot.scr")])
        return folder
