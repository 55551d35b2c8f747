"""Debian's libubootenv-tool reads what we write, and we read what it writes: on plain files."""

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ota_client.bootcontrol.uboot.environment import Environment, FlagScheme, Variables
from ota_client.bootcontrol.uboot.locations import parse_lines
from ota_client.disk.storage import DiskStorage
from ota_client.errors import BootControlError

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        shutil.which("fw_printenv") is None, reason="install libubootenv-tool (make packages)"
    ),
]

SIZE = 0x1000
names = st.text("abcXYZ_019", min_size=1, max_size=8)
# fw_setenv's script, which is how several variables are set at once, trims blanks
values = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\#"), min_size=1, max_size=99
)
flags = st.sampled_from([0, 1, 2, 127, 128, 254, 255])


class Board:
    """An environment on plain files, and Debian's tools to read and write it."""

    def __init__(self, folder, copies=2):
        self.config, self.path = Path(folder, "fw_env.config"), Path(folder, "environment")
        lines = [f"{self.path} {number * 0x2000:#x} {SIZE:#x}" for number in range(copies)]
        self.config.write_text("\n".join(lines) + "\n")
        locations = parse_lines(lines, "config", copies=copies)
        self.ours = Environment(DiskStorage(), locations, FlagScheme.INCREMENTAL)
        self.copies = copies
        self.path.write_bytes(b"\xff" * 0x2000 * copies)

    def create(self, variables):
        self.ours.create(Variables(tuple(f"{k}={v}".encode() for k, v in variables.items())))

    def set_flags(self, flags):
        with self.path.open("r+b") as file:
            for number, flag in enumerate(flags):
                file.seek(number * 0x2000 + 4)
                file.write(bytes([flag]))

    def change(self, changes):
        self.ours.change(lambda _: changes)

    def read(self):
        pairs = (entry.decode().partition("=") for entry in self.ours.read().entries)
        return {name: value for name, _, value in pairs if value}

    def their_reading(self):
        done = self._run("fw_printenv")
        pairs = (line.partition("=") for line in done.stdout.splitlines())
        return {name: value for name, _, value in pairs if value} if done.returncode == 0 else None

    def their_change(self, changes):
        lines = "".join(f"{name}={value or ''}\n" for name, value in changes.items())
        assert self._run("fw_setenv", "-s", "-", text=lines).returncode == 0

    def _run(self, tool, *words, text=""):
        return subprocess.run(
            [tool, "-c", str(self.config), *words],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.mark.parametrize("copies", [2, 1])
@given(
    start=st.dictionaries(names, values, min_size=1),
    steps=st.lists(st.dictionaries(names, st.none() | values, min_size=1), max_size=4),
    raised=st.tuples(flags, flags),
)
@settings(max_examples=60)
def test_both_write_in_turn_and_each_reads_the_other(copies, start, steps, raised):
    with TemporaryDirectory() as folder:
        board = Board(folder, copies)
        board.create(start)
        if copies > 1:
            board.set_flags(raised)
        expected = start
        for number, step in enumerate(steps):
            (board.change, board.their_change)[number % 2](step)
            expected = {k: v for k, v in {**expected, **step}.items() if v is not None}
            assert board.read() == expected
            assert board.their_reading() == expected


@pytest.mark.parametrize("first", [0, 1, 2, 127, 254, 255])
@pytest.mark.parametrize("second", [0, 1, 2, 127, 254, 255])
def test_both_take_the_same_copy_for_the_newer_one(first, second, tmp_path):
    board = Board(tmp_path)
    board.create({"x": "old"})
    board.change({"x": "new"})
    board.set_flags((first, second))
    assert board.read() == board.their_reading()


@pytest.mark.parametrize("copies", [2, 1])
def test_both_find_the_same_in_every_torn_write(copies, tmp_path):
    board = Board(tmp_path, copies)
    board.create({f"variable_{number}": "v" * 50 for number in range(50)})
    before = board.path.read_bytes()
    board.change({"variable_0": "longer than it was before" * 4})
    after = board.path.read_bytes()
    start = next(at for at in range(len(after)) if after[at] != before[at]) // SIZE * SIZE
    for sector in range(SIZE // 512 + 1):
        torn = start + sector * 512
        board.path.write_bytes(after[:torn] + before[torn:])
        try:
            ours = board.read()
        except BootControlError:
            ours = None
        assert ours == board.their_reading()


def test_a_device_of_which_debian_s_tools_are_told_by_the_same_file_is_provisioned(tmp_path):
    board = Board(tmp_path)
    board.create({"bootcmd": "run distro_bootcmd"})
    board.their_change({"ethaddr": "52:54:00:12:34:56", "BOOT_ORDER": "A B"})
    from ota_client.bootcontrol.settings import BootSettings
    from ota_client.errors import ConfigError
    from ota_client.formats.strict import Fields

    table = Fields({"control": "u-boot", "fw_env_config": str(board.config)}, "boot", ConfigError)
    found = BootSettings.read(table, lambda name: Path(table.text(name)))
    found.open(DiskStorage(), ("A", "B"), lambda: "A").provision("A")
    assert board.their_reading().items() >= {
        ("bootcmd", "run distro_bootcmd"),
        ("ethaddr", "52:54:00:12:34:56"),
        ("BOOT_ORDER", "A"),
        ("ratchet_good", "A"),
    }
