"""Debian's ``grub-emu``: the real GRUB as a program, over the image of a file system."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

FRAGMENT = Path(__file__).parents[2] / "integration" / "grub" / "ratchet.cfg"
TOOLS = {
    "grub-emu": "grub-emu",
    "grub-editenv": "grub-common",
    "grub-script-check": "grub-common",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "mformat": "mtools",
    "sfdisk": "fdisk",
}
SETS = ("ratchet_slot", "ratchet_args", "ratchet_next", "ratchet_next_args")
EMPTY = b"# GRUB Environment Block\n".ljust(1024, b"#")
MEBIBYTE = 1 << 20

Files = Mapping[str, bytes]


def needs(*tools: str) -> pytest.MarkDecorator:
    missing = sorted({TOOLS[tool] for tool in tools if shutil.which(tool) is None})
    return pytest.mark.skipif(bool(missing), reason=f"apt-get install {' '.join(missing)}")


@dataclass(frozen=True)
class Outcome:
    """What the fragment set, and what GRUB left in the file of tries."""

    sets: tuple[str, ...]
    tries: bytes | None


def run_fragment(folder: Path, cases: Sequence[Files], *, file_system: str = "ext4") -> list[Outcome]:
    """Let GRUB run the fragment over each case, all in one image; a case is the files of one folder."""
    tree = folder / "tree"
    for number, files in enumerate(cases):
        case = tree / f"case{number}"
        case.mkdir(parents=True)
        for name, data in {**files, "result.env": EMPTY}.items():
            (case / name).write_bytes(data)
    (tree / "grub").mkdir()
    (tree / "grub" / "ratchet.cfg").write_bytes(FRAGMENT.read_bytes())
    (tree / "grub" / "grub.cfg").write_text(script(len(cases)))
    image = make_image(folder / "disk.img", tree, file_system)
    emulate(folder, image)
    after = read_image(folder / "after", image, file_system)
    return [outcome(after / f"case{number}") for number in range(len(cases))]


def script(cases: int) -> str:
    return f"""
        for folder in {" ".join(f"case{number}" for number in range(cases))}; do
          set ratchet_dir=($root)/$folder
          source $prefix/ratchet.cfg
          save_env --file $ratchet_dir/result.env {" ".join(SETS)}
        done
        exit
    """


def outcome(case: Path) -> Outcome:
    text = (case / "result.env").read_text()
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert set(found) == set(SETS), "the fragment did not come to its end"
    tries = case / "ratchet-tries.env"
    return Outcome(tuple(found[name] for name in SETS), tries.read_bytes() if tries.exists() else None)


def emulate(folder: Path, disk: Path, *, root: str = "hd0") -> None:
    """Start GRUB from the disk's folder ``/grub``; returns when its configuration leaves it."""
    device_map = folder / "device.map"
    device_map.write_text(f"(hd0) {disk}\n")
    command = ["grub-emu", "-m", device_map, "-r", root, "-d", "/grub"]
    environment = {**os.environ, "TERM": "dumb"}
    subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=300,
        check=True,
    )


def make_image(image: Path, tree: Path, file_system: str) -> Path:
    image.touch()
    os.truncate(image, 64 * MEBIBYTE)
    if file_system == "ext4":
        # GRUB 2.06 cannot read what newer tools turn on
        quiet = ["mke2fs", "-q", "-t", "ext4", "-N", "16384", "-O", "^metadata_csum_seed,^orphan_file"]
        run(*quiet, "-d", tree, image)
    else:
        run("mformat", "-i", image, "-F", "::")
        run("mcopy", "-i", image, "-s", *tree.iterdir(), "::")
    return image


def read_image(folder: Path, image: Path, file_system: str) -> Path:
    folder.mkdir()
    if file_system == "ext4":
        run("debugfs", "-R", f"rdump / {folder}", image)
    else:
        run("mcopy", "-i", image, "-s", "-n", "::*", folder)
    return folder


def run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
