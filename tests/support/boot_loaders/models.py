"""One model of each boot loader: what the real one reads, decides and writes, over a simulated disk."""

from collections.abc import Callable
from dataclasses import dataclass

from ota_client import DeviceConfig
from ota_client.testing import BootLoader
from ota_client.testing.boot_loader import FileBootLoader
from support.boot_loaders import efi, systemd_boot, uboot
from support.boot_loaders.custom import CustomLoader, simulated
from support.boot_loaders.grub import GrubLoader
from support.boot_loaders.raspberry_pi import RaspberryPiLoader

_UBOOT = 'control = "u-boot"\nenvironment = ["{} 0x0 0x1000", "{} 0x0 0x1000"]\n'.format(*uboot.PATHS)


@dataclass(frozen=True)
class Model:
    """A boot loader's model and the settings that go with it.

    Attributes:
        boot: the ``[boot]`` table.
        loader: makes the model.
        whole_sectors: paths on a medium that writes each sector of 512 bytes wholly or not at all.
        adapt: puts what stands in for programs of the device into its settings.
    """

    boot: str
    loader: Callable[[DeviceConfig], BootLoader]
    whole_sectors: tuple[str, ...] = ()
    adapt: Callable[[DeviceConfig], DeviceConfig] = lambda config: config


MODELS = {
    "efi": Model(efi.SETTINGS, lambda _: efi.Firmware()),
    "file": Model(
        'control = "file"\nrecord = "/boot/record"\nbooted_file = "/booted"\n', FileBootLoader
    ),
    "grub": Model(
        'control = "grub"\nfolder = "/boot/grub"\n',
        lambda config: GrubLoader(str(config.boot.loader.folder)),
        # written by GRUB, in the first sector only
        whole_sectors=("/boot/grub/ratchet-tries.env",),
    ),
    "systemd-boot": Model(systemd_boot.SETTINGS, lambda _: systemd_boot.SystemdBoot()),
    "u-boot": Model(_UBOOT, lambda _: uboot.UBoot(uboot.ratchet_script)),
    "u-boot, RAUC's script": Model(_UBOOT, lambda _: uboot.UBoot(uboot.rauc_script)),
    "u-boot, bootcount": Model(
        f'{_UBOOT}convention = "bootcount"\n', lambda _: uboot.UBoot(uboot.bootcount_script)
    ),
    "u-boot, boolean flags": Model(
        f'{_UBOOT}flags = "boolean"\n', lambda _: uboot.UBoot(uboot.ratchet_script, boolean=True)
    ),
    "raspberry-pi": Model(
        'control = "raspberry-pi"\nautoboot = "/select/autoboot.txt"\nrecord = "/boot/trial"\n'
        "partitions = {A = 2, B = 3}\n",
        RaspberryPiLoader,
        # one sector, never of another size, so that FAT has nothing else to write
        whole_sectors=("/select/autoboot.txt",),
    ),
    "custom": Model(
        'control = "custom"\nscript = "/played"\nrecord = "/boot/script-record"\n'
        'bootnames = {A = "system0", B = "system1"}\n',
        CustomLoader,
        # not ours: a script promises that each of its calls is atomic
        whole_sectors=("/boot/script-state",),
        adapt=simulated,
    ),
}
