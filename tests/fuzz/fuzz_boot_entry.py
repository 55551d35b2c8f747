"""Any bytes are a boot loader entry that reads as it is written, or none that systemd-boot would see.

python tests/fuzz/fuzz_boot_entry.py -runs=10000
"""

from contextlib import suppress

from fuzzing import fuzz, watched

with watched():
    from ota_client.bootcontrol.systemd_boot.entry import BootEntry, EntryTemplate, is_shown
    from ota_client.errors import BootControlError


def target(data: bytes) -> None:
    shown, entry = is_shown(data), BootEntry.unpack(data, "A")
    if entry is not None:
        assert data == entry.pack(shown=shown)
    with suppress(ValueError, BootControlError):
        filled = EntryTemplate.parse(data.decode("latin-1")).fill("A", 7, "roothash=0a")
        assert not is_shown(filled.pack(shown=False))
        assert is_shown(filled.pack(shown=True))
        assert BootEntry.unpack(filled.pack(shown=True), "A") == filled


if __name__ == "__main__":
    fuzz(target)
