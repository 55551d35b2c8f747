"""cryptsetup's own tool makes the same tree, and accepts ours. Needs no kernel support and no root."""

import os
import random
import shutil
import subprocess
from uuid import UUID

import pytest

from ota_client.verity import BLOCK_BYTES
from signing.verity import add_hash_tree

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        shutil.which("veritysetup") is None, reason="install Debian's cryptsetup-bin (make packages)"
    ),
]


def veritysetup(*words):
    return subprocess.run(["veritysetup", *map(str, words)], capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    "size_bytes",
    [
        1,
        BLOCK_BYTES,
        *(blocks * BLOCK_BYTES for blocks in (2, 127, 128, 129)),
        128 * BLOCK_BYTES + 1,
        *(blocks * BLOCK_BYTES for blocks in (128**2 - 1, 128**2, 128**2 + 1)),
    ],
)
def test_the_tree_is_the_one_that_veritysetup_makes(size_bytes, tmp_path):
    image = tmp_path / "image"
    image.write_bytes(random.Random(size_bytes).randbytes(size_bytes))
    compare(image, tmp_path)


def test_the_tree_over_a_large_sparse_image_is_the_same_and_quickly_made(tmp_path):
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(1536 * 1024 * 1024)
        for offset in (0, 700 * 1024 * 1024 + 5, 1536 * 1024 * 1024 - 7):
            file.seek(offset)
            file.write(b"content")
    compare(image, tmp_path)
    assert (tmp_path / "ours").stat().st_blocks * 512 < 64 * 1024 * 1024


def compare(image, folder):
    ours, theirs = folder / "ours", folder / "theirs"
    made = add_hash_tree(image, ours, name="gateway/1.0.0/rootfs")
    subprocess.run(["cp", "--sparse=always", image, theirs], check=True)
    os.truncate(theirs, made.hash_offset)
    options = (f"--data-blocks={made.data_blocks}", f"--hash-offset={made.hash_offset}")
    uuid = UUID(bytes=bytes.fromhex(made.salt)[:16], version=4)
    told = veritysetup(
        "format", f"--salt={made.salt}", f"--uuid={uuid}", *options, theirs, theirs
    ).stdout
    assert f"Root hash:      \t{made.root_hash}" in told
    subprocess.run(["cmp", ours, theirs], check=True)
    veritysetup("verify", f"--hash-offset={made.hash_offset}", ours, ours, made.root_hash)
