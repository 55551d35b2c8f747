"""dm-verity: where an image's hash tree lies, and the kernel arguments that carry its root hash.

The kernel checks each block of such an image against the tree as it reads it, and the tree against the
root hash. The manifest signs the root hash, the boot loader hands it to the kernel: what boots is what
was signed. The layout is ``veritysetup``'s: data, superblock, tree (cryptsetup's docs/on-disk-format
for verity; the kernel's admin-guide/device-mapper/verity).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from ota_client.formats.strict import Fields

BLOCK_BYTES: Final = 4096
DIGEST_BYTES: Final = 32
HASHES_A_BLOCK: Final = BLOCK_BYTES // DIGEST_BYTES
SYSTEMD_ARGUMENTS: Final = "roothash={root_hash} systemd.verity_root_options=hash-offset={hash_offset}"
_SECTORS_A_BLOCK: Final = BLOCK_BYTES // 512
_PLACEHOLDER: Final = re.compile(r"\{(\w*)\}", re.ASCII)
_TEMPLATE_LONGEST: Final = 1024


def tree_levels(data_blocks: int) -> tuple[int, ...]:
    """How many blocks each level of the hash tree has, the leaves first; none for a single block."""
    levels = []
    blocks = data_blocks
    while blocks > 1:
        blocks = -(-blocks // HASHES_A_BLOCK)
        levels.append(blocks)
    return tuple(levels)


@dataclass(frozen=True, slots=True)
class Verity:
    """An image's hash tree, of format 1: sha256, salted, blocks of 4096 bytes.

    Attributes:
        root_hash: in hexadecimal; with it, the whole image is known.
        salt: 32 bytes in hexadecimal, hashed before each block.
        data_blocks: the blocks before the superblock.
    """

    root_hash: str
    salt: str
    data_blocks: int

    @property
    def hash_offset(self) -> int:
        """Where the superblock begins, in bytes; the data ends there."""
        return self.data_blocks * BLOCK_BYTES

    @property
    def image_bytes(self) -> int:
        """The size of data, superblock and tree."""
        return (self.data_blocks + 1 + sum(tree_levels(self.data_blocks))) * BLOCK_BYTES


@dataclass(frozen=True, slots=True)
class VerityArguments:
    """The ``[verity]`` table: how the root hash gets to the kernel.

    Attributes:
        template: kernel arguments with placeholders in braces; by default systemd's. Empty: none.
    """

    template: str = SYSTEMD_ARGUMENTS

    @classmethod
    def read(cls, table: Fields) -> Self:
        """Take the settings from the ``[verity]`` table.

        Raises:
            ConfigError: the template is not printable ASCII, or has an unknown placeholder.
        """
        arguments = cls(
            table.given("arguments", lambda name: table.parsed(name, _parse), SYSTEMD_ARGUMENTS)
        )
        table.finish()
        return arguments

    def of(self, slot: str, trees: Iterable[tuple[str, Verity]]) -> str:
        """The kernel arguments for a slot: the template once for each image that has a tree."""
        filled = (_fill(self.template, _facts(slot, name, tree)) for name, tree in trees)
        return " ".join(filled).strip()


def _facts(slot: str, image: str, verity: Verity) -> dict[str, str]:
    return {
        "slot": slot,
        "image": image,
        "root_hash": verity.root_hash,
        "salt": verity.salt,
        "data_blocks": str(verity.data_blocks),
        "data_sectors": str(verity.data_blocks * _SECTORS_A_BLOCK),
        "hash_offset": str(verity.hash_offset),
        "hash_start": str(verity.data_blocks + 1),
    }


def _parse(template: str) -> str:
    if len(template) > _TEMPLATE_LONGEST or not (template.isascii() and template.isprintable()):
        raise ValueError(
            f"expected at most {_TEMPLATE_LONGEST} characters of printable ASCII, got {template[:80]!r}"
        )
    known = _facts("", "", Verity("", "", 0))
    unknown = [name for name in _PLACEHOLDER.findall(template) if name not in known]
    if unknown or set(_PLACEHOLDER.sub("", template)) & set("{}"):
        raise ValueError(f"expected placeholders of {{{'}, {'.join(known)}}}, got {template[:80]!r}")
    return template


def _fill(template: str, facts: dict[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: facts[match[1]], template)
