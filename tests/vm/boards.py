"""The machines that are tested: which QEMU, which boot loader."""

from pathlib import Path
from typing import Final

from vm.disk_image import run
from vm.machine import Board

COMMON: Final = (
    # software emulation always: where /dev/kvm opens it may still crawl
    *("-accel", "tcg,tb-size=256", "-smp", "1", "-m", "256", "-display", "none"),
    *("-monitor", "none", "-serial", "stdio"),
    *("-netdev", "user,id=net,restrict=off", "-device", "virtio-net-pci,netdev=net,romfile="),
)
_U_BOOT: Final = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
# -2: no prompt that a stray byte on the serial line could stop at
_START: Final = (
    "pci enum; nvme scan; load nvme 0:1 ${scriptaddr} boot.scr && source ${scriptaddr}; reset"
)
# an image with a verity root brings an initramfs
_LOAD: Final = (
    "if load nvme 0:${ratchet_part} ${ramdisk_addr_r} /boot/initrd;"
    " then setenv initrd ${ramdisk_addr_r}:${filesize}; else setenv initrd -; fi;"
    " load nvme 0:${ratchet_part} ${kernel_addr_r} /boot/vmlinuz"
)
ENVIRONMENT_BYTES: Final = "0x4000"
_FLASH_BYTES: Final = 64 * 1024 * 1024
_FLASH_ENVIRONMENT_BYTES: Final = 0x40000

# a board has variables of its own: they make the environment longer than a sector, so that it can tear
BOARD_VARIABLE: Final = "board_history"
FACTORY_ENVIRONMENT: Final = f"{BOARD_VARIABLE}={'tested and found well; ' * 50}\n"
_OURS: Final = "BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT BOOT_A_ARGS BOOT_B_ARGS ratchet_good ratchet_id"
_ENVIRONMENT: Final = f"""\
bootdelay=-2
bootcmd={_START}
fdt_addr=0x40000000
scriptaddr=0x40200000
kernel_addr_r=0x40400000
ramdisk_addr_r=0x44000000
ratchet_env_part=2
ratchet_env_vars={_OURS} {BOARD_VARIABLE}
ratchet_bootargs=console=ttyAMA0 panic=-1 mitigations=off quiet ro rootwait
ratchet_load={_LOAD}
ratchet_start=booti ${{kernel_addr_r}} ${{initrd}} ${{fdt_addr}}
"""


def u_boot_board(flash: Path) -> Board:
    """An arm64 machine with Debian's U-Boot; ``flash`` tells it where the boot script is."""
    size = hex(_FLASH_ENVIRONMENT_BYTES)
    run(["mkenvimage", "-s", size, "-o", str(flash), "-"], text=_ENVIRONMENT)
    with flash.open("r+b") as file:
        file.truncate(_FLASH_BYTES)
    return Board(
        command=(
            # -cpu max would make the kernel five times slower: pointer authentication
            *("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57", *COMMON, "-bios", _U_BOOT),
            *("-drive", f"if=pflash,format=raw,index=1,readonly=on,file={flash}"),
        ),
        tpm="tpm-tis-device",
        banner=b"U-Boot 20",
    )
