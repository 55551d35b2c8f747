"""dm-verity: an image and its hash tree in one file, byte for byte as ``veritysetup`` makes it."""

import hashlib
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from struct import Struct
from tempfile import TemporaryFile
from typing import BinaryIO, Final
from uuid import UUID

from ota_client.errors import PayloadError
from ota_client.verity import BLOCK_BYTES, DIGEST_BYTES, Verity, tree_levels
from signing.image_file import open_image, read_pieces, zeros

_PIECE_BYTES: Final = 1024 * 1024
# magic, version, hash type, uuid, algorithm, data and hash block size, data blocks, salt size, salt;
# the integers little-endian (cryptsetup, struct verity_sb)
_SUPERBLOCK = Struct("<8sII16s32sIIQH6x256s168x")
_FORMAT: Final = 1

Progress = Callable[[int, int], None]


class HashTree:
    """The tree over blocks that come in order; memory holds one block of each level.

    Args:
        file: where the levels go, the root's first; written from ``offset`` on.
        offset: in bytes.
        data_blocks: how many there will be.
        salt: hashed before each block.
    """

    def __init__(self, file: BinaryIO, offset: int, *, data_blocks: int, salt: bytes) -> None:
        self._file = file
        self._salted = hashlib.sha256(salt)
        self._zero_digest = self._digest(zeros(BLOCK_BYTES))
        levels = tree_levels(data_blocks)
        starts = accumulate(reversed(levels), initial=0)
        self._at = [offset + start * BLOCK_BYTES for start in starts][: len(levels)][::-1]
        self._hashes = [bytearray() for _ in levels]
        self._root = b""

    def add(self, piece: bytes) -> None:
        """Take some whole blocks."""
        if piece == zeros(len(piece)):
            for _ in range(len(piece) // BLOCK_BYTES):
                self._put(0, self._zero_digest)
            return
        view = memoryview(piece)
        for start in range(0, len(piece), BLOCK_BYTES):
            self._put(0, self._digest(view[start : start + BLOCK_BYTES]))

    def finish(self) -> bytes:
        """Write what is left, after the last block; returns the root hash."""
        for level, hashes in enumerate(self._hashes):
            if hashes:
                self._flush(level)
        return self._root

    def _put(self, level: int, digest: bytes) -> None:
        if level == len(self._hashes):
            self._root = digest
            return
        self._hashes[level] += digest
        if len(self._hashes[level]) == BLOCK_BYTES:
            self._flush(level)

    def _flush(self, level: int) -> None:
        block = bytes(self._hashes[level]).ljust(BLOCK_BYTES, b"\0")
        self._hashes[level].clear()
        self._file.seek(self._at[level])
        _write_all(self._file, block)
        self._at[level] += BLOCK_BYTES
        self._put(level + 1, self._digest(block))

    def _digest(self, block: bytes | memoryview) -> bytes:
        digest = self._salted.copy()
        digest.update(block)
        return digest.digest()


def add_hash_tree(image: Path, file: Path, *, name: str, progress: Progress | None = None) -> Verity:
    """Write an image, padded to whole blocks, and its hash tree into a new file.

    Salt and UUID follow from ``name`` and the content, so that a build can be repeated.

    Args:
        image: a file or a block device.
        file: the new file; the caller removes it, also after an error.
        name: of the image, unlike any other.
        progress: called with the bytes done and the bytes in all; each is read twice.

    Raises:
        ConfigError: the image is missing or empty, or changes while it is read.
        OSError: the disk is full, say.
    """
    with open_image(image) as (source, image_bytes), file.open("x+b", buffering=0) as copy:
        padded_bytes = -(-image_bytes // BLOCK_BYTES) * BLOCK_BYTES

        def told(pieces: Iterator[bytes], done: int) -> Iterator[bytes]:
            for piece in pieces:
                yield piece
                done += len(piece)
                if progress is not None:
                    progress(done, image_bytes + padded_bytes)

        digest = _copy(told(read_pieces(source, image_bytes, _PIECE_BYTES), 0), copy, padded_bytes)
        salt = hashlib.sha256(f"ratchet verity {name}\0".encode() + digest).digest()
        data_blocks = padded_bytes // BLOCK_BYTES
        tree = HashTree(copy, padded_bytes + BLOCK_BYTES, data_blocks=data_blocks, salt=salt)
        # the copy is read, not the image: the tree must be of the bytes that devices get
        for piece in told(read_pieces(copy, padded_bytes, _PIECE_BYTES), image_bytes):
            tree.add(piece)
        copy.seek(padded_bytes)
        _write_all(copy, superblock(data_blocks, salt))
        return Verity(tree.finish().hex(), salt.hex(), data_blocks)


class TreeCheck:
    """Whether an image that comes in order ends in the very tree that its root hash stands for.

    Args:
        image: its name, for the error.
        verity: what the manifest says of it.
    """

    def __init__(self, image: str, verity: Verity) -> None:
        self._image, self._verity = image, verity
        self._data_left = verity.hash_offset
        # as large as the tree, which is 1 % of the image: no matter for memory
        self._expected = TemporaryFile()  # noqa: SIM115 closed by finish
        salt = bytes.fromhex(verity.salt)
        self._expected.write(superblock(verity.data_blocks, salt))
        self._tree = HashTree(self._expected, BLOCK_BYTES, data_blocks=verity.data_blocks, salt=salt)

    def add(self, piece: bytes) -> None:
        """Take the image's next bytes, whole blocks.

        Raises:
            PayloadError: the root hash or the tree is another one.
        """
        data, rest = piece[: self._data_left], piece[self._data_left :]
        if data:
            self._tree.add(data)
            self._data_left -= len(data)
            if not self._data_left:
                self._check_root()
        if rest and self._expected.read(len(rest)) != rest:
            raise PayloadError(f"image {self._image}: expected the hash tree of its data, got another")

    def close(self) -> None:
        """Remove the temporary file."""
        self._expected.close()

    def _check_root(self) -> None:
        root_hash = self._tree.finish().hex()
        if root_hash != self._verity.root_hash:
            raise PayloadError(
                f"image {self._image}: expected the manifest's root hash {self._verity.root_hash}, got "
                f"{root_hash}"
            )
        self._expected.seek(0)


def superblock(data_blocks: int, salt: bytes) -> bytes:
    """The block before the tree."""
    uuid = UUID(bytes=salt[:16], version=4).bytes
    packed = _SUPERBLOCK.pack(
        b"verity\0\0",
        _FORMAT,
        _FORMAT,
        uuid,
        b"sha256",
        BLOCK_BYTES,
        BLOCK_BYTES,
        data_blocks,
        DIGEST_BYTES,
        salt,
    )
    return packed.ljust(BLOCK_BYTES, b"\0")


def _copy(pieces: Iterator[bytes], copy: BinaryIO, padded_bytes: int) -> bytes:
    digest = hashlib.sha256()
    copy.truncate(padded_bytes)
    for piece in pieces:
        digest.update(piece)
        if piece == zeros(len(piece)):
            copy.seek(len(piece), 1)
        else:
            _write_all(copy, piece)
    return digest.digest()


def _write_all(file: BinaryIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
