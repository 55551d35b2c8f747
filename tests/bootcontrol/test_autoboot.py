"""``autoboot.txt`` from anywhere: what the boot loader would read from it, or one clear sentence."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.boot_loaders.raspberry_pi import SHIPPED, partition

from ota_client.bootcontrol.raspberry_pi.autoboot import SIZE_BYTES, Autoboot, AutobootFile
from ota_client.errors import BootControlError
from ota_client.testing import SimulatedStorage, Written

PATH = "/select/autoboot.txt"
SOUND = b"[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n"
LINES = st.sampled_from(
    ["[all]", "[tryboot]", "[none]", "tryboot_a_b=1", "# a comment", ""]
    + [f"boot_partition={number}" for number in (1, 2, 3, 63)]
)


def test_the_shipped_file_is_what_the_code_writes_for_slot_a():
    assert SHIPPED.read_bytes() == Autoboot(2, 2).to_bytes()


@given(default=st.integers(1, 63), tryboot=st.integers(1, 63))
def test_a_file_reads_as_it_is_written_and_fills_one_sector(default, tryboot):
    data = Autoboot(default, tryboot).to_bytes()
    assert Autoboot.from_bytes(data) == Autoboot(default, tryboot)
    assert len(data) == SIZE_BYTES == 512


@given(lines=st.lists(LINES, max_size=12), end=st.sampled_from(["\n", "\r\n"]))
def test_a_file_says_what_the_boot_loader_would_read_from_it(lines, end):
    text = end.join(["[all]", "tryboot_a_b=1", "boot_partition=2", *lines])
    read = Autoboot.from_bytes(text.encode())
    assert read.default == partition(text, tryboot=False)
    assert read.tryboot == partition(text, tryboot=True)


@given(st.one_of(st.binary(max_size=600), st.text(max_size=300).map(str.encode)))
def test_any_bytes_are_refused_or_mean_the_same_after_a_rewrite(data):
    for text in (data, SOUND + data):
        with suppress(BootControlError):
            read = Autoboot.from_bytes(text)
            assert Autoboot.from_bytes(read.to_bytes()) == read


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "expected tryboot_a_b=1"),
        (b"boot_partition=2\n", "expected tryboot_a_b=1"),
        (SOUND + b"tryboot_a_b=0\n", "expected tryboot_a_b=1"),
        (b"tryboot_a_b=1\n[tryboot]\nboot_partition=3\n", "expected boot_partition=2"),
        (SOUND + b"boot_partition=two\n", "got 'boot_partition=two'"),
        (SOUND + b"boot_partition=\n", "got 'boot_partition='"),
        (SOUND + b"[pi4]\n", "got '[pi4]'"),
        (SOUND + b"\xff\x00\n", "got "),
        (SOUND.ljust(513, b"\n"), "expected at most 512 bytes"),
    ],
)
def test_what_a_rewrite_would_lose_or_the_boot_loader_would_not_read_is_refused(data, said):
    with pytest.raises(BootControlError) as refused:
        Autoboot.from_bytes(data)
    assert said in str(refused.value)


def test_a_file_of_another_length_is_refused_since_fat_could_not_change_it_at_once():
    with pytest.raises(BootControlError, match="expected 512 bytes, which are rewritten in place"):
        AutobootFile(SimulatedStorage({PATH: SOUND}), PATH).load()


def test_a_change_is_one_write_of_the_sector_and_none_where_nothing_changes():
    storage = SimulatedStorage({PATH: Autoboot(2, 2).to_bytes()})
    file = AutobootFile(storage, PATH)
    file.save(Autoboot(2, 2))
    file.save(Autoboot(2, 3))
    written = [operation for operation in storage.operations if isinstance(operation, Written)]
    assert [(o.offset, len(o.data)) for o in written] == [(0, 512)]
    assert file.load() == Autoboot(2, 3)
