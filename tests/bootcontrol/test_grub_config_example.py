"""The example of a whole ``grub.cfg``, run by the real GRUB up to the kernel's command line."""

import subprocess
from pathlib import Path

import pytest
from grub_device import GrubDevice
from grub_emulator import EMPTY, FRAGMENT, emulate, needs, run

pytestmark = [pytest.mark.system, needs("grub-emu", "grub-script-check", "mke2fs", "debugfs", "sfdisk")]
EXAMPLE = FRAGMENT.parent / "grub.cfg"
STARTS_MIB = {"boot": 1, "A": 33, "B": 41}
LAST = 'menuentry "No slot can be started"'
# the emulator starts no kernel: what it would start is noted, if it is there
NOTES = """
function linux {
  if [ -s "$1" ]; then
    set result="$*"
    save_env --file $prefix/result.env result
    exit
  fi
  false
}
"""


def make_disk(folder: Path, files, slots, last) -> Path:
    disk = folder / "disk.img"
    disk.write_bytes(b"")
    disk.open("r+b").truncate(64 << 20)
    table = "label: gpt\nstart=1MiB, size=32MiB\nstart=33MiB, size=8MiB\nstart=41MiB, size=8MiB\n"
    subprocess.run(["sfdisk", "-q", disk], input=table, text=True, check=True, capture_output=True)
    grub = folder / "boot" / "grub"
    grub.mkdir(parents=True)
    for name, data in {**files, "result.env": EMPTY}.items():
        (grub / name).write_bytes(data)
    (grub / "ratchet.cfg").write_bytes(FRAGMENT.read_bytes())
    example = EXAMPLE.read_text()
    assert LAST in example
    (grub / "grub.cfg").write_text(NOTES + example.replace(LAST, last + LAST))
    (folder / "slot" / "boot").mkdir(parents=True)
    (folder / "slot" / "boot" / "vmlinuz").write_bytes(b"kernel")
    fill(disk, folder / "boot", "boot", "32M")
    for slot in slots:
        fill(disk, folder / "slot", slot, "8M")
    return disk


def fill(disk: Path, tree: Path, partition: str, size: str) -> None:
    options = f"offset={STARTS_MIB[partition] << 20}"
    features = "^metadata_csum_seed,^orphan_file"
    run("mke2fs", "-q", "-F", "-t", "ext4", "-O", features, "-E", options, "-d", tree, disk, size)


def command_line(folder: Path, device: GrubDevice, *, slots="AB", last="") -> str:
    disk = make_disk(folder, device.files, slots, last)
    emulate(folder, disk, root="hd0,gpt1")
    where = f"{disk}?offset={STARTS_MIB['boot'] << 20}"
    shown = ["debugfs", "-R", "cat /grub/result.env", where]
    text = subprocess.run(shown, check=True, capture_output=True, text=True).stdout
    return text.partition("result=")[2].partition("\n")[0]


def test_the_slot_and_its_arguments_reach_the_kernel(tmp_path):
    device = GrubDevice()
    device.control.activate("B", "roothash=0b verify=1")
    assert command_line(tmp_path, device) == (
        "(hd0,gpt3)/boot/vmlinuz root=PARTLABEL=rootfs-B ro panic=10 ratchet.slot=B roothash=0b verify=1"
    )


def test_a_slot_that_cannot_be_loaded_gives_way_to_the_confirmed_one(tmp_path):
    device = GrubDevice()
    device.control.activate("B")
    assert command_line(tmp_path, device, slots="A") == (
        "(hd0,gpt2)/boot/vmlinuz root=PARTLABEL=rootfs-A ro panic=10 ratchet.slot=A"
    )


def test_with_no_slot_to_start_what_stands_last_is_started_once(tmp_path):
    device = GrubDevice()
    device.control.set_unbootable("A")
    rescue = 'menuentry "Rescue" { linux $prefix/grub.cfg rescue }\n'
    assert command_line(tmp_path, device, last=rescue) == "(hd0,gpt1)/grub/grub.cfg rescue"
    assert not set(EXAMPLE.read_text().split()) & {"reboot", "halt", "exit"}


@pytest.mark.parametrize("name", ["grub.cfg", "ratchet.cfg"])
def test_grub_takes_the_syntax(name):
    run("grub-script-check", EXAMPLE.with_name(name))
