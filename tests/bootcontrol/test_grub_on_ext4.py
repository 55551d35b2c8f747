"""On a mounted ext4, what is synced is where the real GRUB finds it, which replays no journal (D02)."""

import shutil
import subprocess
from pathlib import Path

import pytest
from grub_emulator import EMPTY, FRAGMENT, SETS, emulate, make_image, needs, outcome, read_image, run

from ota_client.bootcontrol.grub.control import GrubSettings
from ota_client.disk.storage import DiskStorage

pytestmark = [pytest.mark.system, needs("grub-emu", "mke2fs", "debugfs")]
CONFIG = f"source $prefix/ratchet.cfg\nsave_env --file $prefix/result.env {' '.join(SETS)}\nexit\n"


class Mounted:
    """A boot partition in an image, mounted."""

    def __init__(self, folder: Path, options: str) -> None:
        self.folder, self.image, self.place = folder, folder / "disk.img", folder / "mounted"
        tree = folder / "tree" / "grub"
        tree.mkdir(parents=True)
        (tree / "grub.cfg").write_text(CONFIG)
        (tree / "ratchet.cfg").write_bytes(FRAGMENT.read_bytes())
        (tree / "result.env").write_bytes(EMPTY)
        make_image(self.image, folder / "tree", "ext4")
        self.place.mkdir()
        command = ["mount", "-o", f"loop,{options}", self.image, self.place]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"loop mounts are not allowed here, run as root: {done.stderr.strip()}")

    def control(self, storage=None):
        settings = GrubSettings(self.place / "grub")
        return settings.open(storage or DiskStorage(), ("A", "B"), lambda: "A")

    def choice(self) -> tuple[str, ...]:
        """What GRUB starts after a cut now: of the medium alone, as no journal is replayed."""
        cut = self.folder / "cut"
        shutil.rmtree(cut, ignore_errors=True)
        cut.mkdir()
        shutil.copyfile(self.image, cut / "disk.img")
        emulate(cut, cut / "disk.img")
        return outcome(read_image(cut / "after", cut / "disk.img", "ext4") / "grub").sets


@pytest.fixture
def mounted(tmp_path, request):
    place = Mounted(tmp_path, getattr(request, "param", "defaults"))
    yield place
    run("umount", place.place)


class WithoutFlush(DiskStorage):
    def flush_journal(self, path):
        """Nothing: files and names were synced, that is, are in the journal."""


@pytest.mark.parametrize("mounted", ["defaults", "data=writeback", "nodelalloc,noatime"], indirect=True)
def test_grub_finds_each_transition_on_the_medium(mounted):
    control = mounted.control()
    control.provision("A")
    assert mounted.choice() == ("A", "", "", "")
    for number in range(3):
        arguments = f"roothash={number}{'f' * 60}"
        control.activate("B", arguments)
        assert mounted.choice() == ("B", arguments, "A", "")
        control.mark_good("B")
        assert mounted.choice() == ("B", arguments, "A", "")
        control.set_unbootable("B")
        assert mounted.choice() == ("A", "", "", "")


def test_without_the_flush_grub_does_not_find_the_files(mounted):
    mounted.control(WithoutFlush()).provision("A")
    assert mounted.choice() == ("", "", "", "")
