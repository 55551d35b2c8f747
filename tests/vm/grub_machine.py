"""A PC with a BIOS that starts by GRUB, with the files that are shipped for it."""

import struct
from pathlib import Path
from typing import Final

from vm.device import Device
from vm.disk_image import MIB, Partition, make_ext4, run
from vm.disk_layout import BOOT
from vm.guest_root import PROJECT
from vm.x86_workshop import KERNEL_ARGUMENTS, BootLoader, X86Workshop, adapted

_SHIPPED: Final = PROJECT / "integration" / "grub"
_GRUB: Final = Path("/usr/lib/grub/i386-pc")
_MODULES: Final = (
    *("biosdisk", "part_gpt", "ext2", "normal", "configfile", "linux", "serial", "terminal"),
    # what ratchet.cfg asks for
    *("hashsum", "gcry_sha256", "loadenv", "test", "echo"),
)
_BANNER: Final = "GRUB starts"
# before the shipped grub.cfg: the serial line is this machine's only screen
_EARLY: Final = f"serial --unit=0\nterminal_input serial\nterminal_output serial\necho '{_BANNER}'\n"
_BIOS_BOOT: Final = "21686148-6449-6E6F-744E-656564454649"
_CORE: Final = Partition("grub-core", BOOT.end, MIB, kind=_BIOS_BOOT)
_SECTOR_BYTES: Final = 512
_LOADED_AT: Final = 0x820
# boot.img ends where the partition table begins
_BOOT_CODE_BYTES: Final = 440

GRUB: Final = BootLoader(
    firmware=(),
    banner=_BANNER.encode(),
    packages={"/usr/bin/grub-mkimage": "grub-common", str(_GRUB): "grub-pc-bin"},
    control='[boot]\ncontrol = "grub"\nfolder = "/boot/grub"\n',
    mount="/dev/nvme0n1p1 /boot ext4 noatime 0 0",
    second_partition=_CORE,
)
_CHANGES: Final = {
    # this machine's slots are the third and the fourth partition
    "gpt2; else": "gpt3; else",
    "gpt3; fi": "gpt4; fi",
    "panic=10": KERNEL_ARGUMENTS,
}


def grub_device(workshop: X86Workshop) -> Device:
    """A device that starts by GRUB, not provisioned yet."""
    boot = workshop.folder / "boot"
    (boot / "grub").mkdir(parents=True)
    (boot / "grub" / "ratchet.cfg").write_bytes((_SHIPPED / "ratchet.cfg").read_bytes())
    config = adapted((_SHIPPED / "grub.cfg").read_text(), _CHANGES)
    (boot / "grub" / "grub.cfg").write_text(config)
    image, core = workshop.folder / "boot.img", workshop.folder / "core.img"
    make_ext4(image, boot, BOOT.size_bytes, label="boot", journal=True)
    _make_core(core)
    device = workshop.disk({"boot": image, "grub-core": core})
    with device.disk.open("r+b") as disk:
        disk.write(_boot_code())
    return device


def _make_core(core: Path) -> None:
    """GRUB itself: its first sector must be told where the others are (diskboot.S, blocklist)."""
    early = core.with_name("early.cfg")
    early.write_text(_EARLY)
    command = ["grub-mkimage", "-O", "i386-pc", "-d", str(_GRUB), "-p", "(hd0,gpt1)/grub"]
    run([*command, "-c", str(early), "-o", str(core), *_MODULES])
    image = bytearray(core.read_bytes())
    sectors = -(-len(image) // _SECTOR_BYTES)
    first = _CORE.offset // _SECTOR_BYTES
    struct.pack_into("<QHH", image, 0x1F4, first + 1, sectors - 1, _LOADED_AT)
    core.write_bytes(image)


def _boot_code() -> bytes:
    """The first sector's code, told where GRUB is (boot.S, kernel_sector)."""
    code = bytearray((_GRUB / "boot.img").read_bytes()[:_BOOT_CODE_BYTES])
    struct.pack_into("<Q", code, 0x5C, _CORE.offset // _SECTOR_BYTES)
    return bytes(code)
