"""What the x86 machines share: releases, a device from the factory, and the two ways of an update."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from vm.boards import COMMON
from vm.device import Device, client, status
from vm.disk_image import MIB, Partition, make_disk, make_ext4
from vm.disk_layout import BOOT, DATA, SLOTS
from vm.firmware import FirmwareFolder, Trust
from vm.guest_root import AMD64
from vm.machine import Board, Machine
from vm.update_source import UpdateSource
from vm.workshop import FACTORY, FIRST, PANICS, ROLLBACK_INDEX

TRIES: Final = 3
# both boot loaders name the slots by these partition labels, in the examples that are shipped
LABELS: Final = {"A": "rootfs-A", "B": "rootfs-B"}
# no_timer_check: on a busy host an emulated timer misses the moment in which the kernel looks at it
KERNEL_ARGUMENTS: Final = "console=ttyS0 quiet panic=-1 no_timer_check"
_UNUSED: Final = Partition("unused", BOOT.end, MIB)
_PACKAGES: Final = {
    "/usr/bin/qemu-system-x86_64": "qemu-system-x86",
    "/usr/bin/mmdebstrap": "mmdebstrap",
    "/usr/sbin/mke2fs": "e2fsprogs",
    "/usr/sbin/sfdisk": "fdisk",
}


@dataclass(frozen=True, slots=True)
class BootLoader:
    """What differs between the machines.

    Attributes:
        firmware: the QEMU arguments for it.
        banner: what it says first, at each start.
        packages: Debian's, by a file that they bring.
        control: the ``[boot]`` table.
        mount: the boot partition's line in the guest's fstab.
        kernel: a slot's second image, the kernel's file with ``{slot}``; empty where the root holds it.
        first_partition: the boot partition.
        second_partition: its own, if it needs one.
    """

    firmware: tuple[str, ...]
    banner: bytes
    packages: Mapping[str, str]
    control: str
    mount: str
    kernel: str = ""
    first_partition: Partition = BOOT
    second_partition: Partition = _UNUSED

    @property
    def board(self) -> Board:
        """The machine."""
        # -cpu max would hash at half the speed
        command = ("qemu-system-x86_64", "-M", "q35", "-cpu", "qemu64", *COMMON, *self.firmware)
        return Board(command, tpm="", banner=self.banner)

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """The disk's, in the order of their numbers: the guest's slots are 3 and 4, its data is 5."""
        slots = (Partition(LABELS[slot], part.offset, part.size_bytes) for slot, part in SLOTS.items())
        return (self.first_partition, self.second_partition, *slots, DATA)


class X86Workshop:
    """Makes images and signs them, for one boot loader."""

    def __init__(self, folder: Path, loader: BootLoader) -> None:
        needed = {**_PACKAGES, **loader.packages}
        missing = sorted({package for file, package in needed.items() if not Path(file).exists()})
        if missing:
            pytest.skip(f"install the Debian packages: {' '.join(missing)}")
        self.folder, self.loader = folder, loader
        self.source = UpdateSource(folder / "source")
        trust = Trust(self.source.root, self.source.authority)
        tree = folder / "tree"
        kernel = f'kernel = "{loader.kernel}"' if loader.kernel else ""
        self._firmware = FirmwareFolder(
            tree, trust, settings=loader.control, more_of_slot=kernel, architecture=AMD64
        )
        (tree / "efi").mkdir()
        (tree / "etc" / "fstab").write_text(f"{loader.mount}\n")
        self.kernel = tree / "boot" / "vmlinuz"
        self._factory_image = self._image(FACTORY)
        self._publish(FIRST, self._image(FIRST))
        panics = folder / f"{PANICS}.img"
        self._firmware.kernel_only(panics)
        self._publish(PANICS, panics)

    def disk(self, contents: Mapping[str, Path]) -> Device:
        """A device with the factory's image in slot A, and ``contents`` by partition name."""
        device = Device(self.loader.board, self.folder / "factory")
        device.tpm_memory.mkdir(parents=True)
        data = self.folder / "data.img"
        make_ext4(data, None, DATA.size_bytes, label="data", journal=True)
        contents = {LABELS["A"]: self._factory_image, "data": data, **contents}
        make_disk(device.disk, self.loader.partitions, contents)
        return device

    def provision(self, device: Device) -> None:
        """Start the device as a factory does, without its boot loader, and provision it."""
        arguments = f"root=PARTLABEL={LABELS['A']} ro ratchet.slot=A {KERNEL_ARGUMENTS}"
        by_factory = ("-kernel", str(self.kernel), "-append", arguments)
        with Machine(device.board, device.disk, device.log, port=1, extra=by_factory) as machine:
            assert machine.wait_for_boot() == "A"
            provisioned = client(machine, "provision")
            assert provisioned.exit_code == 0, provisioned.said
            machine.run("sync")

    def served(self) -> AbstractContextManager[int]:
        """Serve the releases; the port."""
        return self.source.served()

    def _image(self, version: str) -> Path:
        path = self.folder / f"{version}.img"
        self._firmware.image(path, version, ROLLBACK_INDEX[version])
        return path

    def _publish(self, version: str, image: Path) -> None:
        kernel = ("--image", f"kernel={self.kernel}") if self.loader.kernel else ()
        self.source.release(image, version, ROLLBACK_INDEX[version], *kernel)


def adapted(shipped: str, changes: Mapping[str, str]) -> str:
    """A shipped example, adapted as an integrator would: each piece stands there once."""
    for piece, ours in changes.items():
        assert shipped.count(piece) == 1, f"expected {piece!r} once in the example that is shipped"
        shipped = shipped.replace(piece, ours)
    return shipped


def install(machine: Machine, version: str) -> None:
    """Install a release, up to the restart."""
    done = client(machine, f"install --no-progress --version {version}")
    assert done.exit_code == 0, done.said


def installed(factory: Device, port: int, folder: Path) -> Device:
    """A device that has installed a release into B and is off."""
    device = factory.copied(folder)
    with device.on(port) as machine:
        assert machine.wait_for_boot() == "A"
        install(machine, FIRST)
    return device


def bad_versions(machine: Machine) -> list[str]:
    """The releases that the device will not install again."""
    releases = status(machine)["bad_releases"]
    assert isinstance(releases, list)
    return [release["version"] for release in releases]


def check_update(machine: Machine) -> None:
    """A release is installed into B, tried, confirmed, and stays."""
    assert machine.wait_for_boot() == "A"
    install(machine, FIRST)
    assert machine.reboot() == "B"
    assert status(machine)["phase"] == "trial"
    confirmed = client(machine, "mark-good")
    assert confirmed.exit_code == 0, confirmed.said
    assert confirmed.fields["stored_rollback_index"] == ROLLBACK_INDEX[FIRST]
    assert machine.reboot() == "B"
    told = status(machine)
    assert (told["running_version"], told["phase"]) == (FIRST, "idle")


def check_fallback(machine: Machine) -> None:
    """A release whose kernel panics is tried three times, given up, and refused from then on."""
    assert machine.wait_for_boot() == "A"
    install(machine, PANICS)
    before = machine.console.resets
    assert machine.reboot() == "A"
    assert machine.console.resets - before == TRIES + 1
    told = status(machine)
    assert told["running_version"] == FACTORY
    assert told["stored_rollback_index"] == ROLLBACK_INDEX[FACTORY]
    assert bad_versions(machine) == [PANICS]
    again = client(machine, f"install --no-progress --version {PANICS}")
    assert (again.exit_code, again.error) == (12, "known-bad-release")
