"""``fw_env.config``: strict, in one clear sentence."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_client.bootcontrol.uboot.locations import Location, parse_lines
from ota_client.errors import ConfigError

SHIPPED = "integration/u-boot/fw_env.config"


def parse(text, copies=2):
    return parse_lines(text.splitlines(), "fw_env.config", copies=copies)


def test_comments_blanks_and_sectors_are_read_as_libubootenv_reads_them():
    text = "# mine\n\n/x/a 0x0 0x4000 0x10000 4 # first\n\t/x/a\t-0x8000 0x4000\n"
    assert parse(text) == (
        Location("/x/a", 0, 0x4000, 0x10000),
        Location("/x/a", -0x8000, 0x4000, 0),
    )


def test_an_offset_below_zero_counts_from_the_device_s_end():
    assert Location("/x", -0x8000, 0x4000, 0).start(0x10000) == 0x8000
    assert Location("/x", 0x400, 0x4000, 0).start(0x10000) == 0x400


def test_a_link_to_a_device_is_followed(tmp_path):
    target = tmp_path / "disk"
    target.touch()
    (tmp_path / "link").symlink_to(target)
    (found,) = parse(f"{tmp_path}/link 0x0 0x4000", copies=1)
    assert found.device == os.path.realpath(target)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/x 0x0 0x4000", "expected 2 copies of U-Boot's environment, a line each, got '1 lines'"),
        ("/x 0x0 0x4000\n" * 3, "got '3 lines'"),
        ("/x 0x0 0x4000\n/x 0x2000 0x4000", "two copies that share no sector"),
        ("/x 0x0 0x4000 0x10000\n/x 0x8000 0x4000 0x10000", "two copies that share no sector"),
        ("/x 0x0 0x4000\n/x 0x4000 0x2000", "two copies of one size"),
        ("/x\0y 0x0 0x4000\n/y 0x0 0x4000", "expected the path of a device, got '/x\\x00y'"),
        ("/x 0x0\n/x 0x4000", "expected DEVICE OFFSET SIZE"),
        ("/x 0x0 0x4000 1 2 3 4\n/x", "expected DEVICE OFFSET SIZE"),
        ("/x 0 4000\n/x 0x8000 4000", "hexadecimal numbers such as 0x4000, got '4000'"),
        ("/x 0x0 0x10\n/y 0x0 0x10", "a size from 0x100 to 0x100000, got '0x10'"),
        ("/x 0x0 -0x4000\n/y 0x0 0x4000", "a size from"),
        ("/x 0x0 0x4000 -0x4\n/y 0x0 0x4000", "a sector's size above zero"),
        ("/dev/mtd0 0x0 0x4000\n/dev/mtd1 0x0 0x4000", "such as /dev/mtdblock0 in place of /dev/mtd0"),
        ("/dev/ubi0_1 0x0 0x4000\n/dev/ubi0:env2 0x0 0x4000", "expected a block device or a file"),
    ],
)
def test_what_does_not_hold_two_copies_is_refused(text, expected):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert str(caught.value).startswith("fw_env.config: expected ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_copies_at_one_offset_of_two_devices_are_two_copies():
    assert len(parse("/x 0x0 0x4000\n/y 0x0 0x4000")) == 2


@given(st.text(st.sampled_from("/dev x0-9a#\t\n\0ä\u2028"), max_size=80) | st.text(max_size=40))
def test_any_text_is_locations_or_one_sentence(text):
    problem, found = "", []
    try:
        found = parse(text, copies=1)
    except ConfigError as e:
        problem = str(e)
    assert "\n" not in problem
    assert all(0x100 <= location.size_bytes <= 0x100000 for location in found)


def test_the_shipped_example_has_the_places_that_the_shipped_script_reads(request):
    text = (request.config.rootpath / SHIPPED).read_text()
    assert [(f.offset, f.size_bytes) for f in parse(text)] == [(0, 0x4000), (0x10000, 0x4000)]
