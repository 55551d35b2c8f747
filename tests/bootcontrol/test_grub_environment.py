import re
import subprocess

import pytest
from grub_emulator import needs
from hypothesis import given
from hypothesis import strategies as st
from support.boot_loaders.grub import load_env

from ota_client.bootcontrol.grub.environment import BLOCK_BYTES, pack, unpack
from ota_client.errors import BootControlError

names = st.from_regex(re.compile(r"[a-z_]{1,20}", re.ASCII), fullmatch=True)
values = st.text(st.characters(min_codepoint=1, max_codepoint=126), max_size=40)
blocks = st.dictionaries(names, values, max_size=8)
pieces = st.sampled_from([b"# GRUB Environment Block\n", b"a", b"=", b"\n", b"\\", b"#", b"\0", b"\xff"])


@given(blocks)
def test_what_is_written_is_read(found):
    assert unpack(pack(found)) == found


@given(blocks)
def test_a_block_has_the_size_that_grub_keeps(found):
    assert len(pack(found)) == BLOCK_BYTES


@given(st.binary(max_size=80) | st.lists(pieces, max_size=40).map(b"".join))
def test_hostile_bytes_are_read_as_grub_reads_them_or_refused_in_a_sentence(data):
    data = b"# GRUB Environment Block\n" + data
    if data.rstrip(b"#").endswith(b"\n"):
        assert unpack(data) == load_env(data)
    else:
        with pytest.raises(BootControlError, match=r"expected a GRUB environment block, .* got [^\n]*$"):
            unpack(data)


def test_too_much_for_a_block_is_refused():
    with pytest.raises(BootControlError, match="at most 1024 bytes, got 1029; give the slots shorter"):
        pack({"x": "y" * 1001})


@pytest.mark.system
@needs("grub-editenv")
@pytest.mark.parametrize("value", ["", "roothash=0 x=1", "back\\slash", "#", "a=b", "\\", "a#"])
def test_grub_editenv_reads_what_we_write_and_we_what_it_writes(tmp_path, value):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_bytes(pack({"first": "1", "value": value}))
    listed = subprocess.run(["grub-editenv", ours, "list"], check=True, capture_output=True, text=True)
    assert listed.stdout == f"first=1\nvalue={value}\n"
    subprocess.run(["grub-editenv", theirs, "create"], check=True)
    subprocess.run(["grub-editenv", theirs, "set", "first=1", f"value={value}"], check=True)
    assert unpack(theirs.read_bytes()) == {"first": "1", "value": value}
