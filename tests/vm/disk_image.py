"""File systems and partitioned disks, made as plain files: no root rights, no mount, no loop device.

The same content gives the same bytes.
"""

import hashlib
import os
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MIB: Final = 1024 * 1024
_BUILT_AT: Final = "1700000000"
# U-Boot and GRUB read these ext4 file systems; they know none of the newer features
_FEATURES: Final = "^metadata_csum_seed,^orphan_file,^metadata_csum,^64bit"
_PIECE: Final = MIB


@dataclass(frozen=True, slots=True)
class Partition:
    """A named part of the disk; offset and size in bytes."""

    name: str
    offset: int
    size_bytes: int
    kind: str = "L"

    @property
    def end(self) -> int:
        """Where the next one may begin."""
        return self.offset + self.size_bytes


def make_ext4(image: Path, source: Path | None, size_bytes: int, *, label: str, journal: bool) -> None:
    """Write an ext4 file system that holds the folder ``source``.

    Args:
        image: the file; made or replaced.
        source: all its files will be root's; None for an empty file system.
        size_bytes: of the file system.
        label: its label; its UUID follows from it.
        journal: without one a file system that is never written has nothing to replay.
    """
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate(size_bytes)
    name = str(uuid.uuid5(uuid.NAMESPACE_DNS, label))
    extended = f"hash_seed={name},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0"
    features = _FEATURES if journal else f"{_FEATURES},^has_journal"
    command = ["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-O", features, "-L", label, "-U", name]
    command += ["-E", extended, *(("-J", "size=4") if journal else ()), "-m", "0"]
    command += [*(("-d", str(source)) if source else ()), str(image)]
    run(command, env={**os.environ, "E2FSPROGS_FAKE_TIME": _BUILT_AT})


def make_disk(disk: Path, partitions: tuple[Partition, ...], contents: Mapping[str, Path]) -> None:
    """Write a GPT disk; ``contents`` are files by partition name, the rest stays zero."""
    disk.unlink(missing_ok=True)
    with disk.open("wb") as file:
        file.truncate(partitions[-1].offset + partitions[-1].size_bytes + MIB)
    lines = ["label: gpt", f"label-id: {uuid.uuid5(uuid.NAMESPACE_DNS, 'disk')}"]
    for part in partitions:
        where = f"start={part.offset // 512},size={part.size_bytes // 512},type={part.kind}"
        lines.append(f"{where},name={part.name},uuid={uuid.uuid5(uuid.NAMESPACE_DNS, part.name)}")
    run(["sfdisk", "--quiet", str(disk)], text="\n".join(lines) + "\n")
    for part in partitions:
        if part.name in contents:
            copy_into(disk, part.offset, contents[part.name])


def copy_into(disk: Path, offset: int, content: Path) -> None:
    """Copy a file to a place on the disk, zeros left out: the disk stays sparse."""
    with content.open("rb") as source, disk.open("r+b") as target:
        while piece := source.read(_PIECE):
            if piece.count(0) != len(piece):
                target.seek(offset)
                target.write(piece)
            offset += len(piece)


def copy_disk(source: Path, target: Path) -> None:
    """Copy a sparse file."""
    run(["cp", "--sparse=always", "--reflink=auto", str(source), str(target)])


def sha256_of(disk: Path, offset: int, size_bytes: int) -> str:
    """The hash of a piece of the disk."""
    digest = hashlib.sha256()
    with disk.open("rb") as file:
        file.seek(offset)
        for start in range(0, size_bytes, _PIECE):
            digest.update(file.read(min(_PIECE, size_bytes - start)))
    return digest.hexdigest()


def run(command: list[str], *, text: str = "", env: Mapping[str, str] | None = None) -> str:
    """Run one of Debian's tools; its output, or an assertion with what it said."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}"
    return done.stdout
