"""Debian's U-Boot in QEMU, with a small disk and no kernel: it decides, writes, and resets."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SIZE = 0x4000
COPIES = (0x600000, 0x610000)  # partition 2, at its offsets 0x0 and 0x10000
FLASH_ENVIRONMENT = 0x40000
PACKAGES = {
    "qemu-system-aarch64": "qemu-system-arm",
    "mkenvimage": "u-boot-tools",
    "sfdisk": "fdisk",
    "/usr/lib/u-boot/qemu_arm64/u-boot.bin": "u-boot-qemu",
}
MISSING = [package for tool, package in PACKAGES.items() if shutil.which(tool, mode=0) is None]
_TABLE = "label: gpt\n" + "".join(
    f"start={start}MiB,size={size}MiB\n" for start, size in ((1, 4), (6, 1), (8, 1), (10, 1))
)
_ADDRESSES = {
    "bootdelay": "-2",
    "fdt_addr": "0x40000000",
    "scriptaddr": "0x40200000",
    "kernel_addr_r": "0x40400000",
    "ramdisk_addr_r": "0x44000000",
    "bootcmd": "pci enum; nvme scan; source ${scriptaddr}; reset",
}


@dataclass(frozen=True)
class Start:
    """What U-Boot said until it reset: slots it tried, command lines it gave them."""

    said: str

    @property
    def slots(self):
        return re.findall(r"ratchet\.slot=(\w+)", self.said)

    @property
    def arguments(self):
        return re.findall(r"^Ratchet: (.*ratchet\.slot=.*)$", self.said, re.MULTILINE)


class UBootMachine:
    """A board.

    Args:
        folder: for its disk and flash.
        script: a boot script, which is put into memory.
    """

    def __init__(self, folder: Path, script: Path) -> None:
        self.disk, self.flash, self._script = folder / "disk", folder / "flash", folder / "boot.scr"
        command = ["mkimage", "-A", "arm64", "-T", "script", "-C", "none", "-d", script, self._script]
        subprocess.run(command, check=True, capture_output=True)
        self.disk.write_bytes(b"")
        with self.disk.open("r+b") as file:
            file.truncate(12 << 20)
        subprocess.run(["sfdisk", "-q", self.disk], input=_TABLE, text=True, check=True)
        self.put_flash()

    def put_flash(self, text: str = "", **variables: str) -> None:
        """Write U-Boot's own environment."""
        own = "".join(f"{name}={value}\n" for name, value in {**_ADDRESSES, **variables}.items())
        command = ["mkenvimage", "-s", hex(FLASH_ENVIRONMENT), "-o", self.flash, "-"]
        # of two lines with one name the last counts
        subprocess.run(command, input=text + own, text=True, check=True)
        with self.flash.open("r+b") as file:
            file.truncate(64 << 20)

    def put(self, copies: tuple[bytes, bytes]) -> None:
        """Write the copies of the environment that lies on the disk."""
        with self.disk.open("r+b") as file:
            for offset, raw in zip(COPIES, copies, strict=True):
                file.seek(offset)
                file.write(raw)

    def copies(self) -> tuple[bytes, ...]:
        """Read them."""
        data = self.disk.read_bytes()
        return tuple(data[offset : offset + SIZE] for offset in COPIES)

    def flash_environment(self) -> bytes:
        """Read U-Boot's own environment."""
        with self.flash.open("rb") as file:
            return file.read(FLASH_ENVIRONMENT)

    def start(self) -> Start:
        """Switch on, until it resets."""
        command = [
            *("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57", "-accel", "tcg", "-m", "256"),
            *("-display", "none", "-monitor", "none", "-serial", "stdio", "-nic", "none", "-no-reboot"),
            *("-bios", "/usr/lib/u-boot/qemu_arm64/u-boot.bin"),
            *("-drive", f"if=pflash,format=raw,index=1,file={self.flash}"),
            *("-drive", f"if=none,format=raw,id=disk,file={self.disk}"),
            *("-device", "nvme,drive=disk,serial=disk"),
            *("-device", f"loader,file={self._script},addr=0x40200000,force-raw=on"),
        ]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=True
        )
        return Start(done.stdout.decode(errors="replace").replace("\r", ""))
