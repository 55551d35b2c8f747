"""A PC with UEFI (OVMF) that starts by systemd-boot, with the files that are shipped for it."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from vm.device import Device
from vm.disk_image import run
from vm.disk_layout import BOOT
from vm.guest_root import PROJECT
from vm.x86_workshop import KERNEL_ARGUMENTS, BootLoader, X86Workshop, adapted

_SHIPPED: Final = PROJECT / "integration" / "systemd-boot"
_LOADER: Final = Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
_OVMF: Final = Path("/usr/share/OVMF")
_EFI_SYSTEM: Final = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_ESP: Final = replace(BOOT, kind=_EFI_SYSTEM)
_CHANGES: Final = {
    # Debian's cloud kernel mounts its root without one
    "initrd /gateway/{slot}/initrd.img\n": "",
    "panic=10": KERNEL_ARGUMENTS,
}

SYSTEMD_BOOT: Final = BootLoader(
    firmware=(
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={_OVMF}/OVMF_CODE_4M.fd"),
        # its variables are forgotten with the power: nothing of ours is in them
        *("-drive", f"if=pflash,unit=1,format=raw,snapshot=on,file={_OVMF}/OVMF_VARS_4M.fd"),
    ),
    banner=b"BdsDxe: starting",
    packages={
        str(_LOADER): "systemd-boot-efi",
        f"{_OVMF}/OVMF_CODE_4M.fd": "ovmf",
        "/usr/bin/mcopy": "mtools",
    },
    control=adapted((_SHIPPED / "boot.toml").read_text(), _CHANGES),
    mount="/dev/nvme0n1p1 /efi vfat noatime 0 0",
    kernel="/efi/gateway/{slot}/vmlinuz",
    first_partition=_ESP,
)


def systemd_boot_device(workshop: X86Workshop) -> Device:
    """A device that starts by systemd-boot, not provisioned yet; each slot's kernel is on the ESP."""
    no_kernel = workshop.folder / "no-kernel"
    no_kernel.write_bytes(bytes(workshop.kernel.stat().st_size))
    files = {
        "EFI/BOOT/BOOTX64.EFI": _LOADER,
        "loader/loader.conf": _SHIPPED / "loader.conf",
        "gateway/A/vmlinuz": workshop.kernel,
        "gateway/B/vmlinuz": no_kernel,
    }
    image = workshop.folder / "esp.img"
    with image.open("wb") as file:
        file.truncate(_ESP.size_bytes)
    run(["mformat", "-i", str(image), "-F", "-v", "ESP", "::"])
    folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    run(["mmd", "-i", str(image), *(f"::{name}" for name in sorted(folders | {"loader/entries"}))])
    for name, source in files.items():
        run(["mcopy", "-i", str(image), str(source), f"::{name}"])
    return workshop.disk({"boot": image})


def spoil_kernel(disk: Path, slot: str) -> None:
    """Overwrite a slot's kernel on the ESP of a device that is off."""
    garbage = disk.with_name("garbage")
    garbage.write_bytes(b"no program of any kind")
    image = f"{disk}@@{_ESP.offset}"
    run(["mcopy", "-o", "-i", image, str(garbage), f"::gateway/{slot}/vmlinuz"])
