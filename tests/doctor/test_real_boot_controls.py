"""The doctor asks each boot loader's own back end what only that one can tell."""

import pytest

from ota_client.disk.storage import DiskStorage
from ota_client.doctor.finding import Code

ENTRY = "title Gateway\\nlinux /{slot}/vmlinuz\\noptions root=PARTLABEL={slot}\\n"


def control(device, boot):
    device.change('control = "file"\nrecord = "data/boot"', boot)
    return device.config.boot.open(DiskStorage(), ("A", "B"))


def boot_codes(device):
    return {f.code for f in device.examine().findings if f.code.startswith("boot-")}


@pytest.fixture
def uboot(device):
    for copy in ("one", "two"):
        device.write(f"data/{copy}.env", "").write_bytes(bytes(0x2000))
    lines = ", ".join(f'"{device.folder}/data/{copy}.env 0x0 0x2000"' for copy in ("one", "two"))
    device.write("initial.env", "arch=arm\n")
    boot = f'control = "u-boot"\nenvironment = [{lines}]\ninitial_environment = "initial.env"'
    control(device, boot).provision("A")
    return device


@pytest.mark.parametrize(
    ("told", "code"),
    [("", Code.BOOT_CANARY_SILENT), ("ratchet.env=0123456789abcdef", Code.BOOT_CANARY)],
)
def test_u_boot_that_reads_another_environment_is_found(uboot, told, code):
    uboot.write("proc/cmdline", f"ro {told}\n")
    assert boot_codes(uboot) == {Code.BOOT_NO_FALLBACK, code}


def test_u_boot_that_reads_the_same_environment_is_well(uboot):
    content = (uboot.folder / "data/one.env").read_bytes() + (uboot.folder / "data/two.env").read_bytes()
    identity = content.partition(b"ratchet_id=")[2].partition(b"\0")[0].decode()
    uboot.write("proc/cmdline", f"ro ratchet.env={identity}\n")
    assert boot_codes(uboot) == {Code.BOOT_NO_FALLBACK}


def test_a_default_that_overrules_the_slots_of_systemd_boot_is_found(device):
    (device.folder / "esp/loader/entries").mkdir(parents=True)
    boot = f'control = "systemd-boot"\nfolder = "esp/loader/entries"\nentry = "{ENTRY}"'
    control(device, boot).provision("A")
    assert boot_codes(device) == {Code.BOOT_NO_FALLBACK}
    device.write("esp/loader/loader.conf", "default other.conf\n")
    assert boot_codes(device) == {Code.BOOT_NO_FALLBACK, Code.BOOT_ORDER}
